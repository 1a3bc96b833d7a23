"""After a 2xx that could not become the call: does any other dialog still win?

The proxy has cancelled the other branches by then and will not say so: they get a
short grace, and then the attempt fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.timers import DialogTimer
from sipuac.errors import InviteForked, SipError

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class ForkGrace:
    """The grace of a dialog set.

    Attributes:
        is_running: Whether the others are being waited for.
    """

    __slots__ = ("_failure", "_set", "is_running")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._failure: SipError | None = None
        self.is_running = False

    def note(self, error: SipError) -> None:
        """Remember the first 2xx that was no call: the attempt fails by that one."""
        self._failure = self._failure or error

    def begin(self) -> None:
        """Wait for the others, from now on."""
        self.is_running = True
        grace = self._set.options.fork_grace
        self._set.outbox.start_timer(DialogTimer.GRACE, grace)

    def fail(self) -> None:
        """Nobody else can answer, or nobody did in time."""
        self.stop()
        error = self._failure or InviteForked("it forked")
        self._set.attempt.fail_everything(error)

    def stop(self) -> None:
        """Wait no more."""
        self.is_running = False
        self._set.outbox.stop_timer(DialogTimer.GRACE)

    def forget(self) -> None:
        """A call was taken: what went before it counts no more."""
        self.stop()
        self._failure = None
