"""The re-INVITEs of ours that wait for their final responses (RFC 3261 section 14.1).

What they are for is known in `modifications`, which hears how each of them ends. Here
is what an INVITE needs whatever it is for: its ACK, its PRACKs, an end where it has
none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.descriptions import description_of
from sipuac.dialog.effects import (
    AbandonReInvite,
    CancelReInvite,
    ForgetAck,
    RepeatAck,
    SendAck,
)
from sipuac.dialog.modification import OwnModification
from sipuac.dialog.reliable import ReliableOrder, Verdict
from sipuac.dialog.timers import DialogTimer, timer_of
from sipuac.errors import NegotiationError, TransactionTimeout, Unreachable
from sipuac.sdp.patterns import Carrier, Role
from sipuac.syntax.message import Request, Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class _Sent:
    """A re-INVITE without final response, or with a 2xx that may come again.

    Attributes:
        own: What it is for; None where its dialog is over, or it is answered.
    """

    __slots__ = (
        "branch",
        "cseq",
        "has_provisional",
        "is_acked",
        "is_cancelled",
        "number",
        "own",
    )

    def __init__(
        self, branch: Branch, own: OwnModification, number: int, cseq: int
    ) -> None:
        self.branch = branch
        self.own: OwnModification | None = own
        self.number = number
        self.cseq = cseq
        self.has_provisional = False
        self.is_cancelled = False
        self.is_acked = False


class ReInvites:
    """The re-INVITEs in all dialogs of one INVITE."""

    __slots__ = ("_outbox", "_sent", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox
        self._sent: dict[int, _Sent] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing more can come of any, in any dialog."""
        return not self._sent

    def send(
        self,
        branch: Branch,
        own: OwnModification,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
    ) -> None:
        """Send a re-INVITE for this modification."""
        number, cseq = self._set.requests.invite(branch, headers, body)
        self._sent[number] = _Sent(branch, own, number, cseq)

    def response_received(self, number: int, response: Response) -> None:
        """A response to the re-INVITE with this number."""
        sent = self._sent.get(number)
        if sent is None:
            return
        branch, own = sent.branch, sent.own
        if sent.is_acked:
            # RFC 3261 13.2.2.4: an ACK for each 2xx that the transaction passes up.
            if response.is_success:
                self._outbox.emit(RepeatAck(branch.tag, sent.cseq))
        elif response.is_provisional:
            self._provisional(sent, response)
        else:
            branch.learn_allow(response)
            if response.is_success:
                self._acknowledge(sent, response)
            else:
                self._end(sent)
            if own is not None:
                self._set.modifications.answered(branch, own, response)

    def again(
        self, number: int, request: Request, credentials: tuple[tuple[str, str], ...]
    ) -> None:
        """Send a re-INVITE that was challenged once more, with these credentials.

        It is another transaction with the next CSeq number (RFC 3261 section 22.2), for
        the same modification.
        """
        sent = self._sent.get(number)
        if sent is None:
            return
        self._outbox.stop_timer(timer_of(DialogTimer.REINVITE, number))
        if sent.own is None:
            del self._sent[number]
            return
        branch = sent.branch
        sent.cseq = self._set.requests.invite_again(
            branch, number, request, credentials
        )
        sent.has_provisional = False
        # One that was cancelled is not sent again: the limit ran out while it waited.
        sent.is_cancelled = False
        sent.own.order = ReliableOrder()

    def failed(self, number: int, error: Unreachable) -> None:
        """The re-INVITE with this number will have no final response."""
        sent = self._sent.get(number)
        if sent is None or sent.is_acked:
            return
        self._end(sent)
        if sent.own is not None:
            self._set.modifications.refused(sent.branch, sent.own, error)

    def _end(self, sent: _Sent) -> None:
        del self._sent[sent.number]
        self._outbox.stop_timer(timer_of(DialogTimer.REINVITE, sent.number))

    def limit_is_over(self, number: int) -> None:
        """It has no final response for too long: CANCEL, and then give it up.

        Where it has a 2xx, that will not come again.
        """
        sent = self._sent.get(number)
        if sent is None:
            return
        if sent.is_acked:
            del self._sent[number]
            self._outbox.emit(ForgetAck(sent.branch.tag, sent.cseq))
            return
        if sent.own is not None and not sent.is_cancelled:
            sent.is_cancelled = True
            self._outbox.emit(CancelReInvite(number))
            self._limit(sent)
            return
        self._outbox.emit(AbandonReInvite(number))
        self.failed(number, TransactionTimeout("the re-INVITE had no final response"))

    def _limit(self, sent: _Sent) -> None:
        timer = timer_of(DialogTimer.REINVITE, sent.number)
        self._outbox.start_timer(timer, self._set.options.linger)

    def _provisional(self, sent: _Sent, response: Response) -> None:
        if not sent.has_provisional:
            # Before that the transaction itself gives up (timer B).
            sent.has_provisional = True
            self._limit(sent)
        own, branch = sent.own, sent.branch
        if own is None or response.status == 100:
            return
        verdict = own.order.judge(response)
        if verdict is Verdict.UNRELIABLE:
            self._take(branch, own, response, Carrier.PROVISIONAL)
        elif verdict is Verdict.IN_ORDER:
            # RFC 6141 4.7: a new target, and never from an unreliable one.
            branch.dialog.refreshed_by("INVITE", response)
            self._take(branch, own, response, Carrier.RELIABLE)
            self._set.acknowledgements.prack(branch, response, has_offer=False)

    def _take(
        self,
        branch: Branch,
        own: OwnModification,
        response: Response,
        carrier: Carrier,
    ) -> None:
        """Tell the exchange what a provisional response brings."""
        description, _ = description_of(response)
        try:
            role = branch.exchange.received(carrier, description)
        except NegotiationError as error:
            self._outbox.warn(f"a session description: {error}", branch.tag)
            return
        if carrier is Carrier.RELIABLE and role is Role.ANSWER:
            own.is_answered_early = True

    def _acknowledge(self, sent: _Sent, response: Response) -> None:
        """ACK a 2xx, also where its dialog is over by now (13.2.2.4)."""
        branch, dialog = sent.branch, sent.branch.dialog
        dialog.refreshed_by("INVITE", response)
        ack = dialog.ack_of(sent.cseq)
        self._outbox.emit(SendAck(branch.tag, ack, dialog.next_hop(), sent.cseq))
        sent.is_acked = True
        sent.own = None
        self._limit(sent)

    def abandon(self, branch: Branch) -> None:
        """The dialog is over: what still comes means nothing for its session."""
        for sent in self._sent.values():
            if sent.branch is branch:
                sent.own = None
