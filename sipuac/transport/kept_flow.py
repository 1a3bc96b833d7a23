"""A flow that is there as long as it is wanted (RFC 5626 sections 4.2 and 4.5).

It is made, kept alive, and made anew when it has failed, after a rest that grows with
each failure in a row, so that a server that is down is not run over when it comes back.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import TransportFailed, Unreachable
from sipuac.transport.backoff import doubled, jittered
from sipuac.transport.interfaces import IFlow
from sipuac.transport.keepalive import KeepAlive

_log = Logger()

#: Seconds of RFC 5626 section 4.5: the time for the first failure is twice the base,
#: and no rest is longer than the longest.
BASE_REST = 30.0
LONGEST_REST = 1800.0


class KeptFlow:
    """One flow to one next hop, from `start` to `stop`.

    Args:
        connect: Finds the next hop anew and makes the flow; may fail with
            `Unreachable`.
        clock: The only source of time.
        random: A number from 0 to 1.
        interval: See `KeepAlive`.
        expects_pong: See `KeepAlive`.
        base_rest: Seconds; the rest after n failures is at random between half and all
            of `base_rest` * 2**n.
        longest_rest: Seconds, before the chance.
        told: Called with each new flow, and with None when it has failed.

    Attributes:
        flow: The flow that is open, None while there is none.
        failures: Failed attempts in a row.
        error: Why there is no flow, None where there is one or none was tried yet.
        next_attempt: When it is tried again, by the clock; None while it is not due.
    """

    def __init__(
        self,
        connect: Callable[[], Deferred[IFlow]],
        clock: IReactorTime,
        random: Callable[[], float],
        *,
        interval: float | None = None,
        expects_pong: bool = False,
        base_rest: float = BASE_REST,
        longest_rest: float = LONGEST_REST,
        told: Callable[[IFlow | None], None] | None = None,
    ) -> None:
        self.flow: IFlow | None = None
        self.failures = 0
        self.error: Unreachable | None = None
        self._connect = connect
        self._clock = clock
        self._random = random
        self._interval = interval
        self._expects_pong = expects_pong
        self._base_rest = base_rest
        self._longest_rest = longest_rest
        self._told = told
        self._keep_alive: KeepAlive | None = None
        self._connecting: Deferred[None] | None = None
        self._rest: IDelayedCall | None = None
        self._is_wanted = False

    @property
    def next_attempt(self) -> float | None:
        """See the class."""
        return None if self._rest is None else self._rest.getTime()

    def start(self) -> None:
        """Make the flow, and keep it."""
        if not self._is_wanted:
            self._is_wanted = True
            self._try()

    def stop(self) -> None:
        """Keep it no longer; the connection itself stays for those who use it."""
        self._is_wanted = False
        self._let_go()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()

    def _try(self) -> None:
        self._rest = None
        made = self._connect().addCallbacks(self._made, self._not_made)
        if not made.called:
            self._connecting = made

    def _made(self, flow: IFlow) -> None:
        self._connecting = None
        if not self._is_wanted:
            return
        if not flow.is_open:
            self._failed(TransportFailed("the connection closed at once"))
            return
        self.flow, self.error, self.failures = flow, None, 0
        flow.watchers.add(self._flow_failed)
        self._keep_alive = KeepAlive(
            flow,
            self._clock,
            self._random,
            interval=self._interval,
            expects_pong=self._expects_pong,
        )
        self._keep_alive.start()
        self._tell()

    def _not_made(self, failure: Failure) -> None:
        self._connecting = None
        if not self._is_wanted or failure.check(CancelledError):
            return
        error = failure.value
        if not isinstance(error, Unreachable):
            _log.failure("a flow could not be made", failure)
            error = TransportFailed("a flow could not be made")
        self._failed(error)

    def _flow_failed(self, error: TransportFailed) -> None:
        if self.flow is None or (not self.flow.is_reliable and self.flow.is_open):
            # Over UDP the flow is what it was: the peer may be back at any time.
            return
        self._let_go()
        self._failed(error)
        self._tell()

    def _failed(self, error: Unreachable) -> None:
        self.error = error
        self.failures += 1
        whole = doubled(self._base_rest, self.failures, self._longest_rest)
        rest = jittered(whole, self._random, 0.5)
        _log.warn(
            "no flow: {problem}; next attempt in {seconds:.0f} s",
            problem=str(error)[:200],
            seconds=rest,
        )
        self._rest = self._clock.callLater(rest, self._try)

    def _let_go(self) -> None:
        flow, self.flow = self.flow, None
        if flow is not None:
            flow.watchers.remove(self._flow_failed)
        if self._keep_alive is not None:
            self._keep_alive.stop()
            self._keep_alive = None

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self.flow)
