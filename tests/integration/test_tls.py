"""Who is accepted as the server of a domain, over real handshakes (RFC 5922)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import SkipTest

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred, inlineCallbacks

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.transport import tls
from sipuac.transport.bounds import ConnectionBounds
from sipuac.transport.listener import Listener
from sipuac.transport.tls import ServerTls
from tests.integration.loopback import Steps, has_ipv6, request_over
from tests.integration.loopback_tls import TlsCase
from tests.transport.certificates import (
    DAY,
    NOW,
    address,
    authority,
    dns,
    issue,
    uri,
)


class TlsTests(TlsCase):
    """Which certificates are accepted."""

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

    def test_unparseable_names(self) -> Deferred[None]:
        """A subjectAltName that is no subjectAltName refuses the certificate."""
        garbled = x509.UnrecognizedExtension(
            x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x7fgarbled"
        )
        return self.assertRefused(
            issue(garbled, issuer=self.root, common_name="example.com"), because=""
        )

    def test_unspeakable_name(self) -> Deferred[None]:
        """A name that cannot be compared refuses the certificate."""
        return self.assertRefused(
            issue([dns("example.com"), dns("xn--" + "a" * 300)], issuer=self.root),
            "b\u00fccher.example",
            because="does not name",
        )

    def test_certificate_for_clients(self) -> Deferred[None]:
        """A certificate that is not meant for servers is refused."""
        return self.assertRefused(
            issue(
                [dns("example.com")],
                issuer=self.root,
                usage=x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH,
            ),
            because="not meant for a server",
        )

    def test_issuer_that_is_no_authority(self) -> Deferred[None]:
        """Who has a certificate cannot make others."""
        names = [dns("example.com")]
        impostor = issue(names, issuer=self.root, common_name="impostor")
        return self.assertRefused(
            issue(names, issuer=impostor), because="no certification authority"
        )

    def test_user_in_a_sip_uri(self) -> Deferred[None]:
        """The certificate of a user speaks for no domain (5922-7.1-a)."""
        return self.assertRefused(
            issue([uri("sip:alice@example.com")], issuer=self.root),
            because="it names nobody",
        )

    @inlineCallbacks
    def test_ipv6(self) -> Steps:
        """A next hop given as an IPv6 address is compared with iPAddress names."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        shown = issue([address("::1")], issuer=self.root)
        flow, receiver, _ = yield self.flow_between(shown, "::1", host="::1")
        arrival = receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        self.assertEqual(flow.remote[0], "::1")
        yield self.assertFailure(
            self.flow_between(shown, "example.com", host="::1"), TransportFailed
        )

    @inlineCallbacks
    def test_refusal_is_told(self) -> Steps:
        """A server that is not authenticated costs the request, never the secrecy: it
        is unreachable, and the words say why (5922-7.3-a, 3261-26.2.2-a).
        """
        other = issue([dns("example.org")], issuer=self.root)
        yield self.assertFailure(self.flow_between(other), TransportFailed)
        yield self.assertFailure(self.client.connect(self.destination), TransportFailed)
        self.assertEqual(self.server.counters["connections-accepted"], 1)

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
