"""The answer to a request that nobody here wants (RFC 3261 section 8.2)."""

from __future__ import annotations

from sipuac.dialog.capabilities import (
    ACCEPT,
    ALLOW,
    ALLOWED_METHODS,
    KNOWN_METHODS,
    UNDERSTOOD_EXTENSIONS,
)
from sipuac.syntax.message import Request, Response, response_to


def refusal_of(request: Request, to_tag: str) -> Response:
    """The response to a request, other than ACK and CANCEL, that no handler took.

    Args:
        request: It belongs to no dialog of ours.
        to_tag: For To, where it has no tag yet.

    Raises:
        ParseError: Its To or Require cannot be read.
    """
    method = request.method
    if request.to_tag or method == "BYE":
        return response_to(request, 481, to_tag=to_tag)
    if method not in ALLOWED_METHODS:
        # 405 where the method is known, 501 where it is not (8.2.1, 21.5.2).
        status = 405 if method in KNOWN_METHODS else 501
        allow = (("Allow", ALLOW),)
        return response_to(request, status, to_tag=to_tag, headers=allow)
    unknown = [tag for tag in request.require if tag not in UNDERSTOOD_EXTENSIONS]
    if unknown:
        refused = (("Unsupported", ", ".join(unknown)),)
        return response_to(request, 420, to_tag=to_tag, headers=refused)
    if method == "OPTIONS":
        fields = (("Allow", ALLOW), ("Accept", ACCEPT))
        return response_to(request, 200, to_tag=to_tag, headers=fields)
    return response_to(request, 486, to_tag=to_tag)
