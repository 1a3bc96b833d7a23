"""What a forking proxy keeps of one request (RFC 3261 sections 16.6 to 16.10).

The request goes to groups of targets, one group after the other, to all targets of a
group at once. All that the proxy decides about responses is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from sipuac.errors import ResolutionFailed, TransportFailed, Unreachable
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import Uri
from sipuac.testing.routing import with_next_hop, with_record_route, with_request_uri
from sipuac.testing.transactions import DrivenClient, DrivenServer
from sipuac.transaction.derived import cancel_of
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.proxy import ForkingProxy

Headers = tuple[tuple[str, str], ...]

# "Preference to responses that provide information affecting resubmission of this
# request, such as 401, 407, 415, 420, and 484 if the 4xx class is chosen" (16.7 item
# 6).
_PREFERRED = (401, 407, 415, 420, 484)
# These only say that the proxy gave up on somebody.
_LEAST = (408, 487)

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


class ResponseContext:
    """All that belongs to one request that the proxy forwards.

    Args:
        proxy: The proxy.
        server: The transaction of the request.
        request: The request, its own routes taken off and its Max-Forwards counted.
        groups: The targets.

    Attributes:
        branches: Where it was sent.
        best: The non-2xx final response that was chosen; None while there is none.
        has_final: Whether a final response was forwarded.
        is_over: Whether every transaction has ended.
    """

    def __init__(
        self,
        proxy: ForkingProxy,
        server: DrivenServer,
        request: Request,
        groups: Iterable[Iterable[Uri]],
    ) -> None:
        self.proxy = proxy
        self.server = server
        self.request = request
        self.branches: list[Branch] = []
        self.best: Response | None = None
        self.has_final = False
        self.is_over = False
        self._groups = deque(tuple(group) for group in groups)
        self._is_closed = False
        self._told_ended: set[str] = set()
        server.on_end = self.check_end

    def begin(self) -> None:
        """Forward the request to the first group."""
        self._proceed()

    def cancel(self, headers: Headers = ()) -> None:
        """Cancel all pending branches and begin no further one (section 16.10)."""
        self._is_closed = True
        for branch in self.branches:
            branch.cancel(headers)

    def response_received(self, branch: Branch, response: Response) -> None:
        """A response came from a client transaction (section 16.7)."""
        status = response.status
        if status == 100:
            return
        forwarded = response.without_top_via()
        if forwarded.get("Via") is None:
            return  # "the response was meant for this element"
        if status < 200:
            if not self.has_final:
                self._note_199(forwarded)
                self.server.respond(forwarded)
        elif status < 300:
            if self._is_invite or not self.has_final:
                self.has_final = True
                self.server.respond(forwarded)
                self.cancel(_reason(status, "Call completed elsewhere"))
        else:
            branch.final = forwarded
            self.branch_finished(branch)

    def branch_finished(self, branch: Branch) -> None:
        """A branch has its final response, and it is none of 2xx."""
        final = branch.final
        if final is not None and final.status >= 600:
            self.cancel(_reason(final.status, final.reason))
        self._proceed(branch)

    def check_end(self) -> None:
        """Forget the context once all its transactions have ended."""
        if self.is_over or not self.server.is_over:
            return
        if all(branch.is_over for branch in self.branches):
            self.is_over = True
            self.proxy.forget_context(self)

    # -- inside ---------------------------------------------------------------------

    @property
    def _is_invite(self) -> bool:
        return self.request.method == "INVITE"

    def _proceed(self, finished: Branch | None = None) -> None:
        is_waiting = any(branch.final is None for branch in self.branches)
        has_more = bool(self._groups) and not self._is_closed
        if finished is not None and (is_waiting or has_more):
            self._tell_ended(finished)
        if is_waiting:
            return
        if has_more:
            group = [Branch(self, target) for target in self._groups.popleft()]
            self.branches += group
            for branch in group:
                branch.forward()
        elif not self.has_final:
            self.has_final = True
            self.best = self._best()
            self.server.respond(self.best)
        self.check_end()

    def _best(self) -> Response:
        """The best of the final responses (16.7 items 6 and 7)."""
        finals = [branch.final for branch in self.branches if branch.final is not None]
        if not finals:
            tag = self.proxy.identifiers.tag()
            return response_to(self.request, 408, to_tag=tag)
        global_ones = [final for final in finals if final.status >= 600]
        lowest = min(final.status // 100 for final in finals)
        chosen = global_ones or [f for f in finals if f.status // 100 == lowest]
        best = min(chosen, key=_rank)
        if best.status == 503:
            # "If the only response that was received is a 503, the proxy SHOULD
            # generate a 500 response and forward that upstream."
            tag = self.proxy.identifiers.tag()
            return response_to(self.request, 500, to_tag=tag)
        if best.status in (401, 407):
            others = [f for f in finals if f is not best and f.status in (401, 407)]
            best = best.with_headers(
                (name, challenge)
                for final in others
                for name in ("WWW-Authenticate", "Proxy-Authenticate")
                for challenge in final.get_all(name)
            )
        return best

    def _note_199(self, response: Response) -> None:
        if response.status == 199 and response.to_tag is not None:
            self._told_ended.add(response.to_tag)

    def _tell_ended(self, branch: Branch) -> None:
        """Send 199 for the early dialogs of a failed branch (RFC 6228 section 6)."""
        request, final = self.request, branch.final
        if not self.proxy.sends_199 or self.has_final or final is None:
            return
        if final.is_success or not request.has_token("Supported", "199"):
            return
        if request.has_token("Require", "100rel"):
            return
        for tag in sorted(branch.early_tags - self._told_ended):
            reason = _reason(final.status, final.reason)
            self.server.respond(
                response_to(request, 199, to_tag=tag, headers=reason).without(
                    "Record-Route"
                )
            )


def _rank(response: Response) -> tuple[int, int]:
    status = response.status
    if status in _PREFERRED:
        return (0, _PREFERRED.index(status))
    return (2, 0) if status in _LEAST or status == 503 else (1, 0)


def _reason(status: int, text: str) -> Headers:
    return (("Reason", f'SIP;cause={status};text="{text}"'),)


def _request_target(uri: Uri) -> Uri:
    return uri.request_target() if hasattr(uri, "request_target") else uri
