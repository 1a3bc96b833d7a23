"""Tests of `sipuac.sdp.exchange` and its table in `sipuac.sdp.patterns`."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Agreement, Exchange
from sipuac.sdp.negotiation import plain_audio_offer
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

INVITE, PROVISIONAL, RELIABLE, FINAL, ACK, PRACK, PRACK_OK, UPDATE, UPDATE_OK = Carrier


def named(number: int) -> SessionDescription:
    """A description that can be told from others."""
    return plain_audio_offer("192.0.2.1", 4000 + 2 * number)


A, B, C, D = (named(number) for number in range(4))

Step = tuple[str, Carrier, SessionDescription | None]


def sent(carrier: Carrier, description: SessionDescription | None = None) -> Step:
    """We send this."""
    return ("sent", carrier, description)


def received(carrier: Carrier, description: SessionDescription | None = None) -> Step:
    """The peer sends this."""
    return ("received", carrier, description)


def play(exchange: Exchange, *steps: Step) -> list[Role]:
    """The roles of these messages."""
    roles = []
    for way, carrier, description in steps:
        record = exchange.sent if way == "sent" else exchange.received
        roles.append(record(carrier, description))
    return roles


def mirrored(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same messages as the peer sees them."""
    return tuple(
        ("received" if way == "sent" else "sent", carrier, description)
        for way, carrier, description in steps
    )


class PatternTests(SynchronousTestCase):
    """The six patterns, in all their places."""

    # What leads to the place where a pattern is tried.
    ESTABLISHED = (sent(INVITE, C), received(FINAL, D), sent(ACK))
    EARLY = (sent(INVITE, C), received(RELIABLE, D), sent(PRACK), received(PRACK_OK))
    ANSWERED = (sent(INVITE, C), received(RELIABLE, D))

    def places(self, number: int) -> list[tuple[Step, ...]]:
        """What comes before the offer: initially, established, in an early dialog."""
        if number == 5:  # PRACK has something to acknowledge, or there is none
            return [(), (*self.ESTABLISHED, *self.ANSWERED), self.ANSWERED]
        lead = (sent(INVITE),) if number in (2, 4) else ()
        return [lead, (*self.ESTABLISHED, *lead), (*self.EARLY, *lead)]

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
            (*self.EARLY, received(RELIABLE)),
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
            (*self.ESTABLISHED, sent(UPDATE, A), received(UPDATE_OK, B)),
            (*self.ESTABLISHED, received(UPDATE, A), sent(UPDATE_OK, B)),
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
                *PatternTests.ESTABLISHED,
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
        play(exchange, *PatternTests.EARLY, sent(UPDATE, A), received(FINAL), sent(ACK))
        self.assertTrue(exchange.is_open)
        play(exchange, received(UPDATE_OK, B))
        self.assertEqual(exchange.agreed, Agreement(A, B))

    def test_update_without_offer(self) -> None:
        """An UPDATE without an offer has no part in the model, at any time."""
        places: tuple[tuple[Step, ...], ...] = (
            (),
            (sent(INVITE, A),),
            (*PatternTests.ESTABLISHED, received(UPDATE, A)),
        )
        for place in places:
            exchange = Exchange()
            play(exchange, *place)
            state = exchange.state
            self.assertEqual(
                play(exchange, sent(UPDATE), received(UPDATE_OK)), [Role.NOTHING] * 2
            )
            self.assertIs(exchange.state, state)


class GlareTests(SynchronousTestCase):
    """One negotiation at a time."""

    def test_no_offer_while_one_is_open(self) -> None:
        """A new offer is not sent while an offer of either side is open (6337-4-a)."""
        opened: list[tuple[Step, ...]] = [
            (sent(INVITE, A),),
            (sent(INVITE), received(RELIABLE, A)),
            (sent(INVITE), received(FINAL, A)),
            (*PatternTests.ESTABLISHED, sent(UPDATE, A)),
            (*PatternTests.ESTABLISHED, received(UPDATE, A)),
            (*PatternTests.ESTABLISHED, received(INVITE, A)),
            (*PatternTests.EARLY, sent(UPDATE, A)),
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
            (*PatternTests.ESTABLISHED, sent(INVITE)),
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
        ground = PatternTests.ESTABLISHED
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
            (*PatternTests.ESTABLISHED, sent(UPDATE, A), sent(UPDATE_OK, B)),
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
            PatternTests.EARLY,
            (*PatternTests.EARLY, sent(UPDATE, A)),
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
            *PatternTests.ESTABLISHED,
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
            (PatternTests.ESTABLISHED, State.STABLE),
            (PatternTests.EARLY, State.EARLY),
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
        play(exchange, *PatternTests.ESTABLISHED)
        for carrier in (INVITE, UPDATE, PRACK):
            exchange.failed(carrier)
            self.assertIs(exchange.state, State.STABLE)
            self.assertEqual(exchange.agreed, Agreement(C, D))
        with self.assertRaises(LocalProtocolError):
            exchange.failed(ACK)


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
