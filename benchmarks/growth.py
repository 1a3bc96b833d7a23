"""Processor time of a call, and memory, after 100,000 calls in one process.

Each round is a process of its own; they go through the same phases one after the
other, and rest at the same time: 64*T1, twice, until nothing of the calls is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.orders import Order
from benchmarks.processes import CalleeProcess, CallerProcess
from benchmarks.rows import Row, Settings

_GOAL = 1.05


def measure(settings: Settings) -> Iterator[Row]:
    """The first calls of a process against those after many more."""
    count, blocks = (300, 3) if settings.is_short else (10_000, 10)
    options = ("--t1", str(settings.t1), *settings.options)
    first, under_way, rested = [], [], []
    with ExitStack() as stack:
        callee = stack.enter_context(CalleeProcess())
        order = Order("dial", port=callee.ports["udp"], calls=count, window=50)
        callers = []
        for _ in range(settings.rounds):
            caller = CallerProcess("sipuac", None, *options)
            callers.append(stack.enter_context(caller))
        for turn, caller in enumerate(callers):
            first.append(_cpu(caller, order, settings, "first", turn))
        time.sleep(settings.rest)
        young = [caller.do(Order("weigh"))["resident"] for caller in callers]
        for turn, caller in enumerate(callers):
            for _ in range(blocks - 1):
                caller.do(order)
            under_way.append(_cpu(caller, order, settings, "under way", turn))
        time.sleep(settings.rest)
        old = [caller.do(Order("weigh"))["resident"] for caller in callers]
        for turn, caller in enumerate(callers):
            rested.append(_cpu(caller, order, settings, "rested", turn))
    name = f"processor time of a call after {blocks * count:,}"
    against = f"the first {count:,}"
    for figures, how in ((under_way, ""), (rested, " and a rest")):
        yield Row(name + how, against, "ms", figures, first, goal=_GOAL, is_limit=True)
    yield Row(
        f"resident memory after {blocks * count:,} calls and a rest",
        f"{against} and a rest",
        "MiB",
        [size / 2**20 for size in old],
        [size / 2**20 for size in young],
        goal=_GOAL,
        is_limit=True,
    )


def _cpu(
    caller: CallerProcess, order: Order, settings: Settings, phase: str, turn: int
) -> float:
    reply = caller.do(order)
    settings.note(f"growth, {phase}", "sipuac", turn, reply)
    return reply["cpu_ms_per_call"]
