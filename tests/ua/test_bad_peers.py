"""Peers that break the rules: each gets its defined answer, and the call its end."""

from __future__ import annotations

from sipuac.errors import (
    Busy,
    Cancelled,
    MissingSessionDescription,
    Redirected,
    RemoteProtocolError,
    RequestRejected,
    RequestTerminated,
)
from sipuac.syntax.message import Request, response_to
from tests.ua.peer import HOST, PeerTestCase


class BadResponseTests(PeerTestCase):
    """Responses that are not what they should be."""

    def setUp(self) -> None:
        """An INVITE has arrived."""
        super().setUp()
        self.call = self.invite()
        self.sent = self.peer.last("INVITE")

    def end(self) -> None:
        """Answer the BYE, if one came; nothing is left."""
        for bye in self.peer.requests("BYE")[-1:]:
            self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()

    def warnings(self) -> list[str]:
        """The warnings of the call."""
        events = [event.as_dict() for event in self.call.events]
        return [str(e["message"]) for e in events if e["event"] == "warning"]

    def test_a_2xx_without_contact(self) -> None:
        """Its ACK and BYE go to the INVITE's Request-URI, and the call fails."""
        self.peer.answer(self.sent, 200, sdp=True, contact=None)
        self.advance()
        self.failureResultOf(self.call.established, RemoteProtocolError)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        for method in ("ACK", "BYE"):
            self.assertEqual(self.peer.last(method).uri_text, self.sent.uri_text)
        self.end()

    def test_a_2xx_with_a_contact_that_cannot_be_read(self) -> None:
        """It counts as none."""
        for contact in ("<sip:>", "garbage <<", "<tel:+1>", "*"):
            if self.peer.requests("BYE"):
                self.setUp()
            self.peer.answer(self.sent, 200, sdp=True, contact=contact)
            self.advance()
            self.failureResultOf(self.call.established, RemoteProtocolError)
            self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"], contact)
            self.end()

    def test_a_2xx_without_sdp(self) -> None:
        """ACK, BYE, MissingSessionDescription (3261-13.2.1-e)."""
        self.peer.answer(self.sent, 200)
        self.advance()
        self.failureResultOf(self.call.established, MissingSessionDescription)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.end()

    def test_a_2xx_with_a_body_that_is_no_sdp(self) -> None:
        """Neither another type nor garbage of the right type is an answer."""
        for content_type in ("text/plain", "application/sdp"):
            if self.peer.requests("BYE"):
                self.setUp()
            fields = [("Contact", f"<sip:bob@{HOST}>"), ("Content-Type", content_type)]
            response = response_to(
                self.sent, 200, to_tag="a", headers=fields, body=b"\x00garbage"
            )
            self.peer.send(response)
            self.advance()
            self.failureResultOf(self.call.established, MissingSessionDescription)
            self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
            self.assertEqual(len(self.warnings()), 1)
            self.end()

    def test_a_2xx_without_to_tag(self) -> None:
        """The remote tag is null, and requests bear no To tag (3261-12.1.2-c)."""
        self.peer.answer(self.sent, 200, None, sdp=True)
        self.advance()
        session = self.successResultOf(self.call.established)
        self.assertEqual(session.to_tag, "")
        self.assertIsNone(self.peer.last("ACK").to_tag)
        self.peer.answer(self.sent, 200, None, sdp=True)
        self.advance()
        self.assertEqual(len(self.peer.requests("ACK")), 2)
        session.bye()
        self.advance()
        self.assertIsNone(self.peer.last("BYE").to_tag)
        self.end()

    def test_a_provisional_without_tag(self) -> None:
        """It makes no dialog; what it says is reported."""
        self.peer.answer(self.sent, 183, None, sdp=True)
        self.advance()
        self.assertEqual(self.call.branches, [])
        self.assertEqual(self.call.events[-1].as_dict()["to_tag"], None)
        self.peer.answer(self.sent, 486)
        self.advance()
        self.failureResultOf(self.call.final, Busy)
        self.end()

    def test_a_100_with_a_tag(self) -> None:
        """A To tag in a 100 makes no dialog (3261-21.1.1-a)."""
        self.peer.answer(self.sent, 100, "a", sdp=True)
        self.advance()
        self.assertEqual(self.call.branches, [])
        self.call.cancel()
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "CANCEL"])
        self.peer.answer(self.sent, 487)
        self.advance()
        self.failureResultOf(self.call.final, Cancelled)
        self.end()

    def test_unknown_statuses(self) -> None:
        """A final response that we do not know is x00 of its class, a provisional one
        is 183 (3261-8.1.3.2-a).
        """
        self.peer.answer(self.sent, 199 - 5, "a")
        self.advance()
        self.assertEqual(len(self.call.branches), 1)
        self.peer.answer(self.sent, 499)
        self.advance()
        error = self.failureResultOf(self.call.final, RequestRejected).value
        self.assertIs(type(error), RequestRejected)
        self.assertEqual(error.status, 499)
        self.end()

    def test_an_unknown_success(self) -> None:
        """Any 2xx is a success."""
        self.peer.answer(self.sent, 299, sdp=True)
        self.advance()
        self.successResultOf(self.call.established).bye()
        self.advance()
        self.end()

    def test_a_487_that_we_did_not_ask_for(self) -> None:
        """It is RequestTerminated, never Cancelled."""
        self.peer.answer(self.sent, 180)
        self.peer.answer(self.sent, 487)
        self.advance()
        self.failureResultOf(self.call.final, RequestTerminated)
        self.end()

    def test_a_redirection_without_contacts(self) -> None:
        """It is Redirected, to nowhere."""
        self.peer.answer(self.sent, 302, contact=None)
        self.advance()
        error = self.failureResultOf(self.call.final, Redirected).value
        self.assertEqual(error.contacts, ())
        self.end()

    def test_a_redirection_with_odd_contacts(self) -> None:
        """Those that can be read are told, the most wanted first."""
        fields = [
            ("Contact", "<sip:c@x>;q=0.1"),
            ("Contact", "garbage <<"),
            ("Contact", "<sip:d@x>;q=0.9, <mailto:e@x>"),
        ]
        self.peer.answer(self.sent, 302, headers=fields)
        self.advance()
        error = self.failureResultOf(self.call.final, Redirected).value
        self.assertEqual(error.contacts, ("mailto:e@x", "sip:d@x", "sip:c@x"))
        self.end()

    def test_a_record_route_that_cannot_be_read(self) -> None:
        """The 2xx is acknowledged, straight to its Contact: no way is told."""
        self.peer.answer(
            self.sent, 200, sdp=True, headers=[("Record-Route", "garbage <<")]
        )
        self.advance()
        session = self.successResultOf(self.call.established)
        self.assertIsNone(self.peer.last("ACK").get("Route"))
        session.bye()
        self.advance()
        self.end()

    def test_a_record_route_that_is_no_sip_uri(self) -> None:
        """The ACK has no way: a warning, the BYE fails, nothing is left."""
        self.peer.answer(
            self.sent, 200, sdp=True, headers=[("Record-Route", "<tel:+1>")]
        )
        self.advance()
        self.call.hangup()
        self.advance(1)
        self.assertTrue(any("ACK" in warning for warning in self.warnings()))
        self.successResultOf(self.call.done)
        self.end()

    def test_a_reliable_provisional_without_rseq(self) -> None:
        """No PRACK could name it: it is discarded, and that is told."""
        fields = [("Require", "100rel")]
        self.peer.answer(self.sent, 183, sdp=True, headers=fields)
        self.advance()
        self.assertEqual(len(self.warnings()), 1)
        self.assertEqual(self.peer.methods, ["INVITE"])
        self.peer.answer(self.sent, 200, sdp=True)
        self.advance()
        self.successResultOf(self.call.established).bye()
        self.advance()
        self.end()

    def test_provisionals_after_the_final_response(self) -> None:
        """They change nothing (6026-8.4-e, 6026-8.4-f)."""
        self.peer.answer(self.sent, 200, sdp=True)
        self.peer.answer(self.sent, 180, "b")
        self.peer.answer(self.sent, 486, "c")
        self.advance()
        session = self.successResultOf(self.call.established)
        self.assertEqual(len(self.call.branches), 1)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        session.bye()
        self.advance()
        self.end()

    def test_a_flood_of_forks(self) -> None:
        """A peer that makes new dialogs without end does not make work without end."""
        for number in range(200):
            self.peer.answer(self.sent, 180, f"t{number}")
        self.advance()
        self.peer.answer(self.sent, 486)
        self.advance()
        self.failureResultOf(self.call.final, Busy)
        self.end()

    def test_requests_of_the_peer_that_cannot_be_read(self) -> None:
        """They are answered 400 and counted; the call goes on."""
        self.peer.answer(self.sent, 200, sdp=True)
        self.advance()
        session = self.successResultOf(self.call.established)
        request = self.peer.ask("BYE")
        bad = request.render().replace(b"CSeq: 1 BYE", b"CSeq: 99999999999 BYE")
        bad = bad.replace(b"branch=z9hG4bKp1", b"branch=z9hG4bKbad")
        self.network.inject(bad, (HOST, 5060), ("caller.invalid", 5060))
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.assertEqual(len(self.network.packets("SIP/2.0 400")), 1)
        self.assertEqual(session.state, "Terminated")
        self.end()

    def test_a_challenged_bye(self) -> None:
        """Whatever answers the BYE, the session is over; no credentials yet."""
        self.peer.answer(self.sent, 200, sdp=True)
        self.advance()
        session = self.successResultOf(self.call.established)
        over = session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 407)
        self.advance()
        self.successResultOf(over)
        self.end()

    def test_a_challenged_cancel(self) -> None:
        """No challenge to CANCEL is answered (3261-22.1-a): the INVITE ends by its own
        final response (3261-9.1-h).
        """
        self.peer.answer(self.sent, 180)
        self.advance()
        self.call.cancel()
        self.advance()
        self.peer.answer(self.peer.last("CANCEL"), 407)
        self.advance()
        self.assertEqual(len(self.peer.requests("CANCEL")), 1)
        self.assertNoResult(self.call.done)
        self.peer.answer(self.sent, 487)
        self.advance()
        self.failureResultOf(self.call.final, Cancelled)
        self.end()

    def test_a_loop_back_to_ourselves(self) -> None:
        """Our own INVITE coming back is refused, and the call is not confused."""
        octets = self.sent.replacing("Via", f"SIP/2.0/UDP {HOST};branch=z9hG4bKloop")
        self.peer.send(octets)
        self.advance()
        self.assertGreaterEqual(self.peer.statuses[-1], 400)
        self.assertEqual(self.call.state, "Establishing")
        rejected = [m for m in self.peer.received if not isinstance(m, Request)][-1]
        self.peer.send(
            Request(
                "ACK",
                self.sent.uri,
                [
                    ("Via", f"SIP/2.0/UDP {HOST};branch=z9hG4bKloop"),
                    ("From", self.sent.get("From") or ""),
                    ("To", rejected.get("To") or ""),
                    ("Call-ID", self.sent.call_id),
                    ("CSeq", "1 ACK"),
                    ("Max-Forwards", "70"),
                ],
            )
        )
        self.peer.answer(self.sent, 486)
        self.advance()
        self.end()
