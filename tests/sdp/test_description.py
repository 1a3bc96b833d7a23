"""Tests of `sipuac.sdp.description`, `fields` and `grammar`."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.sdp.description import Limits, SessionDescription
from sipuac.sdp.fields import (
    Attribute,
    Connection,
    Direction,
    Encoding,
    Origin,
    Time,
    address_type,
)
from tests.sdp import generator

PLAIN = (
    b"v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
    b"s=Call to John Smith\r\ni=SDP Offer #1\r\n"
    b"u=http://www.jdoe.example.com/home.html\r\n"
    b"e=Jane Doe <jane@jdoe.example.com>\r\np=+1 617 555-6011\r\n"
    b"c=IN IP4 198.51.100.1\r\nt=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0\r\nm=audio 49180 RTP/AVP 0\r\n"
    b"m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\n"
    b"a=rtpmap:99 h263-1998/90000\r\n"
)

HEAD = "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"


def parse(text: str, *, is_strict: bool = False) -> SessionDescription:
    """A description of these lines, which end in a bare LF."""
    return SessionDescription.parse(text, is_strict=is_strict)


class ParsingTests(SynchronousTestCase):
    """What a description says."""

    def test_the_example_of_the_rfc(self) -> None:
        """The example of RFC 8866 section 5 has these typed values."""
        description = SessionDescription.parse(PLAIN, is_strict=True)
        self.assertEqual(
            description.origin,
            Origin("jdoe", 3724394400, 3724394405, "IN", "IP4", "198.51.100.1"),
        )
        self.assertEqual(description.name, "Call to John Smith")
        self.assertEqual(description.times, (Time(0, 0),))
        self.assertEqual(
            description.connection, Connection("IN", "IP4", "198.51.100.1")
        )
        self.assertEqual(
            [
                (m.media, m.port, m.protocol, m.formats, m.connection.address)
                for m in description.media
            ],
            [
                ("audio", 49170, "RTP/AVP", ("0",), "198.51.100.1"),
                ("audio", 49180, "RTP/AVP", ("0",), "198.51.100.1"),
                ("video", 51372, "RTP/AVP", ("99",), "2001:db8::2"),
            ],
        )
        self.assertEqual(
            description.media[2].encoding("99"), Encoding("h263-1998", 90000)
        )

    def test_a_bare_line_feed_ends_a_line(self) -> None:
        """Parsers SHOULD be tolerant and also accept lines terminated with a
        single newline character (8866-5-a).
        """
        for text in (HEAD, HEAD.replace("\n", "\r\n"), HEAD.replace("0\n", "0\r\n", 1)):
            description = parse(text)
            self.assertEqual(description.lines, tuple(HEAD.splitlines()))
            self.assertEqual(description.render(), text.encode())

    def test_lines_made_here_end_in_crlf(self) -> None:
        """A description made of lines ends each of them with CRLF (8866-5-a)."""
        made = SessionDescription.of_lines(HEAD.splitlines())
        self.assertEqual(made.render(), HEAD.replace("\n", "\r\n").encode())

    def test_a_line_end_inside_a_line(self) -> None:
        """No line can bring another one with it."""
        for line in ("a=x\r\na=y", "a=x\ny", "a=x\r"):
            with self.assertRaises(LocalProtocolError):
                SessionDescription.of_lines([*HEAD.splitlines(), line])

    def test_octets_that_are_no_text(self) -> None:
        """Octets that are not UTF-8 come out as they went in."""
        octets = HEAD.encode() + b"a=odd:\xff\xfe\x80\n"
        self.assertEqual(SessionDescription.parse(octets).render(), octets)

    def test_round_trip(self) -> None:
        """What is rendered is what was parsed, byte for byte."""
        for seed in range(300):
            random = Random(seed)
            lines = generator.lines(random)
            ends = [random.choice(["\r\n", "\n"]) for _ in lines]
            text = "".join(a + b for a, b in zip(lines, ends, strict=True))
            description = SessionDescription.parse(text.encode(), is_strict=True)
            self.assertEqual(description.render(), text.encode(), seed)
            self.assertEqual(description.lines, tuple(lines), seed)

    def test_equal_when_the_text_is(self) -> None:
        """Descriptions are compared as text."""
        self.assertEqual(parse(HEAD), SessionDescription.parse(HEAD.encode()))
        self.assertNotEqual(parse(HEAD), parse(HEAD + "a=x\n"))
        self.assertEqual(len({parse(HEAD), parse(HEAD)}), 1)

    def test_hashes(self) -> None:
        """Equal descriptions, and equal streams, are one key."""
        first, second = SessionDescription.parse(PLAIN), SessionDescription.parse(PLAIN)
        self.assertEqual(len({first, second}), 1)
        self.assertEqual(len({*first.media, *second.media}), 3)

    def test_no_streams(self) -> None:
        """An offer may contain zero media streams (RFC 3264 section 5)."""
        self.assertEqual(parse(HEAD).media, ())

    def test_direction(self) -> None:
        """A stream has its own direction, else the session's, else sendrecv."""
        stream = "m=audio 9 RTP/AVP 0\n"
        cases = [
            (HEAD + stream, Direction.SENDRECV),
            (HEAD + "a=recvonly\n" + stream, Direction.RECVONLY),
            (HEAD + "a=recvonly\n" + stream + "a=inactive\n", Direction.INACTIVE),
            (HEAD + stream + "a=sendonly\na=recvonly\n", Direction.SENDONLY),
            (HEAD + stream + "a=sendonly:1\n", Direction.SENDRECV),
        ]
        for text, direction in cases:
            self.assertIs(parse(text).media[0].direction, direction, text)

    def test_mirrored_directions(self) -> None:
        """What one side sends the other receives."""
        self.assertEqual(
            [direction.mirrored.value for direction in Direction],
            ["sendrecv", "recvonly", "sendonly", "inactive"],
        )

    def test_payload_types(self) -> None:
        """An rtpmap says what a payload type is, else RFC 3551 does."""
        stream = parse(
            HEAD + "m=audio 9 RTP/AVP 0 8 96 97 98\na=rtpmap:8 L16/8000/2\n"
            "a=rtpmap:96 opus/48000/2\na=rtpmap:97 LPC\na=fmtp:96 useinbandfec=1\n"
        ).media[0]
        self.assertEqual(
            [stream.encoding(payload_type) for payload_type in stream.formats],
            [
                Encoding("PCMU", 8000),
                Encoding("L16", 8000, 2),
                Encoding("opus", 48000, 2),
                None,
                None,
            ],
        )
        self.assertEqual(stream.parameters, {"96": "useinbandfec=1"})

    def test_formats_that_are_no_payload_types(self) -> None:
        """Only formats of an RTP profile are payload types."""
        stream = parse(HEAD + "m=application 9 udp 0\n").media[0]
        self.assertIsNone(stream.encoding("0"))

    def test_rtcp_port(self) -> None:
        """The RTCP port is that of a=rtcp, else RTP port plus one (8866-5.14-a)."""
        stream = "m=audio 4000 RTP/AVP 0\n"
        cases = [
            ("", 4001),
            ("a=rtcp:53020\n", 53020),
            ("a=rtcp:53020 IN IP6 2001:db8::1\n", 53020),
            ("a=rtcp:\n", 4001),
            ("a=rtcp:65536\n", 4001),
            ("a=rtcp:65535\n", 65535),
        ]
        for attribute, port in cases:
            self.assertEqual(parse(HEAD + stream + attribute).media[0].rtcp_port, port)

    def test_attributes_that_name_no_format(self) -> None:
        """Only rtpmap says what a payload type is; an unreadable one says nothing, nor
        does one of a=rtcp.
        """
        stream = parse(
            HEAD + "m=audio 4000 RTP/AVP 0 96\na=x:0 PCMA/8000\n"
            "a=rtpmap:96 a(b/8000\na=rtcp:x\na=rtcp:17\na=flag\n"
        ).media[0]
        self.assertEqual(stream.encoding("0"), Encoding("PCMU", 8000))
        self.assertIsNone(stream.encoding("96"))
        self.assertEqual(stream.rtcp_port, 17)
        self.assertEqual(stream.values("flag"), [""])
        self.assertEqual(stream.port_count, 1)

    def test_attributes_of_the_session(self) -> None:
        """They are found by their names, with "" for one without a value."""
        description = parse(HEAD + "a=flag\na=x:1\na=x:2\nm=a 9 b 0\na=y\n")
        self.assertEqual(description.values("flag"), [""])
        self.assertEqual(description.values("x"), ["1", "2"])
        self.assertEqual(description.values("y"), [])
        self.assertTrue(description.has("x"))
        self.assertFalse(description.has("y"))

    def test_unknown_things_are_ignored(self) -> None:
        """Unknown bandwidth types, unknown attributes and k= lines are ignored
        (8866-5.8-a).
        """
        description = parse(
            HEAD + "b=NEW-1:9\nk=prompt\na=strange\na=:\na=\n"
            "m=audio 9 RTP/AVP 0\nb=odd\nk=clear:x\na=more:of it\n"
        )
        self.assertEqual(
            description.attributes,
            (Attribute("strange"), Attribute("", ""), Attribute("")),
        )
        self.assertEqual(description.media[0].values("more"), ["of it"])

    def test_order_of_optional_lines(self) -> None:
        """Optional lines out of order are read all the same, but are not sent
        (8866-5-b).
        """
        text = HEAD.replace(
            "c=IN IP4 192.0.2.1\nt=0 0\n", "t=0 0\nc=IN IP4 192.0.2.1\n"
        )
        self.assertEqual(len(parse(text).lines), 5)
        with self.assertRaises(ParseError) as caught:
            parse(text, is_strict=True)
        self.assertIn("out of order: vostc", str(caught.exception))

    def test_what_deployed_peers_do(self) -> None:
        """An empty s=, spaces too many and empty lines at the end do no harm."""
        text = HEAD.replace("s=-", "s=") + "m=audio 9  RTP/AVP 0 8 \n\r\n\n"
        self.assertEqual(parse(text).media[0].formats, ("0", "8"))
        with self.assertRaises(ParseError):
            parse(text, is_strict=True)

    def test_attributes_of_ice_and_mux_are_kept(self) -> None:
        """Attributes that nobody here understands stay as and where they are."""
        attributes = (
            "a=rtcp-mux\na=ice-ufrag:x\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\n"
        )
        stream = parse(HEAD + "m=audio 9 RTP/AVP 0\n" + attributes).media[0]
        self.assertEqual(list(stream.lines[1:]), attributes.splitlines())
        self.assertTrue(stream.has("rtcp-mux"))
        self.assertFalse(stream.has("rtcp"))


class AddressTests(SynchronousTestCase):
    """The c= and o= lines."""

    def test_connections(self) -> None:
        """A c= line has an address, for multicast with TTL and count (5.7)."""
        cases = {
            "IN IP4 192.0.2.1": Connection("IN", "IP4", "192.0.2.1"),
            "IN IP4 233.252.0.1/127": Connection("IN", "IP4", "233.252.0.1", 127),
            "IN IP4 233.252.0.1/127/3": Connection("IN", "IP4", "233.252.0.1", 127, 3),
            "IN IP6 ff00::db8:0:101/3": Connection(
                "IN", "IP6", "ff00::db8:0:101", None, 3
            ),
            "IN IP6 ::ffff:192.0.2.2": Connection("IN", "IP6", "::ffff:192.0.2.2"),
            "IN IP4 a-host.example.com": Connection("IN", "IP4", "a-host.example.com"),
            "ATM NSAP 47.0091/x": Connection("ATM", "NSAP", "47.0091/x"),
        }
        for text, connection in cases.items():
            self.assertEqual(Connection.parse(text), connection)
            self.assertEqual(str(connection), text)

    def test_origins_of_other_networks(self) -> None:
        """What an address is, is known of the Internet only."""
        text = "- 1 2 ATM NSAP ??"
        self.assertEqual(str(Origin.parse(text)), text)

    def test_unusable_connections(self) -> None:
        """A c= line without a usable address is refused."""
        for text in (
            "",
            "IN IP4",
            "IN IP4 1.2.3.4 5",
            "IN IP4 444.555.666.777",
            "IN IP4 1.2.3",
            "IN IP6 fe80::1%eth0",
            "IN IP6 1:2:3",
            "IN IP4 192.0.2.1/127",
            "IN IP4 233.252.0.1",
            "IN IP4 233.252.0.1/256",
            "IN IP4 233.252.0.1/1/0",
            "IN IP4 233.252.0.1/1/2/3",
            "IN IP6 ff00::1/2/3",
            "IN IP4 host_" + "x" * 300,
            "IN IP4 a\N{ARABIC-INDIC DIGIT ONE}b",
        ):
            with self.assertRaises(ParseError, msg=text):
                Connection.parse(text)

    def test_the_address_of_nobody(self) -> None:
        """An agent MUST be capable of receiving SDP with a connection address of
        0.0.0.0 (3264-8.4-a).
        """
        unspecified = ["IN IP4 0.0.0.0", "IN IP6 ::"]
        for text in unspecified:
            self.assertTrue(Connection.parse(text).is_unspecified)
        for text in ("IN IP4 192.0.2.1", "IN IP4 host.example", "IN IP6 ::1"):
            self.assertFalse(Connection.parse(text).is_unspecified)

    def test_a_stream_without_connection(self) -> None:
        """A session description MUST contain either at least one c= line in each
        media description or a single c= line at the session level (8866-5.7-a).
        """
        bare = HEAD.replace("c=IN IP4 192.0.2.1\n", "")
        stream = "m=audio 9 RTP/AVP 0\n"
        own = stream + "c=IN IP4 192.0.2.2\n"
        self.assertEqual(len(parse(bare + own + own).media), 2)
        for text in (bare + stream, bare + own + stream):
            with self.assertRaises(ParseError) as caught:
                parse(text)
            self.assertIn("8866 5.7", str(caught.exception))


class BadInputTests(SynchronousTestCase):
    """Each has its error, and none takes long."""

    def refused(self, text: str | bytes, reason: str) -> None:
        """Check that this is refused with these words."""
        with self.assertRaises(ParseError) as caught:
            SessionDescription.parse(text)
        self.assertIn(reason, str(caught.exception))

    def test_unusable_descriptions(self) -> None:
        """What the offer/answer model cannot use is refused with the reason, an
        unknown type letter among it (8866-5-b).
        """
        stream = "m=audio 9 RTP/AVP 0\n"
        cases = [
            ("", "empty"),
            ("\r\n\n", "empty"),
            ("hello", "not an SDP line: 'hello'"),
            ("v=1\n", "v=0"),
            ("\ufeff" + HEAD, "not an SDP line"),
            (HEAD[4:], "does not start with v=0"),
            (HEAD.replace("s=-\n", ""), "without s="),
            (HEAD.replace("t=0 0\n", ""), "without t="),
            ("v=0\n", "without o="),
            (HEAD + "v=0\n", "more than one v="),
            (HEAD + "s=x\n", "more than one s="),
            (HEAD + "c=IN IP4 1.2.3.4\n", "more than one c="),
            (HEAD + "x=1\n", "'x'= in a session description"),
            (HEAD + "n=1\n", "'n'= in a session description"),
            (HEAD + "T=0 0\n", "'T'="),
            (HEAD + stream + "t=0 0\n", "'t'= in a media description"),
            (HEAD + stream + "i=a\ni=b\n", "more than one i="),
            (HEAD + "\na=x\n", "not an SDP line: ''"),
            (HEAD + "a =x\n", "not an SDP line"),
            (HEAD + "a=x\ry\n", "carriage return"),
            (HEAD + "a=\0\n", "NUL"),
            (HEAD.replace("t=0 0", "t=0"), "t= has 1"),
            (HEAD.replace("t=0 0", "t=now 0"), "start in t="),
            (HEAD.replace("o=- 1 2", "o=- 1"), "o= has 5"),
            (HEAD.replace("o=- 1 2", "o=- 1 -2"), "version in o="),
            (HEAD.replace("o=- 1 2", "o=- 0x1 2"), "session id in o="),
            (HEAD.replace("o=- 1 2", "o=- 1 " + "9" * 41), "version in o="),
            (HEAD.replace("o=- 1 2", "o=- \N{SUPERSCRIPT TWO} 2"), "session id"),
            (HEAD.replace("IP4 192.0.2.1\ns", "IP4 1.2.3\ns"), "not an IP4 address"),
            (HEAD + "m=audio\n", "m= has 1"),
            (HEAD + "m=audio 9 RTP/AVP\n", "m= has 3"),
            (HEAD + "m=audio 99999 RTP/AVP 0\n", "greater than 65535: 99999"),
            (HEAD + "m=audio 65536 RTP/AVP 0\n", "greater than 65535"),
            (HEAD + "m=audio -1 RTP/AVP 0\n", "port in m="),
            (HEAD + "m=audio 9/x RTP/AVP 0\n", "number of ports"),
            (HEAD + "m=audio 9 RTP//AVP 0\n", "not a token"),
            (HEAD + "m=audio 9 RTP/AVP (\n", "not a token"),
            ("\ud800", "no octets"),
        ]
        for text, reason in cases:
            self.refused(text, reason)

    def test_absurd_sizes(self) -> None:
        """Ten thousand streams or lines and a megabyte are refused unread."""
        self.refused(HEAD + "m=a 9 b 0\n" * 100, "100 streams")
        self.refused(HEAD + "m=a 9 b 0\n" * 10_000, "octets")
        self.refused(HEAD + "a=\n" * 10_000, "10005 lines")
        self.refused(HEAD + "a=" + "x" * 1_000_000, "SDP of 1000")
        self.refused(b"\n" * 1_000_000, "SDP of 1000000 octets")
        limits = Limits(max_size=200_000, max_lines=20_000, max_streams=10)
        with self.assertRaises(ParseError) as caught:
            SessionDescription.parse(HEAD + "m=a 9 b 0\n" * 10_000, limits=limits)
        self.assertEqual(str(caught.exception), "SDP with 10000 streams")
        self.assertEqual(caught.exception.status_hint, 488)

    def test_bounds(self) -> None:
        """A description of 65536 octets, 2000 lines and 64 streams is read; more is
        not, and is no fault of the syntax: 488.
        """
        fill = 65_536 - len(HEAD) - len("a=\n")
        for text, more in (
            (HEAD + "m=a 9 b 0\n" * 64, "m=a 9 b 0\n"),
            (HEAD + "a=x\n" * 1_995, "a=x\n"),
            (HEAD + "a=" + "x" * fill + "\n", "\n"),
        ):
            self.assertEqual(SessionDescription.parse(text).text, text)
            with self.assertRaises(ParseError) as caught:
                SessionDescription.parse(text + more)
            self.assertEqual(caught.exception.status_hint, 488)

    def test_more_room_for_ours(self) -> None:
        """What we make repeats what a peer sent beside what is ours: it has more room,
        and not without bounds.
        """
        lines = HEAD.splitlines()
        for most, line in ((128, "m=a 9 b 0"), (8_000 - 5, "a=x")):
            SessionDescription.of_lines([*lines, *[line] * most])
            with self.assertRaises(ParseError):
                SessionDescription.of_lines([*lines, *[line] * (most + 1)])
        head = len(HEAD) + len(lines) + len("a=\r\n")
        SessionDescription.of_lines([*lines, "a=" + "x" * (262_144 - head)])
        with self.assertRaises(ParseError):
            SessionDescription.of_lines([*lines, "a=" + "x" * (262_145 - head)])

    def test_no_connection(self) -> None:
        """A stream without c= is understood and cannot be used: 488."""
        text = HEAD.replace("c=IN IP4 192.0.2.1\n", "") + "m=a 9 b 0\n"
        with self.assertRaises(ParseError) as caught:
            SessionDescription.parse(text)
        self.assertEqual(caught.exception.status_hint, 488)

    def test_numbers(self) -> None:
        """A number may have forty digits, whatever for."""
        digits = "9" * 40
        parsed = parse(HEAD.replace("o=- 1 2", f"o=- {digits} 2"))
        self.assertEqual(parsed.origin.session_id, int(digits))

    def test_host_names(self) -> None:
        """A host name has at most 255 characters."""
        name = "h" * 255
        text = HEAD.replace("c=IN IP4 192.0.2.1", f"c=IN IP4 {name}")
        connection = parse(text).connection
        assert connection is not None
        self.assertEqual(connection.address, name)
        self.refused(text.replace(name, name + "h"), "not an IP4 address")
        self.assertEqual(address_type(name), "IP4")
        self.assertEqual(address_type("2001:db8::1"), "IP6")
        self.assertRaises(ParseError, address_type, "not an address")

    def test_addresses_of_other_networks(self) -> None:
        """Only addresses of the Internet are looked at, IPv6 ones too; those of other
        networks and kinds are kept as they are (5.2, 5.7).
        """
        for unknown in ("ATM IP4 47.0091", "IN E164 +1"):
            parsed = parse(HEAD.replace("IN IP4 192.0.2.1", unknown))
            self.assertEqual(str(parsed.connection), unknown)
            self.assertEqual(str(parsed.origin), f"- 1 2 {unknown}")
        for kind in ("IP4", "IP6"):
            for line in ("o=- 1 2 IN", "c=IN"):
                text = HEAD.replace(f"{line} IP4 192.0.2.1", f"{line} {kind} 1:2")
                self.refused(text, f"not an {kind} address")

    def test_every_truncation(self) -> None:
        """However a description is cut, it is a description or a ParseError."""
        for end in range(len(PLAIN)):
            try:
                description = SessionDescription.parse(PLAIN[:end])
            except ParseError:
                continue
            self.assertEqual(description.render(), PLAIN[:end])

    def test_every_changed_octet(self) -> None:
        """Whatever octet is changed, it is a description or a ParseError."""
        random = Random(1)
        for position in range(len(PLAIN)):
            for octet in (0, 10, 13, 32, 61, 255, random.randrange(256)):
                changed = PLAIN[:position] + bytes([octet]) + PLAIN[position + 1 :]
                try:
                    description = SessionDescription.parse(changed)
                except ParseError:
                    continue
                self.assertEqual(description.render(), changed)

    def test_noise(self) -> None:
        """Lines put together at random are a description or a ParseError."""
        accepted = 0
        for seed in range(400):
            random = Random(seed)
            pool = [*generator.lines(random), "m=audio x", "c=IN IP4", "k=", "z=0"]
            kept = HEAD.splitlines() if seed % 2 else ["v=0"]
            chosen = [*kept, *random.choices(pool, k=random.randrange(12))]
            try:
                description = parse("\n".join(chosen))
            except ParseError:
                continue
            accepted += 1
            self.assertEqual(description.lines, tuple(chosen))
        self.assertTrue(10 < accepted < 390, accepted)


class StrictTests(SynchronousTestCase):
    """What we are to send is what section 9 of RFC 8866 allows."""

    def test_what_is_not_sent(self) -> None:
        """Each line that the grammar does not have is refused, although it is read."""
        stream = "m=audio 9 RTP/AVP 0\n"
        many = HEAD.replace("t=0 0\n", "t=0 0\nr=7d 1h 0\nz=3730928400 -1h\nt=0 0\n")
        self.assertEqual(len(parse(many, is_strict=True).times), 2)
        for text in (
            HEAD + "k=prompt\n",
            HEAD + stream + "k=prompt\n",
            HEAD.replace("s=-", "s="),
            HEAD.replace("o=-", "o=- "),
            HEAD.replace("o=- 1 2", f"o=- 1 {2**63}"),
            HEAD.replace("t=0 0", "t=0 17"),
            HEAD.replace("t=0 0\n", "t=0 0\nr=7d\n"),
            HEAD.replace("t=0 0\n", "t=0 0\nz=3730928400 1h\n"),
            HEAD.replace("t=0 0\n", "b=AS:x\nt=0 0\n"),
            HEAD + "a=\n",
            HEAD + "a=x y\n",
            HEAD + "a=x:\n",
            HEAD + "a=sendonly\na=inactive\n",
            HEAD + stream + "a=rtpmap:0 PCMU\n",
            HEAD + stream + "a=rtpmap\n",
            HEAD.replace("o=- 1 2", f"o=- {2**63} 2"),
            HEAD.replace("c=IN IP4 ", "c=IN IP4  "),
            HEAD.replace("t=0 0\n", "t=0 0\nr=7d 1h 0\nz=3730928400\n"),
            HEAD + stream + "a=rtpmap:x PCMU/8000\n",
            HEAD + stream + "a=x\ni=late\n",
            HEAD + "m=audio 9 RTP/AVP 0 \n",
            HEAD + "m=audio 9 RTP/AVP 128\n",
            HEAD + "m=audio 9/0 RTP/AVP 0\n",
        ):
            parse(text)
            with self.assertRaises(ParseError, msg=text):
                parse(text, is_strict=True)

    def test_what_is_sent(self) -> None:
        """The greatest id and version, and one channel said or not, are sound."""
        for text in (
            HEAD.replace("o=- 1 2", f"o=- {2**63 - 1} {2**63 - 1}"),
            HEAD + "m=audio 9 RTP/AVP 0\na=rtpmap:0 PCMU/8000/1\n",
            HEAD + "m=audio 9 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n",
        ):
            parse(text, is_strict=True)

    def test_payload_types(self) -> None:
        """A format of an RTP profile is a payload type; others are any token."""
        for profile in ("AVP", "SAVP", "AVPF", "SAVPF"):
            for start in ("RTP/", "UDP/TLS/RTP/"):
                line = f"m=audio 9 {start}{profile}"
                parse(f"{HEAD}{line} 127\n", is_strict=True)
                with self.assertRaises(ParseError):
                    parse(f"{HEAD}{line} 128\n", is_strict=True)
        parse(f"{HEAD}m=image 9 udptl t38\n", is_strict=True)

    def test_the_key(self) -> None:
        """k= "MUST NOT be included" (RFC 8866 section 5.12); the error says so."""
        for text in (f"{HEAD}k=x\n", f"{HEAD}m=a 9 b 0\nk=x\n"):
            with self.assertRaises(ParseError) as caught:
                parse(text, is_strict=True)
            self.assertIn("5.12", str(caught.exception))
