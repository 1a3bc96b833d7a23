"""Calls over IPv6 on loopback, through a Kamailio that challenges."""

from __future__ import annotations

from unittest import SkipTest

from sipuac.service.inviter_service import InviterService
from tests.integration.loopback import has_ipv6
from tests.integration.peer_case import only
from tests.integration.peers import Phone, ready
from tests.integration.proxies import ProxyCase
from tests.integration.scenarios import Behaviour
from tests.integration.steps import Take

LOOPBACK = "::1"


class Ipv6Case(ProxyCase):
    """Everybody is at ::1."""

    def setUp(self) -> None:
        """Skip where there is no IPv6."""
        super().setUp()
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")

    def callee(self, behaviour: Behaviour) -> Phone:
        """A phone that Kamailio reaches over our transport."""
        phone = Phone(
            behaviour, self.transport.lower(), self.folder / "phone", LOOPBACK
        )
        self.addCleanup(phone.stop)
        self.phones.append(phone)
        return phone

    async def start_proxy(self) -> None:
        """The proxy is ready, and the phones."""
        self.one = self.proxy("challenger.cfg", "one", IPV6="")
        await ready(self.clock, self.one, *self.phones)

    @property
    def proxy_uri(self) -> str:
        """Its URI, over our transport."""
        return f"sip:[::1]:{self.one.port};transport={self.transport.lower()};lr"

    def target(self, phone: Phone) -> str:
        """The phone's URI."""
        return f"sip:phone@[::1]:{phone.port};transport={phone.transport}"

    def ipv6_service(self) -> InviterService:
        """Alice, at ::1."""
        return self.alice(None, bind=LOOPBACK, proxy=self.proxy_uri)


class UdpTests(Ipv6Case):
    """UDP all the way."""

    async def test_call(self) -> None:
        """A call, challenged, changed and ended by us; all addresses are IPv6."""
        phone = self.callee(Behaviour(talk=(Take("INVITE", direction="recvonly"),)))
        await self.start_proxy()
        service = self.ipv6_service()
        session = await service.call(self.target(phone))
        await session.hold()
        await self.until(lambda: len(phone.received("ACK")) == 2)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "BYE")
        invite = phone.received("INVITE")[0]
        vias = invite.get_all("Via")
        self.assertTrue(vias[1].startswith(f"SIP/2.0/{self.transport} [::1]:"), vias)
        self.assertIn("@[::1]:", invite.get("Contact"))
        self.assertIn("c=IN IP6 ::1", invite.body)
        self.assertIn("c=IN IP6 ::1", session.remote_sdp)
        self.check_no_complaints()

    async def test_callee_hangs_up(self) -> None:
        """The callee's BYE finds our Contact through the proxy."""
        phone = self.callee(Behaviour(hangs_up_after=0.2))
        await self.start_proxy()
        session = await self.ipv6_service().call(self.target(phone))
        self.assertEqual((await session.ended).by, "remote")
        await self.until(lambda: bool(phone.received("200 BYE")))
        self.assertEqual(only(phone, "INVITE").cseq, 2)
        self.check_no_complaints()

    async def test_command(self) -> None:
        """`sipuac call` to an IPv6 address, told nothing else about that."""
        phone = self.callee(Behaviour())
        await self.start_proxy()
        program = self.sipuac(
            *("call", self.target(phone), "--proxy", self.proxy_uri),
            *("--duration", "0.2"),
        )
        await self.ended(program)
        self.check(phone, "INVITE", "ACK", "BYE")


class TcpTests(UdpTests):
    """TCP all the way."""

    transport = "TCP"
