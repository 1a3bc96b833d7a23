"""Calls a second against `sipp -sn uas`: INVITE, 180, 200, ACK, BYE, 200 over UDP.

All place the same number of calls. That matters: what a library keeps of the calls of
the last 32 s (64*T1) makes the next one dearer in some.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from benchmarks.orders import Order, Reply
from benchmarks.peers import PEERS, installed
from benchmarks.processes import CallerProcess, has_sipp, sipp_callee, until_right
from benchmarks.rounds import ratio
from benchmarks.rows import Row, Settings

WINDOWS = (50, 500)
#: By window; of the floor, whose calls are short, more than of the others.
_FLOOR_GOAL, _PEERS_GOAL = 0.25, 5.0
_WARM_UP = 200


def dial(kind: str, settings: Settings, calls: int, window: int) -> Reply:
    """Place calls with a process of its own, to a callee of its own."""
    options = settings.options if kind == "sipuac" else ()
    with sipp_callee() as port, CallerProcess(kind, settings.peers, *options) as caller:
        caller.do(Order("dial", port=port, calls=_WARM_UP, window=10))
        return caller.do(Order("dial", port=port, calls=calls, window=window))


def measure(settings: Settings) -> Iterator[Row]:
    """All windows, against the floor and each peer, and the better of them."""
    if not has_sipp():
        print("calls: not measured, SIPp is not installed")
        return
    peers = installed(settings.peers)
    if len(peers) < len(PEERS):
        missing = ", ".join(sorted(set(PEERS) - set(peers)))
        print(f"calls: without {missing}, not installed (see benchmarks.peers)")
    count = 500 if settings.is_short else 10_000
    shuffle = random.Random(1).shuffle
    for window in WINDOWS:
        kinds = ["floor", "sipuac", *peers]
        rounds: dict[str, list[Reply]] = {kind: [] for kind in kinds}
        for turn in range(settings.rounds):
            shuffle(kinds)
            for kind in kinds:
                reply = until_right(partial(dial, kind, settings, count, window))
                settings.note(f"calls, window {window}", kind, turn, reply)
                rounds[kind].append(reply)
        yield from rows_of(window, rounds, peers)


def rows_of(
    window: int, rounds: dict[str, list[Reply]], peers: list[str]
) -> Iterator[Row]:
    """What the rounds of a window say."""

    def speeds(kind: str, by: str = "wall") -> list[float]:
        if by == "wall":
            return [reply["calls_per_second"] for reply in rounds[kind]]
        return [1000 / reply["cpu_ms_per_call"] for reply in rounds[kind]]

    name = f"calls, window {window}"
    goals = {"floor": _FLOOR_GOAL}
    if len(peers) == len(PEERS):
        best = max(peers, key=lambda peer: ratio(speeds(peer), speeds("sipuac")))
        goals[best] = _PEERS_GOAL
    for kind in ("floor", *peers):
        against = f"{kind} {PEERS[kind]}" if kind in PEERS else kind
        yield Row(
            name,
            against,
            "/s",
            speeds("sipuac"),
            speeds(kind),
            goal=goals.get(kind),
            cpu=ratio(speeds("sipuac", "cpu"), speeds(kind, "cpu")),
        )
    yield Row(
        f"processor time of a call, window {window}",
        "",
        "ms",
        [reply["cpu_ms_per_call"] for reply in rounds["sipuac"]],
    )
