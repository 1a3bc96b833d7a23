"""Requests outside of dialogs: REGISTER and OPTIONS, each until it has its answer.

RFC 3261 sections 8.1 and 22. One sender is one Call-ID and one row of CSeq numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import SipUri, Uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Authenticator, with_credentials
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.failover import Delivered, request_any


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its final response.

    Attributes:
        request: As it was sent last, without Via.
        response: No challenge that we could answer.
        flow: What it went over.
    """

    request: Request
    response: Response
    flow: IFlow


Builder = Callable[[IFlow, str, int], Request]
"""Makes a request, without Via, for a flow, a Call-ID and a CSeq number."""


class RequestSender:
    """Sends the requests of one Call-ID, one at a time.

    Args:
        endpoint: Carries them.
        authenticator: Answers challenges; None for nobody.

    Attributes:
        authenticator: Answers challenges; None for nobody.
        call_id: Of all its requests.
    """

    def __init__(
        self, endpoint: Endpoint, authenticator: Authenticator | None = None
    ) -> None:
        self.call_id = endpoint.identifiers.call_id()
        self._endpoint = endpoint
        self.authenticator = authenticator
        self._cseq = 0

    @inlineCallbacks
    def send(
        self, next_hop: Uri, build: Builder, *, flow: IFlow | None = None
    ) -> Generator[Deferred[Any], Any, Answered]:
        """Send a request and answer what challenges it.

        Args:
            next_hop: Whose servers get it (RFC 3261 section 8.1.2).
            build: Makes it; called again for each try.
            flow: The connection to use where it is open still (RFC 5626).

        Returns:
            A Deferred with the final response. It fails with `Unreachable`, with
            `AuthenticationFailed` where a challenge cannot be answered, and with
            `LocalProtocolError` where there are too many transactions. Cancelling it
            stops the waiting.
        """
        authenticator = self.authenticator
        self._cseq += 1

        def first(way: IFlow) -> Request:
            made = build(way, self.call_id, self._cseq)
            if authenticator is None:
                return made
            return with_credentials(made, authenticator.preemptive(made))

        is_secure = isinstance(next_hop, SipUri) and next_hop.is_secure
        servers = self._endpoint.servers
        request: Request
        response: Response
        if flow is not None and flow.is_open:
            request = first(flow)
            response = yield self._endpoint.request(request, flow)
        else:
            candidates = servers.candidates(next_hop, is_secure=is_secure)
            delivered: Delivered = yield request_any(self._endpoint, candidates, first)
            request, response = delivered.request, delivered.response
            flow = delivered.flow
        while response.status in (401, 407) and authenticator is not None:
            rows = yield authenticator.answer(request, response)
            if not flow.is_open:
                # The server closes its connections: another one, to the same server.
                near = servers.candidates(next_hop, is_secure=is_secure, near=flow)
                flow = yield near.next_flow()
            # RFC 3261 22.2: "it MUST increment the CSeq header field value as it would
            # normally when sending an updated request."
            self._cseq += 1
            request = with_credentials(build(flow, self.call_id, self._cseq), rows)
            response = yield self._endpoint.request(request, flow)
        if authenticator is not None and response.is_success:
            authenticator.learn(request, response)
        return Answered(request, response, flow)
