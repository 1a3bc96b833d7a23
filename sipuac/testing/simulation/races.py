"""Which races really happened: one that never did proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sipuac.testing.simulation.ledger import DialogFacts, InviteFacts, Ledger, Watcher
from sipuac.testing.simulation.network import SimulatedNetwork, WirePacket
from sipuac.testing.simulation.user import User
from sipuac.testing.simulation.wire import WireMessage

# Names of the races, all of which should occur in a long run.
RACES = (
    "CANCEL crosses a 2xx",
    "CANCEL crosses a refusal",
    "CANCEL waits for a provisional response",
    "CANCEL lost",
    "BYE crosses BYE",
    "BYE of the callee before our ACK",
    "BYE of the callee overtakes its 2xx",
    "BYE of the callee on an early dialog",
    "BYE lost",
    "BYE on an early dialog crosses its 2xx",
    "2xx in a dialog after its BYE was answered",
    "2xx from two forks",
    "2xx from three forks or more",
    "2xx after a refusal",
    "2xx after timer B or an abandoned INVITE",
    "2xx after 199 of the same dialog",
    "2xx without Contact",
    "2xx lost",
    "199 before a 2xx of another dialog",
    "ACK lost",
    "PRACK lost",
    "reliable response out of order",
    "reliable response after the 2xx",
    "provisional response after the 2xx",
    "new dialog after the 2xx",
    "INVITE repeated",
    "refusal after the 2xx",
    "request of the callee in an early dialog",
    "request of the callee before our ACK",
    "UPDATE with an offer before our ACK",
    "re-INVITE of the callee before our ACK",
    "re-INVITE glare",
    "re-INVITE of ours cancelled",
    "re-INVITE of the callee after our BYE",
    "2xx of a re-INVITE after BYE",
    "2xx of ours repeated",
    "response twice",
    "request of the callee twice",
    "user hangs up while the media works",
    "BYE of the callee while the media works",
    "call challenged after it was given up",
    "packet held back or lost by a partition",
    "connection broken with a message under way",
)


class Races(Watcher):
    """Counts the races of one world, each kind at most once a dialog or INVITE.

    Args:
        ledger: The facts.
        network: All packets.
        users: Who placed the calls.
        figures: Where they are counted.
    """

    def __init__(
        self,
        ledger: Ledger,
        network: SimulatedNetwork,
        users: Sequence[User],
        figures: Counter[str],
    ) -> None:
        self._ledger = ledger
        self._network = network
        self._users = users
        self._answered: set[str] = set()
        self._figures = figures
        self._counted: set[tuple[str, object]] = set()
        self._rseqs: dict[tuple[str, str], int] = {}
        self._seen: set[object] = set()

    def _count(self, race: str, where: object = None) -> None:
        if (race, where) not in self._counted:
            self._counted.add((race, where))
            self._figures[f"race: {race}"] += 1

    # -- what comes -----------------------------------------------------------------

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.status:
            self._response_comes(message)
        else:
            self._request_comes(message)

    def _response_comes(self, response: WireMessage) -> None:
        identity = (response.branch, response.method, response.status, response.to_tag)
        if response.status != 200 and not response.get("RSeq"):
            if identity in self._seen:
                self._count("response twice", identity)
            self._seen.add(identity)
        if response.method != "INVITE":
            return
        facts = self._ledger.invites.get(response.branch)
        dialog = self._ledger.dialogs.get((response.call_id, response.to_tag))
        if facts is None:
            return
        if not facts.is_initial:
            self._reinvite_answered(response, dialog)
            return
        if response.status in (401, 407) and facts.cancelled_at is not None:
            self._count("call challenged after it was given up", response.branch)
        if 200 <= response.status < 300 and dialog is not None:
            self._success_comes(response, facts, dialog)
        elif response.status < 200:
            self._provisional_comes(response, facts)
        elif facts.success_at is not None:
            self._count("refusal after the 2xx", response.branch)
        elif facts.cancelled_at is not None and response.status != 487:
            self._count("CANCEL crosses a refusal", response.branch)

    def _reinvite_answered(
        self, response: WireMessage, dialog: DialogFacts | None
    ) -> None:
        if response.status == 491:
            self._count("re-INVITE glare", response.branch)
        elif 200 <= response.status < 300 and dialog is not None:
            if dialog.bye_at is not None or dialog.bye_came_at is not None:
                self._count("2xx of a re-INVITE after BYE", response.branch)

    def _success_comes(
        self, response: WireMessage, facts: InviteFacts, dialog: DialogFacts
    ) -> None:
        now, key = self._ledger.now, dialog.key
        if facts.cancelled_at is not None:
            self._count("CANCEL crosses a 2xx", key)
        if facts.failure_at is not None:
            self._count("2xx after a refusal", key)
        elif now - facts.sent_at > 32 and facts.provisional_at is None:
            self._count("2xx after timer B or an abandoned INVITE", key)
        elif facts.cancelled_at is not None and now - facts.cancelled_at > 32:
            self._count("2xx after timer B or an abandoned INVITE", key)
        if dialog.bye_at is not None and dialog.acked_at is None:
            answered = any(200 <= status < 300 for status in dialog.byes_answered)
            self._count(
                "2xx in a dialog after its BYE was answered"
                if answered
                else "BYE on an early dialog crosses its 2xx",
                key,
            )
        if dialog.bye_came_at is not None and dialog.successes == 1:
            self._count("BYE of the callee overtakes its 2xx", key)
        if dialog.ended_at is not None:
            self._count("2xx after 199 of the same dialog", key)
        if not response.get("Contact"):
            self._count("2xx without Contact", key)
        others = self._dialogs_of(facts)
        answered_ones = [one for one in others if one.success_at is not None]
        if len(answered_ones) == 2:
            self._count("2xx from two forks", response.branch)
        elif len(answered_ones) > 2:
            self._count("2xx from three forks or more", response.branch)
        if any(one.ended_at is not None and one is not dialog for one in others):
            self._count("199 before a 2xx of another dialog", response.branch)

    def _dialogs_of(self, facts: InviteFacts) -> list[DialogFacts]:
        return [one for one in self._ledger.dialogs.values() if one.invite is facts]

    def _provisional_comes(self, response: WireMessage, facts: InviteFacts) -> None:
        key = (response.call_id, response.to_tag)
        dialog = self._ledger.dialogs.get(key)
        rseq = int(response.get("RSeq") or 0)
        if rseq:
            last = self._rseqs.get(key, 0)
            if rseq > last + 1:
                self._count("reliable response out of order", key)
            self._rseqs[key] = max(last, rseq)
        if dialog is not None and dialog.success_at is not None:
            race = "reliable" if rseq else "provisional"
            self._count(f"{race} response after the 2xx", key)
        elif facts.success_at is not None and dialog is not None:
            if dialog.first_at == self._ledger.now:
                self._count("new dialog after the 2xx", key)

    def _request_comes(self, request: WireMessage) -> None:
        identity = (request.branch, request.method)
        if identity in self._seen:
            if request.method != "ACK":
                self._count("request of the callee twice", identity)
            return
        self._seen.add(identity)
        key = (request.call_id, request.from_tag)
        dialog = self._ledger.dialogs.get(key)
        if dialog is None:
            return
        if request.method == "BYE":
            self._bye_comes(dialog)
            return
        if dialog.success_at is None:
            self._count("request of the callee in an early dialog", key)
        elif dialog.acked_at is None:
            self._count("request of the callee before our ACK", key)
        if dialog.acked_at is None and request.body and request.method == "UPDATE":
            self._count("UPDATE with an offer before our ACK", key)
        if request.method == "INVITE":
            if dialog.acked_at is None:
                self._count("re-INVITE of the callee before our ACK", key)
            if dialog.bye_at is not None:
                self._count("re-INVITE of the callee after our BYE", key)

    def _bye_comes(self, dialog: DialogFacts) -> None:
        key = dialog.key
        if any(user.is_media_working for user in self._users):
            self._count("BYE of the callee while the media works", key)
        if dialog.bye_at is not None and not dialog.byes_answered:
            self._count("BYE crosses BYE", key)
        if dialog.success_at is None:
            self._count("BYE of the callee on an early dialog", key)
        elif dialog.acked_at is None:
            self._count("BYE of the callee before our ACK", key)

    # -- what is sent ---------------------------------------------------------------

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.status == 491 and message.method == "INVITE":
            self._count("re-INVITE glare", message.branch)
        elif message.method == "INVITE" and 200 <= message.status < 300:
            if message.branch in self._answered:
                self._count("2xx of ours repeated", message.branch)
            self._answered.add(message.branch)
        elif message.status == 0 and message.method == "INVITE" and not is_new:
            self._count("INVITE repeated", message.branch)

    # -- at the end -----------------------------------------------------------------

    def ended(self) -> None:
        """See `Watcher`."""
        for facts in self._ledger.invites.values():
            cancelled_at, first_at = facts.cancelled_at, facts.provisional_at
            if cancelled_at is not None and cancelled_at == first_at:
                self._count("CANCEL waits for a provisional response", facts.invite)
            if facts.cancel is not None and not facts.is_initial:
                self._count("re-INVITE of ours cancelled", facts.invite)
        for user in self._users:
            if user.has_interrupted_media:
                self._count("user hangs up while the media works", user)
        for packet in self._network.log:
            if not isinstance(packet, WirePacket):
                continue
            if packet.fate in ("lost", "dropped"):
                self._lost(packet.wire)
            elif packet.fate in ("partitioned", "held"):
                self._count("packet held back or lost by a partition")
            elif packet.fate == "reset":
                self._count("connection broken with a message under way")

    def _lost(self, wire: WireMessage | None) -> None:
        if wire is None:
            return
        where = (wire.call_id, wire.to_tag)
        if wire.status == 0 and wire.method in ("ACK", "PRACK", "BYE", "CANCEL"):
            self._count(f"{wire.method} lost", where)
        elif 200 <= wire.status < 300 and wire.method == "INVITE":
            self._count("2xx lost", where)
