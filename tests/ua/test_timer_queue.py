"""Many timers on one delayed call."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing.clock import advance
from sipuac.ua.timer_queue import TimerQueue


class TimerQueueTests(SynchronousTestCase):
    """What fires when, and what is left on the reactor."""

    def setUp(self) -> None:
        """An empty queue."""
        self.clock = Clock()
        self.queue = TimerQueue(self.clock)
        self.fired: list[tuple[float, str]] = []

    def note(self, name: str) -> None:
        """Write down that a timer fired."""
        self.fired.append((self.clock.seconds(), name))

    def test_timers_fire_in_the_order_of_their_deadlines(self) -> None:
        """Earlier deadlines fire first, and each at its own time."""
        for name, seconds in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
            self.queue.start(seconds, self.note, name)
        advance(self.clock, 5)
        self.assertEqual(self.fired, [(1.0, "a"), (2.0, "b"), (3.0, "c")])
        self.assertEqual(len(self.queue), 0)

    def test_equal_deadlines_fire_in_the_order_of_their_start(self) -> None:
        """Among equal deadlines the one started first fires first."""
        for name in "dacb":
            self.queue.start(1.0, self.note, name)
        advance(self.clock, 1)
        self.assertEqual("".join(name for _, name in self.fired), "dacb")

    def test_the_reactor_knows_of_one_delayed_call(self) -> None:
        """However many timers run, the reactor has one delayed call, for the next."""
        for seconds in (5.0, 3.0, 4.0, 1.0, 2.0):
            self.queue.start(seconds, self.note, "x")
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.clock.getDelayedCalls()[0].getTime(), 1.0)
        self.assertEqual(len(self.queue), 5)

    def test_a_stopped_timer_does_not_fire(self) -> None:
        """A stopped timer is forgotten, and may be stopped again."""
        stopped = self.queue.start(1.0, self.note, "stopped")
        self.queue.start(2.0, self.note, "other")
        stopped.stop()
        stopped.stop()
        self.assertFalse(stopped.is_running)
        self.assertEqual(len(self.queue), 1)
        advance(self.clock, 3)
        self.assertEqual(self.fired, [(2.0, "other")])

    def test_stopping_the_last_timer_leaves_nothing_on_the_reactor(self) -> None:
        """Without running timers there is no delayed call."""
        timer = self.queue.start(1.0, self.note, "x")
        timer.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_a_fired_timer_is_harmless(self) -> None:
        """A timer that has fired can be stopped and is not counted twice."""
        fired = self.queue.start(1.0, self.note, "x")
        self.queue.start(9.0, self.note, "y")
        advance(self.clock, 1)
        fired.stop()
        self.assertEqual(len(self.queue), 1)

    def test_stop_all(self) -> None:
        """Every timer is forgotten at once; new ones can be started."""
        old = self.queue.start(1.0, self.note, "old")
        self.queue.stop_all()
        old.stop()
        self.assertEqual(len(self.queue), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.queue.start(1.0, self.note, "new")
        advance(self.clock, 2)
        self.assertEqual(self.fired, [(1.0, "new")])

    def test_a_timer_that_starts_and_stops_others(self) -> None:
        """An action may start and stop timers, those that are due now included."""

        def act() -> None:
            self.note("acted")
            due.stop()
            self.queue.start(0.0, self.note, "at once")
            self.queue.start(1.0, self.note, "later")

        self.queue.start(1.0, act)
        due = self.queue.start(1.0, self.note, "due")
        advance(self.clock, 5)
        self.assertEqual(self.fired, [(1.0, "acted"), (1.0, "at once"), (2.0, "later")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_left_of_timers_that_came_and_went_in_one_round(self) -> None:
        """What an action starts for now fires now, and leaves no delayed call."""
        self.queue.start(1.0, self.queue.start, 0.0, self.note, "at once")
        self.clock.advance(1)
        self.assertEqual(self.fired, [(1.0, "at once")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_action_that_stops_everything(self) -> None:
        """`stop_all` inside an action ends the round too."""
        self.queue.start(1.0, self.queue.stop_all)
        self.queue.start(1.0, self.note, "x")
        advance(self.clock, 5)
        self.assertEqual(self.fired, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_faulty_action_stops_no_other(self) -> None:
        """What an action raises is logged, and the others fire."""

        def fault() -> None:
            raise ValueError("a fault")

        self.queue.start(1.0, fault)
        self.queue.start(1.0, self.note, "x")
        advance(self.clock, 1)
        self.assertEqual(self.fired, [(1.0, "x")])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_dead_timers_are_swept(self) -> None:
        """The queue does not grow with timers that were stopped long before."""
        self.queue.start(100.0, self.note, "x")
        for _ in range(10_000):
            self.queue.start(32.0, self.note, "dead").stop()
        self.assertLess(len(self.queue._heap), 600)
        advance(self.clock, 100)
        self.assertEqual(self.fired, [(100.0, "x")])

    def test_a_dead_timer_keeps_nothing_alive(self) -> None:
        """A stopped timer forgets its action and the arguments, though it is kept."""

        class Thing:
            pass

        thing = Thing()
        gone = weakref.ref(thing)
        self.queue.start(1.0, self.note, "x")
        timer = self.queue.start(32.0, lambda thing: None, thing)
        timer.stop()
        del thing
        gc.collect()
        self.assertIsNone(gone())


class LateTimersTests(SynchronousTestCase):
    """A reactor that was busy calls what is due before it reads what has arrived."""

    def setUp(self) -> None:
        """A reactor whose turns are taken one by one, and an empty queue."""
        self.clock = Clock()
        self.queue = TimerQueue(self.clock)
        self.fired: list[str] = []

    def turn(self, seconds: float = 0.0) -> None:
        """Call what is due now, as a reactor does: not what that adds."""
        self.clock.rightNow += seconds
        # Any: Twisted's interface of a delayed call does not tell what it calls.
        due: list[Any] = [
            call
            for call in self.clock.getDelayedCalls()
            if call.getTime() <= self.clock.seconds()
        ]
        for call in due:
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)

    def test_a_late_timer_waits_for_what_has_arrived(self) -> None:
        """A response that waits in the socket stops the retransmission."""
        timer_a = self.queue.start(0.5, self.fired.append, "A")
        self.turn(0.6)
        self.assertEqual(self.fired, [])
        timer_a.stop()
        self.turn()
        self.turn()
        self.assertEqual(self.fired, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_late_timer_fires_when_nothing_has_arrived(self) -> None:
        """One turn of the reactor is enough to know that."""
        self.queue.start(0.5, self.fired.append, "A")
        self.turn(0.6)
        self.turn()
        self.assertEqual(self.fired, ["A"])

    def test_a_timer_in_time_does_not_wait(self) -> None:
        """What is in time fires at once."""
        self.queue.start(0.5, self.fired.append, "A")
        self.turn(0.501)
        self.assertEqual(self.fired, ["A"])

    def test_a_late_timer_does_not_wait_for_ever(self) -> None:
        """Whoever sends without a break does not stop our timers."""
        self.queue.start(0.5, self.fired.append, "A")
        self.turn(0.6)
        turns = 0
        while not self.fired:
            # Each turn brings something.
            self.queue.start(32.0, self.fired.append, "D")
            self.turn()
            turns += 1
            self.assertLess(turns, 100)
        self.assertEqual(self.fired, ["A"])
        self.queue.stop_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_next_late_timer_waits_again(self) -> None:
        """That one has waited says nothing about the next."""
        for number in range(100):
            self.queue.start(0.5, self.fired.append, "A")
            self.turn(0.6)
            self.assertEqual(len(self.fired), number)
            self.turn()
            self.assertEqual(len(self.fired), number + 1)
