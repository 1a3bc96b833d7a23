"""Real UDP, TCP and TLS on loopback, between two transport layers."""

from __future__ import annotations

import socket
import sys
from unittest import SkipTest

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import response_to
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from tests.integration.loopback import (
    LoopbackCase,
    Steps,
    has_ipv6,
    request_over,
)


class RoundTripTests(LoopbackCase):
    """A request and its response over each transport and address family."""

    @inlineCallbacks
    def round_trip(self, transport: str, host: str) -> Steps:
        """Client and server on this host; the response comes over the same flow."""
        client, client_receiver = yield self.started(Listener("UDP", host))
        server, server_receiver = yield self.started(Listener("UDP", host))
        port = self.port_of(server, transport)
        flow = yield client.connect(Destination(transport, host, port, host))
        body = b"x" * 60000
        arrival = server_receiver.something()
        flow.send(request_over(flow, body).render())
        yield arrival
        [(request, incoming)] = server_receiver.received
        self.assertEqual(request.body, body)
        self.assertEqual(request.top_via.received, host)
        self.assertEqual(request.top_via.rport, flow.local[1])
        self.assertEqual(incoming.remote, flow.local)
        self.assertEqual(flow.remote, incoming.local)
        reply = yield server.reply_flow(request, incoming)
        arrival = client_receiver.something()
        reply.send(response_to(request, 200, to_tag="t").render())
        yield arrival
        [(response, back)] = client_receiver.received
        self.assertEqual(response.status, 200)
        self.assertIs(back, flow)

    def test_udp(self) -> Deferred[None]:
        """UDP over IPv4, with a datagram larger than a packet (3261-18.1.1-b)."""
        return self.round_trip("UDP", "127.0.0.1")

    def test_tcp(self) -> Deferred[None]:
        """TCP over IPv4, where UDP listens too (3261-18-a)."""
        return self.round_trip("TCP", "127.0.0.1")

    def test_udp_over_ipv6(self) -> Deferred[None]:
        """UDP over IPv6."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        return self.round_trip("UDP", "::1")

    def test_tcp_over_ipv6(self) -> Deferred[None]:
        """TCP over IPv6."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        return self.round_trip("TCP", "::1")

    @inlineCallbacks
    def test_wildcard_listener_names_the_address_that_faces_the_peer(self) -> Steps:
        """sent-by of a socket bound to all is our address toward the peer, never
        0.0.0.0 (3261-18.1.1-c).
        """
        client, _ = yield self.started(Listener("UDP"))
        server, server_receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        port = self.port_of(client, "UDP")
        for transport in ("UDP", "TCP"):
            there = Destination(
                transport, "127.0.0.1", self.port_of(server, transport), "localhost"
            )
            flow = yield client.connect(there)
            self.assertEqual(flow.sent_by, ("127.0.0.1", port))
            arrival = server_receiver.something()
            flow.send(request_over(flow).render())
            yield arrival
        self.assertEqual(len(server_receiver.received), 2)

    @inlineCallbacks
    def test_listener_of_both_families_sees_ipv4_peers_plainly(self) -> Steps:
        """A socket bound to "::" takes IPv4 too, and names such peers as IPv4 does."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        client, client_receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        server, server_receiver = yield self.started(Listener("UDP", "::"))
        for transport in ("UDP", "TCP"):
            port = self.port_of(server, transport)
            flow = yield client.connect(
                Destination(transport, "127.0.0.1", port, "127.0.0.1")
            )
            arrival = server_receiver.something()
            flow.send(request_over(flow).render())
            yield arrival
            request, incoming = server_receiver.received[-1]
            self.assertEqual(request.top_via.received, "127.0.0.1")
            self.assertEqual(incoming.remote[0], "127.0.0.1")
            self.assertEqual(incoming.sent_by, ("127.0.0.1", port))
            arrival = client_receiver.something()
            reply = yield server.reply_flow(request, incoming)
            reply.send(response_to(request, 200).render())
            yield arrival


class FailureTests(LoopbackCase):
    """What cannot be reached, and what breaks."""

    @inlineCallbacks
    def test_refused_connection(self) -> Steps:
        """A connection that is refused is a failure of the transport (3261-18.4-a)."""
        client, _ = yield self.started(Listener("UDP", "127.0.0.1"))
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        error = yield self.assertFailure(
            client.connect(Destination("TCP", "127.0.0.1", port, "localhost")),
            TransportFailed,
        )
        self.assertIn("refused", str(error))

    @inlineCallbacks
    def unreachable(self, listener: Listener, host: str) -> Steps:
        """A datagram to a port where nobody listens is reported, and harms no other."""
        if sys.platform != "linux":
            raise SkipTest("only Linux tells")
        client, receiver = yield self.started(listener)
        server, server_receiver = yield self.started(Listener("UDP", host))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as nobody:
            nobody.bind((host, 0))
            port = nobody.getsockname()[1]
        dead = yield client.connect(Destination("UDP", host, port, host))
        living = yield client.connect(
            Destination("UDP", host, self.port_of(server, "UDP"), host)
        )
        for _ in range(3):
            failure, arrival = receiver.something(), server_receiver.something()
            dead.send(request_over(dead).render())
            # The system hands the error to the next call, which is this one.
            living.send(request_over(living).render())
            yield arrival
            yield failure
        self.assertEqual({flow for flow, _ in receiver.failed}, {dead})
        self.assertIn("refused", str(receiver.failed[0][1]))
        self.assertEqual(len(server_receiver.received), 3)
        self.assertEqual(client.counters["peers-unreachable"], 3)
        self.assertTrue(dead.is_open)
        request, incoming = server_receiver.received[0]
        reply = yield server.reply_flow(request, incoming)
        arrival = receiver.something()
        reply.send(response_to(request, 200).render())
        yield arrival
        self.assertEqual(len(receiver.received), 1)

    def test_unreachable_peer(self) -> Deferred[None]:
        """ICMP errors of unreachable peers inform the transport's user
        (3261-18.4-a).
        """
        return self.unreachable(Listener("UDP", "127.0.0.1"), "127.0.0.1")

    def test_unreachable_peer_over_ipv6(self) -> Deferred[None]:
        """So do those of ICMPv6 (3261-18.4-a)."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        return self.unreachable(Listener("UDP", "::1"), "::1")

    def test_unreachable_ipv4_peer_of_a_socket_for_both(self) -> Deferred[None]:
        """And those of IPv4 on a socket for both families (3261-18.4-a)."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        return self.unreachable(Listener("UDP", "::"), "127.0.0.1")

    @inlineCallbacks
    def test_peer_closes(self) -> Steps:
        """The receiver hears of a connection that the peer closes (3261-18.4-a)."""
        client, client_receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        server, server_receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        port = self.port_of(server, "TCP")
        there = Destination("TCP", "127.0.0.1", port, "localhost")
        flow = yield client.connect(there)
        arrival = server_receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        failure = client_receiver.something()
        yield server.stop()
        yield failure
        self.assertIs(client_receiver.failed[0][0], flow)
        self.assertFalse(flow.is_open)
        self.assertRaises(TransportFailed, flow.send, b"")
        yield self.assertFailure(client.connect(there), TransportFailed)

    @inlineCallbacks
    def test_garbage_on_a_stream(self) -> Steps:
        """What is not SIP closes the connection, and the others go on."""
        server, receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        client, _ = yield self.started(Listener("UDP", "127.0.0.1"))
        port = self.port_of(server, "TCP")
        there = Destination("TCP", "127.0.0.1", port, "localhost")
        good = yield client.connect(there)
        other, other_receiver = yield self.started(Listener("UDP", "127.0.0.1"))
        bad = yield other.connect(there)
        failure = other_receiver.something()
        bad.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield failure
        self.assertEqual(server.counters["framing-lost"], 1)
        arrival = receiver.something()
        good.send(request_over(good).render())
        if not receiver.messages:
            yield arrival
        self.assertTrue(good.is_open)

    @inlineCallbacks
    def test_occupied_port(self) -> Steps:
        """A listener whose port is taken fails with the system's words."""
        server, _ = yield self.started(Listener("UDP", "127.0.0.1"))
        from twisted.internet import reactor

        port = self.port_of(server, "UDP")
        second = TransportLayer(reactor, [Listener("UDP", "127.0.0.1", port)])
        error = yield self.assertFailure(second.start(), TransportFailed)
        self.assertIn(f"127.0.0.1 port {port}", str(error))

    @inlineCallbacks
    def test_giving_up_a_connection_being_made(self) -> Steps:
        """Cancelling gives up the attempt and leaves nothing behind."""
        client, _ = yield self.started(Listener("UDP", "127.0.0.1"))
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            port = silent.getsockname()[1]
            there = Destination("TLS", "127.0.0.1", port, "localhost")
            connecting = client.connect(there)
            connecting.cancel()
            yield self.assertFailure(connecting, CancelledError)
            again = client.connect(there)
            yield client.stop()
            yield self.assertFailure(again, TransportFailed)
