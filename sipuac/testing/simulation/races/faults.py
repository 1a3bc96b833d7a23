"""What the network did to whom: losses, repetitions, breaks, and who is gone."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import View
from sipuac.testing.simulation.network import WirePacket
from sipuac.testing.simulation.races.base import RaceCounter
from sipuac.testing.simulation.scenario import CALLER
from sipuac.testing.simulation.wire import WireMessage


class FaultRaces(RaceCounter):
    """What is lost, what comes twice, and what breaks."""

    names = (
        "2xx lost",
        "ACK lost",
        "PRACK lost",
        "BYE lost",
        "CANCEL lost",
        "INVITE repeated",
        "response twice",
        "request of the callee twice",
        "packet held back or lost by a partition",
        "connection broken with a message under way",
        "connection broken inside a message",
        "phone gone in the middle of a call",
        "octets that are no message",
    )

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._seen: set[object] = set()

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.method == "INVITE" and not message.status and not is_new:
            self.count("INVITE repeated", message.branch)

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.status:
            # A 2xx and a reliable response are repeated until we say something.
            if message.status == 200 or message.get("RSeq"):
                return
            what = "response"
        else:
            if message.method == "ACK":
                return
            what = "request of the callee"
        key = (message.branch, message.method, message.status, message.to_tag)
        if key in self._seen:
            self.count(f"{what} twice", key)
        self._seen.add(key)

    def ended(self) -> None:
        """See `Watcher`."""
        for packet in self.view.network.log:
            if isinstance(packet, WirePacket):
                self._look_at(packet)
        for phone in self.view.phones:
            if phone.is_dead and any(not one.is_over for one in phone.dialogs):
                self.count("phone gone in the middle of a call", phone)

    def _look_at(self, packet: WirePacket) -> None:
        if packet.fate in ("lost", "dropped") and packet.transport == "UDP":
            self._lost(packet.wire)
        elif packet.fate in ("partitioned", "held"):
            self.count("packet held back or lost by a partition")
        elif packet.fate == "reset":
            self.count("connection broken with a message under way")
        elif packet.fate == "cut":
            self.count("connection broken inside a message")
        if packet.wire is None and packet.destination[0] == CALLER:
            if packet.fate == "arrived" and packet.octets.strip():
                self.count("octets that are no message", packet)

    def _lost(self, wire: WireMessage | None) -> None:
        if wire is None:
            return
        where = (wire.call_id, wire.to_tag)
        if wire.status == 0 and wire.method in ("ACK", "PRACK", "BYE", "CANCEL"):
            self.count(f"{wire.method} lost", where)
        elif 200 <= wire.status < 300 and wire.method == "INVITE":
            self.count("2xx lost", where)
