"""Who may speak for a SIP domain (RFC 5922 section 7), without any connection."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError, TransportFailed
from sipuac.transport.identity import check_identity, identities_of
from sipuac.transport.tls import (
    OwnCertificate,
    TlsSettings,
)
from tests.transport.certificates import address, dns, issue, uri


def certificate(*names: x509.GeneralName) -> x509.Certificate:
    """A certificate with these names."""
    return issue(names or None, common_name="common.example.com").certificate


class IdentityTests(SynchronousTestCase):
    """RFC 5922 section 7.1: finding SIP identities in a certificate."""

    def assertIdentities(self, names: list[x509.GeneralName], *domains: str) -> None:
        """A certificate with these names speaks for these domains."""
        self.assertEqual(identities_of(certificate(*names)), list(domains))

    def test_sip_uris_come_first(self) -> None:
        """A DNS name counts if and only if no sip URI is found (5922-7.1-a)."""
        self.assertIdentities(
            [dns("a.example"), dns("b.example")], "a.example", "b.example"
        )
        self.assertIdentities([dns("a.example"), uri("sip:b.example")], "b.example")

    def test_host_part_alone(self) -> None:
        """Of a sip URI the host part counts, without port and parameters."""
        self.assertIdentities([uri("sip:a.example:5061;transport=tls")], "a.example")

    def test_scheme_is_case_insensitive(self) -> None:
        """URI scheme tokens are always case insensitive."""
        self.assertIdentities([uri("SIP:a.example")], "a.example")

    def test_other_schemes_do_not_count(self) -> None:
        """If the scheme of the URI is not sip, the value MUST NOT be accepted
        (5922-7.1-a).
        """
        self.assertIdentities([uri("sips:a.example"), uri("https://a.example/")])
        self.assertIdentities([uri("sips:a.example"), dns("b.example")], "b.example")

    def test_users_are_no_domains(self) -> None:
        """A value with a userpart identifies an individual user, not a domain
        (5922-7.1-a).
        """
        self.assertIdentities([uri("sip:alice@a.example")])
        self.assertIdentities(
            [uri("sip:alice@a.example"), dns("b.example")], "b.example"
        )

    def test_common_name_never_counts(self) -> None:
        """Without subjectAltName there is no identity (5922-7.1-a)."""
        self.assertIdentities([])

    def test_unreadable_sip_uri(self) -> None:
        """A sip URI that is none spoils the certificate rather than being passed
        over.
        """
        for text in ("sip:", "sip:*.example.com", "sip:a b", "sip:a.example:x"):
            with_it = certificate(uri(text), dns("a.example"))
            self.assertRaises(ParseError, identities_of, with_it)


class ComparisonTests(SynchronousTestCase):
    """RFC 5922 section 7.2 and 7.3: comparing them with the domain asked for."""

    def assertAccepted(self, domain: str, *names: x509.GeneralName) -> None:
        """A certificate with these names speaks for the domain."""
        check_identity(certificate(*names), domain)

    def assertRefused(self, domain: str, *names: x509.GeneralName) -> None:
        """A certificate with these names does not."""
        self.assertRaises(TransportFailed, check_identity, certificate(*names), domain)

    def test_case_does_not_matter(self) -> None:
        """The comparison is case insensitive (5922-7.2-a)."""
        self.assertAccepted("Example.COM", dns("eXample.com"))
        self.assertAccepted("example.com", uri("sip:EXAMPLE.com"))

    def test_whole_names(self) -> None:
        """Implementations MUST NOT match suffixes (5922-7.2-a)."""
        self.assertRefused("foo.example.com", dns("example.com"))
        self.assertRefused("example.com", dns("foo.example.com"))
        self.assertRefused("foo.example.com", dns(".example.com"))

    def test_wildcards(self) -> None:
        """Implementations MUST NOT match any form of wildcard (5922-7.2-a)."""
        self.assertRefused("foo.example.com", dns("*.example.com"))
        self.assertRefused("foo.example.com", dns("f*.example.com"))
        self.assertRefused("foo.example.com", dns("*"))

    def test_international_names(self) -> None:
        """Names are compared as A-labels (RFC 5280 section 7.2)."""
        self.assertAccepted("b\u00fccher.example", dns("xn--bcher-kva.example"))
        self.assertAccepted("xn--bcher-kva.example", dns("XN--bcher-kva.example"))
        self.assertRefused("bucher.example", dns("xn--bcher-kva.example"))

    def test_final_dot(self) -> None:
        """The dot of the root is no part of the domain asked for."""
        self.assertAccepted("example.com.", dns("example.com"))
        self.assertRefused(".", dns("example.com"))
        self.assertRefused("", dns("example.com"))

    def test_addresses(self) -> None:
        """A next hop given as an address is compared with iPAddress names only."""
        self.assertAccepted("192.0.2.1", address("192.0.2.1"))
        self.assertAccepted("2001:db8:0::1", address("2001:db8::1"))
        self.assertRefused("192.0.2.1", address("192.0.2.2"))
        self.assertRefused("192.0.2.1", dns("192.0.2.1"))
        self.assertRefused("192.0.2.1", uri("sip:192.0.2.1"))
        self.assertRefused("example.com", address("192.0.2.1"))

    def test_refusal_is_a_failure_of_the_transport(self) -> None:
        """It counts as unreachable, and says what the certificate is for."""
        error = self.assertRaises(
            TransportFailed, check_identity, certificate(dns("b.example")), "a.example"
        )
        self.assertIn("b.example", str(error))

    def test_all_names_are_told(self) -> None:
        """A refusal tells the addresses that it names, and the domains."""
        shown = certificate(dns("b.example"), address("192.0.2.1"))
        for wanted in ("a.example", "192.0.2.9"):
            error = self.assertRaises(TransportFailed, check_identity, shown, wanted)
            self.assertEqual(
                str(error),
                f"the certificate does not name {wanted}; "
                "it names b.example, 192.0.2.1",
            )


class FileTests(SynchronousTestCase):
    """Keys, certificates and roots come from files, and the files may be bad."""

    def write(self, text: str) -> str:
        """A file with this text."""
        path: str = self.mktemp()
        Path(path).write_text(text)
        return path

    def test_roots_that_cannot_be_read(self) -> None:
        """A missing or empty file of roots is refused at once, in one line."""
        for path in (os.devnull, "/nonexistent/roots.pem", self.write("rubbish")):
            error = self.assertRaises(
                LocalProtocolError, TlsSettings(path).client_context
            )
            self.assertIn(path, str(error))
            self.assertNotIn("\n", str(error))

    def test_server_files_that_cannot_be_used(self) -> None:
        """So is a key that is not that of the certificate, and a bad chain."""
        good = issue([dns("a.example")]).write(self.mktemp())
        other = issue([dns("b.example")]).write(self.mktemp())
        for bad in (
            OwnCertificate(other.private_key, good.certificate),
            OwnCertificate("/nonexistent/key.pem", good.certificate),
            OwnCertificate(good.private_key, "/nonexistent/certificate.pem"),
            OwnCertificate(good.private_key, good.certificate, "/nonexistent"),
            OwnCertificate(good.private_key, good.certificate, self.write("x")),
        ):
            error = self.assertRaises(LocalProtocolError, bad.server_context)
            self.assertNotIn("\n", str(error))
        self.assertIsInstance(good.server_context(), SSL.Context)

    def test_system_roots_by_default(self) -> None:
        """Without a file of roots those of the system are trusted."""
        self.assertIsInstance(TlsSettings().client_context(), SSL.Context)
