"""Races between the addresses of one server."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.transport.interfaces import IFlow
from sipuac.ua.connect_race import ATTEMPT_DELAY, ConnectRace, alternating
from sipuac.ua.timer_queue import TimerQueue


class Flow:
    """Something that could be a flow."""


def servers(*hosts: str) -> list[Destination]:
    """These addresses of one server."""
    return [Destination("TCP", host, 5060, "a.example", "a.example") for host in hosts]


class RaceTests(SynchronousTestCase):
    """Who is tried when, and who wins."""

    def setUp(self) -> None:
        """A clock, and connections that the test makes."""
        self.clock = Clock()
        self.timers = TimerQueue(self.clock)
        self.tried: dict[str, Deferred[IFlow]] = {}
        self.cancelled: list[str] = []
        self.at_once: dict[str, Deferred[IFlow]] = {}

    def connect(self, destination: Destination) -> Deferred[IFlow]:
        """Make a connection that the test completes."""
        host = destination.host
        connecting = self.at_once.get(host)
        if connecting is None:
            connecting = Deferred(lambda _: self.cancelled.append(host))
        self.tried[host] = connecting
        return connecting

    def race(self, *hosts: str) -> ConnectRace:
        """A race, not yet begun."""
        return ConnectRace(servers(*hosts), self.connect, self.timers.start)

    def assertOver(self) -> None:
        """No timer is left."""
        self.assertEqual(len(self.timers), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_first_at_once(self) -> None:
        """Where the first address answers in time no other one is tried."""
        winner = self.race("::1", "::2").start()
        flow = Flow()
        self.assertEqual(list(self.tried), ["::1"])
        self.clock.advance(ATTEMPT_DELAY - 0.01)
        self.tried["::1"].callback(flow)  # type: ignore[arg-type]  # a stand-in
        self.assertEqual(self.successResultOf(winner), (servers("::1")[0], flow))
        self.assertEqual(list(self.tried), ["::1"])
        self.assertEqual(self.cancelled, [])
        self.assertOver()

    def test_next_after_a_while(self) -> None:
        """Where it does not, the next one is tried as well, of the other family first;
        the first that answers wins, and the others are given up.
        """
        race = self.race("::1", "::2", "192.0.2.1")
        winner = race.start()
        self.clock.advance(ATTEMPT_DELAY)
        self.assertEqual(list(self.tried), ["::1", "192.0.2.1"])
        self.clock.advance(ATTEMPT_DELAY)
        self.assertEqual(list(self.tried), ["::1", "192.0.2.1", "::2"])
        self.assertOver()
        self.tried["192.0.2.1"].callback(Flow())  # type: ignore[arg-type]  # a stand-in
        found, _ = self.successResultOf(winner)
        self.assertEqual(found.host, "192.0.2.1")
        self.assertEqual(self.cancelled, ["::1", "::2"])
        self.assertEqual(race.failed, [])

    def test_next_after_a_failure(self) -> None:
        """Where it fails the next one is tried at once."""
        race = self.race("::1", "192.0.2.1", "::2")
        winner = race.start()
        self.tried["::1"].errback(TransportFailed("refused"))
        self.assertEqual(list(self.tried), ["::1", "192.0.2.1"])
        self.clock.advance(ATTEMPT_DELAY - 0.01)
        self.assertEqual(len(self.tried), 2)
        self.clock.advance(0.02)
        self.assertEqual(len(self.tried), 3)
        self.tried["::2"].callback(Flow())  # type: ignore[arg-type]  # a stand-in
        self.successResultOf(winner)
        self.assertEqual(race.failed, servers("::1"))
        self.assertEqual(self.cancelled, ["192.0.2.1"])
        self.assertOver()

    def test_all_fail(self) -> None:
        """Where all fail the race does, with the last reason."""
        race = self.race("::1", "192.0.2.1")
        winner = race.start()
        self.clock.advance(ATTEMPT_DELAY)
        self.tried["192.0.2.1"].errback(TransportFailed("refused"))
        self.assertNoResult(winner)
        self.tried["::1"].errback(TransportFailed("timed out"))
        error = self.failureResultOf(winner, TransportFailed).value
        self.assertEqual(str(error), "timed out")
        self.assertEqual({one.host for one in race.failed}, {"::1", "192.0.2.1"})
        self.assertOver()

    def test_answers_at_once(self) -> None:
        """Connections that stand or fail at once are no trouble."""
        self.at_once = {
            "::1": fail(TransportFailed("no way")),
            "::2": fail(TransportFailed("no way")),
            "::3": succeed(Flow()),  # type: ignore[arg-type]  # a stand-in
        }
        race = self.race("::1", "::2", "::3", "::4")
        found, _ = self.successResultOf(race.start())
        self.assertEqual(found.host, "::3")
        self.assertNotIn("::4", self.tried)
        self.assertOver()

    def test_cancelling(self) -> None:
        """Who gives up gives up every connection."""
        winner = self.race("::1", "192.0.2.1", "::3").start()
        self.clock.advance(ATTEMPT_DELAY)
        winner.cancel()
        self.failureResultOf(winner, CancelledError)
        self.assertEqual(self.cancelled, ["::1", "192.0.2.1"])
        self.assertOver()

    def test_other_failures(self) -> None:
        """What is no failure of a server ends the race."""
        winner = self.race("::1", "192.0.2.1", "::3").start()
        self.clock.advance(ATTEMPT_DELAY)
        self.tried["::1"].errback(KeyError("a fault"))
        self.failureResultOf(winner, KeyError)
        self.assertEqual(self.cancelled, ["192.0.2.1"])
        self.assertOver()

    def test_alternating(self) -> None:
        """Families take turns, the first one's first."""
        for given, wanted in (
            (["::1", "::2", "::3", "1.1.1.1"], ["::1", "1.1.1.1", "::2", "::3"]),
            (["1.1.1.1", "1.1.1.2", "::1"], ["1.1.1.1", "::1", "1.1.1.2"]),
            (["1.1.1.1"], ["1.1.1.1"]),
            ([], []),
        ):
            self.assertEqual(alternating(servers(*given)), servers(*wanted))
