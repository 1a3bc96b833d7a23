"""Requests that are made from an INVITE by copying: ACK of a refusal, and CANCEL.

Both go hop by hop the way of the INVITE and carry its top Via, so that each server,
even one without state, treats them as it treated the INVITE.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import check_header, split_list
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.names import canonical_name

# "MUST be equal to the values in the original request being acknowledged or cancelled.
# This is to ensure proper operation through stateless proxies." (RFC 3841 section 5)
_PREFERENCES = ("Accept-Contact", "Reject-Contact", "Request-Disposition")

# RFC 3261 22.1: "UACs creating an ACK message will duplicate all of the Authorization
# and Proxy-Authorization header field values that appeared in the INVITE to which the
# ACK corresponds." A CANCEL will not, because it cannot be challenged.
_CREDENTIALS = ("Authorization", "Proxy-Authorization")

# What a CANCEL has from its INVITE, and what it must not have (RFC 3261 section 9.1).
_NOT_FREE_IN_CANCEL = frozenset(
    (
        "Via",
        "Max-Forwards",
        "Route",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Content-Length",
        "Require",
        "Proxy-Require",
        *_PREFERENCES,
    )
)


def ack_of(invite: Request, response: Response) -> Request:
    """The ACK for a final response of 300 to 699 (RFC 3261 section 17.1.1.3).

    Args:
        invite: The INVITE as it was sent, with our Via on top.
        response: The response to acknowledge; its To field goes into the ACK.

    Raises:
        ParseError: The response has no To field.
    """
    rows = _hop_rows(invite, _field(response, "To"), "ACK")
    for name in _CREDENTIALS:
        rows += [(name, value) for value in invite.get_all(name)]
    return Request("ACK", invite.uri_text, rows)


def cancel_of(invite: Request, headers: Iterable[tuple[str, str]] = ()) -> Request:
    """The CANCEL for an INVITE (RFC 3261 section 9.1).

    It is to be sent over the flow of the INVITE, after a provisional and before the
    final response, as a transaction of its own.

    Args:
        invite: The INVITE as it was sent, with our Via on top.
        headers: More fields, such as Reason (RFC 3326).

    Raises:
        LocalProtocolError: The request is no INVITE, or one of the fields may not be
            added.
    """
    if invite.method != "INVITE":
        raise LocalProtocolError(f"CANCEL is for INVITE, not for {invite.method}")
    rows = _hop_rows(invite, _field(invite, "To"), "CANCEL")
    for name, value in headers:
        check_header(name, value)
        if canonical_name(name) in _NOT_FREE_IN_CANCEL:
            raise LocalProtocolError(f"{name} cannot be added to a CANCEL")
        rows.append((name, value))
    return Request("CANCEL", invite.uri_text, rows)


def _hop_rows(invite: Request, to: str, method: str) -> list[tuple[str, str]]:
    rows = [
        ("Via", _top_via(invite)),
        # A server that let the INVITE pass lets these pass as well.
        ("Max-Forwards", invite.get("Max-Forwards") or "70"),
        ("From", _field(invite, "From")),
        ("To", to),
        ("Call-ID", _field(invite, "Call-ID")),
        ("CSeq", f"{invite.cseq.number} {method}"),
    ]
    for name in ("Route", *_PREFERENCES):
        rows += [(name, value) for value in invite.get_all(name)]
    return rows


def _top_via(invite: Request) -> str:
    row = _field(invite, "Via")
    return split_list(row)[0] if "," in row else row


def _field(message: Message, name: str) -> str:
    value = message.get(name)
    if value is None:
        raise ParseError(f"{name} is missing")
    return value
