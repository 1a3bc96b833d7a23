"""The answer to a request that nobody here wants (RFC 3261 section 8.2)."""

from __future__ import annotations

import re

from sipuac.dialog.capabilities import (
    ACCEPT,
    ALLOW,
    ALLOWED_METHODS,
    KNOWN_METHODS,
    UNDERSTOOD_EXTENSIONS,
)
from sipuac.errors import ParseError
from sipuac.syntax.bodies import session_description
from sipuac.syntax.fields import MediaType
from sipuac.syntax.lexical import split_list
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import OtherUri

_ZERO = re.compile(r"0(?:\.0*)?")

# Requests that mean something within a dialog only.
_WITHIN_DIALOGS = frozenset(["BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"])
# And those that could come outside of one, but not to a caller that takes no messages.
_NOT_OUTSIDE = frozenset(["MESSAGE"])
_ALLOW_OUTSIDE = ", ".join([m for m in ALLOW.split(", ") if m not in _NOT_OUTSIDE])


def refusal_of(request: Request, to_tag: str) -> Response:
    """The response to a request, other than ACK and CANCEL, that no handler took.

    Method, Request-URI, extensions and body are looked at in this order, as RFC 3261
    section 8.2 does.

    Args:
        request: It belongs to no dialog of ours.
        to_tag: For To, where it has no tag yet.

    Raises:
        ParseError: Its To cannot be read.
    """
    method = request.method
    if request.to_tag or method in _WITHIN_DIALOGS:
        return response_to(request, 481, to_tag=to_tag)
    if method not in ALLOWED_METHODS or method in _NOT_OUTSIDE:
        # 405 where the method is known, 501 where it is not (8.2.1, 21.5.2).
        status = 405 if method in KNOWN_METHODS else 501
        allow = (("Allow", _ALLOW_OUTSIDE),)
        return response_to(request, status, to_tag=to_tag, headers=allow)
    if isinstance(request.uri, OtherUri):
        # "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject
        # the request with a 416" (8.2.2.1). A number may be ours.
        return response_to(request, 416, to_tag=to_tag)
    unknown = [tag for tag in request.require if tag not in UNDERSTOOD_EXTENSIONS]
    if unknown:
        refused = (("Unsupported", ", ".join(unknown)),)
        return response_to(request, 420, to_tag=to_tag, headers=refused)
    if method == "OPTIONS":
        fields = (("Allow", ALLOW), ("Accept", ACCEPT))
        return response_to(request, 200, to_tag=to_tag, headers=fields)
    return _refused_invite(request, to_tag)


def _refused_invite(invite: Request, to_tag: str) -> Response:
    try:
        session_description(invite)
    except ParseError as error:
        # "the 415 (Unsupported Media Type) response ... MUST contain an Accept header
        # field" (8.2.3).
        fields = (("Accept", ACCEPT), ("Accept-Encoding", "identity"))
        status = error.status_hint
        return response_to(
            invite, status, to_tag=to_tag, headers=fields if status == 415 else ()
        )
    if not _accepts(invite, ACCEPT):
        return response_to(invite, 406, to_tag=to_tag)
    return response_to(invite, 486, to_tag=to_tag)


def _accepts(request: Request, media_type: str) -> bool:
    """Whether a response may have a body of this type (RFC 3261 section 20.1).

    "If no Accept header field is present, the server SHOULD assume a default value of
    application/sdp"; "An empty Accept header field means that no formats are
    acceptable."
    """
    rows = request.get_all("Accept")
    if not rows:
        return True
    kind, _, subkind = media_type.partition("/")
    try:
        ranges = [MediaType.parse(one) for row in rows for one in split_list(row)]
    except ParseError:
        # It informs us of nothing then (8.2.2), and refuses nothing.
        return True
    # A narrower range says more than a wider one (RFC 2616 section 14.1).
    for wanted in ((kind, subkind), (kind, "*"), ("*", "*")):
        for one in ranges:
            if (one.type, one.subtype) == wanted:
                return not _ZERO.fullmatch(one.parameter("q") or "")
    return False
