"""The order of the addresses of one name (RFC 6724)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.addresses import ordered_addresses, usable_address


class OrderTests(SynchronousTestCase):
    """Addresses are sorted by destination address selection (7984-4-a)."""

    def order(
        self, *addresses: str, sources: dict[str, str] | None = None
    ) -> list[str]:
        """The addresses in order, where these are our own toward them."""
        return ordered_addresses(addresses, None if sources is None else sources.get)

    def test_unusable_destinations(self) -> None:
        """Rule 1: an address that there is no way to comes last (7984-3.1-a)."""
        found = self.order(
            "2001:db8::1", "192.0.2.1", sources={"192.0.2.1": "10.0.0.1"}
        )
        self.assertEqual(found, ["192.0.2.1", "2001:db8::1"])

    def test_matching_scope(self) -> None:
        """Rule 2: prefer what has the scope of our own address."""
        sources = {"2001:db8::1": "fe80::2", "192.0.2.1": "198.51.100.1"}
        found = self.order("2001:db8::1", "192.0.2.1", sources=sources)
        self.assertEqual(found, ["192.0.2.1", "2001:db8::1"])

    def test_matching_label(self) -> None:
        """Rule 5: prefer native IPv4 to IPv6 through a tunnel of ours."""
        sources = {"2001:db8::1": "2002:c633:6401::2", "192.0.2.1": "198.51.100.1"}
        found = self.order("2001:db8::1", "192.0.2.1", sources=sources)
        self.assertEqual(found, ["192.0.2.1", "2001:db8::1"])

    def test_precedence(self) -> None:
        """Rule 6: IPv6 comes before IPv4, and IPv4 before tunnels and private IPv6."""
        sources = {"2001:db8::1": "2001:db8::2", "192.0.2.1": "198.51.100.1"}
        found = self.order("192.0.2.1", "2001:db8::1", sources=sources)
        self.assertEqual(found, ["2001:db8::1", "192.0.2.1"])
        self.assertEqual(
            self.order("fd00::1", "2002::1", "192.0.2.1", "2001:db8::1", "::1"),
            ["::1", "2001:db8::1", "192.0.2.1", "2002::1", "fd00::1"],
        )

    def test_equal_addresses(self) -> None:
        """Rule 10: otherwise leave the order unchanged."""
        addresses = ("192.0.2.9", "192.0.2.1", "10.0.0.1")
        self.assertEqual(self.order(*addresses, sources={}), list(addresses))
        sources = dict.fromkeys(addresses, "10.0.0.2") | {"2001:db8::1": "2001:db8::2"}
        found = self.order(*addresses, "2001:db8::1", sources=sources)
        self.assertEqual(found, ["2001:db8::1", *addresses])

    def test_loopback(self) -> None:
        """On one host ::1 comes before 127.0.0.1."""
        sources = {"::1": "::1", "127.0.0.1": "127.0.0.1"}
        found = self.order("127.0.0.1", "::1", sources=sources)
        self.assertEqual(found, ["::1", "127.0.0.1"])

    def test_one_family(self) -> None:
        """Addresses of one family need no looking."""

        def never(address: str) -> str:
            raise AssertionError(address)

        self.assertEqual(ordered_addresses(["::2", "::1"], never), ["::2", "::1"])


class UsableTests(SynchronousTestCase):
    """Which addresses a server can have."""

    def test_usable(self) -> None:
        """Those of one host, private ones too, in their usual form."""
        for text in ("192.0.2.1", "10.0.0.1", "127.0.0.1", "::1", "fd00::1"):
            self.assertEqual(usable_address(text), text)
        self.assertEqual(usable_address("2001:DB8:0::1"), "2001:db8::1")

    def test_unusable(self) -> None:
        """Not those of nobody, of many, or of an interface that nobody names."""
        for text in (
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ):
            self.assertIsNone(usable_address(text), text)
