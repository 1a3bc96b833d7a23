"""What a machine can ask of the world.

The pure layers return lists of these; `ua/endpoint.py` performs them in order.
Everything that a transaction can do is in this one file, short enough to be read in a
minute. What a dialog set asks beyond that stands in `dialog/effects.py`.
"""

from __future__ import annotations

from sipuac.errors import Unreachable
from sipuac.syntax.message import Message
from sipuac.values import value


@value(frozen=True, slots=True)
class Send:
    """Hand this message to the flow of the transaction."""

    message: Message


@value(frozen=True, slots=True)
class StartTimer:
    """Fire this timer once, so many seconds from now; a running one is replaced."""

    timer: str
    seconds: float


@value(frozen=True, slots=True)
class StopTimer:
    """Forget this timer; no harm where it does not run."""

    timer: str


@value(frozen=True, slots=True)
class Deliver:
    """Pass this message up to the transaction user."""

    message: Message


@value(frozen=True, slots=True)
class Fail:
    """Tell the transaction user that no response will come, and why."""

    error: Unreachable


@value(frozen=True, slots=True)
class Terminated:
    """The machine has ended: forget it."""


Effect = Send | StartTimer | StopTimer | Deliver | Fail | Terminated
