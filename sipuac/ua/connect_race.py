"""Connects to several addresses of one server, and keeps the first that answers.

As RFC 8305 does it: one after the other at short intervals, the families in turn, the
next one at once where one fails. Only connections are raced, requests never: "it is not
possible to "race" simultaneous request attempts" (RFC 7984 section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.transport.interfaces import IFlow
from sipuac.ua.timer_queue import QueuedTimer

#: Seconds until the next address is tried as well (RFC 8305 section 8).
ATTEMPT_DELAY = 0.25

Connect = Callable[[Destination], Deferred[IFlow]]
StartTimer = Callable[[float, Callable[[], None]], QueuedTimer]


class ConnectRace:
    """One race.

    Args:
        destinations: At least one address, in the order of preference.
        connect: Connects to one; its Deferred can be cancelled.
        start_timer: Calls something after so many seconds.

    Attributes:
        failed: Those that could not be reached.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        connect: Connect,
        start_timer: StartTimer,
    ) -> None:
        self.failed: list[Destination] = []
        self._left = alternating(destinations)
        self._connect = connect
        self._start_timer = start_timer
        self._timer: QueuedTimer | None = None
        self._running: list[Deferred[IFlow]] = []
        self._is_over = False
        self._winner: Deferred[tuple[Destination, IFlow]] = Deferred(self._give_up)

    def start(self) -> Deferred[tuple[Destination, IFlow]]:
        """Begin.

        Returns:
            A Deferred with who was first, and the flow to it. It fails with the last
            `TransportFailed` where nobody can be reached; cancelling it gives up.
        """
        self._try_next()
        return self._winner

    def _try_next(self) -> None:
        self._stop_timer()
        destination = self._left.pop(0)
        connecting = self._connect(destination)
        self._running.append(connecting)
        if self._left:
            self._timer = self._start_timer(ATTEMPT_DELAY, self._try_next)

        def won(flow: IFlow) -> None:
            if not self._is_over:
                self._running.remove(connecting)
                self._end()
                self._winner.callback((destination, flow))

        def lost(failure: Failure) -> None:
            if self._is_over:
                return
            self._running.remove(connecting)
            if not isinstance(failure.value, TransportFailed):
                self._end()
                self._winner.errback(failure)
                return
            self.failed.append(destination)
            if self._left:
                self._try_next()
            elif not self._running:
                self._end()
                self._winner.errback(failure)

        connecting.addCallbacks(won, lost)

    def _give_up(self, winner: object) -> None:
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._stop_timer()
        for connecting in list(self._running):
            connecting.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()


def alternating(destinations: Iterable[Destination]) -> list[Destination]:
    """The same ones, families in turn, the first one's first (RFC 8305 section 4)."""
    families: dict[bool, list[Destination]] = {}
    for one in destinations:
        families.setdefault(":" in one.host, []).append(one)
    both = zip_longest(*families.values())
    return [one for one in chain.from_iterable(both) if one is not None]
