"""Requests of ours inside the dialogs of one INVITE, and their credentials.

Each is sent once, and once more for each challenge that can be answered; then its final
response, or why there is none, is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.dialog.effects import SendInDialog
from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.errors import (
    AuthenticationFailed,
    LocalProtocolError,
    TransportFailed,
    Unreachable,
)
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Authenticator, Row, with_credentials
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import Endpoint

_CHALLENGES = (401, 407)

Finished = Callable[[int, Response | Unreachable], object]
Again = Callable[[int, Request, Sequence[Row]], object]


class DialogRequests:
    """Sends the requests of the dialogs of one INVITE.

    Args:
        endpoint: Carries them.
        flows: Find their way.
        authenticator: Answers challenges; None for nobody.
        report: Told what could not be sent.
        finished: Called with the number of a request and its final response, or why
            there is none.
        again: Called with the number of a request, the request and the credentials that
            it is to be sent again with.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: Endpoint,
        flows: DialogFlows,
        authenticator: Authenticator | None,
        report: Callable[[Event], None],
        finished: Finished,
        again: Again,
    ) -> None:
        self._endpoint = endpoint
        self._flows = flows
        self._authenticator = authenticator
        self._report = report
        self._finished = finished
        self._again = again
        # Answers to challenges that the application is still asked for.
        self._asked: set[Deferred[list[Row]]] = set()

    def send(self, effect: SendInDialog) -> None:
        """Send a request, after all that was sent in its dialog before."""
        number, request = effect.number, effect.request
        authenticator = self._authenticator
        if authenticator is not None and not _has_credentials(request):
            request = with_credentials(request, authenticator.preemptive(request))

        def send(flow: IFlow) -> None:
            sent = self._endpoint.request(request, flow)
            sent.addCallbacks(answered, failed)

        def answered(response: Response) -> None:
            self._answered(number, request, response)

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            error = failure.value
            if not isinstance(error, Unreachable):
                error = TransportFailed(str(error))
            self._finished(number, error)

        def refused(error: Unreachable) -> None:
            message = f"{request.method} could not be sent: {error}"
            self._report(ProtocolWarning(message))
            self._finished(number, error)

        self._flows.send(effect.branch, effect.next_hop, send, refused)

    def _answered(self, number: int, request: Request, response: Response) -> None:
        authenticator = self._authenticator
        if authenticator is None:
            self._finished(number, response)
            return
        authenticator.learn(request, response)
        if response.status not in _CHALLENGES:
            self._finished(number, response)
            return
        asked = authenticator.answer(request, response)
        self._asked.add(asked)

        def known(rows: list[Row]) -> None:
            self._again(number, request, rows)

        def unknown(failure: Failure) -> None:
            if failure.check(CancelledError):
                return
            if failure.check(AuthenticationFailed):
                message = f"{request.method}: {failure.getErrorMessage()}"
                self._report(ProtocolWarning(message))
            else:
                self._log.failure("a challenge could not be answered", failure)
            self._finished(number, response)

        def forget(result: object) -> object:
            self._asked.discard(asked)
            return result

        asked.addBoth(forget)
        asked.addCallbacks(known, unknown)

    def stop(self) -> None:
        """Answer no further challenge."""
        for asked in list(self._asked):
            asked.cancel()


def _has_credentials(request: Request) -> bool:
    """Whether it was challenged before, and has its answers."""
    return any(
        request.get(name) is not None
        for name in ("Authorization", "Proxy-Authorization")
    )
