"""Tests of hosts and ports."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.hosts import bracketed, is_same_host, read_host, read_port


class HostTests(SynchronousTestCase):
    """Which texts are hosts."""

    def test_names_and_addresses(self) -> None:
        """A host is a name, an IPv4 or a bracketed IPv6 address (5954-4.1-a)."""
        for text in ("example.com", "a-b.example.com.", "3com.example", "192.0.2.1"):
            self.assertEqual(read_host(text), text)
        self.assertEqual(read_host("[2001:db8::1]"), "2001:db8::1")
        self.assertEqual(read_host("[::FFFF:192.0.2.1]"), "::FFFF:192.0.2.1")

    def test_refused(self) -> None:
        """Bad addresses, empty labels and IPv6 without brackets are no hosts."""
        for text in (
            "",
            ".",
            "a..b",
            "a" * 256,
            ".a",
            "a b",
            "é",
            "444.555.666.777",
            "1.2.3",
            "1.2.3.4.",
            "1.2.3.4.5",
            "2001:db8::1",
            "[2001:db8::1",
            "[]",
            "[1.2.3.4]",
            "[::1%eth0]",
            "[2001:db8:::1]",
            "[::1]]",
            "[example.com]",
        ):
            self.assertRaises(ParseError, read_host, text)

    def test_three_colons(self) -> None:
        """Three colons before an IPv4 address are read as two (5118-4.10-a)."""
        self.assertEqual(read_host("[2001:db8:::192.0.2.1]"), "2001:db8::192.0.2.1")

    def test_ports(self) -> None:
        """A port is a number from 1 to 65535."""
        self.assertIsNone(read_port(None))
        self.assertEqual(read_port("65535"), 65535)
        for text in ("", "0", "65536", "-1", "5060x"):
            self.assertRaises(ParseError, read_port, text)

    def test_brackets(self) -> None:
        """Only IPv6 addresses are written in brackets."""
        self.assertEqual(bracketed("::1"), "[::1]")
        self.assertEqual(bracketed("192.0.2.1"), "192.0.2.1")

    def test_equal_hosts(self) -> None:
        """Hosts are equal whose IP address is the same in another text (5954-4.2-a)."""
        self.assertTrue(is_same_host("Example.COM", "example.com"))
        self.assertTrue(is_same_host("2001:DB8::0:1", "2001:db8::1"))
        self.assertTrue(is_same_host("::ffff:192.0.2.1", "::ffff:c000:201"))
        self.assertFalse(is_same_host("2001:db8::1", "2001:db8::2"))
        self.assertFalse(is_same_host("192.0.2.1", "192.0.2.2"))
        self.assertFalse(is_same_host("a:b:c", "a:b:d"))
