"""Tests of the table in `sipuac.sdp.patterns`, pattern by pattern and as a whole."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.exchange import Agreement, Exchange
from sipuac.sdp.patterns import (
    OPEN_STATES,
    PATTERNS,
    RULES,
    Carrier,
    Event,
    Role,
    State,
    transitions,
)
from tests.sdp.steps import (
    ACK,
    ANSWERED,
    EARLY,
    ESTABLISHED,
    FINAL,
    INVITE,
    PRACK,
    PRACK_OK,
    RELIABLE,
    UPDATE,
    UPDATE_OK,
    A,
    B,
    C,
    D,
    Step,
    mirrored,
    play,
    received,
    sent,
)


class PatternTests(SynchronousTestCase):
    """The six patterns, in all their places."""

    def places(self, number: int) -> list[tuple[Step, ...]]:
        """What comes before the offer: initially, established, in an early dialog."""
        if number == 5:  # PRACK has something to acknowledge, or there is none
            return [(), (*ESTABLISHED, *ANSWERED), ANSWERED]
        lead = (sent(INVITE),) if number in (2, 4) else ()
        return [lead, (*ESTABLISHED, *lead), (*EARLY, *lead)]

    def test_table_1(self) -> None:
        """A session description is offer or answer in the six patterns, each where
        table 1 of RFC 6337 allows it (6337-2.2-b).
        """
        for pattern in PATTERNS:
            offer, answer = self.messages(pattern.offer, pattern.answer)
            allowed = (pattern.is_initial, pattern.is_established, pattern.is_early)
            for place, is_allowed in zip(
                self.places(pattern.number), allowed, strict=True
            ):
                exchange = Exchange()
                if not is_allowed:
                    with self.assertRaises(NegotiationError, msg=pattern):
                        play(exchange, *place, offer)
                    continue
                play(exchange, *place)
                self.assertEqual(play(exchange, offer), [Role.OFFER], pattern)
                self.assertTrue(exchange.is_open)
                self.assertEqual(play(exchange, answer), [Role.ANSWER], pattern)
                self.assertFalse(exchange.is_open)
                is_ours = offer[0] == "sent"
                self.assertEqual(
                    exchange.agreed, Agreement(A, B) if is_ours else Agreement(B, A)
                )

    def messages(self, offer: Carrier, answer: Carrier) -> tuple[Step, Step]:
        """Both messages of a pattern, as the inviter sees them."""
        from_inviter = (INVITE, ACK, PRACK, UPDATE)
        return (
            (sent if offer in from_inviter else received)(offer, A),
            (sent if answer in from_inviter else received)(answer, B),
        )

    def test_prack_offers_only_after_the_answer(self) -> None:
        """A PRACK request can contain an offer only if the reliable response that it
        acknowledges contains an answer (6337-2.2-c).
        """
        for steps in (
            (sent(INVITE, A), received(RELIABLE)),
            (*EARLY, received(RELIABLE)),
            (sent(INVITE, A), received(RELIABLE, B), sent(PRACK)),
        ):
            exchange = Exchange()
            play(exchange, *steps)
            state = exchange.state
            with self.assertRaises(NegotiationError) as caught:
                exchange.sent(PRACK, D)
            self.assertIn(caught.exception.rule, ("RFC 6337 2.2", "RFC 3264 4"), steps)
            self.assertIs(exchange.state, state)

    def test_both_sides_agree(self) -> None:
        """Each flow is the same for the peer, with the sides exchanged."""
        flows: list[tuple[Step, ...]] = [
            (*ESTABLISHED, sent(UPDATE, A), received(UPDATE_OK, B)),
            (*ESTABLISHED, received(UPDATE, A), sent(UPDATE_OK, B)),
            (sent(INVITE), received(FINAL, A), sent(ACK, B)),
            (sent(INVITE), received(RELIABLE, A), sent(PRACK, B), received(PRACK_OK)),
            (
                *(sent(INVITE, C), received(RELIABLE, D)),
                *(sent(PRACK, A), received(PRACK_OK, B)),
                *(received(FINAL), sent(ACK)),
            ),
        ]
        for flow in flows:
            one, other = Exchange(), Exchange()
            self.assertEqual(play(one, *flow), play(other, *mirrored(flow)))
            self.assertEqual(one.state, other.state)
            assert one.agreed is not None and other.agreed is not None
            self.assertEqual(one.agreed.local, other.agreed.remote)
            self.assertEqual(one.agreed.remote, other.agreed.local)


class WalkTests(SynchronousTestCase):
    """The table as a whole."""

    def test_every_state(self) -> None:
        """Every state is reached from the first, and leads back to rest."""
        self.assertEqual(set(transitions), set(State))
        following = {
            state: {next_state for next_state, _ in rows.values()}
            for state, rows in transitions.items()
        }
        for start in (State.IDLE, *State):
            reached, found = set[State](), {start}
            while found:
                reached |= found
                found = set().union(*(following[state] for state in found)) - reached
            if start is State.IDLE:
                self.assertEqual(reached, set(State))
            self.assertIn(State.STABLE, reached)

    def test_every_offer_opens_and_every_answer_closes(self) -> None:
        """An offer leads to an open state and only it does; an answer to none."""
        for state, rows in transitions.items():
            for event, (next_state, role) in rows.items():
                row = (state, event)
                if role is Role.OFFER:
                    self.assertNotIn(state, OPEN_STATES, row)
                    self.assertIn(next_state, OPEN_STATES, row)
                elif role is Role.ANSWER:
                    self.assertIn(state, OPEN_STATES, row)
                    self.assertNotIn(next_state, OPEN_STATES, row)
                elif state not in OPEN_STATES:
                    self.assertNotIn(next_state, OPEN_STATES, row)
                has_description = event.name.endswith("_SDP")
                self.assertEqual(role is Role.NOTHING, not has_description, row)

    def test_every_pattern_is_in_the_table(self) -> None:
        """The offers and answers of the table are those of the six patterns."""
        pairs = set()
        for rows in transitions.values():
            for offer, (open_state, role) in rows.items():
                if role is Role.OFFER:
                    for answer, (_, role_after) in transitions[open_state].items():
                        if role_after is Role.ANSWER:
                            pairs.add((offer, answer))
        self.assertEqual(
            pairs,
            {
                (
                    Event[f"{pattern.offer.name}_SDP"],
                    Event[f"{pattern.answer.name}_SDP"],
                )
                for pattern in PATTERNS
            },
        )

    def test_every_message_in_every_state(self) -> None:
        """Whatever comes in whatever state, it has a role or is refused by a rule, and
        a refusal changes nothing.
        """
        refused = set()
        for state, carrier, description, way in product(
            State, Carrier, (None, A), ("sent", "received")
        ):
            for ours in (True, False):
                exchange = Exchange()
                exchange.state = state
                exchange.offer = B
                exchange._is_inviter = exchange._is_updater = ours
                before = exchange.agreed
                try:
                    play(exchange, (way, carrier, description))
                except NegotiationError as error:
                    refused.add(error.rule)
                    self.assertIs(exchange.state, state)
                    self.assertEqual((exchange.offer, exchange.agreed), (B, before))
        named_rules = {rule for rows in RULES.values() for _, rule, _ in rows}
        self.assertEqual(refused, named_rules | {"RFC 6337 2.2"})
