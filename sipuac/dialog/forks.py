"""Which dialog has the media, and what is done about the others.

The *media dialog* is the first whose response carried the answer. When it is chosen,
every other early dialog is an extra, and the fork policy says what to do about it. This
file carries the decisions out:

- An extra that showed after the media dialog is ended only when the media dialog is
  known to live; `liveness` finds that out.
- After an extra's 2xx the proxy cancels the other branches and says nothing of it: the
  media dialog has a short grace, and is probed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, BranchState, MediaState
from sipuac.dialog.effects import MoveMedia
from sipuac.dialog.events import EarlyMedia, Forked, MediaMoved
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
from sipuac.dialog.liveness import Verdict, Vigil
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import CallFailed, InviteForked, SipError, Unreachable
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

_NO_FORK = "The request was not to fork"


class Forks:
    """The media dialog and its extras.

    Attributes:
        media: The media dialog; None so far.
    """

    __slots__ = (
        "_answered_by",
        "_ended",
        "_endings",
        "_failure",
        "_is_in_grace",
        "_outbox",
        "_reported",
        "_set",
        "_showed_by_then",
        "_vigil",
        "media",
    )

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self._endings = dialog_set.endings
        self.media: Branch | None = None
        hold = dialog_set.options.fork_hold
        self._vigil = Vigil(self._outbox, dialog_set.requests, hold)
        # Whose answer our offer has got, and how many dialogs had shown by then.
        self._answered_by: Branch | None = None
        self._showed_by_then = 0
        self._ended = 0
        self._is_in_grace = False
        self._failure: SipError | None = None
        self._reported: dict[str, Action | str] = {}

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
        if self.media is not None:
            if branch is not self.media and (is_new or has_brought):
                self._consult(ExtraShowed(self._view_of(branch)), response)
        elif not self._set.options.has_early_media:
            if is_fork:
                self._consult(ExtraShowed(self._view_of(branch)), response)
        else:
            # Nobody has the media, so that nobody is an extra yet.
            if is_fork:
                self._report_fork(branch, Action.LEAVE, response)
            if has_brought and self._can_have_media(branch):
                self._choose(branch, len(self._set.branches))

    def _can_have_media(self, branch: Branch) -> bool:
        """Whether our offer is free for this branch's answer.

        Media that cannot replace its answer has lost its offer to the first one. Such a
        newcomer's 2xx would have to be adopted, with a fresh offer. Where the callees
        make the offers, each has media of its own.
        """
        if self._set.options.can_replace_answer or self._set.options.is_offerless:
            return True
        return self._answered_by is None or self._answered_by is branch

    def _choose(self, branch: Branch, showed_by_then: int) -> None:
        """Make this the media dialog; all others are extras from now on."""
        self._set_media(branch, showed_by_then)
        self._set.calls.apply_answer(branch)
        for other in list(self._set.branches.values()):
            if other is not branch and other.is_early and self.media is branch:
                self._consult(ExtraShowed(self._view_of(other)), None)

    def _set_media(self, branch: Branch, showed_by_then: int) -> None:
        self.media = branch
        self._showed_by_then = showed_by_then
        self._answered_by = branch

    def media_runs(self, branch: Branch) -> None:
        """The media of a branch has its answer."""
        if branch.moved_from is not None:
            self._outbox.report(MediaMoved(branch.tag, branch.moved_from))
        elif branch.is_early:
            self._outbox.report(EarlyMedia(branch.tag))

    def answer_refused(self, branch: Branch) -> None:
        """The media did not take the answer of this branch: the offer is free again."""
        if self._answered_by is branch:
            self._answered_by = None

    def lost(self, branch: Branch) -> None:
        """A dialog is over: by 199, BYE of either side, a refusal or a probe."""
        self._vigil.drop(branch)
        if branch is self.media:
            self.media = None
            held = self._vigil.stop()
            self._promote([self._set.branches[tag] for tag in held])
        if self._is_in_grace and not self._others_can_win():
            self.grace_is_over()

    def _promote(self, newcomers: list[Branch]) -> None:
        """Give the media to the newest early dialog with an answer, if it can be.

        The newest, because a proxy that hunts has gone from one phone to the next.
        Those that showed after it and only ring may live in its place.
        """
        for branch in newcomers:
            branch.fate = "ringing"
        if not self._set.options.has_early_media or self._is_in_grace:
            return
        for branch in reversed(newcomers or list(self._set.branches.values())):
            if branch.is_early and branch.remote is not None:
                if self._can_have_media(branch):
                    self._choose(branch, branch.number)
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
        """Ask the policy and do as it says.

        Args:
            event: What happened.
            response: The response that it happened by; None for none.
        """
        tag = event.branch.to_tag
        for decision in self._decisions(event):
            branch = self._set.branches.get(decision.to_tag)
            if branch is not None and not self._set.attempt.is_closing:
                cause = response if branch.tag == tag else None
                self._carry_out(branch, decision.action, cause)
        branch = self._set.branches[tag]
        if branch.is_early and tag not in self._reported:
            self._report_fork(branch, Action.LEAVE, response)

    def _decisions(self, event: ForkEvent) -> list[Decision]:
        try:
            decisions = list(self._set.options.policy.decide(event, self._view()))
        except Exception as error:
            # The policy may be the user's own; a 2xx has to be dealt with all the same.
            message = f"the fork policy failed: {type(error).__name__}: {error}"
            self._outbox.warn(message, event.branch.to_tag)
            return []
        return [decision for decision in decisions if isinstance(decision, Decision)]

    def _carry_out(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        if branch.is_early:
            self._act_on_early(branch, action, response)
        elif action is Action.FAIL and self._set.taken is None:
            self._report_fork(branch, action, response)
            if branch.state is BranchState.STANDING:
                self._endings.release(branch, "answered, and released", _NO_FORK)
            self._set.attempt.fail_everything(InviteForked("the INVITE forked"))
        elif branch.state is BranchState.STANDING and branch.session is None:
            self._act_on_answered(branch, action, response)

    def _act_on_early(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        if action is Action.CANCEL_EXTRA or action is Action.FAIL:
            media = self.media
            if (
                media is not None
                and media.is_early
                and branch.number > self._showed_by_then
            ):
                self._report_fork(branch, "hold", response)
                self._vigil.hold(branch, action, media)
            else:
                self._report_fork(branch, action, response)
                self._end(branch, action)
        elif (
            action is Action.MOVE_MEDIA
            and response is not None
            and branch.remote is not None
            and self.media not in (None, branch)
            and self._set.options.can_replace_answer
        ):
            self._report_fork(branch, action, response)
            self._move_media(branch)
            # It has just spoken: whoever waited for a media dialog that lives is done.
            self._end_held()
        else:
            self._report_fork(branch, Action.LEAVE, response)

    def _act_on_answered(
        self, branch: Branch, action: Action, response: Response | None
    ) -> None:
        if response is None:
            return
        is_first = self._set.taken is None
        if action is Action.TAKE and is_first and self._can_take():
            self._report_fork(branch, action, response)
            self._take(branch, response)
        elif action is Action.KEEP and not is_first and self._can_keep_several():
            self._report_fork(branch, action, response)
            self._set.calls.take(branch, response)
            self._set.calls.apply_answer(branch)
        else:
            self._release(branch, response)

    def _can_keep_several(self) -> bool:
        options = self._set.options
        return options.can_fork_offer and not options.is_offerless

    def _can_take(self) -> bool:
        options = self._set.options
        is_free = self.media is None or options.can_replace_answer
        return is_free or options.can_fork_offer

    def _report_fork(
        self, branch: Branch, action: Action | str, response: Response | None
    ) -> None:
        if self._reported.get(branch.tag) == action:
            return
        self._reported[branch.tag] = action
        value = action.value if isinstance(action, Action) else action
        if response is None:
            self._outbox.report(Forked(branch.tag, value, branch.contact))
            return
        self._outbox.report(
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

    def _move_media(self, branch: Branch) -> None:
        """Give the media's session to this branch, with its answer."""
        media = self.media
        self._set_media(branch, len(self._set.branches))
        self._vigil.drop(branch)
        if media is None or media.media is MediaState.NONE or branch.remote is None:
            self._set.calls.apply_answer(branch)
            return
        media.media = MediaState.NONE
        branch.media = MediaState.APPLYING
        branch.moved_from = media.tag
        self._outbox.emit(MoveMedia(media.tag, branch.tag, branch.remote))

    # Does the media dialog live?

    def probe_finished(
        self, branch: Branch, number: int, method: str, result: Response | Unreachable
    ) -> None:
        """The media dialog answered the probe, or there was no answer."""
        if branch is self.media:
            self._judge(
                branch, self._vigil.probe_finished(branch, number, method, result)
            )

    def hold_is_over(self) -> None:
        """Newcomers have waited long enough."""
        if self.media is not None:
            self._judge(self.media, self._vigil.limit_reached(self.media))

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
        for tag, action in self._vigil.released().items():
            branch = self._set.branches[tag]
            if branch.is_early and not self._set.attempt.is_closing:
                self._report_fork(branch, action, None)
                self._end(branch, action)

    # 2xx

    def answered(self, branch: Branch, response: Response, is_new: bool) -> None:
        """A first 2xx came in a dialog, with everything that makes a call."""
        self._vigil.drop(branch)
        if self._set.taken is not None:
            self._consult(AnsweredLater(self._view_of(branch)), response)
        elif branch is self.media or (
            self.media is None and self._can_have_media(branch)
        ):
            if is_new and len(self._set.branches) > 1:
                self._report_fork(branch, Action.TAKE, response)
            self._take(branch, response)
        elif self.media is not None:
            self._consult(ExtraAnswered(self._view_of(branch)), response)
        if branch.state is BranchState.STANDING and branch.session is None:
            self._release(branch, response)

    def _take(self, branch: Branch, response: Response) -> None:
        newcomers = [self._set.branches[tag] for tag in self._vigil.stop()]
        self._stop_grace()
        self._failure = None
        self._set.calls.take(branch, response)
        media = self.media
        if media is None or media is branch:
            self._set_media(branch, len(self._set.branches))
            self._set.calls.apply_answer(branch)
        else:
            if not self._set.options.can_replace_answer:
                self._endings.close_media(media)
            self._move_media(branch)
        for newcomer in newcomers:
            if newcomer.is_early:
                self._report_fork(newcomer, Action.CANCEL_EXTRA, None)
                self._end(newcomer, Action.CANCEL_EXTRA)

    def _release(self, branch: Branch, response: Response) -> None:
        self._report_fork(branch, Action.RELEASE, response)
        text = "Another fork has the call"
        self._endings.release(branch, "answered, and released", text)
        if self._set.taken is None and not self._set.attempt.is_closing:
            self.fail_unless_another_can_win(
                InviteForked("another fork answered than the one with the media")
            )

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
        self._failure = self._failure or error
        if not self._others_can_win():
            self._set.attempt.fail_everything(self._failure)
            return
        if not self._is_in_grace:
            self._is_in_grace = True
            grace = self._set.options.fork_grace
            self._outbox.start_timer(DialogTimer.GRACE, grace)
            if self.media is not None:
                self._vigil.ask(self.media)

    def _others_can_win(self) -> bool:
        if self.media is not None:
            return self.media.is_early
        return any(
            branch.is_early and self._can_have_media(branch)
            for branch in self._set.branches.values()
        )

    def grace_is_over(self) -> None:
        """Nobody else answered in time."""
        if self._is_in_grace and not self._set.attempt.is_closing:
            self._stop_grace()
            self._set.attempt.fail_everything(
                self._failure or InviteForked("it forked")
            )

    def _stop_grace(self) -> None:
        self._is_in_grace = False
        self._outbox.stop_timer(DialogTimer.GRACE)

    def stop(self) -> None:
        """The attempt is over: decide nothing any more."""
        self._vigil.stop()
        self._stop_grace()
        self.media = None
