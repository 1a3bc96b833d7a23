"""The transport layer of RFC 3261 section 18: all sockets of one endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTime
from zope.interface import implementer

from sipuac.errors import ParseError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Request, Response
from sipuac.transport.addresses import (
    LocalAddress,
    interface_toward,
    is_same_address,
    is_wildcard,
    local_address_toward,
    plain_address,
    reaches,
)
from sipuac.transport.advertised import Advertised, seen_address
from sipuac.transport.backoff import Backoff
from sipuac.transport.bounds import ConnectionBounds, descriptor_limit
from sipuac.transport.connections import Connections
from sipuac.transport.intake import Intake
from sipuac.transport.interfaces import IFlow, IMessageReceiver, ITransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.socket_load import SocketLoad
from sipuac.transport.stream import StreamFlow
from sipuac.transport.tally import Tally
from sipuac.transport.tls import ServerContext, TlsSettings
from sipuac.transport.udp import MAX_DATAGRAM, UdpFlow, UdpProtocol
from sipuac.transport.udp_port import listen_udp
from sipuac.transport.via import reply_address

# How often to look for a port that is free for UDP and TCP alike.
_PORT_ATTEMPTS = 20

# Peers whose way out is remembered, where there are several UDP sockets.
_MAX_ROUTES = 4096

_DEFAULT_LIMITS = Limits()
_random = SystemRandom().random


@implementer(ITransportLayer)
class TransportLayer:
    """UDP, TCP and TLS behind one interface.

    Args:
        reactor: Where the sockets are; Twisted has no type for all that one can do.
        listeners: Where to listen; each one for UDP brings one for TCP with it.
        tls: Whom to trust; None for the system's roots.
        limits: How large a message may be.
        advertise: Host to name in Via and Contact instead of our own address.
        clock: The only source of time; None for the reactor.
        bounds: How many connections there may be; None for as many as usual, or as the
            descriptors of the process allow.
        local_address: Finds our address toward a peer, for sockets bound to all.
        learns_address: Whether to name in Via and Contact the address that a peer has
            seen us at, as its responses tell; what is advertised goes first.
        random: A number from 0 to 1.

    Attributes:
        counters: See `ITransportLayer`.
        listening: The listeners that are open, with their real ports.

    Raises:
        LocalProtocolError: A certificate, a file of roots or what to advertise cannot
            be used.
    """

    def __init__(
        self,
        reactor: Any,
        listeners: Sequence[Listener],
        *,
        tls: TlsSettings | None = None,
        limits: Limits = _DEFAULT_LIMITS,
        advertise: str | None = None,
        clock: IReactorTime | None = None,
        bounds: ConnectionBounds | None = None,
        local_address: LocalAddress = local_address_toward,
        learns_address: bool = False,
        random: Callable[[], float] = _random,
    ) -> None:
        self._reactor = reactor
        self._advertised = Advertised(advertise)
        self._learns_address = learns_address
        self._local_address = local_address
        self._tls = tls or TlsSettings()
        self._client_context: SSL.Context | None = None
        if tls is not None:
            self._context_for_clients()
        self._groups = _groups_of(listeners)
        self._server_contexts = {
            listener: ServerContext(listener.certificate)
            for listener in listeners
            if listener.certificate is not None
        }
        clock = reactor if clock is None else clock
        tally = Tally(clock)
        self._tally = tally
        self.counters = tally.counters
        self._intake = Intake(self, tally, limits)
        self._connections = Connections(
            reactor,
            clock,
            self._intake,
            tally,
            limits,
            bounds or ConnectionBounds().within(descriptor_limit()),
            Backoff(clock, random),
            client_context=self._context_for_clients,
            sent_by_of=self._sent_by_of,
            source_toward=self._source_toward,
        )
        self.listening: list[Listener] = []
        self._ports: list[IListeningPort] = []
        self._udp_sockets: list[UdpProtocol] = []
        self._udp_routes: dict[str, UdpProtocol | None] = {}
        self._closing: list[Deferred[Any]] = []

    def socket_loads(self) -> list[SocketLoad]:
        """See `ITransportLayer`."""
        loads = (protocol.load for protocol in self._udp_sockets)
        return [load for load in loads if load is not None]

    def set_receiver(self, receiver: IMessageReceiver) -> None:
        """See `ITransportLayer`."""
        self._intake.receiver = receiver

    def start(self) -> Deferred[None]:
        """See `ITransportLayer`."""
        for group in self._groups:
            try:
                self._open_group(group)
            except CannotListenError as error:
                told = TransportFailed(_words(group[0], error))
                self._closing.append(self.stop())
                return fail(told)
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """See `ITransportLayer`."""
        ports, self._ports = self._ports, []
        closing, self._closing = self._closing, []
        self._udp_sockets = []
        self._udp_routes.clear()
        self.listening = []
        closing += [maybeDeferred(port.stopListening) for port in ports]
        waiting: list[Deferred[Any]] = [*closing, self._connections.close_all()]
        return DeferredList(waiting, consumeErrors=True).addCallback(lambda _: None)

    def connect(self, destination: Destination) -> Deferred[IFlow]:
        """See `ITransportLayer`."""
        if destination.transport != "UDP":
            return self._connections.connect(destination)
        protocol = self._udp_socket_toward(destination.host)
        if protocol is None:
            return fail(
                TransportFailed(f"no UDP socket of ours can reach {destination.host}")
            )
        flow = protocol.flow_to(destination.host, destination.port)
        try:
            flow.find_way()
        except TransportFailed as error:
            return fail(error)
        return succeed(flow)

    def reply_flow(self, request: Request, flow: IFlow) -> Deferred[IFlow]:
        """See `ITransportLayer`."""
        if flow.is_reliable and flow.is_open:
            return succeed(flow)
        try:
            address = reply_address(request, is_reliable=flow.is_reliable)
            domain = request.top_via.host
        except ParseError as error:
            return fail(TransportFailed(f"nobody knows whom to answer: {error}"))
        if isinstance(flow, UdpFlow):
            if address is None or address == flow.remote:
                return succeed(flow)
            return succeed(flow.toward(*address))
        if address is None:
            return fail(TransportFailed("the connection is closed"))
        return self.connect(Destination(flow.transport, *address, domain))

    def learn_address(self, response: Response, flow: IFlow) -> None:
        """See `ITransportLayer`."""
        if not self._learns_address:
            return
        try:
            seen = seen_address(response)
        except ParseError:
            return
        if seen is None:
            return
        before = flow.sent_by
        if isinstance(flow, UdpFlow):
            flow.seen_as = seen
        elif isinstance(flow, StreamFlow):
            # The port is that of this one connection, and nobody can connect there.
            flow.seen_as = seen[0]
        if flow.sent_by != before:
            self._tally.report("addresses-learned", flow.remote, f"we are {seen[0]}")

    def reload_certificates(self) -> None:
        """See `ITransportLayer`."""
        clients = self._tls.client_context()
        renewed = [
            (one, one.certificate.server_context())
            for one in self._server_contexts.values()
        ]
        self._client_context = clients
        for one, context in renewed:
            one.context = context

    # Listening

    def _open_group(self, group: list[Listener]) -> None:
        """Open listeners that share a port; where the system chooses it, try some.

        Raises:
            CannotListenError: There is no such port.
        """
        for attempts_left in reversed(range(1 if group[0].port else _PORT_ATTEMPTS)):
            opened: list[_Opened] = []
            port = group[0].port
            try:
                for listener in group:
                    opened.append(self._open(listener, port))
                    port = opened[-1].listener.port
            except CannotListenError:
                for one in opened:
                    self._closing.append(maybeDeferred(one.port.stopListening))
                if not attempts_left:
                    raise
            else:
                self._take_up(opened)
                return

    def _open(self, listener: Listener, port: int) -> _Opened:
        interface = listener.interface
        udp = None
        if listener.transport == "UDP":
            udp = UdpProtocol(
                interface,
                self._intake,
                self._tally,
                self._local_address,
                self._advertised,
            )
            listening = listen_udp(self._reactor, port, udp, interface, MAX_DATAGRAM)
        else:
            factory = self._connections.server_factory(
                listener.transport, self._server_contexts.get(listener)
            )
            listening = self._reactor.listenTCP(port, factory, interface=interface)
        address = cast(IPv4Address | IPv6Address, listening.getHost())
        if udp is not None:
            udp.port = address.port
        return _Opened(replace(listener, port=address.port), listening, udp)

    def _take_up(self, opened: list[_Opened]) -> None:
        for one in opened:
            self.listening.append(one.listener)
            self._ports.append(one.port)
            if one.udp is not None:
                self._udp_sockets.append(one.udp)

    def _context_for_clients(self) -> SSL.Context:
        if self._client_context is None:
            self._client_context = self._tls.client_context()
        return self._client_context

    # Which of our addresses faces a peer

    def _udp_socket_toward(self, host: str) -> UdpProtocol | None:
        sockets = self._udp_sockets
        if len(sockets) == 1:
            return sockets[0] if reaches(sockets[0].interface, host) else None
        if host in self._udp_routes:
            return self._udp_routes[host]
        interface = interface_toward(
            host, [one.interface for one in sockets], self._local_address
        )
        chosen = next((one for one in sockets if one.interface == interface), None)
        if len(self._udp_routes) >= _MAX_ROUTES:
            self._udp_routes.clear()
        self._udp_routes[host] = chosen
        return chosen

    def _source_toward(self, host: str) -> str | None:
        """The interface to connect from: ours, where we listen on certain ones only."""
        interfaces = [
            listener.interface
            for listener in self.listening
            if reaches(listener.interface, host)
        ]
        if any(is_wildcard(interface) for interface in interfaces):
            return None
        return interface_toward(host, interfaces, self._local_address)

    def _sent_by_of(self, flow: StreamFlow) -> tuple[str, int]:
        """Where we listen for new connections of this peer (RFC 3261 section 18.1.1).

        Without a listener it is the connection's own end: nobody can connect there, but
        who looks for a connection to that address finds this one.
        """
        local_host, local_port = flow.local
        host = self._advertised.host_for(local_host) or flow.seen_as or local_host
        port = None
        for listener in self.listening:
            if listener.transport != flow.transport:
                continue
            interface = listener.interface
            if is_wildcard(interface):
                if port is None and reaches(interface, local_host):
                    port = listener.port
            elif is_same_address(plain_address(interface), local_host):
                return host, listener.port
        return host, local_port if port is None else port


@dataclass(frozen=True, slots=True)
class _Opened:
    """A listener that is open, with its real port."""

    listener: Listener
    port: IListeningPort
    udp: UdpProtocol | None


def _groups_of(listeners: Sequence[Listener]) -> list[list[Listener]]:
    """Listeners that share a port, UDP first.

    RFC 3261 section 18.2.1: "For any port and interface that a server listens on for
    UDP, it MUST listen on that same port and interface for TCP."
    """
    groups: list[list[Listener]] = []
    for listener in dict.fromkeys(listeners):
        if listener.transport == "UDP":
            groups.append([listener, replace(listener, transport="TCP")])
    paired = {listener for group in groups for listener in group}
    groups += [[one] for one in dict.fromkeys(listeners) if one not in paired]
    return groups


def _words(listener: Listener, error: CannotListenError) -> str:
    where = listener.interface or "all interfaces"
    why = getattr(error.socketError, "strerror", None) or error.socketError
    return f"cannot listen on {where} port {listener.port}: {why}"
