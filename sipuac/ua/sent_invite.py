"""The initial INVITE at work: its transaction, its CANCEL, and what answers it."""

from __future__ import annotations

from twisted.python.failure import Failure

from sipuac.dialog import effects
from sipuac.dialog.capabilities import SUPPORTED
from sipuac.dialog.events import ProtocolWarning
from sipuac.errors import LocalProtocolError, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transaction.invite_client import State
from sipuac.transport.interfaces import IFlow
from sipuac.ua.call_report import CallReport
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import ClientTransaction, Endpoint
from sipuac.ua.interfaces import IClientTransactionUser
from sipuac.ua.invite_request import next_hop
from sipuac.ua.transaction_driver import has_our_via

# No To tag, as those are tokens: the way of a CANCEL whose connection broke.
_WAY_OF_CANCEL = " cancel"


def is_answered_by(sent: Request, response: Response) -> bool:
    """Whether a response that no transaction passes up is for this INVITE.

    Raises:
        ParseError: Its Via cannot be read.
    """
    if response.from_tag != sent.from_tag:
        return False
    return response.branch == sent.branch and has_our_via(response, sent)


class SentInvite:
    """The transaction of one INVITE.

    Args:
        endpoint: Carries it.
        invite: The INVITE, without Via.
        flow: Where it goes.
        flows: Find another way for its CANCEL.
        reporter: Told of a CANCEL that was not answered.

    Attributes:
        sent: The INVITE as it was sent, with Via; None before that.
    """

    __slots__ = (
        "_endpoint",
        "_flow",
        "_flows",
        "_invite",
        "_reporter",
        "_transaction",
        "sent",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        invite: Request,
        flow: IFlow,
        flows: DialogFlows,
        reporter: CallReport,
    ) -> None:
        self.sent: Request | None = None
        self._endpoint = endpoint
        self._invite = invite
        self._flow = flow
        self._flows = flows
        self._reporter = reporter
        self._transaction: ClientTransaction | None = None

    def start(self, user: IClientTransactionUser) -> None:
        """Send it.

        Raises:
            LocalProtocolError: There are too many transactions.
            TransportFailed: There is no way for the flow.
        """
        self._transaction = self._endpoint.start_client(self._invite, self._flow, user)
        self.sent = self._transaction.request

    def is_answered_by(self, response: Response) -> bool:
        """Whether a response that no transaction passes up is for this INVITE.

        Raises:
            ParseError: Its Via cannot be read.
        """
        return self.sent is not None and is_answered_by(self.sent, response)

    def hand_over(self, user: IClientTransactionUser) -> None:
        """Somebody else hears of the transaction from now on, if it is not over."""
        if self._transaction is not None:
            self._transaction.hand_over(user)
            self._transaction = None

    def cancel(self, effect: effects.SendCancel) -> None:
        """Send its CANCEL."""
        transaction = self._transaction
        if transaction is None:
            return

        def send(flow: IFlow) -> None:
            if transaction.machine.state != State.PROCEEDING:
                return  # the final response came while a connection was made
            # Whatever answers the CANCEL, the INVITE ends by its own final response
            # (9.1).
            headers = (*effect.headers, ("Supported", SUPPORTED))
            transaction.cancel(headers, flow).addErrback(failed)

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            refused(failure.value)

        def refused(error: BaseException | None) -> None:
            self._reporter.report(
                ProtocolWarning(f"the CANCEL was not answered: {error}")
            )

        if self._flow.is_open:
            send(self._flow)
        else:
            # The connection broke, but the phones go on ringing.
            hop = next_hop(self._invite)
            self._flows.send(_WAY_OF_CANCEL, hop, send, refused)

    def abandon(self, effect: effects.AbandonInvite | None = None) -> None:
        """End the transaction without a word; no harm where it has ended."""
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None

    def terminated(self) -> None:
        """The transaction has ended."""
        self._transaction = None
