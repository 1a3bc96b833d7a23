"""Many timers on one delayed call of the reactor.

A call starts about ten timers, and most of them are stopped or outlive it by 64*T1. A
delayed call for each would grow the reactor's own heap; here a stopped timer is only
marked, swept when too many are dead, and the reactor knows of the next one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_log = Logger()

# Clocks add up floating-point steps; a timer this little early (seconds) is on time.
_TOLERANCE = 1e-9

# Sweep the heap when it holds more dead timers than live ones, but not for a few.
_SWEEP_ABOVE = 256

# Seconds: timers later than this wait until what has arrived is read. A reactor that is
# not busy is in time by a millisecond.
_LATE = 0.002

# They wait for so many turns of the reactor at most. In one turn it reads 64 KiB of a
# UDP socket, and the buffer of that may hold 4 MiB.
_MAX_TURNS = 64

Action = Callable[..., object]

# Where what stands in a `QueuedTimer`; its number stands second.
_DEADLINE, _ACTION, _ARGUMENTS, _QUEUE = 0, 2, 3, 4


def _call(action: Action, *arguments: object) -> None:
    action(*arguments)


class QueuedTimer(list[Any]):
    """One timer in the queue; `stop` forgets it.

    It is its own entry in the heap: deadline in seconds of the clock, a number that
    tells equal ones apart, the action or None, its arguments, the queue. Thousands of
    timers wait at any time for 64*T1, and one object for each instead of three spares
    the garbage collector as much.
    """

    __slots__ = ()

    @property
    def is_running(self) -> bool:
        """Whether it will still fire."""
        return self[_ACTION] is not None

    def stop(self) -> None:
        """Forget the timer; no harm where it has fired or was stopped before."""
        queue: TimerQueue = self[_QUEUE]
        if self.take() is not None:
            queue.one_was_stopped()

    def take(self) -> tuple[Action, tuple[object, ...]] | None:
        """What it was to do, once; for the queue."""
        action: Action | None = self[_ACTION]
        if action is None:
            return None
        arguments: tuple[object, ...] = self[_ARGUMENTS]
        # Whoever keeps a dead timer keeps nothing else alive by it.
        self[_ACTION], self[_ARGUMENTS] = None, ()
        return action, arguments


class TimerQueue:
    """Fires actions after so many seconds of the given clock, in order.

    Args:
        clock: The only source of time.
        perform: Called with each action and its arguments when its time has come.
    """

    def __init__(
        self, clock: IReactorTime, perform: Callable[..., None] = _call
    ) -> None:
        self._clock = clock
        self._perform = perform
        self._heap: list[QueuedTimer] = []
        self._alive = 0
        self._started = 0
        self._delayed: IDelayedCall | None = None
        self._wakes_at = 0.0
        self._is_awake = False
        self._turns_waited = 0
        self._seen = (0, 0)

    def __len__(self) -> int:
        """How many timers are running."""
        return self._alive

    def start(self, seconds: float, action: Action, *arguments: object) -> QueuedTimer:
        """Call `action` once with these arguments, `seconds` (0 or more) from now."""
        self._started += 1
        deadline = self._clock.seconds() + seconds
        timer = QueuedTimer((deadline, self._started, action, arguments, self))
        heappush(self._heap, timer)
        self._alive += 1
        if not self._is_awake and self._heap[0] is timer:
            self._wake_at(deadline)
        return timer

    def stop_all(self) -> None:
        """Forget every timer."""
        for timer in self._heap:
            timer.take()
        self._heap.clear()
        self._alive = 0
        self._sleep()

    def one_was_stopped(self) -> None:
        """A timer of this queue will not fire; for `QueuedTimer.stop`."""
        self._alive -= 1
        if not self._alive:
            self._heap.clear()
            self._sleep()
        elif len(self._heap) > _SWEEP_ABOVE and self._alive * 2 < len(self._heap):
            self._heap = [timer for timer in self._heap if timer.is_running]
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
        self._turns_waited = 0
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def _wake(self) -> None:
        self._delayed = None
        if self._gives_way():
            # After what is to be read, and before anything else that is due then.
            self._delayed = self._clock.callLater(0, self._wake)
            return
        self._turns_waited = 0
        self._is_awake = True
        try:
            self._fire_all_due()
        finally:
            self._is_awake = False
        while self._heap and not self._heap[0].is_running:
            heappop(self._heap)
        if self._heap:
            self._wake_at(self._heap[0][_DEADLINE])

    def _gives_way(self) -> bool:
        """Whether the timers are late, and the last turn has brought anything."""
        seen = (self._started, self._alive)
        is_new = not self._turns_waited or seen != self._seen
        is_late = self._clock.seconds() - self._wakes_at > _LATE
        if not is_late or not is_new or self._turns_waited >= _MAX_TURNS:
            return False
        self._turns_waited += 1
        self._seen = seen
        return True

    def _fire_all_due(self) -> None:
        now = self._clock.seconds() + _TOLERANCE
        while self._heap and self._heap[0][_DEADLINE] <= now:
            due = heappop(self._heap).take()
            if due is None:
                continue
            self._alive -= 1
            action, arguments = due
            try:
                self._perform(action, *arguments)
            except Exception:
                # One timer's fault must not stop the others.
                _log.failure("a timer's action failed")
