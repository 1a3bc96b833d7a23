"""What a URI may put into the request to it."""

from __future__ import annotations

from itertools import combinations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.uri_fields import check_dispositions, requested_fields
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.uri import parse_uri

_PAIRS = (
    ("proxy", "redirect"),
    ("cancel", "no-cancel"),
    ("fork", "no-fork"),
    ("recurse", "no-recurse"),
    ("parallel", "sequential"),
    ("queue", "no-queue"),
)


class RequestedTests(SynchronousTestCase):
    """The headers of a URI (RFC 3261 section 19.1.5)."""

    def test_honored(self) -> None:
        """What is a word for the callee or a preference for the way goes into the
        request, under its full name (3261-19.1.5-a).
        """
        for text, field in (
            ("Subject=hi", ("Subject", "hi")),
            ("s=hi", ("Subject", "hi")),
            ("priority=urgent", ("Priority", "urgent")),
            ("In-Reply-To=a%40b", ("In-Reply-To", "a@b")),
            ("a=*%3Baudio", ("Accept-Contact", "*;audio")),
            ("j=*%3Bvideo", ("Reject-Contact", "*;video")),
            ("d=no-fork", ("Request-Disposition", "no-fork")),
        ):
            fields = requested_fields(parse_uri(f"sip:bob@b.example?{text}"))
            self.assertEqual(fields, [field])

    def test_requirements(self) -> None:
        """A URI that requires an extension makes no request of ours; one that requires
        nothing does (3261-19.1.5-c).
        """
        for name in ("Require", "Proxy-Require"):
            uri = parse_uri(f"sip:bob@b.example?{name}=x")
            self.assertRaises(ParseError, requested_fields, uri)
            uri = parse_uri(f"sip:bob@b.example?{name}=%20")
            self.assertEqual(requested_fields(uri), [])

    def test_what_cannot_be_sent(self) -> None:
        """Headers that cannot stand in a message, or contradict each other, make no
        request (3261-19.1.5-c).
        """
        for text in ("Subject=a%0D%0Ab:%20c", "d=fork%2C%20no-fork", "d=%3C"):
            uri = parse_uri(f"sip:bob@b.example?{text}")
            self.assertRaises(ParseError, requested_fields, uri)

    def test_no_sip_uri(self) -> None:
        """A telephone number has no headers."""
        self.assertEqual(requested_fields(parse_uri("tel:+1")), [])


class DispositionTests(SynchronousTestCase):
    """Request-Disposition (RFC 3841 section 9.1)."""

    def test_opposites(self) -> None:
        """Directives that say the contrary of each other must not stand together, in
        one field or in several.
        """
        for one, other in _PAIRS:
            for rows in ([f"{one}, {other}"], [other.upper(), one]):
                fields = [("Request-Disposition", row) for row in rows]
                self.assertRaises(LocalProtocolError, check_dispositions, fields)

    def test_all_others(self) -> None:
        """Any two of different pairs may stand together."""
        directives = [each for pair in _PAIRS for each in pair]
        for one, other in combinations(directives, 2):
            if (one, other) not in _PAIRS:
                check_dispositions([("d", f"{one}, {other}")])

    def test_unreadable(self) -> None:
        """What is no directive is refused as ours."""
        fields = [("Request-Disposition", "<")]
        self.assertRaises(LocalProtocolError, check_dispositions, fields)
