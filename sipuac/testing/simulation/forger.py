"""Somebody who knows the Call-ID of a call, and neither its tags nor a branch."""

from __future__ import annotations

from sipuac.testing.simulation.network import SimulatedNetwork
from sipuac.testing.simulation.scenario import CALLER, FORGER, Forgery
from sipuac.testing.simulation.sdp import offer_of
from sipuac.testing.simulation.wire import COOKIE, SDP_TYPE, Rows, WireMessage


class Forger:
    """Sends the caller what does not belong to any dialog.

    Args:
        network: Where it sends.
        first_hop: In whose name it also sends.

    Attributes:
        sent: How many messages.
    """

    def __init__(self, network: SimulatedNetwork, first_hop: str) -> None:
        self.sent = 0
        self._network = network
        self._first_hop = first_hop

    def forge(self, forgery: Forgery, call_id: str) -> None:
        """Send it."""
        self.sent += 1
        source = self._first_hop if forgery.is_from_proxy else FORGER
        words = forgery.start.split()
        rows = self._rows(words[-1], call_id, is_response=len(words) > 1)
        body = b""
        if words[-1] in ("INVITE", "UPDATE"):
            rows.append(SDP_TYPE)
            body = offer_of(FORGER)
        if len(words) > 1:
            start = f"SIP/2.0 {words[0]} Forged"
        else:
            start = f"{words[0]} sip:alice@{CALLER} SIP/2.0"
        self._network.forge(source, WireMessage(start, rows, body))

    def _rows(self, method: str, call_id: str, *, is_response: bool) -> Rows:
        branch = f"{COOKIE}-forged-{self.sent}"
        host = CALLER if is_response else FORGER
        ours, theirs = f"forged-{self.sent}", "forged-too"
        rows: Rows = [
            ("Via", f"SIP/2.0/UDP {host}:5060;branch={branch}"),
            ("From", f"<sip:alice@{CALLER}>;tag={ours}"),
            ("To", f"<sip:bob@example.invalid>;tag={theirs}"),
            ("Call-ID", call_id),
            ("CSeq", f"{1 if is_response else 7} {method}"),
            ("Contact", f"<sip:{FORGER}@{FORGER}>"),
        ]
        if is_response:
            rows += [("Require", "100rel"), ("RSeq", "1")]
        else:
            rows.append(("Max-Forwards", "70"))
            if method == "PRACK":
                rows.append(("RAck", "1 1 INVITE"))
        return rows


__all__ = ["Forger"]
