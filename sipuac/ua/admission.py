"""How many requests of strangers one source may bring in (RFC 3261 section 26.1.5).

What belongs to a call of ours is never counted. Each source has a bucket of requests
that fills again with time; whoever has emptied it is told so without any state kept.
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
        max_sources: How many sources are remembered; the one that was silent longest is
            forgotten first.
    """

    rate: float = 50.0
    burst: float = 200.0
    max_sources: int = 10_000


class Admission:
    """The buckets of all sources.

    Args:
        clock: The only source of time.
        limits: How much is let in.
    """

    __slots__ = ("_buckets", "_clock", "_limits")

    def __init__(
        self, clock: IReactorTime, limits: AdmissionLimits | None = None
    ) -> None:
        self._clock = clock
        self._limits = limits or AdmissionLimits()
        # For each source: what was left, and when. The latest to speak is last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

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
        is_admitted = left >= 1.0
        self._buckets[source] = (left - 1.0 if is_admitted else left, now)
        if len(self._buckets) > limits.max_sources:
            self._buckets.popitem(last=False)
        return is_admitted
