"""Challenges of what we send inside the dialogs of one INVITE (RFC 3261 section 22)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.errors import AuthenticationFailed
from sipuac.syntax.message import Request, Response
from sipuac.ua.authenticator import Authenticator, Row, with_credentials
from sipuac.ua.endpoint import Endpoint

_CHALLENGES = (401, 407)
_CREDENTIALS = ("Authorization", "Proxy-Authorization")


class DialogChallenges:
    """Answers them, with one memory for all dialogs of the call.

    Args:
        endpoint: Has the time: whoever is asked for a password has 64*T1 to say it.
        authenticator: Knows the credentials; None for nobody.
        report: Told of challenges that cannot be answered.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: Endpoint,
        authenticator: Authenticator | None,
        report: Callable[[Event], None],
    ) -> None:
        self._endpoint = endpoint
        self._authenticator = authenticator
        self._report = report
        # Answers that the application is still asked for.
        self._asked: set[Deferred[list[Row]]] = set()
        self._is_stopped = False

    def prepared(self, request: Request) -> Request:
        """The request with the credentials that it will be asked for anyway."""
        if self._authenticator is None or credentials_of(request):
            return request
        return with_credentials(request, self._authenticator.preemptive(request))

    def take(
        self,
        request: Request,
        response: Response,
        again: Callable[[Sequence[Row]], object],
    ) -> Deferred[Response] | None:
        """Look whether a final response is a challenge, and answer it.

        Args:
            request: As it was sent, without Via.
            response: The final response to it.
            again: Called with the credentials that the request is to be sent again
                with, now or later.

        Returns:
            None where it is no challenge; otherwise a Deferred that fires with the
            response where the challenge cannot be answered. Nothing fires after `stop`.
        """
        authenticator = self._authenticator
        if authenticator is None:
            return None
        authenticator.learn(request, response)
        if response.status not in _CHALLENGES:
            return None
        given_up: Deferred[Response] = Deferred()
        asked = authenticator.answer(request, response)
        if not asked.called:
            limit = self._endpoint.start_timer(
                self._endpoint.timers.timer_b, asked.cancel
            )
            asked.addBoth(_stop, limit.stop)
        self._asked.add(asked)

        def unknown(failure: Failure) -> None:
            if failure.check(AuthenticationFailed):
                message = failure.getErrorMessage()
                self._report(ProtocolWarning(f"{request.method}: {message}"))
            elif not failure.check(CancelledError):
                self._log.failure("a challenge could not be answered", failure)
            if not self._is_stopped:
                given_up.callback(response)

        def forget(result: object) -> object:
            self._asked.discard(asked)
            return result

        asked.addBoth(forget)
        asked.addCallbacks(again, unknown)
        return given_up

    def stop(self) -> None:
        """Answer no further challenge."""
        self._is_stopped = True
        for asked in list(self._asked):
            asked.cancel()


def credentials_of(request: Request) -> list[Row]:
    """The credentials that a request carries: it was challenged before."""
    return [(name, row) for name in _CREDENTIALS for row in request.get_all(name)]


def _stop(result: object, stop: Callable[[], object]) -> object:
    stop()
    return result
