"""Tests of the record of what went over the wire."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.ua.trace import Trace, TraceEntry
from tests.ua.wire import CALLER, PROXY, request


def entry(number: int, call_id: str = "call1", *, is_sent: bool = True) -> TraceEntry:
    """A trace entry of that call."""
    message = request("OPTIONS", f"b{number}", number=number, call_id=call_id)
    return TraceEntry(float(number), is_sent, "UDP", CALLER, PROXY, message)


class TraceTests(SynchronousTestCase):
    """Tests of `Trace`."""

    def test_keeps_the_latest(self) -> None:
        """A full trace forgets its oldest entries, and counts them."""
        trace = Trace(max_entries=2)
        for number in range(5):
            trace(entry(number))
        self.assertEqual([kept.time for kept in trace], [3.0, 4.0])
        self.assertEqual((len(trace), trace.forgotten), (2, 3))

    def test_shows_one_call(self) -> None:
        """The view of a call has its messages, in order, and no others."""
        trace = Trace()
        for number, call_id in enumerate(("one", "two", "one", "ONE")):
            trace(entry(number, call_id))
        self.assertEqual([kept.time for kept in trace.of_call("one")], [0.0, 2.0])
        self.assertEqual(trace.of_call("three"), [])

    def test_may_grow_while_it_is_read(self) -> None:
        """A reader sees what was there when it began."""
        trace = Trace()
        trace(entry(0))
        seen = []
        for kept in trace:
            trace(entry(1))
            seen.append(kept.time)
        self.assertEqual(seen, [0.0])

    def test_source_and_destination(self) -> None:
        """What was sent went from here to there, what was received came from there."""
        sent, received = entry(1), entry(1, is_sent=False)
        self.assertEqual((sent.source, sent.destination), (CALLER, PROXY))
        self.assertEqual((received.source, received.destination), (PROXY, CALLER))
