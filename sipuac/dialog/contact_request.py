"""The INVITE that a Contact of a redirection asks for (RFC 3261 8.1.3.4, 19.1.5).

The URI becomes the Request-URI, its header components become header fields where that
does no harm. Who redirects us may not speak for us.
"""

from __future__ import annotations

from sipuac.dialog.uri_fields import requested_fields
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri, Uri

# Fields whose values add up; those of others are replaced.
_LISTS = frozenset(["Accept-Contact", "In-Reply-To", "Reject-Contact"])


def request_for(invite: Request, contact: Uri) -> Request:
    """The redirected INVITE for this URI, with the CSeq number that it had.

    Args:
        invite: The one that was redirected.
        contact: The URI, with its `method` parameter and headers.

    Raises:
        LocalProtocolError: The URI is not valid for an INVITE of ours.
    """
    try:
        fields = requested_fields(contact)
    except ParseError as error:
        raise LocalProtocolError(str(error)) from error
    request = Request("INVITE", contact, invite.header_items(), invite.body)
    for name, text in fields:
        if name == "Request-Disposition" and invite.get(name) is not None:
            continue
        if name in _LISTS:
            request = request.with_headers([(name, text)])
        else:
            request = request.replacing(name, text)
    return request


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
