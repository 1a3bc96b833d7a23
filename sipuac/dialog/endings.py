"""How one dialog is ended, and what its end means for its call.

An early dialog and a confirmed one are both ended by BYE (RFC 3261 section 15). What
answers a BYE ends the dialog whatever it is; but a phone that may not have had the BYE
is remembered, because its 2xx may still come.
"""

from __future__ import annotations

from collections.abc import Callable

from sipuac.dialog import outcome
from sipuac.dialog.acknowledgements import Acknowledgements
from sipuac.dialog.branch import Branch, BranchEvent, BranchState, MediaState
from sipuac.dialog.effects import CloseMedia, EndSession
from sipuac.dialog.events import EarlyDialogEnded, ExtraEnded
from sipuac.dialog.outbox import Outbox
from sipuac.dialog.requests import Requests
from sipuac.dialog.session_state import SessionEvent, SessionState
from sipuac.dialog.timers import media_timer
from sipuac.errors import Unreachable
from sipuac.syntax.message import Response


class Endings:
    """Ends the dialogs of one INVITE, each by itself."""

    __slots__ = ("_acknowledgements", "_outbox", "_requests", "_stop_changes")

    def __init__(
        self,
        outbox: Outbox,
        requests: Requests,
        acknowledgements: Acknowledgements,
        stop_changes: Callable[[Branch], None],
    ) -> None:
        """Args: `stop_changes`: ends all that changes the session of a branch."""
        self._outbox = outbox
        self._requests = requests
        self._acknowledgements = acknowledgements
        self._stop_changes = stop_changes

    # An end of ours

    def end_early(self, branch: Branch, fate: str, text: str, cause: int = 487) -> None:
        """End an early dialog by BYE (RFC 3261 section 15).

        Where it has no target, no request can be sent in it: it is remembered, and its
        2xx gets ACK and BYE.

        Args:
            branch: The branch; it must be early.
            fate: What became of it, in words.
            text: The reason that its phone is told.
            cause: The status that stands for that reason (RFC 3326).
        """
        branch.is_unwanted = True
        if branch.dialog.remote_target is None:
            self.close_media(branch)
            branch.fate = "unwanted, but it cannot be told so: it sent no Contact"
            branch.handle(BranchEvent.LOST)
            self._outbox.warn(branch.fate, branch.tag)
            self._outbox.report(ExtraEnded(branch.tag, "none", 0))
            return
        branch.fate = fate
        self.bye(branch, outcome.reason_field(cause, text))

    def release(self, branch: Branch, fate: str, text: str, cause: int = 487) -> None:
        """End a dialog whose 2xx was acknowledged and whose call is not wanted.

        No second BYE is sent where the callee has answered 2xx to one before.
        """
        branch.is_unwanted = True
        branch.session = None
        branch.fate = fate
        if not branch.is_bye_confirmed:
            self.bye(branch, outcome.reason_field(cause, text))
            return
        self.close_media(branch)
        branch.handle(BranchEvent.LOST)
        self._outbox.warn("it answered although it had confirmed our BYE", branch.tag)

    def bye(self, branch: Branch, reason: tuple[str, str] | None = None) -> None:
        """Stop the media of this dialog, then send BYE in it (15.1.1)."""
        self.close_media(branch)
        branch.handle(BranchEvent.BYE_SENT)
        headers = () if reason is None else (reason,)
        branch.bye_number = self._requests.send(branch, "BYE", headers)

    def bye_finished(
        self, branch: Branch, number: int, result: Response | Unreachable
    ) -> None:
        """The BYE of that number was answered, or got no answer."""
        status = result.status if isinstance(result, Response) else 0
        if 200 <= status < 300:
            branch.is_bye_confirmed = True
        elif not status and branch.is_bye_confirmed:
            status = 200  # the answer to the BYE before it
        if number != branch.bye_number:
            return
        # RFC 3261 15.1.1: a BYE that is answered 481 or 408 or not at all ends the
        # dialog as a 2xx does.
        branch.handle(BranchEvent.BYE_FINISHED)
        session = branch.session
        if session is None:
            self._outbox.report(ExtraEnded(branch.tag, "BYE", status))
            return
        was_terminating = session.state is SessionState.TERMINATING
        session.handle(SessionEvent.OVER)
        if was_terminating:
            self._outbox.emit(EndSession(branch.tag, "local", branch.end_reason))

    # An end that is not ours

    def early_gone(self, branch: Branch, by: str, fate: str) -> None:
        """The early dialog is over, and nobody has to be told."""
        branch.fate = fate
        branch.handle(BranchEvent.LOST)
        self.close_media(branch)
        self._outbox.report(EarlyDialogEnded(branch.tag, by))

    def call_gone(self, branch: Branch, reason: str | None) -> bool:
        """The callee has ended a confirmed dialog.

        Returns:
            Whether its call stood.
        """
        session = branch.session
        stood = session is not None and session.state is SessionState.ESTABLISHED
        branch.fate = "ended by the callee"
        branch.handle(BranchEvent.LOST)
        self.close_media(branch)
        if session is not None:
            session.handle(SessionEvent.OVER)
        if stood:
            self._outbox.emit(EndSession(branch.tag, "remote", reason))
        return stood

    def closed_without_a_word(self, branch: Branch) -> None:
        """The INVITE or the callee has ended a dialog on which our BYE is pending.

        The BYE runs out as a transaction (RFC 3261 section 12.3).
        """
        if branch.state in (BranchState.ENDING, BranchState.RELEASING):
            branch.handle(BranchEvent.LOST)

    def close_media(self, branch: Branch) -> None:
        """Stop and free the media of this branch, if it has any.

        An offer that it has not answered gets the refusing answer.
        """
        self._stop_changes(branch)
        self._acknowledgements.refuse(branch)
        self._outbox.stop_timer(media_timer(branch.tag))
        if branch.media is not MediaState.NONE:
            branch.media = MediaState.NONE
            self._outbox.emit(CloseMedia(branch.tag))
