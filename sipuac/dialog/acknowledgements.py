"""What acknowledges the responses of the callee: PRACK and ACK.

A reliable provisional response gets PRACK (RFC 3262), a 2xx gets ACK. Neither waits for
anything unless the response brings an offer: then it carries the answer.
"""

from __future__ import annotations

from sipuac.dialog.branch import Branch
from sipuac.dialog.effects import SendAck
from sipuac.dialog.outbox import Outbox
from sipuac.dialog.reliable import rack_of
from sipuac.dialog.requests import Requests
from sipuac.errors import NegotiationError
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Response


class Acknowledgements:
    """Acknowledges the responses in all dialogs of one INVITE."""

    __slots__ = ("_outbox", "_requests")

    def __init__(self, outbox: Outbox, requests: Requests) -> None:
        self._outbox = outbox
        self._requests = requests

    def prack(self, branch: Branch, response: Response) -> None:
        """Acknowledge a reliable provisional response (RFC 3262 section 4)."""
        if branch.dialog.remote_target is None:
            message = "no PRACK can be sent: the response has no Contact"
            self._outbox.warn(message, branch.tag)
            return
        _record(branch.exchange, Carrier.PRACK)
        rack = ("RAck", str(rack_of(response)))
        self._requests.send(branch, "PRACK", (rack,))

    def ack(self, branch: Branch) -> None:
        """Acknowledge its 2xx (RFC 3261 section 13.2.2.4)."""
        dialog = branch.dialog
        self._outbox.emit(SendAck(branch.tag, dialog.ack(), dialog.next_hop()))


def _record(exchange: Exchange, carrier: Carrier) -> None:
    """Tell the exchange what is about to be sent."""
    try:
        exchange.sent(carrier, None)
    except NegotiationError:
        # An offer of the callee waits for its answer, which goes into a PRACK of its
        # own; this one is of another response.
        return
