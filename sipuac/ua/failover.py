"""Sends a request that is not an INVITE to the first server that takes it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from sipuac.errors import Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.candidates import Candidates
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.transaction_driver import FinalResponse


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a request.

    Attributes:
        request: As it was sent, without Via.
        response: The final response.
        flow: The flow that it went over.
    """

    request: Request
    response: Response
    flow: IFlow


class _Answers(FinalResponse):
    """Waits for the final response, and tells of every one."""

    __slots__ = ("_candidates",)

    def __init__(self, candidates: Candidates) -> None:
        super().__init__()
        self._candidates = candidates

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self._candidates.response_received(response)
        super().response_received(response)


@inlineCallbacks
def request_any(
    endpoint: Endpoint, candidates: Candidates, build: Callable[[IFlow], Request]
) -> Generator[Deferred[Any], Any, Delivered]:
    """Send a request to one server after another (RFC 3263 section 4.3).

    Args:
        endpoint: Sends it.
        candidates: The servers.
        build: Makes the request for a flow, the same one each time but for what the
            flow says, and without the Via of this hop: that gets a new branch.

    Returns:
        A Deferred with the response that ends the search: the first that is not 503, or
        the last 503. It fails with `Unreachable` where no response came, and with
        `LocalProtocolError`. Cancelling it stops the waiting.
    """
    refused: Delivered | None = None
    while True:
        try:
            flow: IFlow = yield candidates.next_flow()
            answers = _Answers(candidates)
            request = build(flow)
            answered = answers.deferred()
            endpoint.start_client(request, flow, answers)
            response: Response = yield answered
        except Unreachable as error:
            if candidates.may_go_on(error):
                continue
            if refused is not None:
                return refused
            raise
        refused = Delivered(request, response, flow)
        if not candidates.may_go_on(response):
            return refused
