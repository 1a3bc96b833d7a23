"""A stateful forking proxy for tests, by RFC 3261 section 16 and RFC 6026.

    proxy = ForkingProxy(
        network.transport("192.0.2.5"),
        clock,
        {"bob": parallel("sip:desk@192.0.2.6", "sip:mobile@192.0.2.7")},
    )

It forwards every 2xx at once, keeps every 100 to itself, chooses the best of the other
final responses, cancels what is pending after a 2xx or 6xx, and stays on the path by
Record-Route. It authenticates nobody, registers nobody and follows no redirection;
never put it on an open network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from sipuac.errors import TransportFailed
from sipuac.resolver import IResolver
from sipuac.syntax.destination import DEFAULT_PORTS
from sipuac.syntax.fields import Via
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import SipUri, Uri, parse_uri
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.response_context import ResponseContext
from sipuac.testing.routing import (
    with_next_hop,
    with_one_hop_less,
    with_request_uri,
    without_own_routes,
)
from sipuac.testing.station import Station
from sipuac.testing.transactions import Transactions
from sipuac.transaction.timers import Timers
from sipuac.transport.interfaces import IFlow, ITransportLayer
from sipuac.ua.identifiers import Identifiers

#: Groups of targets: one group after the other, all targets of a group at once.
Targets = Sequence[Sequence[str]]


def parallel(*uris: str) -> Targets:
    """All of these at once."""
    return (uris,)


def serial(*uris: str) -> Targets:
    """One of these after the other."""
    return tuple((uri,) for uri in uris)


class ForkingProxy(Station):
    """The proxy; see the module.

    Args:
        transport: Where it listens and sends; it becomes its receiver.
        clock: The only source of time.
        location: Targets by the user part of the Request-URI; may be changed later.
        domains: Host names that it is responsible for, beside its own addresses.
        name: Prefix of its identifiers.
        record_routes: Whether it stays on the path of dialogs.
        sends_199: Whether it tells which early dialogs have ended (RFC 6228), when the
            caller supports it.
        honours_no_fork: Whether it obeys `no-fork` and `sequential` of RFC 3841; most
            proxies do not.
        ring_time: Seconds after which it gives up on a target and cancels it, as a
            hunting proxy does; None: never.
        timer_c: Seconds of timer C; an honest proxy has more than 180.
        timers: T1, T2 and T4.
        identifiers: Its branches and tags; counted ones by default.
        resolver: Finds the next hops.

    Attributes:
        contexts: The requests that are not over yet.
        transactions: The transactions that are not over yet.
        dropped: Responses that matched no transaction (RFC 6026 section 7.3).
    """

    def __init__(
        self,
        transport: ITransportLayer,
        clock: IReactorTime,
        location: Mapping[str, Targets],
        *,
        domains: Sequence[str] = (),
        name: str = "proxy",
        record_routes: bool = True,
        sends_199: bool = False,
        honours_no_fork: bool = False,
        ring_time: float | None = None,
        timer_c: float = 181.0,
        timers: Timers = Timers(),  # noqa: B008 (a frozen value)
        identifiers: Identifiers | None = None,
        resolver: IResolver | None = None,
    ) -> None:
        super().__init__(transport, clock, name, resolver)
        self.location = dict(location)
        self.record_routes = record_routes
        self.sends_199 = sends_199
        self.honours_no_fork = honours_no_fork
        self.ring_time = ring_time
        self.timer_c = timer_c
        self.timers = timers
        self.identifiers: Identifiers = identifiers or CountingIdentifiers(name)
        self.transactions = Transactions(self, timers)
        self.contexts: list[ResponseContext] = []
        self.dropped: list[Response] = []
        self._domains = frozenset(domain.lower() for domain in domains)
        self._own: set[tuple[str, int]] = set()

    # -- what comes -----------------------------------------------------------------

    def request_received(self, request: Request, flow: IFlow) -> None:
        """See `Station`."""
        self.note_own(flow)
        if self.transactions.is_known(request):
            return
        if request.method == "ACK":
            self._forward_stateless(request)
        elif request.method == "CANCEL":
            self._cancel_received(request, flow)
        else:
            self._forward(request, flow)

    def response_received(self, response: Response, flow: IFlow) -> None:
        """See `Station`."""
        if not self.transactions.response_received(response):
            self.dropped.append(response)

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `Station`."""
        self.transactions.flow_failed(flow, error)

    def _forward(self, request: Request, flow: IFlow) -> None:
        server = self.transactions.start_server(request, flow)
        server.on_ack = lambda ack, flow: self._forward_stateless(ack)
        if request.method == "INVITE":
            server.respond(response_to(request, 100))
        status, headers = self._invalid(request)
        if status:
            server.respond(self._refusal(request, status, headers))
            return
        forwarded = without_own_routes(with_one_hop_less(request), self.is_own)
        if not isinstance(forwarded.uri, SipUri):
            server.respond(self._refusal(request, 416))
        elif self._is_for_itself(forwarded):
            status = 200 if request.method == "OPTIONS" else 404
            server.respond(self._refusal(request, status))
        else:
            groups = self._targets(forwarded)
            if groups is None:
                server.respond(self._refusal(request, 404))
            elif not any(groups):
                server.respond(self._refusal(request, 480))
            else:
                context = ResponseContext(self, server, forwarded, groups)
                self.contexts.append(context)
                context.begin()

    def _cancel_received(self, cancel: Request, flow: IFlow) -> None:
        """Cancel what is pending (section 16.10)."""
        invite = self.transactions.invite_for_cancel(cancel)
        server = self.transactions.start_server(cancel, flow)
        context = next((c for c in self.contexts if c.server is invite), None)
        if context is None:
            # Departs from RFC 3261 section 16.10, which forwards it statelessly: of
            # several targets nobody knows which one had the INVITE.
            server.respond(self._refusal(cancel, 200 if invite else 481))
            return
        server.respond(self._refusal(cancel, 200))
        reasons = [("Reason", value) for value in cancel.get_all("Reason")]
        context.cancel(tuple(reasons))

    def _forward_stateless(self, ack: Request) -> None:
        """Forward an ACK, which no transaction has (section 16.11)."""
        if ack.max_forwards == 0:
            return
        ack = without_own_routes(with_one_hop_less(ack), self.is_own)
        targets = self._targets(ack)
        if not targets or not any(targets):
            return
        ack = with_request_uri(ack, next(iter(targets[0])))
        ack, next_hop = with_next_hop(ack)
        sent = self.flow_to(next_hop).addCallback(
            lambda flow: self.send_over(self.with_own_via(ack, flow), flow)
        )
        sent.addErrback(self.note)

    # -- for its contexts -----------------------------------------------------------

    def is_own(self, uri: Uri) -> bool:
        """Whether a URI leads to this proxy."""
        if not isinstance(uri, SipUri):
            return False
        port = uri.port or DEFAULT_PORTS.get(uri.transport or "UDP", 5060)
        return (uri.host, port) in self._own or uri.host.lower() in self._domains

    def note_own(self, flow: IFlow) -> None:
        """Remember that the proxy is reached where this flow says."""
        self._own.add(flow.sent_by)

    def with_own_via(self, request: Request, flow: IFlow) -> Request:
        """A copy with a Via of the proxy on top (section 16.6 item 8)."""
        host, port = flow.sent_by
        branch = self.identifiers.branch()
        return request.with_via(Via(flow.transport, host, port, (("branch", branch),)))

    def forget_context(self, context: ResponseContext) -> None:
        """Forget a request that is over."""
        if context in self.contexts:
            self.contexts.remove(context)

    # -- inside ---------------------------------------------------------------------

    def _invalid(self, request: Request) -> tuple[int, list[tuple[str, str]]]:
        """Status and fields of the refusal of what must not be forwarded (16.3)."""
        if request.max_forwards == 0:
            return 483, []
        unknown = request.tokens("Proxy-Require")
        if unknown:
            return 420, [("Unsupported", ", ".join(unknown))]
        return 0, []

    def _refusal(
        self, request: Request, status: int, headers: Sequence[tuple[str, str]] = ()
    ) -> Response:
        tag = self.identifiers.tag()
        return response_to(request, status, to_tag=tag, headers=headers)

    def _is_for_itself(self, request: Request) -> bool:
        uri = request.uri
        return isinstance(uri, SipUri) and uri.user is None and self.is_own(uri)

    def _targets(self, request: Request) -> list[list[Uri]] | None:
        """The target set (section 16.5); None where the user is not known here."""
        uri = request.uri
        if not isinstance(uri, SipUri) or not self.is_own(uri):
            return [[uri]]
        if uri.unescaped_user not in self.location:
            return None
        seen: list[Uri] = []
        groups: list[list[Uri]] = []
        for group in self.location[uri.unescaped_user]:
            fresh = []
            for target in map(parse_uri, group):
                # "Targets can only be placed in the target set once."
                if not any(target.is_equivalent(other) for other in seen):
                    seen.append(target)
                    fresh.append(target)
            groups.append(fresh)
        return self._preferred(request, groups)

    def _preferred(self, request: Request, groups: list[list[Uri]]) -> list[list[Uri]]:
        """The target set as the caller prefers it, if we honour that (RFC 3841 9.1)."""
        if not self.honours_no_fork:
            return groups
        flat = [target for group in groups for target in group]
        if request.has_token("Request-Disposition", "no-fork"):
            return [flat[:1]]
        if request.has_token("Request-Disposition", "sequential"):
            return [[target] for target in flat]
        return groups


__all__ = ["ForkingProxy", "Targets", "parallel", "serial"]
