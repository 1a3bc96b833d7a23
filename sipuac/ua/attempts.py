"""The attempts of one call as values: the INVITE that failed, and the one to come."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from sipuac.dialog.retry_rules import Retry
from sipuac.errors import Redirected, RequestRejected, SipError, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.candidates import Candidates
from sipuac.values import value


@value(frozen=True, slots=True)
class FailedAttempt:
    """An INVITE of which no call comes.

    Attributes:
        invite: Without Via.
        flow: What it went over, or would have.
        servers: The servers of its next hop.
        error: Why.
        response: The final response that says so; None where none came.
    """

    invite: Request
    flow: IFlow
    servers: Candidates
    error: SipError
    response: Response | None

    @property
    def is_refused(self) -> bool:
        """Whether others ended it, by their response or their silence.

        What we ended ourselves is not tried again, whatever was answered to that.
        """
        if isinstance(self.error, RequestRejected | Redirected):
            return self.response is not None
        return isinstance(self.error, Unreachable)

    @property
    def outcome(self) -> Response | Unreachable:
        """The response, or why there is none; of an attempt that `is_refused`."""
        if self.response is not None:
            return self.response
        if isinstance(self.error, Unreachable):
            return self.error
        raise TypeError(f"{self.error!r} is no outcome of an INVITE")

    @property
    def is_refusal(self) -> bool:
        """Whether a response of 400 to 699 says so."""
        return self.response is not None and self.response.status >= 400

    @property
    def status(self) -> int:
        """Of the response, or what silence counts as (RFC 3261 section 8.1.3.1)."""
        if self.response is not None:
            return self.response.status
        return self.error.status if isinstance(self.error, Unreachable) else 503


@value(frozen=True, slots=True)
class NextAttempt:
    """An INVITE to send.

    Attributes:
        invite: Without Via.
        flow: What it goes over.
        servers: The servers of its next hop; `flow` leads to the current one.
    """

    invite: Request
    flow: IFlow
    servers: Candidates

    def failed(self, error: SipError, response: Response | None) -> FailedAttempt:
        """What becomes of it when it fails so."""
        return FailedAttempt(self.invite, self.flow, self.servers, error, response)


class RetryStep(Protocol):
    """One of the things to try when an INVITE has failed; one for each call."""

    def after(self, failed: FailedAttempt) -> Deferred[Retry | None]:
        """What to send in its place.

        Returns:
            A Deferred with None where this step knows of nothing; cancelling it gives
            up.
        """
        ...
