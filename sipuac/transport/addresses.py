"""IP addresses: which is one, how it is written, and which of ours faces a peer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address

from twisted.internet.abstract import isIPAddress, isIPv6Address

from sipuac.errors import TransportFailed

#: Finds our own address on the way to another; `local_address_toward` is the real one.
LocalAddress = Callable[[str], str]

_MAPPED_PREFIX = "::ffff:"
_DISCARD_PORT = 9
_WILDCARDS = ("", "0.0.0.0", "::")


def is_address(host: str) -> bool:
    """Whether this is a literal IPv4 or IPv6 address and no name."""
    return isIPAddress(host) or isIPv6Address(host)


def is_wildcard(interface: str) -> bool:
    """Whether a socket bound to this interface listens on all addresses."""
    return interface in _WILDCARDS


def plain_address(host: str) -> str:
    """The address as SIP writes it: no zone, and IPv4 where it is mapped into IPv6.

    A socket bound to "::" sees an IPv4 peer as "::ffff:192.0.2.1".
    """
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    mapped = address.ipv4_mapped
    return str(address if mapped is None else mapped)


def is_same_address(one: str, other: str) -> bool:
    """Whether two literal addresses are equal, whatever their text."""
    if one == other:
        return True
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def socket_address(host: str, interface: str) -> str:
    """The address as a socket on this interface wants it: mapped into IPv6 or not."""
    if ":" in interface and ":" not in host:
        return _MAPPED_PREFIX + host
    return host


def reaches(interface: str, host: str) -> bool:
    """Whether a socket bound to this interface can talk to the address at all."""
    if ":" in host:
        return ":" in interface
    # On all systems where we run "::" also takes IPv4, unless the administrator
    # forbids it; then sending says so.
    return ":" not in interface or interface == "::"


def interface_toward(
    host: str, interfaces: Sequence[str], local_address: LocalAddress
) -> str | None:
    """The interface of ours to talk to this address from, None where none can.

    Of several the one that the system's routes would use, else one that listens on
    all addresses, else the first.
    """
    able = [interface for interface in interfaces if reaches(interface, host)]
    if len(able) < 2:
        return able[0] if able else None
    try:
        facing = local_address(host)
    except TransportFailed:
        return able[0]
    for interface in able:
        if is_same_address(interface, facing):
            return interface
    for interface in able:
        if is_wildcard(interface):
            return interface
    return able[0]


def local_address_toward(host: str) -> str:
    """Our own address on the way to this one, by the system's routes.

    A datagram socket is connected and closed again; nothing is sent.

    Raises:
        TransportFailed: There is no way there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, _DISCARD_PORT))
            return plain_address(str(probe.getsockname()[0]))
    except OSError as error:
        raise TransportFailed(f"no route to {host}: {error.strerror}") from error


def can_listen_on_ipv6() -> bool:
    """Whether this machine has IPv6, so that a socket can be bound to "::"."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
