"""One connection: framing, keep-alives, limits and how it ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Response
from sipuac.syntax.parser import parse_message
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.connections import SWEEP_INTERVAL
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.stream import CLOSE_TIMEOUT, MAX_UNSENT, StreamConnection
from tests.transport.peers import (
    FakeConnection,
    FakeReactor,
    Receiver,
    connected,
    ok,
    options,
)

VIA = "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1"
DONE = Failure(ConnectionDone())


class StreamCase(SynchronousTestCase):
    """Connections that a listener accepts, in memory."""

    def setUp(self) -> None:
        """A layer that listens for TCP."""
        self.reactor = FakeReactor()
        self.receiver = Receiver()
        self.layer = TransportLayer(
            self.reactor,
            [Listener("TCP", "192.0.2.1", 5060)],
            limits=Limits(max_head=2000, max_body=3000),
            bounds=ConnectionBounds(max_accepted=2, message_timeout=30.0),
        )
        self.layer.set_receiver(self.receiver)
        self.successResultOf(self.layer.start())
        self.counters = self.layer.counters

    def accepted(self, port: int = 49152) -> tuple[StreamConnection, FakeConnection]:
        """A connection from a peer."""
        factory = self.reactor.tcpServers[0][1]
        local, remote = ("192.0.2.1", 5060), ("192.0.2.9", port)
        protocol, transport = connected(factory, local=local, remote=remote)
        assert isinstance(protocol, StreamConnection)
        return protocol, transport

    def assertNoDeadline(self) -> None:
        """Nothing waits but the next look for idle connections."""
        [sweep] = self.reactor.getDelayedCalls()
        self.assertEqual(sweep.getTime() % SWEEP_INTERVAL, 0.0)

    def lose(self, protocol: StreamConnection, reason: Failure = DONE) -> None:
        """End a connection as the reactor does."""
        protocol.connectionLost(reason)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class FramingTests(StreamCase):
    """Messages in a stream (RFC 3261 section 18.3)."""

    def test_split_at_every_octet(self) -> None:
        """One message may come in two reads, split at any octet (3261-18.3-d)."""
        message = options(VIA, body=b"some body")
        octets = message.render()
        for cut in range(1, len(octets)):
            protocol, transport = self.accepted()
            protocol.dataReceived(octets[:cut])
            self.assertEqual(self.receiver.received, [])
            protocol.dataReceived(octets[cut:])
            self.assertEqual(self.receiver.messages, [message])
            self.receiver.received.clear()
            self.lose(protocol)

    def test_octet_by_octet(self) -> None:
        """... or in as many reads as it has octets (3261-18.3-d)."""
        protocol, _ = self.accepted()
        for octet in options(VIA, body=b"some body").render():
            protocol.dataReceived(bytes([octet]))
        self.assertEqual(len(self.receiver.messages), 1)
        self.assertNoDeadline()

    def test_many_messages_in_one_read(self) -> None:
        """Several messages come in one read, in their order (3261-18.3-d)."""
        protocol, _ = self.accepted()
        messages = [options(VIA, body=b"x" * size) for size in range(5)]
        protocol.dataReceived(b"".join(message.render() for message in messages))
        self.assertEqual(self.receiver.messages, messages)

    def test_request_is_marked(self) -> None:
        """The source is put into the top Via, over connections too (3581-4-a)."""
        protocol, _ = self.accepted()
        protocol.dataReceived(options(f"{VIA};rport").render())
        [request] = self.receiver.messages
        self.assertEqual(request.top_via.rport, 49152)
        self.assertEqual(request.top_via.received, "192.0.2.9")

    def test_flow(self) -> None:
        """The flow tells what it is."""
        protocol, transport = self.accepted()
        protocol.dataReceived(ok(VIA).render())
        [(_, flow)] = self.receiver.received
        self.assertEqual(flow.transport, "TCP")
        self.assertTrue(flow.is_reliable)
        self.assertTrue(flow.is_open)
        self.assertEqual(flow.local, ("192.0.2.1", 5060))
        self.assertEqual(flow.remote, ("192.0.2.9", 49152))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5060))
        flow.send(b"octets")
        self.assertEqual(transport.value(), b"octets")

    def test_small_messages_leave_at_once(self) -> None:
        """Nothing waits for more to send, and dead peers are noticed in the end."""
        _, transport = self.accepted()
        self.assertTrue(transport.getTcpNoDelay())
        self.assertTrue(transport.getTcpKeepAlive())

    def test_ping(self) -> None:
        """A double CRLF between messages is answered with a single one
        (5626-4.4.1-a).
        """
        protocol, transport = self.accepted()
        protocol.dataReceived(options(VIA).render() + b"\r\n\r\n")
        self.assertEqual(transport.value(), b"\r\n")
        self.assertEqual(self.counters["pings"], 1)
        protocol.dataReceived(options(VIA).render())
        self.assertEqual(len(self.receiver.messages), 2)

    def test_flood_of_pings(self) -> None:
        """Pings of one read are answered at once, and a peer that only pings and never
        reads is given up.
        """
        protocol, transport = self.accepted()
        protocol.dataReceived(b"\r\n\r\n" * 1000)
        self.assertEqual(transport.value(), b"\r\n" * 1000)
        self.assertEqual(self.counters["pings"], 1000)
        producer: Any = transport.producer
        producer.pauseProducing()
        for _ in range(MAX_UNSENT // 2000 + 1):
            protocol.dataReceived(b"\r\n\r\n" * 1000)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters["peers-too-slow"], 1)
        self.lose(protocol)

    def test_pong(self) -> None:
        """A lone CRLF is a pong, and is not answered (5626-4.4.1-a)."""
        protocol, transport = self.accepted()
        protocol.dataReceived(b"\r\n" + options(VIA).render())
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.counters["pongs"], 1)
        self.assertEqual(len(self.receiver.messages), 1)


class BadInputTests(StreamCase):
    """What is not SIP, or too much of it (3261-18.3-e)."""

    def assertClosed(self, octets: bytes, answer: int | None = None) -> None:
        """These octets cost the peer its connection, after an answer at most."""
        protocol, transport = self.accepted()
        protocol.dataReceived(options(VIA).render() + octets)
        self.assertEqual(len(self.receiver.messages), 1)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.counters["framing-lost"], 1)
        if answer is None:
            self.assertEqual(transport.value(), b"")
        else:
            response = parse_message(transport.value())
            assert isinstance(response, Response)
            self.assertEqual(response.status, answer)
        protocol.dataReceived(options(VIA).render())
        self.assertEqual(len(self.receiver.messages), 1)
        self.lose(protocol)
        [(flow, error)] = self.receiver.failed
        self.assertIn("not SIP", str(error))
        self.assertRaises(TransportFailed, flow.send, b"octets")

    def test_garbage(self) -> None:
        """Garbage on a stream closes the connection; what came before counts."""
        self.assertClosed(b"\xff\x00garbage\r\n\r\n")

    def test_endless_head(self) -> None:
        """A head that does not end is given up at the limit."""
        self.assertClosed(b"OPTIONS sip:us SIP/2.0\r\n" + b"X: y\r\n" * 1000)

    def test_endless_line(self) -> None:
        """So is one line that does not end."""
        self.assertClosed(b"x" * 5000)

    def test_no_content_length(self) -> None:
        """The Content-Length header field MUST be used with stream oriented
        transports.
        """
        octets = options(VIA).render().replace(b"Content-Length: 0\r\n", b"")
        self.assertClosed(octets, answer=400)

    def test_lying_content_length(self) -> None:
        """What follows a body that is longer than it says is no message."""
        octets = options(VIA, body=b"0123456789\r\n\r\n").render()
        self.assertIn(b"Content-Length: 14", octets)
        protocol, transport = self.accepted()
        protocol.dataReceived(
            octets.replace(b"Content-Length: 14", b"Content-Length: 5")
        )
        self.assertEqual(
            [message.body for message in self.receiver.messages], [b"01234"]
        )
        self.assertTrue(transport.disconnecting)
        self.lose(protocol)

    def test_contradicting_content_lengths(self) -> None:
        """Two lengths that differ leave no way to find the next message."""
        octets = (
            options(VIA)
            .render()
            .replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 5")
        )
        self.assertClosed(octets, answer=400)

    def test_huge_body(self) -> None:
        """A body above the limit is refused before it comes."""
        octets = (
            options(VIA).render().replace(b"Content-Length: 0", b"Content-Length: 9999")
        )
        self.assertClosed(octets, answer=513)

    def test_malformed_message_with_good_framing(self) -> None:
        """A request that is only malformed gets its 400, and the stream goes on."""
        protocol, transport = self.accepted()
        bad = options(VIA, cseq="1 INVITE").render()
        protocol.dataReceived(bad + options(VIA).render())
        self.assertEqual(len(self.receiver.messages), 1)
        response = parse_message(transport.value())
        assert isinstance(response, Response)
        self.assertEqual(response.status, 400)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(self.counters["malformed"], 1)

    def test_started_message_has_to_end(self) -> None:
        """The time for a message on a stream is bounded, however it trickles."""
        protocol, transport = self.accepted()
        octets = options(VIA).render()
        for octet in octets[:29]:
            protocol.dataReceived(bytes([octet]))
            self.reactor.advance(1.0)
        self.assertFalse(transport.disconnected)
        self.reactor.advance(1.0)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters["messages-too-slow"], 1)
        self.lose(protocol)

    def test_time_runs_for_each_message_anew(self) -> None:
        """Whoever sends one message after another may go on for ever."""
        protocol, transport = self.accepted()
        octets = options(VIA).render()
        protocol.dataReceived(octets[:20])
        for _ in range(10):
            self.reactor.advance(20.0)
            protocol.dataReceived(octets[20:] + octets[:20])
        self.assertFalse(transport.disconnected)
        protocol.dataReceived(octets[20:])
        self.assertNoDeadline()
        self.assertEqual(len(self.receiver.messages), 11)

    def test_peer_that_does_not_read(self) -> None:
        """What waits for a peer that reads nothing is bounded; then it is given up."""
        protocol, transport = self.accepted()
        protocol.dataReceived(ok(VIA).render())
        [(_, flow)] = self.receiver.received
        producer: Any = transport.producer
        flow.send(b"x" * MAX_UNSENT)
        producer.pauseProducing()
        flow.send(b"x" * MAX_UNSENT)
        self.assertRaises(TransportFailed, flow.send, b"x")
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters["peers-too-slow"], 1)
        self.lose(protocol)

    def test_peer_that_reads_again(self) -> None:
        """A peer that has read everything is as good as new."""
        protocol, transport = self.accepted()
        producer: Any = transport.producer
        for _ in range(3):
            producer.pauseProducing()
            protocol.send(b"x" * MAX_UNSENT)
            producer.resumeProducing()
        self.assertFalse(transport.disconnected)

    def test_receiver_that_stops_in_between(self) -> None:
        """Once the connection is closed, nothing more of the same read is handed up."""
        protocol, transport = self.accepted()
        original = self.receiver.message_received

        def stop(message: Any, flow: Any) -> None:
            original(message, flow)
            self.layer.stop()

        self.patch(self.receiver, "message_received", stop)
        protocol.dataReceived(options(VIA).render() * 3)
        self.assertEqual(len(self.receiver.messages), 1)
        self.lose(protocol)


class EndTests(StreamCase):
    """How connections end."""

    def test_peer_closes(self) -> None:
        """The receiver hears of the end of an open connection (3261-18.4-a)."""
        protocol, _ = self.accepted()
        flow = protocol.flow
        self.lose(protocol)
        [(failed, error)] = self.receiver.failed
        self.assertIs(failed, flow)
        self.assertIn("the peer closed the connection", str(error))
        self.assertEqual(self.counters["connections-lost"], 1)

    def test_peer_says_no_more(self) -> None:
        """A peer that closes its direction gets the answers to what it has asked, and
        is closed; who waits for it to speak hears at once (3261-18.4-a).
        """
        protocol, transport = self.accepted()
        flow = protocol.flow
        assert flow is not None
        protocol.dataReceived(options(VIA).render())
        flow.send(b"an answer")
        assert IHalfCloseableProtocol.providedBy(protocol)
        protocol.readConnectionLost()
        self.assertEqual(transport.value(), b"an answer")
        self.assertTrue(transport.disconnecting)
        self.assertFalse(flow.is_open)
        [(failed, error)] = self.receiver.failed
        self.assertIs(failed, flow)
        self.assertIn("the peer closed the connection", str(error))
        self.lose(protocol)
        self.assertEqual(len(self.receiver.failed), 1)

    def test_flow_that_is_found_dead(self) -> None:
        """A connection whose peer does not answer is closed at once, and everybody who
        waits or watches hears of it.
        """
        protocol, transport = self.accepted()
        flow = protocol.flow
        assert flow is not None
        told: list[TransportFailed] = []
        flow.watchers.add(told.append)
        flow.keep_alive()
        self.assertEqual(transport.value(), b"\r\n\r\n")
        for pongs in (1, 2, 3):
            protocol.dataReceived(b"\r\n")
            self.assertEqual(flow.pongs, pongs)
            flow.keep_alive()
        error = TransportFailed("no pong")
        flow.fail(error)
        self.assertTrue(transport.disconnected)
        self.assertEqual((told, self.receiver.failed), ([error], [(flow, error)]))
        self.lose(protocol)
        self.assertEqual((len(told), len(self.receiver.failed)), (1, 1))
        self.assertRaises(TransportFailed, flow.keep_alive)

    def test_connection_breaks(self) -> None:
        """... and of one that breaks (3261-18.4-a)."""
        protocol, _ = self.accepted()
        self.lose(protocol, Failure(ConnectionLost()))
        self.assertEqual(len(self.receiver.failed), 1)

    def test_closing_is_bounded(self) -> None:
        """A peer that does not let us close is given up after a while."""
        protocol, transport = self.accepted()
        self.layer.stop()
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        # Twisted closes no connection that still has a producer.
        self.assertIsNone(transport.producer)
        self.reactor.advance(CLOSE_TIMEOUT)
        self.assertTrue(transport.disconnected)
        self.lose(protocol)

    def test_stop_waits_for_connections(self) -> None:
        """The Deferred of `stop` fires when the last connection is closed, and the
        receiver hears of no failures.
        """
        first, _ = self.accepted(1)
        second, _ = self.accepted(2)
        stopped = self.layer.stop()
        self.lose_one(first)
        self.assertNoResult(stopped)
        self.lose_one(second)
        self.successResultOf(stopped)
        self.assertEqual(self.receiver.failed, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def lose_one(self, protocol: StreamConnection) -> None:
        """End one of several connections."""
        protocol.connectionLost(DONE)

    def test_too_many(self) -> None:
        """Connections above the bound are closed at once."""
        first, _ = self.accepted(1)
        self.accepted(2)
        third, transport = self.accepted(3)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters["connections-refused"], 1)
        self.assertEqual(self.counters["connections-accepted"], 2)
        third.dataReceived(options(VIA).render())
        self.assertEqual(self.receiver.received, [])
        third.connectionLost(DONE)
        self.assertEqual(self.receiver.failed, [])
        first.connectionLost(DONE)
        _, transport = self.accepted(4)
        self.assertFalse(transport.disconnected)
