"""What the fields must say that an application wants in an INVITE.

The user agent writes most fields itself; these are the others that it knows rules for.
All is checked before anything is sent.
"""

from __future__ import annotations

from sipuac.dialog.uri_fields import Fields, values_of
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import (
    NameAddress,
    parse_max_breadth,
)
from sipuac.syntax.lexical import WHITE_SPACE, is_token, split_list
from sipuac.syntax.uri import SipUri, TelUri

# How many tel URIs and how many sip or sips URIs P-Preferred-Identity may hold.
_IDENTITIES = ((0, 1), (1, 0), (1, 1))


def check_breadth(fields: Fields) -> None:
    """Make sure that Max-Breadth is one positive number (RFC 5393 section 5.3.1).

    Raises:
        LocalProtocolError: It is not, or there are two.
    """
    values = values_of(fields, "Max-Breadth")
    if len(values) > 1:
        raise LocalProtocolError("Max-Breadth twice")
    for value in values:
        try:
            parse_max_breadth(value)
        except ParseError as error:
            raise LocalProtocolError(f"Max-Breadth: {error}") from None


def check_privacy(fields: Fields) -> None:
    """Make sure that Privacy can be asked for so (RFC 3323 section 4.2).

    Raises:
        LocalProtocolError: A value stands twice, beside "none", or after "critical", or
            is "user", which a user agent asks for in REGISTER only.
    """
    rows = values_of(fields, "Privacy")
    if len(rows) > 1:
        raise LocalProtocolError("Privacy twice")
    for row in rows:
        values = [value.strip(WHITE_SPACE).lower() for value in row.split(";")]
        if not all(map(is_token, values)) or len(set(values)) < len(values):
            raise LocalProtocolError(f"not a value of Privacy: {row[:60]!r}")
        if "none" in values and len(values) > 1:
            raise LocalProtocolError("Privacy: none stands alone")
        if "user" in values:
            raise LocalProtocolError("Privacy: user is for REGISTER only")
        if "critical" in values and (len(values) == 1 or values[-1] != "critical"):
            raise LocalProtocolError("Privacy: critical stands last, after another")


def check_preferred_identity(fields: Fields, *, has_proxy: bool) -> None:
    """Make sure that P-Preferred-Identity can be sent (RFC 3325 sections 6 and 9.2).

    Args:
        fields: All further fields.
        has_proxy: Whether the INVITE goes to a proxy of our own choice, which is the
            only hop that may see it.

    Raises:
        LocalProtocolError: There is none, or the values are not one sip, sips or tel
            URI, or one of the first two and a tel URI.
    """
    rows = values_of(fields, "P-Preferred-Identity")
    if not rows:
        return
    if not has_proxy:
        raise LocalProtocolError("P-Preferred-Identity is for a proxy of our own only")
    try:
        addresses = [NameAddress.parse(one) for row in rows for one in split_list(row)]
    except ParseError as error:
        raise LocalProtocolError(f"P-Preferred-Identity: {error}") from None
    numbers = sum(isinstance(address.uri, TelUri) for address in addresses)
    names = sum(isinstance(address.uri, SipUri) for address in addresses)
    if numbers + names != len(addresses) or (numbers, names) not in _IDENTITIES:
        raise LocalProtocolError("P-Preferred-Identity: one address, or sip and tel")
