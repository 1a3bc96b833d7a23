"""Tests of the waits after requests that have crossed."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.glare import busy_retry_after, retry_delay
from sipuac.errors import LocalProtocolError

# All chances that make a difference: each step of the finest range, and the ends.
CHANCES = [number / 10_000 for number in range(10_000)] + [0.999999999]


class RetryDelayTests(SynchronousTestCase):
    """After a 491."""

    def test_owner(self) -> None:
        """If the UAC is the owner of the Call-ID, T has a randomly chosen value between
        2.1 and 4 seconds in units of 10 ms (3261-14.1-c).
        """
        delays = {retry_delay(chance, is_call_id_owner=True) for chance in CHANCES}
        self.assertEqual(delays, {step / 100 for step in range(210, 401)})

    def test_other_side(self) -> None:
        """If the UAC is not the owner of the Call-ID, T has a randomly chosen value of
        between 0 and 2 seconds in units of 10 ms (3261-14.1-c, 3311-5.3-a).
        """
        delays = {retry_delay(chance, is_call_id_owner=False) for chance in CHANCES}
        self.assertEqual(delays, {step / 100 for step in range(201)})

    def test_every_step_is_as_likely(self) -> None:
        """No step is drawn twice as often as another."""
        counts: dict[float, int] = {}
        for chance in CHANCES:
            delay = retry_delay(chance, is_call_id_owner=True)
            counts[delay] = counts.get(delay, 0) + 1
        self.assertLessEqual(max(counts.values()) - min(counts.values()), 2)

    def test_sides_do_not_cross_again(self) -> None:
        """The owner always waits longer than the other side does."""
        source = random.Random(14)
        for _ in range(1000):
            owner = retry_delay(source.random(), is_call_id_owner=True)
            other = retry_delay(source.random(), is_call_id_owner=False)
            self.assertGreater(owner, other)

    def test_no_chance(self) -> None:
        """A number that random() cannot give is the caller's fault."""
        for chance in (-0.01, 1.0, 7, float("nan"), float("inf")):
            with self.assertRaises(LocalProtocolError):
                retry_delay(chance, is_call_id_owner=True)
            with self.assertRaises(LocalProtocolError):
                busy_retry_after(chance)


class RetryAfterTests(SynchronousTestCase):
    """In a 500."""

    def test_seconds(self) -> None:
        """A Retry-After header field with a randomly chosen value of between 0 and 10
        seconds (3261-14.2-a, 3311-5.2-a).
        """
        self.assertEqual(set(map(busy_retry_after, CHANCES)), set(range(11)))
