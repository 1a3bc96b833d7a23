"""Tests of bodies and their parts."""

from __future__ import annotations

import random
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.bodies import (
    BodyLimits,
    BodyPart,
    body_part,
    multipart,
    parts_of,
    session_description,
)
from sipuac.syntax.fields import MediaType
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


class MixedTests(BodyCase):
    """multipart/mixed, and what is treated like it."""

    def test_figure_2(self) -> None:
        """The multipart body of RFC 5621 figure 2, whose second part is not understood
        (5621-8-a).
        """
        body = (
            b"--boundary1\r\nContent-Type: application/sdp\r\n\r\n"
            + SDP
            + b"\r\n--boundary1\r\n"
            b"Content-Type: application/resource-lists+xml\r\n"
            b"Content-Disposition: recipient-list\r\n\r\n" + XML + b"\r\n--boundary1--"
        )
        content_type = 'multipart/mixed;boundary="boundary1"'
        first, second = parts_of(request(content_type, body))
        self.assertEqual(first, sdp())
        self.assertEqual(second, xml(disposition="recipient-list"))
        self.assertRefused(request(content_type, body), words="resource-lists+xml")
        optional = body.replace(b"recipient-list", b"recipient-list;handling=optional")
        self.assertEqual(session_description(request(content_type, optional)), SDP)

    def test_order(self) -> None:
        """The description may be any of the parts, and is given octet for octet."""
        aside = xml(is_optional=True)
        for parts in ([sdp(), aside], [aside, sdp()], [aside, sdp(), aside]):
            self.assertEqual(session_description(carrying(mixed(*parts))), SDP)

    def test_binary(self) -> None:
        """Any octets may be in a part, line breaks at its ends included."""
        octets = bytes(range(256)) + b"\r\n--\r\n\r\n"
        self.assertEqual(session_description(carrying(mixed(sdp(octets)))), octets)

    def test_first_counts(self) -> None:
        """Of two session descriptions beside each other the first counts."""
        self.assertEqual(
            session_description(carrying(mixed(sdp(), sdp(OTHER_SDP)))), SDP
        )

    def test_required_part(self) -> None:
        """415 if a body part whose handling is required is not understood, before or
        after the description (5621-8-a).
        """
        self.assertRefused(carrying(mixed(sdp(), xml())))
        self.assertRefused(carrying(mixed(xml(), sdp())))
        self.assertRefused(carrying(mixed(sdp(), sdp(disposition="early-session"))))

    def test_nothing_required(self) -> None:
        """A required multipart/mixed can contain only parts whose handling is optional:
        none of them need be understood (5621-8-a).
        """
        self.assertIsNone(session_description(carrying(mixed(xml(is_optional=True)))))

    def test_optional_whole(self) -> None:
        """The receiver is required to process the required parts if and only if it
        decides to process the optional multipart/mixed body (5621-8-a).
        """
        inner = mixed(sdp(OTHER_SDP), xml(), is_optional=True)
        self.assertEqual(session_description(carrying(mixed(inner, sdp()))), SDP)
        self.assertIsNone(session_description(carrying(inner)))

    def test_nested(self) -> None:
        """Unnecessarily nested body parts are treated as if they were not nested."""
        inner = mixed(mixed(xml(is_optional=True)), mixed(sdp()))
        message = carrying(mixed(inner, xml(is_optional=True)))
        self.assertEqual(session_description(message), SDP)
        self.assertEqual(len(parts_of(message)), 3)

    def test_unknown_subtype(self) -> None:
        """By default, unknown multipart subtypes are treated as multipart/mixed."""
        for kind in ("related", "parallel", "x"):
            whole = mixed(xml(is_optional=True), sdp(), kind=kind)
            self.assertEqual(session_description(carrying(whole)), SDP)

    def test_disposition_of_the_whole(self) -> None:
        """The actual disposition type of the whole multipart/mixed is irrelevant, but
        for a reference that is not understood: MUST NOT process the body part.
        """
        content_type, octets = multipart([sdp()])
        for disposition in ("render", "session", "signal"):
            rows = [("Content-Disposition", disposition)]
            message = request(content_type, octets, rows)
            self.assertEqual(session_description(message), SDP)
        rows = [("Content-Disposition", "by-reference")]
        self.assertRefused(request(content_type, octets, rows))

    def test_encoded_part(self) -> None:
        """A part in an encoding that we do not know is ignored if it may be."""
        rows = [("Content-Transfer-Encoding", "base64")]
        for is_optional in (True, False):
            part = body_part(
                "application/sdp", b"dj0w", is_optional=is_optional, headers=rows
            )
            message = carrying(mixed(part, sdp(OTHER_SDP)))
            if is_optional:
                self.assertEqual(session_description(message), OTHER_SDP)
            else:
                self.assertRefused(message, words="encoding")

    def test_encoded_whole(self) -> None:
        """Nor is a multipart taken apart that is encoded."""
        content_type, octets = multipart([sdp()])
        message = request(content_type, octets, [("Content-Encoding", "gzip")])
        self.assertRefused(message, words="encoding")


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


class AlternativeTests(BodyCase):
    """multipart/alternative."""

    def test_last_understood(self) -> None:
        """The recipient chooses the last body part it understands."""
        for parts in ([sdp(), xml()], [xml(), sdp()], [xml(), sdp(), xml()]):
            self.assertEqual(session_description(carrying(alternative(*parts))), SDP)
        both = alternative(sdp(), sdp(OTHER_SDP))
        self.assertEqual(session_description(carrying(both)), OTHER_SDP)

    def test_handling_is_ignored(self) -> None:
        """The receiver SHOULD ignore the handling parameters of the body parts within
        the multipart/alternative (5621-8-a).
        """
        optional = [xml(is_optional=True), xml(is_optional=True)]
        self.assertRefused(carrying(alternative(*optional)))

    def test_processed_by_its_own_handling(self) -> None:
        """The receiver MUST process the body based on its handling parameter
        (5621-8-a).
        """
        content_type, octets = multipart([xml(), xml()], "alternative")
        optional = body_part(content_type, octets, is_optional=True)
        self.assertEqual(session_description(carrying(mixed(optional, sdp()))), SDP)
        required = body_part(content_type, octets)
        self.assertRefused(carrying(mixed(required, sdp())))

    def test_nested_alternative(self) -> None:
        """An alternative with a required part that is not understood is none."""
        richest = mixed(sdp(OTHER_SDP), xml())
        self.assertEqual(
            session_description(carrying(alternative(sdp(), richest))), SDP
        )
        within = mixed(xml(is_optional=True), alternative(sdp(), xml()))
        self.assertEqual(session_description(carrying(within)), SDP)

    def test_alternative_without_description(self) -> None:
        """One that holds nothing required is understood, but one that describes the
        session is chosen before it.
        """
        empty = mixed(xml(is_optional=True))
        self.assertEqual(session_description(carrying(alternative(sdp(), empty))), SDP)
        self.assertIsNone(session_description(carrying(alternative(xml(), empty))))

    def test_disposition(self) -> None:
        """The disposition type is the same for the multipart/alternative body and all
        its parts: alternatives for another purpose describe no session.
        """
        self.assertEqual(
            session_description(carrying(alternative(sdp(), disposition="session"))),
            SDP,
        )
        self.assertRefused(carrying(alternative(sdp(), disposition="early-session")))


class SyntaxTests(BodyCase):
    """RFC 2046 section 5.1.1."""

    def read(self, body: bytes, boundary: str = "b") -> list[tuple[str, bytes]]:
        """Types and octets of the parts."""
        message = request(f"multipart/mixed;boundary={boundary}", body)
        return [
            (f"{part.content_type.type}/{part.content_type.subtype}", part.octets)
            for part in parts_of(message)
        ]

    def test_preamble_and_epilogue(self) -> None:
        """What is before the first and after the last delimiter is passed over."""
        body = b"hello\r\n--b\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\ny\r\n--b--"
        self.assertEqual(self.read(body), [("text/plain", b"x")])

    def test_padding(self) -> None:
        """White space may follow a delimiter."""
        body = b"--b \t\r\n\r\nx\r\n--b-- \r\n"
        self.assertEqual(self.read(body), [("text/plain", b"x")])

    def test_like_a_delimiter(self) -> None:
        """What only begins like a delimiter, or is not at the start of a line, is
        content.
        """
        content = b"a--b\r\n--bc\r\n--b-\r\n--b--x\r\n-- b\r\n--B\r\n--b x"
        body = b"--b\r\n\r\n" + content + b"\r\n--b--"
        self.assertEqual(self.read(body), [("text/plain", content)])

    def test_inner_boundary_begins_like_the_outer(self) -> None:
        """A nested boundary that begins with the outer one does not end the part."""
        body = (
            b"--b\r\nContent-Type: multipart/mixed;boundary=bb\r\n\r\n"
            b"--bb\r\n\r\nx\r\n--bb--\r\n--b--"
        )
        self.assertEqual(self.read(body), [("text/plain", b"x")])

    def test_part_without_content(self) -> None:
        """A part may have no header rows, no content, or neither."""
        body = (
            b"--b\r\nContent-Type: a/b\r\n--b\r\n\r\n\r\n--b\r\n--b\r\n\r\nx\r\n--b--"
        )
        self.assertEqual(
            self.read(body),
            [
                ("a/b", b""),
                ("text/plain", b""),
                ("text/plain", b""),
                ("text/plain", b"x"),
            ],
        )

    def test_header_rows(self) -> None:
        """Rows of a part may be folded, and their names are in any case and form."""
        body = (
            b"--b\r\nc: application/sdp\r\nCONTENT-disposition: session\r\n"
            b" ;handling=optional\r\nContent-ID:<1@a>\r\nX-\xc3: \xff\r\n\r\n"
        ).replace(b"X-\xc3", b"X-a")
        message = request("multipart/mixed;boundary=b", body + SDP + b"\r\n--b--")
        expected = BodyPart(
            MediaType("application", "sdp"),
            "session",
            "optional",
            (("Content-ID", "<1@a>"), ("X-a", "\udcff")),
            SDP,
        )
        self.assertEqual(parts_of(message), (expected,))

    def test_malformed_rows(self) -> None:
        """A part whose header rows are none is malformed."""
        for row in (
            b"no colon",
            b"a b: c",
            b": x",
            b"a: \0",
            b"a: \n",
            b"a:\r",
            b" a:b",
        ):
            message = request(
                "multipart/mixed;boundary=b",
                b"--b\r\n" + row + b"\r\n\r\nx\r\n--b--",
            )
            self.assertRefused(message, 400)
            with self.assertRaises(ParseError):
                parts_of(message)

    def test_boundaries(self) -> None:
        """A boundary is 1 to 70 characters, quoted where it has to be."""
        for boundary in ('"a b"', '"=_:?/"', "x" * 70, '"\\b"'):
            plain = boundary.strip('"').replace("\\", "").encode()
            body = b"--" + plain + b"\r\n\r\nx\r\n--" + plain + b"--"
            self.assertEqual(self.read(body, boundary), [("text/plain", b"x")])

    def test_no_boundary(self) -> None:
        """Multipart without a boundary that can be one is malformed."""
        body = b"--b\r\n\r\nx\r\n--b--"
        for parameters in ("", ";boundary", ';boundary=""', ";boundary=\udcff"):
            message = request(f"multipart/mixed{parameters}", body)
            self.assertRefused(message, 400, "boundary")
        for boundary in ("x" * 71, '"b\t"', "é"):
            message = request(f"multipart/mixed;boundary={boundary}", body)
            self.assertRefused(message, 400, "not a boundary")

    def test_truncated(self) -> None:
        """A multipart body that is cut anywhere before its end is malformed."""
        content_type, octets = multipart([sdp(), sdp(OTHER_SDP)])
        end = octets.rindex(b"--\r\n") + 2
        for cut in range(1, end):
            self.assertRefused(request(content_type, octets[:cut]), 400)
        for cut in (end, len(octets)):
            self.assertEqual(
                session_description(request(content_type, octets[:cut])), SDP
            )

    def test_no_parts(self) -> None:
        """A multipart body has at least one part."""
        message = request("multipart/mixed;boundary=b", b"--b--")
        self.assertRefused(message, 400, "without parts")


class LimitTests(BodyCase):
    """Nothing that a peer sends costs more than a bound."""

    def test_nesting(self) -> None:
        """Deeper than the bound is refused, as deep as the bound is not."""
        limits = BodyLimits()
        deepest = nested(limits.max_nesting)
        self.assertEqual(session_description(carrying(deepest)), SDP)
        self.assertEqual(parts_of(carrying(deepest)), (sdp(),))
        deeper = carrying(nested(limits.max_nesting + 1))
        self.assertRefused(deeper, words="too deep")
        self.assertRefused(carrying(nested(3)), limits=BodyLimits(max_nesting=2))
        with self.assertRaises(ParseError):
            parts_of(deeper)

    def test_nesting_of_optional(self) -> None:
        """An optional part that is nested too deep is ignored like any other."""
        deep = nested(10)
        part = body_part(str(deep.content_type), deep.octets, is_optional=True)
        self.assertEqual(session_description(carrying(mixed(part, sdp()))), SDP)

    def test_parts(self) -> None:
        """More parts than the bound are refused, those of all levels together."""
        limits = BodyLimits()
        aside = xml(is_optional=True)
        most = mixed(sdp(), *[aside] * (limits.max_parts - 1))
        self.assertEqual(session_description(carrying(most)), SDP)
        more = carrying(mixed(sdp(), *[aside] * limits.max_parts))
        self.assertRefused(more, words="parts")
        with self.assertRaises(ParseError):
            parts_of(more)
        halves = [mixed(sdp(), *[aside] * (limits.max_parts // 2)) for _ in range(2)]
        self.assertRefused(carrying(mixed(*halves)), words="parts")

    def test_header_rows(self) -> None:
        """More header rows in a part than the bound are refused."""
        for count, is_fine in ((32, True), (33, False)):
            rows = [(f"X-{number}", "x") for number in range(count - 2)]
            message = carrying(mixed(body_part("application/sdp", SDP, headers=rows)))
            if is_fine:
                self.assertEqual(session_description(message), SDP)
            else:
                self.assertRefused(message, words="header rows")

    def test_a_megabyte_of_anything(self) -> None:
        """A body made to be slow is refused as fast as any other: each of these would
        take minutes if the time grew with the square of the size.
        """
        size = 1024 * 1024
        pieces = (
            b"\r\n--b x",
            b"\r\n--b--x",
            b"\r\n--",
            b"\r\n",
            b" ",
            b"\r\n ",
            b"-",
            b"a:\r\n",
        )
        for piece in pieces:
            filler = piece * (size // len(piece))
            for body in (filler, b"--b\r\n" + filler, b"--b\r\n\r\n" + filler):
                message = request("multipart/mixed;boundary=b", body)
                self.assertRefused(message, 400)
        many = request("multipart/mixed;boundary=b", b"--b\r\n" * (size // 5))
        self.assertRefused(many, words="parts")


class ComposingTests(SynchronousTestCase):
    """Bodies of several parts, made."""

    def test_octets(self) -> None:
        """The whole body, octet for octet."""
        content_type, octets = multipart([sdp(b"v=0\r\n"), xml(is_optional=True)])
        self.assertEqual(content_type, "multipart/mixed;boundary=sipuac-00000000")
        self.assertEqual(
            octets,
            b"--sipuac-00000000\r\n"
            b"Content-Type: application/sdp\r\n"
            b"Content-Disposition: session\r\n"
            b"\r\n"
            b"v=0\r\n\r\n"
            b"--sipuac-00000000\r\n"
            b"Content-Type: application/resource-lists+xml\r\n"
            b"Content-Disposition: render;handling=optional\r\n"
            b"\r\n"
            b"<resource-lists/>\r\n"
            b"--sipuac-00000000--\r\n",
        )

    def test_boundary_does_not_occur(self) -> None:
        """Boundary delimiters must not appear within the encapsulated material: neither
        in octets nor in header rows.
        """
        inner = sdp(b"x sipuac-00000000 sipuac-00000002")
        row = ("Content-Description", "sipuac-00000001sipuac-00000003")
        part = body_part("text/plain", b"", headers=[row])
        content_type, _ = multipart([inner, part])
        self.assertEqual(content_type, "multipart/mixed;boundary=sipuac-00000004")

    def test_boundaries_of_nested_parts_differ(self) -> None:
        """Each level has a boundary of its own, and reads what was made."""
        part = nested(4)
        boundaries = part.octets.count(b"\r\n--sipuac-00000003")
        self.assertEqual(boundaries, 1)
        self.assertEqual(parts_of(carrying(part)), (sdp(),))

    def test_read_again(self) -> None:
        """Random parts are read as they were made, octet for octet."""
        for seed in range(200):
            source = random.Random(seed)
            parts = [random_part(source) for _ in range(source.randint(1, 5))]
            kind = source.choice(["mixed", "alternative"])
            content_type, octets = multipart(parts, kind)
            message = request(content_type, octets)
            self.assertEqual(parts_of(message), tuple(parts), f"seed {seed}")
            self.assertEqual(multipart(parts, kind), (content_type, octets))

    def test_refused(self) -> None:
        """What would be no multipart body, or more header rows than asked for, is
        refused.
        """
        with self.assertRaises(LocalProtocolError):
            multipart([])
        with self.assertRaises(LocalProtocolError):
            multipart([sdp()], "mixed\r\nX: y")
        for content_type in ("", "sdp", "a/b\r\nX: y"):
            with self.assertRaises(LocalProtocolError):
                body_part(content_type, b"")
        for disposition in ("", "a b", "x\r\ny"):
            with self.assertRaises(LocalProtocolError):
                body_part("a/b", b"", disposition=disposition)
        for row in (("a b", "c"), ("a", "b\r\nc: d"), ("", "x")):
            with self.assertRaises(LocalProtocolError):
                body_part("a/b", b"", headers=[row])
            bare = BodyPart(MediaType("a", "b"), "render", "required", (row,), b"")
            with self.assertRaises(LocalProtocolError):
                multipart([bare])


def random_part(source: random.Random) -> BodyPart:
    """A part of a type that is no multipart."""
    pieces = [b"\r\n", b"--", b"sipuac-", b"00000000", b"\0", b"a", b"\xff", b": "]
    octets = b"".join(source.choices(pieces, k=source.randint(0, 12)))
    headers = [("Content-ID", f"<{source.random()}@a>")] * source.randint(0, 2)
    return body_part(
        source.choice(["application/sdp", "text/plain;charset=utf-8", "a/b"]),
        octets,
        disposition=source.choice([None, "session", "render", "x-y"]),
        is_optional=source.random() < 0.5,
        headers=headers,
    )


class MutationTests(SynchronousTestCase):
    """Damaged bodies."""

    SEEDS = (
        mixed(sdp(), xml(is_optional=True)),
        alternative(sdp(), mixed(sdp(OTHER_SDP), xml())),
        mixed(mixed(alternative(xml(), sdp())), sdp(disposition="render")),
    )
    PIECES = (b"\r\n", b"--", b"\0", b"\xff", b":", b";", b'"', b" ", b"sipuac-0")

    def test_total(self) -> None:
        """Whatever is done to a body, it is read or refused, with 400 or 415."""
        outcomes = {"read": 0, "refused": 0}
        for seed in range(3000):
            source = random.Random(seed)
            part = source.choice(self.SEEDS)
            octets = self.mutated(source, part.octets)
            content_type = str(part.content_type)
            if source.random() < 0.2:
                damaged = self.mutated(source, content_type.encode())
                content_type = damaged.decode("utf-8", "surrogateescape")
            for make in (request, response):
                message = make(content_type, octets)
                try:
                    found = session_description(message)
                except ParseError as error:
                    self.assertIn(error.status_hint, (400, 415), f"seed {seed}")
                    outcomes["refused"] += 1
                else:
                    self.assertTrue(found is None or found in octets, f"seed {seed}")
                    outcomes["read"] += 1
                try:
                    parts_of(message)
                except ParseError:
                    continue
        # Damage that never or always shows would test nothing.
        self.assertGreater(min(outcomes.values()), 500, outcomes)

    def mutated(self, source: random.Random, octets: bytes) -> bytes:
        """The octets with up to four changes: cut, doubled, moved, written over."""
        for _ in range(source.randint(1, 4)):
            start, end = sorted(source.choices(range(len(octets) + 1), k=2))
            end = min(end, start + 40)
            piece = source.choice([*self.PIECES, octets[start:end], b""])
            where = source.choice([start, end])
            octets = octets[:where] + piece + octets[end:]
        return octets
