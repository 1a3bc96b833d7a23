"""What is sent again is what was sent before."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.wire import WireMessage


class Repetition(Invariant):
    """A request with the same branch and method is the same request (RFC 3261 17.1)."""

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._sent: dict[tuple[str, str], bytes] = {}

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.status:
            return
        key = (message.branch, message.method)
        first = self._sent.setdefault(key, message.octets)
        self.need(first == message.octets, "another request with its branch", message)
