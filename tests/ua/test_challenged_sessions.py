"""Challenges of re-INVITEs: of the session as it is changed."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from sipuac.errors import SessionNotModified
from sipuac.syntax.message import Request
from sipuac.ua.credentials import Credentials
from sipuac.ua.invitation import Invitation
from tests.ua.test_challenged_calls import ChallengeTestCase


class ReInviteTests(ChallengeTestCase):
    """Changes of a session that stands."""

    def change(self, call: Invitation) -> Request:
        """Ask for a change of the session; the re-INVITE."""
        assert call.session is not None
        self.changing = call.session.hold()
        self.advance()
        return self.peer.requests("INVITE")[-1]

    def test_reinvite_is_challenged(self) -> None:
        """A re-INVITE that is challenged goes out once more with the next CSeq, and the
        ACK has its credentials (3261-22.2-a, 3261-13.2.2.4-d).
        """
        call = self.invite()
        self.answer(call)
        first = self.change(call)
        self.peer.answer(first, 407, headers=self.proxy.challenges())
        self.advance()
        second = self.peer.requests("INVITE")[-1]
        self.accepted(second, self.proxy)
        self.assertEqual(second.cseq.number, first.cseq.number + 1)
        self.assertEqual(second.body, first.body)
        self.peer.answer(second, 200, sdp=True)
        self.advance()
        self.successResultOf(self.changing)
        ack = self.peer.last("ACK")
        self.assertEqual(ack.cseq.number, second.cseq.number)
        self.assertEqual(
            ack.get_all("Proxy-Authorization"), second.get_all("Proxy-Authorization")
        )
        self.finish(call)

    def finish(self, call: Invitation) -> None:
        """Hang up, and see that nothing is left."""
        bye = self.hang_up(call)
        self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()

    def test_reinvite_has_credentials(self) -> None:
        """A re-INVITE in a call that was challenged has them at once."""
        call = self.standing()
        request = self.change(call)
        self.accepted(request, self.proxy)
        self.peer.answer(request, 200, sdp=True)
        self.advance()
        self.successResultOf(self.changing)
        ack = self.peer.last("ACK")
        self.assertEqual(
            ack.get_all("Proxy-Authorization"), request.get_all("Proxy-Authorization")
        )
        self.finish(call)

    def test_reinvite_is_refused(self) -> None:
        """Where the credentials are refused the session stays as it was."""
        self.passwords = "wrong"
        call = self.invite()
        self.answer(call)
        self.change(call)
        for _ in range(2):
            request = self.peer.requests("INVITE")[-1]
            self.peer.answer(request, 407, headers=self.proxy.challenges())
            self.advance()
        error = self.failureResultOf(self.changing, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.assertEqual(call.state, "Established")
        self.finish(call)

    def test_reinvite_and_a_slow_source(self) -> None:
        """Who is asked for the password has 64*T1 to say it."""
        self.use(lambda realm, method, uri: Deferred())
        call = self.invite()
        self.answer(call)
        request = self.change(call)
        self.peer.answer(request, 407, headers=self.proxy.challenges())
        self.advance(31)
        self.assertNoResult(self.changing)
        self.advance(2)
        self.failureResultOf(self.changing, SessionNotModified)
        self.finish(call)

    def test_hung_up_while_the_source_thinks(self) -> None:
        """A BYE while the source thinks ends the re-INVITE too."""
        asked: list[Deferred[Credentials]] = []

        def source(realm: str, method: str, uri: str) -> Deferred[Credentials]:
            asked.append(Deferred())
            return asked[-1]

        self.use(source)
        call = self.invite()
        self.answer(call)
        request = self.change(call)
        self.peer.answer(request, 407, headers=self.proxy.challenges())
        self.advance()
        bye = self.hang_up(call)
        self.peer.answer(bye, 200)
        self.failureResultOf(self.changing, SessionNotModified)
        asked[0].callback(Credentials("alice", "secret"))
        self.advance()
        self.assertEqual(len(self.peer.requests("INVITE")), 2)
        self.assert_nothing_left()
