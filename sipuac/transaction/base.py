"""What the four machines have in common: their inputs and the plainest actions."""

from __future__ import annotations

from enum import Enum

from sipuac.effects import Effect, Fail, Terminated
from sipuac.errors import Unreachable
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.message import Request
from sipuac.transaction.timers import Timers


class Event(str, Enum):
    """What can happen to a transaction besides a `Timer`, in the words of the figures.

    A client receives responses, a server is given them by its user.
    """

    R100 = "100"
    R1XX = "1xx"
    R2XX = "2xx"
    R300_699 = "300-699"
    R200_699 = "200-699"
    INVITE = "INVITE"
    ACK = "ACK"
    REQUEST = "Request"
    TRANSPORT_ERROR = "Transport Err."


#: There is but one end, and every transaction comes to it: made once, for all.
TERMINATED = Terminated()

_NO_TRANSITIONS: Transitions = {}
_NONE_IGNORED: Ignored = {}


class Transaction:
    """A request and what is done so that it is answered (RFC 3261 section 17).

    Inputs are methods, and each returns the effects that it asks for, in order.

    Args:
        request: As it is on the wire here: a client's has its own Via on top.
        is_reliable: Whether the transport repeats what is lost.
        timers: T1, T2 and T4.

    Attributes:
        state: Where the machine is in its table.
        key: What messages of this transaction are found by, see `matching`.
    """

    __slots__ = ("is_reliable", "key", "request", "state", "timers")

    transitions: Transitions = _NO_TRANSITIONS
    ignored: Ignored = _NONE_IGNORED
    state: str
    key: tuple[object, ...]

    def __init__(
        self,
        request: Request,
        is_reliable: bool,
        timers: Timers,
    ) -> None:
        self.request = request
        self.is_reliable = is_reliable
        self.timers = timers

    def start(self) -> list[Effect]:
        """Begin; to be called once, before any other input."""
        raise NotImplementedError

    def fire(self, timer: str) -> list[Effect]:
        """A timer that this machine started has run out."""
        return step(self, timer)

    def transport_failed(self, error: Unreachable) -> list[Effect]:
        """What was to be sent could not be (RFC 3261 sections 17.1.4 and 17.2.4)."""
        return step(self, Event.TRANSPORT_ERROR, error)

    def _end(self) -> list[Effect]:
        return [TERMINATED]

    def _inform_user(self, error: Unreachable) -> list[Effect]:
        return [Fail(error)]

    def _fail(self, error: Unreachable) -> list[Effect]:
        return [Fail(error), TERMINATED]
