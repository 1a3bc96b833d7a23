"""Challenges of re-INVITEs and other requests in a session that stands."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from sipuac.errors import SessionNotModified, TransportFailed
from sipuac.syntax.message import Request
from sipuac.ua.challenges import PATIENCE
from sipuac.ua.credentials import Credentials
from sipuac.ua.events import CallEvent
from sipuac.ua.invitation import Invitation
from tests.ua.peer import HOST
from tests.ua.test_challenged_calls import ChallengeTestCase, SlowSourceTestCase


class SessionTests(ChallengeTestCase):
    """Requests that change a session, or are sent by the application."""

    def refreshed(self, call: Invitation) -> tuple[Request, Deferred[None]]:
        """A re-INVITE that refreshes the session, and its outcome."""
        session = self.successResultOf(call.established)
        outcome = session.refresh()
        self.advance()
        return self.peer.last("INVITE"), outcome

    def accept(self, reinvite: Request) -> None:
        """Answer a re-INVITE as before."""
        contact = f"<sip:bob@{HOST}>"
        self.peer.answer(reinvite, 200, sdp=True, contact=contact)
        self.advance()

    def test_reinvite_has_credentials(self) -> None:
        """So has its ACK (3261-13.2.2.4-b, 3261-22.3-b)."""
        call = self.standing()
        reinvite, outcome = self.refreshed(call)
        self.accepted(reinvite, self.proxy)
        self.accept(reinvite)
        self.successResultOf(outcome)
        ack = self.peer.last("ACK")
        self.assertEqual(ack.get("CSeq"), "3 ACK")
        self.assertEqual(
            ack.get_all("Proxy-Authorization"), reinvite.get_all("Proxy-Authorization")
        )
        self.end(call)

    def test_reinvite_is_challenged(self) -> None:
        """A re-INVITE that gets 407 is sent again with the next CSeq and the same offer
        (3261-22.2-a); the ACK of its 2xx has its credentials, and comes again with it.
        """
        call = self.invite()
        self.answer(call)
        first, outcome = self.refreshed(call)
        self.peer.answer(first, 407, headers=self.proxy.challenges())
        self.advance()
        second = self.peer.last("INVITE")
        self.accepted(second, self.proxy)
        self.assertEqual(
            (first.get("CSeq"), second.get("CSeq")), ("2 INVITE", "3 INVITE")
        )
        self.assertEqual(second.body, first.body)
        self.assertEqual(second.get_all("Contact"), first.get_all("Contact"))
        self.assertFalse(outcome.called)
        self.accept(second)
        self.successResultOf(outcome)
        ack = self.peer.last("ACK")
        self.assertEqual(ack.get("CSeq"), "3 ACK")
        self.assertEqual(
            ack.get_all("Proxy-Authorization"), second.get_all("Proxy-Authorization")
        )
        self.accept(second)
        self.assertEqual(self.peer.last("ACK"), ack)
        self.end(call)

    def test_reinvite_is_challenged_twice(self) -> None:
        """By the proxy and then by the callee."""
        call = self.invite()
        self.answer(call)
        reinvite, outcome = self.refreshed(call)
        for server in (self.proxy, self.callee):
            rows = server.challenges()
            self.peer.answer(reinvite, server.status, headers=rows)
            self.advance()
            reinvite = self.peer.last("INVITE")
        self.accepted(reinvite, self.proxy, self.callee)
        self.accept(reinvite)
        self.successResultOf(outcome)
        self.end(call)

    def test_reinvite_is_refused(self) -> None:
        """With credentials that are refused the session stays as it was."""
        self.passwords = "wrong"
        call = self.invite()
        self.answer(call)
        reinvite, outcome = self.refreshed(call)
        for _ in range(2):
            rows = self.proxy.challenges()
            self.peer.answer(self.peer.last("INVITE"), 407, headers=rows)
            self.advance()
        error = self.failureResultOf(outcome, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.assertEqual(call.state, "Established")
        self.end(call)

    def test_reinvite_that_was_cancelled(self) -> None:
        """One that nobody answers is cancelled; a challenge to it is not answered."""
        call = self.invite()
        self.answer(call)
        reinvite, outcome = self.refreshed(call)
        self.peer.answer(reinvite, 180)
        self.advance(33)
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(reinvite, 407, headers=self.proxy.challenges())
        self.advance()
        error = self.failureResultOf(outcome, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.assertEqual(len(self.sent()), 2)
        self.end(call)

    def test_a_request_of_the_application(self) -> None:
        """An INFO is challenged, and its answer is that to the second one."""
        call = self.invite()
        self.answer(call)
        session = self.successResultOf(call.established)
        outcome = session.request("INFO")
        self.advance()
        self.peer.answer(self.peer.last("INFO"), 401, headers=self.callee.challenges())
        self.advance()
        info = self.peer.last("INFO")
        self.accepted(info, self.callee)
        self.peer.answer(info, 200)
        self.advance()
        self.assertEqual(self.successResultOf(outcome).status, 200)
        self.end(call)


class SlowSessionTests(SlowSourceTestCase):
    """The source takes its time while a session is changed."""

    def challenged(self) -> tuple[Invitation, Deferred[None]]:
        """A call whose re-INVITE was challenged."""
        call = self.invite()
        self.answer(call)
        outcome = self.successResultOf(call.established).refresh()
        self.advance()
        rows = self.proxy.challenges()
        self.peer.answer(self.peer.last("INVITE"), 407, headers=rows)
        self.advance()
        self.assertEqual(len(self.waiting), 1)
        return call, outcome

    def test_hung_up_meanwhile(self) -> None:
        """Then the re-INVITE is not sent again."""
        call, outcome = self.challenged()
        call.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.failureResultOf(outcome, SessionNotModified)
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        self.assertEqual(len(self.sent()), 2)
        self.assert_nothing_left()

    def test_rung_before(self) -> None:
        """What was challenged is not cancelled any more, however long it has rung."""
        call = self.invite()
        self.answer(call)
        outcome = self.successResultOf(call.established).refresh()
        self.advance()
        reinvite = self.peer.last("INVITE")
        self.peer.answer(reinvite, 180)
        self.advance(20)
        self.peer.answer(reinvite, 407, headers=self.proxy.challenges())
        self.advance(20)
        self.assertNotIn("CANCEL", self.peer.methods)
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        again = self.peer.last("INVITE")
        self.accepted(again, self.proxy)
        self.peer.answer(again, 200, sdp=True)
        self.advance()
        self.successResultOf(outcome)
        self.end(call)

    def test_no_credentials_in_a_callback(self) -> None:
        """An answer of the source that comes inside a callback waits until all that is
        being told is told: every observer hears of events in one order.
        """
        seen: list[str] = []

        def first(event: CallEvent) -> None:
            if event.body.event == "request-received":
                self.waiting[0].callback(None)

        self.inviter.add_observer(first)
        self.inviter.add_observer(lambda event: seen.append(event.body.event))
        call, outcome = self.challenged()
        del seen[:]
        self.peer.ask("INFO")
        self.advance()
        self.assertEqual(seen, ["request-received", "warning", "modification-failed"])
        self.failureResultOf(outcome, SessionNotModified)
        self.end(call)

    def test_source_gives_up(self) -> None:
        """A source cancels its own Deferred: the challenge stands, and the call."""
        call, outcome = self.challenged()
        self.waiting[0].cancel()
        error = self.failureResultOf(outcome, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.end(call)

    def test_source_gives_up_at_the_end(self) -> None:
        """The BYE is over all the same, and nothing is left."""
        call = self.invite()
        self.answer(call)
        session = self.successResultOf(call.established)
        over = session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 407, headers=self.proxy.challenges())
        self.advance()
        self.waiting[0].cancel()
        self.advance()
        self.successResultOf(over)
        self.assert_nothing_left()

    def test_nothing_after_the_end(self) -> None:
        """What was challenged is not sent again after a BYE: "The UAC MUST consider the
        session terminated [...] as soon as the BYE request is passed to the client
        transaction" (RFC 3261 section 15.1.1).
        """
        for method in ("INFO", "UPDATE"):
            call = self.invite()
            allow = (("Allow", "INVITE, ACK, BYE, UPDATE"),)
            self.peer.answer(self.peer.last("INVITE"), 200, sdp=True, headers=allow)
            self.advance()
            session = self.successResultOf(call.established)
            asked = session.request("INFO") if method == "INFO" else session.refresh()
            self.advance()
            rows = self.proxy.challenges()
            self.peer.answer(self.peer.last(method), 407, headers=rows)
            self.advance()
            over = session.bye()
            self.advance()
            self.waiting.pop().callback(Credentials("alice", "secret"))
            self.advance()
            self.assertEqual(self.peer.methods[-2:], [method, "BYE"])
            self.peer.answer(self.peer.last("BYE"), 200)
            self.advance()
            self.successResultOf(over)
            self.failureResultOf(asked, TransportFailed, SessionNotModified)
            self.assert_nothing_left()

    def test_rung_twice(self) -> None:
        """What is sent again has its own limit and its own CANCEL, however long the
        first one has rung (RFC 3261 section 14.1).
        """
        call = self.invite()
        self.answer(call)
        outcome = self.successResultOf(call.established).refresh()
        self.advance()
        reinvite = self.peer.last("INVITE")
        self.peer.answer(reinvite, 180)
        self.advance(20)
        self.peer.answer(reinvite, 407, headers=self.proxy.challenges())
        self.advance(20)
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        again = self.peer.last("INVITE")
        self.peer.answer(again, 180)
        self.advance(33)
        self.assertEqual(self.peer.methods[-2:], ["INVITE", "CANCEL"])
        self.assertEqual(self.peer.last("CANCEL").branch, again.branch)
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(again, 487)
        self.advance()
        error = self.failureResultOf(outcome, SessionNotModified).value
        self.assertEqual(error.status, 487)
        self.end(call)

    def test_never(self) -> None:
        """A source that never answers has its limit; then the challenge stands."""
        call, outcome = self.challenged()
        self.advance(PATIENCE + 0.1)
        self.assertEqual(self.given_up, 1)
        error = self.failureResultOf(outcome, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.end(call)
