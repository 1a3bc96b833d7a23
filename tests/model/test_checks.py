"""The checks can fail: each is shown a table that is broken in the way it looks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_timer import SessionTimerName
from sipuac.effects import StartTimer, StopTimer, Terminated
from sipuac.registration.registration import Event as RegistrationEvent
from sipuac.registration.registration import RegistrationTimer
from sipuac.registration.registration import State as RegistrationState
from sipuac.transaction.base import Event
from sipuac.transaction.invite_client import State
from sipuac.transaction.timers import Timer
from tests.model import tables, walks
from tests.model.dialogs import (
    REGISTRATION,
    RELIABLE_ORDER,
    SESSION_TIMER,
)
from tests.model.machines import MODELS, walks_of
from tests.model.tables import Effects, Ignored, Model, Table
from tests.model.transactions import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
)

TIMED = (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    SESSION_TIMER,
    REGISTRATION,
)

#: Timers that only repeat or refresh: without them a machine ends all the same.
HASTENING = frozenset(
    {
        *(Timer.A, Timer.E, Timer.G, Timer.TRYING),
        *(SessionTimerName.REFRESH, RegistrationTimer.REFRESH),
        # Where nothing more comes, what is bound stays so until somebody stops it.
        RegistrationTimer.EXPIRY,
    }
)


def with_row(
    table: Table, state: str, event: str, row: tuple[str, Any] | None
) -> Table:
    """The table with this row instead of its own; None for without it."""
    rows = {name: dict(events) for name, events in table.items()}
    rows[state].pop(event, None)
    if row is not None:
        rows[state][event] = row
    return rows


def changed(
    table: Table, state: str, event: str, change: Callable[[Effects], Effects]
) -> Table:
    """The table with an action whose effects are changed."""
    next_state, action = table[state][event]

    def changed_action(*arguments: object) -> Effects:
        return change(action(*arguments))

    return with_row(table, state, event, (next_state, changed_action))


def not_stopping(timer: str) -> Callable[[Effects], Effects]:
    """Leaves a timer running."""
    return lambda effects: [one for one in effects if one != StopTimer(timer)]


def without(timer: str) -> Callable[[Effects], Effects]:
    """Does nothing with a timer."""
    return lambda effects: [
        one for one in effects if getattr(one, "timer", None) != timer
    ]


def instead(other: Effects) -> Callable[[Effects], Effects]:
    """Does something else."""
    return lambda effects: other


def complaints_about(model: Model, table: Table, check: str) -> list[str]:
    """What a check of walks says of a table."""
    found = []
    for scene in model.scenes:
        # What is broken shows early.
        walk = walks.walk(model, replace(scene, depth=4), table)
        found += list(walks.CHECKS[check](model, table, walk))
    return found


def explained(ignored: Ignored, state: str, event: str) -> Ignored:
    """The same, with a reason why this row is not there."""
    return {**ignored, state: {**ignored.get(state, {}), (event,): "Because."}}


class TableTests(SynchronousTestCase):
    """Checks of tables."""

    def complaints(self, check: str, **changes: Any) -> list[str]:
        """About the INVITE client with these changes."""
        return list(tables.CHECKS[check](replace(INVITE_CLIENT, **changes)))

    def test_a_row_is_missing(self) -> None:
        """Each row of each table that is removed without a reason is missed."""
        for model in MODELS:
            for state, rows in model.table.items():
                for event in rows:
                    broken = with_row(model.table, state, event, None)
                    found = list(tables.undecided(replace(model, table=broken)))
                    words = f"{tables.word(state)}, {tables.word(event)}: not decided"
                    self.assertEqual(found, [words])

    def test_a_reason_is_missing(self) -> None:
        """Each reason that is removed is missed."""
        for model in MODELS:
            for state, rows in model.ignored.items():
                for events in rows:
                    fewer = {key: why for key, why in rows.items() if key != events}
                    broken = {**model.ignored, state: fewer}
                    found = list(tables.undecided(replace(model, ignored=broken)))
                    self.assertEqual(len(found), len(events))

    def test_a_pair_is_decided_twice(self) -> None:
        """A row and a reason why it is not there contradict each other."""
        twice = explained(INVITE_CLIENT.ignored, State.CALLING, Timer.A)
        self.assertEqual(
            self.complaints("every_pair_is_decided", ignored=twice),
            ["Calling, Timer A: decided 2 times"],
        )

    def test_unknown(self) -> None:
        """A state or an event that the machine does not have."""
        table = INVITE_CLIENT.table
        action = table[State.CALLING][Timer.A][1]
        check = "states_and_events_are_known"
        broken = with_row(table, State.CALLING, Timer.K, (State.CALLING, action))
        self.assertEqual(
            self.complaints(check, table=broken), ["Calling: Timer K is no event"]
        )
        broken = with_row(table, State.CALLING, Timer.A, ("Confirmed", action))
        self.assertEqual(
            self.complaints(check, table=broken),
            ["Calling, Timer A: Confirmed is no state"],
        )
        without = {state: rows for state, rows in table.items() if state != "Accepted"}
        self.assertEqual(len(self.complaints(check, table=without)), 1)
        other = explained(INVITE_CLIENT.ignored, State.CALLING, Timer.K)
        self.assertEqual(
            self.complaints(check, ignored=other), ["ignored: Calling, Timer K"]
        )

    def test_unused(self) -> None:
        """An event that nothing comes of anywhere."""
        broken = with_row(INVITE_CLIENT.table, State.ACCEPTED, Timer.M, None)
        self.assertEqual(
            self.complaints("every_event_has_a_row", table=broken),
            ["Timer M has no row"],
        )

    def test_unreachable(self) -> None:
        """A state that no row leads to."""
        broken = INVITE_CLIENT.table
        for state in (State.CALLING, State.PROCEEDING):
            broken = with_row(broken, state, Event.R2XX, None)
        self.assertEqual(
            self.complaints("every_state_is_reachable", table=broken),
            ["Accepted is never reached"],
        )

    def test_endless(self) -> None:
        """A state that no row leads out of, and an end that one leads out of."""
        broken = with_row(INVITE_CLIENT.table, State.ACCEPTED, Timer.M, None)
        self.assertEqual(
            self.complaints("every_state_can_end", table=broken),
            ["Accepted never ends"],
        )
        row = INVITE_CLIENT.table[State.CALLING][Timer.A]
        broken = with_row(INVITE_CLIENT.table, State.TERMINATED, Timer.A, row)
        (only,) = (
            set(self.complaints("every_state_can_end", table=broken))
            - {f"Terminated leads to {state}" for state in ("Proceeding", "Completed")}
            - {"Terminated leads to Accepted"}
        )
        self.assertEqual(only, "Terminated leads to Calling")

    def test_lasting(self) -> None:
        """A state that only an event that may not come leads out of."""
        broken = with_row(INVITE_CLIENT.table, State.CALLING, Timer.B, None)
        check = "no_state_lasts_for_ever"
        self.assertEqual(
            self.complaints(check, table=broken), ["Calling may last for ever"]
        )
        self.assertEqual(
            self.complaints(check, waits={}), ["Proceeding may last for ever"]
        )


class WalkTests(SynchronousTestCase):
    """Checks of walks: the real objects run with a broken table."""

    def test_a_timer_is_not_stopped(self) -> None:
        """Each `StopTimer` of each row is needed that stops a timer which runs and has
        no row in the next state: it would fire where nothing hears it, or be left.
        """
        tried = 0
        for model in TIMED:
            stops = {
                (*arrow.asked[-1], effect.timer)
                for found in walks_of(model.name)
                for arrow in found.arrows
                for effect in arrow.effects
                if isinstance(effect, StopTimer)
                and effect.timer in arrow.start.running - {arrow.name}
                and effect.timer not in model.table[arrow.end.state]
            }
            for state, event, timer in sorted(stops):
                broken = changed(model.table, state, event, not_stopping(timer))
                found = [
                    *complaints_about(model, broken, "hears_every_timer_that_runs"),
                    *complaints_about(model, broken, "leaves_no_timer"),
                ]
                self.assertNotEqual(found, [], (model.name, state, event, timer))
                tried += 1
        self.assertGreater(tried, 30)

    def test_a_timer_is_not_started(self) -> None:
        """Each `StartTimer` of each row is needed that starts a timer which is not
        running and does more than hasten: without it the machine may last for ever.
        """
        tried = 0
        for model in TIMED:
            starts = {
                (*arrow.asked[-1], effect.timer)
                for found in walks_of(model.name)
                for arrow in found.arrows
                for effect in arrow.effects
                if isinstance(effect, StartTimer)
                and effect.timer not in HASTENING
                and effect.timer not in arrow.start.running - {arrow.name}
                if arrow.asked and arrow.end.state not in model.waits
            }
            for state, event, timer in sorted(starts):
                broken = changed(model.table, state, event, without(timer))
                found = complaints_about(model, broken, "does_end_by_itself")
                self.assertNotEqual(found, [], (model.name, state, event, timer))
                tried += 1
        self.assertGreater(tried, 15)

    def test_a_timer_is_not_heard(self) -> None:
        """Each row of a timer is needed wherever the timer can fire."""
        for model in TIMED:
            for state, rows in model.table.items():
                for timer in set(rows) & set(model.timers):
                    broken = with_row(model.table, state, timer, None)
                    found = complaints_about(
                        model, broken, "hears_every_timer_that_runs"
                    )
                    self.assertNotEqual(found, [], (model.name, state, timer))

    def test_an_unknown_timer(self) -> None:
        """A timer that no row knows."""
        broken = changed(
            INVITE_CLIENT.table,
            State.CALLING,
            Event.R1XX,
            lambda effects: [*effects, StartTimer("Timer Z", 1.0)],
        )
        for check in ("names_no_unknown_timer", "hears_every_timer_that_runs"):
            self.assertNotEqual(complaints_about(INVITE_CLIENT, broken, check), [])

    def test_it_is_not_forgotten(self) -> None:
        """A transaction that ends without a word stays in memory for ever; one that
        says so too soon is forgotten in the middle.
        """
        broken = changed(
            INVITE_CLIENT.table, State.ACCEPTED, Timer.M, lambda effects: []
        )
        self.assertNotEqual(
            complaints_about(INVITE_CLIENT, broken, "leaves_no_timer"), []
        )
        broken = changed(
            INVITE_CLIENT.table,
            State.CALLING,
            Event.R2XX,
            lambda effects: [Terminated(), *effects],
        )
        self.assertNotEqual(
            complaints_about(INVITE_CLIENT, broken, "leaves_no_timer"), []
        )

    def test_it_cannot_end(self) -> None:
        """A place that nothing leads out of, and a state that nothing leads to."""
        broken = with_row(INVITE_CLIENT.table, State.ACCEPTED, Timer.M, None)
        self.assertNotEqual(
            complaints_about(INVITE_CLIENT, broken, "can_end_everywhere"), []
        )
        for state in (State.CALLING, State.PROCEEDING):
            broken = with_row(broken, state, Event.R2XX, None)
        self.assertEqual(
            complaints_about(INVITE_CLIENT, broken, "reaches_every_state"),
            ["Accepted is not reached"] * 2,
        )

    def test_another_table(self) -> None:
        """A machine that does not do what the table says: each row of each machine is
        compared with what really happens.
        """
        for model in MODELS:
            for found in walks_of(model.name):
                for state, event in walks.taken(model.table, found):
                    next_state, action = model.table[state][event]
                    other = next(
                        one.value for one in model.states if one.value != next_state
                    )
                    row = (other, action)
                    said = with_row(model.table, state, event, row)
                    self.assertNotEqual(
                        list(walks.astray(model, said, found)), [], (state, event)
                    )

    def test_something_comes_of_what_is_ignored(self) -> None:
        """A machine that does something although the table has no row."""
        (found,) = walks_of(RELIABLE_ORDER.name)
        for state, rows in RELIABLE_ORDER.table.items():
            for event in rows:
                said = with_row(RELIABLE_ORDER.table, state, event, None)
                self.assertNotEqual(list(walks.astray(RELIABLE_ORDER, said, found)), [])

    def test_it_decides_by_itself(self) -> None:
        """What a machine turns away before its table is said, and so is what it keeps
        of an event that it ignores.
        """
        for model, name in (
            (NON_INVITE_SERVER, "turned_away"),
            (REGISTRATION, "turned_away"),
            (REGISTRATION, "learning"),
            (SESSION_TIMER, "learning"),
        ):
            nothing: dict[str, Any] = {name: {}}
            unsaid = replace(model, **nothing)
            found = [
                complaint
                for walk in walks_of(model.name)
                for complaint in walks.astray(unsaid, model.table, walk)
            ]
            self.assertNotEqual(found, [], (model.name, name))

    def test_a_timer_that_is_not_overtaken(self) -> None:
        """A registration that would be refreshed when it has ended."""
        check = "hears_every_timer_that_runs"
        state, event = RegistrationState.REGISTERING, RegistrationEvent.BOUND
        late = [
            StartTimer(RegistrationTimer.REFRESH, 700.0),
            StartTimer(RegistrationTimer.EXPIRY, 600.0),
        ]
        for effects in (late, late[1:]):
            broken = changed(REGISTRATION.table, state, event, instead(effects))
            self.assertNotEqual(complaints_about(REGISTRATION, broken, check), [])

    def test_the_walk_goes_on(self) -> None:
        """Walks end because nothing new is found, or where their depth says."""
        for model in MODELS:
            for scene, found in zip(model.scenes, walks_of(model.name), strict=True):
                unexplored = found.places - {arrow.start for arrow in found.arrows}
                self.assertGreater(len(found.arrows), len(found.places))
                if scene.depth is None:
                    self.assertEqual(unexplored, set(), model.name)
