"""One dialog: its identity, route set, remote target and sequence numbers.

RFC 3261 section 12. What the dialog is used for is not its concern.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sipuac.dialog.capabilities import SUPPORTED
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import SipUri, Uri

Headers = Iterable[tuple[str, str]]

_CREDENTIALS = ("Authorization", "Proxy-Authorization")
_TARGET_REFRESH = frozenset(["INVITE", "UPDATE"])
_EXTENSIONS = ("Supported", "Require", "Proxy-Require")


class DialogState(str, Enum):
    """The states of RFC 3261 section 12."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Dialog:
    """A dialog as its caller sees it.

    Attributes:
        state: Early, confirmed or terminated.
        remote_tag: To tag of the callee; None where it has none (12.1.2).
        remote_target: Where its requests go; None until a Contact has come.
        route_set: The Route values, in the order in which they are written.
        local_cseq: The number of our last request in it.
        remote_cseq: The number of the peer's last request, None before the first.
    """

    __slots__ = (
        "_contact",
        "_credentials",
        "_fallback_hop",
        "_from",
        "_invite",
        "_invite_cseq",
        "_product",
        "_request_target",
        "_to",
        "call_id",
        "is_secure",
        "local_cseq",
        "local_tag",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
        "state",
    )

    def __init__(self, invite: Request, remote_tag: str | None) -> None:
        """An early dialog of this INVITE; `learn` tells it what a response says."""
        self.state = DialogState.EARLY
        self._invite = invite
        self.call_id = invite.call_id
        self.local_tag = invite.from_tag
        self.remote_tag = remote_tag
        self._from = invite.get("From") or ""
        self._to = invite.get("To") or ""
        if remote_tag is not None:
            self._to = f"{self._to};tag={remote_tag}"
        self._contact = invite.get("Contact")
        self._product = invite.get("User-Agent")
        self._invite_cseq = invite.cseq.number
        self._request_target = invite.uri
        self._fallback_hop: Uri | None = None
        # "The ACK MUST contain the same credentials as the INVITE." (13.2.2.4)
        self._credentials = [
            (name, value) for name in _CREDENTIALS for value in invite.get_all(name)
        ]
        self.local_cseq = self._invite_cseq
        self.remote_cseq: int | None = None
        self.remote_target: Uri | None = None
        self.route_set: tuple[NameAddress, ...] = ()
        self.is_secure = isinstance(invite.uri, SipUri) and invite.uri.is_secure

    def learn(self, response: Response) -> None:
        """Take route set and target of a provisional response, where there are none.

        The first response of the dialog brings them (12.1.2). A later unreliable one
        brings no *new* target (RFC 6141 section 4.9), but filling an empty one is no
        refresh.

        Raises:
            ParseError: Its Record-Route cannot be read; no request can be sent then.
        """
        if self.remote_target is None:
            if not self.route_set:
                self.route_set = tuple(reversed(response.record_routes))
            self.remote_target = self._target_of(response)

    def confirm(self, response: Response) -> bool:
        """Become confirmed by this 2xx (RFC 3261 section 13.2.2.4).

        The route set is computed anew, the sequence numbers stay, and the Contact is a
        new remote target (RFC 6141 section 4.9). Where Record-Route cannot be read, the
        route set stays as it was: an ACK that may go astray is better than none.

        Returns:
            False where the 2xx has no usable Contact: its requests then go to the
            Request-URI of the INVITE, the way of the INVITE, and may reach nobody.
        """
        self.state = DialogState.CONFIRMED
        try:
            self.route_set = tuple(reversed(response.record_routes))
        except ParseError:
            pass  # RFC 3261 13.2.2.4 wants an ACK for every 2xx, and says no way here.
        target = self._target_of(response)
        self.remote_target = target or self._request_target
        self._fallback_hop = None if target else _hop_of(self._invite)
        return target is not None

    def refreshed_by(self, method: str, response: Response) -> None:
        """Take the target that a 2xx to a target refresh request brings (12.2.1.2).

        A reliable provisional response brings one too (RFC 6141 section 4.7).
        """
        if method in _TARGET_REFRESH:
            self._take_target(response)

    @property
    def contact_rows(self) -> tuple[tuple[str, str], ...]:
        """Our Contact, for the 2xx to a target refresh request of the peer."""
        return () if self._contact is None else (("Contact", self._contact),)

    def refreshed_by_peer(self, request: Request) -> None:
        """Take the target of the peer's target refresh request: it gets its 2xx now.

        RFC 6141 section 4.6; the route set stays as it is (RFC 3261 section 12.2).
        """
        if request.method in _TARGET_REFRESH:
            self._take_target(request)

    def _take_target(self, message: Request | Response) -> None:
        try:
            target = self._target_of(message)
        except ParseError:
            return  # a Contact that cannot be read is none
        if target is not None:
            self.remote_target = target
            self._fallback_hop = None

    @staticmethod
    def _target_of(message: Request | Response) -> Uri | None:
        contacts = message.contacts
        if not contacts or not isinstance(contacts[0].uri, SipUri):
            return None
        return contacts[0].uri

    def next_hop(self) -> Uri:
        """The URI whose servers get the requests of this dialog (12.2.1.1, 8.1.2)."""
        if self.route_set:
            return self.route_set[0].uri
        return self._fallback_hop or self._target()

    def _target(self) -> Uri:
        if self.remote_target is None:
            raise LocalProtocolError("this dialog has no remote target yet")
        return self.remote_target

    def request(
        self,
        method: str,
        *,
        headers: Headers = (),
        body: bytes = b"",
        has_contact: bool = False,
    ) -> Request:
        """The next request in this dialog, without Via (RFC 3261 section 12.2.1.1).

        Args:
            method: Any but ACK and CANCEL.
            headers: More fields, such as Reason or Content-Type.
            body: The body, described by the fields given.
            has_contact: Whether it is a target refresh request.

        Raises:
            LocalProtocolError: There is no remote target.
        """
        self._target()
        self.local_cseq += 1
        return self._request(method, self.local_cseq, headers, body, has_contact)

    def repeated(self, request: Request, credentials: Headers) -> Request:
        """A request of this dialog once more: its next number, and these credentials.

        Args:
            request: As it was sent, without Via.
            credentials: Rows in place of those that it had.
        """
        self.local_cseq += 1
        again = request.replacing("CSeq", f"{self.local_cseq} {request.method}")
        for name in _CREDENTIALS:
            again = again.without(name)
        return again.with_headers(credentials)

    def ack(self, *, headers: Headers = (), body: bytes = b"") -> Request:
        """The ACK of the INVITE's 2xx, with the INVITE's CSeq number (13.2.2.4)."""
        fields = [*self._credentials, *headers]
        return self._request("ACK", self._invite_cseq, fields, body, False)

    def ack_of(self, cseq: int) -> Request:
        """The ACK of the 2xx to the re-INVITE with this CSeq number."""
        return self._request("ACK", cseq, (), b"", False)

    def _request(
        self,
        method: str,
        cseq: int,
        headers: Headers,
        body: bytes,
        has_contact: bool,
    ) -> Request:
        target = self._target()
        if isinstance(target, SipUri):
            target = target.request_target()
        routes = [str(route) for route in self.route_set]
        if self.route_set:
            first = self.route_set[0].uri
            if isinstance(first, SipUri) and not first.is_loose_router:
                # RFC 3261 12.2.1.1: a strict router wants its own URI in the
                # Request-URI, and finds the remote target last in Route.
                routes = [*routes[1:], f"<{target}>"]
                target = first.request_target()
        fields = [("Route", route) for route in routes]
        fields.append(("Max-Forwards", "70"))
        fields.append(("From", self._from))
        fields.append(("To", self._to))
        fields.append(("Call-ID", self.call_id))
        fields.append(("CSeq", f"{cseq} {method}"))
        if has_contact and self._contact is not None:
            fields.append(("Contact", self._contact))
        if self._product is not None:
            fields.append(("User-Agent", self._product))
        if method in _TARGET_REFRESH:
            # RFC 4028 7.4: "The values of Supported, Require, and Proxy-Require used in
            # the initial Session refresh request MUST be used."
            fields.extend(_extensions_of(self._invite))
        elif method != "ACK":
            fields.append(("Supported", SUPPORTED))
        fields.extend(headers)
        return Request(method, target, fields, body)

    @property
    def has_sent_nothing(self) -> bool:
        """Whether the INVITE is the only request that we have sent in it."""
        return self.local_cseq == self._invite_cseq

    def is_in_order(self, request: Request) -> bool:
        """Whether the peer's request is newer than all before it (12.2.2).

        Its number is remembered. ACK and CANCEL bear the number of their INVITE and are
        not asked about.
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True


def _extensions_of(invite: Request) -> list[tuple[str, str]]:
    """What the INVITE supports and requires, session timers always (RFC 4028 7.1)."""
    rows = [(name, value) for name in _EXTENSIONS for value in invite.get_all(name)]
    if invite.has_token("Supported", SUPPORTED):
        return rows
    return [("Supported", SUPPORTED), *rows]


def _hop_of(invite: Request) -> Uri:
    """Where the INVITE goes first: its top Route, or its Request-URI."""
    routes = invite.routes
    return routes[0].uri if routes else invite.uri
