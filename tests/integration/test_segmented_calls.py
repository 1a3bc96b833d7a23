"""Whole calls through Kamailio over TCP that is cut into octets, or joined."""

from __future__ import annotations

from typing import Any

from sipuac.service.inviter_service import InviterService
from tests.integration.peers import HOST, Callee, ready
from tests.integration.proxies import ProxyCase
from tests.integration.scenarios import Behaviour
from tests.integration.segmenter import Segmenter
from tests.integration.steps import Ask, Take


class SegmentedCallTests(ProxyCase):
    """A relay between us and Kamailio cuts or joins what goes by (3261-18.3-d)."""

    async def caller(self, **cut: Any) -> InviterService:
        """Alice behind the relay; Kamailio challenges her."""
        self.relay = Segmenter(self.reactor, 0, **cut)
        self.addCleanup(self.relay.stop)
        # What comes later in the dialog comes by the relay too.
        advertise = f" advertise {HOST}:{self.relay.port}"
        kamailio = self.proxy("challenger.cfg", ADVERTISE=advertise)
        self.relay.target = kamailio.port
        await ready(self.clock, kamailio, *self.phones)
        proxy = f"sip:{HOST}:{self.relay.port};transport=tcp;lr"
        return self.alice(None, proxy=proxy)

    async def whole_call(self, **cut: Any) -> None:
        """A call with everything: digest, PRACK, changes by both, INFO, BYE."""
        phone = self.phone(
            Behaviour(
                provisionals=("183 Session Progress with SDP",),
                is_reliable=True,
                talk=(
                    Ask("INVITE", direction="sendonly"),
                    Take("INVITE", direction="inactive"),
                    Ask("INFO"),
                ),
            ),
            "tcp",
        )
        service = await self.caller(**cut)
        session = await service.call(self.target(phone))
        await self.until(lambda: session.is_held_by_peer)
        await session.hold()
        await self.until(lambda: bool(phone.received("200 INFO")))
        response = await session.request("INFO", body=b"")
        self.assertEqual(response.status, 200)
        await session.bye()
        self.check(phone, *("INVITE", "PRACK", "ACK", "INVITE", "ACK", "INFO", "BYE"))
        self.check_streams(service)

    async def test_one_octet_segments(self) -> None:
        """Every segment, in both directions, has one octet."""
        await self.whole_call(size=1)
        self.assertEqual(set(self.relay.writes), {1})
        self.assertGreater(len(self.relay.writes), 3000)

    async def test_odd_segments(self) -> None:
        """Segments that end wherever they may, in the middle of line ends too."""
        await self.whole_call(size=7)

    async def test_several_messages_in_a_segment(self) -> None:
        """What comes within a while comes at once: 100, 180, 183 and 200, and then a
        100 with a 200.
        """
        phone = self.phone(
            Behaviour(
                provisionals=("180 Ringing", "183 Session Progress with SDP"),
                after=0.05,
                talk=(Take("INVITE", direction="recvonly"),),
                hangs_up_after=0.1,
            ),
            "tcp",
        )
        service = await self.caller(gather=0.4)
        session = await service.call(self.target(phone), early_media=True)
        await session.hold()
        self.assertEqual((await session.ended).by, "remote")
        await self.until(lambda: bool(phone.received("200 BYE")))
        # The challenge, the call, the change, the BYE.
        self.assertEqual(len(self.relay.writes), 4, self.transcript())
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK")
        self.check_streams(service)

    def target(self, phone: Callee) -> str:
        """The phone's URI."""
        return f"sip:phone@{HOST}:{phone.port};transport={phone.transport}"

    def check_streams(self, service: InviterService) -> None:
        """All went over one connection, and nothing was misunderstood."""
        assert service.endpoint is not None
        counters = service.endpoint.transport.counters
        self.assertEqual((counters["malformed"], counters["framing-lost"]), (0, 0))
        self.assertEqual(counters["connections-opened"], 1)
        self.check_no_complaints()
