"""Hosts and ports: names, IPv4 addresses and IPv6 references (RFC 3261, RFC 5954)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from sipuac.errors import ParseError
from sipuac.syntax.lexical import parse_integer

#: One host, bracketed where it is an IPv6 address; still to be checked by `read_host`.
HOST = r"\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9_.\-]++"

#: What holds a host and perhaps a port; still to be checked by `read_host_and_port`.
HOST_AND_PORT = r"[A-Za-z0-9_.\-:\[\]]++"

#: No name of the DNS is longer (RFC 1035 section 2.3.4), with a final dot.
MAX_NAME = 255

_NAME = re.compile(r"[A-Za-z0-9_\-]++(?:\.[A-Za-z0-9_\-]++)*+\.?")
_HOST_AND_PORT = re.compile(rf"({HOST})(?::([0-9]++))?")
_DIGITS = re.compile(r"[0-9]++")


# The hosts of a network are few and are met in every message; the cache is bounded, and
# errors are not kept.
@lru_cache(maxsize=4096)
def read_host(text: str) -> str:
    """The host as we keep it: without the brackets of an IPv6 reference.

    RFC 5118 section 4.10 wants three colons before an embedded IPv4 address tolerated,
    which the grammar of RFC 3261 allowed by mistake and RFC 5954 forbids. They are read
    as two here, so that a host that we write never has three.

    Raises:
        ParseError: It is neither a name nor an address.
    """
    if text.startswith("["):
        return _read_ipv6(text)
    if len(text) > MAX_NAME or _NAME.fullmatch(text) is None:
        raise ParseError(f"not a host: {text[:80]!r}")
    # "toplabel = ALPHA / ALPHA *( alphanum / "-" ) alphanum": a last label of digits
    # only makes it an address, which 444.555.666.777 is not (RFC 5954 section 4.1).
    if _DIGITS.fullmatch(text.rstrip(".").rpartition(".")[2]):
        try:
            IPv4Address(text)
        except AddressValueError:
            raise ParseError(f"not an IPv4 address: {text[:80]!r}") from None
    return text


# Hosts come with the same ports again and again: one look-up for both.
@lru_cache(maxsize=4096)
def read_host_and_port(text: str) -> tuple[str, int | None]:
    """Host and port, None where there is none.

    Raises:
        ParseError: It is not a host, perhaps followed by ":" and a port.
    """
    parts = _HOST_AND_PORT.fullmatch(text)
    if parts is None:
        raise ParseError(f"not a host and port: {text[:80]!r}")
    return read_host(parts[1]), read_port(parts[2])


def _read_ipv6(text: str) -> str:
    if not text.endswith("]"):
        raise ParseError(f"not an IPv6 reference: {text[:80]!r}")
    address = text[1:-1]
    if "." in address:
        address = address.replace(":::", "::")
    # A zone ("%eth0") means nothing to a peer; the grammar has none.
    if "%" in address:
        raise ParseError(f"not an IPv6 address: {text[:80]!r}")
    try:
        IPv6Address(address)
    except AddressValueError:
        raise ParseError(f"not an IPv6 address: {text[:80]!r}") from None
    return address


def read_port(text: str | None) -> int | None:
    """The port, None for None.

    Raises:
        ParseError: It is no number from 1 to 65535.
    """
    if text is None:
        return None
    # Nearly all are so plain; this is twice as fast.
    if len(text) == 4 and text.isdigit() and text.isascii() and text[0] != "0":
        return int(text)
    port = parse_integer(text, "port", 65535)
    if not port:
        raise ParseError("port is 0")
    return port


def bracketed(host: str) -> str:
    """The host as text for a URI or a Via: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_same_host(one: str, other: str) -> bool:
    """Whether two hosts are equal: the name without case, or the same IP address.

    RFC 5954 section 4.2: two hosts are the same when their addresses are, whatever
    their text.
    """
    if one == other:
        return True
    if ":" in one and ":" in other:
        try:
            return IPv6Address(one) == IPv6Address(other)
        except AddressValueError:
            return False
    return one.lower() == other.lower()
