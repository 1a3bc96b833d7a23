"""The target set of one call: where a redirected INVITE goes (RFC 3261 8.1.3.4).

It begins with the URI that was called. The Contacts of each 3xx that is followed join
it, each URI once, and are tried one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sipuac.dialog.contact_request import proxied_by, request_for
from sipuac.dialog.retry_rules import Retry
from sipuac.errors import LocalProtocolError
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import SipUri, TelUri, Uri

#: How many URIs one call tries at most, the one that was called included.
MAX_TARGETS = 16
# How many Contacts of one response are looked at.
_MAX_CONTACTS = 64

_USE_PROXY = 305
_ALTERNATIVE_SERVICE = 380


@dataclass(frozen=True, slots=True)
class _Target:
    """A URI that was not tried yet, and the INVITE for it, but for its CSeq."""

    uri: Uri
    invite: Request
    is_proxy: bool


class TargetSet:
    """The URIs of one call, tried and not tried.

    Args:
        target: The Request-URI of the first INVITE.
        max_redirects: How many 3xx are followed.

    Attributes:
        is_redirected: Whether a 3xx was followed.
    """

    __slots__ = (
        "_known",
        "_known_proxies",
        "_left",
        "_max_redirects",
        "_redirects",
        "is_redirected",
    )

    def __init__(self, target: Uri, max_redirects: int) -> None:
        self._max_redirects = max_redirects
        self._redirects = 0
        self._known: list[Uri] = [target]
        self._known_proxies: list[Uri] = []
        self._left: list[_Target] = []
        self.is_redirected = False

    def may_follow(self, response: Response) -> bool:
        """Whether this response is a redirection that is to be followed."""
        return (
            300 <= response.status < 400
            and response.status != _ALTERNATIVE_SERVICE
            and self._redirects < self._max_redirects
        )

    def add(
        self, invite: Request, response: Response, contacts: Sequence[NameAddress]
    ) -> list[str]:
        """Follow a redirection: its Contacts are the next to be tried, in this order.

        Args:
            invite: The INVITE that was redirected, without Via.
            response: The 3xx.
            contacts: Those of its Contacts that are to be tried.

        Returns:
            Why some of them will not be, in words.
        """
        self._redirects += 1
        self.is_redirected = True
        is_proxy = response.status == _USE_PROXY
        known = self._known_proxies if is_proxy else self._known
        targets: list[_Target] = []
        complaints: list[str] = []
        for contact in contacts[:_MAX_CONTACTS]:
            uri = contact.uri
            bare = uri.request_target() if isinstance(uri, SipUri) else uri
            if any(bare.is_equivalent(other) for other in known):
                complaints.append(f"{bare} is not tried twice")
                continue
            if len(self._known) + len(self._known_proxies) >= MAX_TARGETS:
                complaints.append(f"{bare} is one target too many")
                continue
            try:
                _check_scheme(invite, uri)
                form = proxied_by if is_proxy else request_for
                targets.append(_Target(bare, form(invite, uri), is_proxy))
            except LocalProtocolError as error:
                complaints.append(f"{bare} is not tried: {error}")
                continue
            known.append(bare)
        self._left[:0] = targets
        return complaints

    def next_invite(self, failed: Request) -> Retry | None:
        """The INVITE for the next target; None where none is left.

        Args:
            failed: The last one that was sent, without Via: its CSeq is raised.
        """
        if not self._left:
            return None
        target = self._left.pop(0)
        number = failed.cseq.number + 1
        invite = target.invite.replacing("CSeq", f"{number} INVITE")
        for name in ("Authorization", "Proxy-Authorization"):
            # They are for the Request-URI that they were made for (section 22.4).
            invite = invite.without(name)
        where = "by way of" if target.is_proxy else "at"
        return Retry(invite, f"{where} {target.uri}", is_elsewhere=True)


def _check_scheme(invite: Request, uri: Uri) -> None:
    """Refuse what we cannot call, and the way from a SIPS URI to any other.

    Departs from RFC 3261 8.1.3.4, where a client MAY recurse to a non-SIPS URI, because
    who asks for a secure call is not to have another one.
    """
    is_secure = isinstance(uri, SipUri) and uri.is_secure
    original = invite.uri
    if isinstance(original, SipUri) and original.is_secure and not is_secure:
        raise LocalProtocolError("a redirection from SIPS to an insecure URI")
    if isinstance(uri, TelUri) and not invite.routes:
        raise LocalProtocolError("a tel URI needs a proxy that can route it")
    if not isinstance(uri, SipUri | TelUri):
        raise LocalProtocolError("neither sip nor tel")
