"""One connection being made, and all who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.transport.interfaces import IFlow
from sipuac.transport.stream import StreamConnection, StreamFlow
from sipuac.transport.tls import ClientTls

if TYPE_CHECKING:
    from sipuac.transport.connections import Connections

    _ClientFactory = ClientFactory[StreamConnection]
else:
    # The factory of the oldest Twisted that we run on takes no type.
    _ClientFactory = ClientFactory

#: Transport, address, port, and over TLS the domain in lower case.
Key = tuple[str, str, int, str]


class Attempt(_ClientFactory):
    """One connection being made, and all who wait for it."""

    noisy = False

    def __init__(
        self, connections: Connections, key: Key, destination: Destination
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
            self._fail(TransportFailed(str(error)))
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
        self._fail(error)
        if self._connection is not None:
            self._connection.give_up(error)
        elif self._connector is not None:
            self._connector.stopConnecting()

    def succeed(self, flow: StreamFlow) -> None:
        """The connection is open."""
        self._end()
        self._connections.backoff.succeeded(self.key)
        # One by one: who is told may give up for another one who waits.
        while self._waiting:
            self._waiting.pop(0).callback(flow)

    def fail(self, error: TransportFailed) -> None:
        """The connection could not be made."""
        if not self._is_over:
            self._connections.backoff.failed(self.key, str(error))
            self._fail(error)

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

    def _fail(self, error: TransportFailed) -> None:
        if self._is_over:
            return
        self._end()
        self._connections.tally.count("connections-failed")
        destination = self._destination
        told = TransportFailed(
            f"cannot connect to {destination.host} port {destination.port} by "
            f"{destination.transport}: {error}"
        )
        while self._waiting:
            self._waiting.pop(0).errback(told)

    def _end(self) -> None:
        self._is_over = True
        self._connections.attempt_over(self.key)

    def _stop_waiting(self, waiting: Deferred[IFlow]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if not self._waiting and not self._is_over:
            self.give_up(TransportFailed("nobody wants the connection any more"))
