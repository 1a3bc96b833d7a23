"""Feeds the real objects all sequences of events, and compares them with the table.

A walk is complete: at each place that is found it feeds every input that may come,
every timer that runs, and every timer that does not run and that the table ignores. A
place is the state, the timers that run and all that the machine remembers; paths go on
until no new place is found or they have reached their depth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sipuac.effects import StartTimer, StopTimer, Terminated
from sipuac.errors import NegotiationError
from tests.model.tables import Effects, Model, Object, Scene, Table, word


@dataclass(frozen=True)
class Place:
    """Where a machine can be.

    Attributes:
        state: Of its table.
        running: Its timers.
        memory: What it knows besides.
        is_forgotten: Whether it has asked to be forgotten, its timers with it.
    """

    state: str
    running: frozenset[str]
    memory: object
    is_forgotten: bool = False

    @property
    def words(self) -> str:
        """State and timers."""
        timers = ", ".join(sorted(map(word, self.running))) or "no timer"
        return f"{word(self.state)} with {timers}"


@dataclass(frozen=True)
class Arrow:
    """One input at one place, and what came of it.

    Attributes:
        name: The input.
        asked: The states and events that the machine has asked its table for.
        is_refused: Whether it was refused by an exception.
        is_late: Whether it is a timer that did not run.
    """

    start: Place
    name: str
    asked: tuple[tuple[str, str], ...]
    end: Place
    effects: tuple[Any, ...]
    is_refused: bool
    is_late: bool

    @property
    def words(self) -> str:
        """Where, and what."""
        return f"{self.start.words}: {word(self.name)}"


@dataclass(frozen=True)
class Walk:
    """All that was found; the first place has no arrow that leads to it."""

    first: Place
    arrows: tuple[Arrow, ...]

    @property
    def places(self) -> set[Place]:
        """Everywhere."""
        return {self.first, *(arrow.end for arrow in self.arrows)}


class _Watched(dict[str, Any]):
    """The rows of one state, which note what they are asked for."""

    def __init__(
        self, state: str, rows: Mapping[str, Any], log: list[tuple[str, str]]
    ) -> None:
        super().__init__(rows)
        self._state = state
        self._log = log

    def get(self, event: str, default: Any = None) -> Any:  # as a dict has it
        """The row, if there is one."""
        self._log.append((self._state, event))
        return super().get(event, default)


def walk(model: Model, scene: Scene, table: Table | None = None) -> Walk:
    """Everything that can happen to a machine, with another table if there is one."""
    return _Walker(model, scene, model.table if table is None else table).walk()


class _Walker:
    def __init__(self, model: Model, scene: Scene, table: Table) -> None:
        self._model = model
        self._scene = scene
        self._table = table
        self._log: list[tuple[str, str]] = []

    def walk(self) -> Walk:
        watched = {
            state: _Watched(state, rows, self._log)
            for state, rows in self._table.items()
        }
        with self._model.using(watched) as kind:
            return self._walk(kind)

    def _walk(self, kind: type[Object]) -> Walk:
        first = self._replay(kind, ())[1]
        paths: dict[Place, tuple[str, ...]] = {first: ()}
        pending = deque([first])
        arrows = []
        while pending:
            start = pending.popleft()
            path = paths[start]
            if self._scene.depth is not None and len(path) >= self._scene.depth:
                continue
            for name in self._names(kind, path, start):
                arrow = self._arrow(kind, path, start, name)
                arrows.append(arrow)
                if not arrow.is_late and arrow.end not in paths:
                    paths[arrow.end] = (*path, name)
                    pending.append(arrow.end)
        return Walk(first, tuple(arrows))

    def _names(
        self, kind: type[Object], path: tuple[str, ...], place: Place
    ) -> list[str]:
        machine, _ = self._replay(kind, path)
        rows = self._table[place.state]
        allowed = self._scene.is_allowed
        return [
            *(name for name in self._scene.inputs if allowed(machine, name)),
            *sorted(place.running),
            *(
                name
                for name in self._model.timers
                if name not in place.running and name not in rows
            ),
        ]

    def _arrow(
        self, kind: type[Object], path: tuple[str, ...], start: Place, name: str
    ) -> Arrow:
        machine, place = self._replay(kind, path)
        assert place == start, "a machine that is fed the same does the same"
        effects, is_refused = self._feed(machine, name)
        asked = tuple(self._log)
        end = self._place_after(machine, place, name, effects)
        is_late = name in self._model.timers and name not in start.running
        return Arrow(start, name, asked, end, tuple(effects), is_refused, is_late)

    def _replay(
        self, kind: type[Object], path: tuple[str, ...]
    ) -> tuple[Object, Place]:
        machine, effects = self._scene.begin(kind)
        place = Place(machine.state, frozenset(), None)
        place = self._place_after(machine, place, "", effects)
        for name in path:
            effects, _ = self._feed(machine, name)
            place = self._place_after(machine, place, name, effects)
        return machine, place

    def _feed(self, machine: Object, name: str) -> tuple[Effects, bool]:
        self._log.clear()
        try:
            feed = self._scene.inputs.get(name)
            return (machine.fire(name) if feed is None else feed(machine)), False
        except NegotiationError:
            return [], True

    def _place_after(
        self, machine: Object, before: Place, name: str, effects: Effects
    ) -> Place:
        running = set(before.running) - {name}
        is_forgotten = before.is_forgotten
        for effect in effects:
            if isinstance(effect, StartTimer):
                running.add(effect.timer)
            elif isinstance(effect, StopTimer):
                running.discard(effect.timer)
            elif isinstance(effect, Terminated):
                is_forgotten = True
        if is_forgotten:
            running.clear()
        return Place(
            machine.state,
            frozenset(running),
            self._scene.memory(machine),
            is_forgotten,
        )


def astray(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """The machine goes where the row says; without a row nothing changes at all."""
    for arrow in found.arrows:
        start, end = arrow.start, arrow.end
        rows = [(state, event) for state, event in arrow.asked if event in table[state]]
        stays = (start.state, start.running - {arrow.name}) == (end.state, end.running)
        if len(arrow.asked) > 1:
            yield f"{arrow.words}: asks its table more than once"
        elif any(state != start.state for state, _ in arrow.asked):
            yield f"{arrow.words}: asks for another state"
        elif arrow.is_refused or not rows:
            is_silent = stays and not arrow.effects
            knows_more = start.memory != end.memory
            if not is_silent or (knows_more and arrow.name not in model.learning):
                yield f"{arrow.words}: has no row, and changes something"
            is_excused = (start.state, arrow.name) in model.turned_away
            if not arrow.asked and not arrow.is_refused and not is_excused:
                yield f"{arrow.words}: is turned away before the table"
        elif end.state != table[start.state][rows[0][1]][0]:
            yield f"{arrow.words}: leads to {word(end.state)}"
        elif start.is_forgotten:
            yield f"{arrow.words}: comes after the end and has a row"


def unwalked(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """Each state is reached; for rows see `rows_of`, as scenes share them."""
    reached = {place.state for place in found.places}
    for state in table:
        if state not in reached:
            yield f"{word(state)} is not reached"


def unheard(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """A timer that runs has a row wherever the machine can be while it runs, unless
    another one always fires before it.
    """
    for place in found.places:
        for timer in place.running - set(table[place.state]):
            before = model.overtaken.get((place.state, timer))
            if before is None:
                yield f"{place.words}: {word(timer)} would not be heard"
            elif before not in place.running:
                yield f"{place.words}: {word(before)} does not run"
    for arrow in found.arrows:
        seconds = {
            effect.timer: effect.seconds
            for effect in arrow.effects
            if isinstance(effect, StartTimer)
        }
        for (_, later), sooner in model.overtaken.items():
            if (sooner in seconds or later in seconds) and not (
                arrow.end.state in model.ends
                or seconds.get(sooner, 0.0) < seconds.get(later, 0.0)
            ):
                yield f"{arrow.words}: {word(sooner)} may come after {word(later)}"


def misnamed(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """No effect names a timer which no row knows."""
    known = {event for rows in table.values() for event in rows} & set(model.timers)
    for arrow in found.arrows:
        for effect in arrow.effects:
            if isinstance(effect, StartTimer | StopTimer) and effect.timer not in known:
                yield f"{arrow.words}: {word(effect.timer)} has no row anywhere"


def leftover(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """At its end no timer runs; a machine that asks to be forgotten does so there, as
    the last thing, and nowhere else.
    """
    for place in found.places:
        is_end = place.state in model.ends
        if is_end and place.running:
            yield f"{place.words}: a timer is left"
        if place.is_forgotten is not (is_end and model.asks_to_be_forgotten):
            yield f"{place.words}: forgotten, or not, at the wrong time"
    for arrow in found.arrows:
        if Terminated() in arrow.effects[:-1]:
            yield f"{arrow.words}: asks for more after its end"


def stuck(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """From every place the machine can come to its end, or to rest if it has none."""
    resting = set() if model.ends else set(model.waits)
    yield from _cannot_end(model, found, lambda arrow: True, resting)


def immortal(model: Model, table: Table, found: Walk) -> Iterator[str]:
    """If nothing comes but what must come, timers and sure events, each place comes to
    its end, or to where somebody is waited for.
    """

    def is_sure(arrow: Arrow) -> bool:
        sure = model.certain.get(arrow.start.state, {})
        return arrow.name in model.timers or any(
            event in sure for _, event in arrow.asked
        )

    yield from _cannot_end(model, found, is_sure, set(model.waits))


def _cannot_end(
    model: Model, found: Walk, counts: Callable[[Arrow], bool], resting: set[str]
) -> Iterator[str]:
    explored = {arrow.start for arrow in found.arrows}
    is_complete = found.places <= explored

    def same(place: Place) -> object:
        # Where paths were cut short, what a machine remembers does not tell places
        # apart: what follows one of them follows the others as well.
        return place if is_complete else (place.state, place.running)

    coming: dict[object, list[object]] = {}
    for arrow in found.arrows:
        if counts(arrow) and not arrow.is_late:
            coming.setdefault(same(arrow.end), []).append(same(arrow.start))
    ending = [
        same(place) for place in found.places if place.state in {*model.ends, *resting}
    ]
    good = set(ending)
    while ending:
        for start in coming.get(ending.pop(), ()):
            if start not in good:
                good.add(start)
                ending.append(start)
    for place in found.places:
        if same(place) not in good:
            yield f"{place.words}: does not end"


def taken(table: Table, found: Walk) -> set[tuple[str, str]]:
    """The rows that were taken."""
    return {
        (state, event)
        for arrow in found.arrows
        if not arrow.is_refused
        for state, event in arrow.asked
        if event in table[state]
    }


#: All that is asked of a walk.
CHECKS: Mapping[str, Callable[[Model, Table, Walk], Iterator[str]]] = {
    "goes_where_its_table_says": astray,
    "reaches_every_state": unwalked,
    "hears_every_timer_that_runs": unheard,
    "names_no_unknown_timer": misnamed,
    "leaves_no_timer": leftover,
    "can_end_everywhere": stuck,
    "does_end_by_itself": immortal,
}
