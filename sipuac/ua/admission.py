"""How many requests of strangers one source may bring in (RFC 3261 section 26.1.5).

What belongs to a call of ours is never counted. Each source has a bucket of requests
that fills again with time, and all together have one, since sources can be forged;
whoever has emptied it is told so without any state kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """How much is let in.

    Attributes:
        rate: Requests a second that one source may bring in the long run.
        burst: Requests that it may bring at once.
        total_rate, total_burst: The same of all sources together. Each request that is
            let in is kept for 64*T1, some 10 KiB of memory.
        max_sources: How many sources are remembered; the one that was silent longest is
            forgotten first.
    """

    rate: float = 50.0
    burst: float = 200.0
    total_rate: float = 150.0
    total_burst: float = 1000.0
    max_sources: int = 10_000


class Admission:
    """The buckets of all sources.

    Args:
        clock: The only source of time.
        limits: How much is let in.
    """

    __slots__ = ("_all", "_buckets", "_clock", "_limits")

    def __init__(
        self, clock: IReactorTime, limits: AdmissionLimits | None = None
    ) -> None:
        self._clock = clock
        self._limits = limits or AdmissionLimits()
        # For each source: what was left, and when. The latest to speak is last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (self._limits.total_burst, clock.seconds())

    def __len__(self) -> int:
        return len(self._buckets)

    def admits(self, source: str) -> bool:
        """Whether one more request of this source is let in; it is counted.

        Args:
            source: An IP address. One address is one source, whatever its ports.
        """
        limits = self._limits
        now = self._clock.seconds()
        left, then = self._buckets.pop(source, (limits.burst, now))
        left = min(limits.burst, left + max(0.0, now - then) * limits.rate)
        all_left, all_then = self._all
        all_left += max(0.0, now - all_then) * limits.total_rate
        all_left = min(limits.total_burst, all_left)
        is_admitted = left >= 1.0 and all_left >= 1.0
        self._all = (all_left - 1.0 if is_admitted else all_left, now)
        self._buckets[source] = (left - 1.0 if is_admitted else left, now)
        if len(self._buckets) > limits.max_sources:
            self._buckets.popitem(last=False)
        return is_admitted
