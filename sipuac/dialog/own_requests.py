"""Requests that the application sends in the dialogs of its calls: INFO, MESSAGE..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.effects import RequestDone
from sipuac.dialog.usages import ending_status
from sipuac.errors import SessionNotModified, Unreachable
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class OwnRequests:
    """The requests of the application that wait for their final responses."""

    __slots__ = ("_outbox", "_set", "_tokens")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self._tokens: dict[int, int] = {}

    def send(
        self,
        branch: Branch | None,
        token: int,
        method: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
    ) -> None:
        """Send it in this branch, whose call must stand."""
        if branch is None or not branch.has_call:
            error = SessionNotModified("there is no call to send a request in")
            self._outbox.emit(RequestDone(token, error))
            return
        number = self._set.requests.send(branch, method, headers, body=body)
        self._tokens[number] = token

    def finished(
        self, branch: Branch, number: int, method: str, result: Response | Unreachable
    ) -> bool:
        """A request is over; whether it was the application's."""
        token = self._tokens.pop(number, None)
        if token is None:
            return False
        self._outbox.emit(RequestDone(token, result))
        status = ending_status(method, result)
        if status is not None:
            message = f"the {method} got {status}"
            self._set.modifications.end_call(branch, message, status)
        return True
