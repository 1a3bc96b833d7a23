"""Finds the servers for a URI (RFC 3263).

Literal addresses need no lookup, names of the `--resolve` table neither; all others
are looked up as addresses, A and AAAA, with the default port of their transport.
NAPTR and SRV records are not asked for yet; they need no other interface.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.names import client, dns, hosts
from twisted.names.error import ResolverError
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from sipuac.errors import LocalProtocolError, ResolutionFailed
from sipuac.syntax.destination import DEFAULT_PORTS, Destination
from sipuac.syntax.uri import SipUri

#: Where the system names its name servers.
RESOLV_CONF = b"/etc/resolv.conf"

#: Seconds after which one DNS query is sent again, and the last time is given up.
QUERY_TIMEOUTS = (1, 2, 4)

#: Seconds for the whole search.
SEARCH_TIMEOUT = 10.0

#: Addresses of one name that are tried at most.
MAX_ADDRESSES = 16

#: Aliases that are followed one after another.
MAX_ALIASES = 4

# Answers, authorities and additional records.
_Answer = tuple[Sequence[Any], Sequence[Any], Sequence[Any]]


class IResolver(Interface):
    """Finds the servers for a URI (RFC 3263)."""

    def resolve(uri: object, *, is_secure: bool = False) -> Deferred[list[Destination]]:
        """The servers to try for a SipUri, in order; at least one.

        Args:
            uri: The `SipUri` of the next hop: the top Route, or the Request-URI.
            is_secure: Whether the request must go over TLS although this URI does not
                say so: its Request-URI is a SIPS URI (RFC 3261 section 8.1.2).

        The Deferred fails with `ResolutionFailed`; cancelling it gives up.
        """


class AddressLookup(Protocol):
    """What we need of a resolver of `twisted.names`; each of those will do."""

    def lookupAddress(
        self, name: str, timeout: Sequence[int] | None = None
    ) -> Deferred[_Answer]:
        """The A records of a name."""

    def lookupIPV6Address(
        self, name: str, timeout: Sequence[int] | None = None
    ) -> Deferred[_Answer]:
        """The AAAA records of a name."""


@implementer(IResolver)
class Resolver:
    """Finds servers by RFC 3263, so far by address records alone.

    Args:
        table: Addresses by name, instead of DNS; the names keep their meaning for the
            certificates that servers must show.
        lookup: Where names are looked up; None for the system's hosts file and name
            servers, by `reactor`.
        reactor: Bounds the time of a search, and asks the system's name servers.

    Raises:
        LocalProtocolError: An address of the table is none.
    """

    def __init__(
        self,
        table: Mapping[str, str] | None = None,
        lookup: AddressLookup | None = None,
        *,
        reactor: IReactorTime | None = None,
    ) -> None:
        self._table = {
            _plain_name(name): _table_address(name, address)
            for name, address in (table or {}).items()
        }
        self._lookup = lookup
        self._reactor = reactor
        self._servers: AddressLookup | None = None

    def resolve(
        self, uri: object, *, is_secure: bool = False
    ) -> Deferred[list[Destination]]:
        """See `IResolver`."""
        searching: Deferred[list[Destination]] = self._search(uri, is_secure)
        if self._reactor is not None and not searching.called:
            searching.addTimeout(SEARCH_TIMEOUT, self._reactor)
            searching.addErrback(_timed_out)
        return searching

    @inlineCallbacks
    def _search(
        self, uri: object, is_secure: bool
    ) -> Generator[Deferred[Any], Any, list[Destination]]:
        if not isinstance(uri, SipUri):
            raise ResolutionFailed(f"no server can be found for {uri}")
        transport = transport_for(uri, is_secure=is_secure)
        port = uri.port or DEFAULT_PORTS[transport]
        # RFC 3263 section 4: "If the URI contains an maddr parameter, TARGET is set to
        # the value of the maddr parameter". The certificate still has to name the host
        # of the URI: where to connect proves nothing.
        target = (uri.parameter("maddr") or uri.host).strip("[]")
        addresses: list[str] = yield self._addresses_of(target)
        return [
            Destination(transport, address, port, uri.host) for address in addresses
        ]

    def _addresses_of(self, target: str) -> Deferred[list[str]]:
        address = _literal_address(target) or self._table.get(_plain_name(target))
        if address is not None:
            return succeed([address])
        if self._lookup is not None:
            return _look_up_both(self._lookup, target)
        return self._ask_system(target)

    def _ask_system(self, name: str) -> Deferred[list[str]]:
        """Ask the hosts file, and the name servers for what does not stand there."""
        found = _look_up_both(hosts.Resolver(), name)
        if self._reactor is not None:
            found.addErrback(self._ask_servers, name)
        return found

    def _ask_servers(self, failure: Failure, name: str) -> Deferred[list[str]]:
        failure.trap(ResolutionFailed)
        if self._servers is None:
            # Only made when it is needed, since from then on it looks at the system's
            # configuration every minute.
            self._servers = client.Resolver(RESOLV_CONF, reactor=self._reactor)
        return _look_up_both(self._servers, name)


def transport_for(uri: SipUri, *, is_secure: bool = False) -> str:
    """The transport for requests to this URI (RFC 3263 section 4.1).

    Args:
        uri: The next hop.
        is_secure: Whether it must be TLS although this URI does not say so.

    Raises:
        ResolutionFailed: It asks for a transport that we do not have, or for one that
            is not secure where it has to be.
    """
    asked = (uri.parameter("transport") or "").upper()
    if asked and asked not in DEFAULT_PORTS:
        raise ResolutionFailed(f"transport {asked[:20]} is not supported")
    if is_secure or uri.is_secure:
        if asked == "UDP":
            raise ResolutionFailed("a secure request cannot go over UDP")
        return "TLS"
    # "if the TARGET is a numeric IP address, or an explicit port, the client SHOULD use
    # UDP for a SIP URI"; and UDP where there are neither NAPTR nor SRV records.
    return asked or "UDP"


@inlineCallbacks
def _look_up_both(
    lookup: AddressLookup, name: str
) -> Generator[Deferred[Any], Any, list[str]]:
    """IPv4 and IPv6 addresses of a name, those of IPv4 first.

    RFC 7984 section 3.1 wants both asked for; the transports try them in turn.
    """
    both = DeferredList(
        [
            _look_up(lookup.lookupAddress, name, dns.A),
            _look_up(lookup.lookupIPV6Address, name, dns.AAAA),
        ],
        consumeErrors=True,
    )
    outcomes: list[tuple[bool, Any]] = yield both
    addresses = [
        address for is_found, found in outcomes if is_found for address in found
    ]
    if not addresses:
        raise outcomes[0][1].value
    return list(dict.fromkeys(addresses))[:MAX_ADDRESSES]


@inlineCallbacks
def _look_up(
    ask: Callable[..., Deferred[_Answer]], name: str, kind: int
) -> Generator[Deferred[Any], Any, list[str]]:
    for _ in range(MAX_ALIASES + 1):
        try:
            # Errors of names are ValueErrors: unknown ones and unspeakable ones alike.
            answers, _, _ = yield ask(name, timeout=QUERY_TIMEOUTS)
        except (ValueError, ResolverError, DeferredTimeout, OSError) as error:
            raise ResolutionFailed(f"{name}: {_words(error)}") from error
        addresses = [
            record.payload.dottedQuad() if kind == dns.A else _ipv6(record.payload)
            for record in answers
            if record.type == kind
        ]
        if addresses:
            return addresses
        # A name server that follows aliases sends the addresses too; this one does not.
        aliases = [record for record in answers if record.type == dns.CNAME]
        if not aliases:
            break
        name = str(aliases[-1].payload.name)
    raise ResolutionFailed(f"{name} has no address")


def _ipv6(record: dns.Record_AAAA) -> str:
    return str(ip_address(record.address))


def _timed_out(failure: Failure) -> list[Destination]:
    failure.trap(DeferredTimeout)
    raise ResolutionFailed("the name servers take too long")


def _words(error: Exception) -> str:
    if isinstance(error, DeferredTimeout | OSError):
        return "the name servers do not answer"
    return "there is no such name"


def _literal_address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _plain_name(name: str) -> str:
    return name.lower().removesuffix(".")


def _table_address(name: str, address: str) -> str:
    literal = _literal_address(address.strip("[]"))
    if literal is None:
        raise LocalProtocolError(
            f"cannot resolve {name!r} as {address!r}: no IP address"
        )
    return literal
