"""Tests of Session-Expires and Min-SE."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.fields_session import UAC, UAS, SessionExpires, parse_min_se

MALFORMED = ("", "x", "-1", "1.5", "90 s", "90;", "90;;a", "９０", ";refresher=uac")


class SessionExpiresTests(SynchronousTestCase):
    """RFC 4028 section 4."""

    def test_read(self) -> None:
        """Seconds, and perhaps who refreshes."""
        for text, expected in (
            ("1800", SessionExpires(1800)),
            ("1800;refresher=uac", SessionExpires(1800, UAC)),
            ("1800 ; Refresher = UAS", SessionExpires(1800, UAS)),
            ("90;x=y;refresher=uas;z", SessionExpires(90, UAS)),
            ("0", SessionExpires(0)),
        ):
            self.assertEqual(SessionExpires.parse(text), expected)

    def test_unknown_refresher(self) -> None:
        """A refresher that is neither side is none."""
        for text in ("90;refresher=proxy", "90;refresher", '90;refresher="uac"'):
            self.assertIsNone(SessionExpires.parse(text).refresher)

    def test_huge(self) -> None:
        """Be prepared to handle values of any duration greater than 90 seconds
        (4028-4-a).
        """
        self.assertEqual(SessionExpires.parse("9" * 5000).seconds, 2**32 - 1)
        self.assertEqual(parse_min_se("9" * 5000), 2**32 - 1)

    def test_malformed(self) -> None:
        """What is no number, or has unreadable parameters, is refused."""
        for text in MALFORMED:
            with self.assertRaises(ParseError, msg=text):
                SessionExpires.parse(text)

    def test_written(self) -> None:
        """What is written is read again."""
        for value in (SessionExpires(90), SessionExpires(91, UAC)):
            self.assertEqual(SessionExpires.parse(str(value)), value)
        self.assertEqual(str(SessionExpires(4000, UAC)), "4000;refresher=uac")


class MinSeTests(SynchronousTestCase):
    """RFC 4028 section 5."""

    def test_read(self) -> None:
        """Seconds; parameters mean nothing."""
        self.assertEqual(parse_min_se("3600"), 3600)
        self.assertEqual(parse_min_se("3600 ;a=b"), 3600)

    def test_malformed(self) -> None:
        """What is no number, or has unreadable parameters, is refused."""
        for text in MALFORMED:
            with self.assertRaises(ParseError, msg=text):
                parse_min_se(text)
