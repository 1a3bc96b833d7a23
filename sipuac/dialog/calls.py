"""What the 2xx of an INVITE become: the call that is taken, and perhaps others.

A call stands when its 2xx is acknowledged and the media has its answer. Under the fork
policy `keep-all` there may be several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.effects import (
    ApplyAnswer,
    Establish,
    MakeAnswer,
    ReplaceAnswer,
    Take,
)
from sipuac.dialog.events import Answered
from sipuac.dialog.session_state import SessionEvent, SessionMachine, SessionState
from sipuac.dialog.timers import media_timer
from sipuac.errors import CallFailed, Cancelled, MediaRefused, SipError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class Calls:
    """The calls of a dialog set.

    Attributes:
        session: The state of the session that the INVITE is for.
        taken: The branch whose call was taken; None so far.
    """

    __slots__ = ("_outbox", "_set", "_stood", "session", "taken")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self.session = SessionMachine()
        self.taken: Branch | None = None
        self._stood: Branch | None = None

    def take(self, branch: Branch, response: Response) -> None:
        """The call is this one; beside the one taken before, if there is one."""
        if self.taken is None:
            self.taken = branch
            branch.session = self.session
        else:
            branch.session = SessionMachine(SessionState.ESTABLISHING)
        branch.fate = "answered"
        self._outbox.report(Answered(response.status, branch.tag))
        self._outbox.emit(Take(branch.tag, response))
        self._set.refreshes.begin(branch, response)

    # Media

    def apply_answer(self, branch: Branch) -> None:
        """Give the branch's answer to the media, or go on if it has it already."""
        if self.is_refused_unfit(branch):
            return
        if branch.media is MediaState.APPLIED:
            self._establish(branch)
        elif self._set.options.is_offerless:
            self._answer_offer(branch)
        elif branch.media is MediaState.NONE and branch.remote is not None:
            branch.media = MediaState.APPLYING
            branch.moved_from = None
            self._outbox.emit(ApplyAnswer(branch.tag, branch.remote))

    def _answer_offer(self, branch: Branch) -> None:
        """The call was taken here; its media is to answer, if it does not already."""
        if branch.owed is not None:
            if branch.media is MediaState.NONE:
                self.make_answer(branch)
        elif branch.media is MediaState.NONE:
            # It was closed at a 199, and what it had agreed with the callee is gone.
            error = MediaRefused("the media of this dialog was closed before its 2xx")
            self.undo(branch, error, 488)

    def make_answer(self, branch: Branch) -> None:
        """Have the media of this branch answer the callee's offer."""
        if branch.remote is not None:
            branch.media = MediaState.APPLYING
            self._outbox.emit(MakeAnswer(branch.tag, branch.remote))
            self._limit_media(branch)

    def await_media(self, branch: Branch) -> None:
        """The call was taken here: it has so long to get its media running.

        Before the 2xx the answer timeout is limit enough.
        """
        if not self._set.options.is_offerless and branch.media is MediaState.APPLYING:
            self._limit_media(branch)

    def _limit_media(self, branch: Branch) -> None:
        seconds = self._set.options.media_timeout
        self._outbox.start_timer(media_timer(branch.tag), seconds)

    def answer_made(self, branch: Branch, answer: SessionDescription) -> None:
        """The media has answered: send that, and it runs."""
        self._outbox.stop_timer(media_timer(branch.tag))
        self._set.acknowledgements.answer(branch, answer)
        self.answer_applied(branch)

    def replace_answer(self, branch: Branch) -> None:
        """The answer itself differs from its preview: the media is to have it."""
        if branch.is_early and self.is_refused_unfit(branch):
            return
        # One that comes unfit with the 2xx is refused before the call is taken.
        is_fit = self._set.exchanges.fault_of(branch) is None
        if is_fit and branch.media is not MediaState.NONE and branch.remote is not None:
            branch.media = MediaState.APPLYING
            branch.moved_from = None
            self._outbox.emit(ReplaceAnswer(branch.tag, branch.remote))

    def answer_applied(
        self, branch: Branch, local: SessionDescription | None = None
    ) -> None:
        """The media has taken the answer that it was given.

        Args:
            branch: Its branch.
            local: Our description, where it is not that of the first exchange.
        """
        self._outbox.stop_timer(media_timer(branch.tag))
        branch.media = MediaState.APPLIED
        self._set.forks.media_runs(branch)
        self._establish(branch, local)

    def _establish(
        self, branch: Branch, local: SessionDescription | None = None
    ) -> None:
        if branch.has_call and branch.session is not None and branch.remote is not None:
            branch.session.handle(SessionEvent.STANDS)
            branch.fate = "established"
            self._stood = self._stood or branch
            self._outbox.emit(Establish(branch.tag, branch.remote, local))
            self._close_other_media(branch)

    def _close_other_media(self, branch: Branch) -> None:
        """The call stands: the media of the other forks closes."""
        for other in self._set.branches.values():
            if other is not branch and not other.has_call:
                self._set.endings.close_media(other)

    def refused(self, branch: Branch, message: str) -> None:
        """The media cannot take the answer, or the offer: that dialog is ended."""
        what = "offer" if self._set.options.is_offerless else "answer"
        error = MediaRefused(f"the media refused the {what}: {message}")
        self._refuse(branch, error, f"its {what} was refused by the media")

    def is_refused_unfit(self, branch: Branch) -> bool:
        """End this dialog if its answer does not fit our offer, without asking media.

        Returns:
            Whether it does not.
        """
        fault = self._set.exchanges.fault_of(branch)
        if fault is not None:
            error = MediaRefused(f"the answer does not fit our offer: {fault}")
            self._refuse(branch, error, "its answer did not fit our offer")
        return fault is not None

    def _refuse(self, branch: Branch, error: MediaRefused, fate: str) -> None:
        self._set.endings.close_media(branch)
        self._set.forks.answer_refused(branch)
        if not branch.is_early:
            self.undo(branch, error, 488)
            return
        self._set.attempt.refusal = error
        self._outbox.warn(str(error), branch.tag)
        self._set.endings.end_early(branch, fate, "Not acceptable here", 488)
        self._set.forks.lost(branch)

    # Ends

    def undo(self, branch: Branch, error: SipError, cause: int) -> None:
        """A 2xx that cannot become a call: end it, and fail if no other can win."""
        self._set.endings.release(branch, str(error), "Not acceptable here", cause)
        if branch is self.taken:
            self._hand_over(branch)
        if self.taken is not None:
            self._outbox.warn(str(error), branch.tag)
            return
        self._set.forks.lost(branch)
        if not self._set.attempt.has_failed:
            self._set.forks.fail_unless_another_can_win(error)

    def other_than(self, branch: Branch) -> Branch | None:
        """A call beside this one that is not over; None where there is none."""
        branches = self._set.branches.values()
        others = (other for other in branches if other is not branch)
        return next((other for other in others if other.has_call), None)

    def _hand_over(self, branch: Branch) -> None:
        """The call taken first is none; another one stands in for it, if there is.

        One that has stood does so even when it is over: the attempt has not failed.
        """
        self.taken = self.other_than(branch) or self._stood
        if self.taken is not None and self.taken.session is not None:
            self.session = self.taken.session

    def end(
        self,
        branch: Branch,
        error: SipError,
        reason: tuple[str, str] | None = None,
        text: str | None = None,
    ) -> None:
        """BYE a call, if this branch has one.

        Args:
            branch: The branch.
            error: How the attempt fails where the call does not stand yet.
            reason: The field that says why, for the callee.
            text: Why, for the caller.
        """
        session = branch.session
        if not branch.has_call or session is None:
            return
        was_established = session.state is SessionState.ESTABLISHED
        session.handle(SessionEvent.ENDING)
        branch.fate = "ended by us" if text is None else f"ended by us: {text}"
        branch.end_reason = text
        self._set.endings.bye(branch, reason)
        if not was_established:
            session.handle(SessionEvent.OVER)
            self._lost_before_it_stood(branch, error)

    def end_all(self, error: Cancelled) -> None:
        """BYE every call, and take none any more."""
        self._set.attempt.is_hung_up = True
        self._set.forks.stop()
        for branch in list(self._set.branches.values()):
            self.end(branch, error)

    def ended_by_callee(self, branch: Branch, bye: Request) -> None:
        """The callee's BYE ends a call."""
        if not self._set.endings.call_gone(branch, bye.get("Reason")):
            message = "the callee hung up before the call stood"
            self._lost_before_it_stood(branch, CallFailed(message))

    def _lost_before_it_stood(self, branch: Branch, error: SipError) -> None:
        if branch is not self.taken:
            return
        self._hand_over(branch)
        if self.taken is None:
            self.taken = branch
            self._set.attempt.fail(error)
