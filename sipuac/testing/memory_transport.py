"""The transport layer of one host in a `MemoryNetwork`, and its flows.

It does to messages what RFC 3261 section 18 and RFC 3581 ask of a transport: parses
them, fills in `received` and `rport`, answers requests that cannot be read, finds the
way back for responses, reuses connections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from sipuac.errors import ParseError, TransportFailed
from sipuac.syntax.destination import DEFAULT_PORTS, Destination
from sipuac.syntax.framing import Ping, Pong, StreamFramer
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.syntax.parser import check_received, parse_message, salvage_request
from sipuac.transport.interfaces import IFlow, IMessageReceiver, ITransportLayer
from sipuac.transport.socket_load import SocketLoad
from sipuac.transport.watchers import Watchers

if TYPE_CHECKING:
    from sipuac.testing.memory import MemoryNetwork

Address = tuple[str, int]


@implementer(IFlow)
class DatagramFlow:
    """The way from one UDP-like socket to one peer."""

    transport = "UDP"
    is_reliable = False
    is_receiving = False

    def __init__(self, owner: MemoryTransport, remote: Address) -> None:
        self._owner = owner
        self.sent_by = self.local = (owner.host, owner.port)
        self.remote = remote
        self.pongs = 0
        self.watchers = Watchers()

    @property
    def is_open(self) -> bool:
        """See `IFlow`."""
        return self._owner.is_started

    def send(self, data: bytes) -> None:
        """See `IFlow`."""
        if not self.is_open:
            raise TransportFailed("the socket is closed")
        self._owner.network.send_datagram(self.local, self.remote, data)

    def keep_alive(self) -> None:
        """See `IFlow`."""
        self.send(b"\r\n\r\n")

    def fail(self, error: TransportFailed) -> None:
        """See `IFlow`."""
        self._owner.flow_failed(self, error)


@implementer(IFlow)
class Connection:
    """One end of a TCP-like connection.

    Attributes:
        peer: The other end.
    """

    is_reliable = True

    def __init__(
        self, owner: MemoryTransport, transport: str, local: Address, remote: Address
    ) -> None:
        self.transport = transport
        self.sent_by = (owner.host, owner.port)
        self.local = local
        self.remote = remote
        self.is_open = True
        self.pongs = 0
        self.watchers = Watchers()
        self.peer: Connection | None = None
        self._owner = owner
        self._framer = StreamFramer(owner.limits)

    @property
    def is_receiving(self) -> bool:
        """See `IFlow`."""
        return self._framer.is_mid_message

    def send(self, data: bytes) -> None:
        """See `IFlow`."""
        if not self.is_open:
            raise TransportFailed("the connection is closed")
        self._owner.network.send_stream(self, data)

    def octets_received(self, octets: bytes, max_segment: int | None) -> None:
        """The peer wrote this; take it in segments of at most so many octets."""
        size = max_segment or max(1, len(octets))
        for start in range(0, len(octets), size):
            if not self.is_open:
                return
            try:
                frames = self._framer.feed(octets[start : start + size])
            except ParseError as error:
                self._owner.counters["framing lost"] += 1
                self.close(TransportFailed(f"framing lost: {error}"))
                return
            for frame in frames:
                if isinstance(frame, Ping):
                    self.send(b"\r\n")
                elif isinstance(frame, Pong):
                    self.pongs += 1
                else:
                    self._owner.message_received(frame, self)

    def keep_alive(self) -> None:
        """See `IFlow`."""
        self._framer.is_pong_due = True
        self.send(b"\r\n\r\n")

    def fail(self, error: TransportFailed) -> None:
        """See `IFlow`."""
        self.close(error)

    def close(self, error: TransportFailed) -> None:
        """Close both ends; the receivers hear of it in the clock's next call."""
        for end in (self, self.peer):
            if end is not None and end.is_open:
                end.is_open = False
                end._owner.connection_lost(end, error)


@implementer(ITransportLayer)
class MemoryTransport:
    """All flows of one host; made by `MemoryNetwork.transport`.

    Attributes:
        host, port: Where it listens.
        protocols: What it listens for there; it can connect by any protocol.
        is_started: Whether it can send and receive.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        host: str,
        port: int,
        protocols: Sequence[str],
        limits: Limits = Limits(),  # noqa: B008 (a frozen value)
    ) -> None:
        self.network = network
        self.host = host
        self.port = port
        self.protocols = tuple(protocols)
        self.limits = limits
        self.is_started = False
        self.counters: dict[str, int] = Counter()
        self._receiver: IMessageReceiver | None = None
        self._datagram_flows: dict[Address, DatagramFlow] = {}
        self._connections: dict[tuple[str, str, int], Connection] = {}

    @property
    def connections(self) -> list[Connection]:
        """The open connections."""
        return list(self._connections.values())

    def set_receiver(self, receiver: IMessageReceiver) -> None:
        """See `ITransportLayer`."""
        self._receiver = receiver

    def start(self) -> Deferred[None]:
        """See `ITransportLayer`."""
        try:
            self.network.open(self)
        except TransportFailed as error:
            return fail(error)
        self.is_started = True
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """See `ITransportLayer`; the peers of its connections hear of it."""
        self.is_started = False
        self.network.remove(self)
        for connection in self.connections:
            connection.close(TransportFailed("closed by the peer"))
        return succeed(None)

    def connect(self, destination: Destination) -> Deferred[IFlow]:
        """See `ITransportLayer`."""
        if not self.is_started:
            return fail(TransportFailed("the transport is stopped"))
        remote = (destination.host, destination.port)
        if destination.transport == "UDP":
            return succeed(self._datagram_flow(remote))
        connection = self._connections.get((destination.transport, *remote))
        if connection is not None:
            return succeed(connection)
        # A Deferred of a Connection is one of an IFlow to whoever reads it.
        return cast("Deferred[IFlow]", self.network.connect(self, destination))

    def reply_flow(self, request: Request, flow: IFlow) -> Deferred[IFlow]:
        """See `ITransportLayer`."""
        via = request.top_via
        if flow.is_reliable:
            if flow.is_open:
                return succeed(flow)
            host = via.received or via.host
            port = via.port or DEFAULT_PORTS[flow.transport]
            return self.connect(Destination(flow.transport, host, port, via.host))
        if via.maddr:
            return succeed(self._datagram_flow((via.maddr, via.port or 5060)))
        port = (via.rport if via.received else None) or via.port or 5060
        return succeed(self._datagram_flow((via.received or via.host, port)))

    def learn_address(self, response: Response, flow: IFlow) -> None:
        """See `ITransportLayer`: there is no NAT in memory, so nothing is learned."""

    def socket_loads(self) -> list[SocketLoad]:
        """See `ITransportLayer`: there are no sockets in memory."""
        return []

    def reload_certificates(self) -> None:
        """See `ITransportLayer`: there are no certificates in memory."""

    # -- for the network ------------------------------------------------------------

    def datagram_received(self, octets: bytes, source: Address) -> None:
        """A datagram came."""
        if not octets.strip(b"\r\n"):
            self._datagram_flow(source).pongs += 1
            return  # a keep-alive
        self.counters["datagrams received"] += 1
        flow = self._datagram_flow(source)
        try:
            message = parse_message(octets, limits=self.limits)
        except ParseError as error:
            self._refuse(salvage_request(octets), error, flow)
            return
        self.message_received(message, flow)

    def message_received(self, message: Message, flow: IFlow) -> None:
        """A message came whole: hand it up if it is sound (RFC 3261 section 18.2.1)."""
        request = message if isinstance(message, Request) else None
        try:
            check_received(message)
            if request is not None:
                message = _with_source(request, flow.remote)
        except ParseError as error:
            salvaged = None if request is None else salvage_request(request.render())
            self._refuse(salvaged, error, flow)
            return
        if self._receiver is not None:
            self._receiver.message_received(message, flow)

    def connection_made(self, connection: Connection) -> None:
        """A connection is open, whoever opened it."""
        self._connections[connection.transport, *connection.remote] = connection

    def connection_lost(self, connection: Connection, error: TransportFailed) -> None:
        """A connection is closed, whoever closed it."""
        self._connections.pop((connection.transport, *connection.remote), None)
        if self.is_started:
            self.network.clock.callLater(0, self.flow_failed, connection, error)

    def flow_failed(
        self, flow: Connection | DatagramFlow, error: TransportFailed
    ) -> None:
        """Tell all who wait on this flow."""
        if self._receiver is not None:
            self._receiver.flow_failed(flow, error)
        flow.watchers.tell(error)

    def _datagram_flow(self, remote: Address) -> DatagramFlow:
        if remote not in self._datagram_flows:
            self._datagram_flows[remote] = DatagramFlow(self, remote)
        return self._datagram_flows[remote]

    def _refuse(self, request: Request | None, error: ParseError, flow: IFlow) -> None:
        self.counters["malformed"] += 1
        if request is None or request.method == "ACK":
            return
        try:
            request = _with_source(request, flow.remote)
            answer = response_to(request, error.status_hint)
        except ParseError:
            return  # not even a response can be made of it
        for way in _result(self.reply_flow(request, flow)):
            way.send(answer.render())


def _with_source(request: Request, source: Address) -> Request:
    """The request with `received` and `rport` filled in (RFC 3581 section 4)."""
    via = request.top_via
    host, port = source
    if not via.has_rport and via.host == host:
        return request
    kept = [(n, v) for n, v in via.parameters if n.lower() not in ("received", "rport")]
    if via.has_rport:
        kept.append(("rport", str(port)))
    kept.append(("received", host))
    return request.with_top_via(replace(via, parameters=tuple(kept)))


def _result(deferred: Deferred[IFlow]) -> Iterator[IFlow]:
    """The flow of a Deferred that has fired already; nothing if it has failed."""
    results: list[IFlow] = []
    deferred.addCallbacks(results.append, lambda failure: None)
    yield from results
