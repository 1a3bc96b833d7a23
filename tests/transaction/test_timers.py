"""Tests of `sipuac.transaction.timers`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.transaction.base import Event
from sipuac.transaction.timers import Timer, Timers


class TimersTests(SynchronousTestCase):
    """The values are those of table 4 of RFC 3261."""

    def test_table_4(self) -> None:
        """T1 is 500 ms, T2 4 s and T4 5 s, and table 4 makes the timers of them."""
        timers = Timers()
        self.assertEqual((timers.t1, timers.t2, timers.t4), (0.5, 4.0, 5.0))
        self.assertEqual((timers.timer_a, timers.timer_b), (0.5, 32.0))
        self.assertEqual((timers.timer_e, timers.timer_f), (0.5, 32.0))
        self.assertEqual((timers.timer_g, timers.timer_h), (0.5, 32.0))
        self.assertEqual((timers.timer_l, timers.timer_m), (32.0, 32.0))

    def test_waits_for_repetitions_unreliable(self) -> None:
        """Over unreliable transports D is at least 32 s, I T4, J 64*T1, K T4."""
        timers = Timers()
        self.assertEqual(timers.timer_d(False), 32.0)
        self.assertEqual(timers.timer_i(False), 5.0)
        self.assertEqual(timers.timer_j(False), 32.0)
        self.assertEqual(timers.timer_k(False), 5.0)
        self.assertEqual(Timers(t1=1.0).timer_d(False), 64.0)

    def test_waits_for_repetitions_reliable(self) -> None:
        """Over reliable transports D, I, J and K are zero seconds."""
        timers = Timers()
        self.assertEqual(timers.timer_d(True), 0.0)
        self.assertEqual(timers.timer_i(True), 0.0)
        self.assertEqual(timers.timer_j(True), 0.0)
        self.assertEqual(timers.timer_k(True), 0.0)

    def test_invite_trying(self) -> None:
        """An INVITE gets its 100 within 200 ms."""
        self.assertEqual(Timers(t1=2.0).invite_trying, 0.2)

    def test_non_invite_trying(self) -> None:
        """The time until timer E is reset to T2: 0.5 s, 1 s and 2 s in a row."""
        self.assertEqual(Timers().non_invite_trying, 3.5)
        self.assertEqual(Timers(t1=1.0, t2=4.0).non_invite_trying, 3.0)
        # 1 s, 2 s, 4 s; the next would be 8 s and is reset to 6 s.
        self.assertEqual(Timers(t1=1.0, t2=6.0).non_invite_trying, 7.0)
        self.assertEqual(Timers(t1=4.0, t2=4.0).non_invite_trying, 0.0)

    def test_non_invite_expiry(self) -> None:
        """With the time before it, that makes timer F; it is never below zero."""
        self.assertEqual(Timers().non_invite_expiry, 28.5)
        self.assertEqual(Timers(t1=0.01, t2=10.0).non_invite_expiry, 0.0)

    def test_senseless_times(self) -> None:
        """Times with which a transaction would spin or never end are refused."""
        for times in (
            (0.0, 4.0, 5.0),
            (-0.5, 4.0, 5.0),
            (0.5, 0.0, 5.0),
            (0.5, 4.0, -1.0),
            (float("inf"), 4.0, 5.0),
            (0.5, float("nan"), 5.0),
        ):
            with self.assertRaises(LocalProtocolError):
                Timers(*times)

    def test_no_network(self) -> None:
        """On a network where messages do not linger T4 may be zero."""
        self.assertEqual(Timers(t4=0.0).timer_k(False), 0.0)

    def test_small_times(self) -> None:
        """Tests that do not want to wait make all times small."""
        timers = Timers(t1=0.005, t2=0.04, t4=0.05)
        self.assertEqual((timers.timer_e, timers.timer_k(False)), (0.005, 0.05))

    def test_names(self) -> None:
        """Timers and other events share the rows of a table and no name."""
        names = [*(timer.value for timer in Timer), *(event.value for event in Event)]
        self.assertEqual(len(set(names)), len(names))
