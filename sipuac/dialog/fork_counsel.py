"""What the fork policy sees and decides, and what is told about it.

The policy may be the user's own: whatever it returns or raises, the call goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.events import Forked
from sipuac.dialog.fork_policy import (
    Action,
    BranchView,
    Decision,
    DialogSetView,
    ForkEvent,
)
from sipuac.dialog.media_dialog import MediaDialog
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class ForkCounsel:
    """Asks the fork policy of a dialog set, and reports what is done."""

    __slots__ = ("_media", "_outbox", "_reported", "_set")

    def __init__(self, dialog_set: DialogSet, media: MediaDialog) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self._media = media
        self._reported: dict[str, Action | str] = {}

    def view_of(self, branch: Branch) -> BranchView:
        """One dialog as the policy sees it."""
        return branch.view(self._media.tag)

    def _view(self) -> DialogSetView:
        options = self._set.options
        return DialogSetView(
            tuple(self.view_of(branch) for branch in self._set.branches.values()),
            self._media.tag,
            options.has_early_media,
            options.can_replace_answer,
            options.can_fork_offer,
            options.extra_ringing,
        )

    def decisions(self, event: ForkEvent) -> list[Decision]:
        """What the policy wants to be done now; nothing where it fails."""
        try:
            decisions = list(self._set.options.policy.decide(event, self._view()))
        except Exception as error:
            # The policy may be the user's own; a 2xx has to be dealt with all the same.
            message = f"the fork policy failed: {type(error).__name__}: {error}"
            self._outbox.warn(message, event.branch.to_tag)
            return []
        return [decision for decision in decisions if isinstance(decision, Decision)]

    def is_reported(self, branch: Branch) -> bool:
        """Whether anything was told about this branch so far."""
        return branch.tag in self._reported

    def report(
        self, branch: Branch, action: Action | str, response: Response | None
    ) -> None:
        """Tell what is done about a branch, unless that was the last thing told of it.

        Args:
            branch: The branch.
            action: What is done, or "hold".
            response: The response by which it happened; None for none.
        """
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
