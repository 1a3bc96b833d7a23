"""The hosts file and resolv.conf."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.system import HostsFile, SystemServers


class FileCase(SynchronousTestCase):
    """A file that changes."""

    def setUp(self) -> None:
        """Its path; it is not there yet."""
        self.path = self.mktemp()
        self.written = 0

    def write(self, text: str) -> None:
        """Write it anew, later than before."""
        with open(self.path, "w") as file:
            file.write(text)
        self.written += 1
        os.utime(self.path, (self.written, self.written))


class HostsTests(FileCase):
    """The hosts file."""

    def test_names(self) -> None:
        """All addresses of a name, whatever its case; comments and rubbish do not
        count.
        """
        self.write(
            "# 192.0.2.1 commented.example\n"
            "192.0.2.2\tone.example One two.example # three.example\n"
            "2001:DB8::2 one.example\n"
            "192.0.2.2 one.example\n"
            "192.0.2 wrong.example\n"
            "192.0.2.4\n"
            "\n"
            "192.0.2.3 Dotted.Example.\n"
            "\xff\xfe \x00\n"
        )
        hosts = HostsFile(self.path)
        for name, addresses in (
            ("one.example", ("192.0.2.2", "2001:db8::2")),
            ("one", ("192.0.2.2",)),
            ("two.example", ("192.0.2.2",)),
            ("dotted.example", ("192.0.2.3",)),
            ("three.example", None),
            ("commented.example", None),
            ("wrong.example", None),
        ):
            self.assertEqual(hosts.addresses(name), addresses)

    def test_changes(self) -> None:
        """A file that changes is read again, one that goes away is an empty one."""
        hosts = HostsFile(self.path)
        self.assertIsNone(hosts.addresses("a.example"))
        self.write("192.0.2.1 a.example\n")
        self.assertEqual(hosts.addresses("a.example"), ("192.0.2.1",))
        self.write("192.0.2.2 a.example\n")
        self.assertEqual(hosts.addresses("a.example"), ("192.0.2.2",))
        os.unlink(self.path)
        self.assertIsNone(hosts.addresses("a.example"))
        os.mkdir(self.path)
        self.assertIsNone(hosts.addresses("a.example"))

    def test_special_names(self) -> None:
        """Below localhost is this host, below invalid nothing (RFC 6761)."""
        hosts = HostsFile(self.path)
        for name in ("localhost", "a.localhost"):
            self.assertEqual(hosts.addresses(name), ("127.0.0.1", "::1"))
        for name in ("invalid", "a.invalid"):
            self.assertEqual(hosts.addresses(name), ())
        for name in ("localhost.example", "invalid.example"):
            self.assertIsNone(hosts.addresses(name))
        self.write("127.0.0.9 localhost\n192.0.2.1 a.invalid\n")
        self.assertEqual(hosts.addresses("localhost"), ("127.0.0.9",))
        self.assertEqual(hosts.addresses("a.invalid"), ("192.0.2.1",))


class ServerTests(FileCase):
    """The name servers of resolv.conf."""

    def test_servers(self) -> None:
        """The first three, in order; what is no address does not count."""
        self.write(
            "search example.com\n"
            "nameserver 192.0.2.1 # first\n"
            "nameserver\n"
            "nameserver ns.example\n"
            "nameserver 2001:db8::1\n"
            "nameserver 192.0.2.3\n"
            "nameserver 192.0.2.4\n"
        )
        self.assertEqual(
            SystemServers(self.path)(),
            (("192.0.2.1", 53), ("2001:db8::1", 53), ("192.0.2.3", 53)),
        )

    def test_none(self) -> None:
        """Without any it is this host, as resolv.conf(5) says."""
        servers = SystemServers(self.path)
        self.assertEqual(servers(), (("127.0.0.1", 53),))
        self.write("nameserver 192.0.2.1\n")
        self.assertEqual(servers(), (("192.0.2.1", 53),))
