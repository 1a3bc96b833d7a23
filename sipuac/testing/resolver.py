"""A resolver that knows what it was told, and asks nobody."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from sipuac.errors import ResolutionFailed
from sipuac.resolver import IResolver
from sipuac.syntax.destination import DEFAULT_PORTS, Destination
from sipuac.syntax.uri import SipUri


@implementer(IResolver)
class LiteralResolver:
    """Takes the host of a URI for its address, unless a table says otherwise.

    Args:
        names: Addresses of hosts, each with the addresses to try in order.
        unknown: Hosts that have no address.
    """

    def __init__(
        self, names: Mapping[str, tuple[str, ...]] | None = None, *unknown: str
    ) -> None:
        self._names = dict(names or {})
        self._unknown = frozenset(unknown)

    def resolve(
        self, uri: object, *, is_secure: bool = False
    ) -> Deferred[list[Destination]]:
        """See `IResolver`; the transport is the URI's, UDP where it names none."""
        if not isinstance(uri, SipUri) or uri.host in self._unknown:
            return fail(ResolutionFailed(f"{uri} has no address"))
        transport = uri.transport or "UDP"
        if is_secure or uri.is_secure:
            transport = "TLS"
        port = uri.port or DEFAULT_PORTS.get(transport, 5060)
        host = uri.parameter("maddr") or uri.host
        addresses = self._names.get(host, (host,))
        return succeed([Destination(transport, a, port, uri.host) for a in addresses])
