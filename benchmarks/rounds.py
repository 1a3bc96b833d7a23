"""The arithmetic of rounds; nothing of it measures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that this part of all, 0 to 1, do not exceed.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = -(-len(ordered) * part // 1)
    return ordered[max(0, int(rank) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over the rounds of ours divided by theirs of the same round."""
    return median(own / other for own, other in zip(ours, theirs, strict=True))


def spread(values: Sequence[float]) -> float:
    """How far the highest is above the lowest, as a part of the lowest."""
    return max(values) / min(values) - 1
