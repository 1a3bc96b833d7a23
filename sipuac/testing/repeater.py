"""Says something again and again until it is heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

if TYPE_CHECKING:
    from sipuac.testing.station import Station


class Repeater:
    """Repeats at doubling intervals; `stop` ends it.

    Args:
        station: Whose time and delayed calls to use.
        repeat: What to do each time; the first time is the caller's.
        interval: Seconds to the first repetition; None: only wait.
        longest: Seconds that an interval grows to; None: no bound.
        limit: Seconds after which to give up.
        gave_up: What to do then.

    Attributes:
        is_running: Whether it still repeats.
    """

    def __init__(
        self,
        station: Station,
        repeat: Callable[[], object],
        *,
        interval: float | None,
        longest: float | None,
        limit: float,
        gave_up: Callable[[], object],
    ) -> None:
        self.is_running = True
        self._station = station
        self._repeat = repeat
        self._interval = interval or 0.0
        self._longest = longest
        self._gave_up = gave_up
        self._next: IDelayedCall | None = None
        if interval is not None:
            self._next = station.later(interval, self._tick)
        self._end: IDelayedCall = station.later(limit, self._stop_trying)

    def stop(self) -> None:
        """It was heard."""
        self.is_running = False
        self._station.forget(self._next)
        self._station.forget(self._end)

    def _tick(self) -> None:
        self._repeat()
        self._interval *= 2
        if self._longest is not None:
            self._interval = min(self._interval, self._longest)
        if self.is_running:
            self._next = self._station.later(self._interval, self._tick)

    def _stop_trying(self) -> None:
        self.stop()
        self._gave_up()
