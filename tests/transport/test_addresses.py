"""Addresses: their text, and which of ours faces a peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.transport.addresses import (
    LocalAddress,
    interface_toward,
    is_address,
    is_same_address,
    is_wildcard,
    local_address_toward,
    plain_address,
    reaches,
    socket_address,
)


def nowhere(host: str) -> str:
    """A system without a way to anywhere."""
    raise TransportFailed("no route")


class TextTests(SynchronousTestCase):
    """Addresses as text."""

    def test_names_are_no_addresses(self) -> None:
        """A literal address is told from a name."""
        for host in ("192.0.2.1", "::1", "2001:db8::1"):
            self.assertTrue(is_address(host), host)
        for host in ("example.com", "", "192.0.2", "[::1]"):
            self.assertFalse(is_address(host), host)

    def test_plain_address(self) -> None:
        """SIP writes neither zones nor IPv4 addresses mapped into IPv6."""
        self.assertEqual(plain_address("192.0.2.1"), "192.0.2.1")
        self.assertEqual(plain_address("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(plain_address("fe80::1%eth0"), "fe80::1")
        self.assertEqual(plain_address("2001:DB8:0::1"), "2001:db8::1")

    def test_socket_address(self) -> None:
        """A socket of IPv6 wants IPv4 addresses mapped, one of IPv4 does not."""
        self.assertEqual(socket_address("192.0.2.1", "::"), "::ffff:192.0.2.1")
        self.assertEqual(socket_address("192.0.2.1", ""), "192.0.2.1")
        self.assertEqual(socket_address("::1", "::"), "::1")

    def test_same_address(self) -> None:
        """Addresses are the same whatever their text."""
        self.assertTrue(is_same_address("::1", "0:0::1"))
        self.assertFalse(is_same_address("192.0.2.1", "192.0.2.2"))
        self.assertFalse(is_same_address("example.com", "192.0.2.2"))
        self.assertTrue(is_same_address("example.com", "example.com"))

    def test_wildcards(self) -> None:
        """All spellings of "every address" are known."""
        for interface in ("", "0.0.0.0", "::"):
            self.assertTrue(is_wildcard(interface))
        self.assertFalse(is_wildcard("127.0.0.1"))


class InterfaceTests(SynchronousTestCase):
    """Which of our interfaces talks to a peer."""

    def test_families(self) -> None:
        """A socket reaches addresses of its own family, "::" those of both."""
        self.assertTrue(reaches("", "192.0.2.1"))
        self.assertFalse(reaches("", "::1"))
        self.assertFalse(reaches("2001:db8::1", "192.0.2.1"))
        self.assertTrue(reaches("::", "192.0.2.1"))

    def test_none_can(self) -> None:
        """Without an interface of the family there is none."""
        self.assertIsNone(interface_toward("::1", ["", "127.0.0.1"], nowhere))

    def test_routes_choose_among_several(self) -> None:
        """The address that the system would use wins, then the wildcard, then the
        first.
        """
        several = ["127.0.0.1", "192.0.2.1", ""]

        def chosen(interfaces: list[str], way: LocalAddress) -> str | None:
            return interface_toward("192.0.2.9", interfaces, way)

        self.assertEqual(chosen(several, lambda host: "192.0.2.1"), "192.0.2.1")
        self.assertEqual(chosen(several, lambda host: "10.0.0.1"), "")
        self.assertEqual(chosen(several[:2], lambda host: "10.0.0.1"), "127.0.0.1")
        self.assertEqual(chosen(several, nowhere), "127.0.0.1")

    def test_local_address_of_loopback(self) -> None:
        """The system's own routes say that loopback faces loopback."""
        self.assertEqual(local_address_toward("127.0.0.1"), "127.0.0.1")

    def test_no_route_is_a_failure_of_the_transport(self) -> None:
        """An address that the system refuses to talk to fails in our own words."""
        broadcast = "255.255.255.255"
        error = self.assertRaises(TransportFailed, local_address_toward, broadcast)
        self.assertIn(broadcast, str(error))
