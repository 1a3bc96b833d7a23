"""Tests of bodies: of one part, and in responses."""

from __future__ import annotations

from sipuac.syntax.bodies import BodyPart, body_part, parts_of, session_description
from sipuac.syntax.fields import MediaType
from tests.syntax.bodies import (
    SDP,
    BodyCase,
    answering,
    carrying,
    mixed,
    request,
    response,
    sdp,
    xml,
)


class PlainTests(BodyCase):
    """Bodies of one part."""

    def test_none(self) -> None:
        """An empty body describes no session, whatever its type says."""
        for content_type in (None, "application/sdp", "multipart/mixed", "///"):
            self.assertIsNone(session_description(request(content_type, b"")))
            self.assertEqual(parts_of(request(content_type, b"")), ())

    def test_sdp(self) -> None:
        """Bodies of Content-Type application/sdp are the disposition "session"
        (5621-8-a).
        """
        for content_type in (
            "application/sdp",
            "Application/SDP",
            "application / sdp;charset=utf-8",
        ):
            self.assertEqual(session_description(request(content_type, SDP)), SDP)
            self.assertEqual(session_description(response(content_type, SDP)), SDP)

    def test_session(self) -> None:
        """The value "session" indicates that the body part describes a session
        (5621-8-a).
        """
        for field in ("session", "SESSION;handling=required", "session ; handling=x"):
            message = request("application/sdp", SDP, [("Content-Disposition", field)])
            self.assertEqual(session_description(message), SDP)

    def test_no_session(self) -> None:
        """SDP for another purpose is no description of the session (5621-8-a)."""
        for field in ("render", "early-session", "by-reference", "icon"):
            rows = [("Content-Disposition", field)]
            self.assertRefused(request("application/sdp", SDP, rows))

    def test_other_type(self) -> None:
        """415 if the content type of a required body is not understood (5621-8-a)."""
        self.assertRefused(request("text/plain", b"hello"), words="text/plain")
        self.assertRefused(response("text/plain", b"hello"), words="text/plain")

    def test_optional(self) -> None:
        """If the value is "optional", the UAS ignores the message body (5621-8-a)."""
        for field in ("render;handling=optional", "signal; Handling=Optional"):
            rows = [("Content-Disposition", field)]
            self.assertIsNone(session_description(request("text/plain", b"x", rows)))
        rows = [("Content-Disposition", "session;handling=optional")]
        self.assertEqual(
            session_description(request("application/sdp", SDP, rows)), SDP
        )

    def test_handling_is_required_by_default(self) -> None:
        """The default value for the handling parameter is "required"; one that is not
        known counts as that (5621-8-a).
        """
        for field in ("render", "render;handling", "render;handling=perhaps"):
            rows = [("Content-Disposition", field)]
            self.assertRefused(request("text/plain", b"x", rows))

    def test_encodings(self) -> None:
        """A body in an encoding that we do not know is not understood."""
        for row in (
            ("Content-Encoding", "gzip"),
            ("e", "identity, deflate"),
            ("Content-Transfer-Encoding", "base64"),
            ("content-transfer-encoding", "quoted-printable"),
        ):
            self.assertRefused(request("application/sdp", SDP, [row]), words="encoding")
        for row in (
            ("Content-Encoding", "Identity"),
            ("Content-Transfer-Encoding", "BINARY"),
            ("Content-Transfer-Encoding", "8bit"),
        ):
            message = request("application/sdp", SDP, [row])
            self.assertEqual(session_description(message), SDP)

    def test_malformed(self) -> None:
        """Content-Type that is absent or unreadable, and unreadable Content-Disposition
        are errors of syntax.
        """
        self.assertRefused(request(None, SDP), 400, "without Content-Type")
        self.assertRefused(request("sdp", SDP), 400, "media type")
        for field in ("", ";handling=optional", "session;", "a b", "session,render"):
            rows = [("Content-Disposition", field)]
            self.assertRefused(request("application/sdp", SDP, rows), 400)

    def test_parts(self) -> None:
        """A plain body is one part, with what its fields say."""
        rows = [
            ("Content-Disposition", "session;handling=optional"),
            ("Content-ID", "<1@example.com>"),
            ("Content-Length", "3"),
            ("Subject", "x"),
        ]
        expected = BodyPart(
            MediaType("application", "sdp"),
            "session",
            "optional",
            (("Content-ID", "<1@example.com>"),),
            SDP,
        )
        self.assertEqual(parts_of(request("application/sdp", SDP, rows)), (expected,))


class ResponseTests(BodyCase):
    """Bodies of responses, which cannot be refused."""

    def test_part_beside(self) -> None:
        """The handling parameter says how the UAS should react: a response does not
        lose its description by a part that is not understood (5621-8-a).
        """
        for parts in ([sdp(), xml()], [xml(), sdp()], [xml(), mixed(xml(), sdp())]):
            self.assertEqual(session_description(answering(mixed(*parts))), SDP)

    def test_no_description(self) -> None:
        """Where there is no description it is said which part was not understood."""
        self.assertRefused(answering(mixed(xml())), words="resource-lists+xml")
        self.assertIsNone(session_description(answering(mixed(xml(is_optional=True)))))

    def test_malformed_part_beside(self) -> None:
        """Nor by a part that is malformed."""
        broken = body_part("multipart/mixed", b"x")
        self.assertEqual(session_description(answering(mixed(broken, sdp()))), SDP)
        self.assertRefused(carrying(mixed(broken, sdp())), 400, "without boundary")
