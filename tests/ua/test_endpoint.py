"""Requests of ours: what comes back is matched, passed up or dropped."""

from __future__ import annotations

import gc
from dataclasses import replace

from twisted.internet.defer import CancelledError

from sipuac.errors import (
    TransactionTimeout,
    TransportFailed,
)
from sipuac.syntax.message import Response, response_to
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import ClientTransaction
from tests.ua.peer import HOST, PeerTestCase, instances_of
from tests.ua.transaction_users import User, make


class ClientTests(PeerTestCase):
    """Requests of ours."""

    def start(self, method: str = "OPTIONS") -> tuple[User, ClientTransaction]:
        """Send a request; it has arrived."""
        user = User()
        transaction = self.endpoint.start_client(make(method), self.flow(), user)
        self.advance()
        return user, transaction

    def test_a_request_gets_its_via(self) -> None:
        """The client "MUST insert a value of the sent-by field into the Via header
        field", a fresh branch and rport (3261-8.1.1.7-a, 3261-18.1.1-c).
        """
        self.start()
        via = self.peer.last("OPTIONS").top_via
        self.assertEqual(via.sent_by, ("caller.invalid", 5060))
        self.assertEqual(via.transport, self.protocol)
        self.assertEqual(via.branch, "z9hG4bK-caller-branch1")
        self.assertEqual(len(self.peer.last("OPTIONS").vias), 1)
        self.assertEqual(via.has_rport, self.protocol == "UDP")

    def test_responses_reach_the_user_in_order(self) -> None:
        """Provisional and final responses are passed up, and then the end."""
        user, _ = self.start()
        options = self.peer.last("OPTIONS")
        self.peer.answer(options, 100, None)
        self.peer.answer(options, 200)
        self.advance()
        self.peer.answer(options, 200)
        self.advance()
        self.advance(10)
        self.assertEqual(user.heard, [100, 200, "terminated"])
        self.assert_nothing_left()

    def test_a_timeout_fails_the_request(self) -> None:
        """Without any answer timer F fires; the user is told once, and then the end."""
        self.peer.transport.stop()
        user = User()
        try:
            self.endpoint.start_client(make("OPTIONS"), self.flow(), user)
        except AssertionError:
            return  # over TCP there is not even a flow
        self.advance(40)
        self.assertEqual(user.heard, [TransactionTimeout, "terminated"])
        self.assert_nothing_left()

    def test_request_fires_with_the_final_response(self) -> None:
        """The Deferred of `request` waits for the final response."""
        asked = self.endpoint.request(make("OPTIONS"), self.flow())
        self.advance()
        self.peer.answer(self.peer.last("OPTIONS"), 100, None)
        self.advance()
        self.assertNoResult(asked)
        self.peer.answer(self.peer.last("OPTIONS"), 481)
        self.advance()
        self.assertEqual(self.successResultOf(asked).status, 481)
        self.assert_nothing_left()

    def test_cancelling_a_request_stops_the_waiting_only(self) -> None:
        """Cancelling the Deferred sends nothing, and a late answer is absorbed."""
        asked = self.endpoint.request(make("OPTIONS"), self.flow())
        self.advance()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance(1)
        self.assertEqual(self.endpoint.counters["responses-unmatched"], 0)
        self.assert_nothing_left()

    def test_an_error_of_a_cancelled_request_is_not_logged(self) -> None:
        """Nobody waits for it: its failure is no unhandled error."""
        asked = self.endpoint.request(make("OPTIONS"), self.flow())
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assert_nothing_left()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_request_that_cannot_be_written_fails(self) -> None:
        """A field that would break the message fails the request, and is not sent."""
        bad = make("OPTIONS", ("X-Bad", "1\r\nEvil: 2"))
        asked = self.endpoint.request(bad, self.flow())
        self.failureResultOf(asked, TransportFailed)
        self.advance()
        self.assertEqual(self.peer.methods, [])
        self.assert_nothing_left()

    def test_nothing_is_kept_of_a_transaction_that_is_over(self) -> None:
        """A terminated transaction is destroyed at once (6026-8.4-g)."""
        known = len(instances_of(ClientTransaction))
        self.start()
        self.assertEqual(len(instances_of(ClientTransaction)) - known, 1)
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance(10)
        self.assertEqual(len(instances_of(ClientTransaction)) - known, 0)


class ClientTcpTests(ClientTests):
    """The same over TCP."""

    protocol = "TCP"


class MatchingTests(PeerTestCase):
    """Responses that are for nobody."""

    def setUp(self) -> None:
        """One OPTIONS is under way."""
        super().setUp()
        self.user = User()
        self.endpoint.start_client(make("OPTIONS"), self.flow(), self.user)
        self.advance()
        self.options = self.peer.last("OPTIONS")

    def send(self, response: Response) -> None:
        """Send a response that the peer should not have sent."""
        self.peer.send(response)
        self.advance()

    def test_an_unmatched_response_is_dropped_and_counted(self) -> None:
        """A response that matches no client transaction is dropped (6026-7.2-a)."""
        other = self.options.with_top_via(
            replace(self.options.top_via, parameters=(("branch", "z9hG4bKother"),))
        )
        self.send(response_to(other, 200, to_tag="a"))
        self.assertEqual(self.user.heard, [])
        self.assertEqual(self.endpoint.counters["responses-unmatched"], 1)

    def test_the_cseq_method_must_match(self) -> None:
        """The branch alone is not enough: a response to CANCEL bears that of INVITE
        (3261-17.1.3-a).
        """
        response = response_to(self.options, 200, to_tag="a")
        self.send(response.replacing("CSeq", "1 CANCEL"))
        self.assertEqual(self.user.heard, [])
        self.assertEqual(self.endpoint.counters["responses-unmatched"], 1)

    def test_a_foreign_sent_by_is_discarded(self) -> None:
        """A response whose sent-by is not ours "MUST be silently discarded"
        (3261-18.1.2-a).
        """
        foreign_vias = [
            replace(self.options.top_via, host="other.invalid"),
            replace(self.options.top_via, port=5062),
            replace(self.options.top_via, port=None, host="caller.invalid.other"),
        ]
        for via in foreign_vias:
            self.send(response_to(self.options.with_top_via(via), 200, to_tag="a"))
        self.assertEqual(self.user.heard, [])
        self.assertEqual(self.endpoint.counters["responses-not-ours"], 3)

    def test_more_than_one_via_is_discarded(self) -> None:
        """A response with more than one Via is discarded (3261-8.1.3.3-a)."""
        response = response_to(self.options, 200, to_tag="a")
        more = "SIP/2.0/UDP other.invalid;branch=z9hG4bKx"
        ours = response.get("Via") or ""
        self.send(response.with_headers([("Via", more)]))
        self.send(response.replacing("Via", f"{ours}, {more}"))
        self.assertEqual(self.user.heard, [])
        self.assertEqual(self.endpoint.counters["responses-not-ours"], 2)

    def test_our_via_may_come_back_in_other_words(self) -> None:
        """What counts is the sent-by, not how it is written."""
        via = self.options.top_via
        text = f"SIP / 2.0 / UDP CALLER.INVALID :5060 ;branch={via.branch};received=::1"
        self.send(response_to(self.options, 200, to_tag="a").replacing("Via", text))
        self.assertEqual(self.user.heard, [200])

    def test_garbage_is_dropped_and_the_endpoint_goes_on(self) -> None:
        """A response that cannot be read is dropped and counted."""
        response = response_to(self.options, 200, to_tag="a").render()
        for bad in (
            response.replace(b"CSeq: 1 OPTIONS", b"CSeq: 4294967296 OPTIONS"),
            response.replace(b"CSeq: 1 OPTIONS", b"CSeq: x"),
            response.replace(b"SIP/2.0 200", b"SIP/2.0 2000"),
            response.replace(b"Via: ", b"Vla: "),
            b"\x00\xff" * 50,
        ):
            self.network.inject(bad, (HOST, 5060), ("caller.invalid", 5060))
        self.advance()
        self.assertEqual(self.user.heard, [])
        self.assertEqual(self.endpoint.transport.counters["malformed"], 5)
        self.send(response_to(self.options, 200, to_tag="a"))
        self.assertEqual(self.user.heard, [200])


class StrayTests(PeerTestCase):
    """2xx to INVITE that no transaction passes up."""

    def setUp(self) -> None:
        """An INVITE is under way, and somebody listens for strays."""
        super().setUp()
        self.strays: list[int] = []
        self.takes = True
        self.endpoint.add_stray_handler(self.stray)
        self.user = User()
        self.endpoint.start_client(make("INVITE"), self.flow(), self.user)
        self.advance()
        self.sent = self.peer.last("INVITE")

    def stray(self, response: Response, flow: IFlow) -> bool:
        """Write the stray down."""
        self.strays.append(response.status)
        return self.takes

    def test_a_2xx_after_a_refusal_is_a_stray(self) -> None:
        """In Completed a 2xx changes nothing, but its phone must not be left alone."""
        self.peer.answer(self.sent, 486)
        self.advance()
        self.peer.answer(self.sent, 200, "b")
        self.advance()
        self.assertEqual((self.strays, self.user.heard), ([200], [486]))
        self.assertEqual(self.endpoint.counters["responses-stray-2xx"], 1)

    def test_a_2xx_after_timer_b_is_a_stray(self) -> None:
        """After the timeout nothing matches, and the stray handlers are asked."""
        self.advance(40)
        self.peer.answer(self.sent, 200)
        self.advance()
        self.assertEqual(self.strays, [200])

    def test_a_stray_that_nobody_wants_is_counted_as_unmatched(self) -> None:
        """Where no handler knows it, it is dropped (6026-7.2-a)."""
        self.takes = False
        self.advance(40)
        self.peer.answer(self.sent, 200)
        self.advance()
        self.assertEqual(self.endpoint.counters["responses-unmatched"], 1)

    def test_other_responses_are_no_strays(self) -> None:
        """Neither a 2xx to the running INVITE, nor a refusal, nor other methods."""
        self.peer.answer(self.sent, 180)
        self.peer.answer(self.sent, 200)
        self.advance()
        self.peer.answer(self.sent, 200, "b")
        self.advance(40)
        self.peer.answer(self.sent, 486)
        self.peer.send(
            response_to(self.sent, 200, to_tag="a").replacing("CSeq", "1 CANCEL")
        )
        self.advance()
        self.assertEqual((self.strays, self.user.heard[:3]), ([], [180, 200, 200]))
