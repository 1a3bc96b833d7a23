"""How long a server is left alone that could not be reached."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.backoff import Backoff, doubled, jittered
from sipuac.transport.bounds import peer_of

HERE = ("TCP", "192.0.2.9", 5060, "")
THERE = ("TCP", "192.0.2.8", 5060, "")


class BackoffTests(SynchronousTestCase):
    """Tests of `Backoff`, with chance at its greatest."""

    def setUp(self) -> None:
        """Half a second at first, four at most."""
        self.clock = Clock()
        self.backoff = Backoff(self.clock, lambda: 1.0, base=0.5, longest=4.0)

    def test_each_failure_doubles_the_rest(self) -> None:
        """A server that stays down is tried less and less, but never given up."""
        waits = []
        for _ in range(6):
            self.backoff.failed(HERE, "refused")
            waits.append(self.backoff.wait(HERE))
            self.clock.advance(waits[-1])
            self.assertEqual(self.backoff.wait(HERE), 0.0)
        self.assertEqual(waits, [0.5, 1.0, 2.0, 4.0, 4.0, 4.0])

    def test_one_success_forgets_all(self) -> None:
        """After a success the next failure is a first one."""
        for _ in range(5):
            self.backoff.failed(HERE, "refused")
        self.backoff.succeeded(HERE)
        self.assertEqual(self.backoff.wait(HERE), 0.0)
        self.backoff.failed(HERE, "refused")
        self.assertEqual(self.backoff.wait(HERE), 0.5)

    def test_others_are_not_concerned(self) -> None:
        """Each destination has a rest of its own, and a reason."""
        self.backoff.failed(HERE, "refused")
        self.assertEqual(self.backoff.wait(THERE), 0.0)
        self.assertEqual(self.backoff.reason(HERE), "refused")
        self.assertEqual(self.backoff.reason(THERE), "")

    def test_memory_is_bounded(self) -> None:
        """Failures of ever new destinations do not fill it."""
        for number in range(5000):
            self.backoff.failed(number, "refused")
        self.assertEqual(self.backoff.wait(0), 0.0)
        self.assertGreater(self.backoff.wait(4999), 0.0)
        self.assertLess(len(self.backoff._records), 5000)

    def test_chance(self) -> None:
        """A rest is at random from its half to the whole, and no overflow grows it."""
        self.assertEqual(jittered(10.0, lambda: 0.0, 0.5), 5.0)
        self.assertEqual(jittered(10.0, lambda: 1.0, 0.5), 10.0)
        self.assertEqual(doubled(30.0, 100_000, 1800.0), 1800.0)


class PeerTests(SynchronousTestCase):
    """Who counts as one peer."""

    def test_addresses(self) -> None:
        """An address of IPv4, a network of IPv6: its holder has them all."""
        self.assertEqual(peer_of("192.0.2.9"), "192.0.2.9")
        self.assertEqual(peer_of("2001:db8::1"), peer_of("2001:db8::ffff:1"))
        self.assertNotEqual(peer_of("2001:db8::1"), peer_of("2001:db8:0:1::1"))
