"""Counting always, logging not too often."""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.tally import LOG_INTERVAL, Tally


class TallyTests(SynchronousTestCase):
    """Counters and log lines."""

    def setUp(self) -> None:
        """Collect what is logged."""
        self.events: list[LogEvent] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.clock = Clock()
        self.tally = Tally(self.clock)

    def logged(self) -> list[object]:
        """The counters that were named in log lines."""
        return [event["name"] for event in self.events if "name" in event]

    def test_flood_is_counted_and_not_logged(self) -> None:
        """A flood of one kind makes one log line in an interval, and hides no other."""
        for _ in range(1000):
            self.tally.report("malformed", ("192.0.2.9", 5060), "garbage")
        self.tally.report("framing-lost", ("192.0.2.9", 5060), "garbage")
        self.assertEqual(self.tally.counters["malformed"], 1000)
        self.assertEqual(self.logged(), ["malformed", "framing-lost"])
        self.clock.advance(LOG_INTERVAL)
        self.tally.report("malformed", ("192.0.2.9", 5060), "garbage")
        self.assertEqual(self.logged()[2:], ["malformed"])
        self.assertEqual(self.events[-1]["count"], 1001)

    def test_text_of_a_peer_cannot_forge_log_lines(self) -> None:
        """Problems that quote a peer are escaped and cut (3261-25.1-c)."""
        self.tally.report("malformed", ("192.0.2.9", 5060), "a\r\n\x1b[2Jb" + "c" * 999)
        problem = str(self.events[-1]["problem"])
        self.assertTrue(problem.isprintable(), problem)
        self.assertLess(len(problem), 250)
