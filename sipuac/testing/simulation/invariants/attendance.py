"""Whoever is in a call with us is attended to, at every step."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.peer import LIMIT
from sipuac.testing.simulation.wire import WireMessage

# Seconds until a dialog whose 2xx was acknowledged is a session or ended: the media
# may work, a re-INVITE with a fresh offer may ring until it is cancelled and given up,
# and a connection may have to be made.
_LONGEST = 8.0 + 2 * LIMIT + 35.0

Key = tuple[str, str]


class Attended(Invariant):
    """A dialog that was acknowledged is our session, or is ended.

    And the other way round: in a dialog that was ended by BYE of either side no session
    stands.
    """

    watches_steps = True

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        # Dialogs that are neither, and since when.
        self._alone: dict[Key, float] = {}
        self._ended: set[Key] = set()

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        key = (message.call_id, message.to_tag)
        if message.method == "BYE":
            if message.status == 200:
                self._ended.add((message.call_id, message.from_tag))
            elif not message.status:
                self._ended.add(key)
        elif message.method == "ACK" and is_new and key in self.ledger.dialogs:
            if message.branch not in self.ledger.invites:
                self._alone.setdefault(key, self.ledger.now)

    def stepped(self) -> None:
        """See `Invariant`."""
        for key in list(self._alone):
            self._look_at(key)
        for key in self._ended:
            self.need(self._state(key) != "Established", f"{key} stands after a BYE")
        self._ended.clear()

    def _look_at(self, key: Key) -> None:
        dialog, since = self.ledger.dialogs[key], self._alone[key]
        ends = [at for at in (dialog.bye_at, dialog.bye_came_at) if at is not None]
        is_late = min(ends, default=self.ledger.now) - since > _LONGEST
        if self._state(key):
            del self._alone[key]
        elif ends or is_late:
            del self._alone[key]
            self.need(not is_late, f"{key} is neither a session nor ended")

    def _state(self, key: Key) -> str:
        """The state of the session of a dialog; "" where it has none."""
        user = self.view.user_of(key[0])
        call = None if user is None else user.invitation
        session = None if call is None else call.sessions.get(key[1])
        return "" if session is None else session.state
