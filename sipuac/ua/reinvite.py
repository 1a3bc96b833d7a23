"""A re-INVITE of ours at work: its transaction, before and while there is one."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog.capabilities import SUPPORTED
from sipuac.errors import AuthenticationFailed, LocalProtocolError, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Authenticator, Row
from sipuac.ua.endpoint import ClientTransaction, Endpoint
from sipuac.ua.interfaces import IClientTransactionUser

_log = Logger()

_CHALLENGES = (401, 407)


class ReInviteUser(Protocol):
    """Who is told what becomes of a re-INVITE."""

    def responded(self, reinvite: ReInvite, response: Response) -> None:
        """A response that the transaction passes up."""

    def challenged(self, reinvite: ReInvite, rows: list[Row]) -> None:
        """It is to be sent again, with these credentials."""

    def failed(self, reinvite: ReInvite, error: Unreachable) -> None:
        """There will be no response."""

    def over(self, reinvite: ReInvite) -> None:
        """Nothing more comes."""


@implementer(IClientTransactionUser)
class ReInvite:
    """One re-INVITE, until nothing more can be heard of it.

    Args:
        endpoint: Carries it.
        authenticator: Answers its challenges; None for nobody.
        number: Names it.
        request: The re-INVITE as it is sent, without Via.
        user: Told what becomes of it.

    Attributes:
        number, request: As given.
    """

    __slots__ = (
        "_asked",
        "_authenticator",
        "_endpoint",
        "_is_abandoned",
        "_transaction",
        "_user",
        "number",
        "request",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        authenticator: Authenticator | None,
        number: int,
        request: Request,
        user: ReInviteUser,
    ) -> None:
        self.number = number
        self.request = request
        self._endpoint = endpoint
        self._authenticator = authenticator
        self._user = user
        self._transaction: ClientTransaction | None = None
        self._asked: Deferred[list[Row]] | None = None
        self._is_abandoned = False

    def send(self, flow: IFlow) -> None:
        """Send it over this flow.

        Raises:
            LocalProtocolError: There are too many transactions.
            TransportFailed: There is no way for the flow.
        """
        if not self._is_abandoned:
            self._transaction = self._endpoint.start_client(self.request, flow, self)

    def not_sent(self, error: Unreachable) -> None:
        """There is no way for it."""
        if not self._is_abandoned:
            self._endpoint.submit(self._give_up, error)

    def _give_up(self, error: Unreachable) -> None:
        self._user.failed(self, error)
        self._user.over(self)

    def cancel(self) -> None:
        """Send its CANCEL; whatever answers that, it ends by its own final response."""
        if self._transaction is None:
            return

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            _log.info("a CANCEL was not answered: {error}", error=str(failure.value))

        headers = (("Supported", SUPPORTED),)
        self._transaction.cancel(headers).addErrback(failed)

    def abandon(self) -> None:
        """Hear no more of it; what is not sent yet never will be."""
        self._is_abandoned = True
        if self._asked is not None:
            self._asked.cancel()
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None

    # From its transaction

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        if self._authenticator is not None and response.is_final:
            self._authenticator.learn(self.request, response)
            if response.status in _CHALLENGES:
                self._answer(self._authenticator, response)
                return
        self._user.responded(self, response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        self._user.failed(self, error)

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self._transaction = None
        if self._asked is None:
            self._user.over(self)

    def _answer(self, authenticator: Authenticator, response: Response) -> None:
        """Find the credentials that a challenge asks for."""

        def known(rows: list[Row]) -> None:
            self._endpoint.submit(self._user.challenged, self, rows)

        def unknown(failure: Failure) -> None:
            if failure.check(CancelledError):
                return
            if not failure.check(AuthenticationFailed):
                _log.failure("a challenge could not be answered", failure)
            self._endpoint.submit(self._user.responded, self, response)

        def forget(result: object) -> object:
            self._asked = None
            return result

        asked = self._asked = authenticator.answer(self.request, response)
        asked.addBoth(forget)
        asked.addCallbacks(known, unknown)
