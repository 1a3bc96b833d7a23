"""Scenarios that are bent towards a race bring it."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing.simulation import draw_races
from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.draw_races import Bend
from sipuac.testing.simulation.figures import RACE
from sipuac.testing.simulation.world import World


class BendTests(SynchronousTestCase):
    """Scenarios that are bent towards a race."""

    def assertBrings(self, bend: Bend, *races: str) -> None:
        """Each of these races occurs in some of so many worlds, and nothing breaks."""
        counts: Counter[str] = Counter()
        for seed in range(60):
            random = Random(seed)
            scenario = bend(random, draw(seed))
            self.assertEqual(scenario, bend(Random(seed), draw(seed)))
            verdict = World(scenario).run()
            self.assertEqual(verdict.violations, [], seed)
            counts += verdict.figures
        for race in races:
            self.assertGreater(counts[RACE + race], 0, race)

    def test_early_requests(self) -> None:
        """The callee asks before our ACK."""
        self.assertBrings(
            draw_races.early_requests,
            "request of the callee before our ACK",
            "BYE of the callee before our ACK",
            "UPDATE with an offer before our ACK",
            "re-INVITE of the callee before our ACK",
        )

    def test_waiting_reinvites(self) -> None:
        """A re-INVITE of ours rings for too long."""
        self.assertBrings(
            draw_races.waiting_reinvites,
            "re-INVITE of ours cancelled",
            "2xx of a re-INVITE after its CANCEL",
            "BYE of ours while our re-INVITE waits",
        )

    def test_overtaking(self) -> None:
        """Provisional responses come too late."""
        self.assertBrings(
            draw_races.overtaking,
            "reliable response out of order",
            "reliable response after the 2xx",
            "new dialog after the 2xx",
        )

    def test_late_refusals(self) -> None:
        """A refusal comes after the 2xx."""
        self.assertBrings(draw_races.late_refusals, "refusal after the 2xx")

    def test_challenges(self) -> None:
        """Who challenges late, and whom."""
        late = "call challenged after it was given up"
        self.assertBrings(draw_races.challenged_late, late)
        self.assertBrings(draw_races.challenged_requests, "BYE challenged")

    def test_crossings(self) -> None:
        """Both sides ask in the same moment."""
        self.assertBrings(
            draw_races.crossings,
            "BYE crosses BYE",
            "re-INVITE glare",
            "UPDATE glare",
            "re-INVITE of the callee after our BYE",
            "BYE of the callee while our re-INVITE waits",
        )

    def test_lost_acks(self) -> None:
        """The ACK of a callee's re-INVITE is lost."""
        self.assertBrings(draw_races.lost_acks, "2xx of ours repeated")

    def test_answering_extras(self) -> None:
        """An extra answers just when it is ended."""
        self.assertBrings(
            draw_races.answering_extras,
            "BYE on an early dialog crosses its 2xx",
            "2xx in a dialog after its BYE was answered",
            "2xx before our PRACK is answered",
        )
