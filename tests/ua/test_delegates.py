"""What the application hears, asks and does inside callbacks; and what is forgotten."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from sipuac.dialog.dialog_set import DialogSet
from sipuac.errors import Busy, Cancelled
from sipuac.syntax.message import Request, Response
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.ua.endpoint import ClientTransaction, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session
from tests.ua.peer import TARGET, PeerTestCase, instances_of


class Faulty(InviteDelegate):
    """Raises in every method."""

    def fault(self, *arguments: object) -> None:
        """Raise."""
        raise ValueError(arguments)

    event = trying = progress = early_media = forked = fault  # type: ignore[assignment]
    accept = redirect = reject = fault  # type: ignore[assignment]


class DelegateTests(PeerTestCase):
    """Delegates and observers."""

    def ring_and_answer(self, call: Invitation) -> None:
        """100, 183 with early media, 200."""
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 100, None)
        self.peer.answer(invite, 183, sdp=True)
        self.peer.answer(invite, 200)
        self.advance()

    def hang_up(self, call: Invitation) -> None:
        """We hang up, and the peer agrees."""
        call.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()

    def test_a_faulty_delegate_and_a_faulty_observer(self) -> None:
        """What they raise is logged; the call goes on to its end."""

        def fault(event: CallEvent) -> None:
            raise KeyError(event)

        self.inviter.add_observer(fault)
        call = self.invite(delegate=Faulty(), early_media=True)
        self.ring_and_answer(call)
        self.successResultOf(call.established)
        self.hang_up(call)
        self.successResultOf(call.done)
        self.assertGreater(len(self.flushLoggedErrors(KeyError)), 5)
        self.assertGreater(len(self.flushLoggedErrors(ValueError)), 8)
        self.assert_nothing_left()

    def test_every_observer_gets_every_event(self) -> None:
        """In order, with the time since the call was asked for."""
        heard: list[CallEvent] = []
        self.inviter.add_observer(heard.append)
        self.advance(5)
        call = self.invite(early_media=True)
        self.advance(1)
        self.ring_and_answer(call)
        self.hang_up(call)
        self.assertEqual(heard, list(call.events))
        names = [event.body.event for event in heard]
        self.assertEqual(
            names,
            [
                "invite-sent",
                "trying",
                "provisional",
                "early-media",
                "answered",
                "established",
                "ended",
            ],
        )
        self.assertEqual(heard[0].time, 0.0)
        self.assertEqual(heard[1].time, 1.0)
        self.assertEqual({event.call_id for event in heard}, {call.call_id})

    def test_events_come_before_their_methods(self) -> None:
        """Every other method of a delegate has such an event before it."""
        order: list[str] = []

        class Noting(InviteDelegate):
            def event(self, event: CallEvent) -> None:
                order.append(event.body.event)

            def trying(self, response: Response) -> None:
                order.append("TRYING")

            def accept(self, session: Session) -> None:
                order.append("ACCEPT")
                session.ended.addCallback(lambda _: order.append("OVER"))

        call = self.invite(delegate=Noting())
        self.ring_and_answer(call)
        self.hang_up(call)
        for event, method in (
            ("trying", "TRYING"),
            ("established", "ACCEPT"),
            ("ended", "OVER"),
        ):
            self.assertLess(order.index(event), order.index(method), order)

    def test_hanging_up_inside_any_callback(self) -> None:
        """Whenever the application gives up, the call ends cleanly."""
        for where in ("trying", "progress", "early_media", "accept", "event"):
            self.setUp()
            calls: list[Invitation] = []

            class Impatient(InviteDelegate):
                pass

            def give_up(*ignored: object, calls: list[Any] = calls) -> None:
                for call in calls:
                    call.cancel()

            delegate = Impatient()
            setattr(delegate, where, give_up)
            call = self.invite(delegate=delegate, early_media=True)
            calls.append(call)
            self.ring_and_answer(call)
            for method in ("CANCEL", "BYE"):
                for request in self.peer.requests(method):
                    self.peer.answer(request, 200)
            self.advance()
            self.successResultOf(call.done)
            self.assertEqual(call.state, "Terminated", where)
            self.assertIn("BYE", self.peer.methods)
            self.assert_nothing_left()


class DeferredTests(PeerTestCase):
    """`final`, `established`, `done`, `call`: asked often, or never."""

    def test_asked_before_and_after(self) -> None:
        """Each may be asked any number of times."""
        call = self.invite()
        before = [call.final, call.final, call.established, call.established]
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        for deferred in (*before, call.final, call.established):
            self.failureResultOf(deferred, Busy)
        for done in (call.done, call.done):
            self.successResultOf(done)
        self.assert_nothing_left()

    def test_failures_that_nobody_asked_for(self) -> None:
        """Unobserved failures never log an unhandled error."""
        for status in (486, 302, 487):
            self.invite()
            self.peer.answer(self.peer.last("INVITE"), status)
            self.advance()
        self.invite().cancel()
        self.assert_nothing_left()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelling_final(self) -> None:
        """Cancelling `final` is CANCEL."""
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        final, other = call.final, call.final
        final.cancel()
        self.failureResultOf(final, CancelledError)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "CANCEL"])
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.advance()
        self.failureResultOf(other, Cancelled)
        self.assert_nothing_left()

    def test_cancelling_final_when_it_has_fired(self) -> None:
        """That does nothing: the call stands."""
        call = self.invite()
        final = call.final
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        final.cancel()
        self.advance()
        self.assertEqual(self.successResultOf(call.established).state, "Established")
        call.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_cancelling_done(self) -> None:
        """Who no longer waits for the end changes nothing."""
        call = self.invite()
        done = call.done
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.advance()
        self.assertEqual(call.state, "Establishing")
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.assert_nothing_left()

    def ringing(self) -> Deferred[Session]:
        """A `call` that rings."""
        asked = self.inviter.call(TARGET)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        return asked

    def test_call(self) -> None:
        """`call` fires with the established session."""
        asked = self.ringing()
        self.assertNoResult(asked)
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        session = self.successResultOf(asked)
        self.assertEqual(session.state, "Established")
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_call_fails(self) -> None:
        """`call` fails with the typed failure."""
        asked = self.ringing()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.failureResultOf(asked, Busy)
        self.assert_nothing_left()

    def test_cancelling_call_while_it_rings(self) -> None:
        """Cancelling `call` is CANCEL."""
        asked = self.ringing()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "CANCEL"])
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.assert_nothing_left()

    def test_an_await_in_a_coroutine(self) -> None:
        """The Deferreds are usable with `await`."""

        async def talk() -> str:
            session = await self.inviter.call(TARGET)
            await session.bye()
            return session.state

        talking = Deferred.fromCoroutine(talk())
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.assertEqual(self.successResultOf(talking), "Terminated")
        self.assert_nothing_left()


class ForgettingTests(PeerTestCase):
    """After a call is over and forgotten nothing of it stays alive."""

    KINDS = (
        Invitation,
        DialogSet,
        Session,
        ClientTransaction,
        ServerTransaction,
        InviteClientTransaction,
        NonInviteClientTransaction,
        InviteServerTransaction,
        NonInviteServerTransaction,
        Request,
        Response,
    )

    def setUp(self) -> None:
        """Look what other tests keep, such as messages in constants."""
        super().setUp()
        self.kept_before = instances_of(*self.KINDS)

    def assert_forgotten(self) -> None:
        """No object of the calls is alive, whatever is kept elsewhere."""
        self.assert_nothing_left()
        self.peer.received.clear()
        self.network.log.clear()
        self.media.calls.clear()
        self.media.sessions.clear()
        known = {id(kept) for kept in self.kept_before}
        left = [one for one in instances_of(*self.KINDS) if id(one) not in known]
        self.assertEqual(left, [])

    def test_answered_and_ended_by_us(self) -> None:
        """Also with an extra that was released."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 180)
        self.peer.answer(invite, 200, sdp=True)
        self.peer.answer(invite, 200, "b", sdp=True)
        self.advance()
        call.hangup()
        self.advance()
        for bye in self.peer.requests("BYE"):
            self.peer.answer(bye, 200)
        del call, invite, bye
        self.assert_forgotten()

    def test_ended_by_the_callee(self) -> None:
        """Server transactions go, too."""
        self.invite()
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        self.peer.ask("OPTIONS")
        self.peer.ask("BYE", cseq=2)
        self.advance()
        self.assert_forgotten()

    def test_refused_cancelled_and_unanswered(self) -> None:
        """The same for attempts that fail."""
        self.invite()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        call.cancel()
        self.advance()
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.advance()
        self.invite()
        self.advance(40)
        del call
        self.assert_forgotten()


class ForgettingTcpTests(ForgettingTests):
    """The same over TCP."""

    protocol = "TCP"
