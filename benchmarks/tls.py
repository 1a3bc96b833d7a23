"""Calls over one connection by TLS, as a ratio to TCP; the same callee for both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.forks import check
from benchmarks.orders import Order, Reply
from benchmarks.processes import CalleeProcess, CallerProcess, LostCalls, until_right
from benchmarks.rounds import ratio
from benchmarks.rows import Row, Settings

_GOAL = 0.6
_WARM_UP = 100


def measure(settings: Settings) -> Iterator[Row]:
    """Both transports at window 50, in turns."""
    count = 500 if settings.is_short else 4000
    rounds: dict[str, list[Reply]] = {"tcp": [], "tls": []}
    for turn in range(settings.rounds):
        for transport in sorted(rounds, reverse=bool(turn % 2)):
            reply = until_right(partial(dial, settings, transport, count))
            settings.note("tls", transport, turn, reply)
            rounds[transport].append(reply)
    speeds, costs = (
        {name: [reply[figure] for reply in rounds[name]] for name in rounds}
        for figure in ("calls_per_second", "cpu_ms_per_call")
    )
    yield Row(
        "TLS calls over one connection",
        "TCP",
        "/s",
        speeds["tls"],
        speeds["tcp"],
        goal=_GOAL,
        cpu=ratio(costs["tcp"], costs["tls"]),
    )


def dial(settings: Settings, transport: str, count: int) -> Reply:
    """Place calls by this transport.

    Raises:
        LostCalls: The callee has not seen what it should, or another connection.
    """
    with tempfile.TemporaryDirectory() as folder, CalleeProcess(Path(folder)) as callee:
        options = ("--authority", callee.authority, *settings.options)
        with CallerProcess("sipuac", None, *options) as caller:
            port = callee.ports[transport]
            order = Order("dial", port=port, transport=transport, calls=_WARM_UP)
            caller.do(order)
            reply = caller.do(
                Order("dial", port=port, transport=transport, calls=count, window=50)
            )
            counts = callee.counts()
    check(counts, count + _WARM_UP, is_forked=False)
    if counts["connections"] != 1:
        raise LostCalls(f"{counts['connections']} connections instead of one")
    return reply
