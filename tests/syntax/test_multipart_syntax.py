"""Tests of bodies of several parts: their octets, sound, excessive or damaged."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.bodies import (
    BodyLimits,
    BodyPart,
    body_part,
    multipart,
    parts_of,
    session_description,
)
from sipuac.syntax.fields import MediaType
from tests.syntax.bodies import (
    OTHER_SDP,
    SDP,
    BodyCase,
    alternative,
    carrying,
    mixed,
    nested,
    request,
    response,
    sdp,
    xml,
)


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
