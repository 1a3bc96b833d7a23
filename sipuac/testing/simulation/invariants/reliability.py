"""Reliable provisional responses get one PRACK each, in order (RFC 3262 section 4)."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.wire import WireMessage

Name = tuple[str, str, str]


class Reliability(Invariant):
    """Each one in order is acknowledged at once, and none twice.

    Over TCP a connection may have to be made first, and an offer in it may take the
    media its time: then only what is named is looked at. A PRACK that was challenged is
    sent once more, with credentials.
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._came: set[Name] = set()
        self._named: set[Name] = set()
        self._pracks: dict[str, Name] = {}
        self._last: dict[tuple[str, str, str], int] = {}
        self._expected: Name | None = None

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        self._expected = None
        if message.method == "PRACK" and message.status in (401, 407):
            name = self._pracks.pop(message.branch, None)
            if name is not None:
                self._named.discard(name)
        rseq = message.get("RSeq")
        if not rseq or message.method != "INVITE" or not 100 < message.status < 200:
            return
        rack = f"{rseq} {message.number} INVITE"
        name = (message.call_id, message.to_tag, rack)
        self._came.add(name)
        # In a dialog of a callee without a tag our requests have none either.
        self._came.add((message.call_id, "", rack))
        if self._is_in_order(message, int(rseq)):
            self._expected = name

    def _is_in_order(self, message: WireMessage, rseq: int) -> bool:
        """Whether it must be acknowledged now."""
        facts = self.ledger.invites.get(message.branch)
        dialog = self.ledger.dialogs.get((message.call_id, message.to_tag))
        if facts is None or dialog is None or not facts.is_initial:
            return False
        key = (message.branch, message.call_id, message.to_tag)
        last = self._last.get(key)
        if last is not None and rseq != last + 1:
            return False
        is_early = facts.success_at is None and facts.failure_at is None
        is_over = dialog.bye_at or dialog.bye_came_at or dialog.ended_at
        is_over = is_over and dialog.ended_at != self.ledger.now
        if not is_early or is_over or not self.view.agent.remembers(message.call_id):
            return False
        self._last[key] = rseq
        if self._is_given_up(message):
            return False
        is_now = facts.has_offer and self.view.scenario.transport == "UDP"
        return is_now and bool(message.to_tag) and bool(message.get("Contact"))

    def _is_given_up(self, message: WireMessage) -> bool:
        """Whether its INVITE is over, or its dialog: one that a probe found dead."""
        user = self.view.user_of(message.call_id)
        if user is None or user.invitation is None or user.failed_at is not None:
            return True
        latest = self.ledger.first_invites[message.call_id][-1]
        if latest.invite.branch != message.branch:
            return True
        return any(
            branch.to_tag == message.to_tag and branch.state != "early"
            for branch in user.invitation.branches
        )

    def was_handled(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if self._expected is not None:
            self.need(self._expected in self._named, "no PRACK for it", message)

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.method != "PRACK" or message.status or not is_new:
            return
        name = (message.call_id, message.to_tag, message.get("RAck"))
        self.need(name in self._came, "a PRACK of nothing", message)
        self.need(name not in self._named or not name[1], "a second PRACK", message)
        self._named.add(name)
        self._pracks[message.branch] = name
