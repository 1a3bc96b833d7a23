"""What we are called where that is not our own address."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.transport.advertised import Advertised, seen_address
from tests.transport.peers import ok


class AdvertisedTests(SynchronousTestCase):
    """Tests of `Advertised`."""

    def test_a_name_stands_for_all(self) -> None:
        """A name has addresses of both families, or may have."""
        name = Advertised("sip.example.com")
        self.assertEqual(name.host_for("192.0.2.1"), "sip.example.com")
        self.assertEqual(name.host_for("2001:db8::1"), "sip.example.com")

    def test_an_address_stands_for_its_family(self) -> None:
        """A peer that we talk to by IPv6 gets no Contact of IPv4, and conversely."""
        four, six = Advertised("203.0.113.1"), Advertised("[2001:db8::9]")
        self.assertEqual(four.host_for("10.0.0.1"), "203.0.113.1")
        self.assertIsNone(four.host_for("2001:db8::1"))
        self.assertEqual(six.host_for("2001:db8::1"), "2001:db8::9")
        self.assertIsNone(six.host_for("10.0.0.1"))

    def test_nothing(self) -> None:
        """Nothing advertised is the address itself."""
        self.assertIsNone(Advertised().host_for("192.0.2.1"))


class SeenTests(SynchronousTestCase):
    """Tests of `seen_address`."""

    def seen(self, via: str) -> tuple[str, int] | None:
        """Of a response with this top Via."""
        return seen_address(ok(f"SIP/2.0/UDP {via};branch=z9hG4bK1"))

    def test_behind_a_nat(self) -> None:
        """`received` and `rport` are where the server has seen us (3581-3-a)."""
        self.assertEqual(
            self.seen("10.0.0.1:5060;received=203.0.113.1;rport=41000"),
            ("203.0.113.1", 41000),
        )
        self.assertEqual(
            self.seen("10.0.0.1:5062;received=203.0.113.1"), ("203.0.113.1", 5062)
        )
        self.assertEqual(
            self.seen("10.0.0.1;received=203.0.113.1"), ("203.0.113.1", 5060)
        )

    def test_port_alone(self) -> None:
        """A NAT may change nothing but the port."""
        self.assertEqual(
            self.seen("10.0.0.1:5060;received=10.0.0.1;rport=41000"),
            ("10.0.0.1", 41000),
        )

    def test_nothing_new(self) -> None:
        """What we have said ourselves teaches nothing."""
        for via in (
            "10.0.0.1:5060",
            "10.0.0.1:5060;rport",
            "10.0.0.1:5060;received=10.0.0.1;rport=5060",
            "[2001:db8::1]:5060;received=2001:db8:0::1;rport=5060",
        ):
            self.assertIsNone(self.seen(via), via)

    def test_what_is_no_address(self) -> None:
        """A server cannot make us call ourselves by a name, or by nothing."""
        self.assertIsNone(self.seen("10.0.0.1:5060;received=evil.example;rport=1"))
        for spoilt in ("=;rport=1", "=203.0.113.1;rport=99999", "=203.0.113.1;rport=0"):
            self.assertRaises(ParseError, self.seen, f"10.0.0.1:5060;received{spoilt}")
