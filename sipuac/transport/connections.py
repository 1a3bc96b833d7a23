"""All connections of a transport layer: made once, used by everybody, bounded.

RFC 3261 section 18: "These connections are indexed by the tuple formed from the
address, port, and transport protocol at the far end of the connection"; over TLS also
by the domain that the server has proved to speak for, and for no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import ClientFactory, Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.limits import Limits
from sipuac.transport.intake import Intake
from sipuac.transport.interfaces import IFlow
from sipuac.transport.stream import StreamConnection, StreamFlow
from sipuac.transport.tally import Tally
from sipuac.transport.tls import ClientTls, ServerTls

if TYPE_CHECKING:
    _ClientFactory = ClientFactory[StreamConnection]
    _Factory = Factory[StreamConnection]
else:
    # The factories of the oldest Twisted that we run on take no type.
    _ClientFactory = ClientFactory
    _Factory = Factory


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """How many connections there may be, and how long they may take.

    Attributes:
        max_made: Connections that we make, those being made included.
        max_accepted: Connections that we accept.
        connect_timeout: Seconds to make one, and again as many for the TLS handshake.
        message_timeout: Seconds for a message from its first octet to its last.
    """

    max_made: int = 1000
    max_accepted: int = 1000
    connect_timeout: float = 10.0
    message_timeout: float = 30.0


# Transport, address, port, and over TLS the domain in lower case.
_Key = tuple[str, str, int, str]


class Connections:
    """Makes, accepts, remembers and closes connections.

    Args:
        reactor: Makes connections.
        clock: The only source of time.
        intake: Gets the messages of all connections.
        tally: Where things are counted.
        limits: How large a message may be.
        bounds: How many connections there may be.
        client_context: Makes the context of TLS connections; called when one is needed.
        sent_by_of: Tells what goes into Via and Contact over a flow.
        source_toward: The interface to connect from to an address, None for any.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        clock: IReactorTime,
        intake: Intake,
        tally: Tally,
        limits: Limits,
        bounds: ConnectionBounds,
        *,
        client_context: Callable[[], SSL.Context],
        sent_by_of: Callable[[StreamFlow], tuple[str, int]],
        source_toward: Callable[[str], str | None],
    ) -> None:
        self.reactor = reactor
        self.clock = clock
        self.bounds = bounds
        self.tally = tally
        self.sent_by_of = sent_by_of
        self.source_toward = source_toward
        self._client_context = client_context
        self._intake = intake
        self._limits = limits
        self._made: set[StreamConnection] = set()
        self._accepted: set[StreamConnection] = set()
        # The open ones, with what they are found by; None for one that is not reused.
        self._open: dict[StreamConnection, _Key | None] = {}
        self._flows: dict[_Key, StreamFlow] = {}
        self._attempts: dict[_Key, Attempt] = {}
        self._attempt_of: dict[StreamConnection, Attempt] = {}
        self._is_closing = False
        self._all_closed: Deferred[None] | None = None

    def connect(self, destination: Destination) -> Deferred[IFlow]:
        """The flow to a server: an open one, one being made, or a new one.

        Returns:
            A Deferred that fails with `TransportFailed`. Cancelling it gives up the
            attempt when nobody else waits for it.
        """
        key = _key_of(destination)
        flow = self._flows.get(key)
        if flow is not None and flow.is_open:
            return succeed(flow)
        if self._is_closing:
            return fail(TransportFailed("the transports are stopped"))
        attempt = self._attempts.get(key)
        if attempt is not None:
            return attempt.wait()
        if len(self._made) + len(self._attempts) >= self.bounds.max_made:
            self.tally.count("connections-refused")
            return fail(TransportFailed("there are too many connections"))
        attempt = self._attempts[key] = Attempt(self, key, destination)
        waiting = attempt.wait()
        attempt.start()
        return waiting

    def client_tls(self, domain: str) -> ClientTls:
        """The judge for one connection to the server of this domain.

        Raises:
            LocalProtocolError: The roots to trust cannot be read.
        """
        return ClientTls(self._client_context(), domain)

    def made_connection(
        self, attempt: Attempt, transport: str, tls: ClientTls | None
    ) -> StreamConnection:
        """The protocol for a connection that an attempt has made."""
        connection = self._new_connection(transport, is_client=True, tls=tls)
        self._attempt_of[connection] = attempt
        return connection

    def server_factory(
        self, transport: str, context: SSL.Context | None = None
    ) -> IProtocolFactory:
        """What a listening socket makes its connections with."""
        accepting = _AcceptingFactory(
            lambda: self._new_connection(transport, is_client=False, tls=None)
        )
        if context is None:
            return accepting
        return TLSMemoryBIOFactory(ServerTls(context), False, accepting, self.clock)

    def attempt_over(self, key: _Key) -> None:
        """An attempt has ended, with a connection or without."""
        self._attempts.pop(key, None)

    def close_all(self) -> Deferred[None]:
        """Close every connection and give up every attempt; fires when all are gone."""
        self._is_closing = True
        stopped = TransportFailed("the transports are stopped")
        for attempt in list(self._attempts.values()):
            attempt.give_up(stopped)
        for connection in [*self._made, *self._accepted]:
            connection.close(stopped)
        if self._all_closed is None:
            self._all_closed = Deferred()
            self._note_all_closed()
        return self._all_closed

    # What connections report (see `ConnectionOwner`)

    def admit(self, connection: StreamConnection) -> bool:
        """Whether there is room for one more connection."""
        if self._is_closing:
            self._accepted.add(connection)
            return False
        if connection in self._attempt_of:
            self._made.add(connection)
            return True
        is_room = len(self._accepted) < self.bounds.max_accepted
        self._accepted.add(connection)
        self.tally.count("connections-accepted" if is_room else "connections-refused")
        return is_room

    def connection_opened(self, connection: StreamConnection) -> None:
        """The connection can be used from now on."""
        flow = connection.flow
        assert flow is not None
        attempt = self._attempt_of.pop(connection, None)
        key: _Key | None = None
        if attempt is not None:
            self.tally.count("connections-opened")
            key = attempt.key
        elif flow.transport == "TCP":
            # A TLS peer that has connected to us has not proved who it is, and is never
            # the next hop of a request (RFC 5626 section 4.3, RFC 5923 section 8.1).
            key = (flow.transport, *flow.remote, "")
        self._open[connection] = key
        if key is not None:
            self._flows[key] = flow
        if attempt is not None:
            attempt.succeed(flow)

    def connection_closed(
        self, connection: StreamConnection, error: TransportFailed
    ) -> None:
        """The connection is gone, whether it was open before or not."""
        self._made.discard(connection)
        self._accepted.discard(connection)
        attempt = self._attempt_of.pop(connection, None)
        if attempt is not None:
            attempt.fail(error)
        flow = connection.flow
        if connection in self._open and flow is not None:
            self._forget(flow, self._open.pop(connection), error)
        self._note_all_closed()

    def _forget(
        self, flow: StreamFlow, key: _Key | None, error: TransportFailed
    ) -> None:
        if key is not None and self._flows.get(key) is flow:
            del self._flows[key]
        if self._is_closing:
            return
        self.tally.count("connections-lost")
        self._intake.report_failed_flow(flow, error)

    def _note_all_closed(self) -> None:
        done = self._all_closed
        if done is not None and not done.called:
            if not self._made and not self._accepted:
                done.callback(None)

    def _new_connection(
        self, transport: str, *, is_client: bool, tls: ClientTls | None
    ) -> StreamConnection:
        return StreamConnection(
            self,
            self._intake,
            self.tally,
            self.clock,
            self._limits,
            transport,
            is_client=is_client,
            tls=tls,
            handshake_timeout=self.bounds.connect_timeout,
            message_timeout=self.bounds.message_timeout,
        )


class Attempt(_ClientFactory):
    """One connection being made, and all who wait for it."""

    noisy = False

    def __init__(
        self, connections: Connections, key: _Key, destination: Destination
    ) -> None:
        self.key = key
        self._connections = connections
        self._destination = destination
        self._waiting: list[Deferred[IFlow]] = []
        self._is_over = False
        self._tls: ClientTls | None = None
        self._connector: IConnector | None = None
        self._connection: StreamConnection | None = None

    def wait(self) -> Deferred[IFlow]:
        """A Deferred of its own for one more who wants this connection."""
        waiting: Deferred[IFlow] = Deferred(self._stop_waiting)
        self._waiting.append(waiting)
        return waiting

    def start(self) -> None:
        """Begin to connect."""
        connections = self._connections
        destination = self._destination
        factory: ClientFactory[Any] = self
        try:
            if destination.transport == "TLS":
                self._tls = connections.client_tls(destination.domain)
                factory = TLSMemoryBIOFactory(self._tls, True, self, connections.clock)
        except LocalProtocolError as error:
            self.fail(TransportFailed(str(error)))
            return
        source = connections.source_toward(destination.host)
        self._connector = connections.reactor.connectTCP(
            destination.host,
            destination.port,
            factory,
            timeout=connections.bounds.connect_timeout,
            bindAddress=None if source is None else (source, 0),
        )

    def give_up(self, error: TransportFailed) -> None:
        """Stop connecting; who still waits is told why."""
        self.fail(error)
        if self._connection is not None:
            self._connection.give_up(error)
        elif self._connector is not None:
            self._connector.stopConnecting()

    def succeed(self, flow: StreamFlow) -> None:
        """The connection is open."""
        self._end()
        for waiting in self._take_waiting():
            waiting.callback(flow)

    def fail(self, error: TransportFailed) -> None:
        """The connection could not be made."""
        if self._is_over:
            return
        self._end()
        self._connections.tally.count("connections-failed")
        destination = self._destination
        told = TransportFailed(
            f"cannot connect to {destination.host} port {destination.port} by "
            f"{destination.transport}: {error}"
        )
        for waiting in self._take_waiting():
            waiting.errback(told)

    # What Twisted tells

    def buildProtocol(self, addr: IAddress | None) -> StreamConnection:
        """The TCP connection stands."""
        self._connection = self._connections.made_connection(
            self, self._destination.transport, self._tls
        )
        return self._connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """There is no connection."""
        self.fail(TransportFailed(str(reason.value).rstrip(".")))

    # Inside

    def _end(self) -> None:
        self._is_over = True
        self._connections.attempt_over(self.key)

    def _take_waiting(self) -> list[Deferred[IFlow]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _stop_waiting(self, waiting: Deferred[IFlow]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if not self._waiting and not self._is_over:
            self.give_up(TransportFailed("nobody wants the connection any more"))


class _AcceptingFactory(_Factory):
    """Makes the protocols of accepted connections."""

    noisy = False

    def __init__(self, new_connection: Callable[[], StreamConnection]) -> None:
        self._new_connection = new_connection

    def buildProtocol(self, addr: IAddress | None) -> StreamConnection:
        """Somebody has connected."""
        return self._new_connection()


def _key_of(destination: Destination) -> _Key:
    domain = destination.domain.lower() if destination.transport == "TLS" else ""
    return destination.transport, destination.host, destination.port, domain
