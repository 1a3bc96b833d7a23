"""What is done about the further dialogs of a forked INVITE.

A policy is an object that is told what happened, sees the whole dialog set, and
decides. It performs nothing and remembers nothing, so one object serves any number of
calls. Users may pass one of their own to `invite(on_fork=...)`. What a policy decides
is done where it can be done: where it cannot, or nothing was decided, an early dialog
is left alone and an answered one released.

The *media dialog* is the one whose answer the media has; beside it, every other dialog
is an *extra*. Without early media there is no media dialog until a 2xx comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from sipuac.values import value


@value(frozen=True, slots=True)
class BranchView:
    """One dialog, as a policy sees it.

    Attributes:
        to_tag: Its name in decisions.
        has_answer: Whether it has brought a session description.
        is_early: Whether it has neither a 2xx nor an end.
        is_media: Whether it is the media dialog.
    """

    to_tag: str
    has_answer: bool
    is_early: bool
    is_media: bool


@value(frozen=True, slots=True)
class DialogSetView:
    """All that the INVITE forked into, in the order in which it showed.

    Attributes:
        branches: Every dialog so far.
        media_tag: The media dialog; None where there is none.
        has_early_media: Whether early media was asked for.
        can_replace_answer, can_fork_offer: What the media can do.
        extra_ringing: "end" or "keep": what to do with extras that only ring.
    """

    branches: tuple[BranchView, ...]
    media_tag: str | None
    has_early_media: bool
    can_replace_answer: bool
    can_fork_offer: bool
    extra_ringing: str


@value(frozen=True, slots=True)
class ExtraShowed:
    """An early dialog beside the media dialog showed, or brought its answer."""

    branch: BranchView


@value(frozen=True, slots=True)
class ExtraAnswered:
    """A 2xx came of a dialog that is not the media dialog; none was taken yet."""

    branch: BranchView


@value(frozen=True, slots=True)
class AnsweredLater:
    """A 2xx came after another one was taken."""

    branch: BranchView


ForkEvent = ExtraShowed | ExtraAnswered | AnsweredLater


class Action(str, Enum):
    """What can be done about a dialog. The values are those of the event `forked`."""

    LEAVE = "leave"
    """Nothing: it rings on, and the proxy ends it."""
    CANCEL_EXTRA = "cancel-extra"
    """End the early dialog by BYE, once the media dialog is known to live."""
    MOVE_MEDIA = "move-media"
    """Give its new answer to the media in place of the one before."""
    COLLECT = "collect"
    """Give its answer a media session of its own, beside those of the others."""
    TAKE = "take"
    """Take the call here, with the media. Where no other dialog has the media, but our
    offer is spent on one that is gone, that is done as `ADOPT`."""
    ADOPT = "adopt"
    """Take the call here, and make the callee a fresh offer in a re-INVITE: for media
    that can use our first one in the media dialog only."""
    RELEASE = "release"
    """ACK its 2xx and BYE it."""
    KEEP = "keep"
    """ACK its 2xx and give it a session of its own, beside the call taken before."""
    FAIL = "fail"
    """End everything: the INVITE must not fork. Once a call is taken: release."""


@value(frozen=True, slots=True)
class Decision:
    """Do this with that dialog."""

    action: Action
    to_tag: str


class ForkPolicy(Protocol):
    """Decides about further dialogs; see the module."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in the log."""

    @property
    def needs_early_media(self) -> bool:
        """Whether it has a meaning only with early media."""

    @property
    def needs_replaceable_answer(self) -> bool:
        """Whether the media must be able to replace its answer."""

    @property
    def needs_forkable_offer(self) -> bool:
        """Whether the media must be able to take several answers at once."""

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """What to do now; decisions are carried out in order."""


@value(frozen=True, slots=True)
class FirstAnswer:
    """The first 2xx is the call; what rings is left alone. The default."""

    name: str = "first-answer"
    needs_early_media: bool = False
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = False

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            return (Decision(Action.LEAVE, tag),)
        if isinstance(event, ExtraAnswered):
            return (_take_or_release(tag, view),)
        return (Decision(Action.RELEASE, tag),)


@value(frozen=True, slots=True)
class KeepAll:
    """Every 2xx is a call of its own."""

    name: str = "keep-all"
    needs_early_media: bool = False
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = True

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            return (Decision(Action.LEAVE, tag),)
        if isinstance(event, ExtraAnswered):
            # Its media can fork the offer: no need to replace anything.
            return (Decision(Action.TAKE, tag),)
        return (Decision(Action.KEEP, tag),)


@value(frozen=True, slots=True)
class CancelExtras:
    """Extras are ended; the default with early media.

    Where an extra answers first and the media can replace its answer, the call is taken
    there, and the old media dialog is the extra.
    """

    name: str = "cancel-extras"
    needs_early_media: bool = True
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = False

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            competes = event.branch.has_answer or view.extra_ringing == "end"
            action = Action.CANCEL_EXTRA if competes else Action.LEAVE
            return (Decision(action, tag),)
        if isinstance(event, AnsweredLater):
            return (Decision(Action.RELEASE, tag),)
        taken = _take_or_release(tag, view)
        if taken.action is Action.TAKE and view.media_tag is not None:
            return (taken, Decision(Action.CANCEL_EXTRA, view.media_tag))
        return (taken,)


@value(frozen=True, slots=True)
class Adopt:
    """Extras with an answer are ended, and whoever answers first has the call.

    Where the media cannot take that answer, the call is saved by a re-INVITE with a
    fresh offer; the old media dialog is ended. Those that only ring are left alone,
    whatever `extra_ringing` says.
    """

    name: str = "adopt"
    needs_early_media: bool = True
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = False

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            has_answer = event.branch.has_answer
            action = Action.CANCEL_EXTRA if has_answer else Action.LEAVE
            return (Decision(action, tag),)
        if isinstance(event, AnsweredLater):
            return (Decision(Action.RELEASE, tag),)
        if view.media_tag is None:
            return (Decision(Action.TAKE, tag),)
        can_take = view.can_replace_answer or view.can_fork_offer
        taken = Decision(Action.TAKE if can_take else Action.ADOPT, tag)
        return (taken, Decision(Action.CANCEL_EXTRA, view.media_tag))


@value(frozen=True, slots=True)
class Follow:
    """The media moves to the newest answer."""

    name: str = "follow"
    needs_early_media: bool = True
    needs_replaceable_answer: bool = True
    needs_forkable_offer: bool = False

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            action = Action.MOVE_MEDIA if event.branch.has_answer else Action.LEAVE
            return (Decision(action, tag),)
        if isinstance(event, ExtraAnswered):
            return (Decision(Action.TAKE, tag),)
        return (Decision(Action.RELEASE, tag),)


@value(frozen=True, slots=True)
class Collect:
    """Every early dialog with an answer has a media session; the first 2xx wins.

    Nobody is ended, as the proxy does that once somebody has answered; the sessions of
    the others close when the call stands.
    """

    name: str = "collect"
    needs_early_media: bool = True
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = True

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            action = Action.COLLECT if event.branch.has_answer else Action.LEAVE
            return (Decision(action, tag),)
        if isinstance(event, ExtraAnswered):
            return (Decision(Action.TAKE, tag),)
        return (Decision(Action.RELEASE, tag),)


@value(frozen=True, slots=True)
class FailOnFork:
    """A fork ends everything."""

    name: str = "fail"
    needs_early_media: bool = True
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = False

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        tag = event.branch.to_tag
        if isinstance(event, ExtraShowed):
            competes = event.branch.has_answer or view.extra_ringing == "end"
            return (Decision(Action.FAIL if competes else Action.LEAVE, tag),)
        if isinstance(event, ExtraAnswered):
            return (Decision(Action.FAIL, tag),)
        return (Decision(Action.RELEASE, tag),)


def _take_or_release(tag: str, view: DialogSetView) -> Decision:
    is_possible = view.media_tag is None or view.can_replace_answer
    return Decision(Action.TAKE if is_possible else Action.RELEASE, tag)


POLICIES: dict[str, ForkPolicy] = {
    policy.name: policy
    for policy in (
        FirstAnswer(),
        KeepAll(),
        CancelExtras(),
        Adopt(),
        Follow(),
        Collect(),
        FailOnFork(),
    )
}
"""The policies that come with the package, by name."""
