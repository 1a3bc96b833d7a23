"""What the fields must say that an application, or a URI, wants in an INVITE.

The user agent writes most fields itself; these are the others that it knows rules for.
All is checked before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import (
    NameAddress,
    RequestDisposition,
    check_header,
    parse_max_breadth,
)
from sipuac.syntax.lexical import WHITE_SPACE, is_token, split_list
from sipuac.syntax.names import canonical_name
from sipuac.syntax.uri import SipUri, TelUri, Uri, unescape

Fields = list[tuple[str, str]]

# Each pair of these contradicts itself (RFC 3841 section 9.1).
_OPPOSITE_DIRECTIVES = (
    ("proxy", "redirect"),
    ("cancel", "no-cancel"),
    ("fork", "no-fork"),
    ("recurse", "no-recurse"),
    ("parallel", "sequential"),
    ("queue", "no-queue"),
)

# What a URI may put into a request. Who wrote the URI need not be who calls, so that
# only words for the callee and preferences for the way are honored: nothing that says
# who calls, where we are, what we can, or what the call shall replace or be billed to.
_HONORED = frozenset(
    [
        "Accept-Contact",
        "In-Reply-To",
        "Priority",
        "Reject-Contact",
        "Request-Disposition",
        "Subject",
    ]
)
# How many tel URIs and how many sip or sips URIs P-Preferred-Identity may hold.
_IDENTITIES = ((0, 1), (1, 0), (1, 1))
_REQUIREMENTS = frozenset(["Require", "Proxy-Require"])


def requested_fields(uri: Uri) -> Fields:
    """What of the headers of a URI goes into an INVITE (RFC 3261 section 19.1.5).

    Raises:
        ParseError: No INVITE can be formed of it: it asks for another method or for an
            extension, or a header of it cannot stand in a message.
    """
    if not isinstance(uri, SipUri):
        return []
    method = uri.parameter("method")
    if method is not None and method != "INVITE":
        raise ParseError(f"its method is {method[:40]!r}")
    fields: Fields = []
    for name, text in uri.headers:
        field = (canonical_name(unescape(name)), unescape(text))
        try:
            check_header(*field)
        except LocalProtocolError as error:
            raise ParseError(str(error)) from error
        if field[0] in _REQUIREMENTS and field[1].strip(WHITE_SPACE):
            raise ParseError(f"{field[0]} of {field[1][:40]!r} in a URI")
        if field[0] in _HONORED:
            fields.append(field)
    try:
        check_dispositions(fields)
    except LocalProtocolError as error:
        raise ParseError(str(error)) from error
    return fields


def values_of(fields: Iterable[tuple[str, str]], name: str) -> list[str]:
    """The values of all rows of this field, by any spelling of its name."""
    return [value for key, value in fields if canonical_name(key) == name]


def check_dispositions(fields: Fields) -> None:
    """Make sure that no two directives contradict each other (RFC 3841 section 9.1).

    Raises:
        LocalProtocolError: They do, or cannot be read.
    """
    directives: set[str] = set()
    for value in values_of(fields, "Request-Disposition"):
        try:
            asked = RequestDisposition.parse(value).directives
        except ParseError as error:
            raise LocalProtocolError(str(error)) from None
        directives |= {directive.lower() for directive in asked}
    for one, other in _OPPOSITE_DIRECTIVES:
        if one in directives and other in directives:
            raise LocalProtocolError(f"Request-Disposition: both {one} and {other}")


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
