"""The order of the addresses of one name (RFC 6724 section 6), as RFC 7984 4 asks.

Of its rules those that can be told from the addresses themselves and from our own
address toward each: 1, 2, 5, 6 and 8. What is equal by them keeps the order in which
the name server gave it, so that its round robin works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Our own address on the way to another one, None where there is no way.
SourceToward = Callable[[str], str | None]

_Address = IPv4Address | IPv6Address

# RFC 6724 section 2.1: prefix, precedence, label; the longest prefix first.
_POLICY = [
    (ip_network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("::/96", 1, 3),
        ("2001::/32", 5, 5),
        ("2002::/16", 30, 2),
        ("3ffe::/16", 1, 12),
        ("fec0::/10", 1, 11),
        ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
]

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE


def usable_address(text: str) -> str | None:
    """The address in its usual form, None for one that no server can have.

    What DNS says is believed no further than this: an address of nobody or of many, or
    one that means nothing without an interface, is no server's.
    """
    address = ip_address(text)
    if address.is_unspecified or address.is_multicast:
        return None
    if isinstance(address, IPv4Address):
        return None if address == IPv4Address("255.255.255.255") else str(address)
    is_usable = not address.is_link_local and address.ipv4_mapped is None
    return str(address) if is_usable else None


def ordered_addresses(
    addresses: Sequence[str], source_toward: SourceToward | None
) -> list[str]:
    """The addresses of one name in the order in which to try them.

    Args:
        addresses: As the name server gave them.
        source_toward: Tells our own address; None where nobody knows it.
    """
    if len({":" in address for address in addresses}) < 2:
        return list(addresses)
    return sorted(addresses, key=lambda address: _rank(address, source_toward))


def _rank(
    text: str, source_toward: SourceToward | None
) -> tuple[bool, bool, bool, int, int]:
    destination = ip_address(text)
    precedence, label = _policy(destination)
    scope = _scope(destination)
    if source_toward is None:
        return False, False, False, -precedence, scope
    found = source_toward(text)
    if found is None:
        return True, True, True, -precedence, scope
    source = ip_address(found)
    return (
        False,
        _scope(source) != scope,
        _policy(source)[1] != label,
        -precedence,
        scope,
    )


def _policy(address: _Address) -> tuple[int, int]:
    mapped = _as_ipv6(address)
    return next(
        (precedence, label) for prefix, precedence, label in _POLICY if mapped in prefix
    )


def _scope(address: _Address) -> int:
    """RFC 6724 section 3.1 and 3.2: how far an address reaches."""
    if address.is_loopback or address.is_link_local:
        return _LINK_LOCAL
    if isinstance(address, IPv6Address) and address.is_site_local:
        return _SITE_LOCAL
    return _GLOBAL


def _as_ipv6(address: _Address) -> IPv6Address:
    if isinstance(address, IPv6Address):
        return address
    return IPv6Address(f"::ffff:{address}")
