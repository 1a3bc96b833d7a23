"""A re-INVITE of ours at work: its transaction, before and while there is one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog.capabilities import SUPPORTED
from sipuac.errors import LocalProtocolError, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Row
from sipuac.ua.endpoint import ClientTransaction, Endpoint
from sipuac.ua.interfaces import IClientTransactionUser

_log = Logger()


@implementer(IClientTransactionUser)
class ReInvite:
    """One re-INVITE, until nothing more can be heard of it.

    Args:
        endpoint: Carries it.
        request: The re-INVITE, without Via.
        responded: Told of each response that the transaction passes up.
        failed: Told why there will be none.
        over: Told that nothing more comes.

    Attributes:
        request: The re-INVITE, without Via.
        is_cancelled: Whether its CANCEL was asked for.
        asked: Who is or was asked for credentials, as it was challenged.
    """

    __slots__ = (
        "_endpoint",
        "_failed",
        "_is_abandoned",
        "_over",
        "_responded",
        "_transaction",
        "asked",
        "is_cancelled",
        "request",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        request: Request,
        responded: Callable[[Response], None],
        failed: Callable[[Unreachable], None],
        over: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self.request = request
        self.is_cancelled = False
        self.asked: Deferred[list[Row]] | None = None
        self._responded = responded
        self._failed = failed
        self._over = over
        self._transaction: ClientTransaction | None = None
        self._is_abandoned = False

    def send(self, flow: IFlow) -> None:
        """Send it over this flow.

        Raises:
            LocalProtocolError: There are too many transactions.
            TransportFailed: There is no way for the flow.
        """
        if not self._is_abandoned:
            self._transaction = self._endpoint.start_client(self.request, flow, self)

    @property
    def is_asking(self) -> bool:
        """Whether it was challenged, and the credentials are still awaited."""
        return self.asked is not None and not self.asked.called

    def is_acknowledged_by(self, branch: str, cseq: int | None) -> bool:
        """Whether the ACK with this CSeq number in the dialog of this branch is its."""
        request = self.request
        return request.cseq.number == cseq and (request.to_tag or "") == branch

    def not_sent(self, error: Unreachable) -> None:
        """There is no way for it."""
        if not self._is_abandoned:
            self._endpoint.submit(self._give_up, error)

    def _give_up(self, error: Unreachable) -> None:
        self._failed(error)
        self._over()

    def cancel(self) -> None:
        """Send its CANCEL; whatever answers that, it ends by its own final response."""
        if self._transaction is None or self.asked is not None:
            return
        self.is_cancelled = True

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            _log.info("a CANCEL was not answered: {error}", error=str(failure.value))

        headers = (("Supported", SUPPORTED),)
        self._transaction.cancel(headers).addErrback(failed)

    def abandon(self) -> None:
        """Hear no more of it; what is not sent yet never will be."""
        self._is_abandoned = True
        if self.asked is not None:
            self.asked.cancel()
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self._responded(response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        self._failed(error)

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self._transaction = None
        self._over()
