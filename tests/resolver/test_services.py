"""Locating servers (RFC 3263): by the SRV and NAPTR records of a domain."""

from __future__ import annotations

from twisted.internet.defer import TimeoutError
from twisted.names.error import DNSFormatError, DNSNotImplementedError

from sipuac.resolver import Resolver
from sipuac.syntax.destination import Destination
from tests.resolver.zone import ResolverCase, Zone, naptr, srv, v4, v6


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
