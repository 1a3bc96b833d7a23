"""Tests of typed field values."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.fields import (
    Challenge,
    CSeq,
    MediaType,
    NameAddress,
    RAck,
    Reason,
    RequestDisposition,
    RetryAfter,
    Via,
    Warning,
    parse_expires,
    parse_max_breadth,
    parse_max_forwards,
    parse_rseq,
)
from sipuac.syntax.uri import OtherUri, SipUri, TelUri
from tests.syntax.generators import Generator


class ViaTests(SynchronousTestCase):
    """Via values."""

    def test_all_parts(self) -> None:
        """A Via has a transport, a sent-by and parameters (section 20.42)."""
        via = Via.parse(
            "SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7"
            ";received=192.0.2.207;rport=9988;maddr=224.2.0.1;ttl=16;x"
        )
        self.assertEqual(via.transport, "UDP")
        self.assertEqual(via.sent_by, ("erlang.bell-telephone.com", 5060))
        self.assertEqual(via.branch, "z9hG4bK87asdks7")
        self.assertEqual(via.received, "192.0.2.207")
        self.assertEqual(via.rport, 9988)
        self.assertEqual(via.maddr, "224.2.0.1")
        self.assertEqual(via.ttl, 16)
        self.assertEqual(via.parameter("X"), "")
        self.assertIsNone(via.parameter("y"))

    def test_white_space_everywhere(self) -> None:
        """White space may surround the slashes, the colon and the semicolons."""
        via = Via.parse(
            "sip  / 2.0\t/ tcp   spindle.example.com : 4000  ;  branch  = b "
        )
        self.assertEqual(
            via, Via("TCP", "spindle.example.com", 4000, (("branch", "b"),))
        )

    def test_absent_parameters(self) -> None:
        """A Via need not have any parameter; RFC 2543 knew no branch."""
        via = Via.parse("SIP/2.0/TLS [2001:db8::1]")
        self.assertEqual(via.sent_by, ("2001:db8::1", 5061))
        self.assertEqual(Via.parse("SIP/2.0/SCTP a").sent_by, ("a", 5060))
        self.assertIsNone(via.branch)
        self.assertIsNone(via.received)
        self.assertIsNone(via.maddr)
        self.assertIsNone(via.ttl)
        self.assertFalse(via.has_rport)
        self.assertEqual(str(via), "SIP/2.0/TLS [2001:db8::1]")

    def test_rport(self) -> None:
        """A client asks for rport by the parameter without value (RFC 3581)."""
        via = Via.parse("SIP/2.0/UDP a;RPORT")
        self.assertTrue(via.has_rport)
        self.assertIsNone(via.rport)
        filled = via.with_parameter("rport", "5070").with_parameter("received", "::1")
        self.assertEqual(str(filled), "SIP/2.0/UDP a;RPORT=5070;received=::1")

    def test_numbers_beyond_their_range(self) -> None:
        """A ttl beyond 255 and an rport beyond 65535 are malformed (4475-3.1.2.4-a)."""
        via = Via.parse("SIP/2.0/UDP a;ttl=256;rport=99999999999999999999")
        self.assertRaises(ParseError, getattr, via, "ttl")
        self.assertRaises(ParseError, getattr, via, "rport")

    def test_received_with_brackets(self) -> None:
        """IPv6 in received is read with brackets and without (5118-4.5-a)."""
        for received in ("2001:db8::9:255", "[2001:db8::9:255]"):
            via = Via.parse(f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=b")
            self.assertEqual(via.received, "2001:db8::9:255")
            self.assertEqual(via.branch, "b")

    def test_malformed(self) -> None:
        """What is no Via of SIP/2.0 is refused (5118-4-a)."""
        for text in (
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDPa",
            "SIP/3.0/UDP a",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP a:0",
            "SIP/2.0/UDP a:70000",
            "SIP/2.0/UDP a;",
            "SIP/2.0/UDP a;;branch=b",
            "SIP/2.0/UDP a b",
            "SIP/2.0/U DP a",
            "HTTP/1.1 a",
        ):
            self.assertRaises(ParseError, Via.parse, text)


class NameAddressTests(SynchronousTestCase):
    """Values of From, To, Contact, Route."""

    def test_display_names(self) -> None:
        """A display name is some tokens or a quoted string (3261-25.1-a)."""
        for text, expected in (
            ('"J Rosenberg \\\\\\"" <sip:a@b>', 'J Rosenberg \\"'),
            ('"" <sip:a@b>', ""),
            ("caller<sip:a@b>", "caller"),
            (
                "token1~` token2'+_ token3*%!.- <sip:a@b>",
                "token1~` token2'+_ token3*%!.-",
            ),
            ("Ünïcødé <sip:a@b>", "Ünïcødé"),
            ("<sip:a@b>", None),
            (" <sip:a@b>", None),
            ("sip:a@b", None),
            ('"<sip:x@y>;tag=z"\t<sip:a@b>', "<sip:x@y>;tag=z"),
        ):
            address = NameAddress.parse(text)
            self.assertEqual(address.display_name, expected, text)
            self.assertEqual(address.uri, SipUri("sip", "a", None, "b"))

    def test_parameters_belong_to_the_field_without_brackets(self) -> None:
        """Without brackets parameters are those of the field (3261-20.10-a)."""
        outside = NameAddress.parse("sip:a@b;x=1 ; tag = y")
        self.assertEqual(outside.parameters, (("x", "1"), ("tag", "y")))
        self.assertEqual(outside.tag, "y")
        inside = NameAddress.parse("<sip:a@b;x=1>;tag=y")
        self.assertEqual(inside.parameters, (("tag", "y"),))
        self.assertEqual(str(inside.uri), "sip:a@b;x=1")

    def test_written_with_brackets(self) -> None:
        """An address is always written with angle brackets (3261-20-a)."""
        uri = SipUri("sip", "a,b?c;d", None, "e")
        self.assertEqual(str(NameAddress(None, uri)), "<sip:a,b?c;d@e>")
        address = NameAddress('A "B"', uri, (("tag", "1"), ("lr", None)))
        self.assertEqual(str(address), '"A \\"B\\"" <sip:a,b?c;d@e>;tag=1;lr')

    def test_uris_of_any_scheme(self) -> None:
        """An address may be a URI of any scheme."""
        self.assertEqual(
            NameAddress.parse("<tel:+1201>;tag=1"),
            NameAddress(None, TelUri("+1201"), (("tag", "1"),)),
        )
        other = NameAddress.parse("<http://www.example.com/?a=b>")
        self.assertEqual(other.uri, OtherUri("http", "//www.example.com/?a=b"))

    def test_quoted_parameters(self) -> None:
        """A parameter may be a quoted string with any characters in it."""
        address = NameAddress.parse('sip:a@b;+sip.instance="<urn:x;y>";tag=1')
        self.assertEqual(address.parameter("+SIP.instance"), "<urn:x;y>")
        self.assertEqual(address.tag, "1")
        self.assertTrue(address.has_parameter("tag"))
        self.assertFalse(address.has_parameter("q"))

    def test_malformed(self) -> None:
        """What the grammar forbids is refused."""
        for text in (
            "",
            "<>",
            "a <>",
            "sip:user@example.com?Route=x",
            "sip:a,b@c",
            '"Mr. J. User <sip:j.user@example.com>',
            '"a" b <sip:a@b>',
            '"a" sip:a@b',
            "Bell, Alexander <sip:a@b>",
            "a;b <sip:a@b>",
            "< sip:a@b>",
            "<sip:a@b >",
            "<sip:a@b",
            "sip:a@b>",
            "<<sip:a@b>>",
            "<sip:a@b>x",
            "<sip:a@b> <sip:c@d>",
            "<sip:a@b>;",
            "<sip:a@b>;;tag=1",
            "<sip:a@b>;tag=1,",
            "alice",
            "*",
        ):
            self.assertRaises(ParseError, NameAddress.parse, text)

    def test_preferences(self) -> None:
        """A q is a number from 0 to 1; other text says nothing (4475-3.1.2.4-a)."""
        for text, expected in (
            ("0.33", 0.33),
            ("1", 1.0),
            ("1.000", 1.0),
            ("0.", 0.0),
            ("1.1", None),
            ("-0.5", None),
            ("nan", None),
            ("0.1234", None),
            ("9" * 1000, None),
        ):
            self.assertEqual(NameAddress.parse(f"<sip:a>;q={text}").q, expected, text)
        self.assertIsNone(NameAddress.parse("<sip:a>").q)

    def test_expiries(self) -> None:
        """Malformed expiries are 3600, too large ones 2**32-1 (4475-3.1.2.4-a).

        RFC 3261 section 10.2: "Malformed values SHOULD be treated as equivalent to
        3600" (3261-10.2.1.1-a).
        """
        for text, expected in (
            ("60", 60),
            ("0", 0),
            ("280297596632815", 2**32 - 1),
            ("-1", 3600),
            ("soon", 3600),
        ):
            address = NameAddress.parse(f"<sip:a>;expires={text}")
            self.assertEqual(address.expires, expected)
        self.assertIsNone(NameAddress.parse("<sip:a>").expires)

    def test_changing_parameters(self) -> None:
        """A copy has the parameter once, or not at all (3261-7.3.1-e)."""
        address = NameAddress.parse("<sip:a>;Tag=1;x")
        self.assertEqual(str(address.with_parameter("tag", "2")), "<sip:a>;Tag=2;x")
        self.assertEqual(str(address.without_parameter("tag")), "<sip:a>;x")


class OtherFieldTests(SynchronousTestCase):
    """The smaller fields."""

    def test_cseq(self) -> None:
        """CSeq is a 32-bit number and a method (3261-20.16-a)."""
        self.assertEqual(CSeq.parse("0009 \t INVITE"), CSeq(9, "INVITE"))
        self.assertEqual(CSeq.parse("4294967295 x"), CSeq(2**32 - 1, "x"))
        self.assertEqual(str(CSeq(1, "BYE")), "1 BYE")
        # These count as digits too, but not in SIP.
        for digits in ("\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT TWO}"):
            self.assertRaises(ParseError, CSeq.parse, f"{digits} INVITE")
        for text in (
            "",
            "1",
            "INVITE",
            "4294967296 x",
            "-1 x",
            "1 a b",
            "1 a/b",
            "1.0 a",
        ):
            self.assertRaises(ParseError, CSeq.parse, text)

    def test_rack(self) -> None:
        """RAck names a response by its RSeq and CSeq (RFC 3262 section 7.2)."""
        self.assertEqual(RAck.parse("776656 1 INVITE"), RAck(776656, 1, "INVITE"))
        self.assertEqual(str(RAck(1, 2, "INVITE")), "1 2 INVITE")
        for text in ("", "1 INVITE", "0 1 INVITE", "4294967296 1 INVITE", "1 2"):
            self.assertRaises(ParseError, RAck.parse, text)

    def test_rseq(self) -> None:
        """RSeq is a number from 1 to 2**32-1 (RFC 3262 section 7.1)."""
        self.assertEqual(parse_rseq("4294967295"), 2**32 - 1)
        for text in ("0", "4294967296", "", "x"):
            self.assertRaises(ParseError, parse_rseq, text)

    def test_reason(self) -> None:
        """Reason is a protocol with a cause and a text (RFC 3326)."""
        reason = Reason.parse('Q.850 ;cause=16 ;text="Terminated, \\"x\\"";x=y')
        self.assertEqual(reason, Reason("Q.850", 16, 'Terminated, "x"', (("x", "y"),)))
        self.assertEqual(str(reason), 'Q.850;cause=16;text="Terminated, \\"x\\"";x=y')
        self.assertEqual(Reason.parse("SIP"), Reason("SIP"))
        for text in (
            "",
            ";cause=1",
            "SIP cause=1",
            "SIP;cause=x",
            "SIP;cause=4294967296",
        ):
            self.assertRaises(ParseError, Reason.parse, text)

    def test_warning(self) -> None:
        """Warning is a three-digit code, an agent and a text."""
        text = "307 isi.edu:5060 \"Session parameter, 'foo'\""
        warning = Warning.parse(text)
        self.assertEqual(
            warning, Warning(307, "isi.edu:5060", "Session parameter, 'foo'")
        )
        self.assertEqual(str(warning), text)
        for text in (
            "",
            '1812 overture "x"',
            '30 a "x"',
            "307 a x",
            '307 "x"',
            '307 a "x',
        ):
            self.assertRaises(ParseError, Warning.parse, text)

    def test_retry_after(self) -> None:
        """Retry-After has seconds, a comment and a duration (3261-20.33-a)."""
        after = RetryAfter.parse("18000 (I'm in a \\) meeting);duration=3600")
        self.assertEqual(after, RetryAfter(18000, "I'm in a \\) meeting", 3600))
        self.assertEqual(str(after), "18000 (I'm in a \\) meeting);duration=3600")
        nested = RetryAfter.parse("5(a (b\\)(c)) d)  ; x ; Duration = 7")
        self.assertEqual(nested, RetryAfter(5, "a (b\\)(c)) d", 7))
        self.assertEqual(RetryAfter.parse(str(nested)), nested)
        self.assertEqual(RetryAfter.parse("120"), RetryAfter(120))
        huge = RetryAfter.parse("949302838503028349304023988")
        self.assertEqual(huge.seconds, 2**32 - 1)
        for text in ("", "soon", "-1", "1 (", "1 x", "1;duration=x", "1 (()", "1 ()x"):
            self.assertRaises(ParseError, RetryAfter.parse, text)

    def test_request_disposition(self) -> None:
        """Request-Disposition is a list of directives (RFC 3841 section 9.1)."""
        value = RequestDisposition.parse("no-fork,queue")
        self.assertEqual(value, RequestDisposition(("no-fork", "queue")))
        self.assertEqual(str(value), "no-fork, queue")
        for text in ("", "a,,b", "a b", "a;b"):
            self.assertRaises(ParseError, RequestDisposition.parse, text)

    def test_media_type(self) -> None:
        """Media types are compared without regard to case (3261-7.3.1-d)."""
        value = MediaType.parse('Multipart / Mixed;Boundary="a b"')
        self.assertEqual((value.type, value.subtype), ("multipart", "mixed"))
        self.assertEqual(value.parameter("boundary"), "a b")
        self.assertIsNone(value.parameter("x"))
        self.assertEqual(str(value), 'multipart/mixed;Boundary="a b"')
        for text in ("", "text", "text/", "/plain", "text/plain x", "text/plain;"):
            self.assertRaises(ParseError, MediaType.parse, text)

    def test_challenge(self) -> None:
        """A challenge is one value, commas and all (3261-7.3.1-c)."""
        text = 'Digest realm="a, b", nonce="c\\"d", algorithm=MD5, qop="auth,auth-int"'
        challenge = Challenge.parse(text)
        self.assertEqual(challenge.scheme, "Digest")
        self.assertEqual(challenge.parameter("REALM"), "a, b")
        self.assertEqual(challenge.parameter("nonce"), 'c"d')
        self.assertEqual(challenge.parameter("qop"), "auth,auth-int")
        self.assertIsNone(challenge.parameter("opaque"))
        self.assertEqual(str(challenge), text)
        unknown = Challenge.parse("NoOneKnowsThisScheme opaque-data=here")
        self.assertEqual(unknown.scheme, "NoOneKnowsThisScheme")
        for text in (
            "",
            "Digest",
            "Digest ,",
            "Digest realm",
            'Digest realm="a',
            "a b=c d",
        ):
            self.assertRaises(ParseError, Challenge.parse, text)

    def test_numbers(self) -> None:
        """Numbers beyond their range neither crash nor wrap (4475-3.1.2.4-a)."""
        self.assertEqual(parse_max_forwards("0068"), 68)
        self.assertRaises(ParseError, parse_max_forwards, "256")
        self.assertEqual(parse_expires("1" + "0" * 100), 2**32 - 1)
        self.assertRaises(ParseError, parse_expires, "Thu, 01 Dec 1994 16:00:00 GMT")

    def test_max_breadth(self) -> None:
        """Max-Breadth is one positive integer without parameters (5393-5.3.1-a)."""
        self.assertEqual(parse_max_breadth("60"), 60)
        for text in ("0", "-1", "+1", "1,2", "1;x", ""):
            self.assertRaises(ParseError, parse_max_breadth, text)


class RoundTripTests(SynchronousTestCase):
    """Reading what was written gives the same value."""

    def test_via(self) -> None:
        """A Via is written as it is read."""
        for seed in range(300):
            via = Generator(seed).via()
            self.assertEqual(Via.parse(str(via)), via, f"seed {seed}")

    def test_address(self) -> None:
        """An address is written as it is read."""
        for seed in range(300):
            address = Generator(seed).address()
            self.assertEqual(NameAddress.parse(str(address)), address, f"seed {seed}")

    def test_others(self) -> None:
        """All other fields are written as they are read."""
        for seed in range(100):
            for field in Generator(seed).fields():
                again = type(field).parse(str(field))
                self.assertEqual(again, field, f"seed {seed}")
