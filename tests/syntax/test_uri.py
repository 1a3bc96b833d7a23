"""Tests of URIs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.uri import OtherUri, SipUri, TelUri, parse_uri, unescape
from tests.syntax.generators import Generator


def sip(text: str) -> SipUri:
    """The SIP URI that the text is."""
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


class ParseTests(SynchronousTestCase):
    """Reading URIs."""

    def test_all_components(self) -> None:
        """A SIP URI is read into its components, as written (section 19.1.1)."""
        text = "SIPS:al%69ce:pass@[2001:db8::1]:5061;lr;transport=TCP?a=b&c=%20"
        expected = SipUri(
            "sips",
            "al%69ce",
            "pass",
            "2001:db8::1",
            5061,
            (("lr", None), ("transport", "TCP")),
            (("a", "b"), ("c", "%20")),
        )
        self.assertEqual(parse_uri(text), expected)

    def test_host_alone(self) -> None:
        """User, port, parameters and headers may all be absent."""
        self.assertEqual(parse_uri("sip:a"), SipUri("sip", None, None, "a"))

    def test_semicolons_in_the_user_part(self) -> None:
        """All before @ is the user part, parameters and all."""
        uri = sip("sip:user;par=u%40example.net@example.com")
        self.assertEqual(uri.user, "user;par=u%40example.net")
        self.assertEqual(uri.unescaped_user, "user;par=u@example.net")
        self.assertEqual(uri.parameters, ())

    def test_unknown_parameters_are_kept(self) -> None:
        """Unknown URI parameters are kept, and refuse nothing (3261-19.1.1-a)."""
        uri = sip("sip:a@b;unknown=1;also-unknown")
        self.assertEqual(uri.parameter("UNKNOWN"), "1")
        self.assertEqual(uri.parameter("also-unknown"), "")
        self.assertEqual(str(uri), "sip:a@b;unknown=1;also-unknown")

    def test_refused(self) -> None:
        """Empty users, stray characters and bad hosts are refused (3261-19.1.1-a)."""
        for text in (
            "",
            "sip",
            "sip:",
            "sip:@example.com",
            "sip::pw@example.com",
            "sip:a@",
            "sip:a@b@c",
            "sip:a b@c",
            "sip:a@b c",
            " sip:a@b",
            "sip:a@b ",
            "<sip:a@b>",
            "sip:a@b:",
            "sip:a@b:0",
            "sip:a@b:65536",
            "sip:a@b:x",
            "sip:a@b;",
            "sip:a@b;;lr",
            "sip:a@b;=x",
            "sip:a@b?",
            "sip:a@b?x",
            "sip:a@b?=x",
            "sip:a@b?x=1?y=2&",
            "sip:a%@b",
            "sip:a%4@b",
            "sip:a%zz@b",
            "sip:a@b;x=%",
            "sip:a%40b%",
            "sip:%61.example",
            "sip:2001:db8::10",
            "sip:[2001:db8::10",
            "sip:bob@444.555.666.777",
            "sip:a@é",
            "sip:é@b",
            "sip:a\0@b",
            "sip:a@b\r\n",
            "1x:y",
            ":x",
            "urn:",
            "urn:a b",
            "urn:<a>",
        ):
            self.assertRaises(ParseError, parse_uri, text)

    def test_ipv6_references(self) -> None:
        """IPv6 hosts stand in brackets and their port outside (5118-4-a)."""
        self.assertEqual(sip("sip:[2001:db8::10:5070]").port, None)
        self.assertEqual(sip("sip:[2001:db8::10]:5070").port, 5070)
        self.assertEqual(sip("sip:[2001:db8::10]:5070").host, "2001:db8::10")
        self.assertEqual(str(sip("sip:[2001:db8::10]:5070")), "sip:[2001:db8::10]:5070")

    def test_three_colons_are_not_written(self) -> None:
        """Three colons are tolerated and never sent (5118-4.10-a)."""
        text = str(parse_uri("sip:user@[2001:db8:::192.0.2.1]"))
        self.assertEqual(text, "sip:user@[2001:db8::192.0.2.1]")

    def test_tel(self) -> None:
        """A tel URI is a number and parameters (RFC 3966)."""
        uri = parse_uri("tel:+1-201-555-0123;phone-context=example.com")
        expected = TelUri("+1-201-555-0123", (("phone-context", "example.com"),))
        self.assertEqual(uri, expected)
        self.assertEqual(str(uri), "tel:+1-201-555-0123;phone-context=example.com")
        for text in (
            "tel:",
            "tel:12 3",
            "tel:x",
            "tel:1;",
            "tel:1;a=%",
            "tel:+",
            "tel:+-()",
            "tel:-.",
            "tel:+12a",
            "tel:1+2",
            "tel:1;ext=1,2",
            "tel:1;isub=",
        ):
            self.assertRaises(ParseError, parse_uri, text)

    def test_scheme(self) -> None:
        """The scheme of those that we know is in lower case."""
        for text in ("TEL:+1-212-555-0100", "SIPS:a@b.example", "Sip:a@b.example"):
            scheme = text.partition(":")[0].lower()
            self.assertEqual(parse_uri(text).scheme, scheme)

    def test_tel_with_reserved_characters(self) -> None:
        """An ISDN subaddress may hold them (RFC 3966 section 3)."""
        uri = parse_uri("tel:(02)*#7a;isub=1/2,3@4?x=%41;ext=5")
        assert isinstance(uri, TelUri)
        self.assertEqual(uri.number, "(02)*#7a")
        self.assertEqual(uri.parameter("ISUB"), "1/2,3@4?x=A")
        self.assertEqual(uri.parameter("ext"), "5")

    def test_other_schemes_are_carried(self) -> None:
        """A URI of another scheme is kept as it is."""
        uri = parse_uri("soap.beep://192.0.2.103:3002")
        self.assertEqual(uri, OtherUri("soap.beep", "//192.0.2.103:3002"))
        self.assertEqual(str(uri), "soap.beep://192.0.2.103:3002")

    def test_render_and_parse(self) -> None:
        """Reading what was written gives the same URI."""
        for seed in range(500):
            uri = Generator(seed).uri()
            self.assertEqual(parse_uri(str(uri)), uri, f"seed {seed}")

    def test_linear_time(self) -> None:
        """However long and odd a URI is, it is read or refused at once
        (3261-26.3.2.4-a).
        """
        for text in (
            "sip:" + "a" * 300_000,
            "sip:" + "a." * 150_000,
            "sip:" + "a;" * 150_000 + "@",
            "sip:b" + ";a" * 150_000 + " ",
            "sip:b?" + "a=b&" * 75_000,
            "sip:" + "%41" * 100_000 + "%@b",
            "sip:[" + ":" * 300_000 + "]",
            "sip:b" + ";a=" + "=" * 300_000 + "@",
            "tel:+" + "-" * 300_000,
            "tel:" + "-" * 300_000 + "x",
            "tel:1" + ";isub=1" * 50_000 + ";",
            "tel:1" + ";isub" * 50_000 + "=",
        ):
            self.assert_ends(text)

    def assert_ends(self, text: str) -> None:
        """Read it; in quadratic time this would take the better part of an hour."""
        try:
            parse_uri(text)
        except ParseError as error:
            self.assertLess(len(str(error)), 200)


class EscapeTests(SynchronousTestCase):
    """%-escapes."""

    def test_undone_once(self) -> None:
        """Escapes are undone once only (3261-19.1.2-a)."""
        self.assertEqual(unescape("v%61lue%25%34%31"), "value%41")

    def test_names_of_parameters(self) -> None:
        """An escaped parameter name is that parameter (RFC 4475 section 3.1.1.3)."""
        uri = sip("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31")
        self.assertTrue(uri.is_loose_router)
        self.assertEqual(uri.parameter("name"), "value%41")
        self.assertEqual(uri.unescaped_user, "caller")

    def test_nul(self) -> None:
        """A decoded NUL does not shorten the user part."""
        self.assertEqual(sip("sip:null-%00-null@b").unescaped_user, "null-\0-null")
        self.assertFalse(sip("sip:%00@b").is_equivalent(sip("sip:%00%00@b")))

    def test_making_escapes_what_must_be(self) -> None:
        """Just what a component does not allow is escaped (3261-19.1.2-a)."""
        uri = SipUri.make("a b@c:d%;?/&=+$,é", "example.com", 5070)
        self.assertEqual(uri.user, "a%20b%40c%3Ad%25;?/&=+$,%C3%A9")
        self.assertEqual(uri.unescaped_user, "a b@c:d%;?/&=+$,é")
        self.assertEqual(parse_uri(str(uri)), uri)
        marked = sip("sip:a").with_parameter("x", "a;b=c@d?[]/:&+$")
        self.assertEqual(marked.parameters, (("x", "a%3Bb%3Dc%40d%3F[]/:&+$"),))
        self.assertEqual(marked.parameter("x"), "a;b=c@d?[]/:&+$")

    def test_making_with_parameters(self) -> None:
        """Parameters given to `make` are escaped too."""
        uri = SipUri.make(None, "::1", parameters=(("lr", None), ("x", "a b")))
        self.assertEqual(str(uri), "sip:[::1];lr;x=a%20b")

    def test_making_refuses_bad_hosts(self) -> None:
        """A host or port that cannot be one is our own mistake."""
        for host in ("", "a b", "1.2.3", "a;b", "::1::", "a\r\nb"):
            self.assertRaises(LocalProtocolError, SipUri.make, "a", host)
        for port in (0, -1, 65536):
            self.assertRaises(LocalProtocolError, SipUri.make, "a", "b", port)
        self.assertRaises(LocalProtocolError, SipUri.make, "\ud800", "b")
        self.assertEqual(SipUri.make("a", "[::1]").host, "::1")


class EquivalenceTests(SynchronousTestCase):
    """The comparison of RFC 3261 section 19.1.4."""

    def assert_equivalent(self, one: str, other: str, expected: bool) -> None:
        """Compare in both directions."""
        first, second = parse_uri(one), parse_uri(other)
        self.assertIs(first.is_equivalent(second), expected, f"{one} {other}")
        self.assertIs(second.is_equivalent(first), expected, f"{other} {one}")

    def test_equal(self) -> None:
        """The equivalent URIs of the RFC are equivalent (3261-19.1.4-a)."""
        for one, other in (
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
            ("SIP:a@b", "sip:a@b"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            ("sip:a%2Ab%5F@c", "sip:a*b_@c"),
            ("sip:a%3bb@c", "sip:a%3Bb@c"),
            ("sip:a@b;%6Caaa=%41", "sip:a@b;laaa=A"),
            ("sip:a@b;x", "sip:a@b;X="),
            ("sip:a@b?%61=%62", "sip:a@b?A=b"),
        ):
            self.assert_equivalent(one, other, True)

    def test_not_equal(self) -> None:
        """The URIs that the RFC calls not equivalent are not (3261-19.1.4-a)."""
        for one, other in (
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
            ("sip:a@b;user=phone", "sip:a@b"),
            ("sip:a@b;ttl=1", "sip:a@b"),
            ("sip:a@b;method=INVITE", "sip:a@b"),
            ("sip:a@b;maddr=192.0.2.1", "sip:a@b"),
            ("sip:a@b;x=1", "sip:a@b;x=2"),
            ("sip:a:pw@b", "sip:a@b"),
            ("sip:a:pw@b", "sip:a:PW@b"),
            ("sip:a%3Bb@c", "sip:a;b@c"),
            (
                "sip:+358-555-1234567;postd=pp22@foo.com;user=phone",
                "sip:+358-555-1234567;POSTD=PP22@foo.com;user=phone",
            ),
            ("sip:alice@atlanta.com?subject=a", "sip:alice@atlanta.com?subject=b"),
            ("sip:a@b?x=1&x=1", "sip:a@b?x=1"),
            ("sip:+1@a", "tel:+1"),
            ("urn:a", "sip:a"),
        ):
            self.assert_equivalent(one, other, False)

    def test_not_transitive(self) -> None:
        """Two URIs equivalent to a third need not be equivalent."""
        self.assert_equivalent(
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
            False,
        )

    def test_tel(self) -> None:
        """Telephone numbers are compared without visual separators, case and order of
        parameters (RFC 3966 section 4).
        """
        self.assert_equivalent("tel:+1-201-555", "tel:+1201555", True)
        self.assert_equivalent("tel:+1;a=B", "tel:+1;A=b", True)
        self.assert_equivalent("tel:+1", "tel:1", False)
        self.assert_equivalent("tel:1;a=1;b=2", "tel:1;B=2;A=1", True)
        self.assert_equivalent("tel:1;a=1", "tel:1", False)
        self.assert_equivalent("tel:1;ext=2-3", "tel:1;ext=23", True)
        self.assert_equivalent("tel:1;x=2-3", "tel:1;x=23", False)
        self.assert_equivalent(
            "tel:7;phone-context=+1-2", "tel:7;phone-context=+12", True
        )
        self.assert_equivalent(
            "tel:7;phone-context=a-b.example", "tel:7;phone-context=ab.example", False
        )
        self.assert_equivalent("tel:7;isub=%61b", "tel:7;isub=AB", True)
        self.assert_equivalent(
            "tel:+358-555-1234567;postd=pp22", "tel:+358-555-1234567;POSTD=PP22", True
        )

    def test_others(self) -> None:
        """Other URIs are compared as text, their scheme without case."""
        self.assert_equivalent("URN:a", "urn:a", True)
        self.assert_equivalent("urn:a", "urn:A", False)


class PropertyTests(SynchronousTestCase):
    """What a URI says."""

    def test_transport(self) -> None:
        """The transport parameter names a transport, sips means TLS."""
        self.assertIsNone(sip("sip:a").transport)
        self.assertEqual(sip("sip:a;Transport=tcp").transport, "TCP")
        self.assertEqual(sip("sips:a;transport=tcp").transport, "TLS")
        self.assertTrue(sip("sips:a").is_secure)
        self.assertFalse(sip("sip:a").is_secure)

    def test_request_target(self) -> None:
        """A Request-URI has no method parameter and no headers (3261-19.1.5-a)."""
        uri = sip("sip:a@b:5070;method=INVITE;x=y;lr?Subject=z")
        self.assertEqual(str(uri.request_target()), "sip:a@b:5070;x=y;lr")
        escaped = sip("sip:a@b;%6Dethod=INVITE")
        self.assertEqual(str(escaped.request_target()), "sip:a@b")
        plain = sip("sip:a@b;x=y")
        self.assertIs(plain.request_target(), plain)

    def test_logical_identity(self) -> None:
        """To and From hold no port, headers, method, maddr, ttl, transport and lr
        (3261-19.1.1-b, table 1).
        """
        uri = sip(
            "sips:a:pw@b:5070;user=phone;TTL=1;x=y;%6Cr;Method=BYE;maddr=192.0.2.1"
            ";transport=tcp?Subject=z"
        )
        self.assertEqual(str(uri.logical_identity()), "sips:a:pw@b;user=phone;x=y")

    def test_equals_signs_in_values(self) -> None:
        """A value may hold "=", as base64 does; only the first one ends the name."""
        uri = sip("sip:p;lr=on;ftag=YQ==;x==")
        self.assertEqual(uri.parameter("ftag"), "YQ==")
        self.assertEqual(uri.parameter("x"), "=")
        self.assertEqual(str(uri), "sip:p;lr=on;ftag=YQ==;x==")

    def test_header_components(self) -> None:
        """Header components are part of the URI, by unescaped name and value."""
        uri = sip("sip:user@example.com?Route=%3Csip:sip.example.com%3E&a=")
        self.assertEqual(uri.header("route"), "<sip:sip.example.com>")
        self.assertEqual(uri.header("a"), "")
        self.assertIsNone(uri.header("b"))

    def test_changing_parameters(self) -> None:
        """A parameter is set once and removed altogether (3261-7.3.1-e)."""
        uri = sip("sip:a@b;LR;x=1")
        self.assertEqual(str(uri.with_parameter("lr")), "sip:a@b;LR;x=1")
        self.assertEqual(str(uri.without_parameter("lr")), "sip:a@b;x=1")

    def test_values(self) -> None:
        """URIs are equal by class and components, and can be keys."""
        self.assertEqual({sip("sip:a@b"), sip("sip:a@b")}, {sip("sip:a@b")})
        self.assertNotEqual(sip("sip:a@b"), sip("sip:A@b"))
