"""One offer/answer exchange in each dialog, up to the ACK of its 2xx."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.wire import WireMessage

_CARRIERS = ("PRACK", "UPDATE", "ACK", "INVITE")


class OneExchange(Invariant):
    """With the offer in the INVITE, we describe nothing more until the ACK is sent.

    Without one, each dialog gets one answer of ours at most, in a PRACK or in the ACK;
    and an offer in a 2xx never goes without (13.2.2.4).
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._answered: set[tuple[str, str]] = set()
        self._offered: set[tuple[str, str]] = set()
        self._offered_early: set[tuple[str, str]] = set()

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.method == "PRACK" and message.status in (401, 407):
            # It is sent once more, with credentials.
            self._answered.discard((message.call_id, message.to_tag))
        if message.method != "INVITE" or not message.body or not message.status:
            return
        facts = self.ledger.invites.get(message.branch)
        if facts is None or not facts.is_initial or facts.has_offer:
            return
        key = (message.call_id, message.to_tag)
        if not message.body.startswith(b"v=0\r\no="):
            return
        if message.status >= 200 and key not in self._offered_early:
            self._offered.add(key)
        elif message.get("RSeq"):
            # The offer; what a 2xx describes before its PRACK breaks RFC 3262 3.
            self._offered_early.add(key)

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.status:
            self._answer_sent(message)
            return
        if not is_new or message.method not in _CARRIERS or not message.to_tag:
            return
        key = (message.call_id, message.to_tag)
        dialog = self.ledger.dialogs.get(key)
        if dialog is None or dialog.acked_at is not None:
            return
        is_ack = message.method == "ACK"
        if is_ack and message.branch in self.ledger.invites:
            return
        if dialog.invite.has_offer:
            self.need(not message.body, "a second exchange", message)
            return
        if message.body:
            self.need(key not in self._answered, "a second answer", message)
            self._answered.add(key)
        elif is_ack and key in self._offered:
            self.need(key in self._answered, "an offer without an answer", message)

    def _answer_sent(self, response: WireMessage) -> None:
        """We answered a request of the callee."""
        if response.method not in ("UPDATE", "INVITE") or response.status >= 300:
            return
        dialog = self.ledger.dialogs.get((response.call_id, response.from_tag))
        if dialog is None or dialog.acked_at is not None or not response.body:
            return
        # Over TCP the ACK may wait for a connection, and is on its way then.
        is_waiting = self.view.scenario.transport != "UDP"
        if not is_waiting or dialog.success_at is None:
            self.need(False, "the callee's offer was answered too early", response)
