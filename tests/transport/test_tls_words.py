"""What OpenSSL says of failures, in words for people."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.transport.tls import OwnCertificate, TlsSettings
from sipuac.transport.tls_words import handshake_problem
from tests.transport.certificates import dns, issue


def error(*reasons: str) -> SSL.Error:
    """An error as pyOpenSSL raises it."""
    return SSL.Error([("SSL routines", "", reason) for reason in reasons])


class HandshakeTests(SynchronousTestCase):
    """Why a handshake came to nothing."""

    def test_alerts(self) -> None:
        """An alert of the peer is told as what it means for us."""
        for reason, words in (
            ("tlsv13 alert certificate required", "requires a certificate of ours"),
            ("tlsv1 alert unknown ca", "does not trust the issuer of our certificate"),
            ("sslv3 alert certificate expired", "says that our certificate has ex"),
            ("ssl/tls alert bad certificate", "does not take our certificate"),
            ("sslv3 alert handshake failure", "may require a certificate of ours"),
            ("tlsv1 alert protocol version", "speaks no version of TLS that we do"),
        ):
            found = handshake_problem(error("other", reason))
            self.assertIn(words, found)
            # Who looks for the alert itself finds it.
            self.assertTrue(found.endswith(f" ({reason})"), found)

    def test_no_tls(self) -> None:
        """Who answers with something else speaks no TLS."""
        self.assertIn(
            "does not speak TLS", handshake_problem(error("wrong version number"))
        )

    def test_others(self) -> None:
        """What is rare is told as OpenSSL tells it."""
        self.assertEqual(handshake_problem(error("first", "last")), "last")
        for nothing in (None, SSL.Error(), SSL.Error([])):
            told = handshake_problem(nothing)
            self.assertEqual(told, "the handshake did not succeed")


class FileTests(SynchronousTestCase):
    """What is wrong with a file."""

    def setUp(self) -> None:
        """A certificate and its key, and other files."""
        issued = issue([dns("a.example")])
        self.good = issued.write(self.mktemp())
        self.rubbish: str = self.mktemp()
        Path(self.rubbish).write_text("rubbish")
        self.locked: str = self.mktemp()
        Path(self.locked).write_bytes(
            issued.key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            )
        )

    def why(self, key: str | None = None, certificate: str | None = None) -> str:
        """Why this pair of files cannot be used."""
        own = OwnCertificate(
            key or self.good.private_key, certificate or self.good.certificate
        )
        found = self.assertRaises(LocalProtocolError, own.server_context)
        return str(found)

    def test_missing(self) -> None:
        """A file that is not there is told by its name."""
        for words in (self.why("/no/key"), self.why(None, "/no/key")):
            self.assertIn("'/no/key': No such file or directory", words)
        roots = TlsSettings("/no/roots")
        found = self.assertRaises(LocalProtocolError, roots.client_context)
        self.assertIn("'/no/roots': No such file or directory", str(found))

    def test_directory(self) -> None:
        """So is one that is none."""
        self.assertIn("'/': Is a directory", self.why("/"))

    def test_rubbish(self) -> None:
        """A file with something else in it is told as that."""
        self.assertIn(": there is no private key (PEM) in it", self.why(self.rubbish))
        words = self.why(None, self.rubbish)
        self.assertIn(": there is no certificate (PEM) in it", words)
        roots = TlsSettings(self.rubbish)
        found = self.assertRaises(LocalProtocolError, roots.client_context)
        self.assertIn(": there is no certificate (PEM) in it", str(found))

    def test_wrong_key(self) -> None:
        """A key of another certificate, or with a password, is told as that."""
        other = issue([dns("b.example")]).write(self.mktemp())
        self.assertIn("it is not that of the certificate", self.why(other.private_key))
        self.assertIn(": it is encrypted", self.why(self.locked))
