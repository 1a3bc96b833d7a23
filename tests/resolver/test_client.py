"""Asking name servers: who is asked when, and which answers count."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionRefusedError,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSQueryRefusedError, DNSServerError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.client import ATTEMPT_TIMES, MAX_QUESTIONS, NameClient
from sipuac.resolver.interfaces import Sections
from tests.resolver.zone import headers, v4

ONE, TWO = ("192.0.2.53", 53), ("2001:db8::53", 5353)


class FakeSocket:
    """A UDP socket of the fake reactor.

    Attributes:
        server: Whom it is connected to.
        sent: What was written.
        is_open: Whether it was not closed.
    """

    def __init__(self, protocol: Any, interface: str) -> None:
        self.protocol = protocol
        self.interface = interface
        self.server: tuple[str, int] | None = None
        self.sent: list[dns.Message] = []
        self.is_open = True
        self.error: Exception | None = None

    def connect(self, host: str, port: int) -> None:
        """See `IUDPTransport`."""
        self.server = (host, port)

    def write(self, octets: bytes) -> None:
        """See `IUDPTransport`."""
        if self.error is not None:
            raise self.error
        message = dns.Message()
        message.fromStr(octets)
        self.sent.append(message)

    def stopListening(self) -> None:
        """See `IListeningPort`."""
        assert self.is_open
        self.is_open = False

    def receive(self, octets: bytes) -> None:
        """The server writes something."""
        self.protocol.datagramReceived(octets, self.server)


class StreamTransport(StringTransport):
    """A connection that can be aborted."""

    is_aborted = False

    def abortConnection(self) -> None:
        """See `ITCPTransport`."""
        self.is_aborted = True


class FakeReactor(MemoryReactorClock):
    """A reactor with UDP sockets in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: list[FakeSocket] = []
        self.errors: list[Exception | None] = []

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> FakeSocket:
        """See `IReactorUDP`."""
        assert port == 0
        socket = FakeSocket(protocol, interface)
        if self.errors:
            socket.error = self.errors.pop(0)
            if isinstance(socket.error, CannotListenError):
                raise socket.error
        self.sockets.append(socket)
        return socket


class ClientCase(SynchronousTestCase):
    """One question at a time, to servers in memory."""

    servers: tuple[tuple[str, int], ...] = (ONE, TWO)

    def setUp(self) -> None:
        """Make a client, and let it ask."""
        self.reactor = FakeReactor()
        self.counters: Counter[str] = Counter()
        self.numbers = iter(range(1000, 60000))
        self.client = NameClient(
            self.reactor,
            lambda: self.servers,
            lambda highest: next(self.numbers),
            self.counters,
        )

    def ask(self) -> Deferred[Sections]:
        """Ask for the A records of a.example."""
        return self.client.query(dns.Query(b"a.example", dns.A, dns.IN))

    def answer(self, socket: FakeSocket, **changes: Any) -> bytes:
        """The octets of an answer to what was asked over a socket."""
        asked = socket.sent[-1]
        message = dns.Message(asked.id, answer=1)
        message.queries = list(asked.queries)
        message.answers = headers("a.example", [v4("192.0.2.1")])
        for name, value in changes.items():
            setattr(message, name, value)
        message.maxSize = 0
        return message.toStr()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.reactor.advance(seconds)

    def assertAnswered(self, asked: Deferred[Sections]) -> None:
        """There is the answer, and nothing else is left."""
        answers, _, _ = self.successResultOf(asked)
        self.assertEqual([one.payload.dottedQuad() for one in answers], ["192.0.2.1"])
        self.assertNothingLeft()

    def assertNothingLeft(self) -> None:
        """No socket and no timer is left."""
        self.assertEqual([one for one in self.reactor.sockets if one.is_open], [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class QuestionTests(ClientCase):
    """Who is asked, and when."""

    def test_answer(self) -> None:
        """The first server is asked, from a socket of its own that talks to nobody
        else; what it says is the answer.
        """
        asked = self.ask()
        socket = self.reactor.sockets[0]
        self.assertEqual((socket.server, socket.interface), (ONE, ""))
        query = socket.sent[0]
        self.assertEqual((query.id, query.recDes, query.answer), (1000, 1, 0))
        self.assertEqual(query.queries, [dns.Query(b"a.example", dns.A, dns.IN)])
        self.assertNoResult(asked)
        socket.receive(self.answer(socket))
        self.assertAnswered(asked)
        self.assertEqual(self.counters, Counter({"dns-queries": 1}))

    def test_no_answer(self) -> None:
        """Without an answer the next server is asked too, then the first one again; the
        question ends in time (3263-4-b).
        """
        asked = self.ask()
        for number, seconds in enumerate(ATTEMPT_TIMES, 1):
            self.assertEqual(len(self.reactor.sockets), number)
            self.advance(seconds - 0.01)
            self.assertEqual(len(self.reactor.sockets), number)
            self.assertNoResult(asked)
            self.advance(0.011)
        servers = [socket.server for socket in self.reactor.sockets]
        self.assertEqual(servers, [ONE, TWO, ONE])
        numbers = [socket.sent[0].id for socket in self.reactor.sockets]
        self.assertEqual(numbers, [1000, 1001, 1002])
        self.assertEqual(self.reactor.sockets[1].interface, "::")
        self.failureResultOf(asked, DeferredTimeout)
        self.assertNothingLeft()

    def test_late_answer(self) -> None:
        """A server that was only slow may answer after the next one was asked."""
        asked = self.ask()
        self.advance(ATTEMPT_TIMES[0])
        first = self.reactor.sockets[0]
        first.receive(self.answer(first))
        self.assertAnswered(asked)

    def test_one_server(self) -> None:
        """A single server is asked again."""
        self.servers = (ONE,)
        asked = self.ask()
        self.advance(ATTEMPT_TIMES[0])
        again = self.reactor.sockets[1]
        self.assertEqual(again.server, ONE)
        again.receive(self.answer(again))
        self.assertAnswered(asked)

    def test_server_that_cannot_tell(self) -> None:
        """Where one server cannot tell the next is asked at once; where none can, that
        is the answer.
        """
        asked = self.ask()
        first = self.reactor.sockets[0]
        first.receive(self.answer(first, rCode=dns.EREFUSED, answers=[]))
        self.assertFalse(first.is_open)
        second = self.reactor.sockets[1]
        self.assertEqual(second.server, TWO)
        second.receive(self.answer(second, rCode=dns.ESERVER, answers=[]))
        self.failureResultOf(asked, DNSServerError)
        self.assertEqual(len(self.reactor.sockets), 2)
        self.assertNothingLeft()

    def test_late_refusal(self) -> None:
        """A refusal of the first server does not end the time of the second."""
        asked = self.ask()
        self.advance(ATTEMPT_TIMES[0])
        first, second = self.reactor.sockets
        first.receive(self.answer(first, rCode=dns.EREFUSED, answers=[]))
        self.assertEqual(len(self.reactor.sockets), 2)
        second.receive(self.answer(second))
        self.assertAnswered(asked)

    def test_all_refuse_or_are_silent(self) -> None:
        """What one server said is told where the others say nothing."""
        asked = self.ask()
        first = self.reactor.sockets[0]
        first.receive(self.answer(first, rCode=dns.EREFUSED, answers=[]))
        self.advance(10)
        self.failureResultOf(asked, DNSQueryRefusedError)
        self.assertNothingLeft()

    def test_unknown_name(self) -> None:
        """That there is no such name is an answer, with its SOA record."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        socket.receive(self.answer(socket, rCode=dns.ENAME, answers=[]))
        error = self.failureResultOf(asked, DNSNameError).value
        self.assertIsInstance(error.args[0], dns.Message)
        self.assertNothingLeft()

    def test_nobody_there(self) -> None:
        """A port where nobody listens is as good as a refusal."""
        asked = self.ask()
        self.reactor.sockets[0].protocol.connectionRefused()
        second = self.reactor.sockets[1]
        self.assertEqual(second.server, TWO)
        second.receive(self.answer(second))
        self.assertAnswered(asked)

    def test_no_way(self) -> None:
        """So is a server to which there is no way, or no socket left."""
        self.reactor.errors = [
            OSError(101, "Network is unreachable"),
            CannotListenError("", 0, OSError(24, "Too many open files")),
        ]
        asked = self.ask()
        self.failureResultOf(asked, OSError)
        self.assertNothingLeft()

    def test_no_servers(self) -> None:
        """Without servers there is no answer."""
        self.servers = ()
        self.failureResultOf(self.ask(), DeferredTimeout)

    def test_cancelling(self) -> None:
        """A question can be given up; all of its sockets are closed."""
        asked = self.ask()
        self.advance(ATTEMPT_TIMES[0])
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertNothingLeft()

    def test_many_questions(self) -> None:
        """The number of questions at a time is bounded; the others wait (3263-4-b)."""
        asked = [self.ask() for _ in range(MAX_QUESTIONS + 2)]
        self.assertEqual(len(self.reactor.sockets), MAX_QUESTIONS)
        asked[-2].cancel()
        self.failureResultOf(asked[-2], CancelledError)
        first = self.reactor.sockets[0]
        first.receive(self.answer(first))
        self.successResultOf(asked[0])
        self.assertEqual(len(self.reactor.sockets), MAX_QUESTIONS + 1)
        last = self.reactor.sockets[-1]
        last.receive(self.answer(last))
        self.successResultOf(asked[-1])
        for waiting in asked[1:-2]:
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.assertNothingLeft()


class AnswerTests(ClientCase):
    """Which datagrams count as answers."""

    def test_lies(self) -> None:
        """What is not the answer to this very question is not seen."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        other = [dns.Query(b"b.example", dns.A, dns.IN)]
        good = self.answer(socket)
        lies = [
            self.answer(socket, id=7),
            self.answer(socket, answer=0),
            self.answer(socket, opCode=dns.OP_NOTIFY),
            self.answer(socket, queries=other),
            self.answer(socket, queries=[dns.Query(b"a.example", dns.AAAA, dns.IN)]),
            self.answer(socket, queries=[]),
            self.answer(socket, queries=other * 2),
            b"",
            b"\x03",
            good[:11],
            b"\xff" * 600,
            # A compression pointer to itself.
            good[:12] + b"\xc0\x0c" + good[14:],
            # Records that end too early, of a type with a length in front.
            good[:-14] + b"\x00\x0b\x00\x01\x00\x00\x00\x00\x00\x00",
        ]
        for lie in lies:
            socket.receive(lie)
        self.assertNoResult(asked)
        self.assertGreaterEqual(self.counters["dns-answers-ignored"], len(lies) - 1)
        socket.receive(good)
        self.assertAnswered(asked)

    def test_case(self) -> None:
        """A server may repeat the name in other letters."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        queries = [dns.Query(b"A.eXample", dns.A, dns.IN)]
        socket.receive(self.answer(socket, queries=queries))
        self.assertAnswered(asked)

    def test_twice(self) -> None:
        """An answer that comes twice counts once."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        good = self.answer(socket)
        socket.receive(good)
        socket.receive(good)
        self.assertAnswered(asked)


class StreamTests(ClientCase):
    """Answers that do not fit into a datagram."""

    def connect(self, asked: Deferred[Sections]) -> tuple[Any, StreamTransport]:
        """Have an answer cut, and the connection made that it leads to."""
        socket = self.reactor.sockets[0]
        cut = self.answer(socket, trunc=1, answers=[])
        socket.receive(cut)
        socket.receive(cut)
        self.assertNoResult(asked)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        host, port, factory, _, _ = self.reactor.tcpClients[0]
        self.assertEqual((host, port), ONE)
        protocol: Any = factory.buildProtocol(None)
        transport = StreamTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_answer(self) -> None:
        """The same server is asked over TCP, and the connection closed thereafter."""
        asked = self.ask()
        protocol, transport = self.connect(asked)
        socket = self.reactor.sockets[0]
        octets = transport.value()
        query = dns.Message()
        query.fromStr(octets[2:])
        self.assertEqual(octets[:2], len(octets[2:]).to_bytes(2, "big"))
        self.assertEqual(query.queries, socket.sent[0].queries)
        answer = self.answer(socket)
        octets = len(answer).to_bytes(2, "big") + answer
        for cut in (octets[:1], octets[1:20], octets[20:]):
            self.assertNoResult(asked)
            protocol.dataReceived(cut)
        self.assertTrue(transport.is_aborted)
        self.assertAnswered(asked)
        protocol.connectionLost(Failure(ConnectionDone()))

    def test_no_connection(self) -> None:
        """Without a connection the next server is asked."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        socket.receive(self.answer(socket, trunc=1, answers=[]))
        factory: Any = self.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        second = self.reactor.sockets[1]
        second.receive(self.answer(second))
        self.assertAnswered(asked)

    def test_broken_connection(self) -> None:
        """Likewise where the connection breaks before the answer."""
        asked = self.ask()
        protocol, _ = self.connect(asked)
        protocol.connectionLost(Failure(ConnectionDone()))
        second = self.reactor.sockets[1]
        second.receive(self.answer(second))
        self.assertAnswered(asked)

    def test_slow_connection(self) -> None:
        """A server that says its answer slowly has no more time than others
        (3263-4-b).
        """
        asked = self.ask()
        protocol, transport = self.connect(asked)
        for _ in range(31):
            protocol.dataReceived(b"\x00" if not protocol.recvd else b"\xff")
            self.advance(0.1)
        self.failureResultOf(asked, DeferredTimeout)
        self.assertTrue(transport.is_aborted)
        self.assertNothingLeft()

    def test_giving_up_to_connect(self) -> None:
        """Who gives up gives up connecting."""
        asked = self.ask()
        socket = self.reactor.sockets[0]
        socket.receive(self.answer(socket, trunc=1, answers=[]))
        connector = self.reactor.connectors[0]
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(connector.stoppedConnecting)
        self.assertNothingLeft()

    def test_cut_again(self) -> None:
        """Over TCP a flag that says so does not matter."""
        asked = self.ask()
        protocol, _ = self.connect(asked)
        answer = self.answer(self.reactor.sockets[0], trunc=1)
        protocol.dataReceived(len(answer).to_bytes(2, "big") + answer)
        self.assertAnswered(asked)
