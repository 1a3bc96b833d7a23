"""Lets time pass on a `task.Clock`, stopping at every event on the way.

`Clock.advance(10)` puts the hands ten seconds on and then makes all calls that are due,
so that each of them sees the same late time and timers that they start are too late.
The functions here move the hands from one call to the next, as time does.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock


def advance(clock: Clock, seconds: float) -> None:
    """Let so many seconds pass; every delayed call on the way sees its own time."""
    end = clock.seconds() + seconds
    while _step(clock, end):
        pass
    clock.advance(max(0.0, end - clock.seconds()))


def advance_until(
    clock: Clock, condition: Callable[[], bool], limit: float = 600.0
) -> bool:
    """Let time pass until the condition holds.

    Args:
        clock: The clock to move.
        condition: Asked before the first and after every delayed call's time.
        limit: Seconds after which to give up.

    Returns:
        Whether the condition holds; False also where nothing is left to happen.
    """
    end = clock.seconds() + limit
    while not condition():
        if not _step(clock, end):
            return False
    return True


def settle(clock: Clock, limit: float = 600.0) -> None:
    """Let time pass until nothing is left to happen.

    Raises:
        AssertionError: Something still repeats after `limit` seconds.
    """
    end = clock.seconds() + limit
    while _step(clock, end):
        pass
    left = clock.getDelayedCalls()
    if left:
        raise AssertionError(f"after {limit} s something is still to happen: {left}")


def _step(clock: Clock, end: float) -> bool:
    """Go to the next delayed call that is due by `end`; False if there is none."""
    due = min((call.getTime() for call in clock.getDelayedCalls()), default=None)
    if due is None or due > end:
        return False
    clock.advance(max(0.0, due - clock.seconds()))
    return True
