"""The calls that are placed over each transport, and what the phones must have seen.

Each test places a call with sipuac through Kamailio to SIPp phones and then looks into
the phones' own message logs. sipuac's leg is `transport`; Kamailio goes on to each
phone over UDP or TCP, so that most calls change transports on the way.
"""

from __future__ import annotations

from sipuac.errors import (
    AnswerTimeout,
    Busy,
    Cancelled,
    InviteForked,
    Redirected,
)
from sipuac.media.static import StaticMedia
from tests.integration.peer_case import PeerTestCase, only
from tests.integration.peers import Phone
from tests.integration.scenarios import EARLY_MEDIA, Behaviour


class CallScenarios(PeerTestCase):
    """All calls; a subclass for each transport runs them."""

    async def test_plain_call(self) -> None:
        """A call is placed, answered, acknowledged and hung up, over our transport."""
        phone = self.phone(Behaviour())
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await self.until(lambda: phone.methods()[-1] == "ACK")
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "BYE")
        invite, ack, bye = phone.received()
        self.assertTrue(
            invite.get_all("Via")[1].startswith(f"SIP/2.0/{self.transport}")
        )
        self.assertIn("m=audio", invite.body)
        self.assertEqual(ack.cseq, invite.cseq)
        self.assertGreater(bye.cseq, invite.cseq)
        answer = phone.sent("200 INVITE")[0]
        for request in (ack, bye):
            self.assertEqual(request.to_tag, answer.to_tag)
            self.assertEqual(request.from_tag, invite.from_tag)
            self.assertEqual(request.get("Call-ID"), invite.get("Call-ID"))
            # Both came through the proxy, which had asked for it by Record-Route.
            self.assertEqual(len(request.get_all("Via")), 2)
        self.assertIn(f"m=audio {phone.media_port} ", session.remote_sdp)
        self.check_no_complaints()

    async def test_callee_hangs_up(self) -> None:
        """The BYE of the callee reaches us through the proxy and gets 200."""
        phone = self.phone(Behaviour(hangs_up_after=0.1), "tcp")
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        ended = await session.ended
        await self.until(lambda: bool(phone.received("200 BYE")))
        self.check(phone, "INVITE", "ACK")
        self.assertEqual(ended.by, "remote")
        self.check_no_complaints()

    async def test_fork_without_early_media(self) -> None:
        """The proxy cancels the phone that has not answered; we send it nothing."""
        desk = self.phone(Behaviour(EARLY_MEDIA))
        mobile = self.phone(Behaviour(EARLY_MEDIA, final=None), "tcp")
        service = await self.start()
        session = await service.call(self.kamailio.target("parallel", desk, mobile))
        await self.until_acknowledged(desk, mobile)
        self.check(desk, "INVITE", "ACK")
        self.check(mobile, "INVITE", "CANCEL", "ACK")
        self.assertIn("Call completed elsewhere", only(mobile, "CANCEL").get("Reason"))
        self.assertEqual(len(mobile.sent("487 INVITE")), 1)
        self.assertEqual(mobile.received("INVITE")[0].get("Request-Disposition"), "")
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check(desk, "INVITE", "ACK", "BYE")
        self.check_no_complaints()

    async def test_fork_with_early_media(self) -> None:
        """Each extra gets a BYE on its own early dialog, while the first rings on."""
        desk = self.phone(Behaviour(EARLY_MEDIA, after=1.0))
        mobile = self.phone(Behaviour(EARLY_MEDIA, delay=0.2, final=None), "tcp")
        tablet = self.phone(Behaviour(delay=0.3, final=None))
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk, mobile, tablet), early_media=True
        )
        await self.until_acknowledged(desk)
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        answered_at = desk.sent("200 INVITE")[0].when
        self.check(desk, "INVITE", "ACK", "BYE")
        for extra, early in ((mobile, "183 INVITE"), (tablet, "180 INVITE")):
            self.check(extra, "INVITE", "BYE", "ACK")
            bye = only(extra, "BYE")
            self.assertLess(bye.when, answered_at, self.transcript())
            self.assertEqual(bye.to_tag, extra.sent(early)[0].to_tag)
            self.assertGreater(bye.cseq, extra.received("INVITE")[0].cseq)
            self.assertNotEqual(bye.get("Reason"), "")
            self.assertEqual(len(extra.sent("200 BYE")), 1)
            self.assertEqual(len(extra.sent("487 INVITE")), 1)
            disposition = extra.received("INVITE")[0].get("Request-Disposition")
            self.assertEqual(disposition, "no-fork")
        # Asked before the others were ended, because they came after it.
        probe = desk.received("UPDATE")[0]
        self.assertLess(probe.when, only(mobile, "BYE").when)
        self.assertEqual(probe.body, "")
        self.assertIn(f"m=audio {desk.media_port} ", session.remote_sdp)
        self.check_no_complaints()

    async def test_offerless_fork(self) -> None:
        """Each fork's reliable offer is answered in the PRACK of that fork."""
        desk = self.phone(Behaviour(EARLY_MEDIA, after=1.0, is_reliable=True))
        mobile = self.phone(
            Behaviour(EARLY_MEDIA, delay=0.2, final=None, is_reliable=True), "tcp"
        )
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk, mobile), without_sdp=True
        )
        await self.until_acknowledged(desk)
        await self.until(lambda: bool(mobile.received("ACK")))
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        for phone in (desk, mobile):
            self.assertEqual(phone.received("INVITE")[0].body, "")
            prack = only(phone, "PRACK")
            self.assertEqual(prack.to_tag, phone.sent("183 INVITE")[0].to_tag)
            self.assertEqual(prack.get("RAck"), "1 1 INVITE")
            self.assertIn("m=audio ", prack.body)
        self.check(desk, "INVITE", "PRACK", "ACK", "BYE")
        self.assertEqual(only(desk, "ACK").body, "")
        self.assertEqual(len(mobile.received("CANCEL")), 1)
        self.assertIn(f"m=audio {desk.media_port} ", session.remote_sdp)
        self.check_no_complaints()

    async def test_offerless_fork_at_once(self) -> None:
        """Both offers come in the same instant, and neither gets the other's answer."""
        desk = self.phone(
            Behaviour(EARLY_MEDIA, after=0.8, is_reliable=True, codec="PCMU")
        )
        mobile = self.phone(
            Behaviour(EARLY_MEDIA, final=None, is_reliable=True, codec="PCMA")
        )
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk, mobile), without_sdp=True
        )
        await self.until_acknowledged(desk, mobile)
        for phone, payload_type in ((desk, 0), (mobile, 8)):
            prack = only(phone, "PRACK")
            self.assertEqual(prack.to_tag, phone.sent("183 INVITE")[0].to_tag)
            self.assertRegex(prack.body, rf"m=audio \d+ RTP/AVP {payload_type}\n")
        self.assertIn(f"m=audio {desk.media_port} RTP/AVP 0", session.remote_sdp)
        self.assertIn("RTP/AVP 0\r\n", session.local_sdp)
        self.check(mobile, "INVITE", "PRACK", "CANCEL", "ACK")
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check(desk, "INVITE", "PRACK", "ACK", "BYE")
        self.check_no_complaints()

    async def test_offer_in_the_answer(self) -> None:
        """A phone without 100rel makes the offer in its 200; the ACK answers it."""
        desk = self.phone(Behaviour())
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk), without_sdp=True
        )
        await self.until_acknowledged(desk)
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check(desk, "INVITE", "ACK", "BYE")
        self.assertEqual(desk.received("INVITE")[0].body, "")
        self.assertIn("m=audio ", only(desk, "ACK").body)
        self.assertIn(f"m=audio {desk.media_port} ", session.remote_sdp)
        self.check_no_complaints()

    async def test_probe_by_options(self) -> None:
        """A phone without UPDATE is probed by OPTIONS; its 200 lets the extra end."""
        desk = self.phone(Behaviour(EARLY_MEDIA, after=1.2, has_update=False))
        mobile = self.phone(Behaviour(EARLY_MEDIA, delay=0.2, final=None))
        service = await self.start()
        session = await service.call(
            self.kamailio.target("parallel", desk, mobile),
            early_media=True,
            fork_hold=0.3,
        )
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check(desk, "INVITE", "ACK", "BYE")
        self.check(mobile, "INVITE", "BYE", "ACK")
        self.assertEqual(len(desk.received("OPTIONS")), 1)
        self.assertEqual(desk.received("UPDATE"), [])
        self.check_no_complaints()

    async def test_two_answers_at_once(self) -> None:
        """Of two 200s both are acknowledged, and the later one is hung up."""
        desk = self.phone(Behaviour(after=0.2))
        mobile = self.phone(Behaviour(final=None, answers_at_cancel=True), "tcp")
        service = await self.start()
        session = await service.call(self.kamailio.target("parallel", desk, mobile))
        await self.until(lambda: bool(mobile.sent("200 BYE")))
        # The one that was taken has not been touched.
        self.check(desk, "INVITE", "ACK")
        self.check(mobile, "INVITE", "CANCEL", "ACK", "BYE")
        for request in mobile.received("ACK") + mobile.received("BYE"):
            self.assertEqual(request.to_tag, mobile.sent("200 INVITE")[0].to_tag)
        await session.hangup()
        await self.until(lambda: bool(desk.sent("200 BYE")))
        self.check(desk, "INVITE", "ACK", "BYE")
        self.check_no_complaints()

    async def test_two_answers_in_the_same_instant(self) -> None:
        """Whoever wins, each 200 gets its ACK, and one of the two is hung up."""
        one, other = (
            self.phone(Behaviour(EARLY_MEDIA, after=0.2, answers_at_cancel=True))
            for _ in range(2)
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("parallel", one, other))

        def ended() -> list[Phone]:
            return [phone for phone in (one, other) if phone.sent("200 BYE")]

        await self.until(lambda: len(ended()) == 1)
        await self.until_acknowledged(one, other)
        self.assertEqual(len(ended()), 1, self.transcript())
        await session.hangup()
        await self.until(lambda: len(ended()) == 2)
        for phone in (one, other):
            self.assertEqual(phone.methods().count("BYE"), 1, self.transcript())

    async def test_serial_hunt_after_no_answer(self) -> None:
        """The second phone of a serial hunt is no fork: the first, asked, is gone."""
        first = self.phone(Behaviour(EARLY_MEDIA, final=None))
        second = self.phone(Behaviour(delay=0.1, after=0.5), "tcp")
        service = await self.start()
        session = await service.call(
            self.kamailio.target("serial", first, second), early_media=True
        )
        await self.until_acknowledged(second)
        self.check(second, "INVITE", "ACK")
        await session.hangup()
        await self.until(lambda: bool(second.sent("200 BYE")))
        self.check(second, "INVITE", "ACK", "BYE")
        self.check(first, "INVITE", "CANCEL", "ACK")
        # The probe that told us.
        self.assertEqual(len(first.sent("481 UPDATE")), 1, self.transcript())
        self.assertIn(f"m=audio {second.media_port} ", session.remote_sdp)
        self.check_no_complaints()

    async def test_serial_hunt_after_busy(self) -> None:
        """The same, where the first phone refuses after its announcement."""
        first = self.phone(Behaviour(EARLY_MEDIA, final="486 Busy Here", after=0.2))
        second = self.phone(Behaviour(EARLY_MEDIA, delay=0.1, after=0.5))
        service = await self.start()
        session = await service.call(
            self.kamailio.target("serial", first, second), early_media=True
        )
        await self.until_acknowledged(second)
        self.check(second, "INVITE", "ACK")
        await session.hangup()
        await self.until(lambda: bool(second.sent("200 BYE")))
        self.check(second, "INVITE", "ACK", "BYE")
        self.check(first, "INVITE", "ACK")
        self.assertEqual(len(first.sent("481 UPDATE")), 1, self.transcript())
        self.check_no_complaints()

    async def test_extra_answers_while_held(self) -> None:
        """An extra that answers before its BYE is sent takes the call and the media."""
        desk = self.phone(Behaviour(EARLY_MEDIA, final=None))
        mobile = self.phone(Behaviour((), delay=0.2, after=0.0), "tcp")
        service = await self.start(StaticMedia(kind="plain"))
        session = await service.call(
            self.kamailio.target("parallel", desk, mobile), early_media=True
        )
        await self.until_acknowledged(mobile)
        await self.until(lambda: bool(desk.sent("487 INVITE")))
        self.check(mobile, "INVITE", "ACK")
        # The proxy cancels it, and our BYE may come as well, before or after.
        self.assertIn("CANCEL", desk.methods(), self.transcript())
        await session.hangup()
        await self.until(lambda: bool(mobile.sent("200 BYE")))
        self.check(mobile, "INVITE", "ACK", "BYE")
        self.assertIn(f"m=audio {mobile.media_port} ", session.remote_sdp)

    async def test_extra_answers_and_media_cannot_move(self) -> None:
        """Where media cannot move, the extra's 200 gets ACK and BYE; the call fails."""
        desk = self.phone(Behaviour(EARLY_MEDIA, final=None))
        mobile = self.phone(Behaviour((), delay=0.2, after=0.0), "tcp")
        service = await self.start(StaticMedia(kind="single-answer"))
        call = service.call(
            self.kamailio.target("parallel", desk, mobile),
            early_media=True,
            fork_grace=0.5,
        )
        await self.failure_of(call, InviteForked)
        await self.until(
            lambda: bool(mobile.sent("200 BYE") and desk.sent("487 INVITE"))
        )
        self.check(mobile, "INVITE", "ACK", "BYE")
        self.assertIn("CANCEL", desk.methods(), self.transcript())

    async def test_extra_answer_crosses_our_bye(self) -> None:
        """An extra whose 200 crosses the BYE on its early dialog gets its ACK."""
        desk = self.phone(Behaviour(EARLY_MEDIA, final=None))
        mobile = self.phone(
            Behaviour(EARLY_MEDIA, delay=0.2, final=None, answers_at_bye=True)
        )
        service = await self.start()
        call = service.call(
            self.kamailio.target("parallel", desk, mobile),
            early_media=True,
            fork_grace=0.5,
        )
        await self.failure_of(call, InviteForked)
        await self.until_acknowledged(mobile)
        await self.until(lambda: bool(desk.sent("487 INVITE")))
        self.assertEqual(
            mobile.methods()[:3], ["INVITE", "BYE", "ACK"], self.transcript()
        )
        tag = mobile.sent("200 INVITE")[0].to_tag
        self.assertEqual({only(mobile, "ACK").to_tag}, {tag})
        # The proxy has cancelled the desk, which was on early media until then.
        self.assertIn("CANCEL", desk.methods())

    async def test_policy_fail(self) -> None:
        """Under the policy `fail` a fork cancels the whole call, every phone of it."""
        desk = self.phone(Behaviour(EARLY_MEDIA, final=None))
        mobile = self.phone(Behaviour(EARLY_MEDIA, delay=0.2, final=None), "tcp")
        service = await self.start()
        call = service.call(
            self.kamailio.target("parallel", desk, mobile),
            early_media=True,
            on_fork="fail",
        )
        await self.failure_of(call, InviteForked)
        await self.until_acknowledged(desk, mobile)
        self.check(desk, "INVITE", "CANCEL", "ACK")
        self.check(mobile, "INVITE", "CANCEL", "ACK")

    async def test_busy_everywhere(self) -> None:
        """Where every phone is busy the call ends as `Busy`, and no request follows."""
        one = self.phone(Behaviour(final="486 Busy Here", after=0.2))
        other = self.phone(Behaviour((), final="486 Busy Here", after=0.0), "tcp")
        service = await self.start()
        failure = await self.failure_of(
            service.call(self.kamailio.target("parallel", one, other)), Busy
        )
        self.assertEqual(failure.status, 486)
        await self.until_acknowledged(one, other)
        for phone in (one, other):
            self.check(phone, "INVITE", "ACK")
        self.check_no_complaints()

    async def test_nobody_answers(self) -> None:
        """At our answer timeout the CANCEL reaches every phone, and each says 487."""
        one = self.phone(Behaviour(EARLY_MEDIA, final=None))
        other = self.phone(Behaviour(final=None), "tcp")
        service = await self.start()
        await self.failure_of(
            service.call(
                self.kamailio.target("parallel", one, other), answer_timeout=0.5
            ),
            AnswerTimeout,
        )
        await self.until_acknowledged(one, other)
        for phone in (one, other):
            self.check(phone, "INVITE", "CANCEL", "ACK")
            self.assertEqual(len(phone.sent("487 INVITE")), 1)
        self.check_no_complaints()

    async def test_caller_cancels(self) -> None:
        """The caller gives up while it rings: CANCEL everywhere, no BYE anywhere."""
        one = self.phone(Behaviour(EARLY_MEDIA, final=None), "tcp")
        other = self.phone(Behaviour(final=None))
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("parallel", one, other))
        await self.until(
            lambda: bool(one.sent("183 INVITE") and other.sent("180 INVITE"))
        )
        invitation.cancel()
        await self.failure_of(invitation.established, Cancelled)
        await self.until_acknowledged(one, other)
        for phone in (one, other):
            self.check(phone, "INVITE", "CANCEL", "ACK")
        self.check_no_complaints()

    async def test_redirect(self) -> None:
        """A 302 ends the call as `Redirected`, with where to go instead."""
        contact = "<sip:other@192.0.2.1>"
        phone = self.phone(
            Behaviour((), final="302 Moved Temporarily", after=0.0, contact=contact)
        )
        service = await self.start()
        failure = await self.failure_of(
            service.call(self.kamailio.target("single", phone)), Redirected
        )
        self.assertEqual(failure.contacts, ("sip:other@192.0.2.1",))
        await self.until_acknowledged(phone)
        self.check(phone, "INVITE", "ACK")
        self.check_no_complaints()
