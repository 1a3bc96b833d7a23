"""When all is over, nothing is left."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant


class Ending(Invariant):
    """No transaction, no dialog, no timer, no waiting, no half-read message."""

    watches_steps = True

    def stepped(self) -> None:
        """See `Invariant`."""
        if self.view.agent.counters["internal-errors"]:
            self.view.agent.counters["internal-errors"] = 0
            self.need(False, "an input could not be handled")

    def ended(self) -> None:
        """See `Watcher`."""
        self.stepped()
        for what, count in self.view.agent.leftovers().items():
            self.need(not count, f"{count} {what} left")
