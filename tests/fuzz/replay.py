"""Calls in which one message arrives other than it was sent.

What came to the caller in a recorded call comes again, at the same times, to a caller
that does the same, with one message replaced. Whatever that does to the call, it ends,
and nothing is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from tests.fuzz.corpus import CALLER, CALLS, CallingSide, recorded
from tests.fuzz.mutations import mutations_at

#: Octets that each position is replaced by: one for each thing that can go wrong.
_VALUES = b'\0\r\n "<>;,=%9a\xff'


def replay(name: str, index: int, octets: bytes) -> list[str]:
    """A recorded call, of which one message arrives as these octets.

    Args:
        name: One of `CALLS`.
        index: Which of its arrivals is replaced.
        octets: What arrives instead.

    Returns:
        What is wrong at its end.
    """
    side = CallingSide()
    failures: list[LogEvent] = []

    @provider(ILogObserver)
    def watch(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event)

    arrivals, _ = recorded(name)
    for number, arrival in enumerate(arrivals):
        side.clock.callLater(
            arrival.time,
            side.network.inject,
            octets if number == index else arrival.octets,
            arrival.source,
            CALLER,
        )
    globalLogPublisher.addObserver(watch)
    try:
        side.call(name)
        side.network.settle(2_000)
    finally:
        globalLogPublisher.removeObserver(watch)
    logged = [f"logged: {event['log_failure']}" for event in failures]
    return [*side.leftovers(), *logged]


def all_replays() -> Iterator[tuple[str, int, bytes]]:
    """Every position of every arrival with each of a few octets, and left out."""
    for name in CALLS:
        arrivals, _ = recorded(name)
        for index, arrival in enumerate(arrivals):
            for position in range(len(arrival.octets)):
                for octets in mutations_at(arrival.octets, position, _VALUES):
                    yield name, index, octets
