"""Requests of ours, other than INVITE, inside the dialogs of one INVITE.

Each is sent once, and once more for each challenge that can be answered; then its final
response, or why there is none, is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.python.failure import Failure

from sipuac.dialog.effects import SendInDialog
from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.errors import LocalProtocolError, TransportFailed, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Row
from sipuac.ua.dialog_challenges import DialogChallenges
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import Endpoint

Finished = Callable[[int, Response | Unreachable], object]
Again = Callable[[int, Request, Sequence[Row]], object]


class DialogRequests:
    """Sends the requests of the dialogs of one INVITE.

    Args:
        endpoint: Carries them.
        flows: Find their way.
        challenges: Answers challenges.
        report: Told what could not be sent.
        finished: Called with the number of a request and its final response, or why
            there is none.
        again: Called with the number of a request, the request and the credentials that
            it is to be sent again with.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        flows: DialogFlows,
        challenges: DialogChallenges,
        report: Callable[[Event], None],
        finished: Finished,
        again: Again,
    ) -> None:
        self._endpoint = endpoint
        self._flows = flows
        self._challenges = challenges
        self._report = report
        self._finished = finished
        self._again = again

    def send(self, effect: SendInDialog) -> None:
        """Send a request, after all that was sent in its dialog before."""
        number = effect.number
        request = self._challenges.prepared(effect.request)

        def send(flow: IFlow) -> None:
            sent = self._endpoint.request(request, flow)
            sent.addCallbacks(answered, failed)

        def answered(response: Response) -> None:
            given_up = self._challenges.take(request, response, again)
            if given_up is None:
                finished(response)
            else:
                given_up.addCallback(finished)

        def again(rows: Sequence[Row]) -> None:
            self._again(number, request, rows)

        def finished(result: Response | Unreachable) -> None:
            self._finished(number, result)

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            error = failure.value
            if not isinstance(error, Unreachable):
                error = TransportFailed(str(error))
            finished(error)

        def refused(error: Unreachable) -> None:
            message = f"{request.method} could not be sent: {error}"
            self._report(ProtocolWarning(message))
            finished(error)

        self._flows.send(effect.branch, effect.next_hop, send, refused)
