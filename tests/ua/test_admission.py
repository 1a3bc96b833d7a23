"""How many requests of strangers are let in."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.ua.admission import Admission, AdmissionLimits


class AdmissionTests(SynchronousTestCase):
    """Tests of the buckets."""

    def setUp(self) -> None:
        """Two at once, one a second."""
        self.clock = Clock()
        limits = AdmissionLimits(rate=1.0, burst=2.0, max_sources=3)
        self.admission = Admission(self.clock, limits)

    def admitted(self, source: str, count: int) -> list[bool]:
        """What becomes of that many requests at once."""
        return [self.admission.admits(source) for _ in range(count)]

    def test_burst_and_rate(self) -> None:
        """A bucket is emptied at once and fills again with time."""
        self.assertEqual(self.admitted("a", 3), [True, True, False])
        self.clock.advance(1.0)
        self.assertEqual(self.admitted("a", 2), [True, False])
        self.clock.advance(100.0)
        self.assertEqual(self.admitted("a", 3), [True, True, False])

    def test_sources_are_apart(self) -> None:
        """One source does not use up what another may ask."""
        self.admitted("a", 5)
        self.assertEqual(self.admitted("b", 1), [True])

    def test_all_sources_together(self) -> None:
        """Ever new sources, as forged ones are, bring no more than all may together:
        each request that is let in is kept for 64*T1 (timer J).
        """
        limits = AdmissionLimits(rate=1.0, burst=2.0, total_rate=3.0, total_burst=4.0)
        self.admission = Admission(self.clock, limits)
        admitted = [self.admission.admits(f"source {n}") for n in range(10)]
        self.assertEqual(admitted, [True] * 4 + [False] * 6)
        self.clock.advance(1.0)
        self.assertEqual(self.admitted("x", 2), [True, True])
        self.assertEqual(self.admitted("y", 2), [True, False])

    def test_refused_source_takes_nothing_of_all(self) -> None:
        """What one source has asked too much is not taken from the others."""
        limits = AdmissionLimits(rate=1.0, burst=2.0, total_rate=1.0, total_burst=4.0)
        self.admission = Admission(self.clock, limits)
        self.assertEqual(self.admitted("a", 9), [True, True] + [False] * 7)
        self.assertEqual(self.admitted("b", 2), [True, True])

    def test_bounded(self) -> None:
        """Of too many sources the one that was silent longest is forgotten."""
        for source in "abc":
            self.admitted(source, 3)
        self.admitted("a", 1)
        self.admitted("d", 1)
        self.assertEqual(len(self.admission), 3)
        self.assertEqual(self.admitted("a", 1), [False])
        self.assertEqual(self.admitted("b", 1), [True])
