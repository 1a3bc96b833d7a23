"""What a server does with the top Via (RFC 3261 section 18.2, RFC 3581 section 4).

It marks in it where a request came from, and reads from it where its response goes.
"""

from __future__ import annotations

from sipuac.syntax.message import Request
from sipuac.transport.addresses import is_address, is_same_address


def with_source(request: Request, source: tuple[str, int]) -> Request:
    """The request with `received` and `rport` of its top Via filled in.

    Args:
        request: As it came.
        source: Address and port that it came from.

    Raises:
        ParseError: The top Via is not readable.
    """
    via = request.top_via
    host, port = source
    if via.has_rport:
        # RFC 3581 section 4: "the server MUST insert a received parameter containing
        # the source IP address that the request came from, even if it is identical to
        # the value of the sent-by component." A value that the client has put in itself
        # is replaced: only we know the port.
        marked = via.with_parameter("rport", str(port)).with_parameter("received", host)
    # A `received` that the client has put in itself would send our response elsewhere.
    elif via.parameter("received") is not None or not is_same_address(via.host, host):
        marked = via.with_parameter("received", host)
    else:
        return request
    return request.with_top_via(marked)


def reply_address(request: Request, *, is_reliable: bool) -> tuple[str, int] | None:
    """Address and port for the response to a request that `with_source` has marked.

    Args:
        request: With `received` and `rport` filled in.
        is_reliable: Whether it came over a connection, which is closed now.

    Returns:
        None where the Via names no address: then only the request's own flow is left.

    Raises:
        ParseError: The top Via is not readable.
    """
    via = request.top_via
    host, port = via.sent_by
    if not is_reliable:
        # A maddr that is a name would need DNS, for a peer that nobody knows.
        if via.maddr is not None and is_address(via.maddr):
            return via.maddr, port
        if via.received is not None and via.rport is not None:
            return via.received, via.rport
    if via.received is not None:
        return via.received, port
    return (host, port) if is_address(host) else None
