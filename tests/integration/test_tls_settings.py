"""Our own certificates: shown to servers, renewed, and handshakes that do not end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.internet.defer import inlineCallbacks
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.task import deferLater

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import response_to
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.tls import OwnCertificate, TlsSettings
from tests.integration.loopback import Collector, LoopbackCase, Steps, request_over
from tests.transport.certificates import Issued, authority, dns, issue, uri
from tests.transport.peers import Receiver

HOST = "127.0.0.1"


class SettingsCase(LoopbackCase):
    """A server for example.com and its clients."""

    def setUp(self) -> None:
        """One authority for all, and a certificate for the server."""
        self.root = authority()
        self.roots = self.root.write(self.mktemp()).certificate
        self.shown = issue([dns("example.com")], issuer=self.root).write(self.mktemp())

    @inlineCallbacks
    def server(self, **arguments: Any) -> Any:
        """The server, its receiver, and where it is."""
        server, receiver = yield self.started(
            Listener("TLS", HOST, 0, self.shown), Listener("UDP", HOST), **arguments
        )
        there = Destination("TLS", HOST, self.port_of(server, "TLS"), "example.com")
        return server, receiver, there

    @inlineCallbacks
    def client(self, certificate: OwnCertificate | None = None) -> Any:
        """A client that shows this certificate, and its receiver."""
        settings = TlsSettings(self.roots, certificate)
        client, receiver = yield self.started(Listener("UDP", HOST), tls=settings)
        return client, receiver

    def context_of(self, server: TransportLayer) -> SSL.Context:
        """The context of the server's only TLS listener."""
        [one] = server._server_contexts.values()
        return one.context


class ClientCertificateTests(SettingsCase):
    """Servers that ask who we are."""

    @inlineCallbacks
    def asking_server(self, version: int) -> Any:
        """A server that wants a certificate of our authority, and insists on it."""
        server, receiver, there = yield self.server()
        context = self.context_of(server)
        context.load_verify_locations(self.roots)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        context.set_max_proto_version(version)
        return server, receiver, there

    @inlineCallbacks
    def shown_to(self, version: int, certificate: Issued) -> Steps:
        """The certificate is taken, and a request arrives."""
        _, receiver, there = yield self.asking_server(version)
        client, _ = yield self.client(certificate.write(self.mktemp()))
        flow = yield client.connect(there)
        arrival = receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        self.assertEqual(receiver.messages[0].method, "OPTIONS")

    @inlineCallbacks
    def refused_by(self, version: int, certificate: Issued | None) -> Steps:
        """The connection is not to be used, and nothing of ours arrives.

        With TLS 1.3 the server judges when we have already begun to speak.
        """
        _, receiver, there = yield self.asking_server(version)
        shown = None if certificate is None else certificate.write(self.mktemp())
        client, client_receiver = yield self.client(shown)
        try:
            flow = yield client.connect(there)
        except TransportFailed as error:
            self.assertIn("TLS failed", str(error))
        else:
            self.assertEqual(version, SSL.TLS1_3_VERSION)
            failure = client_receiver.something()
            try:
                flow.send(request_over(flow).render())
                yield failure
            except TransportFailed:
                pass
            [(failed, why)] = client_receiver.failed
            self.assertIs(failed, flow)
            self.assertIn("TLS failed", str(why))
            self.assertFalse(flow.is_open)
        self.assertEqual(receiver.received, [])

    @inlineCallbacks
    def test_shown(self) -> Steps:
        """A server that asks for a certificate gets ours (3261-26.3.1-a)."""
        ours = issue([uri("sip:alice@example.org")], issuer=self.root)
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            yield self.shown_to(version, ours)

    @inlineCallbacks
    def test_missing(self) -> Steps:
        """Where we have none and it insists, there is no connection."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            yield self.refused_by(version, None)

    @inlineCallbacks
    def test_of_another_authority(self) -> Steps:
        """Nor is there where it does not trust ours."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            yield self.refused_by(
                version, issue(None, issuer=authority("another authority"))
            )

    def test_encrypted_key(self) -> None:
        """A key with a password is refused; nobody is asked for it and nobody waits."""
        ours = issue(None, issuer=self.root)
        files = ours.write(self.mktemp())
        Path(files.private_key).write_bytes(
            ours.key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            )
        )
        self.assertRaises(LocalProtocolError, files.server_context)
        self.assertRaises(
            LocalProtocolError, TlsSettings(self.roots, files).client_context
        )


class ReloadTests(SettingsCase):
    """Certificates that are renewed while calls stand."""

    @inlineCallbacks
    def exchange(self, flow: Any, receiver: Receiver) -> Steps:
        """A request over this flow arrives."""
        arrival = receiver.something()
        flow.send(request_over(flow).render())
        yield arrival

    def renew(self, names: list[Any], root: Issued) -> None:
        """Put another certificate into the files of the server."""
        renewed = issue(names, issuer=root)
        renewed.write(str(Path(self.shown.certificate).parent))

    @inlineCallbacks
    def test_server(self) -> Steps:
        """New connections see the new certificate, and the old ones go on."""
        server, receiver, there = yield self.server()
        client, client_receiver = yield self.client()
        old = yield client.connect(there)
        self.renew([dns("example.org")], self.root)
        server.reload_certificates()
        yield self.exchange(old, receiver)
        yield self.exchange(old, receiver)
        other, _ = yield self.client()
        error = yield self.assertFailure(other.connect(there), TransportFailed)
        self.assertIn("it names example.org", str(error))
        new = yield client.connect(Destination("TLS", HOST, there.port, "example.org"))
        yield self.exchange(new, receiver)
        reply = yield server.reply_flow(*receiver.received[0])
        arrival = client_receiver.something()
        reply.send(response_to(receiver.messages[0], 200).render())
        yield arrival
        self.assertEqual(client_receiver.failed, [])

    @inlineCallbacks
    def test_roots(self) -> Steps:
        """Roots that are exchanged count for new connections, and for those only."""
        _, receiver, there = yield self.server()
        client, client_receiver = yield self.client()
        old = yield client.connect(there)
        another = authority("another authority")
        another.write(str(Path(self.roots).parent))
        client.reload_certificates()
        yield self.exchange(old, receiver)
        anew = Destination("TLS", HOST, there.port, "EXAMPLE.com.")
        error = yield self.assertFailure(client.connect(anew), TransportFailed)
        self.assertIn("issuer", str(error))
        self.assertEqual(client_receiver.failed, [])

    @inlineCallbacks
    def test_broken_file(self) -> Steps:
        """Where one file cannot be used nothing is changed at all."""
        server, receiver, there = yield self.server(tls=TlsSettings(self.roots))
        contexts = (self.context_of(server), server._client_context)
        self.renew([dns("example.org")], self.root)
        Path(self.roots).write_text("rubbish")
        self.assertRaises(LocalProtocolError, server.reload_certificates)
        self.root.write(str(Path(self.roots).parent))
        Path(self.shown.private_key).write_text("rubbish")
        self.assertRaises(LocalProtocolError, server.reload_certificates)
        self.assertEqual((self.context_of(server), server._client_context), contexts)
        client, _ = yield self.client()
        flow = yield client.connect(there)
        yield self.exchange(flow, receiver)


class SlowTests(SettingsCase):
    """Clients that do not get on with it (3261-18.3-e)."""

    BOUNDS = ConnectionBounds(connect_timeout=0.2, message_timeout=0.2)

    @inlineCallbacks
    def test_handshake_that_does_not_end(self) -> Steps:
        """A client that never shakes hands, or an octet at a time, is closed."""
        from twisted.internet import reactor

        server, receiver, there = yield self.server(bounds=self.BOUNDS)
        endpoint = HostnameEndpoint(reactor, HOST, there.port)
        # The head of a TLS record that is long in coming.
        for octets in (b"", b"\x16\x03\x01\x02\x00\x01"):
            peer = yield connectProtocol(endpoint, Collector())
            for octet in octets:
                peer.transport.write(bytes([octet]))
                yield deferLater(reactor, 0.02)
            yield peer.closed
        self.assertEqual(server.counters["connections-lost"], 0)
        self.assertEqual(receiver.failed, [])

    @inlineCallbacks
    def test_message_that_does_not_end(self) -> Steps:
        """Slow-loris is no better inside of TLS."""
        from twisted.internet import reactor

        server, receiver, there = yield self.server(bounds=self.BOUNDS)
        client, client_receiver = yield self.client()
        flow = yield client.connect(there)
        failure = client_receiver.something()
        for octet in request_over(flow).render()[:400]:
            if client_receiver.failed:
                break
            try:
                flow.send(bytes([octet]))
            except TransportFailed:
                break
            yield deferLater(reactor, 0.01)
        yield failure
        self.assertEqual(server.counters["messages-too-slow"], 1)
        self.assertEqual(receiver.received, [])
