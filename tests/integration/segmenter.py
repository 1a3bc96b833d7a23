"""A relay between two ends of a TCP connection that cuts and joins what it carries."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

if TYPE_CHECKING:
    _Factory = Factory["_End"]
else:
    # The factory of the oldest Twisted that we run on takes no type.
    _Factory = Factory

HOST = "127.0.0.1"


class Segmenter(_Factory):
    """Listens on loopback, and hands everything on to another port of it.

    Args:
        reactor: Any, as it provides many interfaces.
        port: Where to hand it on to.
        size: Octets of each write; each has a turn of the reactor for itself.
        gather: Seconds to gather what goes back before it is written; 0 for none.

    Attributes:
        port: Where it listens.
        writes: How many octets each write back had.
    """

    noisy = False

    def __init__(
        self, reactor: Any, port: int, *, size: int = 1_000_000, gather: float = 0.0
    ) -> None:
        self.reactor = reactor
        self.target = port
        self.size = size
        self.gather = gather
        self.writes: list[int] = []
        self._ends: set[_End] = set()
        self._listening = reactor.listenTCP(0, self, interface=HOST)
        self.port: int = self._listening.getHost().port

    def buildProtocol(self, addr: IAddress | None) -> _End:
        """Somebody has connected."""
        near = _End(self, is_back=True)
        far = _End(self, is_back=False)
        near.other, far.other = far, near
        endpoint = TCP4ClientEndpoint(self.reactor, HOST, self.target)
        connectProtocol(endpoint, far).addErrback(lambda _: near.close())
        return near

    def opened(self, end: _End) -> None:
        """A connection stands."""
        self._ends.add(end)

    def closed(self, end: _End) -> None:
        """A connection is gone."""
        self._ends.discard(end)

    def stop(self) -> Deferred[None]:
        """Close everything."""
        for end in list(self._ends):
            end.close()
        stopped: Deferred[None] = self._listening.stopListening()
        return stopped


class _End(Protocol):
    """One of the two connections; what is to be written waits in pieces."""

    other: _End

    def __init__(self, relay: Segmenter, *, is_back: bool) -> None:
        self._relay = relay
        self._is_back = is_back
        self._pieces: deque[bytes] = deque()
        self._next: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The connection stands; what was to be written before goes now."""
        self._relay.opened(self)
        assert ITCPTransport.providedBy(self.transport)
        self.transport.setTcpNoDelay(True)
        self._go_on()

    def dataReceived(self, data: bytes) -> None:
        """Hand it to the other end."""
        self.other.pass_on(data)

    def pass_on(self, data: bytes) -> None:
        """Write this, in pieces."""
        relay = self._relay
        if self._is_back and relay.gather:
            if self._pieces:
                data = self._pieces.pop() + data
            self._pieces.append(data)
        else:
            size = relay.size
            for start in range(0, len(data), size):
                self._pieces.append(data[start : start + size])
        self._go_on()

    def close(self) -> None:
        """Close the connection, and write nothing more."""
        self._pieces.clear()
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self.connected:
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and so is the other."""
        self._relay.closed(self)
        self.close()
        self.other.close()

    def _go_on(self) -> None:
        if self._next is None and self._pieces and self.connected:
            wait = self._relay.gather if self._is_back else 0.0
            self._next = self._relay.reactor.callLater(wait, self._write)

    def _write(self) -> None:
        self._next = None
        piece = self._pieces.popleft()
        if self._is_back:
            self._relay.writes.append(len(piece))
        assert self.transport is not None
        self.transport.write(piece)
        self._go_on()
