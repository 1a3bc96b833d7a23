"""What follows an INVITE that failed: another one, or the failure of the call.

The rules of `sipuac.dialog.retry_rules` say what another INVITE would be; here they are
asked in turn, and the way of what they say is found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from sipuac.dialog.events import Event, Retrying
from sipuac.dialog.retry_rules import Retry, RetryRule
from sipuac.errors import (
    Redirected,
    RequestRejected,
    SipError,
    Unreachable,
)
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invite_request import contact_of, is_secure_call, next_hop

# However the servers on the way work together, a call is not tried for ever.
MAX_ATTEMPTS = 70


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An INVITE of which no call comes.

    Attributes:
        invite: Without Via.
        flow: What it went over, or would have.
        error: Why.
        response: The final response that says so; None where none came.
    """

    invite: Request
    flow: IFlow
    error: SipError
    response: Response | None

    @property
    def is_refused(self) -> bool:
        """Whether others ended it, by their response or their silence.

        What we ended ourselves is not tried again, whatever was answered to that.
        """
        if isinstance(self.error, RequestRejected | Redirected):
            return self.response is not None and self.error.response is self.response
        return isinstance(self.error, Unreachable)


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """An INVITE to send, without Via, and what it goes over."""

    invite: Request
    flow: IFlow


class Retries:
    """All that is tried for one call.

    Args:
        endpoint: Finds flows.
        identity: Who calls, for the Contact of what goes over another flow.
        rules: What may be done about the responses, asked in this order.
        report: Told of each INVITE that is to be sent in place of another.
    """

    __slots__ = ("_attempts", "_endpoint", "_identity", "_report", "_rules")

    def __init__(
        self,
        endpoint: Endpoint,
        identity: NameAddress,
        rules: Sequence[RetryRule],
        report: Callable[[Event], None],
    ) -> None:
        self._endpoint = endpoint
        self._identity = identity
        self._rules = rules
        self._report = report
        self._attempts = 1

    @inlineCallbacks
    def after(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, NextAttempt | FailedAttempt]:
        """What follows this failure.

        Returns:
            A Deferred with the attempt that follows, or with the failure that the
            application is to hear of. Cancelling it gives up.
        """
        while self._attempts < MAX_ATTEMPTS and failed.is_refused:
            retry = self._retry_after(failed)
            if retry is None:
                return failed
            self._attempts += 1
            self._report(_retrying(failed, retry))
            try:
                flow: IFlow = yield self._flow_for(retry.invite, failed)
                return NextAttempt(self._reached_over(retry.invite, flow), flow)
            except Unreachable as error:
                failed = FailedAttempt(retry.invite, failed.flow, error, None)
        return failed

    def _retry_after(self, failed: FailedAttempt) -> Retry | None:
        if failed.response is None:
            return None
        for rule in self._rules:
            retry = rule.retry(failed.invite, failed.response)
            if retry is not None:
                return retry
        return None

    def _flow_for(self, invite: Request, failed: FailedAttempt) -> Deferred[IFlow]:
        """The server that knows this call already, where it is the next hop again."""
        hop, is_secure = next_hop(invite), is_secure_call(invite)
        before = (next_hop(failed.invite), is_secure_call(failed.invite))
        if (hop, is_secure) == before and failed.flow.is_open:
            return succeed(failed.flow)
        return self._endpoint.flow_to(hop, is_secure=is_secure)

    def _reached_over(self, invite: Request, flow: IFlow) -> Request:
        contact = contact_of(self._identity, invite.uri, next_hop(invite), flow)
        return invite.replacing("Contact", contact)


def _retrying(failed: FailedAttempt, retry: Retry) -> Retrying:
    response, error = failed.response, failed.error
    if response is not None:
        return Retrying(response.status, response.reason, retry.action)
    status = error.status if isinstance(error, Unreachable) else 503
    return Retrying(status, str(error), retry.action)
