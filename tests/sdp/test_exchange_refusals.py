"""Tests of `sipuac.sdp.exchange`: what must not be sent, and requests that fail."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, NegotiationError
from sipuac.sdp.exchange import Agreement, Exchange
from sipuac.sdp.patterns import Role, State
from tests.sdp.steps import (
    ACK,
    EARLY,
    ESTABLISHED,
    FINAL,
    INVITE,
    PRACK,
    PRACK_OK,
    PROVISIONAL,
    RELIABLE,
    UPDATE,
    UPDATE_OK,
    A,
    B,
    C,
    D,
    Step,
    play,
    received,
    sent,
)


class GlareTests(SynchronousTestCase):
    """One negotiation at a time."""

    def test_no_offer_while_one_is_open(self) -> None:
        """A new offer is not sent while an offer of either side is open (6337-4-a)."""
        opened: list[tuple[Step, ...]] = [
            (sent(INVITE, A),),
            (sent(INVITE), received(RELIABLE, A)),
            (sent(INVITE), received(FINAL, A)),
            (*ESTABLISHED, sent(UPDATE, A)),
            (*ESTABLISHED, received(UPDATE, A)),
            (*ESTABLISHED, received(INVITE, A)),
            (*EARLY, sent(UPDATE, A)),
        ]
        for steps, carrier in product(opened, (INVITE, UPDATE)):
            exchange = Exchange()
            play(exchange, *steps)
            with self.assertRaises(NegotiationError) as caught:
                exchange.sent(carrier, D)
            self.assertEqual(caught.exception.rule, "RFC 3264 4", steps)

    def test_no_update_before_the_prack_is_done(self) -> None:
        """No UPDATE with an offer while a PRACK that belongs to an offer or answer of
        an open INVITE is outstanding (6337-4.3-a).
        """
        for steps in (
            (sent(INVITE, A), received(RELIABLE, B)),
            (sent(INVITE, A), received(RELIABLE, B), sent(PRACK)),
            (sent(INVITE), received(RELIABLE, A), sent(PRACK, B)),
            (*ESTABLISHED, sent(INVITE)),
        ):
            exchange = Exchange()
            play(exchange, *steps)
            with self.assertRaises(NegotiationError) as caught:
                exchange.sent(UPDATE, D)
            self.assertEqual(caught.exception.rule, "RFC 6337 4.3", steps)
            self.assertEqual(exchange.refusal_status(UPDATE), 491)

    def test_how_requests_are_refused(self) -> None:
        """491 while our own INVITE or UPDATE is under way, 500 while the peer's is
        (6337-4.3-b).
        """
        ground = ESTABLISHED
        for steps, status in (
            ((), None),
            ((sent(INVITE, A),), 491),
            ((sent(INVITE),), 491),
            ((received(INVITE, A),), 500),
            ((received(INVITE),), 500),
            ((received(INVITE), sent(FINAL, A)), 500),
            ((sent(UPDATE, A),), 491),
            ((received(UPDATE, A),), 500),
        ):
            exchange = Exchange()
            play(exchange, *ground, *steps)
            self.assertEqual(
                [exchange.refusal_status(carrier) for carrier in (INVITE, UPDATE)],
                [status, status],
                steps,
            )
            self.assertIsNone(exchange.refusal_status(PRACK))
            if status is not None:
                with self.assertRaises(NegotiationError):
                    exchange.received(INVITE, D)

    def test_no_update_without_a_session(self) -> None:
        """An UPDATE with an offer needs a session to change."""
        with self.assertRaises(NegotiationError) as caught:
            Exchange().received(UPDATE, A)
        self.assertEqual(caught.exception.rule, "RFC 3311 5.1")

    def test_the_wrong_side(self) -> None:
        """Responses come from the invited, PRACK and ACK from the inviter, the 2xx to
        UPDATE from who was asked.
        """
        for steps in (
            (sent(INVITE, A), sent(RELIABLE, B)),
            (sent(INVITE), received(FINAL, A), received(ACK, B)),
            (received(INVITE), sent(RELIABLE, A), sent(PRACK, B)),
            (*ESTABLISHED, sent(UPDATE, A), sent(UPDATE_OK, B)),
        ):
            exchange = Exchange()
            play(exchange, *steps[:-1])
            with self.assertRaises(NegotiationError) as caught:
                play(exchange, steps[-1])
            self.assertEqual(caught.exception.rule, "RFC 6337 2.2")

    def test_nothing_is_sent_to_be_ignored(self) -> None:
        """What the peer would have to ignore is refused when we send it."""
        exchange = Exchange()
        play(exchange, received(INVITE, A), sent(RELIABLE, B), received(PRACK))
        with self.assertRaises(NegotiationError):
            exchange.sent(FINAL, B)
        self.assertEqual(play(exchange, sent(FINAL)), [Role.NOTHING])


class FailureTests(SynchronousTestCase):
    """What remains when a request fails."""

    def test_the_first_invite(self) -> None:
        """After a failed first INVITE there is no session."""
        for steps in (
            (sent(INVITE, A),),
            (sent(INVITE, A), received(PROVISIONAL, B)),
            EARLY,
            (*EARLY, sent(UPDATE, A)),
        ):
            exchange = Exchange()
            play(exchange, *steps)
            exchange.failed(INVITE)
            self.assertIs(exchange.state, State.IDLE, steps)
            self.assertIsNone(exchange.agreed)
            self.assertIsNone(exchange.offer)
            self.assertIsNone(exchange.preview)

    def test_a_later_invite(self) -> None:
        """After a failed re-INVITE the session is as it was before it, exchanges made
        during it included (6337-3.4-a).
        """
        exchange = Exchange()
        play(
            exchange,
            *ESTABLISHED,
            *(sent(INVITE, A), received(RELIABLE, B), sent(PRACK), received(PRACK_OK)),
            *(received(UPDATE, B), sent(UPDATE_OK, A)),
        )
        self.assertEqual(exchange.agreed, Agreement(A, B))
        exchange.failed(INVITE)
        self.assertEqual(exchange.agreed, Agreement(C, D))
        self.assertIs(exchange.state, State.STABLE)

    def test_update(self) -> None:
        """A refused UPDATE leaves the session as it was, in both of its places."""
        for place, state in (
            (ESTABLISHED, State.STABLE),
            (EARLY, State.EARLY),
        ):
            exchange = Exchange()
            play(exchange, *place, sent(UPDATE, A))
            exchange.failed(UPDATE)
            self.assertIs(exchange.state, state)
            self.assertEqual(exchange.agreed, Agreement(C, D))
            self.assertIsNone(exchange.offer)

    def test_prack(self) -> None:
        """After a 488 to PRACK, PRACK may be sent again without an offer
        (6337-2.3-b).
        """
        exchange = Exchange()
        play(exchange, sent(INVITE, A), received(RELIABLE, B), sent(PRACK, C))
        exchange.failed(PRACK)
        self.assertEqual(exchange.agreed, Agreement(A, B))
        self.assertEqual(
            play(exchange, sent(PRACK), received(PRACK_OK)), [Role.NOTHING] * 2
        )
        self.assertIs(exchange.state, State.EARLY)

    def test_what_had_no_exchange(self) -> None:
        """The failure of a request that opened nothing changes nothing."""
        exchange = Exchange()
        play(exchange, *ESTABLISHED)
        for carrier in (INVITE, UPDATE, PRACK):
            exchange.failed(carrier)
            self.assertIs(exchange.state, State.STABLE)
            self.assertEqual(exchange.agreed, Agreement(C, D))
        with self.assertRaises(LocalProtocolError):
            exchange.failed(ACK)
