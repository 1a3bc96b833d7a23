"""The initial INVITE: what may be asked for, and how it is written.

RFC 3261 sections 8.1.1 and 13.2.1. Everything here is checked before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.dialog.capabilities import ALLOW
from sipuac.dialog.session_interval import OPTION_TAG as TIMER
from sipuac.dialog.session_interval import SessionAsk
from sipuac.dialog.uri_fields import Fields, check_dispositions, requested_fields
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.fields import NameAddress, check_header
from sipuac.syntax.lexical import split_list
from sipuac.syntax.message import Request
from sipuac.syntax.names import canonical_name
from sipuac.syntax.uri import SipUri, TelUri, Uri, parse_uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.field_rules import (
    check_breadth,
    check_preferred_identity,
    check_privacy,
)
from sipuac.ua.identifiers import Identifiers
from sipuac.values import value

__all__ = [
    "FORK_PREFERENCES",
    "RELIABILITIES",
    "Caller",
    "Fields",
    "build_invite",
    "checked_headers",
    "extension_fields",
    "fields_of_target",
    "fork_preference_fields",
    "parse_identity",
    "parse_proxy",
    "parse_target",
]

FORK_PREFERENCES = ("no-fork", "sequential", "none")
RELIABILITIES = ("supported", "required")

# Fields that the user agent writes itself: another value of them would make the message
# contradict itself.
_OWN_FIELDS = frozenset(
    (
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Max-Forwards",
        "Route",
        "Record-Route",
        "Content-Length",
        "Content-Type",
        "Content-Encoding",
        "Expires",
        "Allow",
        "Supported",
        "User-Agent",
        "Session-Expires",
        "Min-SE",
    )
)

# RFC 3323 section 4.1.1.3: the host in From of who does not want to be known.
_ANONYMOUS_HOST = "anonymous.invalid"


@value(frozen=True, slots=True)
class Caller:
    """Who calls, and through what.

    Attributes:
        identity: The From field, without a tag.
        proxy: The outbound proxy; None for none.
        user_agent: The User-Agent field; None leaves it out.
        service_routes: The way that our registrar wants, after the proxy (RFC 3608).
    """

    identity: NameAddress
    proxy: SipUri | None
    user_agent: str | None
    service_routes: tuple[NameAddress, ...] = ()

    @property
    def is_anonymous(self) -> bool:
        """Whether From says nothing of who calls (RFC 3323 section 4.1.1.3)."""
        return is_anonymous(self.identity)

    def next_hop(self, target: Uri) -> Uri:
        """The URI whose servers get the INVITE (RFC 3261 section 8.1.2)."""
        if self.proxy is not None:
            return self.proxy
        return self.service_routes[0].uri if self.service_routes else target


def is_anonymous(identity: NameAddress) -> bool:
    """Whether this says nothing of who it is (RFC 3323 section 4.1.1.3)."""
    uri = identity.uri
    return isinstance(uri, SipUri) and uri.host.lower() == _ANONYMOUS_HOST


def parse_identity(identity: str) -> NameAddress:
    """Who calls, as the From field writes it, without a tag.

    Raises:
        LocalProtocolError: It is no sip, sips or tel URI, with or without a name.
    """
    try:
        address = NameAddress.parse(identity)
    except ParseError as error:
        raise LocalProtocolError(f"cannot call as {identity!r}: {error}") from None
    uri = address.uri
    if not isinstance(uri, SipUri | TelUri):
        raise LocalProtocolError(f"cannot call as {identity!r}: neither sip nor tel")
    if isinstance(uri, SipUri):
        uri = uri.logical_identity()
    address = NameAddress(address.display_name, uri, ())
    # A name that cannot be written is refused now and not at the first call.
    check_header("From", str(address))
    return address


def parse_proxy(proxy: str) -> SipUri:
    """An outbound proxy; one that does not say `lr` is taken as a loose router.

    Raises:
        LocalProtocolError: It is no sip or sips URI.
    """
    try:
        uri = parse_uri(proxy)
    except ParseError as error:
        raise LocalProtocolError(f"unusable proxy {proxy!r}: {error}") from None
    if not isinstance(uri, SipUri):
        raise LocalProtocolError(f"unusable proxy {proxy!r}: no sip URI")
    # Neither of these may stand in Route (RFC 3261 section 19.1.1, table 1).
    uri = uri.request_target().without_parameter("ttl")
    return uri if uri.is_loose_router else uri.with_parameter("lr")


def parse_target(target: str, *, has_proxy: bool) -> Uri:
    """Who is called.

    Raises:
        LocalProtocolError: It is neither a sip or sips URI nor, where there is a proxy
            to route it, a tel URI.
    """
    try:
        uri = parse_uri(target)
    except ParseError as error:
        raise LocalProtocolError(f"cannot call {target!r}: {error}") from None
    if isinstance(uri, TelUri):
        if not has_proxy:
            raise LocalProtocolError("a tel URI needs a proxy that can route it")
        return uri
    if not isinstance(uri, SipUri):
        raise LocalProtocolError(f"cannot call {target!r}: neither sip nor tel")
    return uri.request_target()


def checked_headers(
    headers: Iterable[tuple[str, str]], *, has_proxy: bool = False
) -> Fields:
    """The further fields that an application asks for.

    Args:
        headers: Names and values.
        has_proxy: Whether they go to a proxy of our own choice.

    Raises:
        LocalProtocolError: One of them would break the message, or is not the
            application's to write, or asks for what is not built.
    """
    fields = []
    for name, text in headers:
        check_header(name, text)
        canonical = canonical_name(name)
        if canonical in _OWN_FIELDS:
            raise LocalProtocolError(f"{name} is written by the user agent itself")
        if canonical == "Require" and "100rel" in map(str.lower, split_list(text)):
            raise LocalProtocolError("100rel is asked for by reliable='required'")
        fields.append((name, text))
    check_dispositions(fields)
    check_breadth(fields)
    check_privacy(fields)
    check_preferred_identity(fields, has_proxy=has_proxy)
    return fields


def fork_preference_fields(preference: str, asked: Fields) -> Fields:
    """What an INVITE for early media asks of proxies (RFC 3841 section 9.1).

    Args:
        preference: One of `FORK_PREFERENCES`.
        asked: The application's own fields; its own Request-Disposition counts alone.
    """
    has_own = any(canonical_name(name) == "Request-Disposition" for name, _ in asked)
    if preference == "none" or has_own:
        return []
    return [("Request-Disposition", preference)]


def fields_of_target(target: str, asked: Fields) -> Fields:
    """The further fields that the URI of a callee asks for (RFC 3261 section 19.1.5).

    Args:
        target: The URI.
        asked: The application's own fields; of each name they count alone.

    Raises:
        LocalProtocolError: No INVITE can be formed of this URI.
    """
    try:
        fields = requested_fields(parse_uri(target))
    except ParseError as error:
        raise LocalProtocolError(f"cannot call {target!r}: {error}") from None
    names = {canonical_name(name) for name, _ in asked}
    return [field for field in fields if field[0] not in names]


def extension_fields(reliable: str, *, wants_199: bool) -> Fields:
    """The extensions that an INVITE supports or requires.

    RFC 3262 section 4, RFC 6228 section 4 and RFC 4028 section 7.1.

    Args:
        reliable: One of `RELIABILITIES`: whether a callee that cannot send provisional
            responses reliably is to refuse the INVITE.
        wants_199: Whether to be told of early dialogs that end; not together with
            `Require: 100rel`, as each 199 would then have to be sent reliably.
    """
    # RFC 4028 7.1: `timer` is said by all who know it, wanted or not.
    if reliable == "required":
        return [("Require", "100rel"), ("Supported", TIMER)]
    tags = ["100rel", "199", TIMER] if wants_199 else ["100rel", TIMER]
    return [("Supported", ", ".join(tags))]


def session_ask(session_expires: int | None, min_se: int | None) -> SessionAsk:
    """The session timer that an INVITE asks for (RFC 4028 section 7.1).

    Args:
        session_expires: Seconds, 90 or more; None to ask for none.
        min_se: Seconds, 90 or more; None to send no Min-SE.

    Raises:
        LocalProtocolError: One of them is no such number, or the first is less than
            the second.
    """
    for name, seconds in (("session_expires", session_expires), ("min_se", min_se)):
        if seconds is None:
            continue
        if not isinstance(seconds, int) or not seconds < 2**31:
            raise LocalProtocolError(f"{name} must be a whole number of seconds")
    return SessionAsk(session_expires, min_se)


def build_invite(
    caller: Caller,
    target: Uri,
    flow: IFlow,
    fields: Fields,
    offer: SessionDescription | None,
    identifiers: Identifiers,
) -> Request:
    """The initial INVITE, without Via (RFC 3261 sections 8.1.1 and 13.2.1).

    Args:
        caller: Who calls.
        target: The Request-URI.
        flow: What it goes over, and where we are reached.
        fields: All further fields.
        offer: The body; None where the callees are to make the offers.
        identifiers: New tags and Call-IDs.

    Raises:
        TransportFailed: There is no way for the flow.
    """
    rows: Fields = []
    if caller.proxy is not None:
        rows.append(("Route", f"<{caller.proxy}>"))
    rows.extend(("Route", str(route)) for route in caller.service_routes)
    sender = caller.identity.with_parameter("tag", identifiers.tag())
    rows.append(("Max-Forwards", "70"))
    rows.append(("From", str(sender)))
    callee = target.logical_identity() if isinstance(target, SipUri) else target
    rows.append(("To", f"<{callee}>"))
    rows.append(("Call-ID", identifiers.call_id()))
    rows.append(("CSeq", "1 INVITE"))
    hop = caller.next_hop(target)
    rows.append(("Contact", contact_of(caller.identity, target, hop, flow)))
    rows.append(("Allow", ALLOW))
    # RFC 3323 section 4.1: nor do the optional fields of an anonymous call.
    if caller.user_agent is not None and not caller.is_anonymous:
        rows.append(("User-Agent", caller.user_agent))
    rows.extend(fields)
    if offer is None:
        return Request("INVITE", target, rows)
    rows.append(("Content-Type", "application/sdp"))
    return Request("INVITE", target, rows, offer.render())


def contact_of(identity: NameAddress, target: Uri, hop: Uri, flow: IFlow) -> str:
    """Where requests of the callee find us (RFC 3261 section 8.1.1.8).

    Args:
        identity: Who calls.
        target: The Request-URI.
        hop: The top Route, or the Request-URI where there is none.
        flow: What the request goes over.

    Raises:
        TransportFailed: There is no way for the flow.
    """
    host, port = flow.sent_by
    is_secure = any(isinstance(uri, SipUri) and uri.is_secure for uri in (target, hop))
    user = identity.uri.user if isinstance(identity.uri, SipUri) else None
    if is_anonymous(identity):
        # "it MAY also make sense to omit the username altogether" (RFC 3323 4.1.1.2).
        user = None
    transport = flow.transport.lower()
    parameters: tuple[tuple[str, str | None], ...] = ()
    if transport != "udp" and not is_secure:
        parameters = (("transport", transport),)
    scheme = "sips" if is_secure else "sip"
    return f"<{SipUri(scheme, user, None, host, port, parameters)}>"


def next_hop(invite: Request) -> Uri:
    """The URI whose servers get an INVITE (RFC 3261 section 8.1.2)."""
    return invite.routes[0].uri if invite.routes else invite.uri


def is_secure_call(invite: Request) -> bool:
    """Whether everything must go over TLS: the target is a SIPS URI."""
    uri = invite.uri
    return isinstance(uri, SipUri) and uri.is_secure
