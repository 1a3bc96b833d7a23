"""Nobody but the parties of a dialog can end it or change it."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.wire import WireMessage


class NobodyElse(Invariant):
    """A forged message changes nothing; a forged request is refused.

    What is compared: the state of each call, its branches, sessions, events, Deferreds
    and media, before the forged message is handed over and after.
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._before: object = None
        self._forged: WireMessage | None = None
        self.ledger.on_forgery = self._look
        self.ledger.on_forged_sent = self._said

    def _state(self) -> object:
        return [user.state() for user in self.view.users]

    def _look(self, message: WireMessage, is_over: bool) -> None:
        if not is_over:
            self._forged, self._before = message, self._state()
            return
        self.view.figures["forged messages"] += 1
        self.need(self._state() == self._before, "a forgery changed a call", message)
        self._forged = self._before = None

    def _said(self, message: WireMessage) -> None:
        """The caller sends something while it has the forgery in hand."""
        forged = self._forged
        if forged is None or not message.status:
            self.need(False, f"a forgery made us send {message}")
            return
        is_its_answer = message.branch == forged.branch and not forged.status
        self.need(is_its_answer, f"a forgery made us answer {message}")
        self.need(message.status >= 300, f"a forgery was answered {message}")
