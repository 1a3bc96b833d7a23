"""What the fields must say that an application wants in an INVITE."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.uri_fields import requested_fields
from sipuac.errors import LocalProtocolError
from sipuac.syntax.uri import parse_uri
from sipuac.ua.invite_request import Fields, checked_headers


class FieldTests(SynchronousTestCase):
    """Fields that have rules of their own."""

    def assert_refused(self, name: str, *values: str) -> None:
        """Rows of these values are refused, with a proxy."""
        rows: Fields = [(name, value) for value in values]
        self.assertRaises(LocalProtocolError, checked_headers, rows, has_proxy=True)

    def assert_taken(self, name: str, *values: str) -> None:
        """Rows of these values are taken as they are, with a proxy."""
        rows: Fields = [(name, value) for value in values]
        self.assertEqual(checked_headers(rows, has_proxy=True), rows)

    def test_max_breadth(self) -> None:
        """Max-Breadth is sent as asked, one number above 0 (5393-5.3.4-a)."""
        for value in ("60", "1", "4294967295"):
            self.assert_taken("Max-Breadth", value)
        for value in ("0", "-1", "+1", "", "1, 2", "60;x=y", "x"):
            self.assert_refused("Max-Breadth", value)
        self.assert_refused("max-breadth", "60", "60")

    def test_privacy(self) -> None:
        """Either none alone, or others once each and then perhaps critical; user is
        for REGISTER (3323-4.2-a).
        """
        for value in (
            "none",
            "header",
            "header;session",
            "id; critical",
            "Session;HEADER;critical",
        ):
            self.assert_taken("Privacy", value)
        for value in (
            "",
            ";",
            "none;critical",
            "none;header",
            "header;header",
            "header;Header",
            "critical",
            "critical;header",
            "user",
            "header;user",
            "header, session",
            "a b",
        ):
            self.assert_refused("Privacy", value)
        self.assert_refused("privacy", "header", "session")

    def test_preferred_identity(self) -> None:
        """One sip, sips or tel URI, or one of the first two and a tel (3325-9.2-a)."""
        name = "P-Preferred-Identity"
        for values in (
            ("sip:a@b",),
            ('"A, B" <sips:a@b>',),
            ("tel:+1",),
            ("<sip:a@b>, <tel:+1>",),
            ("<tel:+1>", "<sips:a@b>"),
        ):
            self.assert_taken(name, *values)
        for values in (
            ("",),
            ("a",),
            ("mailto:a@b",),
            ("<sip:a@b>, <mailto:a@b>",),
            ("<sip:a@b>, <sips:a@b>",),
            ("<tel:+1>", "<tel:+2>"),
            ("<sip:a@b>, <tel:+1>, <sip:c@d>",),
            ("<sip:a@b",),
        ):
            self.assert_refused(name, *values)
        rows = [(name, "sip:a@b")]
        self.assertRaises(LocalProtocolError, checked_headers, rows)

    def test_a_number_asks_for_nothing(self) -> None:
        """Only SIP URIs have headers."""
        self.assertEqual(requested_fields(parse_uri("tel:+1;method=BYE")), [])
