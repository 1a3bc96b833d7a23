"""What all that count races have in common."""

from __future__ import annotations

from typing import ClassVar

from sipuac.testing.simulation.invariants.base import View
from sipuac.testing.simulation.ledger import Watcher


class RaceCounter(Watcher):
    """Counts races of one world, each kind at most once a dialog or INVITE.

    Args:
        view: The world.

    Attributes:
        names: Of the races that it counts, all of which should occur in a long run.
    """

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, view: View) -> None:
        self.view = view
        self.ledger = view.ledger
        self._counted: set[tuple[str, object]] = set()

    def count(self, race: str, where: object = None) -> None:
        """It occurred there."""
        if (race, where) not in self._counted:
            self._counted.add((race, where))
            self.view.figures[f"race: {race}"] += 1
