"""What each message means at each place of an exchange (RFC 6337 sections 2 and 3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.patterns import Role, State
from tests.sdp.steps import (
    ACK,
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
    mirrored,
    play,
    received,
    sent,
)

_INVITED = (sent(INVITE),)
_OFFERED = (sent(INVITE, A),)
_PREVIEWED = (*_OFFERED, received(PROVISIONAL, B))
_OFFERED_1XX = (*_INVITED, received(RELIABLE, A))
_ANSWERED_PRACK = (*_OFFERED_1XX, sent(PRACK, B))
_ANSWERED_1XX = (*_OFFERED, received(RELIABLE, B))
_PRACKED = (*_ANSWERED_1XX, sent(PRACK))
_OFFERED_PRACK = (*_ANSWERED_1XX, sent(PRACK, C))
_EARLY = (*_PRACKED, received(PRACK_OK))
_EARLY_UPDATE = (*_EARLY, sent(UPDATE, C))
_OFFERED_2XX = (*_INVITED, received(FINAL, A))
_LATE_PRACK = (*_OFFERED_PRACK, received(FINAL))
_STABLE = (*_EARLY, received(FINAL), sent(ACK))
_UPDATE = (*_STABLE, sent(UPDATE, C))

# Every place in which an INVITE is open.
_OPEN = (
    _INVITED,
    _OFFERED,
    _PREVIEWED,
    _OFFERED_1XX,
    _ANSWERED_PRACK,
    _ANSWERED_1XX,
    _PRACKED,
    _OFFERED_PRACK,
    _EARLY,
    _EARLY_UPDATE,
)

_Case = tuple[tuple[Step, ...], Step, Role, State]


class PlaceTests(SynchronousTestCase):
    """One message more."""

    def at(self, place: tuple[Step, ...]) -> Exchange:
        """An exchange that has come so far."""
        exchange = Exchange()
        play(exchange, *place)
        return exchange

    def check(self, cases: tuple[_Case, ...]) -> None:
        """Each message means that, and leads there."""
        for place, step, role, state in cases:
            exchange = self.at(place)
            name = (place, step)
            self.assertEqual(play(exchange, step), [role], name)
            self.assertIs(exchange.state, state, name)

    def test_further_provisional_responses(self) -> None:
        """One without a description changes nothing, wherever the INVITE is."""
        for place in _OPEN:
            for carrier in (PROVISIONAL, RELIABLE):
                state = self.at(place).state
                self.check(((place, received(carrier), Role.NOTHING, state),))

    def test_further_descriptions(self) -> None:
        """The UAC "SHOULD ignore any session descriptions it receives in subsequent
        responses to the initial INVITE" (13.2.1), and in the ones that cross its PRACK
        or UPDATE.
        """
        for place in _OPEN[3:]:
            for carrier in (PROVISIONAL, RELIABLE):
                state = self.at(place).state
                self.check(((place, received(carrier, D), Role.IGNORED, state),))
        # An offer goes into reliable responses only (6337-2.2-a).
        step = received(PROVISIONAL, D)
        self.check(((_INVITED, step, Role.IGNORED, State.INVITED),))

    def test_late_provisional_responses(self) -> None:
        """Those that the 2xx has overtaken change nothing, nor what is due."""
        for place, state in (
            (_OFFERED_2XX, State.OFFERED_2XX),
            (_STABLE, State.STABLE),
            (_UPDATE, State.UPDATE),
        ):
            self.check(
                (
                    (place, received(PROVISIONAL), Role.NOTHING, state),
                    (place, received(PROVISIONAL, D), Role.IGNORED, state),
                )
            )

    def test_prack_of_a_response_without_description(self) -> None:
        """Such a PRACK, its 2xx and its failure leave what is open as it is."""
        for place in (_INVITED, _OFFERED, _PREVIEWED, _EARLY, _EARLY_UPDATE):
            exchange = self.at(place)
            state, offer = exchange.state, exchange.offer
            steps = received(RELIABLE), sent(PRACK), received(PRACK_OK)
            self.assertEqual(play(exchange, *steps), [Role.NOTHING] * 3, place)
            exchange.failed(PRACK)
            self.assertIs(exchange.state, state, place)
            self.assertIs(exchange.offer, offer, place)

    def test_the_answer_to_prack(self) -> None:
        """It ends the exchange of its reliable response; what it brings without having
        been asked is ignored. So does its failure: the answer was sent.
        """
        for place in (_ANSWERED_PRACK, _PRACKED):
            self.check(
                (
                    (place, received(PRACK_OK), Role.NOTHING, State.EARLY),
                    (place, received(PRACK_OK, D), Role.IGNORED, State.EARLY),
                )
            )
            exchange = self.at(place)
            exchange.failed(PRACK)
            self.assertIs(exchange.state, State.EARLY)
        self.check(((_OFFERED_PRACK, received(PRACK_OK, D), Role.ANSWER, State.EARLY),))

    def test_the_2xx_before_the_answer_to_prack(self) -> None:
        """A 2xx ends the INVITE; only an offer in PRACK still waits for its answer."""
        for place, state in (
            (_ANSWERED_PRACK, State.STABLE),
            (_ANSWERED_1XX, State.STABLE),
            (_PRACKED, State.STABLE),
            (_EARLY, State.STABLE),
            (_OFFERED_PRACK, State.LATE_PRACK),
            (_EARLY_UPDATE, State.UPDATE),
        ):
            self.check(
                (
                    (place, received(FINAL), Role.NOTHING, state),
                    (place, received(FINAL, D), Role.IGNORED, state),
                )
            )

    def test_the_answer_to_prack_after_the_2xx(self) -> None:
        """It is the answer still, and when PRACK fails its offer is gone."""
        step = received(PRACK_OK, D)
        self.check(((_LATE_PRACK, step, Role.ANSWER, State.STABLE),))
        exchange = self.at((*_LATE_PRACK, sent(ACK)))
        exchange.failed(PRACK)
        self.assertIs(exchange.state, State.STABLE)
        self.assertIsNone(exchange.offer)

    def test_repeated_acks(self) -> None:
        """Each repetition of a 2xx gets its ACK again, whatever waits."""
        hasty = (*_OFFERED_1XX, sent(ACK))
        for place in (hasty, (*_LATE_PRACK, sent(ACK)), _STABLE, _UPDATE):
            state = self.at(place).state
            self.check(((place, sent(ACK), Role.NOTHING, state),))
        self.check(((hasty, sent(PRACK, B), Role.ANSWER, State.STABLE),))

    def test_the_answer_to_update(self) -> None:
        """It belongs to the UPDATE of its own side; that to one without an offer means
        nothing.
        """
        self.check(
            (
                (_EARLY_UPDATE, received(UPDATE_OK, D), Role.ANSWER, State.EARLY),
                (_UPDATE, received(UPDATE_OK, D), Role.ANSWER, State.STABLE),
                (_STABLE, received(UPDATE_OK), Role.NOTHING, State.STABLE),
                (_STABLE, sent(UPDATE_OK), Role.NOTHING, State.STABLE),
                (_UPDATE, sent(UPDATE_OK), Role.NOTHING, State.UPDATE),
            )
        )
        with self.assertRaises(NegotiationError):
            play(self.at(_UPDATE), received(UPDATE_OK))
        crossed = (*_EARLY_UPDATE, received(PROVISIONAL))
        self.check(((crossed, received(UPDATE_OK, D), Role.ANSWER, State.EARLY),))

    def test_the_other_side(self) -> None:
        """What is sent here is received there, and means the same."""
        for place in (*_OPEN, _OFFERED_2XX, _LATE_PRACK, _STABLE, _UPDATE):
            ours, theirs = self.at(place), Exchange()
            play(theirs, *mirrored(place))
            self.assertIs(theirs.state, ours.state)
            if ours.agreed is not None:
                assert theirs.agreed is not None
                self.assertEqual(theirs.agreed.local, ours.agreed.remote)
                self.assertEqual(theirs.agreed.remote, ours.agreed.local)

    def test_who_may_offer(self) -> None:
        """One offer at a time: not "if it has already made an offer that has not been
        answered" (RFC 3264 4), and in an open INVITE by UPDATE when its own exchange is
        complete (6337-2.2-a).
        """
        may_update = [place for place in _OPEN if self.may(place, sent(UPDATE, D))]
        self.assertEqual(may_update, [_EARLY])
        self.assertTrue(self.may(_STABLE, sent(UPDATE, D)))
        self.assertFalse(self.may(_UPDATE, sent(UPDATE, D)))
        for place in (*_OPEN, _OFFERED_2XX, _LATE_PRACK, _UPDATE):
            self.assertFalse(self.may(place, sent(INVITE, D)), place)
            self.assertFalse(self.may(place, sent(INVITE)), place)

    def may(self, place: tuple[Step, ...], step: Step) -> bool:
        """Whether this may be sent here."""
        try:
            play(self.at(place), step)
        except NegotiationError:
            return False
        return True

    def test_nobody_is_refused_who_need_not_be(self) -> None:
        """Requests of the peer that change nothing are not refused, and those that may
        come now neither (RFC 3311 5.2).
        """
        fresh = self.at(_STABLE)
        for carrier in (ACK, PRACK, INVITE, UPDATE):
            self.assertIsNone(fresh.refusal_status(carrier))
        busy = self.at(_UPDATE)
        self.assertEqual(busy.refusal_status(INVITE), 491)
        self.assertEqual(busy.refusal_status(UPDATE), 491)
        self.assertIsNone(busy.refusal_status(ACK))

    def test_new(self) -> None:
        """An exchange that has not begun has no offer, of whichever side."""
        exchange = Exchange()
        self.assertFalse(exchange.is_open)
        self.assertFalse(exchange.is_offer_ours)
        self.assertIsNone(exchange.offer)
        self.assertIsNone(exchange.agreed)
        for carrier in (INVITE, UPDATE, PRACK):
            exchange.failed(carrier)
            self.assertIs(exchange.state, State.IDLE)
