"""Tests of the INVITE that is made from a Contact of a redirection."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.contact_request import proxied_by, request_for
from sipuac.errors import LocalProtocolError
from sipuac.syntax.message import Request
from sipuac.syntax.uri import parse_uri
from tests.dialog.messages import invite


class ContactTests(SynchronousTestCase):
    """What of a URI goes where."""

    def made(self, uri: str, *rows: tuple[str, str]) -> Request:
        """The INVITE for this URI, of one that had these further fields."""
        return request_for(invite(*rows), parse_uri(uri))

    def refused(self, uri: str, *rows: tuple[str, str]) -> str:
        """Why this URI is no INVITE."""
        return str(self.assertRaises(LocalProtocolError, self.made, uri, *rows))

    def test_the_request_uri(self) -> None:
        """The whole URI goes into the Request-URI but for method and headers, unknown
        parameters included (3261-8.1.3.4-c, 3261-19.1.5-a).
        """
        text = "sip:carol:pw@c.example:5070;transport=tcp;user=phone;x=y"
        request = self.made(f"{text};method=INVITE?Subject=foo")
        self.assertEqual(request.uri_text, text)
        self.assertEqual(request.get("Subject"), "foo")
        request = self.made("tel:+1-212-555-0100")
        self.assertEqual(request.uri_text, "tel:+1-212-555-0100")

    def test_all_else_stays(self) -> None:
        """Header fields and body are those of the redirected request; To, From and
        Call-ID too (3261-8.1.3.4-d).
        """
        old = invite(("Subject", "Lunch"))
        request = self.made("sip:carol@c.example", ("Subject", "Lunch"))
        self.assertEqual(request.header_items(), old.header_items())
        self.assertEqual(request.body, old.body)

    def test_headers(self) -> None:
        """A field that takes one value is replaced; to a list the value is added
        (3261-8.1.3.4-c).
        """
        request = self.made(
            "sip:user@host.example?Subject=foo&Accept-Contact=*%3Bvideo",
            ("Subject", "Lunch"),
            ("Accept-Contact", "*;audio"),
        )
        self.assertEqual(request.get_all("Subject"), ["foo"])
        self.assertEqual(request.get_all("Accept-Contact"), ["*;audio", "*;video"])

    def test_lists(self) -> None:
        """Call-IDs replied to and preferences of both kinds add up (3261-8.1.3.4-c)."""
        for name, old, new in (
            ("In-Reply-To", "first@me", "second@me"),
            ("Reject-Contact", "*;mobility", "*;video"),
        ):
            escaped = new.replace(";", "%3B").replace("@", "%40")
            request = self.made(f"sip:carol@c.example?{name}={escaped}", (name, old))
            self.assertEqual(request.get_all(name), [old, new])

    def test_preferences(self) -> None:
        """What the caller asks of proxies is not for a redirecting server to change."""
        uri = "sip:user@host.example?Request-Disposition=fork"
        rows = ("Request-Disposition", "no-fork")
        request = self.made(uri, rows)
        self.assertEqual(request.get_all("Request-Disposition"), ["no-fork"])
        request = self.made(f"{uri}&Subject=foo", rows)
        self.assertEqual(request.get("Subject"), "foo")
        request = self.made(uri)
        self.assertEqual(request.get_all("Request-Disposition"), ["fork"])
        self.refused(f"{uri}%2C%20no-fork")
        self.refused(f"{uri}%2C%2C%40")

    def test_dangerous_headers(self) -> None:
        """Those that are dangerous, that misstate place or capabilities, or that speak
        for the caller are not honored (3261-19.1.5-b).
        """
        names = (
            "From f Call-ID i CSeq Via v Record-Route Route Accept Accept-Encoding "
            "Accept-Language Allow Contact m Organization Supported k User-Agent To t "
            "Content-Type c Content-Length l Date Timestamp body Max-Forwards Expires "
            "Diversion Privacy P-Asserted-Identity Authorization Proxy-Authorization "
            "Replaces %46rom from CALL-ID session-expires X-Account"
        ).split()
        old = invite().header_items()
        for name in names:
            request = self.made(f"sip:carol@c.example?{name}=evil")
            self.assertEqual(request.header_items(), old, name)
            self.assertEqual(request.body, invite().body, name)

    def test_invalid(self) -> None:
        """A URI that makes no valid INVITE, or requires what we do not, is not used
        (3261-19.1.5-c).
        """
        self.assertIn("BYE", self.refused("sip:carol@c.example;method=BYE"))
        self.refused("sip:carol@c.example?Subject=a%0D%0AEvil:%201")
        self.refused("sip:carol@c.example?a%20b=c")
        self.assertIn("foo", self.refused("sip:carol@c.example?Require=foo"))
        self.refused("sip:carol@c.example?Proxy-Require=foo")


class ProxyTests(SynchronousTestCase):
    """305 Use Proxy."""

    def test_the_route(self) -> None:
        """The request is repeated through that proxy, after our own
        (3261-21.3.2-a).
        """
        old = invite(("Route", "<sip:out.example;lr>"), ("Subject", "Lunch"))
        request = proxied_by(old, parse_uri("sip:p.example?Subject=x"))
        self.assertEqual(
            request.get_all("Route"), ["<sip:out.example;lr>", "<sip:p.example;lr>"]
        )
        self.assertEqual((request.method, request.uri_text), ("INVITE", old.uri_text))
        self.assertEqual(request.get("Subject"), "Lunch")
        request = proxied_by(invite(), parse_uri("sip:p.example;lr"))
        self.assertEqual(request.get_all("Route"), ["<sip:p.example;lr>"])

    def test_no_proxy(self) -> None:
        """A telephone number is none."""
        self.assertRaises(LocalProtocolError, proxied_by, invite(), parse_uri("tel:+1"))

    def test_a_route_of_ours_that_cannot_be_read(self) -> None:
        """Nobody knows where it would go; it is not repeated."""
        old = invite(("Route", "<<"))
        proxy = parse_uri("sip:p.example")
        self.assertRaises(LocalProtocolError, proxied_by, old, proxy)
