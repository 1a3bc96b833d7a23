"""Many timers on one delayed call of the reactor.

A call starts about ten timers, and most of them are stopped or outlive it by 64*T1. A
delayed call for each would grow the reactor's own heap; here a stopped timer is only
marked, swept when too many are dead, and the reactor knows of the next one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_log = Logger()

# Clocks add up floating-point steps; a timer this little early (seconds) is on time.
_TOLERANCE = 1e-9

# Sweep the heap when it holds more dead timers than live ones, but not for a few.
_SWEEP_ABOVE = 256


class QueuedTimer:
    """One timer in the queue; `stop` forgets it."""

    __slots__ = ("_queue", "action", "deadline", "order")

    def __init__(
        self,
        queue: TimerQueue,
        deadline: float,
        order: int,
        action: Callable[[], None],
    ) -> None:
        self._queue = queue
        self.deadline = deadline
        self.order = order
        self.action: Callable[[], None] | None = action

    def __lt__(self, other: QueuedTimer) -> bool:
        """Earlier deadlines first, and among equal ones the one started first."""
        if self.deadline == other.deadline:
            return self.order < other.order
        return self.deadline < other.deadline

    def stop(self) -> None:
        """Forget the timer; no harm where it has fired or was stopped before."""
        if self.action is not None:
            self.action = None
            self._queue._stopped()


class TimerQueue:
    """Fires actions after so many seconds of the given clock, in order.

    Args:
        clock: The only source of time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._heap: list[QueuedTimer] = []
        self._alive = 0
        self._started = 0
        self._delayed: IDelayedCall | None = None
        self._wakes_at = 0.0

    def __len__(self) -> int:
        """How many timers are running."""
        return self._alive

    def start(self, seconds: float, action: Callable[[], None]) -> QueuedTimer:
        """Call `action` once, `seconds` (zero or more) from now."""
        self._started += 1
        timer = QueuedTimer(
            self, self._clock.seconds() + seconds, self._started, action
        )
        heappush(self._heap, timer)
        self._alive += 1
        if self._heap[0] is timer:
            self._wake_at(timer.deadline)
        return timer

    def stop_all(self) -> None:
        """Forget every timer."""
        for timer in self._heap:
            timer.action = None
        self._heap.clear()
        self._alive = 0
        self._sleep()

    def _stopped(self) -> None:
        self._alive -= 1
        if not self._alive:
            self._heap.clear()
            self._sleep()
        elif len(self._heap) > _SWEEP_ABOVE and self._alive * 2 < len(self._heap):
            self._heap = [timer for timer in self._heap if timer.action is not None]
            heapify(self._heap)

    def _wake_at(self, deadline: float) -> None:
        if self._delayed is not None:
            if self._wakes_at <= deadline:
                return
            self._delayed.cancel()
        self._wakes_at = deadline
        delay = max(0.0, deadline - self._clock.seconds())
        self._delayed = self._clock.callLater(delay, self._wake)

    def _sleep(self) -> None:
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def _wake(self) -> None:
        self._delayed = None
        now = self._clock.seconds() + _TOLERANCE
        while self._heap and self._heap[0].deadline <= now:
            timer = heappop(self._heap)
            action = timer.action
            if action is None:
                continue
            timer.action = None
            self._alive -= 1
            try:
                action()
            except Exception:
                # One timer's fault must not stop the others.
                _log.failure("a timer's action failed")
        while self._heap and self._heap[0].action is None:
            heappop(self._heap)
        if self._heap:
            self._wake_at(self._heap[0].deadline)
