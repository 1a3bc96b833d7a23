"""What a request is answered with that nobody here wants."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.message import Request, Response
from sipuac.syntax.parser import check_received
from sipuac.ua.refusal import refusal_of
from tests.ua.peer import PeerTestCase
from tests.ua.transaction_users import Handler, foreign

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def copy_of(method: str, branch: str) -> Request:
    """A request that came by the path of that branch."""
    request = foreign(method, branch=f"z9hG4bK{branch}")
    return request.replacing("Call-ID", "theirs")


def refused(
    method: str,
    *headers: tuple[str, str],
    uri: str = "sip:caller@caller.invalid",
    to_tag: str = "",
    body: bytes = b"",
) -> Response:
    """The answer to such a request."""
    rows = foreign(method, to_tag=to_tag, headers=headers).header_items()
    request = Request(method, uri, rows, body)
    check_received(request)
    return refusal_of(request, "t")


class RefusalTests(SynchronousTestCase):
    """Method, Request-URI, extensions, body: in this order (RFC 3261 section 8.2)."""

    def assert_statuses(
        self, cases: Iterable[tuple[tuple[tuple[str, str], ...], bytes, int]]
    ) -> None:
        """An INVITE with these fields and this body is answered so."""
        for headers, body, status in cases:
            response = refused("INVITE", *headers, body=body)
            self.assertEqual(response.status, status, (headers, body))

    def test_what_means_something_in_dialogs_only(self) -> None:
        """Without a dialog BYE, PRACK and the like get 481, whatever they hold."""
        for method in ("BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"):
            self.assertEqual(refused(method, ("Require", "x")).status, 481)
        self.assertEqual(refused("OPTIONS", to_tag=";tag=x").status, 481)

    def test_the_method_comes_first(self) -> None:
        """405 and 501 with Allow, before the Request-URI is looked at."""
        for method, status in (
            ("REGISTER", 405),
            ("MESSAGE", 405),
            ("register", 501),
            ("NEW", 501),
        ):
            response = refused(method, ("Require", "x"), uri="urn:x")
            self.assertEqual(response.status, status)
            self.assertTrue(response.has_token("Allow", "INVITE"))
            self.assertFalse(response.has_token("Allow", method))

    def test_schemes(self) -> None:
        """A scheme that we do not support gets 416; a number may be ours."""
        for uri, status in (
            ("urn:service:sos", 416),
            ("mailto:a@b", 416),
            ("sips:a@b", 200),
            ("tel:+1", 200),
        ):
            self.assertEqual(
                refused("OPTIONS", ("Require", ""), uri=uri).status, status
            )

    def test_extensions(self) -> None:
        """420 names all that are not understood, and those alone."""
        response = refused("INVITE", ("Require", "100rel, a"), ("Require", "b"))
        self.assertEqual(response.status, 420)
        self.assertEqual(response.unsupported, ["a", "b"])
        self.assertEqual(refused("INVITE", ("Proxy-Require", "a")).status, 486)

    def test_bodies(self) -> None:
        """A body that is required and not understood gets 415 (RFC 3261 8.2.3)."""
        sdp = ("Content-Type", "application/sdp")
        text = ("Content-Type", "text/plain")
        optional = ("Content-Disposition", "render;handling=optional")
        self.assert_statuses(
            (
                ((), b"", 486),
                ((sdp,), OFFER, 486),
                ((text,), b"x", 415),
                ((text, optional), b"x", 486),
                ((sdp, ("Content-Encoding", "gzip")), OFFER, 415),
                ((sdp, ("Content-Disposition", ";")), OFFER, 400),
            )
        )
        response = refused("INVITE", text, body=b"x")
        self.assertEqual(response.get("Accept"), "application/sdp")
        self.assertEqual(response.get("Accept-Encoding"), "identity")

    def test_accept(self) -> None:
        """Who takes no session description cannot get an answer: 406."""
        self.assert_statuses(
            (((("Accept", value),), b"", status))
            for value, status in (
                ("application/sdp", 486),
                ("APPLICATION/SDP;level=1", 486),
                ("text/plain, application/*", 486),
                ("*/*", 486),
                ("*/*;q=0.0, application/sdp;q=0.5", 486),
                ("application/sdp;q=0, */*", 406),
                ("application/*;q=0.000, */*", 406),
                ("text/plain", 406),
                ("", 406),
                ("nonsense", 486),
                ("text/plain,,", 486),
            )
        )

    def test_two_rows_of_accept(self) -> None:
        """Rows are one list (3261-7.3.1-b)."""
        rows = (("Accept", "text/plain"), ("Accept", "application/sdp"))
        self.assertEqual(refused("INVITE", *rows).status, 486)

    def test_a_to_that_cannot_be_read(self) -> None:
        """It is the sender's fault."""
        broken = foreign("INVITE").replacing("To", "<sip:x")
        self.assertRaises(ParseError, refusal_of, broken, "t")


class MergedRequestTests(PeerTestCase):
    """Copies of one request that came by several paths (RFC 3261 section 8.2.2.2)."""

    def send(self, request: Request) -> list[int]:
        """The statuses that it is answered with."""
        before = len(self.peer.received)
        self.network.inject(
            request.render(), ("peer.invalid", 5060), ("caller.invalid", 5060)
        )
        self.advance()
        came = self.peer.received[before:]
        return [one.status for one in came if isinstance(one, Response)]

    def test_the_second_copy_is_refused(self) -> None:
        """482 (Loop Detected) while the first is pending, to no ACK and no CANCEL."""
        handler = Handler("INVITE")
        self.endpoint.add_handler(handler)
        first, second = (copy_of("INVITE", branch) for branch in "12")
        self.assertEqual(self.send(first), [])
        self.assertEqual(self.send(second), [482])
        self.assertEqual(handler.offered, ["INVITE"])
        self.assertEqual(self.send(second), [482])
        self.assertEqual(self.send(copy_of("CANCEL", "2")), [200])
        self.assertEqual(self.send(copy_of("CANCEL", "1")), [200, 487])
        self.assert_nothing_left()

    def test_what_is_no_copy(self) -> None:
        """Another method, number or caller is another request; so is one in a dialog,
        and what comes when the first is over.
        """
        self.endpoint.add_handler(Handler("INVITE"))
        first = copy_of("INVITE", "1")
        self.assertEqual(self.send(first), [])
        for number, (name, value) in enumerate(
            (
                ("CSeq", "2 INVITE"),
                ("Call-ID", "other"),
                ("From", "<sip:bob@peer.invalid>;tag=other"),
                ("From", "<sip:bob@peer.invalid>"),
                ("To", "<sip:caller@caller.invalid>;tag=t"),
            )
        ):
            other = copy_of("INVITE", f"o{number}")
            self.assertEqual(self.send(other.replacing(name, value)), [], name)
        self.assertEqual(self.send(copy_of("OPTIONS", "2")), [200])
        self.assertEqual(len(self.endpoint._transactions._by_origin), 5)
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(self.endpoint._transactions._by_origin, {})
        self.assert_nothing_left()
