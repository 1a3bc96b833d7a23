"""The session description that a response of the callee brings, if it brings one.

A response is never refused for its body: a 2xx has to be acknowledged whatever is in
it. What cannot be used is told in words.
"""

from __future__ import annotations

from sipuac.errors import ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.bodies import session_description
from sipuac.syntax.message import Response


def description_of(response: Response) -> tuple[SessionDescription | None, str | None]:
    """The session description in a response, alone or in a multipart body (RFC 5621).

    Returns:
        The description, None where there is none that counts; and why a body was
        passed over, None where nothing was.
    """
    if not response.body:
        return None, None
    try:
        octets = session_description(response)
    except ParseError as error:
        return None, f"a body is ignored: {error}"
    if octets is None:
        return None, "a body without session description is ignored"
    try:
        return SessionDescription.parse(octets), None
    except ParseError as error:
        return None, f"the session description cannot be read: {error}"
