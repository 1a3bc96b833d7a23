"""Servers that are down, and servers that want to be left alone."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.destination import Destination
from sipuac.ua.server_health import DOWN_TIME, MAX_DOWN_TIME, MAX_REST, ServerHealth

ONE, TWO, THREE = (
    Destination("UDP", f"192.0.2.{n}", 5060, "a.example") for n in (1, 2, 3)
)


class ServerHealthTests(SynchronousTestCase):
    """What is remembered of servers, and for how long."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.health = ServerHealth(self.clock, max_servers=10)

    def assertDownFor(self, seconds: float) -> None:
        """The first server is down for so long from now."""
        self.clock.advance(seconds - 0.01)
        self.assertTrue(self.health.is_down(ONE))
        self.clock.advance(0.02)
        self.assertFalse(self.health.is_down(ONE))

    def test_down_for_a_while(self) -> None:
        """A server that failed is tried after the others for a while (3263-4.3-a)."""
        self.health.note_failure(ONE)
        self.assertEqual(self.health.ordered([ONE, TWO, THREE]), [TWO, THREE, ONE])
        self.assertDownFor(DOWN_TIME)
        self.assertEqual(self.health.ordered([ONE, TWO, THREE]), [ONE, TWO, THREE])

    def test_failures_in_a_row(self) -> None:
        """The while is twice as long after each further failure, up to a bound."""
        for seconds in (DOWN_TIME, 2 * DOWN_TIME, 4 * DOWN_TIME):
            self.health.note_failure(ONE)
            self.assertDownFor(seconds)
        for _ in range(2000):
            self.health.note_failure(ONE)
        self.assertDownFor(MAX_DOWN_TIME)

    def test_up_again(self) -> None:
        """Any answer but 503 says that a server is up, and its failures are over."""
        for _ in range(3):
            self.health.note_failure(ONE)
        self.health.note_answer(ONE)
        self.assertFalse(self.health.is_down(ONE))
        self.assertEqual(len(self.health), 0)
        self.health.note_failure(ONE)
        self.assertDownFor(DOWN_TIME)
        self.health.note_answer(TWO)

    def test_retry_after(self) -> None:
        """It SHOULD NOT forward any other requests to that server for the duration
        specified in the Retry-After header field (3261-21.5.4-a).
        """
        self.health.note_unavailable(ONE, 120.0)
        self.health.note_failure(TWO)
        self.assertTrue(self.health.is_resting(ONE))
        self.assertFalse(self.health.is_resting(TWO))
        self.assertEqual(self.health.rest_of(ONE), 120.0)
        self.assertEqual(self.health.rest_of(TWO), 0.0)
        self.assertEqual(self.health.ordered([ONE, TWO, THREE]), [THREE, TWO, ONE])
        self.health.note_answer(ONE)
        self.assertDownFor(120.0)
        self.assertFalse(self.health.is_resting(ONE))

    def test_503_without_retry_after(self) -> None:
        """Without a time a 503 is a failure like another."""
        for seconds in (None, 0.0):
            self.health.note_unavailable(ONE, seconds)
            self.assertFalse(self.health.is_resting(ONE))
            self.assertTrue(self.health.is_down(ONE))

    def test_long_rest(self) -> None:
        """A server cannot make itself forgotten for ever."""
        self.health.note_unavailable(ONE, 2**32 - 1)
        self.assertDownFor(MAX_REST)

    def test_shorter_rest(self) -> None:
        """The last word of a server counts."""
        self.health.note_unavailable(ONE, 600.0)
        self.health.note_unavailable(ONE, 60.0)
        self.assertDownFor(60.0)

    def test_failure_during_a_rest(self) -> None:
        """A failure does not shorten a rest, and one after it is no rest."""
        self.health.note_unavailable(ONE, 600.0)
        self.health.note_failure(ONE)
        self.assertTrue(self.health.is_resting(ONE))
        self.assertDownFor(600.0)
        self.health.note_failure(ONE)
        self.assertTrue(self.health.is_down(ONE))
        self.assertFalse(self.health.is_resting(ONE))

    def test_what_a_server_is(self) -> None:
        """A server is an address, a port and a transport; over TLS also the domain it
        has to speak for.
        """
        self.health.note_failure(ONE)
        for other in (
            Destination("TCP", "192.0.2.1", 5060, "a.example"),
            Destination("UDP", "192.0.2.1", 5070, "a.example"),
            Destination("UDP", "192.0.2.2", 5060, "a.example"),
        ):
            self.assertFalse(self.health.is_down(other))
        same = Destination("UDP", "192.0.2.1", 5060, "b.example", "one.example")
        self.assertTrue(self.health.is_down(same))
        self.health.note_failure(Destination("TLS", "192.0.2.1", 5061, "a.example"))
        for domain, is_down in (("A.example", True), ("b.example", False)):
            server = Destination("TLS", "192.0.2.1", 5061, domain)
            self.assertEqual(self.health.is_down(server), is_down)

    def test_size(self) -> None:
        """The number of servers that are remembered is bounded."""
        servers = [Destination("UDP", f"10.0.0.{n}", 5060, "a") for n in range(12)]
        for server in servers:
            self.health.note_failure(server)
            self.health.note_failure(servers[0])
        self.assertEqual(len(self.health), 10)
        down = [self.health.is_down(server) for server in servers]
        self.assertEqual(down, [True, False, False, *[True] * 9])
