"""What an application gets to see of one branch of its INVITE."""

from __future__ import annotations

from sipuac.dialog.branch import Branch, MediaState
from sipuac.values import value


@value(frozen=True, slots=True)
class BranchReport:
    """What is known of one branch of the INVITE.

    Attributes:
        to_tag: Its name, "" where the callee gave none.
        state: "early", "ending", "gone", "standing", "releasing" or "ended".
        fate: What became of it, in words.
        contact: The Contact field of its last response that had one.
        status: Status code of its last response.
        has_media: Whether the media has its answer.
    """

    to_tag: str
    state: str
    fate: str
    contact: str | None
    status: int
    has_media: bool


def report_of(branch: Branch) -> BranchReport:
    """The branch as it is now."""
    return BranchReport(
        branch.tag,
        branch.state.value,
        branch.fate,
        branch.contact,
        branch.status,
        branch.media is MediaState.APPLIED,
    )
