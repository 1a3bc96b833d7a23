"""SIP over a connection, TCP or TLS: framing, sending, and how it ends.

One protocol serves both; below TLS, Twisted's `TLSMemoryBIOFactory` stands between it
and the socket. A connection is of use when it is made (TCP), or when the handshake is
done and the server is known to be the one that we want (TLS).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as TypingProtocol
from typing import cast

from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.errors import ParseError, TransportFailed
from sipuac.syntax.framing import Ping, Pong, StreamFramer
from sipuac.syntax.limits import Limits
from sipuac.transport.addresses import plain_address
from sipuac.transport.intake import Intake
from sipuac.transport.interfaces import IFlow
from sipuac.transport.tally import Tally
from sipuac.transport.tls import ClientTls
from sipuac.transport.tls_words import handshake_problem
from sipuac.transport.watchers import Watchers

#: Bytes that wait for a peer that does not read; beyond it the connection is given up.
MAX_UNSENT = 1024 * 1024

#: Seconds for a connection that we close to send what is left, and to be closed.
CLOSE_TIMEOUT = 5.0

_PING = b"\r\n\r\n"
_PONG = b"\r\n"


class _Socket(TypingProtocol):
    """What Twisted's transports of connections have in common, over TCP and TLS."""

    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def getHost(self) -> IPv4Address | IPv6Address: ...
    def getPeer(self) -> IPv4Address | IPv6Address: ...
    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


class ConnectionOwner(TypingProtocol):
    """What a connection reports to, and asks of."""

    def admit(self, connection: StreamConnection) -> bool:
        """Whether there is room for one more connection."""

    def connection_opened(self, connection: StreamConnection) -> None:
        """The connection can be used from now on."""

    def connection_ended(
        self, connection: StreamConnection, error: TransportFailed
    ) -> None:
        """Nothing more comes or goes; it may never have been open."""

    def connection_closed(self, connection: StreamConnection) -> None:
        """The socket is closed."""

    def sent_by_of(self, flow: StreamFlow) -> tuple[str, int]:
        """What to put into Via and Contact over this flow."""


@implementer(IFlow)
class StreamFlow:
    """A connection as the layers above see it.

    Attributes:
        transport: "TCP" or "TLS".
        local: Address and port of our own end.
        remote: Address and port of the peer's end.
        pongs: How many pings of ours were answered.
        watchers: Who is told when it fails, beside the receiver.
        seen_as: Our address as the peer has seen it, None where that is not known.
    """

    __slots__ = (
        "_connection",
        "local",
        "pongs",
        "remote",
        "seen_as",
        "transport",
        "watchers",
    )

    is_reliable = True

    def __init__(
        self,
        connection: StreamConnection,
        transport: str,
        local: tuple[str, int],
        remote: tuple[str, int],
    ) -> None:
        self._connection = connection
        self.transport = transport
        self.local = local
        self.remote = remote
        self.pongs = 0
        self.watchers = Watchers()
        self.seen_as: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether `send` can still work."""
        return self._connection.is_open

    @property
    def is_receiving(self) -> bool:
        """See `IFlow`."""
        return self._connection.is_receiving

    @property
    def sent_by(self) -> tuple[str, int]:
        """See `IFlow`."""
        return self._connection.owner.sent_by_of(self)

    def send(self, data: bytes) -> None:
        """See `IFlow`."""
        self._connection.send(data)

    def keep_alive(self) -> None:
        """See `IFlow`."""
        self._connection.ping()

    def fail(self, error: TransportFailed) -> None:
        """See `IFlow`."""
        self._connection.give_up(error)


@implementer(IHandshakeListener, IHalfCloseableProtocol, IPushProducer)
class StreamConnection(Protocol):
    """One connection.

    Args:
        owner: Hears of its life.
        intake: Gets its messages.
        tally: Where things are counted.
        clock: The only source of time.
        limits: How large a message may be.
        transport_name: "TCP" or "TLS".
        is_client: Whether we made the connection.
        tls: The judge of the server's certificate, for a TLS connection that we make.
        handshake_timeout: Seconds for the TLS handshake.
        message_timeout: Seconds for a message from its first octet to its last.

    Attributes:
        flow: What the layers above see; None before the connection is made.
        is_open: Whether messages can be sent.
        is_client: Whether we made the connection.
        has_spoken: Whether a whole message has come.
        opened_at: When it could be used, by the clock.
        last_active: When octets last went in either direction.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        intake: Intake,
        tally: Tally,
        clock: IReactorTime,
        limits: Limits,
        transport_name: str,
        *,
        is_client: bool,
        tls: ClientTls | None = None,
        handshake_timeout: float,
        message_timeout: float,
    ) -> None:
        self.owner = owner
        self.is_open = False
        self.flow: StreamFlow | None = None
        self.is_client = is_client
        self.has_spoken = False
        self.opened_at = self.last_active = 0.0
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._transport_name = transport_name
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._message_timeout = message_timeout
        self._framer = StreamFramer(limits)
        self._deadline: IDelayedCall | None = None
        self._error: TransportFailed | None = None
        self._is_choked = False
        self._unsent = 0

    @property
    def is_receiving(self) -> bool:
        """Whether a message has come in part and not whole."""
        return self._framer.is_mid_message

    # What Twisted tells

    def connectionMade(self) -> None:
        """The TCP connection stands; over TLS the handshake comes first."""
        socket = self._socket()
        self.flow = StreamFlow(
            self,
            self._transport_name,
            _address(socket.getHost()),
            _address(socket.getPeer()),
        )
        if not self.owner.admit(self):
            self.give_up(TransportFailed("there are too many connections"))
            return
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        if self._transport_name == "TLS":
            self._limit_time(self._handshake_timeout, self._handshake_timed_out)
        else:
            self._open()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done; it proves nothing if our judge was not asked."""
        if self._error is not None:
            return
        if self.is_client and not (self._tls is not None and self._tls.is_verified):
            self.give_up(TransportFailed("the server's certificate was not checked"))
            return
        self._stop_deadline()
        self._open()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the peer, cut anywhere."""
        if self._error is not None or self.flow is None:
            return
        self.last_active = self._clock.seconds()
        try:
            frames = self._framer.feed(data)
        except ParseError:
            frames = []
        pings = 0
        for frame in frames:
            if isinstance(frame, Ping):
                pings += 1
            elif isinstance(frame, Pong):
                self.flow.pongs += 1
                self._tally.count("pongs")
            else:
                self.has_spoken = True
                self._intake.take_message(frame, self.flow)
            # Whoever got the message may have closed the connection.
            if self._error is not None:
                return
        if pings:
            self._answer_pings(pings)
        if self._framer.error is not None:
            self._lose_framing(self._framer.error)
            return
        self._watch_started_message(is_new=bool(frames))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.is_open = False
        if self._error is None:
            self._end(self._failure(reason))
        self._stop_deadline()
        self.owner.connection_closed(self)

    def readConnectionLost(self) -> None:
        """The peer will say no more (TCP only): nothing can be asked of it.

        Twisted alone would throw away the answers that have not left yet.
        """
        self.close(TransportFailed("the peer closed the connection"))

    def writeConnectionLost(self) -> None:
        """Never happens: we do not close one direction alone."""

    def pauseProducing(self) -> None:
        """The peer reads too slowly: from here on, count what we send."""
        self._is_choked = True

    def resumeProducing(self) -> None:
        """Everything is with the system."""
        self._is_choked = False
        self._unsent = 0

    def stopProducing(self) -> None:
        """The connection is ending; `connectionLost` says the rest."""

    # What the flow and the owner ask

    def send(self, data: bytes) -> None:
        """Write one whole message.

        Raises:
            TransportFailed: The connection is closed, or the peer does not read.
        """
        if not self.is_open:
            raise TransportFailed("the connection is closed") from self._error
        if self._is_choked:
            self._unsent += len(data)
            if self._unsent > MAX_UNSENT:
                self._tally.report("peers-too-slow", self._remote(), "it reads nothing")
                error = TransportFailed("the peer does not read")
                self.give_up(error)
                raise error
        self.last_active = self._clock.seconds()
        self._socket().write(data)

    def ping(self) -> None:
        """Send a double CRLF; a single one is the answer to it (RFC 5626 4.4.1).

        Raises:
            TransportFailed: As `send`.
        """
        self._framer.is_pong_due = True
        self.send(_PING)

    def close(self, error: TransportFailed) -> None:
        """Send what was written, then close; `error` says why."""
        if self._error is None:
            self._end(error)
            # Neither a peer that does not read nor one that does not answer the end of
            # TLS may keep the connection.
            self._limit_time(CLOSE_TIMEOUT, self._socket().abortConnection)
            self._socket().loseConnection()

    def give_up(self, error: TransportFailed) -> None:
        """Close at once, whatever is not sent yet; `error` says why."""
        self._end(error)
        self._socket().abortConnection()

    # Inside

    def _open(self) -> None:
        self.is_open = True
        self.opened_at = self.last_active = self._clock.seconds()
        self._socket().registerProducer(self, True)
        self.owner.connection_opened(self)

    def _end(self, error: TransportFailed) -> None:
        self._stop_deadline()
        if self.is_open:
            self.is_open = False
            self._socket().unregisterProducer()
        if self._error is None:
            self._error = error
            self.owner.connection_ended(self, error)

    def _answer_pings(self, pings: int) -> None:
        """Send a single CRLF for each (RFC 5626 section 4.4.1), all in one write."""
        self._tally.counters["pings"] += pings
        try:
            self.send(_PONG * pings)
        except TransportFailed:
            # The peer does not read; the connection is given up and that is reported.
            return

    def _lose_framing(self, error: ParseError) -> None:
        assert self.flow is not None
        self._tally.report("framing-lost", self.flow.remote, error)
        self._intake.refuse(self._framer.rejected, self.flow, error)
        # The answer, if one could be made, is still to leave.
        self.close(TransportFailed(f"the peer sends what is not SIP: {error}"))

    def _watch_started_message(self, *, is_new: bool) -> None:
        if not self._framer.is_mid_message:
            self._stop_deadline()
        elif is_new or self._deadline is None:
            self._limit_time(self._message_timeout, self._message_timed_out)

    def _limit_time(self, seconds: float, action: Callable[[], None]) -> None:
        self._stop_deadline()
        self._deadline = self._clock.callLater(seconds, action)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None

    def _handshake_timed_out(self) -> None:
        self.give_up(TransportFailed("the TLS handshake takes too long"))

    def _message_timed_out(self) -> None:
        error = TransportFailed("a message was started and not finished")
        self._tally.report("messages-too-slow", self._remote(), error)
        self.give_up(error)

    def _failure(self, reason: Failure) -> TransportFailed:
        problem = None if self._tls is None else self._tls.problem
        if problem is not None:
            return TransportFailed(f"the server's certificate is refused: {problem}")
        if reason.check(ConnectionDone):
            return TransportFailed("the peer closed the connection")
        if reason.check(ConnectionAborted):
            return TransportFailed("the connection was given up")
        if reason.check(ConnectionLost):
            return TransportFailed("the connection broke")
        if reason.check(SSL.Error):
            return TransportFailed(f"TLS failed: {handshake_problem(reason.value)}")
        return TransportFailed(reason.getErrorMessage())

    def _remote(self) -> tuple[str, int]:
        assert self.flow is not None
        return self.flow.remote

    def _socket(self) -> _Socket:
        return cast(_Socket, self.transport)


def _address(address: IPv4Address | IPv6Address) -> tuple[str, int]:
    return plain_address(address.host), address.port
