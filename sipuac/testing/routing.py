"""What a proxy does to the routes of a request (RFC 3261 sections 16.4, 16.6)."""

from __future__ import annotations

from collections.abc import Callable

from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri, Uri
from sipuac.transport.interfaces import IFlow

IsOwn = Callable[[Uri], bool]


def with_request_uri(request: Request, uri: Uri) -> Request:
    """A copy with another Request-URI, all else as it was."""
    return Request(request.method, uri, request.header_items(), request.body)


def without_own_routes(request: Request, is_own: IsOwn) -> Request:
    """Route information preprocessing (section 16.4).

    Two Route values in a row are removed where the proxy put in two (RFC 5658).
    """
    routes = [str(route) for route in request.routes]
    uri = request.uri
    # A strict router put our Record-Route value into the Request-URI.
    if isinstance(uri, SipUri) and uri.is_loose_router and is_own(uri) and routes:
        request = with_request_uri(request, request.routes[-1].uri)
        del routes[-1]
    kept = list(zip(routes, request.routes, strict=False))
    while kept and is_own(kept[0][1].uri):
        del kept[0]
    if len(kept) == len(request.routes):
        return request
    return _with_routes(request, [text for text, _ in kept])


def with_next_hop(request: Request) -> tuple[Request, Uri]:
    """The request as it is sent, and where it is sent to (16.6 items 6 and 7)."""
    routes = request.routes
    if not routes:
        return request, request.uri
    first = routes[0].uri
    if isinstance(first, SipUri) and first.is_loose_router:
        return request, first
    rest = [str(route) for route in routes[1:]]
    request = _with_routes(request, [*rest, f"<{request.uri}>"])
    return with_request_uri(request, first), first


def with_record_route(request: Request, came: IFlow, goes: IFlow) -> Request:
    """A copy that asks for the proxy to stay on the path (section 16.6 item 4).

    Where the sides differ there are two values, so that either end finds one that it
    can reach (RFC 5658).
    """
    scheme = "sips" if request.uri_text.startswith("sips:") else "sip"
    near, far = _record_route(came, scheme), _record_route(goes, scheme)
    values = [far] if near == far else [far, near]
    rows = request.header_items()
    names = [name for name, _ in rows]
    at = names.index("Record-Route") if "Record-Route" in names else len(rows)
    rows[at:at] = [("Record-Route", text) for text in values]
    return Request(request.method, request.uri, rows, request.body)


def with_one_hop_less(request: Request) -> Request:
    """A copy with Max-Forwards counted down, or set to 70 (section 16.6 item 3)."""
    left = 71 if request.max_forwards is None else request.max_forwards
    return request.replacing("Max-Forwards", str(left - 1))


def _record_route(flow: IFlow, scheme: str) -> str:
    host, port = flow.sent_by
    uri = SipUri(scheme, None, None, host, port)
    if flow.transport != "UDP" and scheme == "sip":
        uri = uri.with_parameter("transport", flow.transport.lower())
    return f"<{uri.with_parameter('lr')}>"


def _with_routes(request: Request, routes: list[str]) -> Request:
    request = request.without("Route")
    return request.with_headers([("Route", text) for text in routes])
