"""What is left of a call that is over, and that nothing else is."""

from __future__ import annotations

import gc
import weakref

from sipuac.dialog.events import ExtraEnded
from sipuac.errors import Busy, SessionNotModified
from sipuac.ua.events import CallEvent
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session
from tests.ua.peer import PeerTestCase


class RemainsTests(PeerTestCase):
    """One call that stood and has ended by our BYE."""

    def over(self) -> tuple[Invitation, Session]:
        """Call, answer, hang up, answer that."""
        call = self.invite()
        self.request = self.peer.last("INVITE")
        self.peer.answer(self.request, 180, "a")
        self.peer.answer(self.request, 200, "a", sdp=True)
        self.advance()
        session = self.successResultOf(call.established)
        self.hang_up(session)
        return call, session

    def hang_up(self, session: Session) -> None:
        """BYE, and its 200."""
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()

    def test_the_call_goes_at_once(self) -> None:
        """Without the garbage collector; so it costs nothing while it lingers."""
        call, session = self.over()
        references: list[weakref.ref[object]] = [
            weakref.ref(call),
            weakref.ref(call._attempt),
        ]
        gc.disable()
        try:
            del call, session
            self.assertEqual([one() for one in references], [None, None])
        finally:
            gc.enable()
        self.assertEqual(len(self.inviter.remains), 1)
        self.assertEqual(self.inviter.invitations, [])
        self.advance(40)
        self.assert_nothing_left()

    def test_a_long_call_goes_at_once(self) -> None:
        """The same of a call that has stood for longer than 64*T1."""
        call = self.invite()
        self.request = self.peer.last("INVITE")
        self.peer.answer(self.request, 200, "a", sdp=True)
        self.advance(40)
        session = self.successResultOf(call.established)
        references: list[weakref.ref[object]] = [
            weakref.ref(call),
            weakref.ref(call._attempt),
        ]
        self.hang_up(session)
        self.assertEqual([branch.state for branch in call.branches], ["ended"])
        gc.disable()
        try:
            del call, session
            self.assertEqual([one() for one in references], [None, None])
        finally:
            gc.enable()
        self.assertEqual(self.inviter.remains, [])
        self.assert_nothing_left()

    def test_a_refused_call_goes_at_once(self) -> None:
        """Of a call that failed no more is left."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 180, "a")
        self.peer.answer(invite, 486, "a")
        self.advance()
        reference = weakref.ref(call._attempt)
        gc.disable()
        try:
            del call
            self.assertIsNone(reference())
        finally:
            gc.enable()
        self.advance(40)
        self.assert_nothing_left()

    def test_a_2xx_after_the_failure(self) -> None:
        """From the first 2xx on 64*T1 are waited for others (3261-13.2.2.4-g)."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 486, "a")
        self.advance(30)
        self.assertEqual(self.inviter.invitations, [])
        del call
        for tag, seconds in (("b", 30.0), ("c", 4.0), ("d", 0.0)):
            self.peer.answer(invite, 200, tag, sdp=True)
            self.advance()
            last = self.peer.last("BYE")
            if last.to_tag == tag:
                self.peer.answer(last, 200)
            self.advance(seconds)
        tags = [ack.to_tag for ack in self.peer.requests("ACK")]
        self.assertEqual(tags, ["a", "b", "c"])
        self.assert_nothing_left()

    def test_a_repeated_2xx(self) -> None:
        """Each retransmission of the 2xx gets the same ACK (3261-13.2.2.4-j)."""
        self.over()
        first = self.peer.last("ACK")
        self.peer.answer(self.request, 200, "a", sdp=True)
        self.advance()
        acks = self.peer.requests("ACK")
        self.assertEqual(len(acks), 2)
        self.assertEqual(acks[1].render(), first.render())
        self.assertEqual(len(self.peer.requests("BYE")), 1)

    def test_a_fork_that_nobody_knew(self) -> None:
        """Its 2xx gets ACK and BYE, in its own dialog (3261-13.2.2.4-a)."""
        self.over()
        seen: list[CallEvent] = []
        self.inviter.add_observer(seen.append)
        for _ in range(2):
            self.peer.answer(self.request, 200, "late", sdp=True)
            self.advance()
        acks = [one for one in self.peer.requests("ACK") if one.to_tag == "late"]
        self.assertEqual(len(acks), 2)
        self.assertEqual(acks[0].render(), acks[1].render())
        (bye,) = (one for one in self.peer.requests("BYE") if one.to_tag == "late")
        self.assertEqual(bye.cseq.number, self.request.cseq.number + 1)
        self.peer.answer(bye, 200)
        self.advance(40)
        self.assert_nothing_left()

    def test_several_forks_that_nobody_knew(self) -> None:
        """Each is ended on its own, also one after the other was."""
        self.over()
        for tag in ("x", "y"):
            self.peer.answer(self.request, 200, tag, sdp=True)
        self.advance()
        for bye in self.peer.requests("BYE")[1:]:
            self.peer.answer(bye, 200)
        self.advance()
        self.peer.answer(self.request, 200, "z", sdp=True)
        self.advance()
        tags = [bye.to_tag for bye in self.peer.requests("BYE")]
        self.assertEqual(tags, ["a", "x", "y", "z"])
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance(40)
        self.assert_nothing_left()

    def test_observers_hear_of_it(self) -> None:
        """The observers of the call hear what happens to a late fork."""
        seen: list[CallEvent] = []
        self.inviter.add_observer(seen.append)
        call, session = self.over()
        call_id = call.call_id
        del call, session
        self.peer.answer(self.request, 200, "late", sdp=True)
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        ends = [event for event in seen if isinstance(event.body, ExtraEnded)]
        self.assertEqual([event.call_id for event in ends], [call_id])
        self.assertEqual(ends[0].body, ExtraEnded("late", "BYE", 200))

    def test_who_holds_the_call_sees_it(self) -> None:
        """An application that has kept the call finds the late fork in it."""
        call, _ = self.over()
        self.peer.answer(self.request, 200, "late", sdp=True)
        self.advance()
        found = [(branch.to_tag, branch.state) for branch in call.branches]
        self.assertEqual(found, [("a", "ended"), ("late", "releasing")])
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        found = [(branch.to_tag, branch.state) for branch in call.branches]
        self.assertEqual(found, [("a", "ended"), ("late", "ended")])
        self.assertEqual(call.events[-1].body, ExtraEnded("late", "BYE", 200))

    def test_the_late_phone_hangs_up_itself(self) -> None:
        """Its BYE is answered 200 while ours is on its way."""
        self.over()
        self.peer.answer(self.request, 200, "late", sdp=True)
        self.advance()
        self.peer.ask("BYE", "late")
        self.advance()
        self.assertEqual(self.peer.statuses[-1], 200)
        self.peer.answer(self.peer.last("BYE"), 481)
        self.advance(40)
        self.assert_nothing_left()

    def test_a_request_in_the_dialog_that_is_over(self) -> None:
        """There is no such dialog any more (3261-12.2.2-a)."""
        self.over()
        self.peer.ask("INFO", "a")
        self.advance()
        self.assertEqual(self.peer.statuses[-1], 481)

    def test_a_request_of_no_dialog(self) -> None:
        """Of two attempts one lingers, as it has sent more than its INVITE, and one is
        left: what belongs to no dialog of either is answered all the same.
        """
        call = self.invite(follow_redirects=True)
        first = self.peer.last("INVITE")
        rseq = [("Require", "100rel"), ("RSeq", "1")]
        self.peer.answer(first, 180, "a", headers=rseq)
        self.advance()
        self.peer.answer(self.peer.last("PRACK"), 200)
        other = self.target.replace("bob", "carol")
        self.peer.answer(first, 302, "a", headers=[("Contact", f"<{other}>")])
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 486, "b")
        self.advance()
        self.failureResultOf(call.established, Busy)
        self.assertEqual(len(self.inviter.remains), 1)
        self.assertEqual(self.inviter.invitations, [call])
        self.peer.ask("INFO", "nobody")
        self.advance()
        self.assertEqual(self.peer.statuses[-1], 481)
        self.assert_nothing_left()

    def test_an_ended_session_changes_no_more(self) -> None:
        """What is asked of a session that is over fails, at once."""
        call, session = self.over()
        for asked in (session.hold(), session.refresh(), session.request("INFO")):
            self.failureResultOf(asked, SessionNotModified)
        self.successResultOf(session.bye())
        self.successResultOf(call.hangup())
        self.assertEqual((session.state, call.state), ("Terminated", "Terminated"))

    def test_the_endpoint_stops(self) -> None:
        """Nothing is left of remains either, awake or not."""
        self.over()
        self.peer.answer(self.request, 200, "late", sdp=True)
        self.advance()
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(self.inviter.remains, [])
        self.assertEqual(len(self.endpoint._queue), 0)

    def test_a_bye_that_outlasts_the_time(self) -> None:
        """A BYE to a late fork that nobody answers ends by timer F, and then all."""
        self.over()
        self.advance(30)
        self.peer.answer(self.request, 200, "late", sdp=True)
        self.advance(10)
        self.assertEqual(len(self.inviter.remains), 1)
        self.advance(40)
        self.assert_nothing_left()
