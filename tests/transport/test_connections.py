"""Connections that we make: reuse, failure, bounds, and closed ones."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, TimeoutError
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.interfaces import IFlow
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from tests.transport.peers import FakeReactor, Receiver, connected, options

DONE = Failure(ConnectionDone())
THERE = Destination("TCP", "192.0.2.9", 5060, "example.com")


class ConnectionsCase(SynchronousTestCase):
    """A layer in memory that connects."""

    def setUp(self) -> None:
        """Listening for UDP and TCP, at most two connections."""
        self.reactor = FakeReactor()
        self.receiver = Receiver()
        self.layer = TransportLayer(
            self.reactor,
            [Listener("UDP", "192.0.2.1", 5060)],
            bounds=ConnectionBounds(max_made=2, connect_timeout=7.0),
        )
        self.layer.set_receiver(self.receiver)
        self.successResultOf(self.layer.start())

    @property
    def attempts(self) -> list[tuple[Any, ...]]:
        """Host, port, factory, timeout and bind address of each connection begun."""
        attempts: list[tuple[Any, ...]] = self.reactor.tcpClients
        return attempts

    def succeed(self, attempt: int = -1) -> tuple[Any, StringTransport]:
        """Let the reactor make the connection."""
        host, port, factory, _, _ = self.attempts[attempt]
        return connected(factory, remote=(host, port))

    def connect(self, destination: Destination = THERE) -> Any:
        """An open flow, its protocol and its transport."""
        connecting = self.layer.connect(destination)
        protocol, transport = self.succeed()
        return self.successResultOf(connecting), protocol, transport


class ReuseTests(ConnectionsCase):
    """One connection to one next hop (3261-18-b)."""

    def test_open_connection_is_reused(self) -> None:
        """If a request is destined to an address, port and transport to which an
        existing connection is open, it is RECOMMENDED that it be used (3261-18-b).
        """
        flow, _, transport = self.connect()
        self.assertIs(self.successResultOf(self.layer.connect(THERE)), flow)
        self.assertEqual(len(self.attempts), 1)
        flow.send(b"octets")
        self.assertEqual(transport.value(), b"octets")

    def test_connection_being_made_is_shared(self) -> None:
        """Two who want the same connection at once get the same."""
        first, second = self.layer.connect(THERE), self.layer.connect(THERE)
        self.assertEqual(len(self.attempts), 1)
        self.succeed()
        self.assertIs(self.successResultOf(first), self.successResultOf(second))

    def test_other_port_or_address_is_another_connection(self) -> None:
        """Connections are indexed by address, port and transport at the far end."""
        flow, _, _ = self.connect()
        other, _, _ = self.connect(Destination("TCP", "192.0.2.9", 5070, "example.com"))
        self.assertIsNot(flow, other)

    def test_accepted_connection_is_reused_for_requests(self) -> None:
        """When a connection is accepted, the index is the source address and port
        (3261-18-b).
        """
        factory = self.reactor.tcpServers[0][1]
        protocol, _ = connected(factory, remote=("192.0.2.9", 49152))
        flow = self.successResultOf(
            self.layer.connect(Destination("TCP", "192.0.2.9", 49152, "example.com"))
        )
        self.assertIs(flow, protocol.flow)
        self.assertEqual(self.attempts, [])

    def test_closed_connection_is_made_anew(self) -> None:
        """After the end of a connection the next request makes another."""
        flow, protocol, _ = self.connect()
        protocol.connectionLost(DONE)
        self.assertFalse(flow.is_open)
        self.assertEqual([failed for failed, _ in self.receiver.failed], [flow])
        again, _, _ = self.connect()
        self.assertIsNot(again, flow)

    def test_tls_is_not_tcp(self) -> None:
        """A plain connection to the same place is never used for TLS
        (3261-26.2.2-a).
        """
        self.connect()
        secure = self.layer.connect(
            Destination("TLS", "192.0.2.9", 5060, "example.com")
        )
        self.assertNoResult(secure)
        self.assertIsInstance(self.attempts[-1][2], TLSMemoryBIOFactory)
        self.assertNoResult(self.layer.connect(THERE).addCallback(lambda _: Deferred()))

    def test_source_is_the_interface_we_listen_on(self) -> None:
        """A connection begins at the address that we are bound to."""
        self.layer.connect(THERE)
        self.assertEqual(self.attempts[0][4], ("192.0.2.1", 0))

    def test_source_is_free_where_we_listen_on_all(self) -> None:
        """Bound to all addresses, we leave the choice to the system."""
        layer = TransportLayer(self.reactor, [Listener("UDP")])
        self.successResultOf(layer.start())
        layer.connect(THERE)
        self.assertIsNone(self.attempts[0][4])


class FailureTests(ConnectionsCase):
    """Connections that cannot be made."""

    def refuse(self, error: Exception | None = None) -> None:
        """Let the reactor fail to connect."""
        error = error or ConnectionRefusedError()
        self.attempts[-1][2].clientConnectionFailed(
            self.reactor.connectors[-1], Failure(error)
        )

    def test_refused(self) -> None:
        """Everybody who waits hears that the transport failed (3261-18.4-a)."""
        first, second = self.layer.connect(THERE), self.layer.connect(THERE)
        self.refuse(ConnectionRefusedError())
        for waiting in (first, second):
            error = self.failureResultOf(waiting, TransportFailed).value
            self.assertIn("192.0.2.9 port 5060 by TCP", str(error))
            self.assertIn("refused", str(error))
        self.assertEqual(self.layer.counters["connections-failed"], 1)
        self.assertEqual(self.receiver.failed, [])

    def test_dead_server_is_left_alone(self) -> None:
        """After a failure the server rests, longer after each; who wants it meanwhile
        hears why, and others are not concerned.
        """
        self.layer.connect(THERE).addErrback(lambda _: None)
        self.refuse(ConnectionRefusedError())
        error = self.failureResultOf(self.layer.connect(THERE), TransportFailed).value
        self.assertIn("is left alone", str(error))
        self.assertIn("refused", str(error))
        self.assertEqual(self.layer.counters["connections-put-off"], 1)
        self.assertEqual(len(self.attempts), 1)
        self.layer.connect(Destination("TCP", "192.0.2.8", 5060, "")).addErrback(
            lambda _: None
        )
        self.assertEqual(len(self.attempts), 2)
        self.attempts[-1][2].clientConnectionFailed(None, Failure(TimeoutError()))
        self.reactor.advance(0.5)
        again = self.layer.connect(THERE)
        self.assertEqual(len(self.attempts), 3)
        self.refuse(ConnectionRefusedError())
        self.failureResultOf(again, TransportFailed)
        self.reactor.advance(0.4)
        self.failureResultOf(self.layer.connect(THERE), TransportFailed)
        self.assertEqual(len(self.attempts), 3)
        self.reactor.advance(0.6)
        connecting = self.layer.connect(THERE)
        protocol, _ = self.succeed()
        self.successResultOf(connecting)
        protocol.connectionLost(DONE)
        self.assertNoResult(self.layer.connect(THERE))

    def test_what_we_give_up_is_no_failure(self) -> None:
        """A server that we did not wait for is not left alone."""
        connecting = self.layer.connect(THERE)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertNoResult(self.layer.connect(THERE))

    def test_time_to_connect_is_bounded(self) -> None:
        """The reactor is told how long it may take."""
        connecting = self.layer.connect(THERE)
        self.assertEqual(self.attempts[0][3], 7.0)
        self.refuse(TimeoutError())
        self.failureResultOf(connecting, TransportFailed)

    def test_time_for_the_handshake_is_bounded(self) -> None:
        """A server that accepts the connection and is silent is given up."""
        connecting = self.layer.connect(
            Destination("TLS", "192.0.2.9", 5061, "example.com")
        )
        protocol, transport = self.succeed()
        self.reactor.advance(6.9)
        self.assertNoResult(connecting)
        self.reactor.advance(0.2)
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(DONE)
        error = self.failureResultOf(connecting, TransportFailed).value
        self.assertIn("handshake takes too long", str(error))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_peer_hangs_up_during_the_handshake(self) -> None:
        """A connection that ends before it is open fails for who waits, and only for
        them.
        """
        connecting = self.layer.connect(
            Destination("TLS", "192.0.2.9", 5061, "example.com")
        )
        protocol, _ = self.succeed()
        protocol.connectionLost(DONE)
        self.failureResultOf(connecting, TransportFailed)
        self.assertEqual(self.receiver.failed, [])

    def test_bound(self) -> None:
        """There are never more connections than allowed."""
        for port in (1, 2):
            self.layer.connect(Destination("TCP", "192.0.2.9", port, "example.com"))
        third = self.layer.connect(Destination("TCP", "192.0.2.9", 3, "example.com"))
        self.failureResultOf(third, TransportFailed)
        self.assertEqual(self.layer.counters["connections-refused"], 1)
        self.assertEqual(len(self.attempts), 2)

    def test_cancelling_one_of_two(self) -> None:
        """Who gives up does not take the connection from the others."""
        first, second = self.layer.connect(THERE), self.layer.connect(THERE)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertFalse(self.reactor.connectors[0].stoppedConnecting)
        self.succeed()
        self.successResultOf(second)

    def test_cancelling_another_in_a_callback(self) -> None:
        """Who is told may give up for another one who waits, whatever is told."""
        for ending in (self.refuse, self.succeed):
            first, second = self.layer.connect(THERE), self.layer.connect(THERE)
            first.addBoth(lambda _, waiting: waiting.cancel(), second)
            ending()
            self.failureResultOf(second, CancelledError)
            self.reactor.advance(120)

    def test_cancelling_the_last(self) -> None:
        """When nobody waits any more, the attempt is given up."""
        connecting = self.layer.connect(THERE)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
        self.assertNoResult(self.layer.connect(THERE))
        self.assertEqual(len(self.attempts), 2)

    def test_cancelling_during_the_handshake(self) -> None:
        """A connection whose handshake nobody waits for is closed."""
        connecting = self.layer.connect(
            Destination("TLS", "192.0.2.9", 5061, "example.com")
        )
        protocol, transport = self.succeed()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(DONE)
        self.successResultOf(self.layer.stop())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """Stopping gives up what is being made, and nothing is made afterwards."""
        connecting = self.layer.connect(THERE)
        stopped = self.layer.stop()
        self.failureResultOf(connecting, TransportFailed)
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
        self.successResultOf(stopped)
        self.failureResultOf(self.layer.connect(THERE), TransportFailed)


class ReplyTests(ConnectionsCase):
    """Responses to requests that came over a connection (3261-18.2.2-a)."""

    def request_from(self, via: str) -> tuple[Request, IFlow, Any]:
        """A request, its flow and the protocol of its connection."""
        factory = self.reactor.tcpServers[0][1]
        protocol, _ = connected(factory, remote=("192.0.2.9", 49152))
        protocol.dataReceived(options(via).render())
        message, flow = self.receiver.received[-1]
        assert isinstance(message, Request)
        return message, flow, protocol

    def test_open_connection(self) -> None:
        """The response MUST be sent using the existing connection, if that connection
        is still open (3261-18.2.2-a).
        """
        request, flow, _ = self.request_from(
            "SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1"
        )
        self.assertIs(self.successResultOf(self.layer.reply_flow(request, flow)), flow)

    def test_closed_connection(self) -> None:
        """If not, the server SHOULD open a connection to the IP address in received,
        using the port in the sent-by value (3261-18.2.2-a).
        """
        request, flow, protocol = self.request_from(
            "SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1;rport"
        )
        protocol.connectionLost(DONE)
        replying = self.layer.reply_flow(request, flow)
        self.assertEqual(self.attempts[0][:2], ("192.0.2.9", 5070))
        _, transport = self.succeed()
        self.successResultOf(replying).send(b"octets")
        self.assertEqual(transport.value(), b"octets")

    def test_closed_connection_that_cannot_be_made_again(self) -> None:
        """A response that cannot be delivered is a failure of the transport."""
        request, flow, protocol = self.request_from(
            "SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1"
        )
        protocol.connectionLost(DONE)
        replying = self.layer.reply_flow(request, flow)
        self.attempts[0][2].clientConnectionFailed(
            self.reactor.connectors[0], Failure(ConnectionRefusedError())
        )
        self.failureResultOf(replying, TransportFailed)
