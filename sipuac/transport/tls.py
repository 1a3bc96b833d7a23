"""TLS as RFC 5922 wants it: who may speak for a SIP domain, and nobody else.

Twisted's own client options obey the rules of HTTPS: they accept wildcards, which
section 7.2 forbids, and do not know the sip URIs of section 7.1. Here the judge is
ours, and it fails closed: no identity, an unreadable one, or any exception while
looking ends the handshake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.transport.addresses import is_address
from sipuac.transport.identity import a_label, check_identity
from sipuac.transport.tls_words import file_problem

_log = Logger()

_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION

# The codes of OpenSSL's X509_verify_cert that people meet, in words for them.
_CHAIN_PROBLEMS = {
    2: "its issuer's certificate is missing",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is signed by an unknown root",
    20: "its issuer is unknown",
    21: "its issuer is unknown",
    23: "it has been revoked",
    26: "it is not meant for a server",
    79: "one of its issuers is no certification authority",
}


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """What we show of ourselves, as PEM files.

    Attributes:
        private_key: File with the private key, not encrypted.
        certificate: File with the certificate and, after it, its issuers.
        chain: File with further issuers, None where there is none.
    """

    private_key: str
    certificate: str
    chain: str | None = None

    def server_context(self) -> SSL.Context:
        """A context for accepted connections.

        Raises:
            LocalProtocolError: A file cannot be read, or the key is not that of the
                certificate.
        """
        context = _new_context(SSL.TLS_SERVER_METHOD)
        self.load_into(context)
        return context

    def load_into(self, context: SSL.Context) -> None:
        """Let this context show the certificate.

        Raises:
            LocalProtocolError: A file cannot be read, or the key is not that of the
                certificate.
        """
        with _using(f"the certificate {self.certificate!r}", self.certificate):
            context.use_certificate_chain_file(self.certificate)
        if self.chain is not None:
            with _using(f"the issuers {self.chain!r}", self.chain):
                for issuer in _certificates_in(self.chain):
                    context.add_extra_chain_cert(issuer)
        with _using(f"the private key {self.private_key!r}", self.private_key):
            # Refuses a key that is not that of the certificate.
            context.use_privatekey_file(self.private_key)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How our TLS connections check their servers, and what they show of us.

    Attributes:
        ca_file: PEM file with the roots to trust instead of the system's; None for the
            system's.
        certificate: What to show a server that asks who we are; None for nothing.
    """

    ca_file: str | None = None
    certificate: OwnCertificate | None = None

    def client_context(self) -> SSL.Context:
        """A context that verifies the chain of every certificate.

        Raises:
            LocalProtocolError: A file cannot be used.
        """
        context = _new_context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        if self.certificate is not None:
            self.certificate.load_into(context)
        if self.ca_file is None:
            context.set_default_verify_paths()
            return context
        with _using(f"the certificates {self.ca_file!r}", self.ca_file):
            context.load_verify_locations(self.ca_file)
        return context


class ServerContext:
    """The context of a TLS listener, which a renewed certificate replaces.

    Connections that stand keep the one that they were made with.

    Args:
        certificate: What the listener shows.

    Raises:
        LocalProtocolError: The certificate cannot be used.
    """

    def __init__(self, certificate: OwnCertificate) -> None:
        self.certificate = certificate
        self.context = certificate.server_context()


@implementer(IOpenSSLClientConnectionCreator)
class ClientTls:
    """Makes one TLS connection to the server of a domain, and judges its certificate.

    Attributes:
        is_verified: Whether the server has been found to be who it must be. The
            handshake alone is no proof: who uses the connection must look here.
        problem: Why the server was refused, in words; None while it was not.
    """

    def __init__(self, context: SSL.Context, domain: str) -> None:
        self._context = context
        self._domain = domain
        self.is_verified = False
        self.problem: str | None = None

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See `IOpenSSLClientConnectionCreator`."""
        connection = SSL.Connection(self._context, None)
        connection.set_connect_state()
        # RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not permitted".
        if not is_address(self._domain):
            connection.set_tlsext_host_name(
                a_label(self._domain.removesuffix(".")).encode()
            )
        connection.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._judge
        )
        return connection

    def _judge(
        self,
        connection: SSL.Connection,
        certificate: crypto.X509,
        error_number: int,
        depth: int,
        is_chain_good: int,
    ) -> bool:
        """Say of each certificate whether it is good; the server's own comes last."""
        try:
            if not is_chain_good:
                self.problem = _CHAIN_PROBLEMS.get(
                    error_number, f"its chain does not verify (error {error_number})"
                )
                return False
            if depth == 0:
                check_identity(certificate.to_cryptography(), self._domain)
                self.is_verified = True
            return True
        except TransportFailed as refused:
            self.problem = str(refused)
        # Whatever went wrong in looking at it: refuse.
        except Exception as error:
            self.problem = f"its identity cannot be read: {error!s:.200}"
            _log.warn(
                "unreadable certificate for {domain}: {problem}",
                domain=self._domain,
                problem=ascii(self.problem),
            )
        return False


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the TLS side of accepted connections."""

    def __init__(self, current: ServerContext) -> None:
        self._current = current

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See `IOpenSSLServerConnectionCreator`."""
        connection = SSL.Connection(self._current.context, None)
        connection.set_accept_state()
        return connection


def _new_context(method: int) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(_OPTIONS)
    # A resumed session skips the judge.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # OpenSSL would ask the terminal for the password of a key, and wait for it.
    context.set_passwd_cb(lambda *_: b"")
    return context


def _certificates_in(path: str) -> list[x509.Certificate]:
    with open(path, "rb") as pem:
        return x509.load_pem_x509_certificates(pem.read())


@contextmanager
def _using(what: str, path: str) -> Iterator[None]:
    """Say in words why a file cannot be used; OpenSSL does not say it of a missing one.

    Raises:
        LocalProtocolError: It cannot be.
    """
    try:
        with open(path, "rb"):
            pass
        yield
    except (SSL.Error, OSError, ValueError) as error:
        raise LocalProtocolError(f"cannot use {what}: {file_problem(error)}") from error
