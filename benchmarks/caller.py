"""Places calls in a process of its own and prints the figures as JSON.

python -m benchmarks.caller floor|sipuac PORT CALLS WINDOW
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.floor import HOST, ReadyMadeCaller
from benchmarks.timing import pin

# Seconds without any progress after which the calls that have not ended are lost.
_PATIENCE = 5.0


def start_floor(
    reactor: Any, port: int, calls: int, window: int, ended: Callable[[], None]
) -> None:
    """Place the calls with ready-made texts."""
    protocol = ReadyMadeCaller(port, calls, window, ended)
    reactor.listenUDP(0, protocol, HOST, maxPacketSize=65536)


def start_sipuac(
    reactor: Any, port: int, calls: int, window: int, ended: Callable[[], None]
) -> None:
    """Place the calls with sipuac's service, as an application would."""
    from sipuac.media.static import StaticMedia
    from sipuac.service.inviter_service import InviterService
    from sipuac.ua.session import Session

    service = InviterService(
        "sip:benchmark@example.com", reactor=reactor, bind=HOST, media=StaticMedia()
    )
    service.startService()
    target = f"sip:service@{HOST}:{port}"
    to_place = calls

    def place() -> None:
        nonlocal to_place
        to_place -= 1
        call = service.call(target)
        call.addCallback(Session.bye)
        call.addCallbacks(over, failed)

    def over(ignored: object) -> None:
        ended()
        if to_place:
            place()

    def failed(failure: Any) -> None:
        print(failure.getErrorMessage(), file=sys.stderr)
        if to_place:
            place()

    for _ in range(min(window, calls)):
        place()


class Meter:
    """Counts calls that end, and prints the figures when the last one has.

    Args:
        reactor: Where the calls are placed.
        calls: How many are placed.
    """

    def __init__(self, reactor: Any, calls: int) -> None:
        self._reactor = reactor
        self._calls = calls
        self._ended = 0
        self._seen = 0
        self._start = self._last = time.perf_counter()
        self._cpu_at_start = _cpu_seconds()
        reactor.callLater(_PATIENCE, self._look)

    def ended(self) -> None:
        """One call has ended."""
        self._ended += 1
        self._last = time.perf_counter()
        if self._ended == self._calls:
            self._print()

    def _look(self) -> None:
        if self._ended == self._seen:
            self._print()
        self._seen = self._ended
        self._reactor.callLater(_PATIENCE, self._look)

    def _print(self) -> None:
        figures = {
            "calls_per_second": self._ended / (self._last - self._start),
            "cpu_seconds_per_1000": 1000
            * (_cpu_seconds() - self._cpu_at_start)
            / max(1, self._ended),
            "lost": self._calls - self._ended,
        }
        print(json.dumps(figures), flush=True)
        # Not stopped in order: that would wait for the timers of all those calls.
        os._exit(0)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Place the calls, print what it took, and leave without waiting for anything."""
    kind, *numbers = sys.argv[1:]
    port, calls, window = map(int, numbers)
    pin(0, 0)
    from twisted.internet import reactor

    starters = {"floor": start_floor, "sipuac": start_sipuac}
    meter = Meter(reactor, calls)
    starters[kind](reactor, port, calls, window, meter.ended)
    reactor.run()


if __name__ == "__main__":
    main()
