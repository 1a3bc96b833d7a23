"""The fields that a URI wants in the request to it (RFC 3261 section 19.1.5).

That is the URI that an application calls, or a Contact that a redirection names.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import RequestDisposition, check_header
from sipuac.syntax.lexical import WHITE_SPACE
from sipuac.syntax.names import canonical_name
from sipuac.syntax.uri import SipUri, Uri, unescape

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
