"""Tests of header fields within a message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.fields import CSeq, RetryAfter
from sipuac.syntax.headers import Headers
from tests.syntax.generators import Generator


class RowTests(SynchronousTestCase):
    """Fields by name."""

    def setUp(self) -> None:
        """Make fields in several spellings and rows."""
        self.headers = Headers(
            [
                ("v", "SIP/2.0/UDP a"),
                ("X-Foo", "one"),
                ("m", "<sip:a>, <sip:b>"),
                ("x-foo", "two"),
                ("CONTACT", "<sip:c>"),
                ("WWW-Authenticate", 'Digest realm="a", nonce="b"'),
                ("www-authenticate", 'Digest realm="c", nonce="d"'),
            ]
        )

    def test_first_row_by_any_spelling(self) -> None:
        """Long, compact and unknown names are found in any spelling (3261-7.3.3-a)."""
        for name in ("Contact", "contact", "m", "M"):
            self.assertEqual(self.headers.get(name), "<sip:a>, <sip:b>")
        for name in ("X-Foo", "x-foo", "X-FOO"):
            self.assertEqual(self.headers.get(name), "one")
        self.assertIsNone(self.headers.get("To"))
        self.assertIsNone(self.headers.get("X-Bar"))

    def test_all_rows(self) -> None:
        """All rows of a field are found, in order and as they came."""
        self.assertEqual(self.headers.get_all("m"), ["<sip:a>, <sip:b>", "<sip:c>"])
        self.assertEqual(self.headers.get_all("x-FOO"), ["one", "two"])
        self.assertEqual(self.headers.get_all("To"), [])

    def test_items(self) -> None:
        """Known names are canonical, unknown ones are as they were written."""
        names = [name for name, _ in self.headers.header_items()]
        self.assertEqual(names[:5], ["Via", "X-Foo", "Contact", "x-foo", "Contact"])

    def test_rows_and_lists_are_the_same(self) -> None:
        """Rows and comma-separated rows make one list, in order (3261-7.3.1-b)."""
        found = [str(contact.uri) for contact in self.headers.contacts]
        self.assertEqual(found, ["sip:a", "sip:b", "sip:c"])

    def test_challenges_are_not_split(self) -> None:
        """Rows of WWW-Authenticate are neither split nor joined (3261-7.3.1-c)."""
        self.assertEqual(
            self.headers.get_all("WWW-Authenticate"),
            ['Digest realm="a", nonce="b"', 'Digest realm="c", nonce="d"'],
        )


class TokenListTests(SynchronousTestCase):
    """Lists of tokens."""

    def test_tokens(self) -> None:
        """Tokens of all rows are found as written, empty ones passed over."""
        headers = Headers([("k", "100rel, Timer"), ("Supported", ""), ("k", ",199")])
        self.assertEqual(headers.supported, ["100rel", "Timer", "199"])
        self.assertEqual(headers.tokens("require"), [])
        self.assertEqual(headers.require, [])
        self.assertEqual(headers.unsupported, [])
        self.assertEqual(headers.allow, [])

    def test_any_case(self) -> None:
        """Option tags are tokens, compared without regard to case (3261-7.3.1-d)."""
        headers = Headers([("Require", "100REL")])
        self.assertTrue(headers.has_token("require", "100rel"))
        self.assertFalse(headers.has_token("Require", "100re"))


class TypedTests(SynchronousTestCase):
    """Typed properties."""

    def test_mandatory_fields(self) -> None:
        """A mandatory field that is absent is an error where it is asked for."""
        for name in (
            "call_id",
            "cseq",
            "branch",
            "top_via",
            "from_",
            "to",
            "from_tag",
            "to_tag",
        ):
            self.assertRaises(ParseError, getattr, Headers([]), name)

    def test_optional_fields(self) -> None:
        """An optional field that is absent is None, or no values."""
        headers = Headers([])
        for name in (
            "content_type",
            "max_forwards",
            "max_breadth",
            "expires",
            "rseq",
            "retry_after",
        ):
            self.assertIsNone(getattr(headers, name))
        for name in (
            "vias",
            "contacts",
            "routes",
            "record_routes",
            "reasons",
            "warnings",
        ):
            self.assertEqual(getattr(headers, name), [])

    def test_values(self) -> None:
        """Each field is read by its own grammar."""
        headers = Headers(
            [
                ("CSeq", "1 INVITE"),
                ("Max-Forwards", "70"),
                ("Max-Breadth", "60"),
                ("Expires", "120"),
                ("RSeq", "7"),
                ("Retry-After", "5"),
                ("c", "application/sdp"),
                ("Route", "<sip:a;lr>"),
            ]
        )
        self.assertEqual(headers.cseq, CSeq(1, "INVITE"))
        self.assertEqual(headers.max_forwards, 70)
        self.assertEqual(headers.max_breadth, 60)
        self.assertEqual(headers.expires, 120)
        self.assertEqual(headers.rseq, 7)
        self.assertEqual(headers.retry_after, RetryAfter(5))
        self.assertEqual(str(headers.content_type), "application/sdp")
        self.assertEqual([str(route) for route in headers.routes], ["<sip:a;lr>"])

    def test_malformed(self) -> None:
        """A malformed field is an error where it is asked for, each time."""
        headers = Headers([("CSeq", "x"), ("Via", "x"), ("Contact", "<a")])
        for name in ("cseq", "top_via", "vias", "branch", "contacts") * 2:
            self.assertRaises(ParseError, getattr, headers, name)

    def test_values_are_read_once(self) -> None:
        """What was read is kept."""
        headers = Headers([("Via", "SIP/2.0/UDP a"), ("From", "<sip:a>")])
        for name in ("top_via", "vias", "from_", "contacts"):
            self.assertIs(getattr(headers, name), getattr(headers, name))

    def test_wildcard_contact(self) -> None:
        """Contact may be "*" alone (section 10.2.2), which is no address."""
        headers = Headers([("Contact", "*")])
        self.assertTrue(headers.has_wildcard_contact)
        self.assertEqual(headers.contacts, [])
        mixed = Headers([("Contact", "*, <sip:a>")])
        self.assertFalse(mixed.has_wildcard_contact)
        self.assertRaises(ParseError, getattr, mixed, "contacts")

    def test_informing_fields_refuse_nothing(self) -> None:
        """Reason and Warning only inform: what is malformed is passed over.

        RFC 3261 section 8.2.2: malformed fields that are not necessary are ignored.
        """
        headers = Headers(
            [
                ("Reason", "SIP;cause=200, Q.850;cause=x"),
                ("Reason", 'SIP;text="never closed, SIP'),
                ("Warning", '1812 overture "In Progress", 399 a "b"'),
            ]
        )
        self.assertEqual([reason.cause for reason in headers.reasons], [200])
        self.assertEqual([warning.code for warning in headers.warnings], [399])


class FastPathTests(SynchronousTestCase):
    """Branch and tags are found without reading the whole field, and no differently."""

    def test_agreement(self) -> None:
        """The fast search finds what the full reading finds."""
        for seed in range(1000):
            generator = Generator(seed)
            rows = generator.rows("INVITE")
            headers = Headers(rows)
            label = f"seed {seed}"
            self.assertEqual(headers.branch, headers.top_via.branch, label)
            self.assertEqual(headers.from_tag, headers.from_.tag, label)
            self.assertEqual(headers.to_tag, headers.to.tag, label)

    def test_branches(self) -> None:
        """Only a branch parameter of the first Via is the branch."""
        for text, expected in (
            ("SIP/2.0/UDP a;branch=b", "b"),
            ("SIP/2.0/UDP a;x;branch=b;y", "b"),
            ("SIP/2.0/UDP a ; Branch = b", "b"),
            ("SIP/2.0/UDP a;branch=z9hG4bK", "z9hG4bK"),
            ("SIP/2.0/UDP a, SIP/2.0/UDP c;branch=b", None),
            ("SIP/2.0/UDP a;branch=b,SIP/2.0/UDP c;branch=d", "b"),
            ('SIP/2.0/UDP a;x=";branch=c";branch=b', "b"),
            ('SIP/2.0/UDP a;x="\\";branch=c"', None),
            ("SIP/2.0/UDP a;branch=b ;x", "b"),
            ("SIP/2.0/UDP a;xbranch=b", None),
            ("SIP/2.0/UDP a;branch=b;branch=c", "b"),
            ("SIP/2.0/UDP a;BRANCH=b;branch=c", "b"),
            ("SIP/2.0/UDP a; bRanch=b;branch=c", "b"),
            ("SIP/2.0/UDP a;bx;branch=c", "c"),
            ("SIP/2.0/UDP a;received=192.0.2.1;branch=b", "b"),
        ):
            self.assertEqual(Headers([("Via", text)]).branch, expected, text)

    def test_tags(self) -> None:
        """Only a tag parameter of the field is the tag, not one of the URI."""
        for text, expected in (
            ("<sip:a@b>;tag=c", "c"),
            ("<sip:a@b>", None),
            ("sip:a@b", None),
            ("sip:a@b;tag=c", "c"),
            ("sip:a@b;x=y", None),
            ("<sip:a@b;tag=c>", None),
            ("<sip:a@b;tag=c>;tag=d", "d"),
            ('";tag=c" <sip:a@b>', None),
            ('"<x>;tag=c" <sip:a@b>;tag=d', "d"),
            ('<sip:a@b>;x="<y>;tag=c"', None),
            ('<sip:a@b>;x=">";tag=c', "c"),
            ('sip:a@b;x="<y>";tag=c', "c"),
            ("<sip:a@b> ; TAG = c", "c"),
            ("<sip:a@b>;xtag=c", None),
            ("<sip:a@b>;tag=c;x", "c"),
            ("<sip:a@b>;x;tag=c", "c"),
            ("<sip:a@b>;tag=c;tag=d", "c"),
            ("<sip:a@b>;TAG=c;tag=d", "c"),
            ("<sip:a@b>;x;tAg=c;y;tag=d", "c"),
        ):
            self.assertEqual(Headers([("To", text)]).to_tag, expected, text)
            self.assertEqual(Headers([("From", text)]).from_tag, expected, text)


class ErrorInfoTests(SynchronousTestCase):
    """Error-Info."""

    def test_what_can_be_read(self) -> None:
        """Its values that can be read, and the others are left out (20.18)."""
        headers = Headers(
            [
                ("Error-Info", "<sip:not-in-service@example.com>"),
                ("Error-Info", "<<<"),
                ("Error-Info", "<http://example.com/why>"),
            ]
        )
        found = [str(info.uri) for info in headers.error_infos]
        self.assertEqual(
            found, ["sip:not-in-service@example.com", "http://example.com/why"]
        )
