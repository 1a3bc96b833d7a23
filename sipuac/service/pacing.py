"""New calls leave at an even rate, and at a lower one while we are overloaded.

Overload feeds itself: what we are late to read is sent again, by the peer and in the
end by us, and costs as much as new calls do. So it is watched for by its two signs, the
event loop that comes late to its appointments and the datagrams that the system had to
throw away; then the rate of new calls is halved, and grows again when the signs are
gone, as TCP does. Calls that have begun are never touched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sipuac.errors import LocalProtocolError, TooManyCalls

_log = Logger()

#: Seconds between two looks at the signs.
INTERVAL = 0.5

#: Seconds of delay from which the event loop is overloaded: T1, after which a peer
#: repeats what was not answered (RFC 3261 section 17.1.1.1).
MAX_LAG = 0.5

#: New calls a second that are let go however bad it looks: so few are not what makes it
#: bad.
MIN_RATE = 10.0

# Looks in a row that come so late before it counts: one may be the garbage collector
# at work, or the application.
_LATE_LOOKS = 2

# Looks whose fastest is what we have done; the one that is late has seen little.
_REMEMBERED = 4

#: Calls that may wait for their turn.
MAX_WAITING = 1_000

# Looks after a reduction in which its effect is awaited; then there may be another.
_PATIENCE = 2

# What the rate gains in a look without signs, as a part of the rate that was too much;
# and the multiple of that rate at which there is no limit any more.
_GAIN, _RELIEF = 0.05, 2.0

# Seconds: a call this late does not make the next one earlier, so that a pause is not
# followed by a burst. Clocks of reactors are right to a millisecond.
_CATCH_UP = 0.02


@dataclass(frozen=True, slots=True)
class Pace:
    """How new calls are let go.

    Attributes:
        waiting: How many wait for their turn.
        rate: How many a second may leave now; None for no limit.
        lag: Seconds that the event loop was late at the last look.
        reductions: How often the rate was halved.
    """

    waiting: int
    rate: float | None
    lag: float
    reductions: int


class Pacer:
    """Lets calls go one by one.

    Args:
        clock: The only source of time.
        rate: Calls a second at most; None for as many as are asked for.
        max_waiting: How many may wait; more are refused.
        lost: How many datagrams the system has thrown away so far; None where it does
            not tell.

    Raises:
        LocalProtocolError: The rate or the number is none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        rate: float | None = None,
        max_waiting: int = MAX_WAITING,
        lost: Callable[[], int | None] = lambda: None,
    ) -> None:
        check_pace(rate, max_waiting)
        self._clock = clock
        self._rate = rate
        self._max_waiting = max_waiting
        self._lost = lost
        self._waiting: deque[Deferred[None]] = deque()
        # When the next call may leave, and the delayed call that lets it.
        self._due = 0.0
        self._releasing: IDelayedCall | None = None
        self._watch = _Watch(clock, self._look)
        self._let_go = 0
        self._late_looks = 0
        self._speeds: deque[float] = deque(maxlen=_REMEMBERED)
        self._seen_lost: int | None = None
        # While the rate is reduced: to what, the rate that was too much, and how many
        # looks ago.
        self._reduced: float | None = None
        self._too_much = 0.0
        self._age = 0
        self._reductions = 0

    @property
    def pace(self) -> Pace:
        """How calls are let go now."""
        return Pace(len(self._waiting), self._limit, self._watch.lag, self._reductions)

    @property
    def _limit(self) -> float | None:
        limits = [rate for rate in (self._rate, self._reduced) if rate is not None]
        return min(limits, default=None)

    def turn(self) -> Deferred[None] | None:
        """A turn for a call.

        Returns:
            None: the call may leave now. Else a Deferred that fires when it may, and
            fails with `TooManyCalls` where too many wait. Cancelling it gives the turn
            up.
        """
        if not self._watch.is_running:
            self._seen_lost = self._lost()
            self._watch.start()
        limit = self._limit
        if not self._waiting:
            if limit is None:
                self._let_go += 1
                return None
            now = self._clock.seconds()
            if now >= self._due:
                self._take_slot(max(self._due, now), limit)
                return None
        if len(self._waiting) >= self._max_waiting:
            return fail(TooManyCalls(f"{self._max_waiting} calls wait already"))
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        self._release_later()
        return turn

    def stop(self) -> None:
        """Let none go any more; those that wait fail with `LocalProtocolError`."""
        self._watch.stop()
        if self._releasing is not None:
            self._releasing.cancel()
            self._releasing = None
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            turn.errback(LocalProtocolError("the service is stopping"))

    def _take_slot(self, slot: float, limit: float) -> None:
        self._due = slot + 1 / limit
        self._let_go += 1

    def _release_later(self) -> None:
        if self._releasing is None:
            wait = max(0.0, self._due - self._clock.seconds())
            self._releasing = self._clock.callLater(wait, self._release)

    def _release(self) -> None:
        self._releasing = None
        while self._waiting:
            now = self._clock.seconds()
            limit = self._limit
            if limit is not None:
                if now < self._due:
                    self._release_later()
                    return
                self._take_slot(max(self._due, now - _CATCH_UP), limit)
            else:
                self._let_go += 1
            self._waiting.popleft().callback(None)

    def _look(self, lag: float, seconds: float) -> bool:
        """Look for the signs; whether it is worth while to look again."""
        let_go, self._let_go = self._let_go, 0
        lost, seen = self._lost(), self._seen_lost
        self._seen_lost = lost
        is_losing = lost is not None and seen is not None and lost > seen
        self._age += 1
        self._speeds.append(let_go / seconds)
        self._late_looks = self._late_looks + 1 if lag > MAX_LAG else 0
        if is_losing or self._late_looks >= _LATE_LOOKS:
            if self._reduced is None or self._age > _PATIENCE:
                self._reduce(max(self._speeds), "datagrams" if is_losing else "time")
        elif self._reduced is not None:
            self._reduced += self._too_much * _GAIN
            if self._reduced > self._too_much * _RELIEF:
                self._reduced = None
        return bool(let_go or self._waiting or self._reduced is not None)

    def _reduce(self, achieved: float, losing: str) -> None:
        """Halve what was too much: the calls that have left in a second."""
        self._too_much = max(achieved, MIN_RATE)
        self._reduced = max(self._too_much / 2, MIN_RATE)
        self._age = 0
        self._reductions += 1
        _log.warn(
            "overload, {losing} lost: {rate:.1f} new calls a second for now",
            losing=losing,
            rate=self._reduced,
        )


class _Watch:
    """Looks at regular times, and sees how late it comes.

    Args:
        clock: The only source of time.
        look: Called with the seconds that this look is late and those since the last
            one; whether there is to be another.
    """

    def __init__(
        self, clock: IReactorTime, look: Callable[[float, float], bool]
    ) -> None:
        self._clock = clock
        self._look = look
        self._delayed: IDelayedCall | None = None
        self._last = 0.0
        self.lag = 0.0

    @property
    def is_running(self) -> bool:
        """Whether there will be another look."""
        return self._delayed is not None

    def start(self) -> None:
        """Look from now on."""
        self._last = self._clock.seconds()
        self._delayed = self._clock.callLater(INTERVAL, self._wake)

    def stop(self) -> None:
        """Look no more."""
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def _wake(self) -> None:
        self._delayed = None
        seconds = self._clock.seconds() - self._last
        self.lag = max(0.0, seconds - INTERVAL)
        if self._look(self.lag, seconds):
            self.start()
        else:
            self.lag = 0.0


def check_pace(rate: float | None, max_waiting: int) -> None:
    """Refuse what is no pace.

    Raises:
        LocalProtocolError: The rate or the number is none.
    """
    # Written so that it refuses "not a number" too.
    if rate is not None and not 0 < rate < float("inf"):
        raise LocalProtocolError(f"{rate} calls a second are no rate")
    if max_waiting < 0:
        raise LocalProtocolError(f"{max_waiting} is no number of calls")
