"""What a process holds, sampled, and whether it grows."""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path


def resident() -> int:
    """Bytes of this process that are in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def tracked() -> int:
    """Objects that the garbage collector knows."""
    return len(gc.get_objects())


def allocated() -> int:
    """Blocks of memory that are in use, those of texts and the like as well."""
    return sys.getallocatedblocks()


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Theil and Sen's: the median of the slopes between all pairs of samples.

    A few samples that stand out, as where the machine was busy, do not move it.
    """
    slopes = [
        (values[later] - values[earlier]) / (times[later] - times[earlier])
        for earlier, later in combinations(range(len(times)), 2)
        if times[later] > times[earlier]
    ]
    return statistics.median(slopes) if slopes else 0.0


def growth(times: Sequence[float], values: Sequence[float]) -> float:
    """By what part of its median something grew from the first sample to the last."""
    if len(times) < 2:
        return 0.0
    span = times[-1] - times[0]
    return slope(times, values) * span / statistics.median(values)
