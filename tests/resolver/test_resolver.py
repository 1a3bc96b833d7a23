"""Locating servers (RFC 3263): by addresses and ports, and in bounded time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.task import Clock
from twisted.names.error import DNSNotImplementedError, DNSServerError

from sipuac.errors import LocalProtocolError, ResolutionFailed
from sipuac.resolver import Resolver
from sipuac.resolver.resolver import SEARCH_TIMEOUT
from sipuac.resolver.system import HostsFile
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import parse_uri
from tests.resolver.zone import ResolverCase, Zone, srv, v4, v6


class LiteralTests(ResolverCase):
    """What needs no lookup: numbers."""

    def test_literal_addresses(self) -> None:
        """A numeric host needs no lookup (3263-4.2-a)."""
        zone = Zone()
        self.assertEqual(
            self.servers("sip:alice@192.0.2.9", zone),
            [Destination("UDP", "192.0.2.9", 5060, "192.0.2.9")],
        )
        self.assertEqual(
            self.servers("sip:[2001:DB8:0::9]:5070", zone),
            [Destination("UDP", "2001:db8::9", 5070, "2001:DB8:0::9")],
        )
        self.assertEqual(zone.asked, [])

    def test_transport_parameter(self) -> None:
        """If the URI specifies a transport protocol, the client SHOULD use it
        (3263-4.1-a).
        """
        for transport in ("TCP", "TLS", "UDP"):
            uri = f"sip:192.0.2.9;transport={transport.lower()}"
            self.assertEqual(self.servers(uri, Zone())[0].transport, transport)

    def test_default_transport(self) -> None:
        """If the TARGET is a numeric IP address, the client SHOULD use UDP for a SIP
        URI, and TCP for a SIPS URI: TLS over it (3263-4.1-a).
        """
        self.assertEqual(self.servers("sip:192.0.2.9", Zone())[0].transport, "UDP")
        self.assertEqual(self.servers("sips:192.0.2.9", Zone())[0].transport, "TLS")

    def test_secure_requests_go_over_tls_only(self) -> None:
        """Nothing steps down from SIPS (3261-26.2.2-a)."""
        zone = Zone()
        for uri in ("sips:192.0.2.9;transport=tcp", "sips:192.0.2.9;transport=tls"):
            self.assertEqual(self.servers(uri, zone)[0].transport, "TLS")
        for uri in ("sip:192.0.2.9", "sip:192.0.2.9;transport=tcp"):
            found = self.servers(uri, zone, is_secure=True)
            self.assertEqual(found[0].transport, "TLS")
        for uri in ("sips:192.0.2.9;transport=udp", "sip:192.0.2.9;transport=udp"):
            self.assertFails(uri, zone, is_secure=True)
        self.assertFails("sips:192.0.2.9;transport=udp", zone)

    def test_transports_that_we_do_not_have(self) -> None:
        """Another transport is no reason to guess."""
        words = self.assertFails("sip:192.0.2.9;transport=sctp", Zone())
        self.assertIn("SCTP", words)

    def test_default_ports(self) -> None:
        """The default port is 5061 for TLS, 5060 for the rest (3263-4.1-d)."""
        for uri, port in (
            ("sip:192.0.2.9", 5060),
            ("sip:192.0.2.9;transport=tcp", 5060),
            ("sip:192.0.2.9;transport=tls", 5061),
            ("sips:192.0.2.9", 5061),
            ("sips:192.0.2.9:5080", 5080),
        ):
            self.assertEqual([one.port for one in self.servers(uri, Zone())], [port])

    def test_other_schemes(self) -> None:
        """A tel URI has no server to be found by these rules."""
        self.assertFails("tel:+1-201-555-0123", Zone())
        self.assertFails("mailto:alice@example.com", Zone())


class KnownNameTests(ResolverCase):
    """What needs no lookup: names whose addresses stand somewhere else."""

    def test_table(self) -> None:
        """A name of the table is not looked up, and the certificate is still checked
        against the name.
        """
        zone = Zone()
        resolver = Resolver({"Example.com": "192.0.2.9"}, zone)
        self.assertEqual(
            self.servers("sips:EXAMPLE.com", resolver),
            [Destination("TLS", "192.0.2.9", 5061, "EXAMPLE.com")],
        )
        self.assertEqual(zone.asked, [])

    def test_table_wants_addresses(self) -> None:
        """A table that does not lead to an address is refused at once."""
        for address in ("example.org", "", "192.0.2"):
            self.assertRaises(LocalProtocolError, Resolver, {"example.com": address})
        resolver = Resolver({"a.example": "[::1]"})
        self.assertEqual(self.servers("sip:a.example", resolver)[0].host, "::1")

    def test_table_has_targets_too(self) -> None:
        """A server that DNS names by a name of the table has the address of there."""
        zone = Zone({"_sip._udp.a.example": [srv("one.example", 5070)]})
        found = self.servers("sip:a.example", Resolver({"one.example": "::7"}, zone))
        self.assertEqual(found, [Destination("UDP", "::7", 5070, "a.example")])

    def test_hosts_file(self) -> None:
        """A name of the hosts file is asked of nobody; all of its addresses count, in
        their order.
        """
        path = self.mktemp()
        with open(path, "w") as lines:
            lines.write("192.0.2.5 here.example\n2001:db8::5 here.example\n")
        zone = Zone({"there.example": [v4("192.0.2.6")]})
        resolver = Resolver(lookup=zone, hosts=HostsFile(path))
        found = self.servers("sip:Here.example", resolver)
        self.assertEqual([one.host for one in found], ["192.0.2.5", "2001:db8::5"])
        self.assertEqual(zone.asked, [])
        found = self.servers("sip:there.example:5060", resolver)
        self.assertEqual([one.host for one in found], ["192.0.2.6"])

    def test_names_of_nobody(self) -> None:
        """What cannot exist is not asked for."""
        zone = Zone()
        resolver = Resolver(lookup=zone, hosts=HostsFile(self.mktemp()))
        self.assertFails("sip:nowhere.invalid", resolver)
        self.assertEqual(zone.asked, [])

    def test_no_reactor(self) -> None:
        """Without a reactor there is the hosts file alone."""
        resolver = Resolver(hosts=HostsFile(self.mktemp()))
        self.assertFails("sip:there.example", resolver)


class PortTests(ResolverCase):
    """A port says that addresses are enough."""

    def test_port(self) -> None:
        """If a port is present in the URI, the client performs an A or AAAA record
        lookup of the domain name (3263-4.2-a), and SHOULD use UDP for a SIP URI, TCP
        for a SIPS URI (3263-4.1-a).
        """
        for uri, transport in (
            ("sip:a.example:5070", "UDP"),
            ("sips:a.example:5070", "TLS"),
            ("sip:a.example:5070;transport=tcp", "TCP"),
        ):
            zone = Zone({"a.example": [v4("192.0.2.1")]})
            self.assertEqual(self.shown(uri, zone), [f"{transport} 192.0.2.1 5070"])
            self.assertEqual(zone.asked, ["A a.example", "AAAA a.example"])

    def test_both_families(self) -> None:
        """Look up address records for all address families (7984-3.1-a)."""
        zone = Zone({"a.example": [v6("2001:db8::1"), v4("192.0.2.1")]})
        found = self.servers("sip:a.example:5070", zone)
        self.assertEqual(
            found,
            [
                Destination("UDP", "2001:db8::1", 5070, "a.example"),
                Destination("UDP", "192.0.2.1", 5070, "a.example"),
            ],
        )
        self.assertEqual([one.target for one in found], ["a.example"] * 2)

    def test_one_family(self) -> None:
        """A name with addresses of one family only is good enough, whatever is said of
        the other one (7984-3.1-a).
        """
        for kind, error in (
            ("AAAA", DNSServerError()),
            ("AAAA", TimeoutError()),
            ("A", DNSNotImplementedError()),
        ):
            zone = Zone({"a.example": [v4("192.0.2.1"), v6("::1")]})
            zone.failures[kind] = error
            found = self.servers("sip:a.example:5060", zone)
            self.assertEqual(len(found), 1)

    def test_maddr(self) -> None:
        """The maddr parameter, where present, is the target (3263-4.1-d); who must
        show a certificate is still the host of the URI.
        """
        zone = Zone({"b.example": [v4("192.0.2.8")]})
        self.assertEqual(
            self.servers("sip:a.example;maddr=192.0.2.7;transport=tls", zone),
            [Destination("TLS", "192.0.2.7", 5061, "a.example")],
        )
        self.assertEqual(zone.asked, [])
        found = self.servers("sip:a.example:5060;maddr=b.example", zone)
        self.assertEqual(found, [Destination("UDP", "192.0.2.8", 5060, "a.example")])


class TimeTests(ResolverCase):
    """A search ends, by itself or by us."""

    def setUp(self) -> None:
        """A zone that takes its time."""
        self.clock = Clock()
        self.zone = Zone()
        self.zone.is_slow = True
        self.resolver = Resolver(lookup=self.zone, reactor=self.clock)

    def test_time_of_the_search(self) -> None:
        """The whole search is bounded in time (3263-4-b)."""
        searching = self.resolver.resolve(parse_uri("sip:a.example"))
        self.clock.advance(SEARCH_TIMEOUT - 0.1)
        self.assertNoResult(searching)
        self.clock.advance(0.2)
        error = self.failureResultOf(searching, ResolutionFailed).value
        self.assertIn("too long", str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.zone.cancelled, 1)

    def test_no_clock_runs_on(self) -> None:
        """A search that ends in time leaves nothing behind."""
        searching = self.resolver.resolve(parse_uri("sip:a.example:5060"))
        for waiting in self.zone.waiting:
            waiting.errback(DNSServerError())
        self.failureResultOf(searching, ResolutionFailed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling(self) -> None:
        """Cancelling gives up the questions, at whatever stage."""
        for uri, questions in (
            ("sip:a.example:5060", 2),
            ("sip:a.example", 1),
            ("sip:a.example;transport=tcp", 1),
        ):
            self.zone.cancelled = 0
            searching = self.resolver.resolve(parse_uri(uri))
            searching.cancel()
            self.failureResultOf(searching, CancelledError)
            self.assertEqual(self.zone.cancelled, questions)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_two_searches(self) -> None:
        """Two who look for the same share the questions; one may give up."""
        first = self.resolver.resolve(parse_uri("sip:a.example:5060"))
        second = self.resolver.resolve(parse_uri("sip:A.example:5060"))
        self.assertEqual(len(self.zone.asked), 2)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.zone.cancelled, 0)
        self.assertNoResult(second)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.zone.cancelled, 2)

    def test_answers_are_kept(self) -> None:
        """What is known is not asked again while it is true."""
        self.zone.is_slow = False
        self.zone.records = {"a.example": [v4("192.0.2.1", ttl=60)]}
        self.zone.authority = []
        uri = parse_uri("sip:a.example:5060")
        for _ in range(3):
            self.successResultOf(self.resolver.resolve(uri))
        self.assertEqual(self.zone.asked.count("A a.example"), 1)
        self.clock.advance(60)
        self.successResultOf(self.resolver.resolve(uri))
        self.assertEqual(self.zone.asked.count("A a.example"), 2)
