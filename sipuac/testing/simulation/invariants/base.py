"""What all invariants have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from sipuac.testing.simulation.agent import Agent
from sipuac.testing.simulation.ledger import Ledger, Watcher
from sipuac.testing.simulation.network import SimulatedNetwork
from sipuac.testing.simulation.phone import Phone
from sipuac.testing.simulation.scenario import Scenario
from sipuac.testing.simulation.user import User
from sipuac.testing.simulation.wire import WireMessage

# What happens in the very instant in which a timer fires may be on either side of it.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class View:
    """What invariants get to see of a world.

    Attributes:
        scenario: What it was made from.
        ledger: The facts at the caller's edge.
        network: All packets.
        phones: All phones.
        hidden: The To tags that the caller sees, by those of the phones.
        users: Who placed the calls.
        agent: Our user agent.
        figures: What is counted.
    """

    scenario: Scenario
    ledger: Ledger
    network: SimulatedNetwork
    phones: list[Phone]
    hidden: Mapping[str, str]
    users: list[User]
    agent: Agent
    figures: Counter[str]

    def user_of(self, call_id: str) -> User | None:
        """Whose call this is; None where its INVITE is not sent yet."""
        for user in self.users:
            if user.invitation is not None and user.invitation.call_id == call_id:
                return user
        return None


Report = Callable[[str], None]


class Invariant(Watcher):
    """Something that must hold; a base class.

    Args:
        view: The world.
        report: Called with each violation, in words.

    Attributes:
        watches_steps: Whether `stepped` is to be called.
    """

    watches_steps: ClassVar[bool] = False

    def __init__(self, view: View, report: Report) -> None:
        self.view = view
        self.ledger = view.ledger
        self._report = report

    def need(
        self, condition: object, rule: str, message: WireMessage | None = None
    ) -> None:
        """Report a violation unless this is so; `message` is what shows it."""
        if not condition:
            what = "" if message is None else f": {message}"
            name, now = type(self).__name__, self.ledger.now
            self._report(f"{name}: {rule}{what} ({now:.3f} s)")

    def stepped(self) -> None:
        """A delayed call was made: look at what no message tells."""
