"""Keep-alives on one flow (RFC 5626 sections 3.5.1 and 4.4).

They hold the bindings of NATs and firewalls, and over a connection they find out that
the peer is gone. Departs from RFC 5626 4.4.1, which has STUN for UDP and forbids CRLF
there, because few servers take STUN; the double CRLF that is sent here, where it was
asked for, is taken by all, holds the binding as well, and finds out nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sipuac.errors import TransportFailed
from sipuac.transport.interfaces import IFlow

#: Seconds between keep-alives, at random between the two, where nobody says how often
#: (RFC 5626 sections 4.4.1 and 4.4.2).
STREAM_INTERVAL = (95.0, 120.0)
DATAGRAM_INTERVAL = (24.0, 29.0)

#: Seconds for the answer. RFC 5626 section 4.4.1: "If a pong is not received within 10
#: seconds after sending a ping (or immediately after processing any incoming message
#: being received when that 10 seconds expires), then the client MUST treat the flow as
#: failed."
PONG_TIMEOUT = 10.0

#: Seconds until we look again, where a message was on its way when they were over.
_LOOK_AGAIN = 1.0


class KeepAlive:
    """Keeps one flow alive until it fails or is left alone.

    A flow without its pong is made to fail; who watches it hears of that.

    Args:
        flow: What to keep; `start` begins.
        clock: The only source of time.
        random: A number from 0 to 1.
        interval: Seconds that the server can do without, as in its Flow-Timer; "the UA
            MUST send its keep-alives ... at least as often", at 80 to 100 % of it. None
            for the usual ones.
        expects_pong: Whether the server is known to answer: outbound registration or
            configuration says so (section 4.4). Of no meaning over UDP.
    """

    def __init__(
        self,
        flow: IFlow,
        clock: IReactorTime,
        random: Callable[[], float],
        *,
        interval: float | None = None,
        expects_pong: bool = False,
    ) -> None:
        self.flow = flow
        self._clock = clock
        self._random = random
        if interval is not None:
            self._interval = (0.8 * interval, interval)
        else:
            self._interval = STREAM_INTERVAL if flow.is_reliable else DATAGRAM_INTERVAL
        self._expects_pong = expects_pong and flow.is_reliable
        self._next: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._pongs = 0

    def start(self) -> None:
        """Send the first one after an interval."""
        if self._next is None:
            self.flow.watchers.add(self._flow_failed)
            self._wait()

    def stop(self) -> None:
        """Send no more; no harm where nothing is sent."""
        self.flow.watchers.remove(self._flow_failed)
        for call in (self._next, self._deadline):
            if call is not None and call.active():
                call.cancel()
        self._next = self._deadline = None

    def _wait(self) -> None:
        least, most = self._interval
        seconds = least + (most - least) * self._random()
        self._next = self._clock.callLater(seconds, self._ping)

    def _ping(self) -> None:
        self._wait()
        if self._deadline is not None and self._deadline.active():
            # An interval shorter than the time for a pong: one is still to come.
            return
        self._pongs = self.flow.pongs
        try:
            self.flow.keep_alive()
        except TransportFailed as error:
            self.stop()
            self.flow.fail(error)
            return
        if self._expects_pong:
            self._deadline = self._clock.callLater(PONG_TIMEOUT, self._look_for_pong)

    def _look_for_pong(self) -> None:
        if self.flow.pongs != self._pongs:
            return
        if self.flow.is_receiving:
            self._deadline = self._clock.callLater(_LOOK_AGAIN, self._look_for_pong)
        else:
            self.stop()
            self.flow.fail(
                TransportFailed(
                    f"no answer to a keep-alive within {PONG_TIMEOUT:.0f} s"
                )
            )

    def _flow_failed(self, error: TransportFailed) -> None:
        # Over UDP the peer may be back at the next request, and the binding is ours.
        if self.flow.is_reliable:
            self.stop()
