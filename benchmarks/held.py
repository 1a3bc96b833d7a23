"""Processor time of a call beside dialogs that stand: 10, 1,000, 10,000 and 30,000.

Each number has a process of its own. All wait until the transactions are gone, and
then take turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.orders import Order
from benchmarks.processes import CalleeProcess, CallerProcess
from benchmarks.rows import Row, Settings

_GOAL = 1.15


def measure(settings: Settings) -> Iterator[Row]:
    """The dearest of these compared with the cheapest, and each with the fewest."""
    numbers = (10, 200, 1000) if settings.is_short else (10, 1000, 10_000, 30_000)
    # Enough that each turn has its share of full collections of garbage.
    count = 300 if settings.is_short else 10_000
    options = ("--t1", str(settings.t1), *settings.options)
    rounds: dict[int, list[float]] = {number: [] for number in numbers}
    with ExitStack() as stack:
        callee = stack.enter_context(CalleeProcess())
        port = callee.ports["udp"]
        callers = {}
        for number in numbers:
            caller = CallerProcess("sipuac", None, *options)
            callers[number] = stack.enter_context(caller)
            caller.do(Order("hold", port=port, calls=number, window=50))
        time.sleep(settings.rest)
        for turn in range(settings.rounds):
            # Forwards and backwards, as each leaves the caches to the next.
            for number in numbers if turn % 2 else reversed(numbers):
                order = Order("dial", port=port, calls=count, window=50)
                reply = callers[number].do(order)
                settings.note(f"beside {number} dialogs", "sipuac", turn, reply)
                rounds[number].append(reply["cpu_ms_per_call"])
    fewest = numbers[0]
    for number in numbers[1:]:
        yield Row(
            f"processor time of a call beside {number:,} dialogs",
            f"beside {fewest}",
            "ms",
            rounds[number],
            rounds[fewest],
            goal=_GOAL,
            is_limit=True,
        )
