"""CANCEL is sent once, after a provisional response and before any final one."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant
from sipuac.testing.simulation.wire import WireMessage


class Cancel(Invariant):
    """RFC 3261 section 9.1.

    A CANCEL that was sent in time is repeated until it is answered (17.1.2), also when
    a final response has come meanwhile: only the first transmission is judged.
    """

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if not is_new or message.method != "CANCEL":
            return
        facts = self.ledger.invites.get(message.branch)
        if facts is None:
            self.need(False, "a CANCEL for no INVITE", message)
            return
        self.need(facts.provisional_at is not None, "a CANCEL before any 1xx")
        self.need(facts.success_at is None, "a CANCEL after a 2xx")
        self.need(facts.failure_at is None, "a CANCEL after a final response")
        self.need(message.uri == facts.invite.uri, "a CANCEL for somebody else")
        self.need(message.number == facts.invite.number, "a CANCEL with its own CSeq")
