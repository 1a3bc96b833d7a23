"""A zone in memory, which answers questions as name servers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.error import DNSNameError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ResolutionFailed
from sipuac.resolver import Resolver
from sipuac.resolver.interfaces import Sections
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import parse_uri

TYPES = {dns.A: "A", dns.AAAA: "AAAA", dns.SRV: "SRV", dns.NAPTR: "NAPTR"}


def v4(address: str, ttl: int = 300) -> dns.Record_A:
    """An A record."""
    return dns.Record_A(address, ttl)


def v6(address: str, ttl: int = 300) -> dns.Record_AAAA:
    """An AAAA record."""
    return dns.Record_AAAA(address, ttl)


def alias(name: str, ttl: int = 300) -> dns.Record_CNAME:
    """A CNAME record."""
    return dns.Record_CNAME(name, ttl)


def srv(
    target: str, port: int = 5060, priority: int = 0, weight: int = 0, ttl: int = 300
) -> dns.Record_SRV:
    """A SRV record."""
    return dns.Record_SRV(priority, weight, port, target, ttl)


def naptr(
    service: str,
    replacement: str,
    order: int = 10,
    preference: int = 10,
    flags: str = "s",
    regexp: str = "",
) -> dns.Record_NAPTR:
    """A NAPTR record."""
    return dns.Record_NAPTR(
        order,
        preference,
        flags.encode(),
        service.encode(),
        regexp.encode(),
        replacement,
        300,
    )


def soa(minimum: int, ttl: int = 3600) -> dns.RRHeader:
    """The SOA record of a negative answer."""
    payload = dns.Record_SOA(b"a", b"b", 1, 2, 3, 4, minimum, ttl)
    return dns.RRHeader(b"example", dns.SOA, ttl=ttl, payload=payload)


def headers(name: str, records: Sequence[Any]) -> list[dns.RRHeader]:
    """The records of a name, as they stand in an answer."""
    return [
        dns.RRHeader(name, one.TYPE, ttl=one.ttl or 0, payload=one) for one in records
    ]


def over_the_wire(message: dns.Message) -> dns.Message:
    """What arrives of a message."""
    arrived = dns.Message()
    message.maxSize = 0
    arrived.fromStr(message.toStr())
    return arrived


class Zone:
    """Answers questions: what is missing is unknown.

    Attributes:
        records: By name.
        asked: All questions: type and name.
        waiting: Questions that are not answered yet; only with `is_slow`.
        failures: What is said of some questions instead of an answer.
    """

    def __init__(self, records: dict[str, list[Any]] | None = None) -> None:
        self.records = records or {}
        self.asked: list[str] = []
        self.is_slow = False
        self.waiting: list[Deferred[Sections]] = []
        self.cancelled = 0
        self.failures: dict[str, Exception] = {}
        self.authority: list[dns.RRHeader] = []

    def query(
        self, query: dns.Query, timeout: Sequence[int] | None = None
    ) -> Deferred[Sections]:
        """See `Lookup`."""
        name = query.name.name.decode()
        question = f"{TYPES[query.type]} {name}"
        self.asked.append(question)
        if self.is_slow:
            self.waiting.append(Deferred(self._cancel))
            return self.waiting[-1]
        for known in (question, TYPES[query.type]):
            if known in self.failures:
                return fail(self.failures[known])
        message = dns.Message(answer=1)
        message.authority = list(self.authority)
        if name not in self.records:
            return fail(DNSNameError(over_the_wire(message)))
        kinds = (query.type, dns.CNAME)
        found = [one for one in self.records[name] if one.TYPE in kinds]
        message.answers = headers(name, found)
        arrived = over_the_wire(message)
        return succeed((arrived.answers, arrived.authority, arrived.additional))

    def _cancel(self, waiting: Deferred[Sections]) -> None:
        self.cancelled += 1


class ResolverCase(SynchronousTestCase):
    """Searches for the servers of a URI."""

    def servers(
        self, uri: str, resolver: Resolver | Zone, *, is_secure: bool = False
    ) -> list[Destination]:
        """The servers that are found."""
        if isinstance(resolver, Zone):
            resolver = Resolver(lookup=resolver)
        searching = resolver.resolve(parse_uri(uri), is_secure=is_secure)
        found: list[Destination] = self.successResultOf(searching)
        return found

    def shown(self, uri: str, zone: Zone, *, is_secure: bool = False) -> list[str]:
        """The servers that are found, each as transport, address and port."""
        return [
            f"{one.transport} {one.host} {one.port}"
            for one in self.servers(uri, zone, is_secure=is_secure)
        ]

    def assertFails(
        self, uri: str, resolver: Resolver | Zone, *, is_secure: bool = False
    ) -> str:
        """The search fails; returns the words."""
        if isinstance(resolver, Zone):
            resolver = Resolver(lookup=resolver)
        searching = resolver.resolve(parse_uri(uri), is_secure=is_secure)
        return str(self.failureResultOf(searching, ResolutionFailed).value)
