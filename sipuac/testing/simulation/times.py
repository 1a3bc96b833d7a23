"""Moments and choices: when things happen in a simulated world."""

from __future__ import annotations

from random import Random
from typing import TypeVar

_T = TypeVar("_T")

# Seconds after which some timer of SIP fires: T1 and its doubles, T2, the 8 s of the
# media, 64*T1.
_TIMERS = (0.5, 1.0, 1.5, 2.0, 3.5, 4.0, 7.5, 8.0, 16.0, 32.0, 64.0)


def moment(random: Random) -> float:
    """Some seconds: mostly few, sometimes just about when a timer fires."""
    kind = random.random()
    if kind < 0.55:
        return round(random.uniform(0.0, 3.0), 3)
    if kind < 0.8:
        return round(random.expovariate(0.2), 3)
    near = random.choice(_TIMERS) + random.choice((-0.02, -0.001, 0.0, 0.001, 0.02))
    return round(near, 3)


def pick(random: Random, *choices: tuple[_T, float]) -> _T:
    """One of these values, by their weights."""
    total = random.uniform(0.0, sum(weight for _, weight in choices))
    for value, weight in choices:
        total -= weight
        if total <= 0.0:
            return value
    return choices[-1][0]
