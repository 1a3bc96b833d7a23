"""Tests of header field names."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.names import (
    COMPACT_FORMS,
    USUAL_SPELLINGS,
    canonical_name,
    read_name,
    spellings,
)


class NameTests(SynchronousTestCase):
    """One spelling for each field."""

    def test_compact_forms(self) -> None:
        """Each compact form stands for its long form, in either case (3261-7.3.3-a)."""
        for letter, name in COMPACT_FORMS.items():
            self.assertEqual(canonical_name(letter), name)
            self.assertEqual(canonical_name(letter.upper()), name)
            self.assertEqual(canonical_name(name.lower()), name)

    def test_any_case(self) -> None:
        """Field names are compared without regard to case (3261-7.3.1-d)."""
        for name in ("CALL-ID", "call-id", "Call-Id", "cAlL-iD", "i", "I"):
            self.assertEqual(canonical_name(name), "Call-ID")

    def test_unknown_names_stay(self) -> None:
        """A name that no RFC gave is kept as it was written."""
        for name in ("X-Foo", "x-fOO", "z", "\u212a"):
            self.assertEqual(canonical_name(name), name)

    def test_reading(self) -> None:
        """White space before the colon is no part of the name (3261-7.3.1-a)."""
        self.assertEqual(read_name("tO \t"), "To")
        self.assertEqual(read_name("To" + " " * 100), "To")
        self.assertEqual(read_name("X" * 100), "X" * 100)
        for text in ("", " ", "a b", "a:b", "é", '"x"', "To\x0b"):
            self.assertRaises(ParseError, read_name, text)

    def test_learning(self) -> None:
        """A name that was read is known from then on, and forgotten with all others
        when there are too many; those of the RFCs stay.
        """
        self.assertEqual(read_name("x-LEARNED "), "x-LEARNED")
        self.assertEqual(spellings["x-LEARNED "], "x-LEARNED")
        for number in range(1_024):
            read_name(f"x-{number}")
        self.assertNotIn("x-LEARNED ", spellings)
        self.assertEqual(spellings["x-1023"], "x-1023")
        self.assertEqual({**USUAL_SPELLINGS, **spellings}, spellings)
        self.assertRaises(ParseError, read_name, "a b")
        self.assertNotIn("a b", spellings)
