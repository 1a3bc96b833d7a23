"""Reliable provisional responses get one PRACK each, in order (RFC 3262 section 4)."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.wire import WireMessage


class Reliability(Invariant):
    """A PRACK names a response that came, and none is named twice.

    But for a PRACK that was challenged: it is sent once more, with credentials.
    """

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._came: set[tuple[str, str, str]] = set()
        self._named: set[tuple[str, str, str] | None] = set()
        self._pracks: dict[str, tuple[str, str, str]] = {}

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.method == "PRACK" and message.status in (401, 407):
            self._named.discard(self._pracks.pop(message.branch, None))
        if 100 < message.status < 200 and message.method == "INVITE":
            rseq = message.get("RSeq")
            if rseq:
                rack = f"{rseq} {message.number} INVITE"
                self._came.add((message.call_id, message.to_tag, rack))
                # In a dialog of a callee without a tag our requests have none either.
                self._came.add((message.call_id, "", rack))

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.method != "PRACK" or message.status or not is_new:
            return
        name = (message.call_id, message.to_tag, message.get("RAck"))
        self.need(name in self._came, "a PRACK of nothing", message)
        self.need(name not in self._named or not name[1], "a second PRACK", message)
        self._named.add(name)
        self._pracks[message.branch] = name
