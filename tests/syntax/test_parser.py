"""Tests of the reader of messages."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.parser import check_received, parse_message
from tests.syntax.generators import Generator

OPTIONS = (
    b"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
    b"From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 70\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
    b"From: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)


def read(head: bytes, body: bytes = b"") -> Message:
    """The message of this head, its last CRLF included, and body."""
    return parse_message(head + b"\r\n" + body)


class StartLineTests(SynchronousTestCase):
    """Start lines."""

    def test_request_line(self) -> None:
        """A Request-Line is a method, a URI and a version (section 7.1)."""
        message = read(b"x-!% urn:a sip/2.0\r\n")
        assert isinstance(message, Request)
        self.assertEqual((message.method, message.uri_text), ("x-!%", "urn:a"))

    def test_status_line(self) -> None:
        """A phrase may be empty, UTF-8, or anything else on the line (3261-7.2-a)."""
        for text, expected in (
            ("SIP/2.0 180 Ringing", "Ringing"),
            ("SIP/2.0 180 ", ""),
            ("SIP/2.0 180", ""),
            ("sip/2.0 180 ☎  = 2**3 SIP/2.0", "☎  = 2**3 SIP/2.0"),
        ):
            message = read(f"{text}\r\n".encode())
            assert isinstance(message, Response)
            self.assertEqual((message.status, message.reason), (180, expected))

    def test_version(self) -> None:
        """The version is compared without case (3261-7.1-b); others get 505."""
        self.assertIsInstance(read(b"BYE sip:b sIp/2.0\r\n"), Request)
        for line, hint in (
            (b"BYE sip:b SIP/7.0", 505),
            (b"BYE sip:b SIP/2.1", 505),
            (b"BYE sip:b SIP/2.00", 505),
            (b"BYE sip:b SIP/x", 400),
            (b"BYE sip:b HTTP/1.1", 400),
            (b"BYE sip:b SIP/2.0 ", 400),
            ("BYE sip:b ſip/2.0".encode(), 400),
        ):
            error = self.assertRaises(ParseError, read, line + b"\r\n")
            self.assertEqual(error.status_hint, hint, line)

    def test_malformed(self) -> None:
        """What is neither a Request-Line nor a Status-Line is refused."""
        for line in (
            b"",
            b"BYE",
            b"BYE sip:b",
            b"BYE  SIP/2.0",
            b"BYE  sip:b SIP/2.0",
            b" BYE sip:b SIP/2.0",
            b"BYE sip:b; lr SIP/2.0",
            b"BYE\tsip:b SIP/2.0",
            b"B/E sip:b SIP/2.0",
            b"\xff sip:b SIP/2.0",
            b"SIP/2.0",
            b"SIP/2.0 ",
            b"SIP/2.0 99 x",
            b"SIP/2.0 099 x",
            b"SIP/2.0 700 x",
            b"SIP/2.0 2000 x",
            b"SIP/2.0 4294967301 x",
            b"SIP/2.0 2x0 x",
            "SIP/2.0 ١٠٠ x".encode(),
            b"SIP/2.0  200 OK",
            b"SIP/3.0 200 OK",
            b"Via: x",
        ):
            self.assertRaises(ParseError, read, line + b"\r\n")
            self.assertRaises(ParseError, read, line + b"\r\nVia: x\r\n")


class RowTests(SynchronousTestCase):
    """Header rows."""

    def test_folding(self) -> None:
        """Continuation lines are joined by one space (3261-7.3.1-a)."""
        message = read(
            b"BYE sip:b SIP/2.0\r\nSubject \t: \r\n I know \t\r\n\t  you're there, \r\n"
            b" \r\n pick up\r\nX: y \t\r\n z\r\nCall-ID:\r\n z\r\n"
        )
        self.assertEqual(message.get("Subject"), "I know you're there, pick up")
        self.assertEqual(message.get("x"), "y z")
        self.assertEqual(message.get("i"), "z")

    def test_white_space(self) -> None:
        """White space may surround the colon (3261-7.3.1-a), and is SP and HT only."""
        message = read(b"BYE sip:b SIP/2.0\r\nX\t : \ta\xc2\xa0 \r\nY:b:c\r\n")
        self.assertEqual(message.get("X"), "a\xa0")
        self.assertEqual(message.get("Y"), "b:c")

    def test_unknown_fields_are_opaque(self) -> None:
        """An unknown field may hold whatever it likes (3261-25.1-b)."""
        message = read(OPTIONS + b'X-Odd: ;;,,;"<,\r\nX-Other: \x01\xff\r\n')
        check_received(message)
        self.assertEqual(message.get("X-Odd"), ';;,,;"<,')

    def test_unknown_parameters(self) -> None:
        """Extension parameters that nobody understands are ignored (3261-20-b)."""
        data = OPTIONS.replace(b"tag=1", b'x=y;tag=1;z="<>,;";w')
        data = (
            data.replace(b"branch", b"+ext;x=1;branch") + b"Contact: <sip:a>;odd=%\r\n"
        )
        message = read(data)
        check_received(message)
        self.assertEqual((message.branch, message.from_tag), ("z9hG4bK1", "1"))
        self.assertEqual(message.contacts[0].parameter("odd"), "%")

    def test_forms_may_be_mixed(self) -> None:
        """Long and compact forms may be mixed in one message (3261-7.3.3-a)."""
        message = read(
            b"BYE sip:b SIP/2.0\r\nv: SIP/2.0/UDP a\r\nVIA: SIP/2.0/UDP b\r\n"
        )
        self.assertEqual([via.host for via in message.vias], ["a", "b"])

    def test_malformed(self) -> None:
        """Rows without a colon or a name, and folding at the start, are refused."""
        for rows in (
            b"To\r\n",
            b": x\r\n",
            b" To: x\r\n",
            b"\tx\r\nTo: x\r\n",
            b"T o: x\r\n",
            b"T\xc3\xb6: x\r\n",
            b"To: x\r\ny\r\n",
            b"To\r\n : x\r\n",
            b"X: a\r\n b\r\nTo\r\n : x\r\n",
            b"X: a\r\n b\r\nT o: x\r\n",
        ):
            self.assertRaises(ParseError, read, b"BYE sip:b SIP/2.0\r\n" + rows)
            self.assertRaises(ParseError, read, b"SIP/2.0 200 OK\r\n" + rows)

    def test_control_characters(self) -> None:
        """CR, LF and NUL alone are refused everywhere in the head."""
        for octet in (b"\r", b"\n", b"\0"):
            for row in (b"X: a%bb", b"X: %b", b"X%b: a", b"%bX: a", b"X: a\r\n %bb"):
                data = OPTIONS + row.replace(b"%b", octet) + b"\r\n"
                self.assertRaises(ParseError, read, data)
            self.assertRaises(ParseError, read, b"BYE sip:" + octet + b" SIP/2.0\r\n")

    def test_quoted_nul(self) -> None:
        """NUL may stand in a quoted pair, nowhere else."""
        message = read(b'BYE sip:b SIP/2.0\r\nTo: "a\\\0" <sip:b>\r\n')
        self.assertEqual(message.to.display_name, "a\0")
        for pairs in (b"\\\\\0", b"\0", b"\\\0\0", b"\\a\0", b"\\\\\\\\\0"):
            data = b'BYE sip:b SIP/2.0\r\nTo: "a' + pairs + b'" <sip:b>\r\n'
            self.assertRaises(ParseError, read, data)


class FramingTests(SynchronousTestCase):
    """Where a message in a datagram begins and ends (section 18.3)."""

    def test_excess_is_dropped(self) -> None:
        """Octets beyond Content-Length are dropped (3261-18.3-a)."""
        message = read(OPTIONS + b"Content-Length: 2\r\n", b"abcd")
        self.assertEqual(message.body, b"ab")

    def test_without_content_length(self) -> None:
        """Without Content-Length the body goes to the end (3261-18.3-a)."""
        self.assertEqual(read(OPTIONS, b"ab\r\n\r\ncd").body, b"ab\r\n\r\ncd")
        self.assertEqual(read(OPTIONS).body, b"")

    def test_short_body(self) -> None:
        """A body shorter than Content-Length is an error, 400 (3261-18.3-b)."""
        for head in (OPTIONS, OK):
            error = self.assertRaises(ParseError, read, head + b"l: 5\r\n", b"abcd")
            self.assertEqual(error.status_hint, 400)

    def test_leading_line_ends(self) -> None:
        """Line ends before the start line are ignored (section 7.5)."""
        self.assertEqual(
            parse_message(b"\r\n\r\n\r\n" + OPTIONS + b"\r\n"), read(OPTIONS)
        )

    def test_bad_content_length(self) -> None:
        """A Content-Length that is no number, or two that differ, are errors."""
        for rows in (
            b"l: -1\r\n",
            b"l:\r\n",
            b"l: x\r\n",
            b"l: +0\r\n",
            b"l: 0,0\r\n",
            b"l: 4294967296\r\n",
            b"l: " + b"9" * 10_000 + b"\r\n",
            b"l: 0\r\nContent-Length: 1\r\n",
            b"l: 0\r\nl: x\r\n",
        ):
            self.assertRaises(ParseError, read, OPTIONS + rows, b"a")

    def test_equal_content_lengths(self) -> None:
        """Two Content-Lengths are refused even where they say the same."""
        for row in (b"l: 1\r\n", b"L: 01\r\n", b"content-length : 1\r\n"):
            self.assertEqual(read(OPTIONS + row, b"ab").body, b"a")
            self.assertRaises(ParseError, read, OPTIONS + b"l: 1\r\n" + row, b"ab")

    def test_what_is_no_white_space(self) -> None:
        """Only space and tab surround a value; other controls are part of it."""
        for control in "\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2028":
            octets = control.encode()
            row = b"X: \t " + octets + b"y" + octets + b" \t\r\n"
            value = read(OPTIONS + row).get("X")
            self.assertEqual(value, f"{control}y{control}")
            row = b"l: 1" + octets + b"\r\n"
            self.assertRaises(ParseError, read, OPTIONS + row, b"a")

    def test_no_empty_line(self) -> None:
        """A head must end with an empty line (3261-7-a)."""
        for data in (b"", b"\r\n", b"\r\n\r\n", OPTIONS, OPTIONS + b"\n", b"\0\0\0\0"):
            self.assertRaises(ParseError, parse_message, data)

    def test_limits(self) -> None:
        """More than the limits allow is refused as too large, 513."""
        limits = Limits(max_head=len(OPTIONS), max_body=3, max_header_lines=6)
        parse_message(OPTIONS + b"\r\nabc", limits=limits)
        for data in (OPTIONS + b"X: y\r\n\r\n", OPTIONS + b"\r\nabcd"):
            error = self.assertRaises(ParseError, parse_message, data, limits=limits)
            self.assertEqual(error.status_hint, 513)
        rows = Limits(max_header_lines=5)
        error = self.assertRaises(
            ParseError, parse_message, OPTIONS + b"\r\n", limits=rows
        )
        self.assertEqual(error.status_hint, 513)


class CheckTests(SynchronousTestCase):
    """What every received message must have."""

    def assert_refused(self, head: bytes, hint: int = 400) -> None:
        """The parts can be told apart, but the message is refused."""
        message = read(head)
        error = self.assertRaises(ParseError, check_received, message)
        self.assertEqual(error.status_hint, hint)

    def test_good(self) -> None:
        """Messages with all that is mandatory are accepted."""
        for seed in range(300):
            message = Generator(seed).message()
            try:
                check_received(parse_message(message.render()))
            except ParseError as error:
                self.fail(f"seed {seed}: {error}")

    def test_missing(self) -> None:
        """Via, From, To, Call-ID and CSeq must be there; Max-Forwards may be absent."""
        for head in (OPTIONS, OK):
            rows = head.split(b"\r\n")
            for index in range(1, 6):
                self.assert_refused(b"\r\n".join(rows[:index] + rows[index + 1 :]))
        check_received(read(OPTIONS.replace(b"Max-Forwards: 70\r\n", b"")))

    def test_twice(self) -> None:
        """A field that has one value stands there once, even if equal."""
        for row in (
            b"Call-ID: x",
            b"i: x",
            b"CSeq: 1 OPTIONS",
            b"f: <sip:a>;tag=1",
            b"t: <sip:b>",
            b"Max-Forwards: 70",
            b"Expires: 1\r\nExpires: 1",
            b"c: a/b\r\nc: a/b",
            b"RAck: 1 1 INVITE\r\nRAck: 1 1 INVITE",
        ):
            self.assert_refused(OPTIONS + row + b"\r\n")
        reliable = OK.replace(b"200 OK", b"183 x")
        check_received(read(reliable + b"RSeq: 1\r\n"))
        self.assert_refused(reliable + b"RSeq: 1\r\nRSeq: 1\r\n")
        for row in (b"i: x", b"CSeq: 1 OPTIONS", b"f: <sip:a>;tag=1", b"t: <sip:b>"):
            self.assert_refused(OK + row + b"\r\n")

    def test_malformed(self) -> None:
        """Fields that the layers above act upon must be well-formed."""
        for old, new in (
            (b"sip:b SIP", b"sip:a@ SIP"),
            (b"sip:b SIP", b"<sip:b> SIP"),
            (b"SIP/2.0/UDP a", b"SIP/2.0/UDP a:x"),
            (b"<sip:a>;tag=1", b"<sip:a>;tag="),
            (b"To: <sip:b>", b"To: <sip:b"),
            (b"Call-ID: x", b"Call-ID: "),
            (b"1 OPTIONS", b"4294967296 OPTIONS"),
            (b"1 OPTIONS", b"OPTIONS"),
            (b"Max-Forwards: 70", b"Max-Forwards: 256"),
            (b"Max-Forwards: 70", b"Contact: sip:a?b=c"),
            (b"Max-Forwards: 70", b"Contact: <sip:a>;;"),
            (b"Max-Forwards: 70", b"Via: SIP/2.0/UDP b;"),
            (b"Max-Forwards: 70", b"Route: <sip:a>,"),
            (b"Max-Forwards: 70", b"Record-Route: sip:a@"),
            (b"Max-Forwards: 70", b"c: text\r\n\r\nbody"),
        ):
            self.assertIn(old, OPTIONS)
            self.assert_refused(OPTIONS.replace(old, new))

    def test_method_mismatch(self) -> None:
        """CSeq has the method of the request; else 400, 501 for an unknown method."""
        self.assert_refused(OPTIONS.replace(b"1 OPTIONS", b"1 INVITE"))
        self.assert_refused(OPTIONS.replace(b"1 OPTIONS", b"1 options"))
        self.assert_refused(OPTIONS.replace(b"OPTIONS sip", b"NEWMETHOD sip"), 501)
        check_received(read(OPTIONS.replace(b"OPTIONS", b"NEWMETHOD")))

    def test_responses(self) -> None:
        """A response is refused for what it cannot be handled without."""
        check_received(read(OK))
        for old, new in (
            (b"SIP/2.0/UDP a", b"SIP/2.0/UDP"),
            (b"1 OPTIONS", b"9292394834772304023312 OPTIONS"),
            (b"To: <sip:b>", b"To: <sip:b"),
        ):
            self.assertIn(old, OK)
            self.assert_refused(OK.replace(old, new))
        reliable = OK.replace(b"200 OK", b"183 x") + b"RSeq: 0\r\n"
        self.assert_refused(reliable)

    def test_lenience_to_responses(self) -> None:
        """A dropped 2xx gets no ACK: it is refused for little (section 8.2.2)."""
        for rows in (
            b"Contact: x\r\n",
            b"Record-Route: x\r\n",
            b"Warning: 1812 x\r\n",
            b"Reason: ,\r\n",
            b"RSeq: 0\r\n",
            b"Expires: x\r\n",
            b"Date: now\r\n",
            b"RSeq: 1\r\nRSeq: 2\r\n",
            b"Expires: 1\r\nExpires: 2\r\n",
            b"c: a/b\r\nc: c/d\r\n",
        ):
            check_received(read(OK + rows))

    def test_fields_of_another_category(self) -> None:
        """A request's field in a response means nothing there (3261-7.3.2-a)."""
        check_received(read(OK + b"Max-Forwards: x\r\nRoute: <\r\n"))


class TotalityTests(SynchronousTestCase):
    """Whatever comes, the result is a message or ParseError."""

    def read_all(self, data: bytes, label: str) -> None:
        """Read everything that can be read of it."""
        try:
            message = parse_message(data)
            again = parse_message(message.render())
            self.assertEqual(again, message, label)
            check_received(message)
        except ParseError:
            return
        # What was checked can be read without fear.
        self.assertIsNotNone(message.call_id, label)
        self.assertIsNotNone(message.cseq, label)
        self.assertEqual(message.branch, message.top_via.branch, label)
        self.assertEqual(message.from_tag, message.from_.tag, label)
        self.assertEqual(message.to_tag, message.to.tag, label)
        self.assertIsNotNone(message.contacts, label)
        if not isinstance(message, Response):
            self.assertIsNotNone(message.record_routes, label)

    def test_mutations(self) -> None:
        """One octet changed, left out or put in raises nothing but ParseError."""
        for seed in range(1500):
            generator = Generator(seed)
            octets = bytearray(generator.message().render())
            position = generator.random.randrange(len(octets))
            special = generator.random.choice(
                b'\0\r\n\t "<>;,:=@%\\[]*\x7f\xc3\xff09aV'
            )
            kind = generator.number(0, 2)
            if kind == 0:
                octets[position] = special
            elif kind == 1:
                del octets[position]
            else:
                octets.insert(position, special)
            self.read_all(bytes(octets), f"seed {seed}")

    def test_noise(self) -> None:
        """Random octets raise nothing but ParseError."""
        for seed in range(500):
            source = random.Random(seed)
            data = source.randbytes(source.randrange(200))
            self.read_all(data, f"seed {seed}")
            self.read_all(OPTIONS + data + b"\r\n\r\n", f"seed {seed}")

    def test_linear_time(self) -> None:
        """However odd a large message is, it is read or refused at once
        (3261-26.3.2.4-a).

        In quadratic time each of these would take minutes.
        """
        limits = Limits(max_head=10**7, max_body=10**7, max_header_lines=10**7)
        for rows in (
            b"To: " + b'"' * 10**6,
            b"To: " + b'\\"' * 10**6,
            b'To: "' + b'\\"' * 10**6,
            b"To: " + b"<" * 10**6,
            b"To: " + b" " * 10**6 + b"x",
            b"To: a" + b" ;" * 10**6,
            b"To: a" + b";a=b " * 10**5 + b"=",
            b"Via: SIP/2.0/UDP a" + b" \t" * 10**6 + b"x",
            b"Via: " + b"SIP/2.0/UDP a, " * 10**4,
            b"Contact: " + b'"a" <sip:a>,' * 10**4,
            b"Contact: " + b"," * 10**6,
            b"Retry-After: 1 (" + b"\\" * 10**6,
            b"Retry-After: 1 " + b"(" * 10**6,
            b"Retry-After: 1 " + b"(" * 10**6 + b")" * 10**6,
            b'To: "' + b"\\" * 10**6 + b'\0" <sip:a>',
            b'To: "' + b"\\\\a" * 10**5 + b'\\\0" <sip:a>',
            b"Via: SIP/2.0/UDP a" + b";x" * 10**5 + b";branch=b",
            b"To: <sip:a>" + b";x" * 10**5 + b";tag=b",
            b"Warning: " + b'399 a "' * 10**5,
            b"Reason: " + b'SIP;text="a\\"' * 10**5,
            b"X:" + b"\r\n " * 10**5,
            b"X:" + b" \r\n\t" * 10**5 + b"y",
            b"X" * 10**6,
            b"x:\r\n" * 10**5,
            b"CSeq: " + b"1" * 10**6 + b" x",
            b"CSeq: 1" + b" " * 10**6,
        ):
            message: Message | None = None
            try:
                head = OPTIONS.split(b"\r\n", 1)[0] + b"\r\n" + rows
                message = parse_message(head + b"\r\n\r\n", limits=limits)
            except ParseError:
                continue
            for name in (
                "to",
                "to_tag",
                "vias",
                "branch",
                "contacts",
                "retry_after",
                "warnings",
                "reasons",
                "cseq",
            ):
                try:
                    getattr(message, name)
                except ParseError:
                    continue
