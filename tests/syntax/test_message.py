"""Tests of requests and responses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import Via
from sipuac.syntax.message import REASON_PHRASES, Request, Response, response_to
from sipuac.syntax.parser import parse_message
from sipuac.syntax.uri import SipUri, parse_uri
from tests.syntax.generators import Generator

ROWS = [
    ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
    ("Max-Forwards", "70"),
    ("From", "<sip:alice@a>;tag=1"),
    ("To", "<sip:bob@b>"),
    ("Call-ID", "x"),
    ("CSeq", "1 INVITE"),
]


def invite(*extra: tuple[str, str], body: bytes = b"") -> Request:
    """An INVITE with these further rows."""
    return Request("INVITE", "sip:bob@b", [*ROWS, *extra], body)


class RenderTests(SynchronousTestCase):
    """How a message is written."""

    def test_request(self) -> None:
        """A request is its line, its fields, an empty line and a body (3261-7-a).

        Content-Length is always there, zero without a body (3261-20.14-a).
        """
        request = Request("BYE", "sip:b", [("i", "x"), ("x-Foo", "y"), ("s", "")])
        self.assertEqual(
            request.render(),
            b"BYE sip:b SIP/2.0\r\nCall-ID: x\r\nx-Foo: y\r\nSubject: \r\n"
            b"Content-Length: 0\r\n\r\n",
        )

    def test_response(self) -> None:
        """A response has the version in upper case and a phrase (3261-7.1-b)."""
        response = Response(200, None, [("To", "<sip:é>")], b"\xff\0")
        self.assertEqual(
            response.render(),
            "SIP/2.0 200 OK\r\nTo: <sip:é>\r\nContent-Length: 2\r\n\r\n".encode()
            + b"\xff\0",
        )

    def test_content_length_is_counted(self) -> None:
        """A Content-Length given by anyone else is not repeated (3261-20.14-a)."""
        data = b"BYE sip:b SIP/2.0\r\nl: 3\r\nTo: a\r\n\r\nabc"
        message = parse_message(data)
        self.assertEqual(message.get("Content-Length"), "3")
        self.assertEqual(
            message.with_body(b"ab", "a/b").render(),
            b"BYE sip:b SIP/2.0\r\nTo: a\r\n"
            b"Content-Type: a/b\r\nContent-Length: 2\r\n\r\nab",
        )
        built = Request("BYE", "sip:b", [("l", "99"), ("To", "a")], b"x")
        self.assertEqual(built.render().count(b"Content-Length"), 1)
        self.assertIn(b"Content-Length: 1\r\n", built.render())

    def test_octets_that_are_no_utf8(self) -> None:
        """Octets that are not UTF-8 leave as they came."""
        data = b"BYE sip:b SIP/2.0\r\nSubject: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(parse_message(data).render(), data)

    def test_injection(self) -> None:
        """A message with CR or LF in a row or start line is never written."""
        for text in ("x\r\nVia: y", "x\ry", "x\ny", "x\r\n\r\nINVITE", "\r\n"):
            self.assertRaises(LocalProtocolError, invite(("X", text)).render)
            self.assertRaises(LocalProtocolError, invite((f"X{text}", "y")).render)
            response = Response(200, text, ROWS)
            self.assertRaises(LocalProtocolError, response.render)
            self.assertRaises(
                LocalProtocolError, response_to(invite(), 200, text).render
            )
            self.assertRaises(LocalProtocolError, invite().with_via(text).render)

    def test_no_unicode(self) -> None:
        """A message that is no Unicode text is never written."""
        self.assertRaises(LocalProtocolError, invite(("X", "\ud800")).render)

    def test_render_and_parse(self) -> None:
        """Reading what was written gives the same message."""
        for seed in range(500):
            message = Generator(seed).message()
            again = parse_message(message.render())
            self.assertEqual(again, message, f"seed {seed}")
            self.assertEqual(again.render(), message.render(), f"seed {seed}")


class RequestTests(SynchronousTestCase):
    """Requests."""

    def test_uri(self) -> None:
        """The Request-URI is kept as text and read when asked for."""
        request = Request("BYE", "sip:b:5070;lr", [])
        self.assertEqual(
            request.uri, SipUri("sip", None, None, "b", 5070, (("lr", None),))
        )
        self.assertEqual(Request("BYE", request.uri, []).uri_text, "sip:b:5070;lr")

    def test_components_in_the_wrong_place(self) -> None:
        """Headers and method in a Request-URI are ignored (3261-19.1.1-b)."""
        request = Request("BYE", "sip:a@b;method=INVITE;x?Route=%3Csip:c%3E", [])
        self.assertEqual(str(request.uri), "sip:a@b;x")

    def test_components_that_are_not_sent(self) -> None:
        """Headers and method are left out of a Request-URI (3261-19.1.5-a)."""
        uri = parse_uri("sip:a@b;method=INVITE;x?Subject=y")
        self.assertEqual(Request("INVITE", uri, []).uri_text, "sip:a@b;x")

    def test_what_may_not_be_sent(self) -> None:
        """No spaces, controls or angle brackets in a Request-URI (3261-7.1-a)."""
        for text in (
            "",
            "sip:a b",
            "<sip:a>",
            "sip:a\r\n",
            "sip:a\0",
            "sip:a\t",
            "sip:a>",
        ):
            self.assertRaises(LocalProtocolError, Request, "BYE", text, [])
        for method in ("", "B YE", "BYE\r\n", "BYÉ", "SIP/2.0"):
            self.assertRaises(LocalProtocolError, Request, method, "sip:a", [])


class ResponseTests(SynchronousTestCase):
    """Responses."""

    def test_classes(self) -> None:
        """The first digit is the class of a response (section 7.2)."""
        for status, expected in (
            (100, (True, False, False)),
            (199, (True, False, False)),
            (200, (False, True, True)),
            (299, (False, True, True)),
            (300, (False, False, True)),
            (699, (False, False, True)),
        ):
            response = Response(status, "x", [])
            found = (response.is_provisional, response.is_success, response.is_final)
            self.assertEqual(found, expected, status)

    def test_phrases(self) -> None:
        """A response without a phrase of its own has the usual one, or its class's."""
        self.assertEqual(Response(486, None, []).reason, "Busy Here")
        self.assertEqual(Response(499, None, []).reason, "Request Failure")
        self.assertEqual(Response(486, "", []).reason, "")
        self.assertEqual(REASON_PHRASES[180], "Ringing")

    def test_no_such_status(self) -> None:
        """There is no status below 100 or beyond 699."""
        for status in (0, 99, 700):
            self.assertRaises(LocalProtocolError, Response, status, "x", [])

    def test_unreadable_contacts_count_as_absent(self) -> None:
        """A final response is acted upon whatever its Contact is."""
        response = Response(
            302, None, [("m", "<sip:a>, <a, <sip:b>"), ("m", "<sip:c>")]
        )
        self.assertEqual(
            [str(contact) for contact in response.contacts], ["<sip:a>", "<sip:c>"]
        )
        response = Response(302, None, [("m", "sip:a?x=y, <sip:b>")])
        self.assertEqual([str(contact) for contact in response.contacts], ["<sip:b>"])


class EqualityTests(SynchronousTestCase):
    """When messages are equal."""

    def test_equal(self) -> None:
        """Spelling of names and Content-Length make no difference."""
        one = Request("BYE", "sip:b", [("i", "x"), ("X-Foo", "y")], b"z")
        other = Request("BYE", "sip:b", [("call-id", "x"), ("x-foo", "y")], b"z")
        self.assertEqual(one, other)
        self.assertEqual(hash(one), hash(other))
        self.assertEqual(one, one.with_headers([("l", "1")]))

    def test_different(self) -> None:
        """Start line, rows in order, and body make a message."""
        base = Request("BYE", "sip:b", [("i", "x"), ("X", "y")])
        for other in (
            Request("ACK", "sip:b", [("i", "x"), ("X", "y")]),
            Request("BYE", "sip:c", [("i", "x"), ("X", "y")]),
            Request("BYE", "sip:b", [("X", "y"), ("i", "x")]),
            Request("BYE", "sip:b", [("i", "X"), ("X", "y")]),
            Request("BYE", "sip:b", [("i", "x"), ("X", "y")], b"z"),
            Response(200, "OK", [("i", "x"), ("X", "y")]),
            "BYE",
        ):
            self.assertNotEqual(base, other)

    def test_repr(self) -> None:
        """A message shows its start line and Call-ID."""
        self.assertEqual(repr(invite()), "<INVITE sip:bob@b SIP/2.0 x>")


class CopyTests(SynchronousTestCase):
    """Copies with changes."""

    def setUp(self) -> None:
        """Make a request with two Via rows, the first of them a list."""
        self.request = Request(
            "BYE",
            "sip:b",
            [
                ("Max-Forwards", "70"),
                ("Via", 'SIP/2.0/UDP a;x="1,2", SIP/2.0/UDP b'),
                ("Via", "SIP/2.0/UDP c"),
            ],
            b"body",
        )
        self.before = self.request.render()

    def tearDown(self) -> None:
        """No copy changes what it was made from."""
        self.assertEqual(self.request.render(), self.before)

    def hosts(self, request: Request) -> list[str]:
        """Hosts of all Vias."""
        self.assertEqual(request.body, b"body")
        return [via.host for via in request.vias]

    def test_with_via(self) -> None:
        """A new Via goes on top of the others."""
        via = Via("TCP", "new", 5070, (("branch", "z9hG4bKx"),))
        copy = self.request.with_via(via)
        self.assertIsInstance(copy, Request)
        self.assertEqual(self.hosts(copy), ["new", "a", "b", "c"])
        self.assertEqual(copy.branch, "z9hG4bKx")
        self.assertEqual(copy, self.request.with_via(str(via)))

    def test_with_top_via(self) -> None:
        """Only the first value of the first row is replaced."""
        copy = self.request.with_top_via(Via("TCP", "new"))
        self.assertEqual(self.hosts(copy), ["new", "b", "c"])
        self.assertEqual(
            self.hosts(copy.with_top_via("SIP/2.0/UDP d")), ["d", "b", "c"]
        )

    def test_without_top_via(self) -> None:
        """Only the first value of the first row is removed."""
        copy = self.request.without_top_via()
        self.assertEqual(self.hosts(copy), ["b", "c"])
        copy = copy.without_top_via()
        self.assertEqual(self.hosts(copy), ["c"])
        copy = copy.without_top_via()
        self.assertEqual(self.hosts(copy), [])
        self.assertRaises(ParseError, copy.without_top_via)
        self.assertRaises(ParseError, copy.with_top_via, "SIP/2.0/UDP d")

    def test_what_was_read_is_not_carried_over(self) -> None:
        """A copy knows nothing of what was read from the original."""
        self.assertEqual(self.request.top_via.host, "a")
        self.assertEqual(len(self.request.vias), 3)
        self.assertEqual(self.request.with_via("SIP/2.0/UDP d").top_via.host, "d")

    def test_rows(self) -> None:
        """Rows are added at the end, removed, and replaced where they stood."""
        copy = self.request.with_headers([("s", "1"), ("X-A", "2"), ("x-a", "3")])
        self.assertEqual(copy.get("Subject"), "1")
        self.assertEqual(copy.get_all("X-a"), ["2", "3"])
        self.assertEqual(copy.without("X-A"), self.request.with_headers([("s", "1")]))
        self.assertEqual(copy.without("v").get_all("Via"), [])
        names = [name for name, _ in copy.replacing("v", "y").header_items()]
        self.assertEqual(names, ["Max-Forwards", "Via", "Subject", "X-A", "x-a"])
        self.assertEqual(copy.replacing("Expires", "5").expires, 5)
        many = copy.with_headers([("X-A", "5"), ("X-B", "6"), ("X-A", "7")])
        self.assertEqual(many.replacing("x-a", "8").get_all("X-A"), ["8"])
        self.assertEqual(many.replacing("x-a", "8").get("X-B"), "6")
        self.assertEqual(copy.replacing("X-A", "4").get_all("X-A"), ["4"])

    def test_responses_are_copied_as_responses(self) -> None:
        """A copy of a response keeps status and phrase."""
        response = Response(200, "Fine", [("Via", "SIP/2.0/UDP a")], b"body")
        self.assertEqual(response.with_headers([]), response)

    def test_body(self) -> None:
        """The type of a body is named in Content-Type (3261-7.4.1-a)."""
        copy = self.request.with_body(b"v=0", "application/sdp")
        self.assertEqual(copy.body, b"v=0")
        self.assertEqual(copy.get("Content-Type"), "application/sdp")
        self.assertIsNone(copy.with_body(b"").get("Content-Type"))
        self.assertRaises(LocalProtocolError, copy.with_body, b"v=0")


class ResponseToTests(SynchronousTestCase):
    """What a response copies from its request (section 8.2.6.2)."""

    def test_copied_fields(self) -> None:
        """Via, From, Call-ID and CSeq equal those of the request, in order."""
        request = invite(("Via", "SIP/2.0/UDP c, SIP/2.0/UDP d"), ("Subject", "x"))
        response = response_to(request, 404, headers=[("Server", "y")], body=b"z")
        self.assertEqual(
            response.header_items(),
            [row for row in ROWS if row[0] != "Max-Forwards"]
            + [("Via", "SIP/2.0/UDP c, SIP/2.0/UDP d"), ("Server", "y")],
        )
        self.assertEqual((response.status, response.reason), (404, "Not Found"))
        self.assertEqual(response.body, b"z")
        self.assertEqual(
            response_to(request, 404, "Gone fishing").reason, "Gone fishing"
        )

    def test_to_tag(self) -> None:
        """A tag is added to To if the request has none there."""
        response = response_to(invite(), 200, to_tag="t")
        self.assertEqual(response.get("To"), "<sip:bob@b>;tag=t")
        self.assertEqual(response.to_tag, "t")
        tagged = invite().replacing("To", "sip:bob@b;x=y;Tag=old")
        self.assertEqual(response_to(tagged, 200, to_tag="t").to_tag, "old")
        plain = invite().replacing("To", "sip:bob@b;x=y")
        self.assertEqual(response_to(plain, 200, to_tag="t").to_tag, "t")

    def test_malformed_to(self) -> None:
        """A malformed request gets its answer too."""
        broken = invite().replacing("To", '"Bob <sip:bob@b>')
        response = response_to(broken, 400, to_tag="t")
        self.assertEqual(response.get("To"), '"Bob <sip:bob@b>;tag=t')
        broken = invite().replacing("To", '"Bob <sip:bob@b>;tag=u')
        self.assertEqual(
            response_to(broken, 400, to_tag="t").get("To"), broken.get("To")
        )

    def test_timestamp(self) -> None:
        """A 100 repeats the Timestamp of its request (section 8.2.6.1)."""
        request = invite(("Timestamp", "54"))
        self.assertEqual(response_to(request, 100).get("Timestamp"), "54")
        self.assertIsNone(response_to(request, 180).get("Timestamp"))

    def test_record_route(self) -> None:
        """What can make a dialog repeats Record-Route, all values in order (12.1.1)."""
        request = invite(("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"))
        for status, expected in ((100, 0), (101, 2), (200, 2), (300, 0), (486, 0)):
            found = response_to(request, status).record_routes
            self.assertEqual(len(found), expected, status)
        bye = Request("BYE", "sip:b", request.header_items())
        self.assertEqual(response_to(bye, 200).record_routes, [])
