"""Tests of header field names."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.names import COMPACT_FORMS, canonical_name, read_name


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
