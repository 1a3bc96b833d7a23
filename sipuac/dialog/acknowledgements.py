"""What acknowledges the responses of the callee: PRACK and ACK.

A reliable provisional response gets PRACK (RFC 3262), a 2xx gets ACK. Neither waits for
anything unless the response brings an offer: then it carries the answer, and the branch
*owes* it until the media has made that answer. Where none comes of it, because the
media refuses or the dialog is not wanted, the refusing answer is sent.
"""

from __future__ import annotations

from sipuac.dialog.branch import Branch
from sipuac.dialog.dialog import DialogState
from sipuac.dialog.effects import SendAck
from sipuac.dialog.outbox import Outbox
from sipuac.dialog.reliable import rack_of
from sipuac.dialog.requests import Requests
from sipuac.errors import NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.negotiation import refusing_answer
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Response

_ACK = "ACK"
_SDP = ("Content-Type", "application/sdp")


class Acknowledgements:
    """Acknowledges the responses in all dialogs of one INVITE."""

    __slots__ = ("_outbox", "_requests")

    def __init__(self, outbox: Outbox, requests: Requests) -> None:
        self._outbox = outbox
        self._requests = requests

    def prack(self, branch: Branch, response: Response, *, has_offer: bool) -> None:
        """Acknowledge a reliable provisional response (RFC 3262 section 4).

        Args:
            branch: Its dialog.
            response: The response.
            has_offer: Whether it brings an offer: then PRACK waits for the answer.
        """
        if branch.dialog.remote_target is None:
            message = "no PRACK can be sent: the response has no Contact"
            self._outbox.warn(message, branch.tag)
            return
        rack = str(rack_of(response))
        if has_offer:
            branch.owed = rack
        else:
            self._send(branch, rack, None)

    def ack(self, branch: Branch, *, has_offer: bool) -> None:
        """Acknowledge its 2xx (RFC 3261 section 13.2.2.4); arguments as of `prack`."""
        if has_offer:
            branch.owed = _ACK
        else:
            self._send(branch, _ACK, None)

    def answer(self, branch: Branch, answer: SessionDescription) -> None:
        """Send what this branch owes, with this answer."""
        owed, branch.owed = branch.owed, None
        if owed is not None:
            self._send(branch, owed, answer)

    def refuse(self, branch: Branch) -> None:
        """Send what this branch owes with the refusing answer, if it owes anything.

        RFC 3261 13.2.2.4: if the offer is not acceptable, "the UAC core MUST generate a
        valid answer in the ACK and then send a BYE immediately". A PRACK is not sent in
        a dialog that is over.
        """
        is_over = branch.dialog.state is DialogState.TERMINATED
        if is_over and not branch.owes_ack:
            branch.owed = None
        elif branch.owed is not None and branch.remote is not None:
            self.answer(branch, refusing_answer(branch.remote))

    def _send(
        self, branch: Branch, owed: str, answer: SessionDescription | None
    ) -> None:
        body = b"" if answer is None else answer.render()
        described = () if answer is None else (_SDP,)
        if owed != _ACK:
            _record(branch.exchange, Carrier.PRACK, answer)
            self._requests.send(
                branch, "PRACK", (("RAck", owed), *described), body=body
            )
            return
        _record(branch.exchange, Carrier.ACK, answer)
        dialog = branch.dialog
        ack = dialog.ack(headers=described, body=body)
        self._outbox.emit(SendAck(branch.tag, ack, dialog.next_hop()))


def _record(
    exchange: Exchange, carrier: Carrier, answer: SessionDescription | None
) -> None:
    """Tell the exchange what is about to be sent."""
    try:
        exchange.sent(carrier, answer)
    except NegotiationError:
        # An offer of the callee waits for its answer, which goes into a PRACK of its
        # own, and this one is of another response; or the callee has broken the rules
        # of the exchange, and gets its answer all the same.
        return
