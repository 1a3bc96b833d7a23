"""Calls whose first INVITE is refused, and tried again with a difference."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sipuac.dialog.events import Retrying
from sipuac.errors import (
    AnswerTimeout,
    Busy,
    Cancelled,
    LocalProtocolError,
    RequestRejected,
)
from sipuac.syntax.fields import RetryAfter
from sipuac.syntax.message import Request
from sipuac.transport.interfaces import IFlow
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from sipuac.ua.retries import Retries
from tests.ua.peer import HOST, PeerTestCase
from tests.ua.world import Listener

TOO_SMALL = [("Min-SE", "300")]


class RetryTestCase(PeerTestCase):
    """A caller and a peer that refuses its first INVITE."""

    def refuse(self, status: int, **options: Any) -> None:
        """Refuse the last INVITE, and let the next one arrive."""
        options.setdefault("tag", f"refusal{status}")
        self.peer.answer(self.peer.last("INVITE"), status, **options)
        self.advance()

    def sent(self) -> list[Request]:
        """All INVITEs, without retransmissions."""
        invites = {one.branch: one for one in self.peer.requests("INVITE")}
        return list(invites.values())

    def names(self, call: Invitation) -> list[str]:
        """The names of all events."""
        return [event.body.event for event in call.events]

    def retrying(self, call: Invitation) -> list[tuple[int, str, str]]:
        """What was said of each further attempt."""
        return [
            (body.status, body.reason, body.action)
            for body in (event.body for event in call.events)
            if isinstance(body, Retrying)
        ]

    def answer(self, call: Invitation, tag: str = "a") -> None:
        """Answer the last INVITE; the call stands."""
        contact = f"<sip:bob@{self.peer.host}>"
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 200, tag, sdp=True, contact=contact)
        self.advance()
        self.assertEqual(self.successResultOf(call.established).to_tag, tag)

    def end(self, call: Invitation) -> None:
        """Hang up, and look that nothing is left."""
        call.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.successResultOf(call.done)
        self.assert_nothing_left()


class OneRetryTests(RetryTestCase):
    """One refusal, then an answer."""

    def test_interval_too_small(self) -> None:
        """After 422 the INVITE goes again with Session-Expires and Min-SE raised to its
        Min-SE, same Call-ID, next CSeq (4028-7.3-a, 3261-8.1.3.5-f).
        """
        call = self.invite(session_expires=90)
        self.refuse(422, headers=TOO_SMALL)
        first, second = self.sent()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "INVITE"])
        self.assertEqual(second.get_all("Session-Expires"), ["300"])
        self.assertEqual(second.get_all("Min-SE"), ["300"])
        for name in ("Call-ID", "From", "To", "Contact", "Content-Type", "Allow"):
            self.assertEqual(second.get_all(name), first.get_all(name), name)
        self.assertIsNone(second.to_tag)
        self.assertEqual(second.get("CSeq"), "2 INVITE")
        self.assertNotEqual(second.branch, first.branch)
        self.assertEqual(second.body, first.body)
        self.assertEqual(call.state, "Establishing")
        self.answer(call)
        self.assertEqual(self.peer.last("ACK").get("CSeq"), "2 ACK")
        self.assertEqual(
            self.names(call),
            ["invite-sent", "retrying", "invite-sent", "answered", "established"],
        )
        self.assertEqual(
            self.retrying(call),
            [
                (
                    422,
                    "Session Interval Too Small",
                    "accepting a session interval of 300 s",
                )
            ],
        )
        self.end(call)
        self.assertEqual(self.peer.last("BYE").get("CSeq"), "3 BYE")

    def test_bad_extension(self) -> None:
        """After 420 the INVITE goes without what is Unsupported (3261-8.1.3.5-e)."""
        call = self.invite()
        self.refuse(420, headers=[("Unsupported", "timer")])
        second = self.sent()[1]
        self.assertEqual(second.get_all("Supported"), ["100rel"])
        self.answer(call)
        self.end(call)

    def test_a_required_extension(self) -> None:
        """What the caller requires is not given up: the call fails (3261-8.1.1.9-b)."""
        call = self.invite(reliable="required")
        self.refuse(420, headers=[("Unsupported", "100rel")])
        error = self.failureResultOf(call.established, RequestRejected).value
        self.assertEqual(error.status, 420)
        self.assertEqual(self.retrying(call), [])
        self.assert_nothing_left()

    def test_a_tel_uri(self) -> None:
        """After 416 a SIP URI is called, To being the same (3261-8.1.3.5-d)."""
        self.inviter = Inviter(
            self.endpoint,
            "sip:caller@example.invalid",
            proxy=f"sip:{HOST}",
            media=self.media,
        )
        call = self.successResultOf(self.inviter.invite("tel:+1-212-555-0100"))
        self.advance()
        self.refuse(416)
        first, second = self.sent()
        self.assertEqual(first.uri_text, "tel:+1-212-555-0100")
        self.assertEqual(second.uri_text, f"sip:+1-212-555-0100@{HOST};user=phone")
        self.assertEqual(second.get("To"), first.get("To"))
        self.assertEqual(second.get_all("Route"), first.get_all("Route"))
        self.answer(call)
        self.end(call)

    def test_refused_for_good(self) -> None:
        """The last refusal is what the application hears of, once."""
        listener = Listener()
        call = self.invite(session_expires=90, delegate=listener)
        self.refuse(422, headers=TOO_SMALL)
        self.refuse(486)
        self.failureResultOf(call.established, Busy)
        self.failureResultOf(call.final, Busy)
        self.successResultOf(call.done)
        self.assertEqual(listener.heard, ["reject"])
        self.assertEqual(self.names(call)[-2:], ["invite-sent", "failed"])
        self.assertEqual(call.state, "Terminated")
        self.assert_nothing_left()

    def test_nothing_to_be_done(self) -> None:
        """413, 415, 488, 491, 493, 500 and 606 are the application's to judge; a
        Warning changes nothing (3261-20.43-a).
        """
        for status in (413, 415, 488, 491, 493, 500, 606):
            call = self.invite()
            self.refuse(status, headers=[("Warning", '399 peer "try again"')])
            error = self.failureResultOf(call.established, RequestRejected).value
            self.assertEqual(error.status, status)
            self.assertEqual(self.retrying(call), [])
        self.assert_nothing_left()


class TellingTests(RetryTestCase):
    """What the application is told of a refusal, for it to act on."""

    def test_retry_after(self) -> None:
        """Retry-After of these is reported, and nothing is tried again by itself
        (3261-20.33-a).
        """
        for status in (404, 413, 480, 486, 500, 503, 600, 603):
            call = self.invite()
            self.refuse(status, headers=[("Retry-After", "120 (lunch);duration=60")])
            error = self.failureResultOf(call.established, RequestRejected).value
            self.assertEqual(error.retry_after, RetryAfter(120, "lunch", 60))
            self.assertEqual(call.events[-1].as_dict()["retry_after"], 120)
            self.assertEqual(self.retrying(call), [])
            before = len(self.sent())
            self.advance(200)
            self.assertEqual(len(self.sent()), before)
        self.assert_nothing_left()

    def test_unreadable_retry_after(self) -> None:
        """One that cannot be read says nothing."""
        call = self.invite()
        self.refuse(480, headers=[("Retry-After", "soon")])
        error = self.failureResultOf(call.established, RequestRejected).value
        self.assertIsNone(error.retry_after)
        self.assertIsNone(call.events[-1].as_dict()["retry_after"])
        self.assert_nothing_left()

    def test_error_info(self) -> None:
        """Error-Info is in the response of the failure; nobody follows it
        (3261-20.18-a).
        """
        call = self.invite()
        uri = f"<sip:announcement@{HOST}>"
        self.refuse(404, headers=[("Error-Info", uri)])
        error = self.failureResultOf(call.established, RequestRejected).value
        self.assertEqual(error.response.get_all("Error-Info"), [uri])
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()


class DeadAttemptTests(RetryTestCase):
    """What still comes of an INVITE in whose place another was sent."""

    def test_a_late_answer(self) -> None:
        """A 2xx to the INVITE that was refused gets ACK and BYE in its own dialog; the
        other INVITE goes on (3261-13.2.2.4-f).
        """
        call = self.invite(session_expires=90)
        first = self.peer.last("INVITE")
        self.peer.answer(first, 180, "early")
        self.refuse(422, headers=TOO_SMALL)
        self.peer.answer(first, 200, "early", sdp=True)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "INVITE", "ACK", "BYE"])
        bye = self.peer.last("BYE")
        self.assertEqual((bye.to_tag, bye.get("CSeq")), ("early", "2 BYE"))
        self.assertEqual(self.peer.last("ACK").get("CSeq"), "1 ACK")
        self.peer.answer(bye, 200)
        self.answer(call, "b")
        self.assertEqual(
            [(one.to_tag, one.state) for one in call.branches],
            [("early", "ended"), ("b", "standing")],
        )
        self.end(call)

    def test_requests_of_a_dead_dialog(self) -> None:
        """A request in an early dialog of the first INVITE finds that dialog, which is
        over: 481.
        """
        call = self.invite(session_expires=90)
        self.peer.answer(self.peer.last("INVITE"), 180, "early")
        self.refuse(422, headers=TOO_SMALL)
        self.peer.answer(self.peer.last("INVITE"), 180, "b")
        self.advance()
        self.peer.ask("OPTIONS", "early")
        self.peer.ask("OPTIONS", "b")
        self.advance()
        self.assertEqual(self.peer.statuses, [481, 200])
        self.answer(call, "b")
        self.end(call)

    def test_early_media(self) -> None:
        """The media of a dead attempt closes; the offer is made again, and the next
        answer is applied to a session of its own, even under the same tag.
        """
        call = self.invite(early_media=True, session_expires=90)
        self.peer.answer(self.peer.last("INVITE"), 183, "a", sdp=True)
        self.advance()
        (session,) = self.media.sessions
        self.refuse(422, headers=TOO_SMALL)
        self.assertTrue(session.is_closed)
        self.peer.answer(self.peer.last("INVITE"), 183, "a", sdp=True)
        self.advance()
        self.answer(call, "a")
        self.assertEqual(
            [(one.branch, one.is_closed) for one in self.media.sessions],
            [("a", True), ("a (2)", False)],
        )
        self.end(call)

    def test_both_tell_their_end(self) -> None:
        """The early dialog of the first INVITE ends with its final response
        (3261-12.3-a); the events tell the whole story in order.
        """
        call = self.invite(session_expires=90)
        self.peer.answer(self.peer.last("INVITE"), 180, "a")
        self.refuse(422, headers=TOO_SMALL)
        self.answer(call, "b")
        self.assertEqual(
            self.names(call),
            [
                "invite-sent",
                "provisional",
                "early-dialog-ended",
                "retrying",
                "invite-sent",
                "answered",
                "established",
            ],
        )
        self.end(call)


class BetweenTests(RetryTestCase):
    """The time between a refusal and the next INVITE."""

    def between(self, **options: Any) -> tuple[Invitation, Deferred[IFlow]]:
        """A call that looks for the way of its second INVITE, and that search."""
        call = self.invite(session_expires=90, **options)
        self.given_up = 0

        def give_up(search: Deferred[IFlow]) -> None:
            self.given_up += 1

        search: Deferred[IFlow] = Deferred(give_up)
        self.patch(Retries, "_flow_for", lambda *arguments: search)
        self.refuse(422, headers=TOO_SMALL)
        self.assertEqual(call.state, "Establishing")
        self.assertFalse(call._established.is_set)
        self.assertFalse(call._done.is_set)
        return call, search

    def test_cancelled(self) -> None:
        """Asked for between a refusal and the new try, no CANCEL is sent and no new
        try is made (3261-9.1-f).
        """
        call, search = self.between()
        call.cancel()
        self.assertEqual(self.given_up, 1)
        self.failureResultOf(call.established, Cancelled)
        self.successResultOf(call.done)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertEqual(
            self.names(call), ["invite-sent", "retrying", "cancelling", "failed"]
        )
        self.assertEqual(call.state, "Terminated")
        self.assert_nothing_left()

    def test_a_result_that_is_cancelled(self) -> None:
        """Cancelling a Deferred of the call means the same here."""
        call, search = self.between()
        call.established.addErrback(lambda failure: None).cancel()
        self.assertEqual(self.given_up, 1)
        self.failureResultOf(call.final, Cancelled)
        self.assert_nothing_left()

    def test_the_answer_timeout(self) -> None:
        """It counts from the first INVITE, whatever happens between."""
        call, search = self.between(answer_timeout=10)
        self.advance(9.9)
        self.assertFalse(call._established.is_set)
        self.advance(0.2)
        error = self.failureResultOf(call.established, AnswerTimeout).value
        self.assertEqual(str(error), "nobody answered within 10 s")
        self.assertEqual(self.given_up, 1)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()

    def test_the_first_attempt_is_forgotten_meanwhile(self) -> None:
        """The call is kept as long as something is to be tried."""
        call, search = self.between()
        self.advance(100)
        self.assertEqual(self.inviter.invitations, [call])
        call.cancel()
        self.assertEqual(self.inviter.invitations, [])
        self.failureResultOf(call.established, Cancelled)
        self.assert_nothing_left()

    def test_stopped(self) -> None:
        """The endpoint stops: the search is given up, and the call has failed."""
        call, search = self.between()
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(self.given_up, 1)
        self.failureResultOf(call.established)
        self.successResultOf(call.done)
        self.assertEqual(len(self.endpoint._queue), 0)

    def test_drained(self) -> None:
        """A service that stops tries nothing more."""
        call, search = self.between()
        drained = self.inviter.drain(5)
        self.successResultOf(drained)
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(self.given_up, 1)

    def test_the_search_breaks(self) -> None:
        """A fault while the way is sought is logged; the refusal stands."""
        call, search = self.between()
        search.errback(RuntimeError("broken"))
        error = self.failureResultOf(call.established, RequestRejected).value
        self.assertEqual(error.status, 422)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assert_nothing_left()


class Impatient(InviteDelegate):
    """Cancels the call as soon as it hears that it is tried again."""

    def __init__(self) -> None:
        self.call: Invitation | None = None

    def event(self, event: CallEvent) -> None:
        """See `IInviteDelegate`."""
        if isinstance(event.body, Retrying) and self.call is not None:
            self.call.cancel()


class ImpatientTests(RetryTestCase):
    """A caller who cancels inside a callback."""

    def test_cancelled_when_told(self) -> None:
        """Then the INVITE that was announced is not sent (3261-9.1-f)."""
        impatient = Impatient()
        call = impatient.call = self.invite(session_expires=90, delegate=impatient)
        self.refuse(422, headers=TOO_SMALL)
        self.failureResultOf(call.established, Cancelled)
        self.successResultOf(call.done)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertEqual(
            self.names(call), ["invite-sent", "retrying", "cancelling", "failed"]
        )
        self.assert_nothing_left()


class TimeTests(RetryTestCase):
    """What the second INVITE has left of the time."""

    def test_expires(self) -> None:
        """Expires and the answer timeout are what is left of them (3261-13.2.1-b)."""
        call = self.invite(session_expires=90, answer_timeout=60)
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance(45)
        self.refuse(422, headers=TOO_SMALL)
        first, second = self.sent()
        self.assertEqual((first.get("Expires"), second.get("Expires")), ("60", "15"))
        self.peer.answer(second, 180)
        self.advance(14.9)
        self.assertNotIn("CANCEL", self.peer.methods)
        self.advance(0.2)
        self.assertIn("CANCEL", self.peer.methods)
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(second, 487)
        self.advance()
        error = self.failureResultOf(call.established, AnswerTimeout).value
        self.assertEqual(str(error), "nobody answered within 60 s")
        self.assert_nothing_left()

    def test_cancelled_while_the_second_rings(self) -> None:
        """The CANCEL is for the INVITE that is open, and has its CSeq (3261-9.1-b)."""
        call = self.invite(session_expires=90)
        self.refuse(422, headers=TOO_SMALL)
        second = self.peer.last("INVITE")
        self.peer.answer(second, 180)
        self.advance()
        call.cancel()
        self.advance()
        cancel = self.peer.last("CANCEL")
        self.assertEqual(cancel.get("CSeq"), "2 CANCEL")
        self.assertEqual(cancel.branch, second.branch)
        self.peer.answer(cancel, 200)
        self.peer.answer(second, 487)
        self.advance()
        self.failureResultOf(call.established, Cancelled)
        self.assert_nothing_left()

    def test_cancelled_and_then_refused(self) -> None:
        """A call that is being cancelled is not tried again, whatever the answer."""
        call = self.invite(session_expires=90)
        call.cancel()
        self.refuse(422, headers=TOO_SMALL)
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()


class NoRoomTests(RetryTestCase):
    """An endpoint that has no room for a second INVITE."""

    max_transactions = 1

    def test_too_many_transactions(self) -> None:
        """The first one waits for retransmissions of its refusal, and is in the way."""
        call = self.invite(session_expires=90)
        self.refuse(422, headers=TOO_SMALL)
        self.failureResultOf(call.established, LocalProtocolError)
        self.successResultOf(call.done)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()
