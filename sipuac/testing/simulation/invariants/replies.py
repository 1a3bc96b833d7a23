"""Every request of a callee gets an answer."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import TOLERANCE, Invariant, Report, View
from sipuac.testing.simulation.peer import LIMIT, T4
from sipuac.testing.simulation.wire import WireMessage


class Replies(Invariant):
    """RFC 3261 8.2: one final response, and the same to each retransmission.

    What changes the session may wait for the media; all else is answered at once. A
    transaction remembers its answer for 64*T1, over TCP not at all (17.2.2).
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._asked: dict[tuple[str, str], WireMessage] = {}
        self._answered: dict[tuple[str, str], tuple[int, float]] = {}

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if not message.status and message.method != "ACK":
            self._asked.setdefault((message.branch, message.method), message)

    def was_handled(self, message: WireMessage) -> None:
        """See `Watcher`."""
        is_at_once = message.method not in ("ACK", "INVITE", "UPDATE")
        if not message.status and is_at_once and self._is_udp:
            key = (message.branch, message.method)
            self.need(key in self._answered, "no answer to it", message)

    @property
    def _is_udp(self) -> bool:
        return self.view.scenario.transport == "UDP"

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        key = (message.branch, message.method)
        if message.status < 200 or key not in self._asked:
            return
        status, at = self._answered.setdefault(key, (message.status, self.ledger.now))
        # Timer J; for what was refused and acknowledged, timer I.
        limit = T4 if message.method == "INVITE" and status >= 300 else LIMIT
        if self._is_udp and self.ledger.now - at < limit - TOLERANCE:
            self.need(status == message.status, f"not {status} as before", message)

    def ended(self) -> None:
        """See `Watcher`."""
        if self.view.agent.counters["responses-undeliverable"]:
            return
        for key, request in self._asked.items():
            self.need(key in self._answered, "never an answer to it", request)
