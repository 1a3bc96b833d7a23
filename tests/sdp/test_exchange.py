"""Tests of `sipuac.sdp.exchange`: flows of messages, and what they mean."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
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


class FlowTests(SynchronousTestCase):
    """Whole calls, message by message."""

    def test_figure_1(self) -> None:
        """Figure 1 of RFC 6337: a preview, the answer in the second reliable response,
        and nothing in the ones that follow.
        """
        exchange = Exchange()
        roles = play(
            exchange,
            sent(INVITE, A),
            received(PROVISIONAL, B),
            received(RELIABLE),
            sent(PRACK),
            received(PRACK_OK),
            received(RELIABLE, B),
            sent(PRACK, C),
            received(PRACK_OK, D),
            received(RELIABLE),
            sent(PRACK),
            received(PRACK_OK),
            received(FINAL),
            sent(ACK),
        )
        self.assertEqual(
            [role.value for role in roles],
            [
                *("offer", "preview", "nothing", "nothing", "nothing", "answer"),
                *("offer", "answer", *["nothing"] * 5),
            ],
        )
        self.assertEqual(exchange.agreed, Agreement(C, D))
        self.assertIs(exchange.state, State.STABLE)

    def test_figure_2(self) -> None:
        """Figure 2 of RFC 6337: the first reliable response carries the offer, and
        descriptions elsewhere are ignored (6337-3.1.2-a).
        """
        exchange = Exchange()
        roles = play(
            exchange,
            sent(INVITE),
            received(PROVISIONAL, D),
            received(RELIABLE, A),
            received(PROVISIONAL, D),
            sent(PRACK, B),
            received(PRACK_OK),
            received(RELIABLE, D),
            received(FINAL, D),
            sent(ACK),
        )
        self.assertEqual(
            [role.value for role in roles],
            [
                *("nothing", "ignored", "offer", "ignored", "answer", "nothing"),
                *("ignored", "ignored", "nothing"),
            ],
        )
        self.assertEqual(exchange.agreed, Agreement(local=B, remote=A))

    def test_a_preview_stands(self) -> None:
        """If the answer differs from the first description, the UAC should consider
        that it is equal to the first, and not switch (6337-3.1.1-a).
        """
        for answer in (
            received(FINAL, C),
            received(RELIABLE, C),
            received(FINAL),
        ):
            exchange = Exchange()
            play(exchange, sent(INVITE, A), received(PROVISIONAL, B))
            self.assertIs(exchange.preview, B)
            self.assertIsNone(exchange.agreed)
            self.assertTrue(exchange.is_open)
            play(exchange, received(PROVISIONAL, D), answer)
            self.assertEqual(exchange.agreed, Agreement(A, B), answer)
            self.assertIsNone(exchange.preview)

    def test_a_preview_is_replaced(self) -> None:
        """Where that is asked for, the first description in a reliable response
        replaces an unreliable preview; without one the preview stands.
        """
        for answer, expected in (
            (received(FINAL, C), C),
            (received(RELIABLE, C), C),
            (received(FINAL), B),
        ):
            exchange = Exchange(keeps_preview=False)
            play(exchange, sent(INVITE, A), received(PROVISIONAL, B), answer)
            self.assertEqual(exchange.agreed, Agreement(A, expected))

    def test_no_offer_before_the_real_answer(self) -> None:
        """After a preview no new offer is sent before a reliable response brings the
        answer (6337-3.1.1-a).
        """
        exchange = Exchange()
        play(exchange, sent(INVITE, A), received(PROVISIONAL, B))
        for carrier in (UPDATE, PRACK):
            with self.assertRaises(NegotiationError) as caught:
                exchange.sent(carrier, C)
            self.assertEqual(caught.exception.rule, "RFC 6337 3.1.1")

    def test_an_open_exchange_after_the_2xx(self) -> None:
        """A 2xx that brings neither the answer nor the offer that is due leaves no
        session (3261-13.2.1-e).
        """
        for invite in (sent(INVITE, A), sent(INVITE)):
            exchange = Exchange()
            play(exchange, invite)
            with self.assertRaises(NegotiationError) as caught:
                exchange.received(FINAL, None)
            self.assertEqual(caught.exception.rule, "RFC 3261 13.2.1")

    def test_answers_that_are_due(self) -> None:
        """An ACK, a PRACK and a 2xx to UPDATE or PRACK carry the answer that is due."""
        invited = (sent(INVITE, A), received(RELIABLE, B))
        for rule, *steps in (
            ("RFC 3261 13.2.2.4", sent(INVITE), received(FINAL, A), sent(ACK)),
            ("RFC 3262 5", sent(INVITE), received(RELIABLE, A), sent(PRACK)),
            ("RFC 3262 5", *invited, sent(PRACK, C), received(PRACK_OK)),
            (
                "RFC 3262 5",
                *(*invited, sent(PRACK, C), received(FINAL), received(PRACK_OK)),
            ),
            (
                "RFC 3311 5.2",
                *ESTABLISHED,
                *(sent(UPDATE, A), received(UPDATE_OK)),
            ),
        ):
            exchange = Exchange()
            play(exchange, *steps[:-1])
            with self.assertRaises(NegotiationError) as caught:
                play(exchange, steps[-1])
            self.assertEqual(caught.exception.rule, rule, steps)

    def test_a_2xx_before_prack(self) -> None:
        """A 2xx must not come while a reliable response with an offer is not
        acknowledged; that the answer's PRACK is late does no harm.
        """
        exchange = Exchange()
        play(exchange, sent(INVITE), received(RELIABLE, A))
        for description in (None, B):
            with self.assertRaises(NegotiationError) as caught:
                exchange.received(FINAL, description)
            self.assertEqual(caught.exception.rule, "RFC 3262 3")
        # It is acknowledged all the same, and PRACK still brings the answer.
        roles = play(exchange, sent(ACK), sent(PRACK, B), received(PRACK_OK))
        self.assertEqual(roles, [Role.NOTHING, Role.ANSWER, Role.NOTHING])
        self.assertEqual(exchange.agreed, Agreement(local=B, remote=A))
        self.assertIs(exchange.state, State.STABLE)
        exchange = Exchange()
        play(exchange, sent(INVITE, A), received(RELIABLE, B), received(FINAL))
        self.assertEqual(play(exchange, sent(ACK), sent(PRACK)), [Role.NOTHING] * 2)
        self.assertEqual(exchange.agreed, Agreement(A, B))

    def test_the_2xx_overtakes_the_answer_to_prack(self) -> None:
        """The 2xx to INVITE may overtake the 2xx to PRACK that carries the answer, or
        the one to UPDATE.
        """
        exchange = Exchange()
        roles = play(
            exchange,
            *(sent(INVITE, A), received(RELIABLE, B), sent(PRACK, C)),
            *(received(FINAL, B), sent(ACK), received(PRACK_OK, D)),
        )
        self.assertEqual(roles[-3:], [Role.IGNORED, Role.NOTHING, Role.ANSWER])
        self.assertEqual(exchange.agreed, Agreement(C, D))
        exchange = Exchange()
        play(exchange, *EARLY, sent(UPDATE, A), received(FINAL), sent(ACK))
        self.assertTrue(exchange.is_open)
        play(exchange, received(UPDATE_OK, B))
        self.assertEqual(exchange.agreed, Agreement(A, B))

    def test_update_without_offer(self) -> None:
        """An UPDATE without an offer has no part in the model, at any time."""
        places: tuple[tuple[Step, ...], ...] = (
            (),
            (sent(INVITE, A),),
            (*ESTABLISHED, received(UPDATE, A)),
        )
        for place in places:
            exchange = Exchange()
            play(exchange, *place)
            state = exchange.state
            self.assertEqual(
                play(exchange, sent(UPDATE), received(UPDATE_OK)), [Role.NOTHING] * 2
            )
            self.assertIs(exchange.state, state)
