"""Calls to SIPS URIs stay secure, whatever others write (RFC 3261 section 26.2.2)."""

from __future__ import annotations

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Request, response_to
from sipuac.testing.bodies import answer_to
from sipuac.ua.trace import Trace
from tests.ua.peer import Peer, PeerTestCase

TLS_HOST = "tls.invalid"


class SipsTests(PeerTestCase):
    """A peer that speaks TLS, and one of the same name that speaks anything else."""

    def setUp(self) -> None:
        """Put both into the network."""
        super().setUp()
        self.secure = Peer(self.network, TLS_HOST, "TLS", port=5061)
        self.open = Peer(self.network, TLS_HOST, "UDP", "TCP")

    def answered(self, *rows: tuple[str, str]) -> Request:
        """Call, and be answered with these fields in the 200."""
        asked = self.inviter.invite(f"sips:bob@{TLS_HOST}")
        self.advance()
        self.call = self.successResultOf(asked)
        invite = self.secure.last("INVITE")
        body = answer_to(invite.body.decode(), "bob", "192.0.2.9").encode()
        fields = [*rows, ("Content-Type", "application/sdp")]
        self.secure.send(
            response_to(invite, 200, to_tag="a", headers=fields, body=body)
        )
        self.advance()
        return invite

    def hang_up(self) -> None:
        """End the call."""
        self.call.hangup()
        self.advance()
        self.secure.answer(self.secure.last("BYE"), 200)
        self.assert_nothing_left()

    def test_record_route_does_not_step_down(self) -> None:
        """A Record-Route or a Contact that is no SIPS URI takes nothing of the dialog
        of a SIPS call off TLS (3261-26.2.2-a).
        """
        for rows in (
            [("Contact", f"<sips:bob@{TLS_HOST}>")],
            [("Contact", f"<sip:bob@{TLS_HOST}>")],
            [("Contact", f"<sip:bob@{TLS_HOST};transport=tcp>")],
            [("Contact", f"<sip:bob@{TLS_HOST};transport=udp>")],
            [
                ("Record-Route", f"<sip:{TLS_HOST};lr>"),
                ("Contact", "<sip:bob@elsewhere.invalid>"),
            ],
        ):
            self.answered(*rows)
            self.assertEqual(self.secure.methods[-2:], ["INVITE", "ACK"], rows)
            self.hang_up()
        self.assertEqual(self.open.received, [])

    def test_no_fall_back(self) -> None:
        """There is no fall back to another transport (3261-26.2.2-a)."""
        self.secure.transport.stop()
        asked = self.inviter.invite(f"sips:bob@{TLS_HOST}")
        self.advance()
        self.failureResultOf(asked, TransportFailed)
        self.assertEqual(self.open.received, [])
        self.assert_nothing_left()

    def test_the_application_sees_it(self) -> None:
        """Whether a request went over TLS, and to a SIPS URI, is to be seen in the
        trace of the call (3261-26.4.4-a).
        """
        trace = Trace()
        self.endpoint.add_tracer(trace)
        self.answered(("Contact", f"<sips:bob@{TLS_HOST}>"))
        self.invite()
        self.hang_up()
        seen = {
            (entry.message.uri_text.partition(":")[0], entry.transport)
            for entry in trace
            if isinstance(entry.message, Request) and entry.message.method == "INVITE"
        }
        self.assertEqual(seen, {("sips", "TLS"), ("sip", "UDP")})
