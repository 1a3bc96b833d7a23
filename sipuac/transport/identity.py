"""Which SIP domains a certificate speaks for (RFC 5922 section 7).

The judge of `tls` asks here. Everything that cannot be read raises, and that refuses.
"""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509

from sipuac.errors import ParseError, TransportFailed
from sipuac.syntax.uri import SipUri, parse_uri
from sipuac.transport.addresses import is_address


def identities_of(certificate: x509.Certificate) -> list[str]:
    """The SIP domains a certificate speaks for (RFC 5922 section 7.1).

    The hosts of its sip URIs without user; where there are none, its DNS names. The
    common name never counts (section 7.1 says MAY).

    Raises:
        ParseError: One of its sip URIs is none.
    """
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return []
    domains = []
    for text in names.get_values_for_type(x509.UniformResourceIdentifier):
        scheme, _, rest = text.partition(":")
        # "a value with a userpart identifies an individual user, not a domain"
        if scheme.lower() != "sip" or "@" in rest:
            continue
        uri = parse_uri(text)
        if not isinstance(uri, SipUri):
            raise ParseError(f"not a SIP URI: {text[:80]!r}")
        domains.append(uri.host)
    return domains or names.get_values_for_type(x509.DNSName)


def check_identity(certificate: x509.Certificate, domain: str) -> None:
    """Refuse a certificate that does not speak for this domain (RFC 5922 section 7.3).

    Args:
        certificate: Its chain is already verified.
        domain: "the original domain portion of the SIP AUS used as input to the RFC
            3263 server location procedures": never a name that DNS gave us. An IP
            address is compared with the iPAddress names of the certificate.

    Raises:
        TransportFailed: It does not; any other exception means the same.
    """
    addresses = _addresses_of(certificate)
    if is_address(domain):
        is_named = ip_address(domain) in addresses
    else:
        identities = map(_comparable_name, identities_of(certificate))
        # The dot at the end of a name is that of the root, no part of its identity.
        wanted = _comparable_name(domain.removesuffix("."))
        is_named = bool(wanted) and wanted in identities
    if not is_named:
        shown = [*identities_of(certificate), *addresses]
        named = ", ".join(str(name)[:80] for name in shown[:4]) or "nobody"
        raise TransportFailed(
            f"the certificate does not name {domain}; it names {named}"
        )


def _addresses_of(certificate: x509.Certificate) -> list[object]:
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return []
    return list(names.get_values_for_type(x509.IPAddress))


def _comparable_name(name: str) -> str:
    """A DNS name for comparison as a whole, without regard to case (section 7.2).

    Raises:
        UnicodeError: It is no name.
    """
    return a_label(name).lower()


def a_label(name: str) -> str:
    """The name in ASCII: RFC 5280 section 7.2 compares the A-labels of RFC 3490."""
    return name if name.isascii() else name.encode("idna").decode("ascii")
