"""How long to leave a server alone that could not be reached."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

# Failing destinations that are remembered; beyond it the oldest are forgotten, which
# costs an attempt each.
_MAX_REMEMBERED = 4096


def jittered(seconds: float, random: Callable[[], float], least: float) -> float:
    """A time at random between this share of it and the whole.

    Args:
        seconds: The whole.
        random: A number from 0 to 1.
        least: The share, 0 to 1.
    """
    return seconds * (least + (1.0 - least) * random())


def doubled(base: float, failures: int, longest: float) -> float:
    """min(longest, base * 2 ** failures) of RFC 5626 section 4.5, without overflow."""
    return min(longest, base * 2.0 ** min(failures, 64))


@dataclass(slots=True)
class _Record:
    failures: int
    until: float
    error: str


class Backoff:
    """Which destinations have failed lately, and when they may be tried again.

    After the first failure a destination rests half a second, each further one doubles
    that; one success forgets all.

    Args:
        clock: The only source of time.
        random: A number from 0 to 1, so that not everybody comes back at once.
        base: Seconds after the first failure.
        longest: Seconds at most.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Callable[[], float],
        *,
        base: float = 0.5,
        longest: float = 10.0,
    ) -> None:
        self._clock = clock
        self._random = random
        self._base = base
        self._longest = longest
        self._records: dict[Hashable, _Record] = {}

    def wait(self, destination: Hashable) -> float:
        """Seconds until this destination may be tried, 0 where it may be now."""
        record = self._records.get(destination)
        if record is None:
            return 0.0
        return max(0.0, record.until - self._clock.seconds())

    def reason(self, destination: Hashable) -> str:
        """Why it failed when it was tried last; "" where it did not."""
        record = self._records.get(destination)
        return "" if record is None else record.error

    def failed(self, destination: Hashable, error: str) -> None:
        """An attempt has failed."""
        record = self._records.pop(destination, None)
        failures = 0 if record is None else record.failures
        rest = doubled(self._base, failures, self._longest)
        until = self._clock.seconds() + jittered(rest, self._random, 0.5)
        if len(self._records) >= _MAX_REMEMBERED:
            del self._records[next(iter(self._records))]
        self._records[destination] = _Record(failures + 1, until, error)

    def succeeded(self, destination: Hashable) -> None:
        """An attempt has succeeded."""
        self._records.pop(destination, None)
