"""What must hold for a transition table by itself, without running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# For each state, for each event, the next state and the action, which differs by kind.
Table = Mapping[str, Mapping[str, tuple[str, Any]]]
Ignored = Mapping[str, Mapping[tuple[str, ...], str]]
# One of the machines; what they have in common is `state`.
Object = Any
Effects = list[Any]


@dataclass(frozen=True)
class Scene:
    """One way to make a machine, and what can be fed to it.

    Attributes:
        name: In words, "" where there is only one.
        begin: Makes one of the class that it is given, and the effects of its start.
        inputs: What can come, by name; where the name is that of an event of the table
            the input is that event.
        is_allowed: Whether this input may come to the machine now, by its contract.
        memory: What a machine knows besides its state, as a value that compares.
        depth: How many inputs long the longest path is; None for no limit.
    """

    name: str
    begin: Callable[[type[Object]], tuple[Object, Effects]]
    inputs: Mapping[str, Callable[[Object], Effects]]
    memory: Callable[[Object], object]
    is_allowed: Callable[[Object, str], bool] = lambda machine, name: True
    depth: int | None = None


@dataclass(frozen=True)
class Model:
    """A machine of the package, and what is claimed of it.

    Attributes:
        name: As it stands in the names of tests.
        title: As it stands in the documentation.
        rule: Where the RFCs have it, or what it is for.
        module: The module it is in.
        states: The enumeration of its states.
        events: All its events, its timers included.
        timers: Those of its events that are timers of its own.
        start: The state it begins in.
        ends: The states after which nothing follows; none in a machine that comes to
            rest among those of `waits` and ends with what it belongs to.
        table: Its transitions.
        ignored: Why each other pair of state and event has no row.
        using: Makes its class run with another table for a while.
        scenes: Ways to run it.
        waits: States that may last for ever, and who is waited for.
        certain: For each state, events besides its timers that are sure to come.
        overtaken: For a state and a timer that runs there and has no row: the timer
            that always fires before it.
        turned_away: States and inputs that the machine turns away before its table.
        learning: Inputs that it keeps something of even where their event has no row.
        never_taken: Events that have no row anywhere, because they are always refused.
        asks_to_be_forgotten: Whether it says so itself when it comes to its end.
    """

    name: str
    title: str
    rule: str
    module: str
    states: type[Enum]
    events: tuple[str, ...]
    timers: tuple[str, ...]
    start: str
    ends: frozenset[str]
    table: Table
    ignored: Ignored
    using: Callable[[Table], AbstractContextManager[type[Object]]]
    scenes: tuple[Scene, ...]
    waits: Mapping[str, str] = field(default_factory=dict)
    certain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    overtaken: Mapping[tuple[str, str], str] = field(default_factory=dict)
    turned_away: Mapping[tuple[str, str], str] = field(default_factory=dict)
    learning: Mapping[str, str] = field(default_factory=dict)
    never_taken: frozenset[str] = frozenset()
    asks_to_be_forgotten: bool = False


def word(name: str) -> str:
    """The value of a state or event, and not the name of its class."""
    return str(name.value) if isinstance(name, Enum) else name


def reasons(ignored: Ignored, state: str, event: str) -> list[str]:
    """Why this event has no row in this state: one reason, if all is well."""
    rows = ignored.get(state, {})
    return [reason for events, reason in rows.items() if event in events]


def undecided(model: Model) -> Iterator[str]:
    """Every pair of state and event has a row or a reason why it has none, not both."""
    for state in model.states:
        for event in model.events:
            has_row = event in model.table.get(state.value, {})
            count = has_row + len(reasons(model.ignored, state.value, event))
            if count != 1:
                what = "not decided" if count == 0 else f"decided {count} times"
                yield f"{state.value}, {word(event)}: {what}"


def unknown(model: Model) -> Iterator[str]:
    """A table has the states of its enumeration, and events that somebody sends."""
    states = {state.value for state in model.states}
    if set(model.table) != states:
        yield f"states: {sorted(set(model.table) ^ states)}"
    for state, rows in model.table.items():
        for event, (next_state, _) in rows.items():
            if event not in model.events:
                yield f"{word(state)}: {word(event)} is no event"
            if next_state not in states:
                yield f"{word(state)}, {word(event)}: {word(next_state)} is no state"
    for state, ignored in model.ignored.items():
        for events in ignored:
            for event in events:
                if state not in states or event not in model.events:
                    yield f"ignored: {word(state)}, {word(event)}"


def unused(model: Model) -> Iterator[str]:
    """Every event means something somewhere, but for those that are always refused."""
    for event in model.events:
        has_row = any(event in rows for rows in model.table.values())
        if has_row is (event in model.never_taken):
            yield f"{word(event)} has {'a' if has_row else 'no'} row"


def following(table: Table, state: str) -> set[str]:
    """All states that this one leads to, itself included."""
    seen, pending = {state}, [state]
    while pending:
        for next_state, _ in table.get(pending.pop(), {}).values():
            if next_state not in seen:
                seen.add(next_state)
                pending.append(next_state)
    return seen


def unreachable(model: Model) -> Iterator[str]:
    """Each state is come to from the first."""
    found = following(model.table, model.start)
    for state in model.states:
        if state.value not in found:
            yield f"{state.value} is never reached"


def endless(model: Model) -> Iterator[str]:
    """From each state an end is come to, or rest where there is none, and no end is
    left.
    """
    for state in model.states:
        if not following(model.table, state.value) & (model.ends or set(model.waits)):
            yield f"{state.value} never ends"
    for state_name in model.ends:
        for next_state in following(model.table, state_name) - model.ends:
            yield f"{word(state_name)} leads to {word(next_state)}"


def lasting(model: Model) -> Iterator[str]:
    """Each state that is no end has a timer or a sure event as a way out, or somebody
    who is waited for.
    """
    for state in model.states:
        rows = model.table.get(state.value, {})
        sure = {*model.timers, *model.certain.get(state.value, {})}
        has_way = any(
            event in sure and next_state != state.value
            for event, (next_state, _) in rows.items()
        )
        if not has_way and state.value not in {*model.ends, *model.waits}:
            yield f"{state.value} may last for ever"


#: All that is asked of a table.
CHECKS: Mapping[str, Callable[[Model], Iterator[str]]] = {
    "every_pair_is_decided": undecided,
    "states_and_events_are_known": unknown,
    "every_event_has_a_row": unused,
    "every_state_is_reachable": unreachable,
    "every_state_can_end": endless,
    "no_state_lasts_for_ever": lasting,
}
