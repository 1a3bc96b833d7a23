"""Tests of `sipuac.transaction.derived`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request
from sipuac.transaction.derived import ack_of, cancel_of
from tests.transaction.messages import VIA, request_of, response_of

PREFERENCES = [
    ("Accept-Contact", '*;audio;require;sip.methods="INVITE,BYE"'),
    ("Accept-Contact", "*;mobility=fixed"),
    ("Reject-Contact", '*;actor="msg-taker"'),
    ("Request-Disposition", "no-fork, sequential"),
]

ROUTES = [
    ("Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"),
    ("Route", "<sip:p3.example.com;lr>"),
]


class AckTests(SynchronousTestCase):
    """The ACK of a refusal."""

    def test_example(self) -> None:
        """The ACK is the one that section 17.1.1.3 shows as its example
        (3261-17.1.1.3-a).
        """
        invite = request_of("INVITE")
        ack = ack_of(invite, response_of(invite, 486))
        self.assertEqual(
            ack,
            Request(
                "ACK",
                "sip:bob@biloxi.com",
                [
                    ("Via", VIA),
                    ("Max-Forwards", "70"),
                    ("From", "Alice <sip:alice@atlanta.com>;tag=88sja8x"),
                    ("To", "Bob <sip:bob@biloxi.com>;tag=99sa0xk"),
                    ("Call-ID", "987asjd97y7atg"),
                    ("CSeq", "986759 ACK"),
                ],
            ),
        )

    def test_single_via(self) -> None:
        """The ACK contains a single Via, equal to the top Via of the request, whether
        the others stand in rows of their own or not (3261-17.1.1.3-a).
        """
        below = "SIP/2.0/UDP a.example.com;branch=z9hG4bKbelow"
        in_rows = request_of("INVITE", headers=[("Via", below)])
        in_a_list = request_of("INVITE", via=f"{VIA}, {below}")
        for invite in (in_rows, in_a_list):
            ack = ack_of(invite, response_of(invite, 404))
            self.assertEqual(ack.get_all("Via"), [VIA])
            self.assertEqual(ack.branch, "z9hG4bKkjshdyff")

    def test_routes(self) -> None:
        """If the INVITE had Route fields, they appear in the ACK, in order
        (3261-17.1.1.3-a).
        """
        invite = request_of("INVITE", headers=ROUTES)
        ack = ack_of(invite, response_of(invite, 404))
        self.assertEqual(ack.get_all("Route"), [value for _, value in ROUTES])

    def test_request_uri_as_written(self) -> None:
        """The Request-URI is equal to the INVITE's (3261-17.1.1.3-a)."""
        uri = "sip:+1-201%20;phone-context=x@Gw.example.COM:5070;user=phone;lr"
        invite = request_of("INVITE", uri=uri)
        self.assertEqual(ack_of(invite, response_of(invite, 404)).uri_text, uri)
        self.assertEqual(cancel_of(invite).uri_text, uri)

    def test_no_body(self) -> None:
        """The ACK has no body, and nothing that speaks of one (3261-17.1.1.3-a)."""
        invite = request_of(
            "INVITE", headers=[("Content-Type", "application/sdp")], body=b"v=0\r\n"
        )
        ack = ack_of(invite, response_of(invite, 488))
        self.assertEqual(ack.body, b"")
        self.assertIsNone(ack.get("Content-Type"))

    def test_preferences(self) -> None:
        """Caller preferences in the ACK for a non-2xx are equal to the values of the
        INVITE (3841-5-b).
        """
        invite = request_of("INVITE", headers=PREFERENCES)
        ack = ack_of(invite, response_of(invite, 404))
        self.assertEqual(ack.header_items()[-len(PREFERENCES) :], PREFERENCES)

    def test_credentials(self) -> None:
        """All Authorization and Proxy-Authorization values of the INVITE are in its
        ACK, each in a row of its own (3261-22.1-d).
        """
        credentials = [
            ("Authorization", 'Digest username="alice", realm="a", response="1"'),
            ("Proxy-Authorization", 'Digest username="alice", realm="b", response="2"'),
            ("Proxy-Authorization", 'Digest username="alice", realm="c", response="3"'),
        ]
        invite = request_of("INVITE", headers=credentials)
        ack = ack_of(invite, response_of(invite, 404))
        self.assertEqual(ack.header_items()[-len(credentials) :], credentials)

    def test_nothing_else(self) -> None:
        """Other fields of the INVITE are not in its ACK."""
        invite = request_of(
            "INVITE",
            headers=[
                ("Contact", "<sip:alice@pc33.atlanta.com>"),
                ("Require", "100rel"),
                ("Supported", "199"),
                ("Subject", "lunch"),
            ],
        )
        ack = ack_of(invite, response_of(invite, 420))
        self.assertEqual(
            [name for name, _ in ack.header_items()],
            ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"],
        )

    def test_response_without_to(self) -> None:
        """Without the To of the response no ACK can be made."""
        invite = request_of("INVITE")
        response = response_of(invite, 404).without("To")
        self.assertRaises(ParseError, ack_of, invite, response)


class CancelTests(SynchronousTestCase):
    """The CANCEL of an INVITE."""

    def test_fields(self) -> None:
        """Request-URI, Call-ID, To, From and the number of CSeq are identical to those
        of the INVITE, the method of CSeq is CANCEL; no To tag (3261-9.1-b).
        """
        self.assertEqual(
            cancel_of(request_of("INVITE")),
            Request(
                "CANCEL",
                "sip:bob@biloxi.com",
                [
                    ("Via", VIA),
                    ("Max-Forwards", "70"),
                    ("From", "Alice <sip:alice@atlanta.com>;tag=88sja8x"),
                    ("To", "Bob <sip:bob@biloxi.com>"),
                    ("Call-ID", "987asjd97y7atg"),
                    ("CSeq", "986759 CANCEL"),
                ],
            ),
        )

    def test_tags_of_a_reinvite(self) -> None:
        """To and From are identical "including tags" (3261-9.1-b)."""
        to = '"Bob; the \\"builder\\"" <sip:bob@biloxi.com>;tag=x;p="q"'
        self.assertEqual(cancel_of(request_of("INVITE", to=to)).get("To"), to)

    def test_single_via_and_routes(self) -> None:
        """One Via, equal to the top Via of the INVITE with its branch, and its Route
        values in order (3261-9.1-c).
        """
        below = ("Via", "SIP/2.0/UDP a.example.com;branch=z9hG4bKbelow")
        cancel = cancel_of(request_of("INVITE", headers=[below, *ROUTES]))
        self.assertEqual(cancel.get_all("Via"), [VIA])
        self.assertEqual(cancel.get_all("Route"), [value for _, value in ROUTES])

    def test_no_require(self) -> None:
        """The CANCEL contains no Require and no Proxy-Require, neither from the INVITE
        nor because somebody asks for it (3261-9.1-d).
        """
        invite = request_of(
            "INVITE", headers=[("Require", "100rel"), ("Proxy-Require", "pref")]
        )
        cancel = cancel_of(invite)
        self.assertIsNone(cancel.get("Require"))
        self.assertIsNone(cancel.get("Proxy-Require"))
        for name in ("Require", "require", "Proxy-Require"):
            with self.assertRaises(LocalProtocolError):
                cancel_of(invite, [(name, "100rel")])

    def test_other_methods(self) -> None:
        """No CANCEL is made for any method but INVITE (3261-9.1-a)."""
        for method in ("BYE", "OPTIONS", "REGISTER", "ACK", "CANCEL"):
            self.assertRaises(LocalProtocolError, cancel_of, request_of(method))

    def test_preferences(self) -> None:
        """Caller preferences in CANCEL are equal to the values of the INVITE, and no
        others can be added (3841-5-b).
        """
        invite = request_of("INVITE", headers=PREFERENCES)
        self.assertEqual(
            cancel_of(invite).header_items()[-len(PREFERENCES) :], PREFERENCES
        )
        with self.assertRaises(LocalProtocolError):
            cancel_of(invite, [("d", "fork")])

    def test_reason(self) -> None:
        """A Reason can be added."""
        reason = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
        cancel = cancel_of(request_of("INVITE"), [reason])
        self.assertEqual(cancel.header_items()[-1], reason)

    def test_copied_fields_are_not_free(self) -> None:
        """What CANCEL has from the INVITE cannot be added again, by any spelling."""
        for name in ("Via", "v", "To", "f", "i", "CSEQ", "Route", "Max-Forwards", "l"):
            with self.assertRaises(LocalProtocolError):
                cancel_of(request_of("INVITE"), [(name, "1")])

    def test_injection(self) -> None:
        """A value with a line end is refused."""
        with self.assertRaises(LocalProtocolError):
            cancel_of(request_of("INVITE"), [("Reason", "SIP\r\nRoute: <sip:x>")])

    def test_credentials(self) -> None:
        """A CANCEL has no credentials: it can be neither challenged nor sent again."""
        invite = request_of("INVITE", headers=[("Authorization", "Digest a=b")])
        self.assertIsNone(cancel_of(invite).get("Authorization"))

    def test_max_forwards(self) -> None:
        """Max-Forwards is the INVITE's, and 70 where that has none."""
        invite = request_of("INVITE").replacing("Max-Forwards", "12")
        self.assertEqual(cancel_of(invite).get("Max-Forwards"), "12")
        self.assertEqual(
            cancel_of(invite.without("Max-Forwards")).get("Max-Forwards"), "70"
        )
