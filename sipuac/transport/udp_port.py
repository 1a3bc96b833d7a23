"""A UDP socket that learns from ICMP whom it cannot reach (RFC 3261 section 18.4).

"Host, network, port or protocol unreachable errors, or parameter problem errors SHOULD
cause the transport layer to inform the transport user of a failure in sending. Source
quench and TTL exceeded ICMP errors SHOULD be ignored." Without this a request to a port
where nobody listens is sent again for 32 s.

Linux tells such errors to a socket that is not connected only by its error queue, which
Twisted's own port does not read: it would take the error for the end of the socket.
Elsewhere, and on reactors that make sockets of their own, that port is good enough.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import Any, Protocol

from twisted.internet import udp
from twisted.internet.interfaces import IListeningPort
from twisted.internet.posixbase import PosixReactorBase
from twisted.python.failure import Failure

# From <linux/in.h>, <linux/in6.h> and <linux/errqueue.h>; Python does not name them.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_ORIGIN_ICMP = 2
_ORIGIN_ICMP6 = 3
_EXTENDED_ERROR = struct.Struct("=IBBBxII")
_ANCILLARY_SIZE = 512

# Destination unreachable and parameter problem, of ICMP and of ICMPv6. "Fragmentation
# needed" is of the first type too, and says nothing about the peer.
_REPORTED = {
    _ORIGIN_ICMP: frozenset({3, 12}),
    _ORIGIN_ICMP6: frozenset({1, 4}),
}
_FRAGMENTATION_NEEDED = (_ORIGIN_ICMP, 3, 4)

# What the system makes of ICMP errors. It hands each to the next call on the socket,
# whatever that call is about.
_EARLIER_ERRORS = frozenset(
    {
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.ENOPROTOOPT,
        errno.EPROTO,
        errno.EOPNOTSUPP,
        errno.EACCES,
        errno.EMSGSIZE,
    }
    if sys.platform == "linux"
    else ()
)

# Errors that are read at once; the rest waits for its turn.
_MAX_ERRORS = 64


class UnreachableListener(Protocol):
    """What a port of ours tells its protocol beside what Twisted's ports tell."""

    def peer_unreachable(self, address: tuple[str, int], problem: str) -> None:
        """A datagram to this address did not arrive, and the next will not either."""


class UdpPort(udp.Port):
    """A UDP port of Twisted that reads its error queue."""

    # Bytes that are read before others have their turn. Twisted's 256 KiB are 400
    # messages, and the work on those made every timer a quarter of a second late.
    maxThroughput = 64 * 1024

    def startListening(self) -> None:
        """Open the socket, and ask for its errors."""
        super().startListening()  # type: ignore[no-untyped-call]  # Twisted's
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        if self.addressFamily == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)

    def doRead(self) -> None:
        """Read datagrams, then errors."""
        try:
            super().doRead()  # type: ignore[no-untyped-call]  # Twisted's
        except OSError as error:
            if error.errno not in _EARLIER_ERRORS:
                raise
        self._read_errors()

    def readConnectionLost(self, reason: Failure) -> None:
        """There is an error and no datagram, which poll and epoll take for the end."""
        self._read_errors()
        if self.connected:
            self.startReading()  # type: ignore[no-untyped-call]  # Twisted's

    def writeConnectionLost(self, reason: Failure) -> None:
        """Never happens: nothing is written when the reactor says so."""

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        """Send a datagram; the failure of an earlier one is not that of this one."""
        assert addr is not None
        try:
            self.socket.sendto(datagram, addr)
        except OSError as error:
            if error.errno not in _EARLIER_ERRORS:
                raise
            self.socket.sendto(datagram, addr)

    def _read_errors(self) -> None:
        for _ in range(_MAX_ERRORS):
            # The protocol may have closed the port.
            if not self.connected:
                return
            try:
                _, ancillary, _, address = self.socket.recvmsg(
                    0, _ANCILLARY_SIZE, socket.MSG_ERRQUEUE
                )
            except BlockingIOError:
                return
            for _, _, octets in ancillary:
                problem = _problem_in(octets)
                if problem is not None:
                    listener: UnreachableListener = self.protocol
                    listener.peer_unreachable(address[:2], problem)


def listen_udp(
    reactor: Any, port: int, protocol: Any, interface: str, max_datagram: int
) -> IListeningPort:
    """Open a UDP socket that knows of unreachable peers, where that can be.

    Args:
        reactor: Twisted has no type for one that has all that is needed.
        port: Where to listen, 0 for any port.
        protocol: A `DatagramProtocol` that is an `UnreachableListener`.
        interface: Address to listen on, "" for all.
        max_datagram: Bytes to read at once.

    Raises:
        CannotListenError: The port is not free.
    """
    if not _EARLIER_ERRORS or not isinstance(reactor, PosixReactorBase):
        opened: IListeningPort = reactor.listenUDP(
            port, protocol, interface=interface, maxPacketSize=max_datagram
        )
        return opened
    listening: UdpPort = UdpPort(  # type: ignore[no-untyped-call]  # Twisted's
        port, protocol, interface, max_datagram, reactor
    )
    listening.startListening()
    return listening


def _problem_in(octets: bytes) -> str | None:
    """What an extended error says of the peer; None where it says nothing of it."""
    if len(octets) < _EXTENDED_ERROR.size:
        return None
    number, origin, kind, code, _, _ = _EXTENDED_ERROR.unpack_from(octets)
    if kind not in _REPORTED.get(origin, ()):
        return None
    if (origin, kind, code) == _FRAGMENTATION_NEEDED:
        return None
    return os.strerror(number)
