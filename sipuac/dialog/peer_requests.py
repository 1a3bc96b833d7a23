"""How requests of the callees inside their dialogs are answered.

RFC 3261 sections 8.2 and 12.2.2, in their order: sequence, method, Require; then what
the method asks for. INVITE and UPDATE are for `peer_modifications`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch, BranchState
from sipuac.dialog.capabilities import (
    ACCEPT,
    ALLOW,
    ALLOWED_METHODS,
    KNOWN_METHODS,
    SUPPORTED,
    UNDERSTOOD_EXTENSIONS,
)
from sipuac.dialog.dialog import Dialog, DialogState
from sipuac.dialog.effects import DeliverRequest, Reply
from sipuac.dialog.events import RequestReceived
from sipuac.dialog.peer_bodies import encoding_refusal
from sipuac.syntax.message import Request, Response, response_to

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

# Our BYE waits for its answer: "the dialog shouldn't exist outwardly" (RFC 5407 3.3.3).
_MORTAL = (BranchState.ENDING, BranchState.RELEASING)


class PeerRequests:
    """The requests of the callees of a dialog set."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    def received(self, request: Request) -> None:
        """A request, other than CANCEL.

        Raises:
            ParseError: It cannot be read; its `status_hint` is the answer.
        """
        branch = self._set.branches.get(request.from_tag or "")
        if branch is not None and request.to_tag != branch.dialog.local_tag:
            branch = None
        if request.method == "ACK":
            if branch is not None:
                self._set.peer_modifications.ack_received(branch, request)
            return
        is_mortal = branch is not None and branch.state in _MORTAL
        if branch is None or (is_mortal and request.method != "BYE"):
            self._reply(request, response_to(request, 481))
            return
        refusal = refusal_of(branch.dialog, request)
        if refusal is not None:
            self._reply(request, refusal)
        elif request.method == "INVITE":
            self._set.peer_modifications.invite_received(branch, request)
        elif request.method == "UPDATE":
            self._set.peer_modifications.update_received(branch, request)
        elif request.method == "BYE":
            self._reply(request, response_to(request, 200))
            self._ended(branch, request)
        elif request.method == "OPTIONS":
            fields = (("Allow", ALLOW), ("Accept", ACCEPT), ("Supported", SUPPORTED))
            self._reply(request, response_to(request, 200, headers=fields))
        else:
            self._told(branch, request)

    def _reply(self, request: Request, response: Response) -> None:
        self._outbox.emit(Reply(request, response))

    def _ended(self, branch: Branch, bye: Request) -> None:
        if branch.state is BranchState.STANDING:
            self._set.calls.ended_by_callee(branch, bye)
        elif branch.is_early:
            branch.is_unwanted = True
            fate = "the callee ended the early dialog"
            self._set.endings.early_gone(branch, "BYE", fate)
            self._set.forks.lost(branch)
        else:
            self._set.endings.closed_without_a_word(branch)

    def _told(self, branch: Branch, request: Request) -> None:
        """An INFO, MESSAGE or NOTIFY: 200, and the application hears of it.

        Departs from RFC 6665 section 4.1.3 because a NOTIFY of no subscription of ours
        is not refused: phones and servers send some to keep a call alive.
        """
        refusal = encoding_refusal(request)
        if refusal is None and request.method == "INFO":
            refusal = _package_refusal(request)
        if refusal is not None:
            self._reply(request, refusal)
            return
        self._reply(request, response_to(request, 200))
        content_type = request.get("Content-Type")
        self._outbox.report(RequestReceived(branch.tag, request.method, content_type))
        self._outbox.emit(DeliverRequest(branch.tag, request))


def refusal_of(dialog: Dialog, request: Request) -> Response | None:
    """Why a request other than ACK and CANCEL is refused; None where it may go on.

    The sequence number is remembered, so each new request is asked about once.

    Raises:
        ParseError: The request cannot be read; its `status_hint` is the answer.
    """
    if dialog.state is DialogState.TERMINATED:
        return response_to(request, 481)
    if not dialog.is_in_order(request):
        return response_to(request, 500)
    if request.method not in ALLOWED_METHODS:
        # 405 where the method is known, 501 where it is not (8.2.1, 21.5.2).
        status = 405 if request.method in KNOWN_METHODS else 501
        return response_to(request, status, headers=(("Allow", ALLOW),))
    unknown = [tag for tag in request.require if tag not in UNDERSTOOD_EXTENSIONS]
    if unknown:
        refused = (("Unsupported", ", ".join(unknown)),)
        return response_to(request, 420, headers=refused)
    if request.method == "PRACK":
        # We send no provisional response reliably, so it matches none (RFC 3262 3).
        return response_to(request, 481)
    return None


def _package_refusal(info: Request) -> Response | None:
    """RFC 6086 4.2.2: we have asked for no Info Package; an INFO without one is old."""
    if info.get("Info-Package") is None:
        return None
    return response_to(info, 469, headers=(("Recv-Info", ""),))
