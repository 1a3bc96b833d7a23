"""Peers that are slow, silent, endless or many on connections (3261-18.3-e)."""

from __future__ import annotations

from random import Random

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Response
from sipuac.syntax.parser import parse_message
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.connections import SWEEP_INTERVAL
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.stream import StreamConnection
from tests.transport.peers import (
    FakeConnection,
    FakeReactor,
    Receiver,
    connected,
    options,
)

VIA = "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1"
DONE = Failure(ConnectionDone())


class SlowCase(SynchronousTestCase):
    """A layer with the limits that it has unless told otherwise, but for a few."""

    def setUp(self) -> None:
        """A layer that listens for TCP."""
        self.reactor = FakeReactor()
        self.receiver = Receiver()
        self.layer = TransportLayer(
            self.reactor,
            [Listener("TCP", "192.0.2.1", 5060)],
            bounds=ConnectionBounds(max_accepted_per_peer=3),
        )
        self.layer.set_receiver(self.receiver)
        self.successResultOf(self.layer.start())
        self.counters = self.layer.counters

    def accepted(
        self, host: str = "192.0.2.9"
    ) -> tuple[StreamConnection, FakeConnection]:
        """A connection from a peer."""
        factory = self.reactor.tcpServers[0][1]
        protocol, transport = connected(
            factory, local=("192.0.2.1", 5060), remote=(host, 49152)
        )
        assert isinstance(protocol, StreamConnection)
        return protocol, transport

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps, as it does."""
        for _ in range(round(seconds)):
            self.reactor.advance(1.0)


class EndlessTests(SlowCase):
    """More than anybody can want."""

    def test_ten_gigabytes(self) -> None:
        """A body of 10 GB is refused when it is announced, with 513."""
        for length in ("10000000000", "9" * 400, "1048577"):
            protocol, transport = self.accepted()
            octets = options(VIA).render()
            protocol.dataReceived(
                octets.replace(
                    b"Content-Length: 0", b"Content-Length: %b" % length.encode()
                )
            )
            response = parse_message(transport.value())
            assert isinstance(response, Response)
            self.assertIn(response.status, (400, 513))
            self.assertTrue(transport.disconnecting)
            protocol.connectionLost(DONE)
        self.assertEqual(self.receiver.received, [])

    def test_head_that_never_ends(self) -> None:
        """What is kept of a head that does not end is bounded, however it comes."""
        for piece in (b"X: y\r\n", b"x" * 100, b" \r\n", b"X: y\r\n" * 10_000):
            protocol, transport = self.accepted()
            protocol.dataReceived(b"OPTIONS sip:us SIP/2.0\r\n")
            fed = 0
            while not transport.disconnecting:
                protocol.dataReceived(piece)
                fed += len(piece)
                self.assertLess(fed, 200_000)
            self.assertFalse(protocol._framer._buffer)
            protocol.connectionLost(DONE)

    def test_chance(self) -> None:
        """Whatever octets come, in whatever pieces, nothing is raised, and nothing
        stays behind (3261-26.1.5-a).
        """
        random = Random(4475)
        whole = options(VIA, body=b"some body").render()
        for _ in range(600):
            protocol, transport = self.accepted()
            octets = bytearray(whole * 2)
            for _ in range(random.randrange(1, 8)):
                octets[random.randrange(len(octets))] = random.randrange(256)
            while octets and not transport.disconnecting:
                size = random.randrange(1, 200)
                protocol.dataReceived(bytes(octets[:size]))
                del octets[:size]
            protocol.connectionLost(DONE)
        self.assertEqual(self.counters["receiver-errors"], 0)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class SlowTests(SlowCase):
    """Slower than anybody can be."""

    def test_slow_loris(self) -> None:
        """An octet now and then keeps no connection: a message has 30 s from its first
        octet to its last, in its head and in its body.
        """
        octets = options(VIA, body=b"some body").render()
        body = octets.index(b"\r\n\r\n") + 4
        for begun in (1, body + 1):
            protocol, transport = self.accepted()
            protocol.dataReceived(octets[:begun])
            for octet in octets[begun : begun + 5]:
                self.wait(5)
                protocol.dataReceived(bytes([octet]))
            self.wait(4)
            self.assertFalse(transport.disconnected)
            self.wait(1)
            self.assertTrue(transport.disconnected)
            protocol.connectionLost(DONE)
        self.assertEqual(self.counters["messages-too-slow"], 2)
        self.assertEqual(self.receiver.received, [])

    def test_never_a_message(self) -> None:
        """A connection that brings no message within a minute is closed, whatever else
        it brings.
        """
        _, silent = self.accepted()
        pinging, pinging_transport = self.accepted()
        speaking, speaking_transport = self.accepted()
        speaking.dataReceived(options(VIA).render())
        for _ in range(6):
            self.wait(10)
            pinging.dataReceived(b"\r\n\r\n")
        self.wait(SWEEP_INTERVAL)
        self.assertTrue(silent.disconnecting)
        self.assertTrue(pinging_transport.disconnecting)
        self.assertFalse(speaking_transport.disconnecting)
        self.assertEqual(self.counters["connections-idle"], 2)

    def test_idle_connection(self) -> None:
        """A connection that nobody uses for a quarter of an hour is closed; a ping, or
        a message of ours, is a use.
        """
        protocol, transport = self.accepted()
        flow = protocol.flow
        assert flow is not None
        protocol.dataReceived(options(VIA).render())
        self.wait(890)
        protocol.dataReceived(b"\r\n\r\n")
        self.wait(890)
        flow.send(b"octets")
        self.wait(890)
        self.assertFalse(transport.disconnecting)
        self.wait(10 + SWEEP_INTERVAL)
        self.assertTrue(transport.disconnecting)
        [(failed, error)] = self.receiver.failed
        self.assertIs(failed, flow)
        self.assertIn("nothing was said for", str(error))
        protocol.connectionLost(DONE)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_our_own_connections_may_be_silent_longer(self) -> None:
        """A connection that we made stays as long as a NAT remembers it: the peer could
        not make another (3261-18-b).
        """
        connecting = self.layer.connect(Destination("TCP", "192.0.2.9", 5060, ""))
        _, transport = connected(self.reactor.tcpClients[0][2])
        self.successResultOf(connecting)
        self.wait(7400)
        self.assertFalse(transport.disconnecting)
        self.wait(60)
        self.assertTrue(transport.disconnecting)


class ManyTests(SlowCase):
    """More than anybody needs."""

    def test_one_peer(self) -> None:
        """One peer cannot take all connections: others still get theirs."""
        first = [self.accepted()[0] for _ in range(3)]
        fourth, transport = self.accepted()
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters["connections-refused"], 1)
        _, other = self.accepted("192.0.2.10")
        self.assertFalse(other.disconnected)
        fourth.connectionLost(DONE)
        _, transport = self.accepted()
        self.assertTrue(transport.disconnected)
        first[0].connectionLost(DONE)
        _, transport = self.accepted()
        self.assertFalse(transport.disconnected)

    def test_nothing_is_kept_of_peers_that_are_gone(self) -> None:
        """Peers from everywhere cannot fill our memory."""
        for number in range(100):
            protocol, _ = self.accepted(f"192.0.2.{number}")
            protocol.connectionLost(DONE)
        self.assertEqual(self.layer._connections._accepted_by_peer, {})
        self.assertEqual(self.reactor.getDelayedCalls(), [])
