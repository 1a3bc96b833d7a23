"""How long a call takes until it stands, at half the rate that we can do at best.

The calls are due at an even rate, and each counts from when it was due: one that has to
wait because we are busy with another has waited. The floor gets the same rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks import calls
from benchmarks.orders import Order, Reply
from benchmarks.processes import CallerProcess, has_sipp, sipp_callee, until_right
from benchmarks.rows import Row, Settings

_GOAL = 3.0
_WARM_UP = 200


def measure(settings: Settings) -> Iterator[Row]:
    """The slowest of a hundred calls, and the one in the middle."""
    if not has_sipp():
        print("latency: not measured, SIPp is not installed")
        return
    seconds = 1 if settings.is_short else 10
    count = 500 if settings.is_short else 4000
    best = max(
        until_right(partial(calls.dial, "sipuac", settings, count, 50))[
            "calls_per_second"
        ]
        for _ in range(2)
    )
    rate = best / 2
    print(f"latency: {rate:,.0f} calls are offered in a second")
    rounds: dict[str, list[Reply]] = {"floor": [], "sipuac": []}
    for turn in range(settings.rounds):
        for kind in sorted(rounds, reverse=bool(turn % 2)):
            reply = until_right(
                partial(pace, kind, settings, rate, int(rate * seconds))
            )
            settings.note("latency", kind, turn, reply)
            rounds[kind].append(reply)
    for figure, goal in (("p99", _GOAL), ("p50", None)):
        ours, theirs = (
            [reply[f"setup_ms_{figure}"] for reply in rounds[kind]]
            for kind in ("sipuac", "floor")
        )
        yield Row(
            f"{figure} of call setup at half our best rate",
            "floor",
            "ms",
            ours,
            theirs,
            goal=goal,
            is_limit=True,
        )


def pace(kind: str, settings: Settings, rate: float, count: int) -> Reply:
    """Offer calls at this rate."""
    options = settings.options if kind == "sipuac" else ()
    with sipp_callee() as port, CallerProcess(kind, None, *options) as caller:
        caller.do(Order("dial", port=port, calls=_WARM_UP, window=10))
        return caller.do(Order("pace", port=port, calls=count, rate=rate))
