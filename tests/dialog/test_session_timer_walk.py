"""Tests of the session timer of a dialog: its table as a whole, and its end."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_interval import Agreed
from sipuac.dialog.session_timer import (
    Effect,
    Event,
    Expire,
    SessionTimer,
    SessionTimerName,
    State,
)
from sipuac.effects import StartTimer, StopTimer
from tests.dialog.session_timers import (
    ASK,
    EXPIRY,
    REFRESH,
    accepting,
    refreshing,
    refusing,
    started,
    update,
)


class EndTests(SynchronousTestCase):
    """The end of the dialog."""

    def test_end(self) -> None:
        """Both timers are forgotten."""
        for timer in (started(), refreshing(), started("600;refresher=uas")):
            self.assertEqual(timer.end(), [StopTimer(REFRESH), StopTimer(EXPIRY)])
            self.assertIs(timer.state, State.OVER)
        timer = started(None)
        self.assertEqual(timer.end(), [])
        self.assertIs(timer.state, State.OVER)

    def test_over(self) -> None:
        """After the end nothing happens any more."""
        for name, feed in INPUTS.items():
            timer = started()
            timer.end()
            self.assertEqual(feed(timer), [], name)


def _answered(timer: SessionTimer) -> list[Effect]:
    answer = timer.answer(update(("Session-Expires", "600;refresher=uac")))
    assert isinstance(answer, Agreed)
    return timer.answered(answer)


#: An input for each event, and two ways of some.
INPUTS: dict[str, Callable[[SessionTimer], list[Effect]]] = {
    Event.OURS: lambda timer: timer.accepted(accepting("600;refresher=uac")),
    Event.PEERS: lambda timer: timer.accepted(accepting("600;refresher=uas")),
    "answered": _answered,
    Event.NO_TIMER: lambda timer: timer.accepted(accepting()),
    Event.TOO_SMALL: lambda timer: timer.refused(refusing(422, ("Min-SE", "700"))),
    Event.REFUSED: lambda timer: timer.refused(refusing(500)),
    Event.LOST: lambda timer: timer.refused(None),
    Event.POSTPONED: lambda timer: timer.postpone(1.0),
    Event.ENDED: lambda timer: timer.end(),
    REFRESH: lambda timer: timer.fire(REFRESH),
    EXPIRY: lambda timer: timer.fire(EXPIRY),
}


class WalkTests(SynchronousTestCase):
    """Every path of up to four inputs."""

    DEPTH = 4

    def setUp(self) -> None:
        """Walk: at each place all inputs, a timer only where it runs."""
        self.arrows: set[tuple[State, str, State]] = set()
        self.places: set[tuple[State, frozenset[str]]] = set()
        pending: list[list[str]] = [[]]
        while pending:
            path = pending.pop()
            running = self.replay(path)
            if len(path) < self.DEPTH:
                for name in INPUTS:
                    is_timer = isinstance(name, SessionTimerName)
                    if not is_timer or name in running:
                        pending.append([*path, name])

    def replay(self, path: list[str]) -> set[str]:
        """The timers that run after these inputs."""
        timer = SessionTimer(ASK)
        running: set[str] = set()
        for index, name in enumerate(path):
            running.discard(name)
            before = timer.state
            effects = INPUTS[name](timer)
            self.arrows.add((before, name, timer.state))
            for effect in effects:
                if isinstance(effect, StartTimer):
                    self.assertGreater(effect.seconds, 0)
                    running.add(effect.timer)
                elif isinstance(effect, StopTimer):
                    running.discard(effect.timer)
                elif isinstance(effect, Expire):
                    self.assertIs(timer.state, State.OVER)
                    self.assertIsNot(before, State.OVER)
            if index == len(path) - 1:
                self.places.add((timer.state, frozenset(running)))
        return running

    def test_every_state_is_reached(self) -> None:
        """Each state of the table can be reached."""
        self.assertEqual({state for state, _ in self.places}, set(State))

    def test_every_row_is_walked(self) -> None:
        """Each row leads where it says, and nothing else moves the machine; the row of
        a second refusal is further away and has a test of its own.
        """
        rows = {
            (state, event, row[0])
            for state, events in SessionTimer.transitions.items()
            for event, row in events.items()
            if event != Event.REFUSED_AGAIN
        }
        self.assertEqual(rows - self.arrows, set())
        for before, name, after in self.arrows:
            # The same 422 a second time demands nothing more: it is a plain refusal.
            other = {"answered": Event.PEERS, Event.TOO_SMALL: Event.REFUSED}.get(name)
            if not rows & {(before, name, after), (before, other, after)}:
                self.assertEqual(before, after, name)

    def test_timers(self) -> None:
        """The expiry runs wherever there is a session timer, the refresh only where its
        row is, and nothing runs in Off or Over.
        """
        for state, running in self.places:
            rows = set(SessionTimer.transitions[state])
            self.assertLessEqual(running, rows, state)
            has_timer = state not in (State.OFF, State.OVER)
            self.assertEqual(EXPIRY in running, has_timer, state)

    def test_every_state_can_end(self) -> None:
        """Each state but the last has a row for the end of the dialog."""
        for state, rows in SessionTimer.transitions.items():
            self.assertEqual(Event.ENDED in rows, state is not State.OVER)
