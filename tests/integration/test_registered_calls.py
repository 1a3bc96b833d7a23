"""Calls to phones that are registered at a Kamailio that challenges everybody."""

from __future__ import annotations

import json

from sipuac.errors import AuthenticationFailed
from sipuac.ua.credentials import Credentials
from tests.integration.peer_case import only
from tests.integration.peers import HOST, Kamailio
from tests.integration.proxies import ProxyCase, written_by
from tests.integration.scenarios import Behaviour


class RegisteredCallTests(ProxyCase):
    """A phone registers, and Alice calls it by its address-of-record."""

    def passed(self, kamailio: Kamailio, algorithm: str, user: str = "alice") -> None:
        """The proxy has challenged the first INVITE of Alice, and let the next pass."""
        invites = [line for line in written_by(kamailio) if " INVITE " in line]
        self.assertEqual(
            invites,
            [
                f"challenged INVITE 1 over {self.transport.lower()} of <null>",
                f"passed INVITE 2 by {algorithm} as {user} in localhost",
            ],
            kamailio.output,
        )

    async def test_md5(self) -> None:
        """REGISTER of a SIPp and our INVITE, both with MD5; `sipuac call`."""
        phone = self.phone(Behaviour())
        kamailio = await self.registrar()
        await self.register(kamailio, "bob", phone)
        program = self.sipuac(
            *("call", "sip:bob@localhost", "--proxy", kamailio.uri("UDP")),
            *("--duration", "0.2", "--ladder"),
        )
        printed = await self.ended(program)
        self.check(phone, "INVITE", "ACK", "BYE")
        self.passed(kamailio, "MD5")
        # What is for the proxy is not for the phone.
        self.assertEqual(only(phone, "INVITE").get("Proxy-Authorization"), "")
        self.assertEqual(only(phone, "INVITE").cseq, 2)
        self.assertEqual(only(phone, "BYE").cseq, 3)
        self.assertIn("407 Proxy Authentication Required: tried again", printed)
        self.check_no_complaints()

    async def test_sha_256(self) -> None:
        """`sipuac register` binds it and `sipuac call` calls it, both with SHA-256."""
        phone = self.phone(Behaviour(), "tcp")
        kamailio = await self.registrar(ALGORITHM="SHA-256")
        contact = f"sip:phone@{HOST}:{phone.port};transport=tcp"
        registration = self.sipuac(
            *("register", "--proxy", kamailio.uri("TCP"), "--json"),
            *("--contact", contact),
            user="bob",
        )
        await registration.wait_for('"registered"')
        self.assertIn(contact, json.loads(registration.stdout)["contacts"])
        call = self.sipuac(
            *("call", "sip:bob@localhost", "--proxy", kamailio.uri("UDP")),
            *("--duration", "0.2", "--early-media"),
        )
        await self.ended(call)
        self.check(phone, "INVITE", "ACK", "BYE")
        self.passed(kamailio, "SHA-256")
        registration.send_signal("INT")
        await self.ended(registration, 130)
        registers = [line for line in written_by(kamailio) if " REGISTER " in line]
        self.assertEqual(
            registers,
            [
                "challenged REGISTER 1 over tcp of <null>",
                "passed REGISTER 2 by SHA-256 as bob in localhost",
                "passed REGISTER 3 by SHA-256 as bob in localhost",
            ],
        )
        self.check_no_complaints()

    async def test_wrong_password(self) -> None:
        """A password that the proxy does not know is sent once, and no phone rings."""
        phone = self.phone(Behaviour())
        kamailio = await self.registrar()
        await self.register(kamailio, "bob", phone)
        wrong = Credentials("alice", "another password")
        service = self.alice(kamailio, credentials=lambda *asked: wrong)
        failure = await self.failure_of(
            service.call("sip:bob@localhost"), AuthenticationFailed
        )
        self.assertEqual(failure.status, 407)
        lines = [line for line in written_by(kamailio) if " INVITE " in line]
        self.assertEqual(
            [line.split()[:3] for line in lines],
            [
                ["challenged", "INVITE", "1"],
                ["challenged", "INVITE", "2"],
            ],
        )
        self.assertEqual(phone.received(), [])
