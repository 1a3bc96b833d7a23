"""Runs a transition table.

A machine is an object with a `state` and a class attribute `transitions`: for each
state a row for each event that means something there, naming the next state and the
action. No row means that the event is ignored in that state; that is SIP's rule, and
why late timers and late responses need no cancelling.

Beside its table a machine says in `ignored` why each row that is not there is not: so a
row that was forgotten is seen. Nothing reads that at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

# An action takes the machine and the event's own arguments, which differ by event.
Action = Callable[..., list[Any]]
Transitions = Mapping[str, Mapping[str, tuple[str, Action]]]
#: For each state, which events have no row there, and why.
Ignored = Mapping[str, Mapping[tuple[str, ...], str]]


class Machine(Protocol):
    """What `step` needs: a state, and the table that says what moves it."""

    state: Any

    @property
    def transitions(self) -> Any:
        """For each state, for each event, the next state and the action."""


def step(machine: Machine, event: str, *arguments: object) -> list[Any]:
    """Feed one event to the machine.

    Args:
        machine: The machine; its `state` is changed by its table, never by its actions.
        event: The event, a `(str, Enum)` member of the machine.
        arguments: What comes with the event; handed to the action.

    Returns:
        The effects that the action asks for, in order; empty where the table has no
        row.
    """
    row = machine.transitions[machine.state].get(event)
    if row is None:
        return []
    next_state, action = row
    effects: list[Any] = action(machine, *arguments)
    machine.state = next_state
    return effects
