"""Requests and responses for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.syntax.message import Request, Response, response_to

VIA = "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff"


def request_of(
    method: str,
    *,
    via: str | None = VIA,
    to: str = "Bob <sip:bob@biloxi.com>",
    uri: str = "sip:bob@biloxi.com",
    number: int = 986759,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """The request of RFC 3261 section 17.1.1.3, of any method."""
    return Request(
        method,
        uri,
        [
            *([] if via is None else [("Via", via)]),
            ("To", to),
            ("From", "Alice <sip:alice@atlanta.com>;tag=88sja8x"),
            ("Max-Forwards", "70"),
            ("Call-ID", "987asjd97y7atg"),
            ("CSeq", f"{number} {method}"),
            *headers,
        ],
        body,
    )


def response_of(
    request: Request, status: int, to_tag: str | None = "99sa0xk"
) -> Response:
    """A response to it; no tag in a 100."""
    return response_to(request, status, to_tag=None if status == 100 else to_tag)
