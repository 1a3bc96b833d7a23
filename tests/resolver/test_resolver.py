"""Locating servers (RFC 3263): what is asked for, in which order, and what is found."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.task import Clock
from twisted.names.error import (
    DNSFormatError,
    DNSNotImplementedError,
    DNSQueryRefusedError,
    DNSServerError,
)

from sipuac.errors import LocalProtocolError, ResolutionFailed
from sipuac.resolver import Resolver
from sipuac.resolver.names import MAX_ADDRESSES
from sipuac.resolver.records import MAX_ALIASES
from sipuac.resolver.resolver import (
    MAX_DESTINATIONS,
    MAX_TARGETS,
    SEARCH_TIMEOUT,
)
from sipuac.resolver.system import HostsFile
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import parse_uri
from tests.resolver.zone import ResolverCase, Zone, alias, naptr, srv, v4, v6


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


class ServiceTests(ResolverCase):
    """SRV records."""

    def test_transport_given(self) -> None:
        """If a transport was specified explicitly, the client performs an SRV query for
        that specific transport, using "_sips" for SIPS URIs and where the client wishes
        to use TLS (3263-4.2-a).
        """
        for uri, name in (
            ("sip:a.example;transport=udp", "_sip._udp.a.example"),
            ("sip:a.example;transport=tcp", "_sip._tcp.a.example"),
            ("sip:a.example;transport=tls", "_sips._tcp.a.example"),
            ("sips:a.example;transport=tcp", "_sips._tcp.a.example"),
        ):
            zone = Zone({name: [srv("one.example", 5071)]})
            zone.records["one.example"] = [v4("192.0.2.1")]
            found = self.servers(uri, zone)
            self.assertEqual(
                [(one.host, one.port, one.domain, one.target) for one in found],
                [("192.0.2.1", 5071, "a.example", "one.example")],
            )
            asked = [f"SRV {name}", "A one.example", "AAAA one.example"]
            self.assertEqual(zone.asked, asked)

    def test_no_srv_for_the_transport(self) -> None:
        """If no SRV records were found, the client performs an A or AAAA record lookup
        of the domain name, at the default port for that transport (3263-4.2-a).
        """
        zone = Zone({"a.example": [v4("192.0.2.1")]})
        self.assertEqual(
            self.shown("sip:a.example;transport=tls", zone), ["TLS 192.0.2.1 5061"]
        )

    def test_no_naptr(self) -> None:
        """If no NAPTR records are found, the client constructs SRV queries for those
        transport protocols it supports (3263-4.1-c): the default one comes first.
        """
        zone = Zone(
            {
                "_sips._tcp.a.example": [srv("tls.example", 5061)],
                "_sip._tcp.a.example": [srv("tcp.example", 5062)],
                "_sip._udp.a.example": [srv("udp.example", 5063)],
                "tls.example": [v4("192.0.2.1")],
                "tcp.example": [v4("192.0.2.2")],
                "udp.example": [v4("192.0.2.3")],
            }
        )
        self.assertEqual(
            self.shown("sip:a.example", zone),
            ["UDP 192.0.2.3 5063", "TCP 192.0.2.2 5062", "TLS 192.0.2.1 5061"],
        )
        self.assertEqual(
            zone.asked[:4],
            [
                "NAPTR a.example",
                "SRV _sip._udp.a.example",
                "SRV _sip._tcp.a.example",
                "SRV _sips._tcp.a.example",
            ],
        )

    def test_no_naptr_of_sips(self) -> None:
        """Queries use "_sips" for SIPS URIs, and nothing else (3263-4.1-c)."""
        zone = Zone(
            {
                "_sip._tcp.a.example": [srv("tcp.example")],
                "_sips._tcp.a.example": [srv("tls.example", 5061)],
                "tcp.example": [v4("192.0.2.2")],
                "tls.example": [v4("192.0.2.1")],
            }
        )
        for uri, is_secure in (("sips:a.example", False), ("sip:a.example", True)):
            found = self.shown(uri, zone, is_secure=is_secure)
            self.assertEqual(found, ["TLS 192.0.2.1 5061"])
        self.assertNotIn("SRV _sip._tcp.a.example", zone.asked)

    def test_no_srv(self) -> None:
        """If no SRV records are found, the client SHOULD use TCP for a SIPS URI, and
        UDP for a SIP URI (3263-4.1-c).
        """
        zone = Zone({"a.example": [v4("192.0.2.1")]})
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])
        self.assertEqual(self.shown("sips:a.example", zone), ["TLS 192.0.2.1 5061"])

    def test_targets_in_order(self) -> None:
        """Targets are tried by priority (3263-4.2-b); addresses of different SRV
        records are not reordered (7984-4-a).
        """
        zone = Zone(
            {
                "_sip._tcp.a.example": [
                    srv("second.example", priority=20),
                    srv("first.example", priority=10),
                ],
                "first.example": [v4("192.0.2.45"), v6("2001:db8:58:c02::face")],
                "second.example": [v4("192.0.2.75"), v6("2001:db8:58:c02::dead")],
            }
        )
        found = self.servers("sip:a.example;transport=tcp", zone)
        self.assertEqual(
            [one.host for one in found],
            [
                "2001:db8:58:c02::face",
                "192.0.2.45",
                "2001:db8:58:c02::dead",
                "192.0.2.75",
            ],
        )

    def test_weights(self) -> None:
        """Targets of one priority are ordered at random by weight (3263-4.2-b)."""
        zone = Zone(
            {
                "_sip._udp.a.example": [
                    srv("big.example", weight=90),
                    srv("small.example", weight=10),
                ],
                "big.example": [v4("192.0.2.90")],
                "small.example": [v4("192.0.2.10")],
            }
        )
        picked = [90]
        resolver = Resolver(lookup=zone, pick=lambda highest: min(highest, picked[0]))
        found = self.servers("sip:a.example", resolver)
        self.assertEqual([one.host for one in found], ["192.0.2.90", "192.0.2.10"])
        picked[0] = 91
        found = self.servers("sip:a.example", resolver)
        self.assertEqual([one.host for one in found], ["192.0.2.10", "192.0.2.90"])

    def test_same_server_twice(self) -> None:
        """A server that is named twice is tried once."""
        zone = Zone(
            {
                "_sip._udp.a.example": [srv("one.example"), srv("two.example")],
                "one.example": [v4("192.0.2.1")],
                "two.example": [v4("192.0.2.1")],
            }
        )
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])

    def test_target_without_address(self) -> None:
        """A target without addresses is left out (3263-4.2-b)."""
        zone = Zone(
            {
                "_sip._udp.a.example": [
                    srv("gone.example", priority=1),
                    srv("here.example", priority=2),
                ],
                "here.example": [v4("192.0.2.1")],
            }
        )
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])


class NaptrTests(ResolverCase):
    """NAPTR records."""

    def setUp(self) -> None:
        """The example of RFC 3263 section 4.1."""
        self.zone = Zone(
            {
                "example.com": [
                    naptr("SIP+D2U", "_sip._udp.example.com", 100, 50),
                    naptr("SIPS+D2T", "_sips._tcp.example.com", 50, 50),
                    naptr("SIP+D2T", "_sip._tcp.example.com", 90, 50),
                    v4("192.0.2.99"),
                ],
                "_sips._tcp.example.com": [srv("server1.example.com", 5061)],
                "_sip._tcp.example.com": [
                    srv("server1.example.com", 5060, weight=1),
                    srv("server2.example.com", 5060, weight=2),
                ],
                "_sip._udp.example.com": [srv("server2.example.com", 5060)],
                "server1.example.com": [v4("192.0.2.1")],
                "server2.example.com": [v4("192.0.2.2")],
            }
        )

    def test_most_preferred_transport(self) -> None:
        """NAPTR processing results in the most preferred transport protocol that is
        supported by the client; SIPS services are kept for a SIP URI (3263-4.1-b).
        Those of another order are no reserve: TLS does not become UDP.
        """
        found = self.servers("sip:user@example.com", self.zone)
        self.assertEqual(found, [Destination("TLS", "192.0.2.1", 5061, "example.com")])

    def test_sips(self) -> None:
        """A client resolving a SIPS URI MUST discard any services that do not contain
        "SIPS" (3263-4.1-b).
        """
        for preference, record in enumerate(self.zone.records["example.com"][:3]):
            record.order, record.preference = 10, preference
        found = self.shown("sips:user@example.com", self.zone)
        self.assertEqual(found, ["TLS 192.0.2.1 5061"])
        found = self.shown("sip:user@example.com", self.zone, is_secure=True)
        self.assertEqual(found, ["TLS 192.0.2.1 5061"])

    def test_sips_without_sips_services(self) -> None:
        """Where NAPTR has nothing for SIPS, SRV is asked: for TLS (3263-4.1-b)."""
        del self.zone.records["example.com"][1]
        found = self.shown("sips:example.com", self.zone)
        self.assertEqual(found, ["TLS 192.0.2.1 5061"])
        del self.zone.records["_sips._tcp.example.com"]
        found = self.shown("sips:example.com", self.zone)
        self.assertEqual(found, ["TLS 192.0.2.99 5061"])

    def test_equal_orders(self) -> None:
        """Services of equal order are a reserve, by preference (RFC 3403 4.1)."""
        for preference, record in enumerate(self.zone.records["example.com"][:3]):
            record.order, record.preference = 10, preference
        self.assertEqual(
            self.shown("sip:example.com", self.zone)[:2],
            ["UDP 192.0.2.2 5060", "TLS 192.0.2.1 5061"],
        )

    def test_naptr_only_without_port_and_transport(self) -> None:
        """NAPTR is asked only where neither transport nor port is specified, and the
        target is not numeric (3263-4.1-b).
        """
        for uri in (
            "sip:example.com:5060",
            "sip:example.com;transport=tcp",
            "sip:192.0.2.7",
            "sips:example.com;transport=tls",
        ):
            self.servers(uri, self.zone)
        self.assertNotIn("NAPTR example.com", self.zone.asked)

    def test_other_domain(self) -> None:
        """It is not necessary for the domain suffixes in the NAPTR replacement field to
        match the domain of the original query; who must be named by the certificate is
        that domain (RFC 5922 section 7.3).
        """
        self.zone.records["school.example"] = [
            naptr("SIPS+D2T", "_sips._tcp.example.com")
        ]
        found = self.servers("sip:school.example", self.zone)
        self.assertEqual([one.domain for one in found], ["school.example"])
        self.assertEqual([one.host for one in found], ["192.0.2.1"])

    def test_service_without_srv(self) -> None:
        """A service whose SRV records are missing is passed over; where all are, the
        name itself is contacted by the transport that NAPTR determined, not by one of
        less worth (3263-4.2-a).
        """
        del self.zone.records["_sips._tcp.example.com"]
        found = self.shown("sip:example.com", self.zone)
        self.assertEqual({one[:3] for one in found}, {"TCP"})
        del self.zone.records["_sip._tcp.example.com"]
        del self.zone.records["_sip._udp.example.com"]
        found = self.shown("sip:example.com", self.zone)
        self.assertEqual(found, ["TLS 192.0.2.99 5061"])

    def test_no_answer_to_naptr(self) -> None:
        """Name servers that know nothing of NAPTR do not stop the search."""
        for error in (TimeoutError(), DNSNotImplementedError(), DNSFormatError()):
            self.zone.failures["NAPTR"] = error
            found = self.shown("sip:example.com", self.zone)
            self.assertEqual(found[0], "UDP 192.0.2.2 5060")


class HostileTests(ResolverCase):
    """DNS that loops, lies, times out, or says too much."""

    def test_aliases(self) -> None:
        """Aliases are followed where the name server does not do it."""
        zone = Zone(
            {
                "a.example": [alias("b.example")],
                "b.example": [alias("c.example")],
                "c.example": [v4("192.0.2.3")],
            }
        )
        found = self.servers("sip:a.example:5060", zone)
        self.assertEqual(found, [Destination("UDP", "192.0.2.3", 5060, "a.example")])

    def test_alias_loop(self) -> None:
        """Aliases that lead in a circle end the search (3263-4-b)."""
        zone = Zone(
            {"a.example": [alias("b.example")], "b.example": [alias("a.example")]}
        )
        self.assertFails("sip:a.example", zone)
        self.assertLess(len(zone.asked), 20)
        self.assertFails("sip:a.example", Zone({"a.example": [alias("a.example")]}))

    def test_alias_chain(self) -> None:
        """The number of aliases that are followed is bounded (3263-4-b)."""
        zone = Zone({f"{n}.example": [alias(f"{n + 1}.example")] for n in range(100)})
        self.assertFails("sip:0.example:5060", zone)
        self.assertLessEqual(len(zone.asked), 2 * (MAX_ALIASES + 1))

    def test_naptr_loop(self) -> None:
        """NAPTR records that point to NAPTR records lead nowhere (3263-4-b)."""
        zone = Zone({"a.example": [naptr("SIP+D2U", "a.example", flags="")]})
        self.assertFails("sip:a.example", zone)
        zone = Zone({"a.example": [naptr("SIP+D2U", "a.example")]})
        self.assertFails("sip:a.example", zone)
        self.assertLess(len(zone.asked), 10)

    def test_many_addresses(self) -> None:
        """The number of addresses that are tried is bounded (3263-4-b)."""
        zone = Zone({"a.example": [v4(f"192.0.2.{n}") for n in range(1, 200)]})
        self.assertEqual(len(self.servers("sip:a.example", zone)), MAX_ADDRESSES)

    def test_five_hundred_services(self) -> None:
        """Five hundred SRV records lead to a few questions and a few servers, the most
        wanted ones (3263-4-b).
        """
        zone = Zone(
            {
                "_sip._udp.a.example": [
                    srv(f"s{n}.example", priority=500 - n, weight=n) for n in range(500)
                ],
                **{
                    f"s{n}.example": [v4(f"10.0.{n // 250}.{n % 250 + 1}")]
                    for n in range(500)
                },
            }
        )
        found = self.servers("sip:a.example", zone)
        self.assertEqual(found[0].target, "s499.example")
        self.assertEqual(len(found), MAX_TARGETS)
        self.assertLess(len(zone.asked), 40)

    def test_many_servers(self) -> None:
        """The number of servers is bounded (3263-4-b)."""
        targets = {
            f"s{n}.example": [v4(f"10.{n}.0.{m}") for m in range(1, 9)]
            for n in range(MAX_TARGETS)
        }
        services = [srv(name) for name in targets]
        zone = Zone({"_sip._udp.a.example": services, **targets})
        self.assertEqual(len(self.servers("sip:a.example", zone)), MAX_DESTINATIONS)

    def test_five_hundred_pointers(self) -> None:
        """Nor do five hundred NAPTR records make much work (3263-4-b)."""
        zone = Zone(
            {
                "a.example": [
                    naptr("SIP+D2U", f"_sip._udp.s{n}.example", order=n)
                    for n in range(500)
                ]
            }
        )
        self.assertFails("sip:a.example", zone)
        self.assertLess(len(zone.asked), 20)

    def test_target_is_the_root(self) -> None:
        """A Target of "." means that the service is decidedly not available at this
        domain: its addresses are not asked for (RFC 2782).
        """
        zone = Zone(
            {"_sip._udp.a.example": [srv("", 0)], "a.example": [v4("192.0.2.1")]}
        )
        words = self.assertFails("sip:a.example;transport=udp", zone)
        self.assertIn("offers no server", words)
        self.assertFails("sip:a.example", zone)
        self.assertNotIn("A a.example", zone.asked)

    def test_port_0(self) -> None:
        """No server listens at port 0."""
        zone = Zone(
            {
                "_sip._udp.a.example": [
                    srv("one.example", 0),
                    srv("one.example", 5070),
                ],
                "one.example": [v4("192.0.2.1")],
            }
        )
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5070"])

    def test_addresses_of_nobody(self) -> None:
        """Addresses that no server can have are left out."""
        zone = Zone(
            {
                "a.example": [
                    v4("0.0.0.0"),
                    v4("224.2.0.1"),
                    v4("255.255.255.255"),
                    v6("::"),
                    v6("ff0e::1"),
                    v6("fe80::1"),
                    v6("::ffff:192.0.2.1"),
                    v4("192.0.2.1"),
                ]
            }
        )
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])
        del zone.records["a.example"][-1]
        self.assertFails("sip:a.example", zone)

    def test_odd_names(self) -> None:
        """Targets whose names have characters that no name has are left out."""
        odd = srv("x")
        odd.target.name = b"evil\r\nVia: x"
        zone = Zone(
            {
                "_sip._udp.a.example": [odd, srv("one.example")],
                "one.example": [v4("192.0.2.1")],
            }
        )
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])
        asked = [question for question in zone.asked if "evil" in question]
        self.assertEqual(asked, [])

    def test_long_names(self) -> None:
        """A host that cannot be a name of DNS is not asked for, and is no fault."""
        zone = Zone()
        self.assertFails(f"sip:{'a' * 64}.example", zone)
        self.assertEqual(zone.asked, [])

    def test_unknown_name(self) -> None:
        """A name that does not exist has no server, nor has one without addresses."""
        words = self.assertFails("sip:a.example", Zone())
        self.assertIn("a.example: there is no such name", words)
        self.assertFails("sip:a.example", Zone({"a.example": []}))

    def test_name_servers_fail(self) -> None:
        """Whatever the name servers say, it is our own error that comes out."""
        for error in (
            DNSServerError(),
            DNSQueryRefusedError(),
            TimeoutError(),
            OSError(101, "Network is unreachable"),
            UnicodeError("label too long"),
        ):
            zone = Zone()
            for kind in ("NAPTR", "SRV", "A", "AAAA"):
                zone.failures[kind] = error
            self.assertFails("sip:a.example", zone)

    def test_a_fault_of_the_lookup(self) -> None:
        """A lookup that breaks its promise fails the search, and is logged."""
        zone = Zone()
        zone.failures["A"] = KeyError("no such thing")
        self.assertFails("sip:a.example:5060", zone)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_silence_is_no_answer(self) -> None:
        """Where nobody says whether there are SRV records, the host of that name is not
        taken for the server.
        """
        zone = Zone({"a.example": [v4("192.0.2.1")]})
        zone.failures["SRV"] = TimeoutError()
        words = self.assertFails("sip:a.example", zone)
        self.assertIn("do not answer", words)

    def test_refusal_is_as_good_as_none(self) -> None:
        """Where the name servers refuse to tell of SRV, the addresses are asked for:
        RFC 2782 does so unless "the reply is NOERROR".
        """
        zone = Zone({"a.example": [v4("192.0.2.1")]})
        zone.failures["SRV"] = DNSQueryRefusedError()
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])

    def test_silence_about_one_service(self) -> None:
        """Silence about one service does not hide another one."""
        zone = Zone(
            {
                "_sip._udp.a.example": [srv("one.example")],
                "one.example": [v4("192.0.2.1")],
            }
        )
        zone.failures["SRV _sips._tcp.a.example"] = TimeoutError()
        self.assertEqual(self.shown("sip:a.example", zone), ["UDP 192.0.2.1 5060"])


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
