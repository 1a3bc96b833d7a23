"""Tests of bodies of several parts that we make."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.syntax.bodies import BodyPart, body_part, multipart, parts_of
from sipuac.syntax.fields import MediaType
from tests.syntax.bodies import carrying, nested, request, sdp, xml


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
