"""Calls to a baresip through Kamailio: a phone that nobody scripted.

Its own SIP trace is the verdict, and what it says of itself when it is asked.
"""

from __future__ import annotations

from sipuac.errors import Cancelled, RequestRejected
from tests.integration.baresip import AnswerMode, Baresip
from tests.integration.peer_case import PeerTestCase, only
from tests.integration.peers import HOST, free_port
from tests.integration.scenarios import EARLY_MEDIA, Behaviour


class BaresipScenarios(PeerTestCase):
    """All calls to it; a subclass for each transport runs them."""

    programs = ("kamailio", "sipp", "baresip")

    def target(self, *phones: Baresip) -> str:
        """A URI at which Kamailio rings them all."""
        return self.kamailio.target("parallel", *phones)

    def callee(self, answer: AnswerMode = "auto") -> Baresip:
        """A baresip over our own transport, so far as Kamailio can reach it so."""
        return self.baresip("udp" if self.transport == "UDP" else "tcp", answer)

    async def test_call(self) -> None:
        """It answers, says that it is in the call, and takes our BYE."""
        phone = self.callee()
        service = await self.start()
        session = await service.call(self.target(phone))
        await self.until_acknowledged(phone)
        self.assertTrue(phone.is_in_call)
        answer = phone.sent("200 INVITE")[0]
        self.assertEqual(only(phone, "ACK").to_tag, answer.to_tag)
        self.assertEqual(only(phone, "ACK").body, "")
        self.assertIn(f"m=audio {answer.media_port} ", session.remote_sdp)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "BYE")
        self.assertFalse(phone.is_in_call)

    async def test_it_hangs_up(self) -> None:
        """Its BYE reaches us through the proxy and gets 200."""
        phone = self.callee()
        service = await self.start()
        session = await service.call(self.target(phone))
        await self.until_acknowledged(phone)
        phone.hang_up()
        ended = await session.ended
        self.assertEqual(ended.by, "remote")
        await self.until(lambda: bool(phone.received("200 BYE")))
        self.check(phone, "INVITE", "ACK")

    async def test_early_media(self) -> None:
        """Its unreliable 183 starts our media; its 200 is the call."""
        phone = self.callee("early")
        service = await self.start()
        invitation = await service.invite(self.target(phone), early_media=True)
        await self.until(lambda: bool(phone.sent("183 INVITE")))
        early = phone.sent("183 INVITE")[0]
        await self.until(
            lambda: any(branch.has_media for branch in invitation.branches)
        )
        self.assertEqual(phone.methods(), ["INVITE"])
        phone.accept()
        session = await invitation.established
        await self.until_acknowledged(phone)
        self.assertTrue(phone.is_in_call)
        self.assertIn(f"m=audio {early.media_port} ", session.remote_sdp)
        await session.hangup()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "BYE")

    async def test_offerless(self) -> None:
        """It knows no 100rel, so its offer is in its 200, and our answer in the ACK."""
        phone = self.callee()
        service = await self.start()
        session = await service.call(self.target(phone), without_sdp=True)
        await self.until_acknowledged(phone)
        self.assertEqual(phone.received("INVITE")[0].body, "")
        offer = phone.sent("200 INVITE")[0]
        ack = only(phone, "ACK")
        self.assertEqual(ack.get("Content-Type"), "application/sdp")
        self.assertEqual(ack.direction, "sendrecv")
        self.assertGreater(ack.media_port, 0)
        self.assertIn(f"m=audio {offer.media_port} ", session.remote_sdp)
        # It has taken the answer: it would hang up otherwise.
        self.assertTrue(phone.is_in_call)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "BYE")

    async def test_offerless_while_it_rings(self) -> None:
        """The 180 before it makes no difference: still the ACK has our answer."""
        phone = self.callee("manual")
        service = await self.start()
        invitation = await service.invite(self.target(phone), without_sdp=True)
        await self.until(lambda: bool(phone.sent("180 INVITE")))
        phone.accept()
        session = await invitation.established
        await self.until_acknowledged(phone)
        self.assertGreater(only(phone, "ACK").media_port, 0)
        phone.hang_up()
        self.assertEqual((await session.ended).by, "remote")
        self.check(phone, "INVITE", "ACK")

    async def test_caller_cancels(self) -> None:
        """Our CANCEL stops its ringing: 487, acknowledged, and no call is left."""
        phone = self.callee("manual")
        service = await self.start()
        invitation = await service.invite(self.target(phone))
        await self.until(lambda: bool(phone.sent("180 INVITE")))
        invitation.cancel()
        await self.failure_of(invitation.established, Cancelled)
        await self.until_acknowledged(phone)
        self.check(phone, "INVITE", "CANCEL", "ACK")
        self.assertEqual(len(phone.sent("487 INVITE")), 1)
        self.assertFalse(phone.is_in_call)

    async def test_it_refuses(self) -> None:
        """Refused by its user, the call fails with what it says."""
        phone = self.callee("manual")
        service = await self.start()
        invitation = await service.invite(self.target(phone))
        await self.until(lambda: bool(phone.sent("180 INVITE")))
        phone.hang_up()
        failure = await self.failure_of(invitation.established, RequestRejected)
        await self.until_acknowledged(phone)
        [refusal] = [m for m in phone.sent() if m.kind.endswith("6 INVITE")]
        self.assertEqual(refusal.kind, f"{failure.status} INVITE")
        self.check(phone, "INVITE", "ACK")

    async def test_it_is_the_extra(self) -> None:
        """Our BYE on its early dialog ends its ringing: 200, and 487 to the INVITE."""
        desk = self.phone(Behaviour(EARLY_MEDIA, delay=0.2, after=0.6))
        phone = self.callee("manual")
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk, phone), early_media=True
        )
        await self.until_acknowledged(desk, phone)
        self.check(desk, "INVITE", "ACK")
        self.check(phone, "INVITE", "BYE", "ACK")
        self.assertEqual(only(phone, "BYE").to_tag, phone.sent("180 INVITE")[0].to_tag)
        self.assertEqual(len(phone.sent("200 BYE")), 1)
        self.assertEqual(len(phone.sent("487 INVITE")), 1)
        self.assertFalse(phone.is_in_call)
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check_no_complaints()

    async def test_it_is_probed(self) -> None:
        """It knows no UPDATE: OPTIONS shows that it lives; the newcomer is ended."""
        phone = self.callee("early")
        mobile = self.phone(Behaviour(EARLY_MEDIA, delay=0.3, final=None))
        service = await self.start()
        invitation = await service.invite(
            self.kamailio.target("parallel", phone, mobile),
            early_media=True,
            fork_hold=0.3,
        )
        await self.until(lambda: bool(mobile.sent("487 INVITE")))
        self.check(mobile, "INVITE", "BYE", "ACK")
        self.assertEqual(len(phone.received("OPTIONS")), 1)
        self.assertEqual(phone.received("UPDATE"), [])
        self.assertEqual(len(phone.sent("200 OPTIONS")), 1)
        phone.accept()
        session = await invitation.established
        await self.until_acknowledged(phone)
        self.check(phone, "INVITE", "ACK")
        self.assertTrue(phone.is_in_call)
        await session.hangup()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_options(self) -> None:
        """Asked by its OPTIONS, outside any call, we say what we can (11.2)."""
        phone = self.callee()
        port = free_port()
        await self.start(listen=[f"udp:{port}:interface={HOST}"])
        phone.ask_options(f"sip:caller@{HOST}:{port}")
        await self.until(lambda: bool(phone.received("200 OPTIONS")))
        answer = phone.received("200 OPTIONS")[0]
        self.assertIn("INVITE", answer.get("Allow"))
        self.assertIn("application/sdp", answer.get("Accept"))
