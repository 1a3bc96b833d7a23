"""What was seen at the caller's edge, INVITE by INVITE and dialog by dialog.

It is filled from the messages alone, as an onlooker on the caller's cable would see
them, and knows nothing of what the caller thinks.
"""

from __future__ import annotations

from collections.abc import Callable

from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.network import Edge
from sipuac.testing.simulation.peer import LIMIT
from sipuac.testing.simulation.wire import WireMessage


class InviteFacts:
    """One INVITE transaction of the caller, a re-INVITE included.

    Attributes:
        invite: The INVITE.
        is_initial: Whether it begins a call.
        sent_at: When it was sent first; times are seconds of the clock.
        provisional_at, success_at, failure_at: When such a response came first; None
            until then.
        failure: The status of that failure.
        cancel: The CANCEL; None so far.
        cancelled_at: When it was sent.
        tags: To tags of the 101 to 299 that came, in order.
    """

    __slots__ = (
        "cancel",
        "cancelled_at",
        "failure",
        "failure_at",
        "invite",
        "is_initial",
        "provisional_at",
        "sent_at",
        "success_at",
        "tags",
    )

    def __init__(self, invite: WireMessage, now: float, *, is_initial: bool) -> None:
        self.invite = invite
        self.is_initial = is_initial
        self.sent_at = now
        self.provisional_at: float | None = None
        self.success_at: float | None = None
        self.failure_at: float | None = None
        self.failure = 0
        self.cancel: WireMessage | None = None
        self.cancelled_at: float | None = None
        self.tags: dict[str, float] = {}

    @property
    def has_offer(self) -> bool:
        """Whether it brings the offer."""
        return bool(self.invite.body)


class DialogFacts:
    """One dialog of the caller, as far as its messages tell.

    Attributes:
        key: Call-ID and the callee's tag.
        invite: The INVITE that made it.
        success_at: When its first 2xx came.
        successes: How many 2xx came.
        acks: The ACKs of that, as octets.
        acked_at: When the first one was sent.
        byes: Our BYEs, retransmissions not counted.
        bye_at: When the first one was sent.
        byes_answered: The statuses of the answers to them.
        bye_came_at: When the callee's BYE came.
        ended_at: When a 199 came.
        number: The highest CSeq number that we sent in it.
    """

    __slots__ = (
        "acked_at",
        "acks",
        "bye_at",
        "bye_came_at",
        "byes",
        "byes_answered",
        "ended_at",
        "first_at",
        "invite",
        "key",
        "number",
        "success_at",
        "successes",
    )

    def __init__(self, key: tuple[str, str], invite: InviteFacts, now: float) -> None:
        self.key = key
        self.invite = invite
        self.first_at = now
        self.success_at: float | None = None
        self.successes = 0
        self.acks: list[bytes] = []
        self.acked_at: float | None = None
        self.byes: list[WireMessage] = []
        self.bye_at: float | None = None
        self.byes_answered: list[int] = []
        self.bye_came_at: float | None = None
        self.ended_at: float | None = None
        self.number = invite.invite.number


class Watcher:
    """Who is told of every message at the edge; a base class that does nothing.

    What is sent is told before it stands in the ledger, what comes after that.
    """

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """The caller sends this; `is_new`: for the first time."""

    def comes(self, message: WireMessage) -> None:
        """This is about to be handed to the caller, and is no forgery."""

    def was_handled(self, message: WireMessage) -> None:
        """The caller has handled it."""

    def ended(self) -> None:
        """Nothing will happen any more."""


class Ledger(Edge):
    """The facts, and those who are told of each message.

    Attributes:
        invites: By the branch of their Via.
        dialogs: By Call-ID and the callee's tag.
        first_invites: The INVITEs that began a call, by Call-ID, in order.
        watchers: Told of every message.
        is_forging: Whether the caller has a forged message in hand just now.
    """

    def __init__(self, clock: SimulationClock) -> None:
        self.clock = clock
        self.invites: dict[str, InviteFacts] = {}
        self.dialogs: dict[tuple[str, str], DialogFacts] = {}
        self.first_invites: dict[str, list[InviteFacts]] = {}
        self.watchers: list[Watcher] = []
        self.on_forgery: Callable[[WireMessage, bool], None] = lambda message, over: (
            None
        )
        self.on_forged_sent: Callable[[WireMessage], None] = lambda message: None
        self.is_forging = False
        self._seen: set[tuple[str, str]] = set()
        # When each BYE was sent that has no answer, by its branch.
        self._waiting: dict[str, float] = {}

    @property
    def now(self) -> float:
        """Seconds of the clock."""
        return self.clock.rightNow

    def dialog_of(self, message: WireMessage) -> DialogFacts | None:
        """The dialog that a message of either side belongs to."""
        tag = message.to_tag
        found = self.dialogs.get((message.call_id, tag))
        if found is None:
            found = self.dialogs.get((message.call_id, message.from_tag))
        return found

    # -- Edge -----------------------------------------------------------------------

    def sent(self, message: WireMessage) -> None:
        """See `Edge`."""
        key = (message.branch, message.method if message.status == 0 else "")
        is_new = message.status == 0 and key not in self._seen
        if self.is_forging:
            self.on_forged_sent(message)
        for watcher in self.watchers:
            watcher.sent(message, is_new=is_new)
        if message.status == 0:
            self._seen.add(key)
            self._note_sent(message, is_new)

    def comes(self, message: WireMessage, *, is_forged: bool) -> None:
        """See `Edge`."""
        if is_forged:
            self.is_forging = True
            self.on_forgery(message, False)
            return
        if message.status:
            self._note_response(message)
        else:
            self._note_request(message)
        for watcher in self.watchers:
            watcher.comes(message)

    def was_handled(self, message: WireMessage, *, is_forged: bool) -> None:
        """See `Edge`."""
        if is_forged:
            self.on_forgery(message, True)
            self.is_forging = False
            return
        for watcher in self.watchers:
            watcher.was_handled(message)

    # -- the facts ------------------------------------------------------------------

    def _note_sent(self, message: WireMessage, is_new: bool) -> None:
        method = message.method
        if method == "INVITE":
            if is_new:
                self._note_invite(message)
        elif method == "CANCEL":
            facts = self.invites.get(message.branch)
            if facts is not None and facts.cancel is None:
                facts.cancel, facts.cancelled_at = message, self.now
        elif method == "ACK":
            self._note_ack(message)
        dialog = self.dialogs.get((message.call_id, message.to_tag))
        if dialog is None or not is_new or method in ("ACK", "CANCEL"):
            return
        dialog.number = max(dialog.number, message.number)
        if method == "BYE":
            dialog.byes.append(message)
            self._waiting[message.branch] = self.now
            if dialog.bye_at is None:
                dialog.bye_at = self.now

    def _note_invite(self, invite: WireMessage) -> None:
        # A callee without a tag has re-INVITEs without one, to its Contact.
        known = self.dialogs.get((invite.call_id, invite.to_tag))
        earlier = self.first_invites.get(invite.call_id, [])
        is_again = not invite.to_tag and any(
            one.invite.uri == invite.uri for one in earlier
        )
        is_initial = is_again or known is None or known.success_at is None
        facts = InviteFacts(invite, self.now, is_initial=is_initial)
        self.invites[invite.branch] = facts
        if is_initial:
            self.first_invites.setdefault(invite.call_id, []).append(facts)

    def _note_ack(self, ack: WireMessage) -> None:
        dialog = self.dialogs.get((ack.call_id, ack.to_tag))
        if dialog is None or ack.branch in self.invites:
            return
        if ack.number == dialog.invite.invite.number:
            dialog.acks.append(ack.octets)
            if dialog.acked_at is None:
                dialog.acked_at = self.now

    def _note_response(self, response: WireMessage) -> None:
        if response.method == "BYE" and response.status >= 200:
            dialog = self.dialogs.get((response.call_id, response.to_tag))
            # Only the first answer to each counts, and none after timer F.
            sent_at = self._waiting.pop(response.branch, None)
            if dialog is not None and sent_at is not None:
                if self.now - sent_at < LIMIT:
                    dialog.byes_answered.append(response.status)
        facts = self.invites.get(response.branch)
        if facts is None or response.method != "INVITE":
            return
        status, now = response.status, self.now
        if status < 200:
            if facts.provisional_at is None:
                facts.provisional_at = now
        elif status < 300:
            if facts.success_at is None:
                facts.success_at = now
        elif facts.failure_at is None:
            facts.failure_at, facts.failure = now, status
        if 100 < status < 300 and facts.is_initial:
            self._note_dialog(facts, response)

    def _note_dialog(self, facts: InviteFacts, response: WireMessage) -> None:
        now = self.now
        facts.tags.setdefault(response.to_tag, now)
        key = (response.call_id, response.to_tag)
        dialog = self.dialogs.get(key)
        # Callees without a tag look the same in each INVITE of a call.
        is_other = dialog is not None and dialog.invite is not facts
        if dialog is None or (is_other and dialog.success_at is None):
            dialog = self.dialogs[key] = DialogFacts(key, facts, now)
        if response.status >= 200:
            dialog.successes += 1
            if dialog.success_at is None:
                dialog.success_at = now
        elif response.status == 199 and dialog.ended_at is None:
            dialog.ended_at = now

    def _note_request(self, request: WireMessage) -> None:
        dialog = self.dialogs.get((request.call_id, request.from_tag))
        if dialog is not None and request.method == "BYE":
            if dialog.bye_came_at is None:
                dialog.bye_came_at = self.now
