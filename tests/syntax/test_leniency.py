"""An example of everything that docs/leniency.rst says is accepted or refused."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.framing import StreamFramer
from sipuac.syntax.message import Message
from sipuac.syntax.parser import check_received, parse_message
from sipuac.syntax.uri import SipUri, parse_uri

START = "OPTIONS sip:b SIP/2.0"
STATUS = "SIP/2.0 200 OK"
ROWS = {
    "Via": "SIP/2.0/UDP a;branch=z9hG4bKx",
    "From": "<sip:a>;tag=1",
    "To": "<sip:b>",
    "Call-ID": "x",
    "CSeq": "1 OPTIONS",
    "Max-Forwards": "70",
}


def octets_of(start: str, more: str = "", **changed: str | None) -> bytes:
    """A message of these rows; with None for a row it is left out."""
    names = {name.replace("-", "_"): name for name in ROWS}
    rows = dict(ROWS)
    for key, value in changed.items():
        if value is None:
            del rows[names[key]]
        else:
            rows[names[key]] = value
    lines = [start, *(f"{name}: {value}" for name, value in rows.items())]
    text = "\r\n".join(lines) + "\r\n" + more + "\r\n"
    return text.encode("utf-8", "surrogateescape")


def read(start: str, more: str = "", **changed: str | None) -> Message:
    """That message, read and checked."""
    message = parse_message(octets_of(start, more, **changed))
    check_received(message)
    return message


class AcceptedTests(SynchronousTestCase):
    """What is wrong and does no harm has its one meaning."""

    def test_start_lines(self) -> None:
        """Versions in any case, missing phrases, empty lines, superfluous parts."""
        read("OPTIONS sip:b sip/2.0", Via="sIp/2.0/udp a")
        read("SIP/2.0 200")
        read("sip/2.0 200 =?\x07")
        parse_message(b"\r\n\r\n" + octets_of(START))
        message = read("OPTIONS sip:b;method=BYE?Route=x SIP/2.0")
        self.assertIsNone(message.get("Route"))

    def test_old_clients(self) -> None:
        """What RFC 2543 did not have may be absent."""
        message = read(START, Max_Forwards=None, Via="SIP/2.0/UDP a", From="sip:a")
        self.assertEqual((message.branch, message.from_tag), (None, None))
        read(START, Via="SIP/2.0/UDP a;branch=z9hG4bK")

    def test_addresses(self) -> None:
        """Odd names, tags and parameters."""
        for value, name in (
            ("J. (Joe) O'Neil @ work<sip:a>", "J. (Joe) O'Neil @ work"),
            ("Åse:[1]<sip:a>", "Åse:[1]"),
        ):
            self.assertEqual(read(START, From=value).from_.display_name, name)
        message = read(START, From="<sip:a>;tag=a=@/[b];x;TAG=c", To="<sip:b>;x;x=y")
        self.assertEqual(message.from_tag, "a=@/[b]")

    def test_via(self) -> None:
        """Brackets where the grammar has none."""
        via = "SIP/2.0/UDP a;received=[::1];maddr=[::2];branch=a=b@c/d"
        message = read(START, Via=via)
        self.assertEqual(message.top_via.received, "::1")
        self.assertEqual(message.top_via.maddr, "::2")
        self.assertEqual(message.branch, "a=b@c/d")

    def test_lists_of_tokens(self) -> None:
        """Empty elements name nothing."""
        self.assertEqual(read(START, "Allow: ,A,,B,\r\n").allow, ["A", "B"])

    def test_controls_and_octets(self) -> None:
        """They are part of the value."""
        message = read(START, "Subject: a\x1b\x7f\udcff\tb\r\n")
        self.assertEqual(message.get("Subject"), "a\x1b\x7f\udcff\tb")

    def test_numbers(self) -> None:
        """Seconds too many, and expiries and preferences that are none."""
        more = "Expires: 99999999999\r\nContact: <sip:a>;expires=x;q=2\r\n"
        message = read(START, more)
        self.assertEqual(message.expires, 2**32 - 1)
        self.assertEqual(message.contacts[0].expires, 3600)
        self.assertIsNone(message.contacts[0].q)

    def test_fields_that_inform(self) -> None:
        """They may hold anything."""
        for name in ("Date", "Warning", "Reason", "Accept", "Server", "Timestamp"):
            read(START, f"{name}: <;,\r\n")

    def test_responses(self) -> None:
        """They are refused for little."""
        for more in (
            "Contact: <\r\n",
            "Record-Route: <\r\n",
            "Expires: 1\r\nExpires: 1\r\n",
            "c: a/b\r\nc: a/b\r\n",
            "Max-Forwards: 1\r\n",
            "RSeq: 1\r\nRSeq: 1\r\n",
        ):
            read(STATUS, more)

    def test_uris(self) -> None:
        """Characters and forms that the grammar does not have."""
        for text in (
            "sip:*21#@a_b.example.",
            "sip:a;ftag=YQ==",
            "sip:a;%6Cr",
            "tel:7042",
        ):
            self.assertEqual(str(parse_uri(text)), text)
        uri = parse_uri("sip:[2001:db8:::192.0.2.1]")
        self.assertEqual(str(uri), "sip:[2001:db8::192.0.2.1]")
        escaped = parse_uri("sip:a;%6Cr")
        assert isinstance(escaped, SipUri)
        self.assertTrue(escaped.is_loose_router)

    def test_bodies(self) -> None:
        """Octets too many, and no Content-Length."""
        self.assertEqual(parse_message(octets_of(START) + b"abc").body, b"abc")
        octets = octets_of(START, "l: 1\r\n") + b"abc"
        self.assertEqual(parse_message(octets).body, b"a")


class RefusedTests(SynchronousTestCase):
    """What could be read in two ways, or in none, is refused."""

    def assert_refused(
        self, make: Callable[..., bytes], *arguments: str, **rows: str | None
    ) -> None:
        """It is refused as a datagram, and on a stream as well."""
        octets = make(*arguments, **rows)

        def read_datagram() -> None:
            check_received(parse_message(octets))

        def read_stream() -> None:
            for frame in StreamFramer().feed(octets):
                if isinstance(frame, Message):
                    check_received(frame)

        label = octets.decode("utf-8", "replace")
        for way in (read_datagram, read_stream):
            with self.assertRaises(ParseError, msg=label):
                way()

    def test_framing(self) -> None:
        """Content-Length says one thing, once."""
        for more in (
            "l: 0\r\nContent-Length: 0\r\n",
            "l: 0\r\nl: 1\r\n",
            "l: 0\x0c\r\n",
            "l: -0\r\n",
            "l: 0,0\r\n",
            "l: 0x0\r\n",
            "l: \r\n",
            "l: ٣\r\n",
        ):
            self.assert_refused(octets_of, START, more)
        with self.assertRaises(ParseError):
            StreamFramer().feed(octets_of(START))

    def test_line_ends(self) -> None:
        """CR, LF and NUL stand nowhere alone, nor do rows begin with nothing."""
        for more in ("a\rb", "a\nb", "a\0b", '"\\\\\0"', "a\r\nb"):
            self.assert_refused(octets_of, START, f"l: 0\r\nSubject: {more}\r\n")
        self.assert_refused(octets_of, f"{START}\r\n folded", "l: 0\r\n")

    def test_single_fields(self) -> None:
        """What decides where a message belongs stands there once."""
        for start in (START, STATUS):
            for name in ("Call-ID", "CSeq", "From", "To"):
                more = f"l: 0\r\n{name}: {ROWS[name]}\r\n"
                self.assert_refused(octets_of, start, more)
        for row in ("Max-Forwards: 70", "Expires: 1\r\nExpires: 1"):
            self.assert_refused(octets_of, START, f"l: 0\r\n{row}\r\n")

    def test_request_lines(self) -> None:
        """One space between each two of three words."""
        for start in (
            "OPTIONS  sip:b SIP/2.0",
            "OPTIONS sip:b SIP/2.0 ",
            "OPTIONS sip:b ;x SIP/2.0",
            " OPTIONS sip:b SIP/2.0",
            "OPTIONS <sip:b> SIP/2.0",
            "OPTIONS sip:b SIP/3.0",
            "OPTIONS sip:b",
            "BYE sip:b SIP/2.0",
        ):
            self.assert_refused(octets_of, start, "l: 0\r\n")

    def test_addresses(self) -> None:
        """Nothing is guessed."""
        for value in (
            "A, B <sip:a>;tag=1",
            '"A <sip:a>;tag=1',
            "<sip:a;tag=1",
            "< sip:a >;tag=1",
            "sip:a?b=c;tag=1",
            "<sip:a>;;tag=1",
            "<sip:@a>;tag=1",
            "<sip:2001:db8::1>;tag=1",
            "<sip:1.2.3.256>;tag=1",
            "<sip:a:65536>;tag=1",
        ):
            self.assert_refused(octets_of, START, "l: 0\r\n", From=value)
        for more in ("Contact: ,<sip:a>", "v: ,SIP/2.0/UDP a", "Route: <sip:a>,"):
            self.assert_refused(octets_of, START, f"l: 0\r\n{more}\r\n")

    def test_numbers(self) -> None:
        """Out of range they decide nothing."""
        refused: tuple[dict[str, str | None], ...] = (
            {"CSeq": "4294967296 OPTIONS"},
            {"Max_Forwards": "256"},
            {"Via": "SIP/2.0/UDP a:0"},
        )
        for rows in refused:
            self.assert_refused(octets_of, START, "l: 0\r\n", **rows)
        self.assert_refused(octets_of, "SIP/2.0 183 x", "l: 0\r\nRSeq: 0\r\n")
