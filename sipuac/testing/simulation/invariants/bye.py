"""BYE is sent in dialogs that are there, after the ACK, and once where it is heard."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant
from sipuac.testing.simulation.wire import WireMessage


class Bye(Invariant):
    """RFC 3261 section 15, from the caller's side."""

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if not is_new or message.method != "BYE":
            return
        dialog = self.ledger.dialogs.get((message.call_id, message.to_tag))
        if dialog is None:
            self.need(False, "a BYE in no dialog", message)
            return
        is_between = dialog.success_at is not None and dialog.acked_at is None
        self.need(not is_between, "a BYE between 2xx and ACK", message)
        # An answer that comes over another connection is not known to be one.
        # And without a tag of the callee, dialogs of two INVITEs have one name.
        is_one = bool(message.to_tag)
        is_one = is_one or len(self.ledger.first_invites[message.call_id]) < 2
        is_stable = is_one and not self.view.scenario.resets
        is_answered = is_stable and any(
            200 <= status < 300 for status in dialog.byes_answered
        )
        self.need(not is_answered, "a BYE after one that was answered", message)
        challenged = sum(status in (401, 407) for status in dialog.byes_answered)
        self.need(
            len(dialog.byes) < 2 + challenged, "more than two BYEs in a dialog", message
        )
