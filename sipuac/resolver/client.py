"""Asks name servers: over UDP, and over TCP where an answer did not fit.

`twisted.names` has the messages. Its own client cannot be given up in the middle, keeps
its connections and a timer for ever, and asks no second server where the first says
that it cannot tell; hence this one. A question has an end: an answer, a refusal by all
servers, or its time.

Each attempt has a socket of its own, connected to its server: the system gives it a
port by chance and drops what comes from elsewhere. An answer must repeat the question
and its number, another one is counted and not seen (RFC 5452 section 9.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from struct import unpack_from
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredSemaphore, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IDelayedCall,
    ITCPTransport,
)
from twisted.internet.protocol import (
    ClientFactory,
    ConnectedDatagramProtocol,
    connectionDone,
)
from twisted.logger import Logger
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSUnknownError
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from sipuac.resolver.interfaces import Sections
from sipuac.resolver.rules import Pick

_log = Logger()

#: Seconds that each attempt has before the next one is made as well: 3 s in all, so
#: that NAPTR, SRV and addresses can be asked for in one search.
ATTEMPT_TIMES = (0.8, 0.8, 1.4)

#: Questions on their way at a time; more wait. Each has up to three sockets.
MAX_QUESTIONS = 100

#: Octets of the largest datagram that is read.
MAX_ANSWER = 65_535

#: Address and port of a name server.
NameServer = tuple[str, int]


class NameClient:
    """Asks name servers; one of `twisted.names`' resolvers to whoever uses it.

    Args:
        reactor: Has the sockets and the clock; Twisted has no one type for that.
        servers: Tells the name servers, in the order in which to ask them.
        pick: Chance.
        counters: Where things are counted.
        attempt_times: See `ATTEMPT_TIMES`; one for each attempt.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Callable[[], Sequence[NameServer]],
        pick: Pick,
        counters: Counter[str],
        *,
        attempt_times: Sequence[float] = ATTEMPT_TIMES,
    ) -> None:
        self.reactor = reactor
        self.pick = pick
        self.counters = counters
        self.attempt_times = attempt_times
        self._servers = servers
        self._limit = DeferredSemaphore(MAX_QUESTIONS)

    def query(
        self, query: dns.Query, timeout: Sequence[int] | None = None
    ) -> Deferred[Sections]:
        """See `Lookup`; the times are always our own."""
        answered: Deferred[Sections] = self._limit.run(self._ask, query)
        return answered

    def _ask(self, query: dns.Query) -> Deferred[Sections]:
        servers = list(self._servers())
        if not servers:
            return fail(DeferredTimeout("there are no name servers"))
        return _Question(self, query, servers).ask()


class _Question:
    """One question, at several servers one after another until one answers."""

    def __init__(
        self, client: NameClient, query: dns.Query, servers: list[NameServer]
    ) -> None:
        self.client = client
        self.query = query
        times = client.attempt_times
        # Each server once, then those again that were only slow.
        order = islice(cycle(servers), len(times))
        self._plan: Iterator[tuple[NameServer, float]] = iter(
            zip(order, times, strict=True)
        )
        self._attempts: list[_Attempt] = []
        self._refused_by: set[NameServer] = set()
        self._refusal: Exception | None = None
        self._timer: IDelayedCall | None = None
        self._answered: Deferred[Sections] = Deferred(lambda _: self._stop())
        self._is_over = False

    def ask(self) -> Deferred[Sections]:
        """Make the first attempt."""
        self._next_attempt()
        return self._answered

    def answered(self, attempt: _Attempt, message: dns.Message) -> None:
        """A server has answered: with records, or that there are none."""
        if self._is_over:
            return
        if message.rCode not in (dns.OK, dns.ENAME):
            self.failed(attempt, _error_of(message))
            return
        self._stop()
        if message.rCode == dns.OK:
            sections = (message.answers, message.authority, message.additional)
            self._answered.callback(sections)
        else:
            self._answered.errback(_error_of(message))

    def failed(self, attempt: _Attempt, error: Exception) -> None:
        """A server cannot tell, or is not there: the next one may know."""
        if self._is_over:
            return
        attempt.close()
        self._refused_by.add(attempt.server)
        self._refusal = error
        if attempt is self._attempts[-1]:
            self._next_attempt()

    def _next_attempt(self) -> None:
        self._stop_timer()
        for server, seconds in self._plan:
            if server in self._refused_by:
                continue
            self.client.counters["dns-queries"] += 1
            attempt = _Attempt(self, server)
            self._attempts.append(attempt)
            self._timer = self.client.reactor.callLater(seconds, self._next_attempt)
            attempt.send()
            return
        self._stop()
        self._answered.errback(
            self._refusal or DeferredTimeout("the name servers do not answer")
        )

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _stop(self) -> None:
        self._is_over = True
        self._stop_timer()
        for attempt in self._attempts:
            attempt.close()


class _Attempt(ConnectedDatagramProtocol):
    """One question to one server: a datagram, and a connection if that is too small.

    Attributes:
        server: Who is asked.
    """

    def __init__(self, question: _Question, server: NameServer) -> None:
        self.server = server
        self._question = question
        self._number = question.client.pick(0xFFFF)
        # A port of the reactor, of whatever type it has for that.
        self._port: Any = None
        self._stream: _Stream | None = None
        self._is_closed = False

    def send(self) -> None:
        """Ask by a datagram."""
        host = self.server[0]
        interface = "::" if ":" in host else ""
        try:
            port = self._port = self._question.client.reactor.listenUDP(
                0, self, interface=interface, maxPacketSize=MAX_ANSWER
            )
            port.connect(host, self.server[1])
            port.write(self.octets())
        except (OSError, CannotListenError, MessageLengthError) as error:
            self.failed(OSError(f"{host} cannot be asked: {error}"))

    def octets(self) -> bytes:
        """The question as it is sent."""
        message = dns.Message(self._number, recDes=1)
        message.queries = [self._question.query]
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
            self._question.answered(self, message)

    def failed(self, error: Exception) -> None:
        """The server cannot be asked."""
        if not self._is_closed:
            self._question.failed(self, error)

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
        asked = self._question.query
        return (
            bool(message.answer)
            and message.id == self._number
            and message.opCode == dns.OP_QUERY
            and len(message.queries) == 1
            and message.queries[0] == asked
        )

    def _ignore(self) -> None:
        self._question.client.counters["dns-answers-ignored"] += 1

    def _ask_by_stream(self) -> None:
        if self._stream is None:
            self._stream = _Stream(self)
            host, port = self.server
            connector = self._question.client.reactor.connectTCP(
                host, port, self._stream, timeout=sum(ATTEMPT_TIMES)
            )
            self._stream.connector = connector


class _Stream(ClientFactory):
    """The connection of an attempt whose answer did not fit into a datagram."""

    noisy = False

    def __init__(self, attempt: _Attempt) -> None:
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

    def __init__(self, attempt: _Attempt, lost: Callable[[], None]) -> None:
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


def _error_of(message: dns.Message) -> Exception:
    kind = ResolverBase._errormap.get(message.rCode, DNSUnknownError)
    error: Exception = kind(message)
    return error
