"""CSeq rises in each dialog (RFC 3261 section 12.2.1.1)."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant
from sipuac.testing.simulation.wire import WireMessage


class Sequence(Invariant):
    """Each new request has a higher number than all before it; an ACK its INVITE's."""

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if not is_new or not message.to_tag or message.method == "CANCEL":
            return
        dialog = self.ledger.dialogs.get((message.call_id, message.to_tag))
        if dialog is None:
            return
        if message.method == "ACK":
            numbers = {
                facts.invite.number
                for facts in self.ledger.invites.values()
                if facts is dialog.invite
                or (facts.invite.call_id, facts.invite.to_tag) == dialog.key
            }
            self.need(message.number in numbers, "an ACK with its own CSeq", message)
        else:
            rises = message.number > dialog.number
            self.need(rises, f"CSeq {message.number} after {dialog.number}: {message}")
