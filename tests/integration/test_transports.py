"""Real UDP, TCP and TLS on loopback, between two transport layers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import Any
from unittest import SkipTest

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, response_to
from sipuac.transport import tls
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.interfaces import IFlow
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.tls import ServerTls, TlsSettings
from tests.transport.certificates import (
    DAY,
    NOW,
    Issued,
    address,
    authority,
    dns,
    issue,
    uri,
)
from tests.transport.peers import Receiver, options

Steps = Generator[Deferred[Any], Any, None]


class LoopbackCase(TestCase):
    """A test with transport layers that are stopped after it."""

    timeout = 20

    @inlineCallbacks
    def started(self, *listeners: Listener, **arguments: Any) -> Any:
        """A layer that listens, with a receiver of its own as `receiver`."""
        from twisted.internet import reactor

        layer = TransportLayer(reactor, listeners, **arguments)
        receiver = Receiver()
        layer.set_receiver(receiver)
        yield layer.start()
        self.addCleanup(layer.stop)
        return layer, receiver

    def port_of(self, layer: TransportLayer, transport: str) -> int:
        """Where the layer listens for this transport."""
        for listener in layer.listening:
            if listener.transport == transport:
                return listener.port
        raise AssertionError(f"not listening for {transport}")


def request_over(flow: IFlow, body: bytes = b"") -> Request:
    """A request with the Via that belongs to this flow."""
    host, port = flow.sent_by
    host = f"[{host}]" if ":" in host else host
    via = f"SIP/2.0/{flow.transport} {host}:{port};branch=z9hG4bK1;rport"
    return options(via, body=body)


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


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


class TlsTests(LoopbackCase):
    """Who is accepted as the server of a domain, over real handshakes."""

    def setUp(self) -> None:
        """One authority that the clients trust."""
        self.root = authority()

    @inlineCallbacks
    def flow_between(
        self, certificate: Issued, domain: str = "example.com", root: Any = None
    ) -> Any:
        """The flow to a server that shows this certificate, and both receivers."""
        host = "127.0.0.1"
        shown = certificate.write(self.mktemp())
        trusted = (root or self.root).write(self.mktemp())
        server, server_receiver = yield self.started(
            Listener("TLS", host, 0, shown), Listener("UDP", host)
        )
        client, client_receiver = yield self.started(
            Listener("UDP", host), tls=TlsSettings(trusted.certificate)
        )
        self.server, self.client = server, client
        self.destination = Destination("TLS", host, self.port_of(server, "TLS"), domain)
        flow = yield client.connect(self.destination)
        return flow, server_receiver, client_receiver

    @inlineCallbacks
    def assertAccepted(self, certificate: Issued, domain: str = "example.com") -> Steps:
        """A request and its response go through."""
        flow, server_receiver, client_receiver = yield self.flow_between(
            certificate, domain
        )
        self.assertEqual(flow.transport, "TLS")
        arrival = server_receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        request, incoming = server_receiver.received[0]
        reply = yield self.server.reply_flow(request, incoming)
        arrival = client_receiver.something()
        reply.send(response_to(request, 200).render())
        yield arrival
        again = yield self.client.connect(self.destination)
        self.assertIs(again, flow)

    @inlineCallbacks
    def assertRefused(
        self,
        certificate: Issued,
        domain: str = "example.com",
        *,
        because: str,
        root: Any = None,
    ) -> Steps:
        """The connection fails, and the server never gets anything."""
        error = yield self.assertFailure(
            self.flow_between(certificate, domain, root), TransportFailed
        )
        self.assertIn(because, str(error))
        self.assertEqual(self.client.counters["connections-opened"], 0)

    def test_dns_name(self) -> Deferred[None]:
        """A DNS name of the certificate is the domain asked for (5922-7.1-a)."""
        return self.assertAccepted(issue([dns("example.com")], issuer=self.root))

    def test_sip_uri(self) -> Deferred[None]:
        """A sip URI of the certificate names the domain asked for (5922-7.1-a)."""
        return self.assertAccepted(issue([uri("sip:example.com")], issuer=self.root))

    def test_ip_address(self) -> Deferred[None]:
        """A next hop given as an address is compared with iPAddress names."""
        return self.assertAccepted(
            issue([address("127.0.0.1")], issuer=self.root), "127.0.0.1"
        )

    def test_wrong_name(self) -> Deferred[None]:
        """A certificate for another domain is refused (5922-7.3-a)."""
        return self.assertRefused(
            issue([dns("example.org")], issuer=self.root),
            because="does not name example.com; it names example.org",
        )

    def test_wrong_address(self) -> Deferred[None]:
        """A certificate for another address is refused."""
        return self.assertRefused(
            issue([address("127.0.0.2")], issuer=self.root),
            "127.0.0.1",
            because="does not name 127.0.0.1",
        )

    def test_expired(self) -> Deferred[None]:
        """An expired certificate is refused (3261-26.3.1-a)."""
        return self.assertRefused(
            issue(
                [dns("example.com")],
                issuer=self.root,
                begins=NOW - 2 * DAY,
                ends=NOW - DAY,
            ),
            because="it has expired",
        )

    def test_not_yet_valid(self) -> Deferred[None]:
        """A certificate from the future is refused."""
        return self.assertRefused(
            issue(
                [dns("example.com")],
                issuer=self.root,
                begins=NOW + DAY,
                ends=NOW + 2 * DAY,
            ),
            because="it is not valid yet",
        )

    def test_self_signed(self) -> Deferred[None]:
        """A certificate that nobody vouches for is refused."""
        return self.assertRefused(issue([dns("example.com")]), because="self-signed")

    def test_no_names(self) -> Deferred[None]:
        """A certificate without subjectAltName names nobody."""
        return self.assertRefused(
            issue(None, issuer=self.root), because="it names nobody"
        )

    def test_common_name_alone(self) -> Deferred[None]:
        """A name in the common name alone is none (5922-7.1-a)."""
        return self.assertRefused(
            issue(None, issuer=self.root, common_name="example.com"),
            because="it names nobody",
        )

    def test_wildcard(self) -> Deferred[None]:
        """Implementations MUST NOT match any form of wildcard (5922-7.2-a)."""
        return self.assertRefused(
            issue([dns("*.example.com")], issuer=self.root),
            "sip.example.com",
            because="does not name sip.example.com",
        )

    def test_other_authority(self) -> Deferred[None]:
        """A certificate of an authority that we do not trust is refused."""
        return self.assertRefused(
            issue([dns("example.com")], issuer=authority("another authority")),
            because="issuer",
        )

    def test_sip_uri_of_another_domain_beside_a_dns_name(self) -> Deferred[None]:
        """DNS names count only if no sip URI is there (5922-7.1-a)."""
        return self.assertRefused(
            issue([uri("sip:example.org"), dns("example.com")], issuer=self.root),
            because="it names example.org",
        )

    def test_unreadable_sip_uri(self) -> Deferred[None]:
        """A sip URI that is none refuses the whole certificate."""
        return self.assertRefused(
            issue([uri("sip:"), dns("example.com")], issuer=self.root),
            because="cannot be read",
        )

    @inlineCallbacks
    def test_exception_in_the_judge_refuses(self) -> Steps:
        """Whatever goes wrong while looking at a certificate refuses it."""

        def fail(certificate: object, domain: str) -> None:
            raise RuntimeError("not foreseen")

        self.patch(tls, "check_identity", fail)
        yield self.assertRefused(
            issue([dns("example.com")], issuer=self.root), because="not foreseen"
        )

    @inlineCallbacks
    def test_handshake_without_judgement_is_no_connection(self) -> Steps:
        """A handshake in which the judge was never asked proves nothing."""
        self.patch(SSL.Connection, "set_verify", lambda *arguments: None)
        yield self.assertRefused(
            issue([dns("example.com")], issuer=self.root), because="was not checked"
        )

    @inlineCallbacks
    def test_domain_decides_and_not_the_address(self) -> Steps:
        """Two domains on one server are two connections, each with its own proof
        (5923-8.1-a, 5922-7.3-a).
        """
        certificate = issue([dns("example.com"), dns("example.net")], issuer=self.root)
        first, _, _ = yield self.flow_between(certificate)
        other = replace(self.destination, domain="example.net")
        second = yield self.client.connect(other)
        self.assertIsNot(first, second)
        third = replace(self.destination, domain="example.org")
        yield self.assertFailure(self.client.connect(third), TransportFailed)

    @inlineCallbacks
    def test_accepted_connection_proves_nothing(self) -> Steps:
        """A TLS connection that we accepted carries no requests of ours: its peer has
        shown no certificate (5626-4.3-a).
        """
        flow, receiver, _ = yield self.flow_between(
            issue([dns("example.com")], issuer=self.root)
        )
        arrival = receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        incoming = receiver.received[0][1]
        host, port = incoming.remote
        for domain in ("example.com", host, ""):
            there = Destination("TLS", host, port, domain)
            yield self.assertFailure(self.server.connect(there), TransportFailed)

    @inlineCallbacks
    def test_server_name_is_sent(self) -> Steps:
        """The client sends the domain as server_name (5922-7.8-a)."""
        accepted: list[SSL.Connection] = []
        original = ServerTls.serverConnectionForTLS

        def watched(creator: ServerTls, protocol: Any) -> SSL.Connection:
            accepted.append(original(creator, protocol))
            return accepted[-1]

        self.patch(ServerTls, "serverConnectionForTLS", watched)
        yield self.assertAccepted(issue([dns("example.com")], issuer=self.root))
        self.assertEqual(accepted[0].get_servername(), b"example.com")

    @inlineCallbacks
    def test_old_tls_is_refused(self) -> Steps:
        """Nobody is spoken to over TLS 1.1."""
        context = tls._new_context

        def old(method: int) -> SSL.Context:
            made = context(method)
            # OpenSSL's own security level would refuse it too, if we did not.
            made.set_cipher_list(b"ALL:@SECLEVEL=0")
            if method == SSL.TLS_SERVER_METHOD:
                made.set_min_proto_version(SSL.TLS1_VERSION)
                made.set_max_proto_version(SSL.TLS1_1_VERSION)
            return made

        self.patch(tls, "_new_context", old)
        yield self.assertFailure(
            self.flow_between(issue([dns("example.com")], issuer=self.root)),
            TransportFailed,
        )

    @inlineCallbacks
    def test_plain_tcp_at_a_tls_port(self) -> Steps:
        """A server that does not speak TLS is no TLS server."""
        server, _ = yield self.started(Listener("UDP", "127.0.0.1"))
        client, _ = yield self.started(
            Listener("UDP", "127.0.0.1"),
            bounds=ConnectionBounds(connect_timeout=0.1),
        )
        port = self.port_of(server, "TCP")
        there = Destination("TLS", "127.0.0.1", port, "localhost")
        yield self.assertFailure(client.connect(there), TransportFailed)
