"""Which dialog has the media, and what is done about the others.

The *media dialog* is the first whose response carried the answer. When it is chosen,
every other early dialog is an extra, and the fork policy says what to do about it. This
file carries the decisions out, with the traps that real forks set:

- Serial hunting looks like a fork. An extra that showed after the media dialog is ended
  only when the media dialog is known to live: it is probed, and the newcomer is held.
- After an extra's 2xx the proxy cancels the other branches and says nothing of it: the
  media dialog has a short grace, and is probed.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, BranchState, MediaState
from sipuac.dialog.effects import MoveMedia
from sipuac.dialog.events import EarlyMedia, Forked, MediaMoved, Probe
from sipuac.dialog.fork_policy import (
    Action,
    AnsweredLater,
    BranchView,
    Decision,
    DialogSetView,
    ExtraAnswered,
    ExtraShowed,
    ForkEvent,
)
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import InviteForked, SipError

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet
    from sipuac.syntax.message import Response


class Liveness(str, Enum):
    """What is known of the media dialog."""

    UNASKED = "unasked"
    SILENT = "silent"
    """Asked, and no answer yet."""
    ANSWERED = "answered"
    """An answer came that proves nothing; at the hold limit it counts as alive."""


class Forks:
    """The media dialog and its extras.

    Attributes:
        media: The media dialog; None so far.
    """

    __slots__ = (
        "_ended",
        "_failure",
        "_held",
        "_is_in_grace",
        "_liveness",
        "_probe",
        "_set",
        "_showed_by_then",
        "media",
    )

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self.media: Branch | None = None
        self._showed_by_then = 0
        self._held: dict[str, Action] = {}
        self._liveness = Liveness.UNASKED
        self._probe = 0
        self._ended = 0
        self._is_in_grace = False
        self._failure: SipError | None = None

    # Before any 2xx

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
        options = self._set.options
        if self.media is None:
            if is_fork and not options.has_early_media:
                self._consult(ExtraShowed(self._view_of(branch)), response)
            elif is_fork:
                self._report_fork(branch, Action.LEAVE, response)
            if options.has_early_media and has_brought and not self._is_offer_spent():
                self._choose(branch)
        elif branch is not self.media and (is_new or has_brought):
            self._consult(ExtraShowed(self._view_of(branch)), response)

    def _is_offer_spent(self) -> bool:
        """Whether the media cannot take another answer in place of the one it had."""
        return self._showed_by_then > 0 and not self._set.options.can_replace_answer

    def _choose(self, branch: Branch) -> None:
        """Make this the media dialog; all others are extras from now on."""
        self.media = branch
        self._showed_by_then = len(self._set.branches)
        self._liveness = Liveness.UNASKED
        self._set.apply_answer(branch)
        for other in list(self._set.branches.values()):
            if other is not branch and other.is_early and self.media is branch:
                self._consult(ExtraShowed(self._view_of(other)), None)

    def early_media_runs(self, branch: Branch) -> None:
        """The media of an early dialog has its answer."""
        if branch.moved_from is None:
            self._set.report(EarlyMedia(branch.tag))
        else:
            self._set.report(MediaMoved(branch.tag, branch.moved_from))

    def lost(self, branch: Branch) -> None:
        """A dialog is over: by 199, BYE of the callee, a refusal or a probe."""
        self._held.pop(branch.tag, None)
        if branch is not self.media:
            self._fail_if_nobody_is_left()
            return
        self.media = None
        newcomers = [self._set.branches[tag] for tag in self._held]
        self._held.clear()
        self._stop_hold()
        self._promote(newcomers)
        self._fail_if_nobody_is_left()

    def _promote(self, newcomers: list[Branch]) -> None:
        """Give the media to the newest early dialog with an answer, if it can be.

        The newest, because a proxy that hunts has gone from one phone to the next.
        """
        has_early_media = self._set.options.has_early_media
        if not has_early_media or self._is_offer_spent() or self._is_in_grace:
            return
        candidates = newcomers or list(self._set.branches.values())
        for branch in reversed(candidates):
            if branch.is_early and branch.answer is not None:
                self._choose(branch)
                return

    # What the policy decides

    def _view_of(self, branch: Branch) -> BranchView:
        return branch.view(self._media_tag())

    def _media_tag(self) -> str | None:
        return None if self.media is None else self.media.tag

    def _view(self) -> DialogSetView:
        options = self._set.options
        media_tag = self._media_tag()
        return DialogSetView(
            tuple(branch.view(media_tag) for branch in self._set.branches.values()),
            media_tag,
            options.has_early_media,
            options.can_replace_answer,
            options.can_fork_offer,
            options.extra_ringing,
        )

    def _consult(self, event: ForkEvent, response: Response | None) -> None:
        for decision in self._set.options.policy.decide(event, self._view()):
            self._carry_out(decision, response)

    def _carry_out(self, decision: Decision, response: Response | None) -> None:
        branch = self._set.branches.get(decision.to_tag)
        if branch is None:
            return
        action = decision.action
        if branch.is_early:
            self._act_on_early(branch, action, response)
        elif branch.state is BranchState.STANDING and branch.session is None:
            self._act_on_answered(branch, action, response)

    def _act_on_early(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        if action is Action.CANCEL_EXTRA or action is Action.FAIL:
            if branch.number > self._showed_by_then and self.media is not None:
                self._hold(branch, action, response)
            else:
                self._report_fork(branch, action, response)
                self._end(branch, action)
        elif action is Action.MOVE_MEDIA and branch.answer is not None:
            self._report_fork(branch, action, response)
            self._move_media(branch)
        else:
            self._report_fork(branch, Action.LEAVE, response)

    def _act_on_answered(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        can_take = self.media is None or self._set.options.can_replace_answer
        if action is Action.TAKE and self._set.taken is None and can_take:
            self._report_fork(branch, action, response)
            if response is not None:
                self._take(branch, response)
        elif action is Action.KEEP and self._set.taken is not None:
            self._report_fork(branch, action, response)
            if response is not None:
                self._set.take(branch, response)
                self._set.apply_answer(branch)
        elif action is Action.FAIL:
            self._set.fail_everything(InviteForked("the INVITE forked"))
        else:
            self._report_fork(branch, Action.RELEASE, response)
            self._set.release(branch, "Another fork has the call")
            if self._set.taken is None:
                self.fail_unless_another_can_win(
                    InviteForked("another fork answered than the one with the media")
                )

    def _report_fork(
        self, branch: Branch, action: Action | str, response: Response | None
    ) -> None:
        value = action.value if isinstance(action, Action) else action
        if response is None:
            self._set.report(Forked(branch.tag, value, branch.contact))
            return
        self._set.report(
            Forked(
                branch.tag,
                value,
                response.get("Contact"),
                ", ".join(response.get_all("Record-Route")) or None,
                response.get("Server"),
            )
        )

    def _end(self, branch: Branch, action: Action) -> None:
        self._ended += 1
        if action is Action.FAIL:
            self._set.fail_everything(InviteForked("the INVITE forked"))
        elif self._ended > self._set.options.max_extras and self._set.taken is None:
            count = self._set.options.max_extras
            self._set.fail_everything(InviteForked(f"more than {count} extra forks"))
        else:
            self._set.end_early(branch, "Another fork has the early media")

    def _move_media(self, branch: Branch) -> None:
        media = self.media
        if media is None or media is branch or branch.answer is None:
            return
        self.media = branch
        self._showed_by_then = len(self._set.branches)
        self._held.pop(branch.tag, None)
        if media.media is MediaState.NONE:
            self._set.apply_answer(branch)
            return
        media.media = MediaState.NONE
        branch.media = MediaState.APPLYING
        branch.moved_from = media.tag
        self._set.emit(MoveMedia(media.tag, branch.tag, branch.answer))

    # Does the media dialog live?

    def _hold(self, branch: Branch, action: Action, response: Response | None) -> None:
        self._report_fork(branch, "hold", response)
        is_first = not self._held
        self._held[branch.tag] = action
        branch.fate = "held until the media dialog is known to live"
        if is_first:
            self._set.emit(StartTimer(DialogTimer.HOLD, self._set.options.fork_hold))
            self._ask_media_dialog()

    def _ask_media_dialog(self) -> None:
        """Probe it: UPDATE without a body where its Allow has that, else OPTIONS."""
        media = self.media
        self._liveness = Liveness.SILENT
        if media is None or media.dialog.remote_target is None or not media.is_early:
            return
        method = "UPDATE" if media.allows_update else "OPTIONS"
        self._probe = self._set.send_in_dialog(
            media, method, has_contact=method == "UPDATE"
        )

    def probe_finished(
        self, branch: Branch, number: int, method: str, response: Response | None
    ) -> None:
        """The media dialog answered the probe, or timer F fired."""
        if number != self._probe or branch is not self.media:
            return
        if response is None or response.status in (408, 481):
            self._report_probe(branch, method, "dead")
            self._is_dead(branch)
        elif method == "UPDATE" and response.is_success:
            self._report_probe(branch, method, "alive")
            self._is_alive()
        else:
            self._report_probe(branch, method, "unknown")
            self._liveness = Liveness.ANSWERED

    def _report_probe(self, branch: Branch, method: str, result: str) -> None:
        self._set.report(Probe(branch.tag, method, result))

    def hold_is_over(self) -> None:
        """An answer of any other kind counts as alive now, silence as dead."""
        media = self.media
        if not self._held or media is None:
            return
        if self._liveness is Liveness.ANSWERED:
            self._is_alive()
        else:
            method = "UPDATE" if media.allows_update else "OPTIONS"
            self._report_probe(media, method, "dead")
            self._is_dead(media)

    def _is_alive(self) -> None:
        held = list(self._held.items())
        self._held.clear()
        self._stop_hold()
        for tag, action in held:
            branch = self._set.branches[tag]
            if branch.is_early and not self._set.is_closing:
                self._report_fork(branch, action, None)
                self._end(branch, action)

    def _is_dead(self, branch: Branch) -> None:
        if branch.is_early:
            self._set.branch_is_dead(branch)
        self.lost(branch)

    def _stop_hold(self) -> None:
        self._set.emit(StopTimer(DialogTimer.HOLD))
        self._liveness = Liveness.UNASKED
        self._probe = 0

    # 2xx

    def answered(self, branch: Branch, response: Response, is_new: bool) -> None:
        """A first 2xx came in a dialog, with everything that makes a call."""
        self._held.pop(branch.tag, None)
        if self._set.taken is not None:
            self._consult(AnsweredLater(self._view_of(branch)), response)
        elif branch is self.media or (
            self.media is None and not self._is_offer_spent()
        ):
            if is_new and len(self._set.branches) > 1:
                self._report_fork(branch, Action.TAKE, response)
            self._take(branch, response)
        elif self.media is None:
            self._act_on_answered(branch, Action.RELEASE, response)
        else:
            self._consult(ExtraAnswered(self._view_of(branch)), response)

    def _take(self, branch: Branch, response: Response) -> None:
        held = [self._set.branches[tag] for tag in self._held]
        self._held.clear()
        self._stop_hold()
        self._stop_grace()
        self._set.take(branch, response)
        if self.media is None or self.media is branch:
            self.media = branch
            self._set.apply_answer(branch)
        else:
            self._move_media(branch)
        for newcomer in held:
            if newcomer.is_early:
                self._end(newcomer, Action.CANCEL_EXTRA)

    def fail_unless_another_can_win(self, error: SipError) -> None:
        """A 2xx could not become the call: does any other dialog still have a chance?

        The proxy has cancelled the other branches by now, and will not say so: they get
        a short grace.
        """
        self._failure = self._failure or error
        if not self._others_can_win():
            self._set.fail_everything(self._failure)
            return
        if not self._is_in_grace:
            self._is_in_grace = True
            self._set.emit(StartTimer(DialogTimer.GRACE, self._set.options.fork_grace))
            if self.media is not None and self._liveness is Liveness.UNASKED:
                self._ask_media_dialog()

    def _others_can_win(self) -> bool:
        if self.media is not None:
            return self.media.is_early
        if self._is_offer_spent():
            return False
        return any(branch.is_early for branch in self._set.branches.values())

    def _fail_if_nobody_is_left(self) -> None:
        if self._is_in_grace and not self._others_can_win():
            self.grace_is_over()

    def grace_is_over(self) -> None:
        """Nobody else answered in time."""
        if self._is_in_grace and not self._set.is_closing:
            self._is_in_grace = False
            self._set.fail_everything(self._failure or InviteForked("it forked"))

    def _stop_grace(self) -> None:
        if self._is_in_grace:
            self._is_in_grace = False
            self._set.emit(StopTimer(DialogTimer.GRACE))

    def stop(self) -> None:
        """The attempt is over: decide nothing any more."""
        self._held.clear()
        self._stop_hold()
        self._stop_grace()
        self.media = None
