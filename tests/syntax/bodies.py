"""Bodies and messages that carry them."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.bodies import (
    BodyLimits,
    BodyPart,
    body_part,
    multipart,
    session_description,
)
from sipuac.syntax.message import Message, Request, Response

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
OTHER_SDP = SDP.replace(b"1 1", b"2 2")
XML = b"<resource-lists/>"
Rows = Iterable[tuple[str, str]]


def request(content_type: str | None, body: bytes, rows: Rows = ()) -> Request:
    """A request with this body."""
    typed = [] if content_type is None else [("Content-Type", content_type)]
    return Request("INVITE", "sip:bob@biloxi.com", [*typed, *rows], body)


def response(content_type: str | None, body: bytes, rows: Rows = ()) -> Response:
    """A response with this body."""
    typed = [] if content_type is None else [("Content-Type", content_type)]
    return Response(200, None, [*typed, *rows], body)


def sdp(octets: bytes = SDP, disposition: str | None = None) -> BodyPart:
    """A part with a session description."""
    return body_part("application/sdp", octets, disposition=disposition)


def xml(*, is_optional: bool = False, disposition: str | None = None) -> BodyPart:
    """A part that is not understood."""
    return body_part(
        "application/resource-lists+xml",
        XML,
        disposition=disposition,
        is_optional=is_optional,
    )


def mixed(*parts: BodyPart, is_optional: bool = False, kind: str = "mixed") -> BodyPart:
    """A part made of parts."""
    content_type, octets = multipart(parts, kind)
    return body_part(content_type, octets, is_optional=is_optional)


def alternative(*parts: BodyPart, disposition: str | None = None) -> BodyPart:
    """A part made of alternatives."""
    content_type, octets = multipart(parts, "alternative")
    return body_part(content_type, octets, disposition=disposition)


def carrying(part: BodyPart) -> Request:
    """A request whose body is this part."""
    return request(str(part.content_type), part.octets, fields_of(part))


def answering(part: BodyPart) -> Response:
    """A response whose body is this part."""
    return response(str(part.content_type), part.octets, fields_of(part))


def fields_of(part: BodyPart) -> list[tuple[str, str]]:
    """Content-Disposition of this part."""
    return [("Content-Disposition", f"{part.disposition};handling={part.handling}")]


def nested(depth: int) -> BodyPart:
    """A session description within so many multiparts."""
    part = sdp()
    for _ in range(depth):
        part = mixed(part)
    return part


class BodyCase(SynchronousTestCase):
    """With the assertion that most tests make."""

    def assertRefused(
        self,
        message: Message,
        status: int = 415,
        words: str = "",
        limits: BodyLimits | None = None,
    ) -> None:
        """The body is refused with that status, and for that reason."""
        with self.assertRaises(ParseError) as caught:
            session_description(message, limits or BodyLimits())
        self.assertEqual(caught.exception.status_hint, status, str(caught.exception))
        self.assertIn(words, str(caught.exception))
