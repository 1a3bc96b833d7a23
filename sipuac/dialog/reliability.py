"""Reliable provisional responses of all dialogs of one INVITE (RFC 3262 section 4).

Which of them are to be processed, and what the answers to their PRACKs mean. The order
within one dialog is in `reliable`, the PRACK itself in `acknowledgements`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.reliable import ReliableOrder, Verdict
from sipuac.errors import CallFailed, NegotiationError, TransactionTimeout, Unreachable
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

# What says that the dialog is not there any more (RFC 3261 section 12.2.1.2).
_NO_DIALOG = (408, 481)


class Reliability:
    """The reliable provisional responses of a dialog set."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    def judge(self, branch: Branch | None, response: Response) -> Verdict:
        """Say what to do with a provisional response, and count it in its dialog.

        Args:
            branch: Its branch; None where it is the first response of a dialog, or has
                no To tag. The first one is counted by `begin`.
            response: The response.
        """
        order = ReliableOrder() if branch is None else branch.order
        verdict = order.judge(response)
        if verdict is Verdict.MALFORMED:
            message = "a reliable provisional response without usable RSeq is discarded"
            self._outbox.warn(message, response.to_tag)
        return verdict

    def prack_finished(self, branch: Branch, result: Response | Unreachable) -> None:
        """A PRACK has its final response, or will have none.

        Once a 2xx to the INVITE has come, nothing here ends anything.
        """
        is_success = isinstance(result, Response) and result.is_success
        _record(branch.exchange, is_success=is_success)
        if is_success or not self._set.attempt.is_open:
            return
        if isinstance(result, Response):
            what = f"the PRACK was answered {result.status} {result.reason}".rstrip()
            is_dead = result.status in _NO_DIALOG
        else:
            what = f"the PRACK was not answered: {result}"
            is_dead = isinstance(result, TransactionTimeout)
        self._outbox.warn(what, branch.tag)
        if is_dead and branch.is_early and not self._set.attempt.is_closing:
            self._set.attempt.refusal = CallFailed(what)
            text = "The PRACK was not accepted"
            self._set.endings.end_early(branch, f"ended: {what}", text)
            self._set.forks.lost(branch)


def _record(exchange: Exchange, *, is_success: bool) -> None:
    """Tell the exchange what became of a PRACK of ours."""
    if not is_success:
        exchange.failed(Carrier.PRACK)
        return
    try:
        exchange.received(Carrier.PRACK_OK, None)
    except NegotiationError:
        # An answer of ours waits for its own PRACK; this one was of another response.
        return
