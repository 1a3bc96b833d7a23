"""Measures two ways of doing the same work in turns, and compares them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

# As they were before this process was pinned; none where the system cannot pin.
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@dataclass(frozen=True, slots=True)
class Comparison:
    """How often a second each was done, and one as a part of the other.

    Attributes:
        floor: Median of the floor, times a second.
        ours: Median of ours, times a second.
        ratio: Median over the rounds of ours divided by the floor of the same round.
    """

    floor: float
    ours: float
    ratio: float

    def __str__(self) -> str:
        """The figures as a part of a printed line, the ratio first."""
        speeds = f"ours {self.ours:10,.0f}/s   floor {self.floor:10,.0f}/s"
        return f"{self.ratio:6.3f}   {speeds}"


def comparison(pairs: list[tuple[float, float]]) -> Comparison:
    """Figures of all rounds, each as (floor, ours), in one."""
    floors, ours = zip(*pairs, strict=True)
    ratios = [own / floor for floor, own in pairs]
    return Comparison(
        statistics.median(floors), statistics.median(ours), statistics.median(ratios)
    )


def rate(work: Callable[[], int], seconds: float) -> float:
    """Times a second; `work` does it a number of times and returns that number."""
    count = 0
    start = time.perf_counter()
    deadline = start + seconds
    while (now := time.perf_counter()) < deadline:
        count += work()
    return count / (now - start)


def compare(
    floor: Callable[[], int], ours: Callable[[], int], rounds: int, seconds: float
) -> Comparison:
    """Measure both in turns."""
    floor()
    ours()
    return comparison(
        [(rate(floor, seconds), rate(ours, seconds)) for _ in range(rounds)]
    )


def pin(process: int, core: int) -> None:
    """Keep a process on one core, where the system can; 0 is this process.

    With one core only, all share it.
    """
    if _CORES:
        os.sched_setaffinity(process, {_CORES[core % len(_CORES)]})
