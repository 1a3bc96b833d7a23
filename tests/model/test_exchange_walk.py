"""What holds of an offer/answer exchange wherever messages can bring it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.sdp.patterns import OPEN_STATES, State
from tests.model.exchanges import EXCHANGE, MEMORY
from tests.model.machines import walks_of
from tests.model.walks import Place

_TALKING = frozenset({State.EARLY, State.EARLY_UPDATE, State.STABLE, State.UPDATE})


def known(place: Place) -> dict[str, Any]:
    """What the exchange remembers there."""
    assert isinstance(place.memory, tuple)
    return dict(zip(MEMORY, place.memory, strict=True))


class ExchangeWalkTests(SynchronousTestCase):
    """Every sequence of messages of either side, with and without descriptions."""

    def setUp(self) -> None:
        """All places, with and without a preview that is kept."""
        self.places = [
            place for walk in walks_of(EXCHANGE.name) for place in walk.places
        ]
        self.assertGreater(len(self.places), 200)

    def test_an_offer_is_there_exactly_while_one_is_open(self) -> None:
        """An offer is kept until its answer is there or it has failed, and no longer
        (RFC 3264 section 4).
        """
        for place in self.places:
            is_open = place.state in OPEN_STATES
            self.assertEqual(known(place)["offer"] is not None, is_open, place)

    def test_a_preview_is_of_an_open_offer(self) -> None:
        """A preview is kept until its offer has an answer or fails."""
        for place in self.places:
            if known(place)["preview"] is not None:
                self.assertIn(place.state, OPEN_STATES)

    def test_where_there_is_a_session_it_is_agreed(self) -> None:
        """In the states of a session both descriptions are known."""
        for place in self.places:
            if place.state in _TALKING:
                self.assertIsNotNone(known(place)["agreed"], place)
