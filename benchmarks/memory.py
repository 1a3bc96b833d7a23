"""What a dialog that stands takes, once the transactions that made it are gone.

The processes do nothing while they wait, so all of them wait at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.orders import Order
from benchmarks.peers import PEERS, installed
from benchmarks.processes import CalleeProcess, CallerProcess
from benchmarks.rows import Row, Settings

_GOAL = 6.0
_WARM_UP = 200


def measure(settings: Settings) -> Iterator[Row]:
    """KiB a dialog, of resident memory and as tracemalloc sees it."""
    count = 1000 if settings.is_short else 10_000
    common = ("--t1", str(settings.t1), *settings.options)
    kinds = {
        "resident": ("sipuac", "resident", common),
        "traced": ("sipuac", "traced", (*common, "--trace-memory")),
    }
    for peer in installed(settings.peers):
        kinds[peer] = (peer, "resident", ())
    rounds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(settings.rounds):
        with ExitStack() as stack:
            callee = stack.enter_context(CalleeProcess())
            port = callee.ports["udp"]
            started = {}
            for name, (kind, _, options) in kinds.items():
                caller = CallerProcess(kind, settings.peers, *options)
                started[name] = stack.enter_context(caller)
                caller.do(Order("dial", port=port, calls=_WARM_UP, window=10))
            time.sleep(settings.rest)
            before = {name: started[name].do(Order("weigh")) for name in kinds}
            for name in kinds:
                started[name].do(Order("hold", port=port, calls=count, window=50))
            time.sleep(settings.rest)
            for name, (kind, figure, _) in kinds.items():
                after = started[name].do(Order("weigh"))
                settings.note(f"memory, {figure}", kind, turn, after)
                taken = after[figure] - before[name][figure]
                rounds[name].append(taken / count / 1024)
    name = "memory of a held dialog"
    yield Row(name, "", "KiB", rounds["resident"], goal=_GOAL, is_limit=True)
    yield Row(f"{name}, tracemalloc", "", "KiB", rounds["traced"])
    for peer in installed(settings.peers):
        yield Row(
            name, f"{peer} {PEERS[peer]}", "KiB", rounds["resident"], rounds[peer]
        )
