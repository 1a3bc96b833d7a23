"""One target of a request that a proxy forwards (RFC 3261 sections 16.6 to 16.9)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from sipuac.errors import ResolutionFailed, TransportFailed, Unreachable
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Response, response_to
from sipuac.syntax.uri import SipUri, Uri
from sipuac.testing.routing import with_next_hop, with_record_route, with_request_uri
from sipuac.testing.transactions import DrivenClient
from sipuac.transaction.derived import cancel_of
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.response_context import ResponseContext

Headers = tuple[tuple[str, str], ...]

_RECORD_ROUTED = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY")


class Branch:
    """One target of a request.

    Attributes:
        target: Where it goes.
        client: The client transaction; None until the next hop is found.
        final: The first final response, made up where none came; None until then.
        early_tags: To tags of the early dialogs that came this way.
        is_over: Whether nothing more can come.
    """

    def __init__(self, context: ResponseContext, target: Uri) -> None:
        self.target = target
        self.client: DrivenClient | None = None
        self.final: Response | None = None
        self.early_tags: set[str] = set()
        self.is_over = False
        self._context = context
        self._proxy = context.proxy
        self._is_proceeding = False
        self._cancel: Headers | None = None
        self._was_cancelled = False
        self._destinations: deque[Destination] = deque()
        self._timer_c: IDelayedCall | None = None
        self._ring_time: IDelayedCall | None = None
        self._patience: IDelayedCall | None = None
        self._connecting: Deferred[None] | None = None
        request = with_request_uri(context.request, _request_target(target))
        self._request, self._next_hop = with_next_hop(request)

    def forward(self) -> None:
        """Find the next hop and send the request there (16.6 items 7 to 11)."""
        if self._proxy.ring_time is not None and self._is_invite:
            self._ring_time = self._proxy.later(self._proxy.ring_time, self._give_up)
        found = self._proxy.destinations(self._next_hop)
        self._connecting = found.addCallback(self._try_in_turn)
        self._connecting.addErrback(self._failed)

    def cancel(self, headers: Headers) -> None:
        """Send CANCEL, once, as soon as a provisional response has come (9.1)."""
        if self.final is not None or self._was_cancelled or not self._is_invite:
            return
        self._cancel = headers
        if self.client is None:
            self._finish(487)
            if self._connecting is not None:
                self._connecting.cancel()
        elif self._is_proceeding:
            self._send_cancel()

    # -- inside ---------------------------------------------------------------------

    @property
    def _is_invite(self) -> bool:
        return self._request.method == "INVITE"

    def _try_in_turn(self, destinations: list[Destination]) -> Deferred[None]:
        self._destinations.extend(destinations)
        return self._connect()

    def _connect(self) -> Deferred[None]:
        destination = self._destinations.popleft()
        connected = self._proxy.transport.connect(destination)
        return connected.addCallback(self._send)

    def _send(self, flow: IFlow) -> None:
        self._connecting = None
        if self.final is not None:
            return
        self._proxy.note_own(flow)
        request = self._request
        if self._proxy.record_routes and request.method in _RECORD_ROUTED:
            request = with_record_route(request, self._context.server.flow, flow)
        request = self._proxy.with_own_via(request, flow)
        self.client = self._proxy.transactions.start_client(
            request, flow, self._response_received, self._client_failed, self._ended
        )
        self._set_timer_c()
        self._proxy.transactions.begin(self.client)

    def _response_received(self, response: Response) -> None:
        status = response.status
        if status < 200:
            self._is_proceeding = True
            if status > 100:
                self._set_timer_c()
                if response.to_tag is not None:
                    self.early_tags.add(response.to_tag)
        elif self.final is None:
            self.final = response
            self._stop_timers()
        # Through the context first: who is told of a response must not have to wait
        # for the CANCEL that it sets free.
        self._context.response_received(self, response)
        if self._cancel is not None and self._is_proceeding:
            self._send_cancel()

    def _send_cancel(self) -> None:
        if self._was_cancelled or self.final is not None or self.client is None:
            return
        self._was_cancelled = True
        cancel = cancel_of(self.client.request, self._cancel or ())
        transactions = self._proxy.transactions
        transactions.begin(transactions.start_client(cancel, self.client.flow))
        # 9.1: with no final response "in 64*T1 seconds [...] the client SHOULD then
        # consider the original transaction cancelled and SHOULD destroy the client
        # transaction handling the original request."
        wait = 64 * self._proxy.timers.t1
        self._patience = self._proxy.later(wait, lambda: self._abandon(487))

    def _client_failed(self, error: Unreachable) -> None:
        if self.final is not None:
            return
        if self._destinations and self._cancel is None:
            self.client = None
            self._stop_timers()
            self._connecting = self._connect()
            self._connecting.addErrback(self._failed)
        else:
            self._finish(error.status)

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        if self.final is not None:
            return  # cancelled meanwhile
        failure.trap(TransportFailed, ResolutionFailed)
        if self._destinations:
            self._connecting = self._connect()
            self._connecting.addErrback(self._failed)
        else:
            # 16.9: "as if the forwarded request received a 503".
            self._finish(503)

    def _finish(self, status: int) -> None:
        """End without a response from the target, as if it had answered this."""
        tag = self._proxy.identifiers.tag()
        self.final = response_to(self._context.request, status, to_tag=tag)
        self._stop_timers()
        if self.client is None:
            self.is_over = True
        self._context.branch_finished(self)

    def _abandon(self, status: int) -> None:
        if self.final is None:
            self._finish(status)
        if self.client is not None:
            self.client.end()

    def _ended(self) -> None:
        if self.client is not None and self.client.is_over:
            self.is_over = True
            self._stop_timers()
            self._context.check_end()

    def _set_timer_c(self) -> None:
        if not self._is_invite:
            return
        self._proxy.forget(self._timer_c)
        self._timer_c = self._proxy.later(self._proxy.timer_c, self._give_up)

    def _give_up(self) -> None:
        """Timer C fired, or the target has rung long enough (section 16.8)."""
        if self._is_proceeding:
            self.cancel(())
        else:
            self._abandon(408)

    def _stop_timers(self) -> None:
        for call in (self._timer_c, self._ring_time, self._patience):
            self._proxy.forget(call)


def _request_target(uri: Uri) -> Uri:
    return uri.request_target() if isinstance(uri, SipUri) else uri
