"""Two Kamailios in a chain, each of which challenges whatever Alice sends."""

from __future__ import annotations

import re

from twisted.internet.task import deferLater

from tests.integration.peer_case import only
from tests.integration.peers import HOST, Callee, Kamailio, ready
from tests.integration.proxies import ProxyCase, written_by
from tests.integration.scenarios import Behaviour
from tests.integration.steps import Take


def requests_at(kamailio: Kamailio) -> list[tuple[str, str, int]]:
    """What the proxy did with each request: its verdict, the method, the CSeq."""
    lines = [line.split() for line in written_by(kamailio)]
    return [(verdict, method, int(cseq)) for verdict, method, cseq, *_ in lines]


def credentials(line: str) -> dict[str, dict[str, str]]:
    """The parameters of the credentials in a line, by realm."""
    found = {}
    for one in line.split("Digest ")[1:]:
        parameters = {
            name: quoted or plain
            for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([\w-]+))', one)
        }
        found[parameters["realm"]] = parameters
    return found


class ProxyChainTests(ProxyCase):
    """Realms of their own, and algorithms of their own."""

    async def chain(self, nonce_seconds: str = "300") -> None:
        """Both are ready, and the phones."""
        self.second = self.proxy(
            "challenger.cfg", "two", ALGORITHM="SHA-256", NONCE_SECONDS=nonce_seconds
        )
        next_hop = f"sip:{HOST}:{self.second.port}"
        self.first = self.proxy(
            "challenger.cfg", "one", NEXT=next_hop, NONCE_SECONDS=nonce_seconds
        )
        await ready(self.clock, self.first, self.second, *self.phones)

    def target(self, phone: Callee) -> str:
        """The URI of this phone itself."""
        return f"sip:phone@{HOST}:{phone.port};transport={phone.transport}"

    def check_realms(self) -> None:
        """Each has let pass what had credentials for its own realm.

        No nonce was used twice with the same count (RFC 7616 section 3.4.5).
        """
        for proxy, realm, algorithm in (
            (self.first, "one", "MD5"),
            (self.second, "two", "SHA-256"),
        ):
            used = []
            for line in written_by(proxy):
                if line.startswith("passed"):
                    ours = credentials(line)[realm]
                    self.assertEqual(ours["algorithm"], algorithm)
                    self.assertEqual(ours["username"], "alice")
                    used.append((ours["nonce"], ours["nc"]))
            self.assertEqual(len(used), len(set(used)), used)

    def check_phone(self, phone: Callee, *methods: str) -> None:
        """It got these requests, CSeq rising, and no credentials that were consumed.

        "The ACK MUST contain the same credentials as the INVITE" (13.2.2.4), and no
        proxy has asked for those.
        """
        self.check(phone, *methods)
        requests = [m for m in phone.received() if m.kind not in ("ACK", "CANCEL")]
        numbers = [message.cseq for message in requests]
        self.assertEqual(numbers, sorted(set(numbers)), self.transcript())
        for message in requests:
            self.assertEqual(message.get("Proxy-Authorization"), "", message)
        for message in phone.received("ACK"):
            if message.cseq in [answer.cseq for answer in phone.sent("200 INVITE")]:
                realms = re.findall(r'realm="(\w+)"', str(message.headers))
                self.assertEqual(realms, ["one", "two"], message)
        self.check_no_complaints()

    async def test_call(self) -> None:
        """INVITE, re-INVITE and BYE pass both; only the first INVITE is challenged.

        RFC 3261 22.3: "When multiple proxies are used in a chain, a Proxy-Authorization
        header field value MUST NOT be consumed by any proxy whose realm does not match
        the realm parameter": the requests carry both (3261-22.3-a, 3261-22.3-b).
        """
        phone = self.phone(Behaviour(talk=(Take("INVITE", direction="recvonly"),)))
        await self.chain()
        service = self.alice(self.first)
        session = await service.call(self.target(phone))
        await session.hold()
        self.assertTrue(session.is_held)
        await self.until(lambda: len(phone.received("ACK")) == 2)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_phone(phone, "INVITE", "ACK", "INVITE", "ACK", "BYE")
        self.assertEqual(phone.received("INVITE")[1].direction, "sendonly")
        self.assertEqual(only(phone, "BYE").cseq, 5)
        self.assertEqual(
            requests_at(self.first),
            [
                ("challenged", "INVITE", 1),
                ("passed", "INVITE", 2),
                ("passed", "INVITE", 3),
                ("passed", "INVITE", 4),
                ("passed", "BYE", 5),
            ],
        )
        self.assertEqual(
            requests_at(self.second),
            [
                ("challenged", "INVITE", 2),
                ("passed", "INVITE", 3),
                ("passed", "INVITE", 4),
                ("passed", "BYE", 5),
            ],
        )
        self.check_realms()

    async def test_old_nonces(self) -> None:
        """Nonces that are too old for both proxies: each sends a new one, and what
        changes the call and ends it goes through all the same.
        """
        phone = self.phone(Behaviour(talk=(Take("INVITE", direction="recvonly"),)))
        await self.chain(nonce_seconds="1")
        service = self.alice(self.first)
        session = await service.call(self.target(phone))
        await deferLater(self.clock, 2.1)
        await session.hold()
        await deferLater(self.clock, 2.1)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_phone(phone, "INVITE", "ACK", "INVITE", "ACK", "BYE")
        self.assertEqual(
            requests_at(self.first)[3:],
            [
                ("challenged", "INVITE", 4),
                ("passed", "INVITE", 5),
                ("passed", "INVITE", 6),
                ("challenged", "BYE", 7),
                ("passed", "BYE", 8),
                ("passed", "BYE", 9),
            ],
        )
        self.assertEqual(
            requests_at(self.second)[2:],
            [
                ("challenged", "INVITE", 5),
                ("passed", "INVITE", 6),
                ("challenged", "BYE", 8),
                ("passed", "BYE", 9),
            ],
        )
        self.check_realms()

    async def test_cancelled(self) -> None:
        """A CANCEL is not challenged; it carries the credentials of its INVITE."""
        phone = self.phone(Behaviour(final=None))
        await self.chain()
        program = self.sipuac(
            *("call", self.target(phone), "--proxy", self.first.uri("TCP")),
            *("--cancel-after", "0.6"),
        )
        await self.ended(program)
        self.check_phone(phone, "INVITE", "CANCEL", "ACK")
        self.check_realms()
