"""What a dialog that stands takes, once the transactions that made it are gone.

The processes do nothing while they wait, so all rounds wait at once.
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
    count = 1000 if settings.is_short else 5000
    common = ("--t1", str(settings.t1), *settings.options)
    # By name: who, which figure, and the options.
    kinds: dict[str, tuple[str, str, tuple[str, ...]]] = {
        "resident": ("sipuac", "resident", common),
        "traced": ("sipuac", "traced", (*common, "--trace-memory")),
    }
    for peer in installed(settings.peers):
        kinds[peer] = (peer, "resident", ())
    runs = [(turn, name) for turn in range(settings.rounds) for name in kinds]
    taken: dict[tuple[int, str], float] = {}
    with ExitStack() as stack:
        callee = stack.enter_context(CalleeProcess())
        port = callee.ports["udp"]
        callers = {}
        for run in runs:
            kind, _, options = kinds[run[1]]
            caller = CallerProcess(kind, settings.peers, *options)
            callers[run] = stack.enter_context(caller)
            caller.do(Order("dial", port=port, calls=_WARM_UP, window=10))
        time.sleep(settings.rest)
        before = {run: callers[run].do(Order("weigh")) for run in runs}
        for run in runs:
            callers[run].do(Order("hold", port=port, calls=count, window=50))
        time.sleep(settings.rest)
        for run in runs:
            kind, figure, _ = kinds[run[1]]
            after = callers[run].do(Order("weigh"))
            settings.note(f"memory, {figure}", kind, run[0], after)
            taken[run] = (after[figure] - before[run][figure]) / count / 1024
    rounds = {
        name: [taken[turn, name] for turn in range(settings.rounds)] for name in kinds
    }
    name = "memory of a held dialog"
    yield Row(name, "", "KiB", rounds["resident"], goal=_GOAL, is_limit=True)
    yield Row(f"{name}, tracemalloc", "", "KiB", rounds["traced"])
    for peer in installed(settings.peers):
        yield Row(
            name, f"{peer} {PEERS[peer]}", "KiB", rounds["resident"], rounds[peer]
        )
