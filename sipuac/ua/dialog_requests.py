"""Requests of ours inside the dialogs of one INVITE that are no re-INVITE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.python.failure import Failure

from sipuac.dialog.effects import SendInDialog
from sipuac.dialog.events import ProtocolWarning
from sipuac.errors import LocalProtocolError, TransportFailed, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Row
from sipuac.ua.call_report import CallReport
from sipuac.ua.challenges import Challenges
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import Endpoint

Finished = Callable[[int, Response | Unreachable], object]
Again = Callable[[int, Request, Sequence[Row]], object]


class DialogRequests:
    """Sends the requests of the dialogs of one INVITE.

    Each is sent once, and once more for each challenge that can be answered.

    Args:
        endpoint: Carries them.
        flows: Find their way.
        challenges: Answers what challenges them.
        reporter: Told what could not be sent.
        finished: Called with the number of a request and its final response, or why
            there is none.
        again: Called with the number of a request, the request and the credentials that
            it is to be sent again with.
    """

    __slots__ = (
        "_again",
        "_challenges",
        "_endpoint",
        "_finished",
        "_flows",
        "_reporter",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        flows: DialogFlows,
        challenges: Challenges,
        reporter: CallReport,
        *,
        finished: Finished,
        again: Again,
    ) -> None:
        self._endpoint = endpoint
        self._flows = flows
        self._challenges = challenges
        self._reporter = reporter
        self._finished = finished
        self._again = again

    def send(self, effect: SendInDialog) -> None:
        """Send a request, after all that was sent in its dialog before."""
        number = effect.number
        request = self._challenges.authorized(effect.request)

        def send(flow: IFlow) -> None:
            sent = self._endpoint.request(request, flow)
            sent.addCallbacks(answered, failed)

        def answered(response: Response) -> None:
            self._challenges.answer(
                request,
                response,
                lambda rows: self._again(number, request, rows),
                lambda: self._finished(number, response),
            )

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            error = failure.value
            if not isinstance(error, Unreachable):
                error = TransportFailed(str(error))
            self._finished(number, error)

        def refused(error: Unreachable) -> None:
            message = f"{request.method} could not be sent: {error}"
            self._reporter.report(ProtocolWarning(message))
            self._finished(number, error)

        self._flows.send(effect.branch, effect.next_hop, send, refused)
