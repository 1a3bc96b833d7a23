"""Races inside dialogs: BYE, re-INVITE, UPDATE and all else that either side asks."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import View
from sipuac.testing.simulation.ledger import DialogFacts, InviteFacts
from sipuac.testing.simulation.races.base import RaceCounter
from sipuac.testing.simulation.wire import WireMessage


class SessionRaces(RaceCounter):
    """Races of requests in dialogs, early ones included."""

    names = (
        "BYE crosses BYE",
        "BYE of the callee before our ACK",
        "BYE of the callee on an early dialog",
        "BYE of the callee while the media works",
        "BYE of the callee while our re-INVITE waits",
        "BYE of ours while our re-INVITE waits",
        "BYE challenged",
        "user hangs up while the media works",
        "request of the callee in an early dialog",
        "request of the callee before our ACK",
        "UPDATE with an offer before our ACK",
        "re-INVITE of the callee before our ACK",
        "re-INVITE of the callee after our BYE",
        "re-INVITE glare",
        "UPDATE glare",
        "re-INVITE of ours cancelled",
        "2xx of a re-INVITE after its CANCEL",
        "2xx of a re-INVITE after BYE",
        "2xx of ours repeated",
    )

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._answered: set[str] = set()
        self._asked: set[tuple[str, str]] = set()

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.method == "INVITE" and 200 <= message.status < 300:
            if message.branch in self._answered:
                self.count("2xx of ours repeated", message.branch)
            self._answered.add(message.branch)
        elif message.status == 491:
            self._glares(message)
        elif is_new and message.method == "BYE":
            key = (message.call_id, message.to_tag)
            if self._has_open_reinvite(key):
                self.count("BYE of ours while our re-INVITE waits", key)

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if not message.status:
            self._request_comes(message)
            return
        key = (message.call_id, message.to_tag)
        facts = self.ledger.invites.get(message.branch)
        if message.status == 491 and message.method in ("INVITE", "UPDATE"):
            self._glares(message)
        elif message.method == "INVITE" and facts is not None and not facts.is_initial:
            self._reinvite_answered(message, facts)
        elif message.method == "BYE" and message.status in (401, 407):
            self.count("BYE challenged", key)

    def _glares(self, response: WireMessage) -> None:
        kind = "re-INVITE" if response.method == "INVITE" else response.method
        self.count(f"{kind} glare", response.branch)

    def _reinvite_answered(self, response: WireMessage, facts: InviteFacts) -> None:
        dialog = self.ledger.dialogs.get((response.call_id, response.to_tag))
        if 200 <= response.status < 300 and dialog is not None:
            if dialog.bye_at is not None or dialog.bye_came_at is not None:
                self.count("2xx of a re-INVITE after BYE", response.branch)
            if facts.cancelled_at is not None:
                self.count("2xx of a re-INVITE after its CANCEL", response.branch)

    def _has_open_reinvite(self, key: tuple[str, str]) -> bool:
        """Whether a re-INVITE of ours in this dialog has no final response yet."""
        return any(
            (facts.invite.call_id, facts.invite.to_tag) == key
            and facts.success_at is None
            and facts.failure_at is None
            for facts in self.ledger.invites.values()
            if not facts.is_initial
        )

    def _request_comes(self, request: WireMessage) -> None:
        identity = (request.branch, request.method)
        key = (request.call_id, request.from_tag)
        dialog = self.ledger.dialogs.get(key)
        if identity in self._asked or dialog is None:
            return
        self._asked.add(identity)
        if request.method == "BYE":
            self._bye_comes(dialog)
            return
        if dialog.success_at is None:
            self.count("request of the callee in an early dialog", key)
        elif dialog.acked_at is None:
            self.count("request of the callee before our ACK", key)
        if dialog.acked_at is None and request.body and request.method == "UPDATE":
            self.count("UPDATE with an offer before our ACK", key)
        if request.method == "INVITE":
            if dialog.acked_at is None:
                self.count("re-INVITE of the callee before our ACK", key)
            if dialog.bye_at is not None:
                self.count("re-INVITE of the callee after our BYE", key)

    def _bye_comes(self, dialog: DialogFacts) -> None:
        key = dialog.key
        if any(user.is_media_working for user in self.view.users):
            self.count("BYE of the callee while the media works", key)
        if dialog.bye_at is not None and not dialog.byes_answered:
            self.count("BYE crosses BYE", key)
        if dialog.success_at is None:
            self.count("BYE of the callee on an early dialog", key)
        elif dialog.acked_at is None:
            self.count("BYE of the callee before our ACK", key)
        if self._has_open_reinvite(key):
            self.count("BYE of the callee while our re-INVITE waits", key)

    def ended(self) -> None:
        """See `Watcher`."""
        for facts in self.ledger.invites.values():
            if facts.cancel is not None and not facts.is_initial:
                self.count("re-INVITE of ours cancelled", facts.invite)
        for user in self.view.users:
            if user.has_interrupted_media:
                self.count("user hangs up while the media works", user)
