"""One question to one name server, over UDP and where need be over TCP.

Each attempt has a socket of its own, connected to its server: the system gives it a
port by chance and drops what comes from elsewhere. An answer must repeat the question
and its number, another one is counted and not seen (RFC 5452 section 9.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import unpack_from
from typing import Any, Protocol, cast

from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IAddress, IConnector, ITCPTransport
from twisted.internet.protocol import (
    ClientFactory,
    ConnectedDatagramProtocol,
    connectionDone,
)
from twisted.logger import Logger
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from sipuac.resolver.interfaces import NameServer

_log = Logger()

#: Octets of the largest datagram that is read.
MAX_ANSWER = 65_535

#: Seconds for a connection, if nobody gives up before.
CONNECT_TIMEOUT = 3.0


class Asker(Protocol):
    """Who makes attempts."""

    @property
    def reactor(self) -> Any:
        """Has the sockets, of many types."""

    @property
    def counters(self) -> Counter[str]:
        """Where things are counted."""

    @property
    def query(self) -> dns.Query:
        """What is asked."""

    def answered(self, attempt: Attempt, message: dns.Message) -> None:
        """The server has answered."""

    def failed(self, attempt: Attempt, error: Exception) -> None:
        """The server cannot be asked."""


class Attempt(ConnectedDatagramProtocol):
    """One question to one server: a datagram, and a connection if that is too small.

    Args:
        asker: Hears what comes of it.
        server: Who is asked.
        number: Of the question, 16 bits by chance.

    Attributes:
        server: Who is asked.
    """

    def __init__(self, asker: Asker, server: NameServer, number: int) -> None:
        self.server = server
        self._asker = asker
        self._number = number
        # A port of the reactor, of whatever type it has for that.
        self._port: Any = None
        self._stream: _Stream | None = None
        self._is_closed = False

    def send(self) -> None:
        """Ask by a datagram."""
        host = self.server[0]
        interface = "::" if ":" in host else ""
        try:
            port = self._port = self._asker.reactor.listenUDP(
                0, self, interface=interface, maxPacketSize=MAX_ANSWER
            )
            port.connect(host, self.server[1])
            port.write(self.octets())
        except (OSError, CannotListenError, MessageLengthError) as error:
            self.failed(OSError(f"{host} cannot be asked: {error}"))

    def octets(self) -> bytes:
        """The question as it is sent."""
        message = dns.Message(self._number, recDes=1)
        message.queries = [self._asker.query]
        return message.toStr()

    def received(self, octets: bytes, *, is_stream: bool) -> None:
        """Somebody says something; it may be the answer."""
        if self._is_closed:
            return
        message = dns.Message()
        try:
            message.fromStr(octets)
        except Exception as error:
            # The parser does not say what it raises for octets that are no message.
            _log.debug("unreadable DNS answer: {error}", error=str(error))
            self._ignore()
            return
        if not self._is_answer(message):
            self._ignore()
        elif message.trunc and not is_stream:
            self._ask_by_stream()
        elif not _is_whole(octets, message):
            self._ignore()
        else:
            self._asker.answered(self, message)

    def failed(self, error: Exception) -> None:
        """The server cannot be asked."""
        if not self._is_closed:
            self._asker.failed(self, error)

    def close(self) -> None:
        """Close the sockets."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._port is not None:
            self._port.stopListening()
        if self._stream is not None:
            self._stream.close()

    # What Twisted tells

    def datagramReceived(self, datagram: bytes, addr: object = None) -> None:
        """See `ConnectedDatagramProtocol`."""
        self.received(datagram, is_stream=False)

    def connectionRefused(self) -> None:
        """Nobody listens at the server's port."""
        self.failed(OSError(f"nobody answers at {self.server[0]}"))

    # Inside

    def _is_answer(self, message: dns.Message) -> bool:
        asked = self._asker.query
        return (
            bool(message.answer)
            and message.id == self._number
            and message.opCode == dns.OP_QUERY
            and len(message.queries) == 1
            and message.queries[0] == asked
        )

    def _ignore(self) -> None:
        self._asker.counters["dns-answers-ignored"] += 1

    def _ask_by_stream(self) -> None:
        if self._stream is None:
            self._stream = _Stream(self)
            host, port = self.server
            connector = self._asker.reactor.connectTCP(
                host, port, self._stream, timeout=CONNECT_TIMEOUT
            )
            self._stream.connector = connector


class _Stream(ClientFactory):
    """The connection of an attempt whose answer did not fit into a datagram."""

    noisy = False

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._protocol: _StreamProtocol | None = None
        self._is_over = False
        self.connector: IConnector | None = None

    def close(self) -> None:
        """Close the connection, or give up making it."""
        if self._is_over:
            return
        self._is_over = True
        if self._protocol is not None:
            self._protocol.abort()
        elif self.connector is not None:
            self.connector.stopConnecting()

    def buildProtocol(self, addr: IAddress | None) -> _StreamProtocol:
        """The connection stands."""
        self._protocol = _StreamProtocol(self._attempt, self.over)
        return self._protocol

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """There is no connection."""
        self.over()

    def over(self) -> None:
        """The connection is gone."""
        if not self._is_over:
            self._is_over = True
            self._attempt.failed(OSError(f"no connection to {self._attempt.server[0]}"))


class _StreamProtocol(Int16StringReceiver):
    """One question and its answer over a connection (RFC 1035 section 4.2.2)."""

    def __init__(self, attempt: Attempt, lost: Callable[[], None]) -> None:
        self._attempt = attempt
        self._lost = lost

    def connectionMade(self) -> None:
        """Ask."""
        # Twisted does not annotate it.
        self.sendString(self._attempt.octets())  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        """Close the connection at once."""
        cast(ITCPTransport, self.transport).abortConnection()

    def stringReceived(self, string: bytes) -> None:
        """The server says something."""
        self._attempt.received(string, is_stream=True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The server has closed the connection, or we have."""
        self._lost()


def _is_whole(octets: bytes, message: dns.Message) -> bool:
    """Whether all records that were announced are there; the parser does not mind."""
    # RFC 1035 section 4.1.1: ANCOUNT and NSCOUNT follow the number, flags and QDCOUNT.
    announced = unpack_from("!2H", octets, 6)
    return announced == (len(message.answers), len(message.authority))
