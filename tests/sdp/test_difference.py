"""Tests of `sipuac.sdp.difference`."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import difference
from tests.sdp import generator
from tests.sdp.descriptions import sdp


class DifferenceTests(SynchronousTestCase):
    """Differences in words."""

    def test_none(self) -> None:
        """Line ends make no difference."""
        first = sdp("m=audio 4000 RTP/AVP 0", "a=x")
        second = SessionDescription.parse(first.text.replace("\r\n", "\n"))
        self.assertIsNone(difference(first, second))

    def test_everything(self) -> None:
        """Each difference is named with its stream, what is now before what was."""
        first = sdp("m=audio 4000 RTP/AVP 0 8", "a=x", "a=y", "m=video 1 RTP/AVP 31")
        second = sdp(
            "m=audio 4002 RTP/SAVP 8",
            "a=y",
            "a=sendonly",
            origin="bob 1 2 IN IP4 192.0.2.2",
        )
        self.assertEqual(
            difference(first, second),
            "session: without o=bob 1 1 IN IP4 192.0.2.2; "
            "session: with o=bob 1 2 IN IP4 192.0.2.2; "
            "1 streams instead of 2; "
            "stream 1: port 4002 instead of 4000; "
            "stream 1: protocol RTP/SAVP instead of RTP/AVP; "
            "stream 1: formats 8 instead of 0 8; "
            "stream 1: without a=x; "
            "stream 1: with a=sendonly",
        )

    def test_other_streams(self) -> None:
        """Another kind of stream in the slot, or another number of ports, is one."""
        self.assertEqual(
            difference(sdp("m=audio 4000/2 x y"), sdp("m=video 4000 x y")),
            "stream 1: media type video instead of audio; "
            "stream 1: number of ports 1 instead of 2",
        )

    def test_long_lines(self) -> None:
        """A line of sixty characters is shown, of a longer one the beginning."""
        for length, shown in ((58, "x" * 58), (59, "x" * 55 + "...")):
            line = "a=" + "x" * length
            text = difference(sdp("m=audio 9 x y"), sdp("m=audio 9 x y", line)) or ""
            self.assertEqual(text, f"stream 1: with a={shown}")

    def test_bounded_and_harmless(self) -> None:
        """However much differs, it is one short line of plain characters."""
        many = ["a=x:" + "\x07" * 90 + str(number) for number in range(500)]
        text = difference(sdp(), sdp("m=audio 9 x y", *many)) or ""
        self.assertEqual(text, "1 streams instead of 0")
        text = difference(sdp("m=audio 9 x y"), sdp("m=audio 9 x y", *many)) or ""
        self.assertTrue(text.isascii() and text.isprintable())
        self.assertTrue(text.endswith("; and 492 more"), text)
        self.assertLess(len(text), 800)

    def test_symmetry(self) -> None:
        """A description differs from another exactly when the other differs from it."""
        for seed in range(100):
            first = generator.description(Random(seed))
            second = generator.description(Random(seed + 1))
            self.assertIsNone(difference(first, first))
            self.assertIsNotNone(difference(first, second))
            self.assertIsNotNone(difference(second, first))
