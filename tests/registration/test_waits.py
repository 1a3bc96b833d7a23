"""Refreshes come before the end of a binding, retries ever later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipuac.registration.waits import refresh_delay, retry_after_of, retry_delay
from sipuac.syntax.message import Response

chances = st.floats(0, 1, exclude_max=True)


class WaitTests(SynchronousTestCase):
    """Tests of the functions."""

    @given(st.integers(1, 2**32 - 1), chances)
    def test_refresh_comes_before_the_end(self, granted: int, chance: float) -> None:
        """A binding is refreshed before it ends (3261-10.2.4-a)."""
        delay = refresh_delay(granted, chance)
        self.assertGreater(delay, 0)
        self.assertLess(delay, granted)

    def test_refresh_has_jitter(self) -> None:
        """Clients that were granted the same do not come back together."""
        self.assertEqual(refresh_delay(3600, 0.0), 3560)
        self.assertEqual(refresh_delay(3600, 0.5), 3204)
        self.assertEqual(refresh_delay(60, 0.0), 30)

    def test_the_first_retry(self) -> None:
        """The first retry is "somewhere between 30 and 60 seconds after the failure of
        the first registration request" (5626-4.5-a).
        """
        self.assertEqual(retry_delay(1, 0.0, base=30, limit=1800), 30)
        self.assertEqual(retry_delay(1, 0.5, base=30, limit=1800), 45)

    def test_three_failures(self) -> None:
        """Its example: "if the base-time is 30 seconds, and there were three failures,
        then the upper-bound wait time is min(1800, 30*(2^3)) or 240 seconds"
        (5626-4.5-a).
        """
        self.assertEqual(retry_delay(3, 0.0, base=30, limit=1800), 120)

    @given(st.integers(1, 10_000), chances)
    def test_the_limit(self, failures: int, chance: float) -> None:
        """In the long run "a random time of 15 to 30 minutes between each attempt"."""
        delay = retry_delay(failures, chance, base=30, limit=1800)
        self.assertTrue(30 <= delay <= 1800)
        if failures > 6:
            self.assertGreaterEqual(delay, 900)

    def test_retry_after(self) -> None:
        """Retry-After counts where it can be read, a day at most."""
        for text, seconds in (("120", 120.0), ("x", 0.0), ("9999999", 86_400.0)):
            response = Response(503, "", (("Retry-After", text),))
            self.assertEqual(retry_after_of(response), seconds)
        self.assertEqual(retry_after_of(Response(503, "", ())), 0.0)
