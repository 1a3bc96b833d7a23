"""The INVITE that a Contact of a redirection asks for (RFC 3261 8.1.3.4, 19.1.5).

The URI becomes the Request-URI, its header components become header fields where that
does no harm. Who redirects us may not speak for us: what says who we are, where we are,
what we can do and what we want kept private stays as it was.
"""

from __future__ import annotations

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import check_header
from sipuac.syntax.message import Request
from sipuac.syntax.names import canonical_name
from sipuac.syntax.uri import SipUri, Uri, unescape

# "An implementation SHOULD NOT honor these obviously dangerous header fields: From,
# Call-ID, CSeq, Via, and Record-Route", nor Route, nor what "may cause it to falsely
# advertise its location or capabilities" (section 19.1.5).
_DANGEROUS = frozenset(
    "From Call-ID CSeq Via Record-Route Route Accept Accept-Encoding Accept-Language "
    "Allow Contact Organization Supported User-Agent".split()
)
# "SHOULD verify the accuracy of any requested descriptive header fields": ours are
# accurate as they are. No body of others is sent in place of our offer.
_DESCRIPTIVE = frozenset(
    "Content-Disposition Content-Encoding Content-Language Content-Length Content-Type "
    "Date MIME-Version Timestamp body".split()
)
# What else is ours alone to say: who we are and what shall be known of it, what call
# this is, and what we agreed with whom.
_OURS = frozenset(
    "To Max-Forwards Expires Session-Expires Min-SE Authorization Proxy-Authorization "
    "Identity Identity-Info P-Asserted-Identity P-Preferred-Identity Privacy Replaces "
    "Join Target-Dialog Request-Disposition Allow-Events RSeq RAck Path".split()
)
_IGNORED = frozenset(name.lower() for name in _DANGEROUS | _DESCRIPTIVE | _OURS)

# Fields whose values add up; those of all others are replaced.
_LISTS = frozenset(
    "Accept-Contact Alert-Info Call-Info Error-Info Geolocation History-Info "
    "In-Reply-To Reason Reject-Contact Resource-Priority".split()
)


def request_for(invite: Request, contact: Uri) -> Request:
    """The redirected INVITE for this URI, with the CSeq number that it had.

    Args:
        invite: The one that was redirected.
        contact: The URI, with its `method` parameter and headers.

    Raises:
        LocalProtocolError: The URI is not valid for an INVITE of ours.
    """
    rows = invite.header_items()
    if not isinstance(contact, SipUri):
        return Request("INVITE", contact, rows, invite.body)
    method = contact.parameter("method")
    if method is not None and method != "INVITE":
        raise LocalProtocolError(f"it asks for {method}")
    request = Request("INVITE", contact.request_target(), rows, invite.body)
    for escaped_name, escaped_value in contact.headers:
        name, text = canonical_name(unescape(escaped_name)), unescape(escaped_value)
        if name.lower() in _IGNORED:
            continue
        check_header(name, text)
        if name in ("Require", "Proxy-Require"):
            _check_required(invite, name, text)
        elif name in _LISTS:
            request = request.with_headers([(name, text)])
        else:
            request = request.replacing(name, text)
    return request


def _check_required(invite: Request, name: str, text: str) -> None:
    """Refuse what we do not require anyway.

    "An implementation MUST NOT send a request requiring an extension that it does not
    support" (section 19.1.5); what else is required the application decides.
    """
    for tag in text.split(","):
        if not invite.has_token(name, tag.strip()):
            raise LocalProtocolError(f"it requires {tag.strip()!r}")


def proxied_by(invite: Request, proxy: Uri) -> Request:
    """The same INVITE by way of a proxy, for a 305 (RFC 3261 section 21.3.4).

    Our own outbound proxy stays the first hop.

    Raises:
        LocalProtocolError: This is no URI of a proxy.
    """
    if not isinstance(proxy, SipUri):
        raise LocalProtocolError("a proxy has a sip or sips URI")
    route = proxy.request_target()
    if not route.is_loose_router:
        route = route.with_parameter("lr")
    try:
        routes = [str(address) for address in invite.routes]
    except ParseError as error:
        raise LocalProtocolError(str(error)) from error
    rows = [("Route", text) for text in (*routes, f"<{route}>")]
    others = [row for row in invite.header_items() if row[0] != "Route"]
    return Request("INVITE", invite.uri_text, [*rows, *others], invite.body)
