"""How far the INVITE is, and how the attempt as a whole ends without a call.

The INVITE ends by its own final response, by our CANCEL and what follows it, or by
silence. For 64*T1 after that a 2xx may still come.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sipuac.dialog import outcome
from sipuac.dialog.effects import (
    AbandonInvite,
    FailInvite,
    Forget,
    Resolved,
    SendCancel,
)
from sipuac.dialog.events import Cancelling, RedirectedTo
from sipuac.dialog.session_state import SessionEvent, SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import CallFailed, SipError
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class Phase(str, Enum):
    """How far the INVITE is."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    """A provisional response came: CANCEL may be sent."""
    ACCEPTED = "accepted"
    """A 2xx came; more may come for 64*T1."""
    COMPLETED = "completed"
    """It failed; a 2xx that still comes is acknowledged and ended."""
    FORGOTTEN = "forgotten"


class Attempt:
    """The INVITE of a dialog set.

    Attributes:
        phase: How far it is.
        closing: Why it failed or is being ended; None where neither is so.
        has_failed: Whether it was said that no call comes of it.
        is_hung_up: Whether the caller has ended the call that was taken.
        is_over: Whether 64*T1 have passed since its end: no new 2xx can come.
        refusal: Why a branch that could have had the call was ended by us.
    """

    __slots__ = (
        "_has_success",
        "_is_resolved",
        "_outbox",
        "_set",
        "closing",
        "has_failed",
        "is_hung_up",
        "is_over",
        "phase",
        "refusal",
    )

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self.phase = Phase.CALLING
        self.closing: SipError | None = None
        self.refusal: CallFailed | None = None
        self.has_failed = False
        self.is_hung_up = False
        self.is_over = False
        self._has_success = False
        self._is_resolved = False

    @property
    def is_open(self) -> bool:
        """Whether no final response has come."""
        return self.phase in (Phase.CALLING, Phase.PROCEEDING)

    @property
    def is_closing(self) -> bool:
        """Whether no further call is wanted: it has failed, or is being ended."""
        return self.closing is not None or self.is_hung_up

    def proceed(self) -> None:
        """A provisional response came: CANCEL may be sent from now on."""
        if self.phase is Phase.CALLING:
            self.phase = Phase.PROCEEDING
            if self.closing is not None:
                self._send_cancel(self.closing)

    def accept(self) -> None:
        """A 2xx came: CANCEL must not be sent any more."""
        if self.is_open:
            self.phase = Phase.ACCEPTED
            self._outbox.stop_timer(DialogTimer.ANSWER)
            self._outbox.stop_timer(DialogTimer.CANCEL)
            self._linger()
        elif not self._has_success and not self.is_over:
            # It has failed before; "64*T1 seconds after the reception of the first 2xx
            # response" (13.2.2.4) begin now.
            self._linger()
        self._has_success = True

    def reject(self, response: Response) -> None:
        """A final response of 300 to 699 came."""
        self._complete("final")
        if response.status < 400:
            contacts = outcome.contacts_of(response)
            self._outbox.report(RedirectedTo(response.status, contacts))
        branches = self._set.branches.values()
        fates = "; ".join(f"{branch.tag}: {branch.fate}" for branch in branches)
        error = outcome.failure(response, self.closing, self.refusal, fates)
        self.fail(error, response)

    def time_out(self, error: SipError) -> None:
        """No final response came, and none will."""
        self._complete("timeout")
        self.fail(self.closing or error)

    def _complete(self, by: str) -> None:
        """The INVITE is over without a 2xx: so is every early dialog (12.3)."""
        self.phase = Phase.COMPLETED
        self._outbox.stop_timer(DialogTimer.ANSWER)
        self._outbox.stop_timer(DialogTimer.CANCEL)
        self._set.forks.stop()
        for branch in self._set.branches.values():
            self._set.endings.closed_without_a_word(branch)
            if branch.is_early:
                fate = f"{branch.fate}, over with the INVITE"
                self._set.endings.early_gone(branch, by, fate)
        if self._set.session.state is SessionState.INITIAL:
            self.is_over = True  # nothing was sent, and nothing can come
        else:
            self._linger()

    def _linger(self) -> None:
        self._outbox.start_timer(DialogTimer.LINGER, self._set.options.linger)

    # Ending it

    def close(self, error: SipError) -> None:
        """End it before any 2xx: CANCEL, now or at the first provisional response."""
        if self.closing is not None or not self.is_open:
            return
        self.closing = error
        self._set.forks.stop()
        self._set.session.handle(SessionEvent.ENDING)
        for branch in self._set.branches.values():
            self._set.endings.close_media(branch)
        self._outbox.report(Cancelling(str(error)))
        self._outbox.stop_timer(DialogTimer.ANSWER)
        if self.phase is Phase.PROCEEDING:
            self._send_cancel(error)

    def _send_cancel(self, error: SipError) -> None:
        self._outbox.emit(SendCancel((outcome.cancel_reason(error),)))
        # RFC 3261 9.1: "If there is no final response for the original request in
        # 64*T1 seconds [...], the client SHOULD then consider the original transaction
        # cancelled and SHOULD destroy the client transaction".
        self._outbox.start_timer(DialogTimer.CANCEL, self._set.options.linger)

    def cancel_unanswered(self) -> None:
        """No final response came within 64*T1 of the CANCEL."""
        if self.is_open and self.closing is not None:
            self._outbox.emit(AbandonInvite())
            self.time_out(self.closing)

    def fail_everything(self, error: SipError) -> None:
        """End every dialog and the attempt, unless a call was taken already."""
        if self.is_open:
            self.close(error)
        elif self.phase is Phase.ACCEPTED and self._set.taken is None:
            self.closing = error
            self._set.forks.stop()
            self.end_early_dialogs("The call has failed")
            self.fail(error)

    def end_early_dialogs(self, text: str) -> None:
        """BYE on every early dialog; the proxy has had a 2xx and ends them as well."""
        for branch in list(self._set.branches.values()):
            if branch.is_early:
                fate = f"{branch.fate}, ended with the call"
                self._set.endings.end_early(branch, fate, text)

    def fail(self, error: SipError, response: Response | None = None) -> None:
        """Say, once, that no call comes of it."""
        if self.has_failed:
            return
        self.has_failed = True
        self.closing = error
        self._set.session.handle(SessionEvent.OVER)
        for branch in self._set.branches.values():
            self._set.endings.close_media(branch)
        self._outbox.emit(FailInvite(error, response))

    def be_over(self, error: SipError) -> None:
        """All calls of this INVITE are over; a 2xx of it may still come.

        How long is known to whoever has kept it.
        """
        self._has_success = True
        self.phase = Phase.COMPLETED
        self.closing = error
        self.has_failed = True
        self._set.session.state = SessionState.TERMINATED

    def linger_is_over(self) -> None:
        """64*T1 have passed since the first final response."""
        self.is_over = True
        for branch in self._set.branches.values():
            if branch.is_early:
                # RFC 3261 13.2.2.4: 64*T1 after the first 2xx "all the early dialogs
                # are terminated", with no message.
                fate = f"{branch.fate}, no final response"
                self._set.endings.early_gone(branch, "timeout", fate)
        if self._set.taken is None and not self.has_failed:
            # Only where the grace is longer than that.
            self._set.forks.grace_is_over()

    def settle(self) -> None:
        """See whether anything is left to be done or waited for."""
        if self.is_open or (self._set.taken is None and not self.has_failed):
            return
        if not all(branch.is_resolved for branch in self._set.branches.values()):
            return
        if not self._is_resolved:
            self._is_resolved = True
            self._outbox.emit(Resolved())
        if not self.is_over or self.phase is Phase.FORGOTTEN:
            return
        reinvites = type(self._set).reinvites.made(self._set)
        if reinvites is None or reinvites.is_idle:
            self.phase = Phase.FORGOTTEN
            self._outbox.emit(Forget())
