"""The early dialogs of a forked INVITE: the media dialog, and what becomes of extras.

When the media dialog is chosen, every other early dialog is an extra, and the fork
policy says what to do about it. This file carries that out while nobody has answered;
`fork_answers` does so for the 2xx. Its parts: `media_dialog` knows who has the media,
`fork_counsel` asks the policy and reports, and `liveness` finds out whether the media
dialog lives before an extra that showed after it is ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.events import EarlyMedia, MediaMoved
from sipuac.dialog.fork_answers import ForkAnswers
from sipuac.dialog.fork_counsel import ForkCounsel
from sipuac.dialog.fork_policy import Action, ExtraShowed, ForkEvent
from sipuac.dialog.liveness import Verdict, Vigil
from sipuac.dialog.media_dialog import MediaDialog
from sipuac.errors import CallFailed, InviteForked, SipError, Unreachable
from sipuac.on_demand import OnDemand
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class Forks:
    """The media dialog and its extras.

    Attributes:
        dialog: Which dialog has the media.
        counsel: Asks the fork policy, and reports what is done.
        vigil: The watch over the media dialog.
    """

    __slots__ = (
        "_answers",
        "_collected",
        "_ended",
        "_endings",
        "_outbox",
        "_set",
        "_vigil",
        "counsel",
        "dialog",
    )

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self._endings = dialog_set.endings
        self.dialog = MediaDialog(dialog_set)
        self.counsel = ForkCounsel(dialog_set, self.dialog)
        self._answers = ForkAnswers(dialog_set, self)
        self._ended = 0
        self._collected = 0

    def _watch(self) -> Vigil:
        return Vigil(self._outbox, self._set.requests, self._set.options.fork_hold)

    vigil = OnDemand(_watch)

    @property
    def media(self) -> Branch | None:
        """The media dialog; None so far."""
        return self.dialog.branch

    # What happens

    def progressed(
        self, branch: Branch, response: Response, is_new: bool, has_brought: bool
    ) -> None:
        """A provisional response came in an early dialog.

        Args:
            branch: Its dialog.
            response: The response.
            is_new: Whether it made the dialog.
            has_brought: Whether it brought the dialog's session description.
        """
        is_fork = is_new and len(self._set.branches) > 1
        if self.media is not None:
            if branch is not self.media and (is_new or has_brought):
                self.consult(ExtraShowed(self.counsel.view_of(branch)), response)
        elif not self._set.options.has_early_media:
            if is_fork:
                self.consult(ExtraShowed(self.counsel.view_of(branch)), response)
        else:
            # Nobody has the media, so that nobody is an extra yet.
            if is_fork:
                self.counsel.report(branch, Action.LEAVE, response)
            if has_brought and self.dialog.is_open_to(branch):
                self._choose(branch, len(self._set.branches))

    def _choose(self, branch: Branch, showed_by_then: int) -> None:
        """Make this the media dialog; all others are extras from now on."""
        self.dialog.choose(branch, showed_by_then)
        for other in list(self._set.branches.values()):
            if other is not branch and other.is_early and self.media is branch:
                self.consult(ExtraShowed(self.counsel.view_of(other)), None)

    def media_runs(self, branch: Branch) -> None:
        """The media of a branch has its answer."""
        if branch.moved_from is not None:
            self._outbox.report(MediaMoved(branch.tag, branch.moved_from))
        elif branch.is_early:
            self._outbox.report(EarlyMedia(branch.tag))

    def answer_refused(self, branch: Branch) -> None:
        """The media did not take the answer of this branch: the offer is free again."""
        self.dialog.refused(branch)

    def answered(self, branch: Branch, response: Response, is_new: bool) -> None:
        """A first 2xx came in a dialog, with everything that makes a call."""
        self._answers.answered(branch, response, is_new)

    def lost(self, branch: Branch) -> None:
        """A dialog is over: by 199, BYE of either side, a refusal or a probe."""
        self.drop_held(branch)
        if branch is self.media:
            self.dialog.branch = None
            held = self.stop_watching()
            self._promote([self._set.branches[tag] for tag in held])
        self._answers.lost()

    def _promote(self, newcomers: list[Branch]) -> None:
        """Give the media to the newest early dialog with an answer, if it can be.

        The newest, because a proxy that hunts has gone from one phone to the next.
        Those that showed after it and only ring may live in its place.
        """
        for branch in newcomers:
            branch.fate = "ringing"
        if not self._set.options.has_early_media or self._answers.is_in_grace:
            return
        for branch in reversed(newcomers or list(self._set.branches.values())):
            if branch.is_early and branch.remote is not None:
                if self.dialog.is_open_to(branch):
                    self._choose(branch, branch.number)
                return

    def ended_one_answered(self) -> None:
        """A dialog that was ended before has answered all the same."""
        attempt = self._set.attempt
        error: SipError = InviteForked("an extra fork answered although it was ended")
        if len(self._set.branches) == 1:
            error = attempt.refusal or CallFailed("the one dialog was ended before")
        self.fail_unless_another_can_win(error)

    def fail_unless_another_can_win(self, error: SipError) -> None:
        """A 2xx could not become the call: does any other dialog still have a chance?

        The proxy has cancelled the other branches by now, and will not say so: they get
        a short grace.
        """
        self._answers.fail_unless_another_can_win(error)

    def grace_is_over(self) -> None:
        """Nobody else answered in time."""
        self._answers.grace_is_over()

    def stop(self) -> None:
        """The attempt is over: decide nothing any more."""
        self.stop_watching()
        self._answers.stop()
        self.dialog.branch = None

    def drop_held(self, branch: Branch) -> None:
        """This dialog waits for the end of no other one any more."""
        vigil = Forks.vigil.made(self)
        if vigil is not None:
            vigil.drop(branch)

    def stop_watching(self) -> dict[str, Action]:
        """Watch the media dialog no more; see `Vigil.stop`."""
        vigil = Forks.vigil.made(self)
        return {} if vigil is None else vigil.stop()

    # What the policy decides

    def consult(self, event: ForkEvent, response: Response | None) -> None:
        """Ask the policy and do as it says.

        Args:
            event: What happened.
            response: The response that it happened by; None for none.
        """
        tag = event.branch.to_tag
        for decision in self.counsel.decisions(event):
            branch = self._set.branches.get(decision.to_tag)
            if branch is not None and not self._set.attempt.is_closing:
                cause = response if branch.tag == tag else None
                if branch.is_early:
                    self._carry_out(branch, decision.action, cause)
                else:
                    self._answers.carry_out(branch, decision.action, cause)
        branch = self._set.branches[tag]
        if branch.is_early and not self.counsel.is_reported(branch):
            self.counsel.report(branch, Action.LEAVE, response)

    def _carry_out(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        """Do this about an early dialog, if it can be done; else leave it alone."""
        if action is Action.CANCEL_EXTRA or action is Action.FAIL:
            self._end_or_hold(branch, action, response)
        elif action is Action.MOVE_MEDIA and response and self._can_move(branch):
            self.counsel.report(branch, action, response)
            self.drop_held(branch)
            self.dialog.move(branch)
            # It has just spoken: whoever waited for a media dialog that lives is done.
            self._end_held()
        elif action is Action.COLLECT and self._can_collect(branch):
            if branch.media is MediaState.NONE:
                self._collected += 1
                self.counsel.report(branch, action, response)
                self._set.calls.apply_answer(branch)
        else:
            self.counsel.report(branch, Action.LEAVE, response)

    def _can_move(self, branch: Branch) -> bool:
        is_other = self.media is not None and self.media is not branch
        has_answer = branch.remote is not None
        return is_other and has_answer and self._set.options.can_replace_answer

    def _can_collect(self, branch: Branch) -> bool:
        """Whether this branch can have a session of its own by our one offer."""
        options = self._set.options
        can_fork = options.has_early_media and options.can_fork_offer
        if branch.media is not MediaState.NONE:
            return can_fork
        is_within_bounds = self._collected < options.max_extras
        return can_fork and branch.remote is not None and is_within_bounds

    def _end_or_hold(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        """End an extra; where it showed after the media dialog, once that is alive."""
        media = self.media
        is_later = branch.number > self.dialog.showed_by_then
        if media is not None and media.is_early and is_later:
            self.counsel.report(branch, "hold", response)
            self.vigil.hold(branch, action, media)
        else:
            self.counsel.report(branch, action, response)
            self.end(branch, action)

    def end(self, branch: Branch, action: Action) -> None:
        """End an extra, or everything where that is what the action says."""
        self._ended += 1
        count = self._set.options.max_extras
        if action is Action.FAIL and self._set.taken is None:
            self._set.attempt.fail_everything(InviteForked("the INVITE forked"))
        elif self._ended > count and self._set.taken is None:
            self._set.attempt.fail_everything(
                InviteForked(f"more than {count} extra forks")
            )
        else:
            text = "Another fork has the early media"
            self._endings.end_early(branch, "ended as an extra", text)
            self.lost(branch)

    # Does the media dialog live?

    def probe_finished(
        self, branch: Branch, number: int, method: str, result: Response | Unreachable
    ) -> None:
        """The media dialog answered the probe, or there was no answer."""
        if branch is self.media:
            self._judge(
                branch, self.vigil.probe_finished(branch, number, method, result)
            )

    def hold_is_over(self) -> None:
        """Newcomers have waited long enough."""
        if self.media is not None:
            self._judge(self.media, self.vigil.limit_reached(self.media))

    def _judge(self, media: Branch, verdict: Verdict) -> None:
        if verdict is Verdict.ALIVE:
            self._end_held()
        elif verdict is Verdict.DEAD:
            # Nothing more is sent in it, not even BYE. Departs from RFC 3261 12.2.1.2,
            # a SHOULD, because a 481 says that there is no dialog to be ended, and
            # after silence a phone that rings on may still have the call.
            if media.is_early:
                self._endings.early_gone(media, "probe", "found dead by a probe")
            self.lost(media)

    def _end_held(self) -> None:
        for tag, action in self.vigil.released().items():
            branch = self._set.branches[tag]
            if branch.is_early and not self._set.attempt.is_closing:
                self.counsel.report(branch, action, None)
                self.end(branch, action)
