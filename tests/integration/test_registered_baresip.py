"""A baresip that is registered at a Kamailio over TLS, and called through it."""

from __future__ import annotations

from twisted.names import dns

from tests.integration.baresip import AnswerMode, Baresip
from tests.integration.name_servers import LocalNameServer
from tests.integration.peer_case import only
from tests.integration.peers import DOMAIN, HOST, Kamailio, wait_until
from tests.integration.proxies import ProxyCase, written_by


class RegisteredBaresipTests(ProxyCase):
    """TLS and digest on both sides of Kamailio."""

    transport = "TLS"
    programs = ("kamailio", "baresip")

    async def registered(self, answer: AnswerMode = "auto") -> tuple[Kamailio, Baresip]:
        """The registrar, and the phone as soon as it is registered there."""
        kamailio = await self.registrar()
        # It finds Kamailio by name when it speaks first in a call.
        names = LocalNameServer(self.reactor, {DOMAIN: [dns.Record_A(HOST, 60)]})
        self.addCleanup(names.stop)
        phone = Baresip(
            self.folder / "baresip",
            "tcp",
            answer,
            registrar=kamailio,
            name_server=names.address,
        )
        self.addCleanup(phone.stop)
        self.phones.append(phone)
        await wait_until(
            self.clock,
            lambda: phone.is_ready and bool(phone.received("200 REGISTER")),
            lambda: phone.output + kamailio.output,
        )
        return kamailio, phone

    def check_secure(self, phone: Baresip) -> None:
        """Whatever has come to the phone has come over TLS all the way."""
        for message in phone.received():
            for via in message.get_all("Via"):
                self.assertTrue(via.startswith("SIP/2.0/TLS "), message)

    async def test_call(self) -> None:
        """We call, hold the call, take it back, and hang up."""
        kamailio, phone = await self.registered()
        service = self.alice(kamailio)
        session = await service.call("sip:bob@localhost")
        await self.until_acknowledged(phone)
        self.assertTrue(phone.is_in_call)
        await session.hold()
        await session.resume()
        await session.bye()
        self.check(phone, *("INVITE", "ACK") * 3, "BYE")
        self.assertFalse(phone.is_in_call)
        self.check_secure(phone)
        directions = [invite.direction for invite in phone.received("INVITE")]
        self.assertEqual(directions, ["sendrecv", "sendonly", "sendrecv"])
        lines = written_by(kamailio)
        self.assertEqual(lines[-1], "passed INVITE 2 by MD5 as alice in localhost")
        self.assertEqual(
            [line.split()[:2] for line in lines],
            [
                ["challenged", "REGISTER"],
                ["passed", "REGISTER"],
                ["challenged", "INVITE"],
                ["passed", "INVITE"],
            ],
        )

    async def test_it_hangs_up(self) -> None:
        """Its re-INVITE and its BYE reach us over our own connection."""
        kamailio, phone = await self.registered()
        service = self.alice(kamailio)
        session = await service.call("sip:bob@localhost")
        await self.until_acknowledged(phone)
        phone.hold()
        await self.until(lambda: session.is_held_by_peer)
        phone.hang_up()
        self.assertEqual((await session.ended).by, "remote")
        await self.until(lambda: bool(phone.received("200 BYE")))
        self.assertEqual(only(phone, "INVITE").cseq, 2)

    async def test_command(self) -> None:
        """`sipuac call` of a phone that rings; it refuses."""
        kamailio, phone = await self.registered("manual")
        program = self.sipuac(
            *("call", "sip:bob@localhost", "--tls-ca", str(kamailio.ca_file)),
            *("--proxy", kamailio.uri("TLS"), "--json"),
        )
        await self.until(lambda: bool(phone.sent("180 INVITE")))
        phone.hang_up()
        printed = await self.ended(program, 3)
        self.assertIn('"error": "Busy"', printed)
        self.check(phone, "INVITE", "ACK")

    async def test_sips(self) -> None:
        """TLS on each hop; our own Contact is a sips URI too (3261-8.1.1.8-b)."""
        kamailio, phone = await self.registered()
        session = await self.alice(kamailio).call("sips:bob@localhost")
        await self.until_acknowledged(phone)
        await session.bye()
        self.check(phone, "INVITE", "ACK", "BYE")
        self.assertIn("<sips:alice@", only(phone, "INVITE").get("Contact"))
        self.check_secure(phone)
