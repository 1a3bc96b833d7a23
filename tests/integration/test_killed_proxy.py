"""A domain with two Kamailios, of which the first is killed, or does not want to."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.names import dns

from sipuac.service.inviter_service import InviterService
from sipuac.ua.session import Session
from tests.integration.name_servers import LocalNameServer
from tests.integration.peers import HOST, ready
from tests.integration.proxies import ProxyCase, written_by
from tests.integration.scenarios import Behaviour


class ClusterTests(ProxyCase):
    """Alice calls `sip:bob@cluster.example`, whose servers are in the DNS."""

    async def cluster(self, mode: str = "relay") -> None:
        """Both proxies are ready, and both know where Bob's phone is."""
        self.bob = self.phone(Behaviour(after=0.4))
        there = f"sip:{HOST}:{self.bob.port}"
        self.first = self.proxy("challenger.cfg", "one", MODE=mode, NEXT=there)
        self.second = self.proxy("challenger.cfg", "two", MODE="relay", NEXT=there)
        await ready(self.clock, self.first, self.second, self.bob)
        records: dict[str, list[Any]] = {
            f"_sip._{transport}.cluster.example": [
                dns.Record_SRV(order, 0, proxy.port, "host.example", 60)
                for order, proxy in enumerate((self.first, self.second))
            ]
            for transport in ("udp", "tcp")
        }
        records["host.example"] = [dns.Record_A(HOST, 60)]
        self.names = LocalNameServer(self.reactor, records)
        self.addCleanup(self.names.stop)

    def caller(self) -> InviterService:
        """Alice, without a proxy of her own."""
        return self.alice(None, nameservers=[self.names.address])

    @property
    def target(self) -> str:
        """Bob's URI."""
        return f"sip:bob@cluster.example;transport={self.transport.lower()}"

    def calls(self, service: InviterService, count: int) -> list[Deferred[Session]]:
        """So many calls at once."""
        return [service.call(self.target) for _ in range(count)]

    def proxies_of(self, call_id: str) -> list[int]:
        """The ports of the proxies that have brought INVITEs of this call to Bob."""
        ports: dict[int, None] = {}
        for invite in self.bob.received("INVITE"):
            if invite.get("Call-ID") == call_id:
                via, _, _ = invite.get("Via").partition(";")
                ports[int(via.rpartition(":")[2])] = None
        return list(ports)

    def rings(self, count: int) -> bool:
        """Whether Bob's phone rings or was answered for so many calls."""
        ringing = {one.get("Call-ID") for one in self.bob.sent("180 INVITE")}
        return len(ringing) >= count

    async def killed(self) -> None:
        """The first is killed with some calls answered, and others in its hands."""
        await self.cluster()
        service = self.caller()
        answered = await gatherResults(self.calls(service, 2))
        for session in answered:
            self.assertEqual(self.proxies_of(session.call_id), [self.first.port])
        # A call that rings through it, and others that it has not looked at.
        ringing = await service.invite(self.target)
        await self.until(lambda: self.rings(3))
        self.first.freeze()
        taken = self.calls(service, 4)
        await deferLater(self.clock, 0.3)
        self.assertFalse(self.rings(4))
        self.first.kill()
        sessions = await gatherResults(taken)
        # Those that come now know where to go.
        sessions += await gatherResults(self.calls(service, 2))
        for session in sessions:
            self.assertEqual(self.proxies_of(session.call_id), [self.second.port])
        # A callee that rings is not made to ring twice (3263-4.3-b); its answer may
        # still come over another connection.
        self.assertEqual(self.proxies_of(ringing.call_id), [self.first.port])
        everybody = {one.get("Call-ID") for one in self.bob.received("INVITE")}
        self.assertEqual(len(everybody), 2 + 1 + 4 + 2)
        # Those that it brought cannot be ended through it, and are over for us.
        began = self.clock.seconds()
        await gatherResults([session.bye() for session in [*answered, *sessions]])
        self.assertLess(self.clock.seconds() - began, 3)
        byes = {one.get("Call-ID") for one in self.bob.received("BYE")}
        self.assertEqual(byes, {session.call_id for session in sessions})


class KilledOverUdpTests(ClusterTests):
    """Retransmissions meet a closed port."""

    async def test_killed(self) -> None:
        """The second server takes what the first has not answered (3263-4.3-a)."""
        await self.killed()


class KilledOverTcpTests(ClusterTests):
    """The connection breaks."""

    transport = "TCP"

    async def test_killed(self) -> None:
        """The second server takes what the first has not answered (3263-4.3-a)."""
        await self.killed()


class UnavailableTests(ClusterTests):
    """503 with Retry-After."""

    async def test_left_alone(self) -> None:
        """To a server that has said 503 with Retry-After no other request is sent for
        that time (3261-21.5.4-a).
        """
        await self.cluster("unavailable")
        service = self.caller()
        sessions = await gatherResults(self.calls(service, 3))
        for _ in range(2):
            sessions += await gatherResults(self.calls(service, 1))
        for session in sessions:
            self.assertEqual(self.proxies_of(session.call_id), [self.second.port])
        self.assertEqual(written_by(self.first), ["refused INVITE 1"] * 3)
        await gatherResults([session.bye() for session in sessions])
        self.check_no_complaints()
