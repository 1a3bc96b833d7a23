"""No phone is left in a call with nobody."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant
from sipuac.testing.simulation.network import WirePacket
from sipuac.testing.simulation.peer import LIMIT
from sipuac.testing.simulation.phone import Phone
from sipuac.testing.simulation.phone_dialog import PhoneDialog
from sipuac.testing.simulation.scenario import CALLER


class NobodyLeftAlone(Invariant):
    """Each dialog that a phone answered was ended: by our BYE or by its own.

    Only where every transmission of our BYE was lost on its way can a phone not know,
    or every challenge of it, or where there was no way for it; such dialogs are counted
    apart.
    """

    def ended(self) -> None:
        """See `Watcher`."""
        for phone in self.view.phones:
            for dialog in phone.dialogs:
                if dialog.has_answered and not dialog.bye_came and not phone.is_dead:
                    if not dialog.is_over:
                        self._judge(phone, dialog)

    def _judge(self, phone: Phone, dialog: PhoneDialog) -> None:
        who = f"{phone.name} is left in a call with nobody ({dialog.tag})"
        facts = self.ledger.dialogs.get((dialog.call_id, self._seen(dialog)))
        if facts is None or not facts.byes:
            has_no_way = self._has_no_way(dialog)
            self.view.figures["BYEs without a way"] += has_no_way
            self.need(has_no_way, f"{who}: no BYE was sent")
        elif self._is_lost(dialog) or self._is_challenge_lost(dialog):
            self.view.figures["lost by every retransmission"] += 1
        else:
            self.need(False, f"{who}: the BYE went astray")

    def _has_no_way(self, dialog: PhoneDialog) -> bool:
        """Whether no connection could be made for the BYE, and the user was told so."""
        user = self.view.user_of(dialog.call_id)
        events = (
            () if user is None or user.invitation is None else user.invitation.events
        )
        return any("BYE could not be sent" in str(event.body) for event in events)

    def _seen(self, dialog: PhoneDialog) -> str:
        """The tag that the caller knows the dialog by."""
        return self.view.hidden.get(dialog.tag, dialog.tag)

    def _is_challenge_lost(self, dialog: PhoneDialog) -> bool:
        """Whether our last BYE was challenged, and no challenge came before timer F."""
        tags = (dialog.tag, self._seen(dialog))
        sent_at: dict[int, float] = {}
        challenged: dict[int, bool] = {}
        for packet in self.view.network.log:
            if not isinstance(packet, WirePacket) or packet.wire is None:
                continue
            wire = packet.wire
            if wire.method != "BYE" or wire.call_id != dialog.call_id:
                continue
            if wire.to_tag not in tags:
                continue
            if not wire.status and packet.source[0] == CALLER:
                sent_at.setdefault(wire.number, packet.time)
            elif wire.status in (401, 407) and packet.destination[0] == CALLER:
                end = sent_at[wire.number] + LIMIT
                is_in_time = any(arrival < end for arrival in packet.arrivals)
                was_in_time = challenged.get(wire.number, False)
                challenged[wire.number] = was_in_time or is_in_time
        return bool(sent_at) and challenged.get(max(sent_at)) is False

    def _is_lost(self, dialog: PhoneDialog) -> bool:
        """Whether the network lost the BYE wherever it got to."""
        tags = (dialog.tag, self._seen(dialog))
        arrived_at: set[str] = set()
        lost_before: set[str] = set()
        for packet in self.view.network.log:
            if not isinstance(packet, WirePacket) or packet.wire is None:
                continue
            wire = packet.wire
            if wire.status or wire.method != "BYE" or wire.to_tag not in tags:
                continue
            if wire.call_id != dialog.call_id:
                continue
            if packet.fate == "unreachable":
                return False
            host = packet.destination[0]
            (arrived_at if packet.fate == "arrived" else lost_before).add(host)
        return bool(lost_before - arrived_at)
