"""The search for the servers of a URI (RFC 3263 section 4), bounded in every way.

Literal addresses need no lookup. Names of the `--resolve` table and of the hosts file
have their addresses there, and nobody is asked about them. For all others: NAPTR where
neither port nor transport is given, SRV where no port is, and A and AAAA.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.names import dns
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.errors import ResolutionFailed
from sipuac.resolver.addresses import SourceToward
from sipuac.resolver.cache import AnswerCache
from sipuac.resolver.client import NameClient
from sipuac.resolver.interfaces import IResolver, Lookup, NameServer
from sipuac.resolver.names import Names, all_of, no_answer
from sipuac.resolver.records import Answer, Status
from sipuac.resolver.rules import (
    Naptr,
    Pick,
    Service,
    Srv,
    asked_transport,
    default_transport,
    ordered_targets,
    services_by_naptr,
    services_by_rule,
)
from sipuac.resolver.system import HostsFile, SystemServers
from sipuac.syntax.destination import DEFAULT_PORTS, Destination
from sipuac.syntax.uri import SipUri
from sipuac.values import value

#: Seconds for the whole search.
SEARCH_TIMEOUT = 10.0

#: Targets of one service that are looked up at most.
MAX_TARGETS = 16

#: Services that one group of NAPTR records may lead to.
MAX_SERVICES = 4

#: Groups of NAPTR records that are gone through.
MAX_GROUPS = 4

#: Servers that are tried at most.
MAX_DESTINATIONS = 32

# What a search yields, of many types, and what comes of it.
_Search = Generator[Deferred[Any], Any, list[Destination]]


def _pick_by_chance(highest: int) -> int:
    return SystemRandom().randint(0, highest)


@value(frozen=True, slots=True)
class _Goal:
    """What is searched for.

    Attributes:
        domain: The host of the URI.
        target: The name that the search begins at.
        is_secure: Whether only TLS will do.
        transport: The one to use unless DNS says another.
    """

    domain: str
    target: str
    is_secure: bool
    transport: str

    def destinations(
        self, transport: str, port: int, name: str, addresses: Sequence[str]
    ) -> list[Destination]:
        """The servers at these addresses of a name.

        The certificate has to name the host of the URI: neither maddr nor anything that
        came by DNS proves who a server is (RFC 5922 section 7.3).
        """
        return [
            Destination(transport, address, port, self.domain, name)
            for address in addresses
        ]


@implementer(IResolver)
class Resolver:
    """Finds servers by RFC 3263.

    Args:
        table: Addresses by name, instead of DNS; the names keep their meaning for the
            certificates that servers must show.
        lookup: Where names are looked up; None for the system's hosts file and, by
            `reactor`, name servers.
        reactor: Has the clock that bounds a search and the sockets to ask with; without
            it nothing is remembered. Any, as it provides many interfaces.
        nameservers: Who is asked; none for those of the system.
        hosts: The hosts file; None for the system's, or none where `lookup` is given.
        pick: Chance, for SRV weights and the numbers of questions.
        source_toward: Tells our own address toward another, to order addresses by
            (RFC 6724); None where nobody knows.

    Attributes:
        counters: How often each thing happened that should be seen.

    Raises:
        LocalProtocolError: An address of the table is none.
    """

    def __init__(
        self,
        table: Mapping[str, str] | None = None,
        lookup: Lookup | None = None,
        *,
        reactor: Any = None,
        nameservers: Sequence[NameServer] = (),
        hosts: HostsFile | None = None,
        pick: Pick = _pick_by_chance,
        source_toward: SourceToward | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        if hosts is None and lookup is None:
            hosts = HostsFile()
        if lookup is None and reactor is not None:
            servers = SystemServers() if not nameservers else lambda: nameservers
            lookup = NameClient(reactor, servers, pick, self.counters)
        cache = None
        if lookup is not None:
            cache = AnswerCache(lookup, reactor, self.counters)
        self._names = Names(table or {}, hosts, cache, source_toward)
        self._reactor = reactor
        self._pick = pick

    def resolve(
        self, uri: object, *, is_secure: bool = False
    ) -> Deferred[list[Destination]]:
        """See `IResolver`."""
        if not isinstance(uri, SipUri):
            return fail(ResolutionFailed(f"no server can be found for {uri}"))
        try:
            known = self._known(uri, is_secure)
        except ResolutionFailed as error:
            return fail(error)
        if known is not None:
            return succeed(known)
        searching: Deferred[list[Destination]] = self._search(uri, is_secure)
        if self._reactor is not None and not searching.called:
            searching.addTimeout(SEARCH_TIMEOUT, self._reactor)
            searching.addErrback(_timed_out)
        return searching

    def _known(self, uri: SipUri, is_secure: bool) -> list[Destination] | None:
        """The servers that nobody need be asked for; None where name servers are to be.

        Departs from RFC 3263 section 4.1, which asks NAPTR and SRV for every name,
        because who gives a name an address on this host says where its server is.

        Raises:
            ResolutionFailed: There cannot be any.
        """
        goal, _ = _goal_of(uri, is_secure)
        addresses = self._names.known_addresses(goal.target)
        if not addresses:
            return None
        port = uri.port or DEFAULT_PORTS[goal.transport]
        return _bounded(goal.destinations(goal.transport, port, goal.target, addresses))

    @inlineCallbacks
    def _search(self, uri: SipUri, is_secure: bool) -> _Search:
        goal, asked = _goal_of(uri, is_secure)
        if uri.port or self._names.known_addresses(goal.target) is not None:
            addresses: Sequence[str] = yield self._names.addresses(goal.target)
            port = uri.port or DEFAULT_PORTS[goal.transport]
            found = goal.destinations(goal.transport, port, goal.target, addresses)
        else:
            found = yield from self._search_services(goal, asked)
        return _bounded(found)

    # Which services

    def _search_services(self, goal: _Goal, asked: str | None) -> _Search:
        """The servers by NAPTR and SRV records, else those of the name itself.

        Raises:
            ResolutionFailed: There are SRV records, but they lead nowhere; or the name
                servers do not say whether there are any.
        """
        groups: list[list[Service]] = []
        if asked is None:
            answer: Answer = yield self._names.ask(goal.target, dns.NAPTR)
            records = [one for one in answer.records if isinstance(one, Naptr)]
            groups = services_by_naptr(records, is_secure=goal.is_secure)[:MAX_GROUPS]
        # Section 4.2: without SRV records the name itself is contacted "using the
        # transport protocol determined previously".
        transport = groups[0][0].transport if groups else goal.transport
        by_rule = services_by_rule(goal.target, asked, is_secure=goal.is_secure)
        is_there = False
        for services in groups or [by_rule]:
            found, is_one_there = yield from self._search_group(goal, services)
            if found:
                return found
            is_there = is_there or is_one_there
        if is_there:
            raise ResolutionFailed(f"{goal.target} offers no server that we can use")
        addresses: Sequence[str] = yield self._names.addresses(goal.target)
        port = DEFAULT_PORTS[transport]
        return goal.destinations(transport, port, goal.target, addresses)

    def _search_group(
        self, goal: _Goal, services: Sequence[Service]
    ) -> Generator[Deferred[Any], Any, tuple[list[Destination], bool]]:
        """The servers of these services, and whether there are SRV records at all."""
        services = services[:MAX_SERVICES]
        answers: list[Answer] = yield all_of(
            [self._names.ask(service.name, dns.SRV) for service in services]
        )
        targets: list[tuple[Service, Srv]] = []
        for service, answer in zip(services, answers, strict=True):
            records = [one for one in answer.records if isinstance(one, Srv)]
            ordered = ordered_targets(records, self._pick)
            targets += [(service, srv) for srv in ordered[:MAX_TARGETS]]
        statuses = {answer.status for answer in answers}
        if Status.FOUND not in statuses and Status.SILENT in statuses:
            # That is not "there are none": what has its servers elsewhere must not be
            # taken for a server itself.
            raise no_answer(goal.target)
        found = yield from self._search_targets(goal, targets)
        return found, Status.FOUND in statuses

    def _search_targets(
        self, goal: _Goal, targets: Sequence[tuple[Service, Srv]]
    ) -> _Search:
        """The addresses of the targets, target by target (RFC 7984 section 4)."""
        names = list(dict.fromkeys(srv.target for _, srv in targets))
        answers: list[Sequence[str]] = yield all_of(
            [self._names.addresses_if_any(name) for name in names]
        )
        addresses = dict(zip(names, answers, strict=True))
        found = []
        for service, srv in targets:
            found += goal.destinations(
                service.transport, srv.port, srv.target, addresses[srv.target]
            )
        return found


def _goal_of(uri: SipUri, is_secure: bool) -> tuple[_Goal, str | None]:
    """What is searched for, and the transport that the URI insists on.

    Raises:
        ResolutionFailed: It insists on one that cannot be.
    """
    is_secure = is_secure or uri.is_secure
    # RFC 3263 section 4: "We define TARGET as the value of the maddr parameter of the
    # URI, if present, otherwise, the host value".
    target = (uri.parameter("maddr") or uri.host).strip("[]")
    asked = asked_transport(uri, is_secure=is_secure)
    transport = asked or default_transport(is_secure=is_secure)
    return _Goal(uri.host, target, is_secure, transport), asked


def _bounded(found: list[Destination]) -> list[Destination]:
    return list(dict.fromkeys(found))[:MAX_DESTINATIONS]


def _timed_out(failure: Failure) -> list[Destination]:
    failure.trap(DeferredTimeout)
    raise ResolutionFailed("the name servers take too long")
