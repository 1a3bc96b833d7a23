"""Where an authenticator has its credentials from."""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import capturedLogs

from sipuac.errors import (
    AuthenticationFailed,
    AuthenticationProblem,
)
from sipuac.testing.digest_server import Verdict
from sipuac.ua.authenticator import (
    with_credentials,
)
from sipuac.ua.credentials import (
    Credentials,
    CredentialsSource,
    credentials_by_realm,
)
from tests.transaction.messages import request_of
from tests.ua.authentication import (
    ALICE,
    PASSWORD,
    AuthenticatorTestCase,
    proxy,
    registrar,
)


class SourceTests(AuthenticatorTestCase):
    """Where the credentials come from."""

    def test_asked_by_realm(self) -> None:
        """The application is given the realm, the method and the Request-URI
        (3261-22.1-c); once for a realm, whoever challenges in it.
        """
        asked = []

        def source(realm: str, method: str, uri: str) -> Credentials:
            asked.append((realm, method, uri))
            return ALICE

        self.authenticator = self.make(source)
        rows = [*proxy("a").challenges(), *registrar("a").challenges()]
        self.retry(self.invite, [*rows, *proxy("b").challenges()])
        uri = self.invite.uri_text
        self.assertEqual(asked, [("a", "INVITE", uri), ("b", "INVITE", uri)])

    def test_not_asked_in_vain(self) -> None:
        """Nobody is asked for credentials that policy would not let us use."""
        asked: list[str] = []

        def source(realm: str, method: str, uri: str) -> None:
            asked.append(realm)

        self.authenticator = self.make(source, ["SHA-256"])
        rows = proxy("a").challenges()
        self.failure(self.invite, rows, AuthenticationProblem.UNSUPPORTED)
        self.assertEqual(asked, [])

    def test_deferred_and_coroutine(self) -> None:
        """The credentials may come later: a Deferred or a coroutine."""

        async def source(realm: str, method: str, uri: str) -> Credentials:
            return ALICE

        for given in (lambda *_: succeed(ALICE), source):
            self.authenticator = self.make(given)
            server = proxy()
            request = self.retry(self.invite, server.challenges())
            self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_later(self) -> None:
        """While the source works, the authenticator has no answer."""
        waiting: Deferred[Credentials | None] = Deferred()
        self.authenticator = self.make(lambda *_: waiting)
        server = proxy()
        response = self.challenge(self.invite, server.challenges())
        answer = self.authenticator.answer(self.invite, response)
        self.assertNoResult(answer)
        self.assertEqual(self.authenticator.preemptive(request_of("BYE")), [])
        waiting.callback(ALICE)
        rows = self.successResultOf(answer)
        request = with_credentials(self.invite, rows)
        self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_cancelled(self) -> None:
        """Cancelling the answer cancels what the source gave; nothing is remembered."""
        waiting: Deferred[Credentials | None] = Deferred()
        self.authenticator = self.make(lambda *_: waiting)
        rows = [*proxy("a").challenges(), *proxy("b").challenges()]
        response = self.challenge(self.invite, rows)
        answer = self.authenticator.answer(self.invite, response)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertTrue(waiting.called)
        self.assertEqual(self.authenticator.preemptive(request_of("BYE")), [])

    def test_source_gives_up(self) -> None:
        """A source that cancels what it waits for has failed like any other: we have
        not given up.
        """
        waiting: Deferred[Credentials | None] = Deferred()
        self.authenticator = self.make(lambda *_: waiting)
        response = self.challenge(self.invite, proxy("a").challenges())
        answer = self.authenticator.answer(self.invite, response)
        waiting.cancel()
        error = self.failureResultOf(answer, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.SOURCE_FAILED)

    def test_no_credentials(self) -> None:
        """Realms without credentials are named, those with are answered (3261-22.3-a,
        8760-2.4-b).
        """
        self.authenticator = self.make(credentials_by_realm({"known": ALICE}))
        error = self.failure(
            self.invite,
            [*proxy("a").challenges(), *registrar("b").challenges()],
            AuthenticationProblem.NO_CREDENTIALS,
        )
        self.assertEqual(set(error.realms), {"a", "b"})
        self.assertIn("no credentials for realm 'b'", str(error))
        known = proxy("known")
        rows = [*proxy("a").challenges(), *known.challenges()]
        request = self.retry(self.invite, rows)
        self.assertIs(known.verdict(request), Verdict.RIGHT)
        rows = proxy("a").challenges()
        self.failure(request, rows, AuthenticationProblem.NO_CREDENTIALS)

    def test_failing_source(self) -> None:
        """A source that fails, or gives what are no credentials, is a failure with that
        as its cause; of what it said, nothing is logged.
        """

        def raising(realm: str, method: str, uri: str) -> Credentials:
            raise RuntimeError(f"not {PASSWORD}")

        sources: list[tuple[CredentialsSource, type[Exception]]] = [
            (raising, RuntimeError),
            (lambda *_: fail(OSError(PASSWORD)), OSError),
            (cast(CredentialsSource, lambda *_: (PASSWORD,)), TypeError),
        ]
        with capturedLogs() as events:
            for source, kind in sources:
                self.authenticator = self.make(source)
                rows = proxy("a").challenges()
                problem = AuthenticationProblem.SOURCE_FAILED
                error = self.failure(self.invite, rows, problem)
                self.assertIsInstance(error.__cause__, kind)
        self.assertEqual([event["realm"] for event in events], ["'a'"] * 3)
        self.assertNotIn(PASSWORD, repr(events))

    def test_one_source_failure_of_two(self) -> None:
        """Where the source fails for one realm, others are answered all the same."""

        def source(realm: str, method: str, uri: str) -> Credentials:
            if realm == "a":
                raise RuntimeError
            return ALICE

        self.authenticator = self.make(source)
        server = proxy("b")
        rows = [*proxy("a").challenges(), *server.challenges()]
        request = self.retry(self.invite, rows)
        self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_shown_to_nobody(self) -> None:
        """No secret is in the text of an authenticator that has been used."""
        self.retry(self.invite, proxy().challenges())
        self.assertNotIn(PASSWORD, repr(self.authenticator))
        self.assertNotIn("alice", repr(self.authenticator))
