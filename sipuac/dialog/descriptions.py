"""The session description that a response of the callee brings, if it brings one.

A response is never refused for its body: a 2xx has to be acknowledged whatever is in
it. What cannot be used is told in words.
"""

from __future__ import annotations

from sipuac.errors import ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Response

_SHOWN = 60


def description_of(response: Response) -> tuple[SessionDescription | None, str | None]:
    """The session description in a response.

    Returns:
        The description, None where there is none that counts; and why a body was
        passed over, None where nothing was.
    """
    body = response.body
    if not body:
        return None, None
    try:
        content_type = response.content_type
    except ParseError as error:
        return None, f"a body is ignored: {error}"
    if content_type is None:
        return None, "a body without Content-Type is ignored"
    kind = f"{content_type.type}/{content_type.subtype}"
    if kind != "application/sdp":
        return None, f"a body of {kind[:_SHOWN]} is ignored"
    # RFC 3261 20.11: without the field an application/sdp body has the disposition
    # "session"; with another one it is no part of the offer/answer exchange.
    disposition = response.get("Content-Disposition") or "session"
    if disposition.partition(";")[0].strip().lower() != "session":
        shown = disposition[:_SHOWN]
        return None, f"a session description with disposition {shown} is ignored"
    try:
        return SessionDescription.parse(body), None
    except ParseError as error:
        return None, f"the session description cannot be read: {error}"
