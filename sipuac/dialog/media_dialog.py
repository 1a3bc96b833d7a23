"""The media dialog: the first whose response carried the answer to our one offer.

What can be done with that offer depends on the media: it may take another answer in
place of the first (`can_replace_answer`), several at once (`can_fork_offer`), or no
other at all. Then the offer is *spent* with the first answer, and any other dialog
needs a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.effects import MoveMedia
from sipuac.dialog.timers import media_timer

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class MediaDialog:
    """Which dialog of the set has the media.

    Attributes:
        branch: The media dialog; None so far.
        showed_by_then: How many dialogs had shown when it was chosen: a later one may
            be where a proxy went on hunting.
    """

    __slots__ = ("_answered_by", "_set", "branch", "showed_by_then")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self.branch: Branch | None = None
        self.showed_by_then = 0
        # Whose answer our offer has got.
        self._answered_by: Branch | None = None

    @property
    def tag(self) -> str | None:
        """Its name in decisions; None where there is none."""
        return None if self.branch is None else self.branch.tag

    def is_open_to(self, branch: Branch) -> bool:
        """Whether our offer is not spent for this branch's answer.

        Where the callees make the offers, each has media of its own.
        """
        options = self._set.options
        if options.can_replace_answer or options.can_fork_offer or options.is_offerless:
            return True
        return self._answered_by is None or self._answered_by is branch

    def choose(self, branch: Branch, showed_by_then: int | None = None) -> None:
        """Make this the media dialog and start its media, if it does not run yet.

        Args:
            branch: The dialog; it has brought its answer.
            showed_by_then: As the attribute; None for all that have shown.
        """
        self.set(branch, showed_by_then)
        self._set.calls.apply_answer(branch)

    def set(self, branch: Branch, showed_by_then: int | None = None) -> None:
        """Make this the media dialog; its media is seen to by others."""
        shown = len(self._set.branches) if showed_by_then is None else showed_by_then
        self.branch = branch
        self.showed_by_then = shown
        self._answered_by = branch

    def move(self, branch: Branch) -> None:
        """Make this the media dialog, in place of the one before.

        It gets that one's session, with its own answer; one that has a session of its
        own keeps it.
        """
        if self._set.calls.is_refused_unfit(branch):
            return
        before = self.branch
        self.set(branch)
        if before is None or before is branch or branch.remote is None:
            self._set.calls.apply_answer(branch)
        elif branch.media is not MediaState.NONE or before.media is MediaState.NONE:
            self._set.endings.close_media(before)
            self._set.calls.apply_answer(branch)
        else:
            self._set.outbox.stop_timer(media_timer(before.tag))
            before.media = MediaState.NONE
            branch.media = MediaState.APPLYING
            branch.moved_from = before.tag
            self._set.outbox.emit(MoveMedia(before.tag, branch.tag, branch.remote))

    def refused(self, branch: Branch) -> None:
        """The media did not take the answer of this branch: the offer is free again."""
        if self._answered_by is branch:
            self._answered_by = None
