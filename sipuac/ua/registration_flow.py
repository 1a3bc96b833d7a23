"""The flow that a registration goes over, kept alive (RFC 5626 section 4.4)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from sipuac.syntax.message import Response
from sipuac.transport.interfaces import IFlow
from sipuac.transport.keepalive import KeepAlive

_OUTBOUND = "outbound"

# Seconds; a Flow-Timer below would be a load, and one above no promise at all.
_SHORTEST, _LONGEST = 5.0, 86_400.0

# Seconds that a flow without keep-alives must have lasted to count as a success.
_STABLE = 30.0


class RegistrationFlow:
    """Keeps the flow of a registration alive while the registrar has use for it.

    It has, where it has registered us by outbound procedures: then it sends us requests
    over this flow and no other, and it answers pings. Over UDP the RFC wants STUN,
    which is not sent; the option of a keep-alive to the proxy holds such a flow.

    Args:
        clock: The only source of time.
        random: A number from 0 to 1.

    Attributes:
        flow: The flow of the registration, None where there is none.
    """

    def __init__(self, clock: IReactorTime, random: Callable[[], float]) -> None:
        self.flow: IFlow | None = None
        self._clock = clock
        self._random = random
        self._interval: float | None = None
        self._keep_alive: KeepAlive | None = None
        self._since = 0.0

    @property
    def is_successful(self) -> bool:
        """Whether the flow was of use so far (RFC 5626 section 4.5).

        "A flow is considered successful if outbound registration succeeded, and if
        keep-alives are in use on this flow, at least one subsequent keep-alive response
        was received." One without keep-alives must have lasted for a while, which is
        our own: some servers close each connection after their 2xx.
        """
        if self.flow is None:
            return False
        if self._keep_alive is not None:
            return self.flow.pongs > 0
        return self._clock.seconds() - self._since >= _STABLE

    def answered(self, response: Response, flow: IFlow) -> None:
        """A REGISTER over this flow has its final response."""
        if flow is self.flow and not response.is_success:
            # Whatever the registrar refuses, what is bound is bound to this flow.
            return
        if flow is not self.flow:
            self._since = self._clock.seconds()
        is_kept = response.is_success and flow.is_reliable and is_outbound(response)
        interval = flow_timer(response) if is_kept else None
        is_as_before = flow is self.flow and interval == self._interval
        if not (is_kept and is_as_before and self._keep_alive is not None):
            self.leave()
            if is_kept:
                self._keep_alive = KeepAlive(
                    flow,
                    self._clock,
                    self._random,
                    interval=interval,
                    expects_pong=True,
                )
                self._keep_alive.start()
        self.flow, self._interval = flow, interval

    def leave(self) -> None:
        """The flow is gone, or of no use any more."""
        self.flow = None
        keep_alive, self._keep_alive = self._keep_alive, None
        if keep_alive is not None:
            keep_alive.stop()


def is_outbound(response: Response) -> bool:
    """Whether the registrar has followed outbound procedures (RFC 5626 section 6)."""
    return any(
        tag.strip().lower() == _OUTBOUND
        for row in response.get_all("Require")
        for tag in row.split(",")
    )


def flow_timer(response: Response) -> float | None:
    """The Flow-Timer in seconds, None where there is none that makes sense."""
    text = (response.get("Flow-Timer") or "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    seconds = float(text[:9])
    return seconds if _SHORTEST <= seconds <= _LONGEST else None
