"""Requests of others, and where their responses go."""

from __future__ import annotations

from sipuac.errors import (
    ParseError,
)
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response, response_to
from tests.ua.peer import HOST, PeerTestCase
from tests.ua.transaction_users import Handler, foreign


class ServerTests(PeerTestCase):
    """Requests of others."""

    def setUp(self) -> None:
        """The peer knows a way to us."""
        super().setUp()
        transport = self.protocol
        connecting = self.peer.transport.connect(
            Destination(transport, "caller.invalid", 5060, "caller.invalid")
        )
        self.advance()
        self.peer.flow = self.successResultOf(connecting)

    def send(self, request: Request) -> None:
        """The peer sends a request."""
        if self.protocol != "UDP":
            via = request.get("Via") or ""
            request = request.replacing("Via", via.replace("/UDP", f"/{self.protocol}"))
        self.peer.send(request)
        self.advance()

    def test_what_nobody_wants_is_answered(self) -> None:
        """405 with Allow for what we do not take, 501 for what we do not know, 481 for
        dialogs that we do not have, 200 to OPTIONS.
        """
        expected = [
            (foreign("OPTIONS"), 200),
            (foreign("MESSAGE"), 405),
            (foreign("UNHEARD"), 501),
            (foreign("BYE"), 481),
            (foreign("INFO", to_tag=";tag=t"), 481),
            (foreign("OPTIONS", headers=(("Require", "magic"),)), 420),
            (foreign("INVITE"), 486),
        ]
        for number, (request, status) in enumerate(expected):
            via = (request.get("Via") or "") + str(number)
            request = request.replacing("Via", via)
            self.send(request.replacing("Call-ID", f"theirs{number}"))
            response = self.peer.received[-1]
            assert isinstance(response, Response)
            self.assertEqual(response.status, status, request.method)
            self.assertIsNotNone(response.to_tag)
            if status in (200, 405, 501):
                self.assertTrue(response.has_token("Allow", "BYE"))
            if status == 420:
                self.assertEqual(response.get("Unsupported"), "magic")
        self.send(foreign("ACK", branch="z9hG4bKforeign6", to_tag=";tag=x"))
        self.assert_nothing_left()

    def test_a_handler_answers_and_hears_no_retransmission(self) -> None:
        """The first handler that wants it has it; repeats get the same response."""
        before, handler, after = Handler(), Handler("INFO"), Handler("INFO")
        for one in (before, handler, after):
            self.endpoint.add_handler(one)
        info = foreign("INFO", to_tag=";tag=t")
        self.send(info)
        self.send(info)
        transaction = handler.transactions[0]
        assert transaction is not None
        self.assertEqual(self.peer.statuses, [])
        transaction.respond(response_to(info, 200))
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        if self.protocol == "UDP":
            self.send(info)
            self.assertEqual(self.peer.statuses, [200, 200])
        offered = (before.offered, handler.offered, after.offered)
        self.assertEqual(offered, (["INFO"], ["INFO"], []))
        self.assert_nothing_left()

    def test_a_handler_that_fails(self) -> None:
        """ParseError is answered with its hint, any other fault with 500."""
        handler = Handler("INFO")
        self.endpoint.add_handler(handler)
        handler.error = ParseError("bad", 415)
        self.send(foreign("INFO", branch="z9hG4bK1"))
        handler.error = ValueError("ours")
        self.send(foreign("INFO", branch="z9hG4bK2"))
        self.assertEqual(self.peer.statuses, [415, 500])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.endpoint.counters["requests-malformed"], 1)
        self.assert_nothing_left()

    def test_a_cancel_that_matches_nothing(self) -> None:
        """A CANCEL that matches no transaction gets 481 (3261-9.2-a)."""
        self.send(foreign("CANCEL"))
        self.assertEqual(self.peer.statuses, [481])
        self.assert_nothing_left()

    def test_a_cancel_of_a_pending_invite(self) -> None:
        """A CANCEL gets 200, its INVITE 487, with the same To tag (3261-9.2-a)."""
        self.endpoint.add_handler(Handler("INVITE"))
        self.send(foreign("INVITE"))
        self.send(foreign("CANCEL"))
        responses = [m for m in self.peer.received if isinstance(m, Response)]
        self.assertEqual([r.status for r in responses], [200, 487])
        self.assertEqual([r.cseq.method for r in responses], ["CANCEL", "INVITE"])
        self.assertEqual(responses[0].to_tag, responses[1].to_tag)
        self.send(foreign("ACK", to_tag=f";tag={responses[1].to_tag}"))
        self.assert_nothing_left()

    def test_a_cancel_after_the_final_response(self) -> None:
        """It gets 200 and has no effect on the INVITE (RFC 3261 section 9.2)."""
        handler = Handler("INVITE")
        self.endpoint.add_handler(handler)
        invite = foreign("INVITE")
        self.send(invite)
        transaction = handler.transactions[0]
        assert transaction is not None
        transaction.respond(response_to(invite, 200, to_tag="t"))
        self.advance()
        self.send(foreign("CANCEL"))
        self.assertEqual(self.peer.statuses, [200, 200])
        self.assert_nothing_left()

    def test_the_ack_of_a_2xx_reaches_the_handler(self) -> None:
        """In Accepted the ACK with the INVITE's branch is passed up; others match
        nothing and are offered to all.
        """
        handler = Handler("INVITE", "ACK")
        self.endpoint.add_handler(handler)
        invite = foreign("INVITE")
        self.send(invite)
        transaction = handler.transactions[0]
        assert transaction is not None
        transaction.respond(response_to(invite, 200, to_tag="t"))
        self.send(foreign("ACK", to_tag=";tag=t"))
        self.send(foreign("ACK", branch="z9hG4bKown", to_tag=";tag=t"))
        self.assertEqual(handler.offered, ["INVITE", "ACK", "ACK"])
        self.assertEqual(self.endpoint.counters["acks-unmatched"], 0)
        self.assert_nothing_left()

    def test_an_ack_for_nobody_is_counted(self) -> None:
        """An ACK is never answered."""
        self.send(foreign("ACK", to_tag=";tag=t"))
        self.assertEqual(self.peer.statuses, [])
        self.assertEqual(self.endpoint.counters["acks-unmatched"], 1)


class ServerTcpTests(ServerTests):
    """The same over TCP."""

    protocol = "TCP"

    def test_a_response_reopens_the_connection(self) -> None:
        """If the connection is no longer open, the server SHOULD open another to the
        sent-by address (3261-18.2.2-a).
        """
        handler = Handler("INFO")
        self.endpoint.add_handler(handler)
        info = foreign("INFO", to_tag=";tag=t")
        self.send(info)
        transaction = handler.transactions[0]
        assert transaction is not None
        self.network.reset(HOST)
        self.advance()
        transaction.respond(response_to(transaction.request, 200))
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.assert_nothing_left()

    def test_a_response_that_cannot_be_delivered(self) -> None:
        """Where no connection can be made it is counted, and nothing is left."""
        handler = Handler("INFO")
        self.endpoint.add_handler(handler)
        self.send(foreign("INFO", to_tag=";tag=t"))
        transaction = handler.transactions[0]
        assert transaction is not None
        self.peer.transport.stop()
        self.advance()
        transaction.respond(response_to(transaction.request, 200))
        self.advance(1)
        self.assertEqual(self.endpoint.counters["responses-undeliverable"], 1)
        self.assert_nothing_left()


class ReplyAddressTests(PeerTestCase):
    """Where responses go over UDP (RFC 3261 18.2.2, RFC 3581 section 4)."""

    def inject(self, via: str) -> tuple[str, int]:
        """Send OPTIONS from port 6000; where does its response go?"""
        octets = foreign("OPTIONS", via=via).render()
        self.network.inject(octets, (HOST, 6000), ("caller.invalid", 5060))
        self.advance()
        return self.network.packets("SIP/2.0 200")[-1].destination

    def test_to_the_sent_by_port(self) -> None:
        """Without rport the response goes to the source address, but to the port of
        sent-by (3261-18.2.2-a).
        """
        self.assertEqual(self.inject(f"SIP/2.0/UDP {HOST}:5070"), (HOST, 5070))
        self.assertEqual(self.inject("SIP/2.0/UDP nat.invalid"), (HOST, 5060))

    def test_to_the_source_port(self) -> None:
        """With rport it goes to where the request came from."""
        self.assertEqual(self.inject(f"SIP/2.0/UDP {HOST};rport"), (HOST, 6000))

    def test_without_room_for_a_transaction(self) -> None:
        """Too many requests get 503 without state, the same way."""
        self.endpoint._transactions._max_transactions = 0
        octets = foreign("OPTIONS", via=f"SIP/2.0/UDP {HOST}:5070").render()
        self.network.inject(octets, (HOST, 6000), ("caller.invalid", 5060))
        self.advance()
        packet = self.network.packets("SIP/2.0 503")[-1]
        self.assertEqual(packet.destination, (HOST, 5070))
        self.assertEqual(self.endpoint.counters["requests-refused-overload"], 1)
        self.assert_nothing_left()
