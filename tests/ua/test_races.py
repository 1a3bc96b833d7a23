"""Messages that cross: whatever happens, no phone is left in a call with nobody."""

from __future__ import annotations

from sipuac.errors import AnswerTimeout, Busy, CallFailed, Cancelled, TransactionTimeout
from sipuac.syntax.message import Request
from sipuac.testing.script import (
    Meeting,
    Script,
    answer,
    ask,
    early_media,
    hang_up,
    reject,
    ring,
)
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session
from tests.ua.peer import PeerTestCase
from tests.ua.world import CallTestCase


class CrossingTests(CallTestCase):
    """Races with phones behind a proxy."""

    def test_cancel_crosses_the_200(self) -> None:
        """A 2xx that wins the race against CANCEL gets ACK and BYE (3261-9.1-j)."""
        desk = self.phone("desk", script=Script(ring(0.1), on_cancel="answer"))
        self.ring()
        call = self.invite()
        self.advance(1)
        call.cancel()
        self.advance(1)
        self.failureResultOf(call.final, Cancelled)
        self.assertEqual(self.methods(desk), ["INVITE", "CANCEL", "ACK", "BYE"])
        self.assertEqual(self.media.called("open"), [])
        self.settle()

    def test_the_200_is_on_its_way_when_we_cancel(self) -> None:
        """After the phone has answered the CANCEL is too late (3261-9.1-j)."""
        desk = self.phone("desk", ring(0.1), answer(1.0))
        self.ring()
        call = self.invite()
        self.advance_to("SIP/2.0 200", "desk")
        call.cancel()
        self.advance(1)
        self.failureResultOf(call.final, Cancelled)
        self.assertEqual(self.methods(desk)[-2:], ["ACK", "BYE"])
        self.settle()

    def test_bye_crosses_bye(self) -> None:
        """Both hang up at once: each BYE gets an answer (3261-15.1.2-b)."""
        desk = self.phone("desk", answer(0.1), hang_up(1.0))
        self.ring()
        call = self.invite()
        self.advance(0.5)
        session = self.successResultOf(call.established)
        (acked,) = self.network.packets("ACK", destination="desk.invalid")
        until = acked.arrivals[0] + 1.0 - self.clock.seconds()
        self.advance(until - 0.005)
        over = session.bye()
        self.advance(1)
        self.successResultOf(over)
        self.assertIn("BYE", self.methods(desk))
        statuses = [response.status for response in desk.responses("BYE")]
        self.assertEqual(len(statuses), 1)
        self.settle()

    def test_the_callee_hangs_up_while_its_ack_is_under_way(self) -> None:
        """A BYE right behind the 2xx ends the call (3261-15.1.2-b)."""
        self.phone("desk", answer(0.1), ask(0.1, "BYE"))
        self.ring()
        call = self.invite()
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")
        self.settle()

    def test_an_extras_2xx_crosses_our_bye(self) -> None:
        """A 2xx on an early dialog that we BYEd is ACKed; the BYE that was answered is
        not repeated (3261-15-e).
        """
        mobile = self.phone(
            "mobile", script=Script(ring(0.1), answer(0.35), on_early_bye="go on")
        )
        self.phone("desk", early_media(0.3), answer(3.0))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(2)
        self.assertIn("BYE", self.methods(mobile))
        self.assertEqual(len(mobile.requests("ACK")), 1)
        self.assertTrue(mobile.is_idle)
        call.hangup()
        self.settle()

    def test_three_answers_at_once(self) -> None:
        """One call stands; each of the others gets its ACK and its BYE (13.2.2.4)."""
        meeting = Meeting(3)
        for name in ("desk", "mobile", "home"):
            self.phone(name, ring(0.1), answer(1.0, meeting=meeting))
        self.ring()
        call = self.invite()
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertEqual([phone.in_call for phone in self.phones].count(True), 1)
        self.assertTrue(all(phone.acked for phone in self.phones))
        session.bye()
        self.settle()

    def test_hangup_and_callee_rejects_at_once(self) -> None:
        """The CANCEL crosses the refusal: the attempt was cancelled all the same."""
        self.phone("desk", ring(0.1), reject(1.0, 486))
        self.ring()
        call = self.invite()
        self.advance_to("SIP/2.0 486", "desk")
        call.cancel()
        self.advance(1)
        self.failureResultOf(call.final, Cancelled)
        self.successResultOf(call.done)
        self.settle()


class CrossingTcpTests(CrossingTests):
    """The same over TCP."""

    protocol = "TCP"


class LateAnswerTests(PeerTestCase):
    """2xx that come when nobody waits for them any more."""

    def expect_release(self, call: Invitation, tag: str) -> None:
        """The late 2xx of this branch gets ACK and BYE, in its own dialog."""
        ack, bye = self.peer.last("ACK"), self.peer.last("BYE")
        self.assertEqual((ack.to_tag, bye.to_tag), (tag, tag))
        self.assertEqual((ack.cseq.number, bye.cseq.number), (1, 2))
        self.assertIsNone(call.session)
        self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()

    def invited(self, **options: object) -> tuple[Invitation, Request]:
        """A call and its INVITE."""
        call = self.invite(**options)
        return call, self.peer.last("INVITE")

    def test_after_486(self) -> None:
        """A 2xx of another fork after the refusal: ACK and BYE."""
        call, invite = self.invited()
        self.peer.answer(invite, 486)
        self.advance()
        self.failureResultOf(call.final, Busy)
        self.peer.answer(invite, 200, "late", sdp=True)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "ACK", "BYE"])
        self.expect_release(call, "late")

    def test_after_timer_b(self) -> None:
        """A 2xx after the timeout: ACK and BYE."""
        call, invite = self.invited()
        self.advance(40)
        self.failureResultOf(call.final, TransactionTimeout)
        self.peer.answer(invite, 200, "late", sdp=True)
        self.advance()
        self.expect_release(call, "late")

    def test_after_a_cancel_that_nobody_answered(self) -> None:
        """64*T1 after the CANCEL the INVITE is given up (3261-9.1-i); then a 2xx."""
        call, invite = self.invited()
        self.peer.answer(invite, 180)
        self.advance()
        call.cancel()
        self.advance(33)
        self.failureResultOf(call.final, Cancelled)
        self.successResultOf(call.done)
        self.peer.answer(invite, 200, "a", sdp=True)
        self.advance()
        self.expect_release(call, "a")

    def test_after_the_487(self) -> None:
        """Another fork answers although the INVITE was cancelled."""
        call, invite = self.invited()
        self.peer.answer(invite, 180)
        self.advance()
        call.cancel()
        self.advance()
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(invite, 487)
        self.advance()
        self.failureResultOf(call.final, Cancelled)
        self.peer.answer(invite, 200, "b", sdp=True)
        self.advance()
        self.expect_release(call, "b")

    def test_after_the_answer_timeout_without_any_response(self) -> None:
        """No CANCEL before a provisional response; a 2xx ends it (3261-9.1-e)."""
        call, invite = self.invited(answer_timeout=10)
        self.advance(12)
        self.assertEqual(self.peer.requests("CANCEL"), [])
        self.peer.answer(invite, 200, "a", sdp=True)
        self.advance()
        self.failureResultOf(call.final, AnswerTimeout)
        self.expect_release(call, "a")

    def test_asked_not_to_cancel(self) -> None:
        """After no-cancel the other phones ring on, and each that answers late gets ACK
        and BYE (3841-9.1-c); Max-Breadth keeps no proxy from hunting (5393-5.3.3-a).
        """
        headers = [("Request-Disposition", "no-cancel"), ("Max-Breadth", "1")]
        call, invite = self.invited(headers=headers)
        for tag in ("b", "c"):
            self.peer.answer(invite, 180, tag)
        self.peer.answer(invite, 200, "a", sdp=True)
        self.advance()
        session = self.successResultOf(call.established)
        for tag in ("b", "c"):
            self.advance(8)
            self.peer.answer(invite, 200, tag, sdp=True)
            self.advance()
            self.assertEqual(self.peer.last("ACK").to_tag, tag)
            bye = self.peer.last("BYE")
            self.assertEqual(bye.to_tag, tag)
            self.peer.answer(bye, 200)
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.assert_nothing_left()

    def test_a_repeated_late_2xx(self) -> None:
        """It gets the same ACK again and no second BYE (3261-13.2.2.4-j)."""
        call, invite = self.invited()
        self.peer.answer(invite, 486)
        self.advance()
        for _ in range(3):
            self.peer.answer(invite, 200, "late", sdp=True)
            self.advance()
        acks = [ack for ack in self.peer.requests("ACK") if ack.to_tag == "late"]
        self.assertEqual(len(acks), 3)
        self.assertEqual(len({ack.branch for ack in acks}), 1)
        byes = {bye.branch for bye in self.peer.requests("BYE")}
        self.assertEqual(len(byes), 1)
        self.expect_release(call, "late")

    def test_much_too_late(self) -> None:
        """When the call is forgotten a 2xx is dropped and counted (6026-7.2-a)."""
        _, invite = self.invited()
        self.peer.answer(invite, 486)
        self.advance(100)
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])
        self.peer.answer(invite, 200, "late", sdp=True)
        self.advance()
        self.assertEqual(self.endpoint.counters["responses-unmatched"], 1)
        self.assertEqual(self.peer.requests("BYE"), [])

    def test_a_forged_late_2xx(self) -> None:
        """Without our branch or sent-by a 2xx is nobody's (3261-18.1.2-a)."""
        _, invite = self.invited()
        self.peer.answer(invite, 486)
        self.advance()
        forged = invite.with_top_via(f"SIP/2.0/UDP evil.invalid;branch={invite.branch}")
        self.peer.answer(forged, 200, "b", sdp=True)
        forged = invite.with_top_via("SIP/2.0/UDP caller.invalid:5060;branch=z9hG4bKx")
        self.peer.answer(forged, 200, "c", sdp=True)
        self.advance()
        self.assertEqual(self.peer.requests("BYE"), [])
        self.assert_nothing_left()


class SessionEndTests(PeerTestCase):
    """How a call that stands can end."""

    def established(self) -> Session:
        """A call that stands."""
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        return self.successResultOf(call.established)

    def test_a_bye_that_is_refused_or_unanswered_ends_the_call(self) -> None:
        """481, 408 or no answer to BYE ends session and dialog (3261-15.1.1-b)."""
        for status in (481, 408, 500, None):
            session = self.established()
            over = session.bye()
            self.advance()
            self.assertEqual(session.state, "Terminating")
            if status is None:
                self.advance(33)
            else:
                self.peer.answer(self.peer.last("BYE"), status)
                self.advance()
            self.assertEqual(self.successResultOf(over).by, "local")
            self.assertEqual(session.state, "Terminated")
        self.assert_nothing_left()

    def test_bye_twice(self) -> None:
        """Hanging up again, by whatever name, sends nothing more."""
        session = self.established()
        over = [session.bye(), session.hangup(), session.cancel(), session.bye()]
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.assertEqual(len({id(self.successResultOf(one)) for one in over}), 1)
        self.successResultOf(session.bye())
        self.assertEqual(len(self.peer.requests("BYE")), 1)
        self.assert_nothing_left()

    def test_media_stops_as_soon_as_bye_is_sent(self) -> None:
        """Media stops when BYE goes to the client transaction (3261-15.1.1-a)."""
        session = self.established()
        session.bye()
        self.assertEqual(self.media.open_sessions, [])
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_the_duration(self) -> None:
        """It runs while the call stands, and stays when it is over."""
        session = self.established()
        self.advance(5)
        self.assertAlmostEqual(session.duration, 5.0)
        self.peer.ask("BYE")
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.advance(5)
        self.assertAlmostEqual(session.duration, 5.0)
        ended = self.successResultOf(session.ended)
        self.assertEqual((ended.by, ended.duration), ("remote", session.duration))
        self.assert_nothing_left()

    def test_reasons_of_the_callee(self) -> None:
        """Reason of a BYE received is reported (3326-2-c)."""
        session = self.established()
        self.peer.ask("BYE", headers=[("Reason", 'Q.850;cause=16;text="Bye"')])
        self.advance()
        ended = self.successResultOf(session.ended)
        self.assertEqual(ended.reason, 'Q.850;cause=16;text="Bye"')
        self.assert_nothing_left()

    def test_a_stranger_cannot_hang_up(self) -> None:
        """A request without both tags of the dialog gets 481 (3261-12.2.2-c)."""
        session = self.established()
        self.peer.ask("BYE", tag="guessed")
        self.advance()
        self.assertEqual(self.peer.statuses, [481])
        self.assertEqual(session.state, "Established")
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_requests_in_the_dialog(self) -> None:
        """OPTIONS 200, those that we know 405 or 501; a CSeq that is not higher 500."""
        session = self.established()
        for number, (method, status) in enumerate(
            [("OPTIONS", 200), ("INFO", 200), ("REFER", 405), ("UNHEARD", 501)], 2
        ):
            self.peer.ask(method, cseq=number)
            self.advance()
            self.assertEqual(self.peer.statuses[-1], status)
        self.peer.ask("OPTIONS", cseq=2)
        self.advance()
        self.assertEqual(self.peer.statuses[-1], 500)
        self.assertEqual(session.state, "Established")
        self.peer.ask("BYE", cseq=9)
        self.assert_nothing_left()

    def test_the_callee_ends_an_early_dialog(self) -> None:
        """BYE in an early dialog: 200, that dialog ends, the INVITE goes on."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 180, "a")
        self.peer.answer(invite, 180, "b")
        self.advance()
        self.peer.ask("BYE", "a")
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.assertEqual(call.state, "Establishing")
        self.peer.answer(invite, 480, "b")
        self.advance()
        self.failureResultOf(call.final, CallFailed)
        self.assert_nothing_left()
