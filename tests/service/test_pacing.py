"""Calls leave at an even rate, and at a lower one while we are overloaded."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, TooManyCalls
from sipuac.service.pacing import INTERVAL, MAX_LAG, MIN_RATE, Pacer
from sipuac.testing.clock import advance


class PacerCase(SynchronousTestCase):
    """A pacer on a clock, and the calls that it let go."""

    def setUp(self) -> None:
        """Nothing is lost yet."""
        self.clock = Clock()
        self.lost: int | None = 0
        self.times: list[float] = []

    def pacer(self, **options: float) -> Pacer:
        """A pacer; what it has started is over when the test is."""
        return Pacer(self.clock, lost=lambda: self.lost, **options)  # type: ignore[arg-type]  # passed on

    def ask(self, pacer: Pacer, count: int = 1) -> list[Deferred[None] | None]:
        """Ask for turns, and note when each comes."""
        turns = [pacer.turn() for _ in range(count)]
        for turn in turns:
            if turn is None:
                self._note(None)
            else:
                turn.addCallback(self._note)
        return turns

    def _note(self, ignored: object) -> None:
        self.times.append(round(self.clock.seconds(), 3))

    def place_for(self, pacer: Pacer, seconds: float, rate: float) -> None:
        """Ask for so many turns a second."""
        start = self.clock.seconds()
        for number in range(1, round(seconds * rate) + 1):
            self.ask(pacer)
            # A little more, as steps add up to a little less than their sum.
            advance(self.clock, start + number / rate + 1e-6 - self.clock.seconds())

    def stall(self, seconds: float) -> None:
        """The event loop is busy: all that is due then sees the same late time."""
        self.clock.advance(seconds)


class EvenRateTests(PacerCase):
    """What an application asks for at once."""

    def test_calls_are_paced_evenly(self) -> None:
        """Ten calls at once at ten a second leave a tenth of a second apart."""
        self.ask(self.pacer(rate=10), 10)
        advance(self.clock, 2)
        expected = [round(number / 10, 3) for number in range(10)]
        self.assertEqual(self.times, expected)

    def test_calls_below_the_rate_do_not_wait(self) -> None:
        """Who asks for less than the rate is never kept waiting."""
        pacer = self.pacer(rate=10)
        self.place_for(pacer, 3, rate=5)
        expected = [round(number / 5, 3) for number in range(15)]
        self.assertEqual(self.times, expected)

    def test_a_pause_is_not_followed_by_a_burst(self) -> None:
        """What was not used is not saved up, and what is late is not caught up."""
        pacer = self.pacer(rate=100)
        self.ask(pacer, 11)
        self.stall(0.4)
        self.assertLess(len(self.times), 6)
        advance(self.clock, 5)
        self.times.clear()
        self.ask(pacer, 3)
        advance(self.clock, 1)
        self.assertEqual(self.times, [5.4, 5.41, 5.42])

    def flushed(self, pacer: Pacer) -> None:
        """Nothing waits any more."""
        self.assertEqual(pacer.pace.waiting, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_clock_of_milliseconds_is_good_enough(self) -> None:
        """A reactor that is a millisecond late each time still keeps the rate."""
        pacer = self.pacer(rate=1000)
        self.ask(pacer, 1000)
        for _ in range(500):
            self.stall(0.002)
        self.assertGreater(len(self.times), 980)
        pacer.stop()

    def test_without_rate_nobody_waits(self) -> None:
        """By default an application has the calls that it asks for, at once."""
        turns = self.ask(self.pacer(), 1000)
        self.assertEqual(set(turns), {None})

    def test_no_more_wait_than_may(self) -> None:
        """A queue without bound would only hide the overload."""
        pacer = self.pacer(rate=1, max_waiting=2)
        turns = self.ask(pacer, 4)
        self.assertEqual(pacer.pace.waiting, 2)
        refused = turns[3]
        assert refused is not None
        self.failureResultOf(refused, TooManyCalls)
        advance(self.clock, 5)
        self.assertEqual(self.times, [0.0, 1.0, 2.0])

    def test_a_turn_can_be_given_up(self) -> None:
        """Who gives up leaves the queue, and the others move up."""
        turns = self.ask(self.pacer(rate=1), 4)
        given_up = turns[2]
        assert given_up is not None
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        advance(self.clock, 5)
        self.assertEqual(self.times, [0.0, 1.0, 2.0])

    def test_the_end(self) -> None:
        """When the service stops, nobody waits any more, and no timer is left."""
        pacer = self.pacer(rate=1)
        turns = self.ask(pacer, 3)
        pacer.stop()
        for turn in turns[1:]:
            assert turn is not None
            self.failureResultOf(turn, LocalProtocolError)
        self.flushed(pacer)

    def test_nothing_runs_without_calls(self) -> None:
        """When no call has left for a while, there is nothing to look at."""
        self.ask(self.pacer())
        advance(self.clock, 3 * INTERVAL)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_no_rate(self) -> None:
        """Zero, less, and what is no number."""
        for rate in (0.0, -1.0, float("nan"), float("inf")):
            self.assertRaises(LocalProtocolError, self.pacer, rate=rate)
        self.assertRaises(LocalProtocolError, self.pacer, max_waiting=-1)


class OverloadTests(PacerCase):
    """The signs of overload slow new calls down."""

    def test_lost_datagrams_halve_the_rate(self) -> None:
        """What the system threw away would be sent again: fewer new calls instead."""
        pacer = self.pacer()
        self.place_for(pacer, INTERVAL, rate=100)
        self.assertIsNone(pacer.pace.rate)
        self.lost = 1
        self.place_for(pacer, INTERVAL, rate=100)
        self.assertApproximates(pacer.pace.rate or 0, 50, 3)
        self.assertEqual(pacer.pace.reductions, 1)
        advance(self.clock, 60)

    def test_a_late_event_loop_halves_the_rate(self) -> None:
        """After T1 a peer repeats what was not answered."""
        pacer = self.pacer()
        self.ask(pacer, 200)
        self.stall(INTERVAL + MAX_LAG + 0.001)
        self.assertIsNone(pacer.pace.rate)
        self.stall(INTERVAL + MAX_LAG + 0.001)
        rate = 200 / (INTERVAL + MAX_LAG) / 2
        self.assertApproximates(pacer.pace.rate or 0, rate, 1)
        self.assertAlmostEqual(pacer.pace.lag, MAX_LAG + 0.001)
        pacer.stop()

    def test_a_little_late_is_no_overload(self) -> None:
        """A reactor that has much to do is late at times, very late now and then."""
        pacer = self.pacer()
        for late in (0.0, MAX_LAG, 2.0, MAX_LAG, 2.0, 0.0):
            self.ask(pacer)
            self.stall(INTERVAL + late)
        self.assertIsNone(pacer.pace.rate)
        pacer.stop()

    def test_what_was_lost_before_counts_for_nothing(self) -> None:
        """A new look begins with what is lost already."""
        self.lost = 1000
        pacer = self.pacer()
        self.place_for(pacer, 2, rate=10)
        self.assertIsNone(pacer.pace.rate)
        pacer.stop()

    def test_a_system_that_does_not_tell(self) -> None:
        """Where nobody knows what is lost, the event loop alone tells."""
        self.lost = None
        pacer = self.pacer()
        self.place_for(pacer, 2, rate=10)
        self.assertIsNone(pacer.pace.rate)
        pacer.stop()

    def test_the_effect_is_awaited(self) -> None:
        """What is on its way already is no reason to halve the rate once more."""
        pacer = self.pacer()
        self.ask(pacer)
        for expected in (1, 1, 1, 2):
            self.lost = (self.lost or 0) + 1
            advance(self.clock, INTERVAL)
            self.assertEqual(pacer.pace.reductions, expected)
        pacer.stop()

    def test_the_rate_has_an_end_downwards(self) -> None:
        """However bad it looks, some call is let go: else nothing would be learned."""
        pacer = self.pacer(max_waiting=10)
        self.ask(pacer)
        for _ in range(100):
            self.lost = (self.lost or 0) + 1
            advance(self.clock, INTERVAL)
        self.assertEqual(pacer.pace.rate, MIN_RATE)
        self.times.clear()
        self.ask(pacer, 5)
        advance(self.clock, 4.1 / MIN_RATE)
        self.assertEqual(len(self.times), 5)
        pacer.stop()

    def test_few_calls_are_not_what_makes_it_bad(self) -> None:
        """Whoever places a call now and then may place ten a second all the same."""
        pacer = self.pacer()
        for _ in range(2):
            self.ask(pacer)
            self.stall(INTERVAL + 2 * MAX_LAG)
        self.assertEqual(pacer.pace.rate, MIN_RATE)
        pacer.stop()

    def test_the_rate_grows_again(self) -> None:
        """Without signs it is back in five seconds, and gone after twice as much."""
        pacer = self.pacer()
        self.place_for(pacer, INTERVAL, rate=100)
        self.lost = 1
        self.place_for(pacer, INTERVAL, rate=100)
        advance(self.clock, 5)
        self.assertApproximates(pacer.pace.rate or 0, 100, 5)
        advance(self.clock, 11)
        self.assertIsNone(pacer.pace.rate)
        advance(self.clock, INTERVAL)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_rate_of_the_application_stays_the_limit(self) -> None:
        """What grows again grows no further than what was asked for."""
        pacer = self.pacer(rate=120)
        self.place_for(pacer, INTERVAL, rate=100)
        self.lost = 1
        self.place_for(pacer, INTERVAL, rate=100)
        self.assertApproximates(pacer.pace.rate or 0, 50, 3)
        advance(self.clock, 30)
        self.assertEqual(pacer.pace.rate, 120)

    def test_those_that_wait_go_when_the_limit_does(self) -> None:
        """Nobody is forgotten in the queue."""
        pacer = self.pacer()
        self.place_for(pacer, INTERVAL, rate=100)
        self.lost = 1
        self.place_for(pacer, INTERVAL, rate=100)
        self.times.clear()
        self.ask(pacer, 300)
        self.assertGreater(pacer.pace.waiting, 290)
        advance(self.clock, 60)
        self.assertEqual(len(self.times), 300)
        self.assertEqual(self.clock.getDelayedCalls(), [])
