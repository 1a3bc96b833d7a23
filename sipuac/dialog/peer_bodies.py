"""The body of a request of the peer: what is in it, or why it is refused (8.2.3)."""

from __future__ import annotations

from sipuac.dialog.capabilities import ACCEPT, ACCEPT_ENCODING
from sipuac.errors import ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.bodies import parts_of, session_description
from sipuac.syntax.message import Request, Response, response_to

UNSUPPORTED = 415


def offer_of(request: Request) -> SessionDescription | Response | None:
    """The session description of an INVITE or UPDATE of the peer.

    Returns:
        The description; None where there is none; the refusal where the body cannot be
        understood, and is not optional.
    """
    try:
        octets = session_description(request)
        return None if octets is None else SessionDescription.parse(octets)
    except ParseError as error:
        if error.status_hint != UNSUPPORTED:
            return response_to(request, error.status_hint)
    refusal = encoding_refusal(request)
    if refusal is not None:
        return refusal
    return response_to(request, UNSUPPORTED, headers=(("Accept", ACCEPT),))


def encoding_refusal(request: Request) -> Response | None:
    """The refusal of a body in an encoding that we do not know; None where it is fine.

    Of requests whose bodies the application reads it is all that is looked at.
    """
    try:
        parts = parts_of(request)
    except ParseError:
        return None
    if not any(part.is_encoded and not part.is_optional for part in parts):
        return None
    # RFC 3261 8.2.3: "If the request contained content encodings not understood by the
    # UAS, the response MUST contain an Accept-Encoding header field".
    fields = (("Accept-Encoding", ACCEPT_ENCODING),)
    return response_to(request, UNSUPPORTED, headers=fields)


def answer_of(ack: Request) -> tuple[SessionDescription | None, str]:
    """The session description in an ACK, which cannot be refused.

    Returns:
        The description, None where there is none that counts; and why.
    """
    found = offer_of(ack)
    if isinstance(found, SessionDescription):
        return found, ""
    if found is None:
        return None, "the ACK brought no answer"
    return None, "the body of the ACK cannot be read"
