"""ICMP errors: which are the peer's, and whose datagram they are about."""

from __future__ import annotations

import errno
import struct
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.udp_port import UdpPort, _problem_in
from tests.transport.peers import FakeReactor

LOCAL, ICMP, ICMP6 = 1, 2, 3


def extended_error(number: int, origin: int, kind: int, code: int) -> bytes:
    """A `struct sock_extended_err` with the address of a router after it."""
    return struct.pack("=IBBBxII", number, origin, kind, code, 0, 0) + b"\0" * 16


class ProblemTests(SynchronousTestCase):
    """Which errors count (RFC 3261 section 18.4)."""

    def test_unreachable_and_parameter_problem(self) -> None:
        """Host, network, port or protocol unreachable errors, or parameter problem
        errors SHOULD cause the transport layer to inform the transport user
        (3261-18.4-a).
        """
        for origin, kind, code in (
            *[(ICMP, 3, code) for code in (0, 1, 2, 3, 13)],
            (ICMP, 12, 0),
            *[(ICMP6, 1, code) for code in (0, 1, 3, 4)],
            (ICMP6, 4, 0),
        ):
            octets = extended_error(errno.ECONNREFUSED, origin, kind, code)
            self.assertEqual(_problem_in(octets), "Connection refused")

    def test_all_others(self) -> None:
        """Source quench and TTL exceeded ICMP errors SHOULD be ignored
        (3261-18.4-a); so are errors about the size, and those that are our own.
        """
        for origin, kind, code in (
            (ICMP, 4, 0),
            (ICMP, 11, 0),
            (ICMP, 3, 4),
            (ICMP6, 2, 0),
            (ICMP6, 3, 0),
            (LOCAL, 3, 3),
        ):
            octets = extended_error(errno.EHOSTUNREACH, origin, kind, code)
            self.assertIsNone(_problem_in(octets))

    def test_octets_of_another_kind(self) -> None:
        """What is too short to be an error is none."""
        self.assertIsNone(_problem_in(b""))
        self.assertIsNone(_problem_in(b"\2" * 15))


class WriteTests(SynchronousTestCase):
    """The error of one datagram is not that of the next."""

    def write(self, *errors: OSError) -> list[Any]:
        """Send one datagram over a socket that fails so often; returns what left."""
        sent: list[Any] = []
        waiting = list(errors)

        class Socket:
            def sendto(self, datagram: bytes, address: object) -> None:
                if waiting:
                    raise waiting.pop(0)
                sent.append((datagram, address))

        port: Any = UdpPort(0, DatagramProtocol(), "", 65535, FakeReactor())
        port.socket = Socket()
        port.write(b"octets", ("192.0.2.9", 5060))
        return sent

    def test_error_of_an_earlier_datagram(self) -> None:
        """The system tells of an earlier datagram at the next; this one is sent."""
        sent = self.write(OSError(errno.ECONNREFUSED, ""))
        self.assertEqual(sent, [(b"octets", ("192.0.2.9", 5060))])

    def test_error_of_this_datagram(self) -> None:
        """An error that stays is this datagram's."""
        unreachable = OSError(errno.ENETUNREACH, "")
        self.assertRaises(OSError, self.write, unreachable, unreachable)

    def test_other_errors(self) -> None:
        """Errors that no earlier datagram can have made are told at once."""
        self.assertRaises(
            BlockingIOError, self.write, BlockingIOError(errno.EAGAIN, "")
        )
        self.assertRaises(OSError, self.write, OSError(errno.EPERM, ""))
