"""A call that is answered as it should be stands."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.ledger import DialogFacts, InviteFacts
from sipuac.testing.simulation.user import User
from sipuac.testing.simulation.wire import WireMessage

# These take the first 2xx, whichever dialog it is of.
_TAKING = ("", "first-answer", "keep-all")


class Standing(Invariant):
    """The first 2xx of a call that is wanted, with all that belongs to it.

    A caller that fails every call would break no other rule. Looked at are calls with
    media that does at once what it is asked; where there are several dialogs, those
    whose policy takes whoever answers first.
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._flawed: set[tuple[str, str]] = set()
        self._expected: User | None = None
        self._done = 0

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        self._expected = None
        if message.method != "INVITE" or not 100 < message.status < 300:
            return
        key = (message.call_id, message.to_tag)
        if message.body and not message.body.startswith(b"v=0\r\no="):
            self._flawed.add(key)
        facts = self.ledger.invites.get(message.branch)
        dialog = self.ledger.dialogs.get(key)
        if message.status < 200 or facts is None or dialog is None:
            return
        user = self.view.user_of(message.call_id)
        if user is not None and self._is_whole(message, facts, dialog):
            if self._is_wanted(user, facts):
                self._expected, self._done = user, len(user.done)

    def _is_whole(
        self, message: WireMessage, facts: InviteFacts, dialog: DialogFacts
    ) -> bool:
        """Whether the response has all that makes a call."""
        is_first = facts.success_at == self.ledger.now and dialog.successes == 1
        is_over = dialog.bye_at or dialog.bye_came_at or dialog.ended_at
        return (
            is_first
            and facts.failure_at is None
            and not is_over
            and dialog.key not in self._flawed
            and bool(message.to_tag)
            and bool(message.body)
            and bool(message.get("Contact"))
        )

    def _is_wanted(self, user: User, facts: InviteFacts) -> bool:
        """Whether the call is still wanted, and by all that we know taken."""
        call, plan = user.invitation, user.plan
        if call is None or call.state != "Establishing" or plan.reactions:
            return False
        if "end-branch" in user.done:
            return False
        if self.ledger.first_invites[call.call_id][-1] is not facts:
            return False
        # Early media may have spent the one offer on another dialog.
        is_taking = not plan.early_media and plan.on_fork in _TAKING
        is_udp = self.view.scenario.transport == "UDP"
        return is_udp and (len(facts.tags) == 1 or is_taking)

    def was_handled(self, message: WireMessage) -> None:
        """See `Watcher`."""
        user = self._expected
        if user is not None and user.invitation is not None:
            stands = message.to_tag in user.invitation.sessions
            # Somebody who hangs up in a callback gets no call.
            stands = stands or len(user.done) > self._done
            self.need(stands, "a call does not stand that should", message)
