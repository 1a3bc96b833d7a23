"""An authenticator, requests of a call, and servers that challenge them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import (
    AuthenticationFailed,
    AuthenticationProblem,
)
from sipuac.syntax.message import Request, Response
from sipuac.testing.digest_server import DigestServer
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.ua.authenticator import (
    Authenticator,
    with_credentials,
)
from sipuac.ua.credentials import (
    Credentials,
    CredentialsSource,
    fixed_credentials,
)
from tests.transaction.messages import request_of, response_of

PASSWORD = "correct horse"
ALICE = Credentials("alice", PASSWORD)
USERS = {"alice": PASSWORD}

Rows = list[tuple[str, str]]


def proxy(realm: str = "proxy.example", **options: object) -> DigestServer:
    """A proxy that knows Alice."""
    return DigestServer(realm, USERS, is_proxy=True, **options)  # type: ignore[arg-type]  # as given


def registrar(realm: str = "home.example", **options: object) -> DigestServer:
    """A registrar that knows Alice."""
    return DigestServer(realm, USERS, **options)  # type: ignore[arg-type]  # as given


class AuthenticatorTestCase(SynchronousTestCase):
    """An authenticator with Alice's credentials, and requests of a call."""

    def setUp(self) -> None:
        """Make them."""
        self.authenticator = self.make(fixed_credentials(ALICE))
        self.invite = request_of("INVITE", body=b"v=0\r\n")

    def make(
        self,
        source: CredentialsSource,
        algorithms: Sequence[str] = ("MD5", "SHA-256", "SHA-512-256"),
        qops: Sequence[str] = ("auth", "auth-int"),
    ) -> Authenticator:
        """An authenticator with this source."""
        cnonce = CountingIdentifiers("alice").cnonce
        return Authenticator(source, cnonce, algorithms=algorithms, qops=qops)

    def challenge(
        self, request: Request, rows: Iterable[tuple[str, str]], status: int = 407
    ) -> Response:
        """A final response with these challenges."""
        return response_of(request, status).with_headers(rows)

    def retry(
        self, request: Request, rows: Iterable[tuple[str, str]], status: int = 407
    ) -> Request:
        """The next try, with the answers to these challenges."""
        response = self.challenge(request, rows, status)
        answers = self.successResultOf(self.authenticator.answer(request, response))
        return with_credentials(request, answers)

    def failure(
        self,
        request: Request,
        rows: Iterable[tuple[str, str]],
        problem: AuthenticationProblem,
        status: int = 407,
    ) -> AuthenticationFailed:
        """The failure that these challenges end in."""
        response = self.challenge(request, rows, status)
        failure = self.failureResultOf(
            self.authenticator.answer(request, response), AuthenticationFailed
        )
        error = failure.value
        assert isinstance(error, AuthenticationFailed)
        self.assertIs(error.response, response)
        self.assertIs(error.problem, problem, str(error))
        self.assertNotIn(PASSWORD, str(error))
        return error

    def later(self, method: str) -> Request:
        """A later request of the call with the credentials that it has."""
        request = request_of(method)
        return with_credentials(request, self.authenticator.preemptive(request))
