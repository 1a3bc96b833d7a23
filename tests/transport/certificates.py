"""Certificates for tests, made on the spot and never kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sipuac.transport.tls import OwnCertificate

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and who has issued it where that is somebody else."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: Issued | None = None

    @property
    def chain(self) -> list[Issued]:
        """The certificate and its issuers, without the root."""
        if self.issuer is None:
            return []
        return [self, *self.issuer.chain]

    def write(self, folder: str) -> OwnCertificate:
        """Write both as PEM files into the folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        names = OwnCertificate(f"{folder}/key.pem", f"{folder}/certificate.pem")
        Path(names.private_key).write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        shown = [one.certificate for one in self.chain or [self]]
        Path(names.certificate).write_bytes(
            b"".join(certificate.public_bytes(Encoding.PEM) for certificate in shown)
        )
        return names


def dns(name: str) -> x509.GeneralName:
    """A dNSName."""
    return x509.DNSName(name)


def uri(text: str) -> x509.GeneralName:
    """A uniformResourceIdentifier."""
    return x509.UniformResourceIdentifier(text)


def address(text: str) -> x509.GeneralName:
    """An iPAddress."""
    return x509.IPAddress(ip_address(text))


def issue(
    names: Sequence[x509.GeneralName] | x509.ExtensionType | None,
    *,
    issuer: Issued | None = None,
    common_name: str = "test",
    is_authority: bool = False,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    usage: x509.ObjectIdentifier | None = None,
) -> Issued:
    """A certificate with these names; signed by itself where no issuer is given.

    Instead of the names their whole extension can be given, to spoil it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if names is not None:
        if not isinstance(names, x509.ExtensionType):
            names = x509.SubjectAlternativeName(names)
        builder = builder.add_extension(names, critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signer = issuer.key if issuer else key
    return Issued(builder.sign(signer, hashes.SHA256()), key, issuer)


def authority(common_name: str = "test authority") -> Issued:
    """A root that can sign others."""
    return issue(None, common_name=common_name, is_authority=True)
