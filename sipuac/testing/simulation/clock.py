"""A `task.Clock` on a heap, for worlds that do little else than start timers.

`task.Clock` sorts all its calls at every step. Here a step is a `heappop`, and a call
that was cancelled is only marked. Calls of the same instant are made in the order in
which they were asked for, so that a run is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from zope.interface import implementer


@implementer(IDelayedCall)
class SimulatedCall:
    """One delayed call; see `IDelayedCall`."""

    __slots__ = ("_action", "_arguments", "_clock", "_keywords", "_time", "_was_called")

    def __init__(
        self,
        clock: SimulationClock,
        time: float,
        action: Callable[..., object],
        arguments: tuple[object, ...],
        keywords: dict[str, object],
    ) -> None:
        self._clock = clock
        self._time = time
        self._action: Callable[..., object] | None = action
        self._arguments = arguments
        self._keywords = keywords
        self._was_called = False

    def getTime(self) -> float:
        """See `IDelayedCall`."""
        return self._time

    def active(self) -> bool:
        """See `IDelayedCall`."""
        return self._action is not None

    def cancel(self) -> None:
        """See `IDelayedCall`."""
        if self._action is None:
            raise AlreadyCalled() if self._was_called else AlreadyCancelled()
        self._action, self._arguments = None, ()
        self._clock.alive -= 1

    def reset(self, secondsFromNow: float) -> None:
        """See `IDelayedCall`."""
        self._move(self._clock.seconds() + secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        """See `IDelayedCall`."""
        self._move(self._time + secondsLater)

    def is_due_at(self, time: float) -> bool:
        """Whether it still waits for just this time; for the clock."""
        return self._action is not None and self._time == time

    def perform(self) -> None:
        """Make the call; for the clock."""
        action, arguments = self._action, self._arguments
        self._action, self._arguments = None, ()
        self._was_called = True
        if action is not None:
            action(*arguments, **self._keywords)

    def _move(self, time: float) -> None:
        if self._action is None:
            raise AlreadyCalled() if self._was_called else AlreadyCancelled()
        self._time = time
        self._clock.push(time, self)


class SimulationClock(Clock):
    """The clock; see the module.

    Attributes:
        alive: How many calls are still to be made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive = 0
        self._heap: list[tuple[float, int, SimulatedCall]] = []
        self._started = 0

    def seconds(self) -> float:
        """See `IReactorTime`."""
        return self.rightNow

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See `IReactorTime`."""
        time = self.rightNow + delay
        call = SimulatedCall(self, time, callable, args, kw)
        self.alive += 1
        self.push(time, call)
        return call

    def push(self, time: float, call: SimulatedCall) -> None:
        """Put a call into its place; for `SimulatedCall`."""
        self._started += 1
        heappush(self._heap, (time, self._started, call))

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """See `IReactorTime`."""
        return [call for time, _, call in self._heap if call.is_due_at(time)]

    def step(self, end: float = float("inf")) -> bool:
        """Go to the next call that is due by `end` and make it; False if none is."""
        heap = self._heap
        while heap:
            time, _, call = heap[0]
            if not call.is_due_at(time):
                heappop(heap)
                continue
            if time > end:
                return False
            heappop(heap)
            self.alive -= 1
            if time > self.rightNow:
                self.rightNow = time
            call.perform()
            return True
        return False

    def advance(self, amount: float) -> None:
        """Let so many seconds pass, from call to call as time does."""
        end = self.rightNow + amount
        while self.step(end):
            pass
        self.rightNow = end
