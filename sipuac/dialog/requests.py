"""The requests that we send in the dialogs of one INVITE, until each has its end."""

from __future__ import annotations

from sipuac.dialog.branch import Branch, BranchState
from sipuac.dialog.effects import SendInDialog, SendReInvite
from sipuac.dialog.outbox import Outbox
from sipuac.syntax.message import Request


class Requests:
    """Sends requests, and knows by their numbers those that wait."""

    __slots__ = ("_next_number", "_outbox", "_pending")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._next_number = 0
        self._pending: dict[int, tuple[Branch, str]] = {}

    def send(
        self,
        branch: Branch,
        method: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        body: bytes = b"",
        has_contact: bool = False,
    ) -> int:
        """Send a request in this branch; its number comes back to `finished`."""
        self._next_number += 1
        number = self._next_number
        dialog = branch.dialog
        request = dialog.request(
            method, headers=headers, body=body, has_contact=has_contact
        )
        self._pending[number] = (branch, method)
        effect = SendInDialog(branch.tag, number, request, dialog.next_hop())
        self._outbox.emit(effect)
        return number

    def invite(
        self, branch: Branch, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> tuple[int, int]:
        """Send a re-INVITE in this branch.

        Returns:
            The number that its responses come back with, and its CSeq number.
        """
        self._next_number += 1
        number = self._next_number
        dialog = branch.dialog
        request = dialog.request("INVITE", headers=headers, body=body, has_contact=True)
        self._outbox.emit(SendReInvite(branch.tag, number, request, dialog.next_hop()))
        return number, dialog.local_cseq

    def again(
        self, number: int, request: Request, headers: tuple[tuple[str, str], ...]
    ) -> None:
        """Send a request that waits once more, with these credentials.

        "it MUST increment the CSeq header field value as it would normally when sending
        an updated request" (RFC 3261 section 22.2).
        """
        pending = self._pending.get(number)
        if pending is not None:
            branch, _ = pending
            dialog = branch.dialog
            again = dialog.repeated(request, headers)
            effect = SendInDialog(branch.tag, number, again, dialog.next_hop())
            self._outbox.emit(effect)

    def invite_again(
        self,
        branch: Branch,
        number: int,
        request: Request,
        headers: tuple[tuple[str, str], ...],
    ) -> int:
        """As `again`, for a re-INVITE; its new CSeq number."""
        dialog = branch.dialog
        again = dialog.repeated(request, headers)
        self._outbox.emit(SendReInvite(branch.tag, number, again, dialog.next_hop()))
        return dialog.local_cseq

    @property
    def is_idle(self) -> bool:
        """Whether none waits for its end."""
        return not self._pending

    def is_too_late(self, number: int) -> bool:
        """Whether a request that waits must not be sent again: its dialog is over.

        A BYE may be, unless the callee has confirmed another one: that is how the
        dialog ends. A PRACK is for its INVITE.
        """
        pending = self._pending.get(number)
        if pending is None or pending[1] == "PRACK":
            return False
        branch, method = pending
        if method == "BYE":
            return branch.is_bye_confirmed
        return branch.state not in (BranchState.EARLY, BranchState.STANDING)

    def finished(self, number: int) -> tuple[Branch, str] | None:
        """Which request this was: its branch and method; None for none that waits."""
        return self._pending.pop(number, None)
