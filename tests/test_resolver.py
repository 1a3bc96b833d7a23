"""Locating servers (RFC 3263): literal addresses, the table, A and AAAA records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.task import Clock
from twisted.names import client, dns, hosts
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ResolutionFailed
from sipuac.resolver import (
    MAX_ADDRESSES,
    QUERY_TIMEOUTS,
    SEARCH_TIMEOUT,
    Resolver,
    transport_for,
)
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import SipUri, parse_uri


class Names:
    """Name servers in memory: records by kind and name; what is missing is unknown."""

    def __init__(self, **records: Sequence[Any]) -> None:
        self.records = {
            name.replace("_", "."): list(found) for name, found in records.items()
        }
        self.asked: list[tuple[str, str]] = []

    def lookupAddress(
        self, name: str, timeout: Sequence[int] | None = None
    ) -> Deferred[Any]:
        """See `IResolver`."""
        return self._look_up("A", dns.A, name, timeout)

    def lookupIPV6Address(
        self, name: str, timeout: Sequence[int] | None = None
    ) -> Deferred[Any]:
        """See `IResolver`."""
        return self._look_up("AAAA", dns.AAAA, name, timeout)

    def _look_up(
        self, word: str, kind: int, name: str, timeout: Sequence[int] | None
    ) -> Deferred[Any]:
        assert timeout == QUERY_TIMEOUTS
        self.asked.append((word, name))
        found = self.records.get(name)
        if found is None:
            return fail(DNSNameError())
        answers = [record for record in found if record.TYPE in (kind, dns.CNAME)]
        headers = [dns.RRHeader(name, one.TYPE, payload=one) for one in answers]
        return succeed((headers, [], []))


class Failing:
    """Name servers that only fail, or never answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.waiting: list[Deferred[Any]] = []

    def lookupAddress(
        self, name: str, timeout: Sequence[int] | None = None
    ) -> Deferred[Any]:
        """See `IResolver`."""
        if self.error is not None:
            return fail(self.error)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    lookupIPV6Address = lookupAddress


def v4(address: str) -> dns.Record_A:
    """An A record."""
    return dns.Record_A(address)


def v6(address: str) -> dns.Record_AAAA:
    """An AAAA record."""
    return dns.Record_AAAA(address)


def alias(name: str) -> dns.Record_CNAME:
    """A CNAME record."""
    return dns.Record_CNAME(name)


class ResolverCase(SynchronousTestCase):
    """Searches for the servers of a URI."""

    def servers(
        self, uri: str, resolver: Resolver | None = None, *, is_secure: bool = False
    ) -> list[Destination]:
        """The servers that are found."""
        searching = (resolver or Resolver()).resolve(
            parse_uri(uri), is_secure=is_secure
        )
        found: list[Destination] = self.successResultOf(searching)
        return found

    def assertFails(
        self, uri: str, resolver: Resolver | None = None, *, is_secure: bool = False
    ) -> str:
        """The search fails; returns the words."""
        searching = (resolver or Resolver()).resolve(
            parse_uri(uri), is_secure=is_secure
        )
        return str(self.failureResultOf(searching, ResolutionFailed).value)


class TransportTests(ResolverCase):
    """Which transport, and which port."""

    def transport(self, uri: str, *, is_secure: bool = False) -> str:
        """The transport for the URI."""
        parsed = parse_uri(uri)
        assert isinstance(parsed, SipUri)
        return transport_for(parsed, is_secure=is_secure)

    def test_transport_parameter(self) -> None:
        """If the URI specifies a transport protocol, the client SHOULD use it
        (3263-4.1-a).
        """
        self.assertEqual(self.transport("sip:192.0.2.9;transport=tcp"), "TCP")
        self.assertEqual(self.transport("sip:192.0.2.9;transport=TLS"), "TLS")
        self.assertEqual(self.transport("sip:192.0.2.9;transport=udp"), "UDP")

    def test_default_transport(self) -> None:
        """Else UDP for a SIP and TLS over TCP for a SIPS URI (3263-4.1-a)."""
        self.assertEqual(self.transport("sip:192.0.2.9"), "UDP")
        self.assertEqual(self.transport("sip:example.com:5080"), "UDP")
        self.assertEqual(self.transport("sips:192.0.2.9"), "TLS")

    def test_secure_requests_go_over_tls_only(self) -> None:
        """Nothing steps down from SIPS (3261-26.2.2-a)."""
        self.assertEqual(self.transport("sips:192.0.2.9;transport=tcp"), "TLS")
        self.assertEqual(self.transport("sip:192.0.2.9", is_secure=True), "TLS")
        self.assertEqual(
            self.transport("sip:192.0.2.9;transport=tcp", is_secure=True), "TLS"
        )
        for uri in ("sips:192.0.2.9;transport=udp", "sip:192.0.2.9;transport=udp"):
            self.assertFails(uri, is_secure=True)
        self.assertFails("sips:192.0.2.9;transport=udp")

    def test_transports_that_we_do_not_have(self) -> None:
        """Another transport is no reason to guess."""
        self.assertIn("SCTP", self.assertFails("sip:192.0.2.9;transport=sctp"))

    def test_default_ports(self) -> None:
        """The default port is 5061 for TLS, 5060 for the rest (3263-4.1-d)."""
        for uri, port in (
            ("sip:192.0.2.9", 5060),
            ("sip:192.0.2.9;transport=tcp", 5060),
            ("sip:192.0.2.9;transport=tls", 5061),
            ("sips:192.0.2.9", 5061),
            ("sips:192.0.2.9:5080", 5080),
        ):
            self.assertEqual([one.port for one in self.servers(uri)], [port])


class AddressTests(ResolverCase):
    """Which addresses."""

    def test_literal_addresses(self) -> None:
        """A numeric host needs no lookup (3263-4.2-a)."""
        names = Names()
        self.assertEqual(
            self.servers("sip:alice@192.0.2.9", Resolver(lookup=names)),
            [Destination("UDP", "192.0.2.9", 5060, "192.0.2.9")],
        )
        self.assertEqual(
            self.servers("sip:[2001:DB8:0::9]:5070", Resolver(lookup=names)),
            [Destination("UDP", "2001:db8::9", 5070, "2001:DB8:0::9")],
        )
        self.assertEqual(names.asked, [])

    def test_table(self) -> None:
        """A name of the table is not looked up, and the certificate is still checked
        against the name.
        """
        names = Names()
        resolver = Resolver({"Example.com": "192.0.2.9"}, names)
        self.assertEqual(
            self.servers("sips:EXAMPLE.com", resolver),
            [Destination("TLS", "192.0.2.9", 5061, "EXAMPLE.com")],
        )
        self.assertEqual(names.asked, [])

    def test_table_wants_addresses(self) -> None:
        """A table that does not lead to an address is refused at once."""
        for address in ("example.org", "", "192.0.2"):
            self.assertRaises(LocalProtocolError, Resolver, {"example.com": address})
        self.assertEqual(
            self.servers("sip:a.example", Resolver({"a.example": "[::1]"}))[0].host,
            "::1",
        )

    def test_both_families(self) -> None:
        """Ask for A and AAAA, and give all addresses to be tried (3263-4.2-a,
        7984-3.1-a).
        """
        names = Names(a_example=[v6("2001:db8::1"), v4("192.0.2.1"), v4("192.0.2.2")])
        found = self.servers("sip:a.example:5070", Resolver(lookup=names))
        self.assertEqual(
            [(one.host, one.port, one.domain) for one in found],
            [
                ("192.0.2.1", 5070, "a.example"),
                ("192.0.2.2", 5070, "a.example"),
                ("2001:db8::1", 5070, "a.example"),
            ],
        )
        self.assertEqual(names.asked, [("A", "a.example"), ("AAAA", "a.example")])

    def test_one_family(self) -> None:
        """A name with addresses of one family only is good enough."""
        for record, address in ((v4("192.0.2.1"), "192.0.2.1"), (v6("::1"), "::1")):
            names = Names(a_example=[record])
            found = self.servers("sip:a.example", Resolver(lookup=names))
            self.assertEqual([one.host for one in found], [address])

    def test_maddr(self) -> None:
        """The maddr parameter, where present, is the target (3263-4.1-d); who must
        show a certificate is still the host of the URI.
        """
        self.assertEqual(
            self.servers("sip:a.example;maddr=192.0.2.7;transport=tls"),
            [Destination("TLS", "192.0.2.7", 5061, "a.example")],
        )
        names = Names(b_example=[v4("192.0.2.8")])
        found = self.servers("sip:a.example;maddr=b.example", Resolver(lookup=names))
        self.assertEqual([one.host for one in found], ["192.0.2.8"])

    def test_aliases(self) -> None:
        """Aliases are followed where the name server does not do it."""
        names = Names(
            a_example=[alias("b.example")],
            b_example=[alias("c.example")],
            c_example=[v4("192.0.2.3")],
        )
        found = self.servers("sip:a.example", Resolver(lookup=names))
        self.assertEqual(found, [Destination("UDP", "192.0.2.3", 5060, "a.example")])

    def test_alias_loop(self) -> None:
        """Aliases that lead in a circle end the search (3263-4-b)."""
        names = Names(a_example=[alias("b.example")], b_example=[alias("a.example")])
        self.assertFails("sip:a.example", Resolver(lookup=names))
        self.assertLess(len(names.asked), 20)

    def test_many_addresses(self) -> None:
        """The number of addresses that are tried is bounded (3263-4-b)."""
        names = Names(a_example=[v4(f"192.0.2.{last}") for last in range(200)])
        found = self.servers("sip:a.example", Resolver(lookup=names))
        self.assertEqual(len(found), MAX_ADDRESSES)


class FailureTests(ResolverCase):
    """Names without servers."""

    def test_unknown_name(self) -> None:
        """A name that does not exist has no server."""
        words = self.assertFails("sip:a.example", Resolver(lookup=Names()))
        self.assertEqual(words, "a.example: there is no such name")

    def test_name_without_addresses(self) -> None:
        """Nor has one without addresses."""
        names = Names(a_example=[])
        self.assertFails("sip:a.example", Resolver(lookup=names))

    def test_name_servers_fail(self) -> None:
        """Whatever the name servers say, it is our own error that comes out."""
        for error in (
            DNSServerError(),
            TimeoutError(),
            OSError(101, "Network is unreachable"),
            UnicodeError("label too long"),
        ):
            self.assertFails("sip:a.example", Resolver(lookup=Failing(error)))

    def test_other_schemes(self) -> None:
        """A tel URI has no server to be found by these rules."""
        self.assertFails("tel:+1-201-555-0123")
        self.assertFails("mailto:alice@example.com")

    def test_time_of_the_search(self) -> None:
        """The whole search is bounded in time (3263-4-b)."""
        clock = Clock()
        searching = Resolver(lookup=Failing(), reactor=clock).resolve(
            parse_uri("sip:a.example")
        )
        clock.advance(SEARCH_TIMEOUT - 0.1)
        self.assertNoResult(searching)
        clock.advance(0.2)
        error = self.failureResultOf(searching, ResolutionFailed).value
        self.assertIn("too long", str(error))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_no_clock_runs_on(self) -> None:
        """A search that ends in time leaves nothing behind."""
        clock = Clock()
        lookup = Failing()
        searching = Resolver(lookup=lookup, reactor=clock).resolve(
            parse_uri("sip:a.example")
        )
        for waiting in lookup.waiting:
            waiting.errback(DNSNameError())
        self.failureResultOf(searching, ResolutionFailed)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_cancelling(self) -> None:
        """Cancelling gives up the queries."""
        cancelled: list[Deferred[Any]] = []

        class Slow(Failing):
            def lookupAddress(
                self, name: str, timeout: Sequence[int] | None = None
            ) -> Deferred[Any]:
                return Deferred(cancelled.append)

            lookupIPV6Address = lookupAddress

        searching = Resolver(lookup=Slow()).resolve(parse_uri("sip:a.example"))
        searching.cancel()
        self.failureResultOf(searching, CancelledError)
        self.assertEqual(len(cancelled), 2)


class SystemTests(ResolverCase):
    """The system's hosts file and name servers."""

    def setUp(self) -> None:
        """A hosts file and name servers of our own."""
        path = self.mktemp()
        with open(path, "w") as lines:
            lines.write("192.0.2.5 here.example\n")
        self.names = Names(there_example=[v4("192.0.2.6")])
        self.made: list[object] = []
        self.patch(hosts.Resolver.__init__, "__defaults__", (path.encode(), 3600))

        def name_servers(path: bytes, reactor: object) -> Names:
            self.made.append(reactor)
            return self.names

        self.patch(client, "Resolver", name_servers)
        self.clock = Clock()

    def test_hosts_file_comes_first(self) -> None:
        """What stands in the hosts file is asked of nobody else, and no name server is
        looked for.
        """
        found = self.servers("sip:here.example", Resolver(reactor=self.clock))
        self.assertEqual([one.host for one in found], ["192.0.2.5"])
        self.assertEqual(self.made, [])

    def test_name_servers_for_the_rest(self) -> None:
        """All else is asked of the system's name servers, which are set up once."""
        resolver = Resolver(reactor=self.clock)
        for _ in range(2):
            found = self.servers("sip:there.example", resolver)
            self.assertEqual([one.host for one in found], ["192.0.2.6"])
        self.assertFails("sip:nowhere.example", resolver)
        self.assertEqual(self.made, [self.clock])

    def test_no_reactor(self) -> None:
        """Without a reactor there is the hosts file alone."""
        self.assertFails("sip:there.example", Resolver())
        self.assertEqual(self.made, [])
