"""The 2xx of a forked INVITE: which of them is the call, and what the others get.

After an extra's 2xx the proxy cancels the other branches and says nothing of it: the
media dialog has a short grace, and is probed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, BranchState, MediaState
from sipuac.dialog.fork_grace import ForkGrace
from sipuac.dialog.fork_policy import Action, AnsweredLater, ExtraAnswered
from sipuac.errors import InviteForked, SipError
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet
    from sipuac.dialog.forks import Forks

_NO_FORK = "The request was not to fork"


class ForkAnswers:
    """What is done about the 2xx of a dialog set."""

    __slots__ = ("_dialog", "_endings", "_grace", "_set")

    def __init__(self, dialog_set: DialogSet, forks: Forks) -> None:
        self._set = dialog_set
        self._endings = dialog_set.endings
        self._dialog = forks.dialog
        self._grace = ForkGrace(dialog_set)

    @property
    def _forks(self) -> Forks:
        return self._set.forks

    def answered(self, branch: Branch, response: Response, is_new: bool) -> None:
        """A first 2xx came in a dialog, with everything that makes a call."""
        forks = self._forks
        forks.drop_held(branch)
        if self._set.calls.is_refused_unfit(branch):
            return
        view = forks.counsel.view_of(branch)
        if self._set.taken is not None:
            forks.consult(AnsweredLater(view), response)
        elif branch is forks.media or (
            forks.media is None and self._dialog.is_open_to(branch)
        ):
            if is_new and len(self._set.branches) > 1:
                forks.counsel.report(branch, Action.TAKE, response)
            self._take(branch, response)
        else:
            forks.consult(ExtraAnswered(view), response)
        if branch.state is BranchState.STANDING and branch.session is None:
            self._release(branch, response)

    def carry_out(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        """Do this about a dialog that is not early any more, if it can be done."""
        report = self._forks.counsel.report
        is_first = self._set.taken is None
        is_standing = branch.state is BranchState.STANDING
        if action is Action.FAIL and is_first:
            report(branch, action, response)
            if is_standing:
                self._endings.release(branch, "answered, and released", _NO_FORK)
            self._set.attempt.fail_everything(InviteForked("the INVITE forked"))
        elif not is_standing or branch.session is not None or response is None:
            return
        elif action is Action.TAKE and is_first and self._can_take(branch):
            report(branch, action, response)
            self._take(branch, response)
        elif is_first and self._can_adopt(branch, action):
            report(branch, Action.ADOPT, response)
            self._take(branch, response, is_adopted=True)
        elif action is Action.KEEP and not is_first and self._can_keep_several():
            report(branch, action, response)
            self._set.calls.take(branch, response)
            self._set.calls.apply_answer(branch)
            self._set.calls.await_media(branch)
        else:
            self._release(branch, response)

    def _can_keep_several(self) -> bool:
        options = self._set.options
        return options.can_fork_offer and not options.is_offerless

    def _can_take(self, branch: Branch) -> bool:
        """Whether the media can have this answer to our one offer."""
        if self._forks.media is None:
            return self._dialog.is_open_to(branch)
        options = self._set.options
        return options.can_replace_answer or options.can_fork_offer

    def _can_adopt(self, branch: Branch, action: Action) -> bool:
        """Whether a fresh offer in a re-INVITE makes this answer a call.

        That is for the policy to say, but for a branch that is no extra, because the
        media dialog that our offer is spent on was found dead.
        """
        is_wanted = action is Action.ADOPT or (
            action is Action.TAKE and self._forks.media is None
        )
        has_none = branch.media is MediaState.NONE
        return is_wanted and has_none and not self._set.options.is_offerless

    def _take(
        self, branch: Branch, response: Response, *, is_adopted: bool = False
    ) -> None:
        """The call is this one, with the media or with a fresh offer for it."""
        forks = self._forks
        newcomers = [self._set.branches[tag] for tag in forks.stop_watching()]
        self._grace.forget()
        self._set.calls.take(branch, response)
        if is_adopted:
            self._dialog.set(branch)
            self._set.modifications.adopt(branch)
        elif forks.media is None or forks.media is branch or not self._moves_media():
            self._dialog.choose(branch)
        else:
            self._dialog.move(branch)
        if not is_adopted:
            self._set.calls.await_media(branch)
        for newcomer in newcomers:
            if newcomer.is_early:
                forks.counsel.report(newcomer, Action.CANCEL_EXTRA, None)
                forks.end(newcomer, Action.CANCEL_EXTRA)

    def _moves_media(self) -> bool:
        """Whether the one session goes with the call.

        If not, the call has a session of its own, and that of the media dialog closes
        when the call stands.
        """
        options = self._set.options
        has_several = options.can_fork_offer and options.policy.needs_forkable_offer
        return options.can_replace_answer and not has_several

    def _release(self, branch: Branch, response: Response) -> None:
        self._forks.counsel.report(branch, Action.RELEASE, response)
        text = "Another fork has the call"
        self._endings.release(branch, "answered, and released", text)
        if self._set.taken is None and not self._set.attempt.is_closing:
            self.fail_unless_another_can_win(
                InviteForked("another fork answered than the one with the media")
            )

    # The grace of the others

    @property
    def is_in_grace(self) -> bool:
        """Whether the others are being waited for after a 2xx that was no call."""
        return self._grace.is_running

    def fail_unless_another_can_win(self, error: SipError) -> None:
        """See `Forks.fail_unless_another_can_win`."""
        self._grace.note(error)
        if not self._others_can_win():
            self._grace.fail()
        elif not self._grace.is_running:
            self._grace.begin()
            if self._forks.media is not None:
                self._forks.vigil.ask(self._forks.media)

    def lost(self) -> None:
        """A dialog is over: it is waited for no more."""
        if self._grace.is_running and not self._others_can_win():
            self.grace_is_over()

    def _others_can_win(self) -> bool:
        media = self._forks.media
        if media is not None:
            return media.is_early
        # One that our offer is spent for can be adopted.
        return any(branch.is_early for branch in self._set.branches.values())

    def grace_is_over(self) -> None:
        """Nobody else answered in time."""
        if self._grace.is_running and not self._set.attempt.is_closing:
            self._grace.fail()

    def stop(self) -> None:
        """The attempt is over."""
        self._grace.stop()
