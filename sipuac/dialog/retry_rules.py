"""When the same INVITE, changed a little, may do better (RFC 3261 section 8.1.3.5).

Each rule knows one response and what it asks for. A rule never drops what the
application has required: that call is to fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sipuac.dialog.session_interval import OPTION_TAG as TIMER
from sipuac.dialog.session_interval import SessionAsk, asked_in
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import SipUri, TelUri, Uri

# Each 422 on the way may demand a little more than the one before it.
_MAX_INTERVALS = 4

# RFC 3841 section 5: the one extension of Proxy-Require that is dropped without asking.
_PREFERENCES = "pref"


@dataclass(frozen=True, slots=True)
class Retry:
    """An INVITE to send instead of one that failed.

    Attributes:
        invite: Without Via.
        action: What is different about it, in words.
        is_elsewhere: Whether it goes to another target or server: then the one that
            failed is given up.
    """

    invite: Request
    action: str
    is_elsewhere: bool = False


class RetryRule(Protocol):
    """What to do about one kind of response; made anew for each call."""

    def retry(self, invite: Request, response: Response) -> Retry | None:
        """The INVITE to send after this response.

        Args:
            invite: The one that failed, without Via.
            response: Its final response, 300 to 699.

        Returns:
            None where the rule knows of nothing better.
        """
        ...


def next_invite(invite: Request, uri: Uri | None = None) -> Request:
    """The same INVITE with the next CSeq number, to tell it from the one that failed.

    "This new request constitutes a new transaction and SHOULD have the same value of
    the Call-ID, To, and From of the previous request, but the CSeq should contain a new
    sequence number that is one higher than the previous" (RFC 3261 section 8.1.3.5).

    Args:
        invite: The one that failed.
        uri: Another Request-URI; None for the same.
    """
    rows = invite.header_items()
    again = Request("INVITE", uri or invite.uri_text, rows, invite.body)
    return again.replacing("CSeq", f"{invite.cseq.number + 1} INVITE")


class LongerInterval:
    """422: the session interval was too small for somebody (RFC 4028 section 7.3)."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def retry(self, invite: Request, response: Response) -> Retry | None:
        """See `RetryRule`."""
        if response.status != 422 or self._count == _MAX_INTERVALS:
            return None
        raised = _asked_in(invite).raised(response)
        if raised is None:
            return None
        self._count += 1
        again = next_invite(invite).without("Session-Expires").without("Min-SE")
        action = f"accepting a session interval of {raised.minimum} s"
        return Retry(again.with_headers(raised.fields()), action)


def _asked_in(invite: Request) -> SessionAsk:
    try:
        return asked_in(invite)
    except (ParseError, LocalProtocolError):
        return SessionAsk()


class FewerExtensions:
    """420: somebody lacks an extension; do without it, if the call does not need it.

    What Require names the application needs. Supported only says what we can do, but
    there are servers that refuse what they are told so. Of Proxy-Require only `pref` is
    dropped, as RFC 3841 section 5 asks.
    """

    __slots__ = ()

    def retry(self, invite: Request, response: Response) -> Retry | None:
        """See `RetryRule`."""
        if response.status != 420:
            return None
        refused = {tag.lower() for tag in response.unsupported}
        needed = _tags(invite, "Require")
        needed |= _tags(invite, "Proxy-Require") - {_PREFERENCES}
        offered = _tags(invite, "Supported") | _tags(invite, "Proxy-Require")
        dropped = refused & offered
        if not dropped or refused & needed:
            return None
        again = next_invite(invite)
        for name in ("Supported", "Proxy-Require"):
            again = _without_tags(again, name, dropped)
        if TIMER in dropped:
            again = again.without("Session-Expires").without("Min-SE")
        return Retry(again, f"without {', '.join(sorted(dropped))}")


def _tags(request: Request, name: str) -> set[str]:
    return {tag.lower() for tag in request.tokens(name)}


def _without_tags(request: Request, name: str, dropped: set[str]) -> Request:
    tags = request.tokens(name)
    kept = [tag for tag in tags if tag.lower() not in dropped]
    if len(kept) == len(tags):
        return request
    return request.replacing(name, ", ".join(kept)) if kept else request.without(name)


class SipForTel:
    """416: a tel URI is not understood; "using a SIP URI" (8.1.3.5).

    Args:
        domain: Whose telephone numbers we call; None where we are of no domain.
    """

    __slots__ = ("_domain",)

    def __init__(self, domain: str | None) -> None:
        self._domain = domain

    def retry(self, invite: Request, response: Response) -> Retry | None:
        """See `RetryRule`."""
        uri = invite.uri
        if response.status != 416 or self._domain is None:
            return None
        if not isinstance(uri, TelUri):
            return None
        sip = SipUri.make(
            _subscriber(uri), self._domain, parameters=(("user", "phone"),)
        )
        return Retry(next_invite(invite, sip), f"calling {sip}")


def _subscriber(uri: TelUri) -> str:
    """The user part that stands for a telephone number (RFC 3261 section 19.1.6).

    "fold any case-insensitive portion of telephone-subscriber to lower case, and order
    the telephone-subscriber parameters lexically by parameter name, excepting
    isdn-subaddress and post-dial, which occur first and in that order."
    """
    parameters = {name.lower(): text for name, text in uri.parameters}
    first = [name for name in ("isub", "postd") if name in parameters]
    names = first + sorted(parameters.keys() - set(first))
    texts = [
        name if parameters[name] is None else f"{name}={parameters[name]}".lower()
        for name in names
    ]
    return ";".join([uri.number.lower(), *texts])
