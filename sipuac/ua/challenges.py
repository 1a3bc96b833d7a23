"""Challenges of requests inside the dialogs of one call (RFC 3261 section 22)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.errors import AuthenticationFailed
from sipuac.syntax.message import Request, Response
from sipuac.ua.authenticator import Authenticator, Row, with_credentials

_CHALLENGES = (401, 407)
_FIELDS = ("Authorization", "Proxy-Authorization")

#: Seconds that whoever gives the credentials has for them, inside a dialog.
PATIENCE = 32.0


class Challenges:
    """Gives requests their credentials, and answers what challenges them.

    Args:
        authenticator: Of the call; None where there are no credentials.
        clock: The only source of time.
        report: Told which challenge could not be answered.
        submit: Performs what comes late as an input of its own.
    """

    _log = Logger()

    def __init__(
        self,
        authenticator: Authenticator | None,
        clock: IReactorTime,
        report: Callable[[Event], None],
        submit: Callable[..., None],
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._report = report
        self._submit = submit
        # Answers that the application is still asked for.
        self._asked: set[Deferred[list[Row]]] = set()

    def authorized(self, request: Request) -> Request:
        """The request with credentials for the realms that have challenged this call.

        One that was challenged itself has its own already.
        """
        authenticator = self._authenticator
        if authenticator is None or authenticator.is_fresh or credentials_of(request):
            return request
        return with_credentials(request, authenticator.preemptive(request))

    def answer(
        self,
        request: Request,
        response: Response,
        again: Callable[[Sequence[Row]], object],
        final: Callable[[], object],
    ) -> Deferred[list[Row]] | None:
        """Deal with a final response.

        Args:
            request: As it was sent, without Via.
            response: Its final response.
            again: Called with the credentials to send the request again with.
            final: Called where the response is to be taken as it is.

        Returns:
            Who is asked for credentials, perhaps for some time; cancelling it means
            that neither is called. None where nobody is.
        """
        authenticator = self._authenticator
        if authenticator is not None:
            authenticator.learn(request, response)
        if authenticator is None or response.status not in _CHALLENGES:
            final()
            return None
        asked = authenticator.answer(request, response)
        asked.addTimeout(PATIENCE, self._clock)
        self._asked.add(asked)

        def known(rows: list[Row]) -> None:
            again(rows)

        def unknown(failure: Failure) -> None:
            if failure.check(CancelledError):
                return
            # Whoever gives the credentials may do so inside a callback of ours.
            if is_now:
                give_up(failure)
            else:
                self._submit(give_up, failure)

        def give_up(failure: Failure) -> None:
            if failure.check(TookTooLong):
                why = f"no credentials within {PATIENCE:g} s"
                self._report(ProtocolWarning(f"{request.method}: {why}"))
            elif failure.check(AuthenticationFailed):
                why = failure.getErrorMessage()
                self._report(ProtocolWarning(f"{request.method}: {why}"))
            else:
                self._log.failure("a challenge could not be answered", failure)
            final()

        def forget(result: object) -> object:
            self._asked.discard(asked)
            return result

        asked.addBoth(forget)
        is_now = True
        asked.addCallbacks(known, unknown)
        is_now = False
        return asked

    def stop(self) -> None:
        """Answer no further challenge."""
        for asked in list(self._asked):
            asked.cancel()


def credentials_of(request: Request) -> list[Row]:
    """The credentials that a request has."""
    return [(name, value) for name in _FIELDS for value in request.get_all(name)]
