"""Races of an INVITE that begins a call: its forks, its answers and its CANCEL."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import View
from sipuac.testing.simulation.ledger import DialogFacts, InviteFacts
from sipuac.testing.simulation.races.base import RaceCounter
from sipuac.testing.simulation.wire import WireMessage


class AnswerRaces(RaceCounter):
    """Races up to the 2xx, and those of further ones."""

    names = (
        "CANCEL crosses a 2xx",
        "CANCEL crosses a refusal",
        "CANCEL crosses a redirection",
        "CANCEL waits for a provisional response",
        "BYE of the callee overtakes its 2xx",
        "BYE on an early dialog crosses its 2xx",
        "2xx in a dialog after its BYE was answered",
        "2xx again after our BYE",
        "2xx from two forks",
        "2xx from three forks or more",
        "2xx after a refusal",
        "2xx after timer B or an abandoned INVITE",
        "2xx after 199 of the same dialog",
        "2xx before our PRACK is answered",
        "2xx crosses a probe",
        "2xx without Contact",
        "199 before a 2xx of another dialog",
        "reliable response out of order",
        "reliable response after the 2xx",
        "provisional response after the 2xx",
        "new dialog after the 2xx",
        "refusal after the 2xx",
        "call challenged after it was given up",
        "call given up before its INVITE was sent",
    )

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._rseqs: dict[tuple[str, str], int] = {}
        # PRACK, UPDATE and OPTIONS without an answer, by their branches.
        self._waiting: dict[str, WireMessage] = {}

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if is_new and message.method in ("PRACK", "UPDATE", "OPTIONS"):
            self._waiting[message.branch] = message

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if not message.status:
            return
        if message.method != "INVITE":
            self._waiting.pop(message.branch, None)
            return
        facts = self.ledger.invites.get(message.branch)
        if facts is None or not facts.is_initial:
            return
        dialog = self.ledger.dialogs.get((message.call_id, message.to_tag))
        if message.status < 200:
            self._provisional_comes(message, facts)
        elif message.status >= 300:
            self._failure_comes(message, facts)
        elif dialog is not None:
            self._success_comes(message, facts, dialog)

    def _failure_comes(self, response: WireMessage, facts: InviteFacts) -> None:
        status, branch = response.status, response.branch
        if status in (401, 407) and facts.cancelled_at is not None:
            self.count("call challenged after it was given up", branch)
        if facts.success_at is not None:
            self.count("refusal after the 2xx", branch)
        elif facts.cancelled_at is not None and status != 487:
            kind = "redirection" if status < 400 else "refusal"
            self.count(f"CANCEL crosses a {kind}", branch)

    def _success_comes(
        self, response: WireMessage, facts: InviteFacts, dialog: DialogFacts
    ) -> None:
        now, key = self.ledger.now, dialog.key
        if facts.cancelled_at is not None:
            self.count("CANCEL crosses a 2xx", key)
        if facts.failure_at is not None:
            self.count("2xx after a refusal", key)
        elif now - facts.sent_at > 32 and facts.provisional_at is None:
            self.count("2xx after timer B or an abandoned INVITE", key)
        elif facts.cancelled_at is not None and now - facts.cancelled_at > 32:
            self.count("2xx after timer B or an abandoned INVITE", key)
        self._success_crosses(dialog)
        if dialog.ended_at is not None:
            self.count("2xx after 199 of the same dialog", key)
        if not response.get("Contact"):
            self.count("2xx without Contact", key)
        others = self._dialogs_of(facts)
        answered_ones = [one for one in others if one.success_at is not None]
        if len(answered_ones) == 2:
            self.count("2xx from two forks", response.branch)
        elif len(answered_ones) > 2:
            self.count("2xx from three forks or more", response.branch)
        if any(one.ended_at is not None and one is not dialog for one in others):
            self.count("199 before a 2xx of another dialog", response.branch)

    def _success_crosses(self, dialog: DialogFacts) -> None:
        """What of ours or of its own a 2xx meets on its way."""
        key = dialog.key
        if dialog.bye_at is not None:
            if dialog.acked_at is not None:
                self.count("2xx again after our BYE", key)
            elif any(200 <= status < 300 for status in dialog.byes_answered):
                self.count("2xx in a dialog after its BYE was answered", key)
            else:
                self.count("BYE on an early dialog crosses its 2xx", key)
        if dialog.bye_came_at is not None and dialog.successes == 1:
            self.count("BYE of the callee overtakes its 2xx", key)
        for request in self._waiting.values():
            if request.call_id != key[0]:
                continue
            if request.method != "PRACK" and dialog.acked_at is None:
                self.count("2xx crosses a probe", key)
            elif request.method == "PRACK" and request.to_tag == key[1]:
                self.count("2xx before our PRACK is answered", key)

    def _dialogs_of(self, facts: InviteFacts) -> list[DialogFacts]:
        return [one for one in self.ledger.dialogs.values() if one.invite is facts]

    def _provisional_comes(self, response: WireMessage, facts: InviteFacts) -> None:
        key = (response.call_id, response.to_tag)
        dialog = self.ledger.dialogs.get(key)
        rseq = int(response.get("RSeq") or 0)
        if rseq:
            last = self._rseqs.get(key, 0)
            if rseq > last + 1:
                self.count("reliable response out of order", key)
            self._rseqs[key] = max(last, rseq)
        if dialog is not None and dialog.success_at is not None:
            race = "reliable" if rseq else "provisional"
            self.count(f"{race} response after the 2xx", key)
        elif facts.success_at is not None and dialog is not None:
            if dialog.first_at == self.ledger.now:
                self.count("new dialog after the 2xx", key)

    def ended(self) -> None:
        """See `Watcher`."""
        for facts in self.ledger.invites.values():
            cancelled_at, first_at = facts.cancelled_at, facts.provisional_at
            if cancelled_at is not None and cancelled_at == first_at:
                self.count("CANCEL waits for a provisional response", facts.invite)
        for user in self.view.users:
            if "drop-invite" in user.done:
                self.count("call given up before its INVITE was sent", user)
