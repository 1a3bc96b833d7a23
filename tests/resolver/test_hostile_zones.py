"""Locating servers (RFC 3263) where DNS loops, lies, fails or says too much."""

from __future__ import annotations

from twisted.internet.defer import TimeoutError
from twisted.names.error import DNSQueryRefusedError, DNSServerError

from sipuac.resolver.names import MAX_ADDRESSES
from sipuac.resolver.records import MAX_ALIASES
from sipuac.resolver.resolver import MAX_DESTINATIONS, MAX_TARGETS
from sipuac.syntax.destination import Destination
from tests.resolver.zone import ResolverCase, Zone, alias, naptr, srv, v4, v6


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
