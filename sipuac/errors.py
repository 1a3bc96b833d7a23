"""Every failure that sipuac reports, in one taxonomy under `SipError`.

A caller acts on the class and its attributes and never has to read the text. Which
class stands for which final response is decided here too (`failure_of`), so that the
command line, the HTTP API and the Deferreds all speak of the same failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipuac.syntax.fields import RetryAfter
    from sipuac.syntax.message import Response


class SipError(Exception):
    """Base of all failures of this package."""


class ParseError(SipError):
    """These octets are not SIP, or this field is not what its grammar says.

    Attributes:
        status_hint: What to answer when a request is at fault.
    """

    def __init__(self, message: str, status_hint: int = 400) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class LocalProtocolError(SipError):
    """We were asked for something that the protocol, or the design, forbids."""


class RemoteProtocolError(SipError):
    """The peer did something that the protocol forbids.

    Attributes:
        status_hint: What to answer when a request is at fault.
    """

    def __init__(self, message: str, status_hint: int = 400) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class NegotiationError(SipError):
    """A session description does not fit the offer/answer model.

    Attributes:
        rule: The RFC and section that forbids it, such as "RFC 3264 6".
    """

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(f"{message} ({rule})")
        self.rule = rule


class Unreachable(SipError):
    """No response came; forks and failover count it as a 408 or a 503.

    Attributes:
        status: The status that this failure counts as (RFC 3261 section 8.1.3.1).
    """

    status = 503


class TransactionTimeout(Unreachable):
    """Timer B or F fired: the server never answered (RFC 3261 section 17.1)."""

    status = 408


class TransportFailed(Unreachable):
    """A connection could not be made, was refused, or broke."""


class ResolutionFailed(Unreachable):
    """The name of the next hop has no address (RFC 3263)."""


class TooManyCalls(SipError):
    """As many calls stand, or wait for their turn, as we were made for."""


class CallFailed(SipError):
    """A call that was asked for does not stand.

    Attributes:
        response: The final response that says so, if one came.
        reason: Values of the Reason fields of that response (RFC 3326).
        warning: Values of the Warning fields of that response (RFC 3261 20.43).
    """

    def __init__(
        self,
        message: str,
        response: Response | None = None,
        *,
        reason: Sequence[str] = (),
        warning: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.response = response
        self.reason = tuple(reason)
        self.warning = tuple(warning)

    @property
    def status(self) -> int | None:
        """Status code of the final response, None where none came."""
        return None if self.response is None else self.response.status

    @property
    def retry_after(self) -> RetryAfter | None:
        """When the final response says that a call has better chances (20.33).

        None where it does not say so readably. Nothing is tried again by itself then.
        """
        try:
            return None if self.response is None else self.response.retry_after
        except ParseError:
            return None


class RequestRejected(CallFailed):
    """A final response of 400 to 699 came; its subclasses name the usual ones."""


class Busy(RequestRejected):
    """486 Busy Here or 600 Busy Everywhere."""


class Declined(RequestRejected):
    """603 Decline: somebody refused the call."""


class NotFound(RequestRejected):
    """404, 410, 484, 485 or 604: there is nobody of that name."""


class NoAnswer(RequestRejected):
    """408 or 480 came: nobody answered."""


class AuthenticationProblem(Enum):
    """Why a challenge was not answered, the gravest reason first."""

    REFUSED = "refused"
    SOURCE_FAILED = "source failed"
    NO_CREDENTIALS = "no credentials"
    UNSUPPORTED = "unsupported"
    TOO_MANY = "too many"


class AuthenticationFailed(RequestRejected):
    """401 or 407, and no credentials that satisfy it.

    Attributes:
        problem: `REFUSED`: the server knows our credentials and does not want them;
            `SOURCE_FAILED`: what gives us the credentials failed; `NO_CREDENTIALS`:
            there are none for any of the realms; `UNSUPPORTED`: no challenge that is
            understood and allowed; `TOO_MANY`: one challenge after the other. None
            where nobody tried.
        realms: The realms of the challenges, as far as they are understood.
    """

    def __init__(
        self,
        message: str,
        response: Response | None = None,
        *,
        reason: Sequence[str] = (),
        warning: Sequence[str] = (),
        problem: AuthenticationProblem | None = None,
        realms: Sequence[str] = (),
    ) -> None:
        super().__init__(message, response, reason=reason, warning=warning)
        self.problem = problem
        self.realms = tuple(realms)


class RequestTerminated(RequestRejected):
    """487 although we sent no CANCEL: somebody on the way ended the call."""


class AnswerTimeout(CallFailed):
    """Our own `answer_timeout` ran out before anybody answered."""


class Cancelled(CallFailed):
    """The call was cancelled by us, as asked."""


class Redirected(CallFailed):
    """A 3xx came that was not followed.

    Attributes:
        contacts: The URIs to try instead, the most wanted first.
    """

    def __init__(
        self,
        message: str,
        response: Response | None = None,
        *,
        contacts: Sequence[str] = (),
        reason: Sequence[str] = (),
        warning: Sequence[str] = (),
    ) -> None:
        super().__init__(message, response, reason=reason, warning=warning)
        self.contacts = tuple(contacts)


class InviteForked(CallFailed):
    """The INVITE forked where it must not, and no call could be saved."""


class MediaRefused(CallFailed):
    """The media could not take the session description that the peer sent."""


class SessionNotModified(CallFailed):
    """Our change of a session was refused or lost; the session is what it was."""


class MissingSessionDescription(CallFailed):
    """The 2xx left the offer/answer exchange open (RFC 3261 section 13.2.1)."""


_REJECTIONS: dict[int, type[RequestRejected]] = {
    401: AuthenticationFailed,
    404: NotFound,
    407: AuthenticationFailed,
    408: NoAnswer,
    410: NotFound,
    480: NoAnswer,
    484: NotFound,
    485: NotFound,
    486: Busy,
    487: RequestTerminated,
    600: Busy,
    603: Declined,
    604: NotFound,
}


def rejection_class(status: int) -> type[RequestRejected]:
    """The failure that a final response of 400 to 699 stands for."""
    return _REJECTIONS.get(status, RequestRejected)
