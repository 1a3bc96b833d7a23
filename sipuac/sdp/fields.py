"""The values that stand on the lines of a session description (RFC 8866 section 5).

Only what the offer/answer model reads has a class here; the rest of a description is
kept as text. `parse` takes what stands behind the `=`, `str()` gives it back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from sipuac.errors import ParseError
from sipuac.values import value

#: Session id and version "MUST be representable with a 64 bit signed integer"
#: (RFC 3264 section 5).
MAX_ORIGIN_NUMBER = 2**63 - 1

#: More digits than any number in a description needs. Bounds the work of reading one.
_MAX_DIGITS = 40

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z][A-Za-z0-9_.-]*")


def is_token(text: str) -> bool:
    """Whether this is a token of RFC 8866 section 9."""
    return _TOKEN.fullmatch(text) is not None


def subfields(text: str) -> list[str]:
    """Split at spaces; more than one between two subfields is taken for one."""
    return [part for part in text.split(" ") if part]


def number(text: str, what: str, maximum: int | None = None) -> int:
    """Read decimal digits.

    Args:
        text: The digits, nothing else.
        what: What the number is, for the error.
        maximum: The greatest number allowed, None for any.

    Raises:
        ParseError: Not a number, or one that is too great.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise ParseError(f"{what} is not a number: {text[:40]!r}")
    value = int(text)
    if maximum is not None and value > maximum:
        raise ParseError(f"{what} is greater than {maximum}: {text}")
    return value


def address_type(address: str) -> str:
    """The <addrtype> for an address or host name: IP6 for an IPv6 address, else IP4.

    Raises:
        ParseError: Neither an address nor a host name.
    """
    kind = "IP6" if ":" in address else "IP4"
    _check_host(kind, address)
    return kind


# A description names its address four times, and calls share their peers: reading
# addresses anew each time took 4 % of a call.
@lru_cache(maxsize=1024)
def _address(kind: str, text: str) -> IPv4Address | IPv6Address | None:
    """The address of this type, None where the text is none."""
    try:
        return IPv4Address(text) if kind == "IP4" else IPv6Address(text)
    except AddressValueError:
        return None


def _check_host(kind: str, address: str) -> None:
    """Refuse what is neither an address of this type nor a host name."""
    # A zone, behind "%", has no meaning for the peer.
    if _address(kind, address) is None or "%" in address:
        if len(address) > 255 or not _HOST_NAME.fullmatch(address):
            raise ParseError(f"not an {kind} address: {address[:60]!r}")


@value(frozen=True, slots=True)
class Origin:
    """The o= line: who made the description, and which version of it this is (5.2)."""

    username: str
    session_id: int
    version: int
    network_type: str
    address_type: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read the value of an o= line.

        Raises:
            ParseError: It does not have six subfields, or one of them is unusable.
        """
        parts = subfields(text)
        if len(parts) != 6:
            raise ParseError(f"o= has {len(parts)} subfields instead of 6")
        username, session_id, version, network, kind, address = parts
        if network == "IN" and kind in ("IP4", "IP6"):
            _check_host(kind, address)
        return cls(
            username,
            number(session_id, "session id in o="),
            number(version, "version in o="),
            network,
            kind,
            address,
        )

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.version} "
            f"{self.network_type} {self.address_type} {self.address}"
        )

    def is_same_session(self, other: Origin) -> bool:
        """Whether all but the version is equal: two versions of one session."""
        return self.with_version(0) == other.with_version(0)

    def with_version(self, version: int) -> Origin:
        """The same session in another version."""
        return replace(self, version=version)


@value(frozen=True, slots=True)
class Connection:
    """A c= line: the address to which media is sent (5.7).

    Attributes:
        address: Without what follows its slash.
        ttl: Time to live of an IPv4 multicast group, None elsewhere.
        count: Number of consecutive multicast groups, 1 for a unicast address.
    """

    network_type: str
    address_type: str
    address: str
    ttl: int | None = None
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Connection:
        """Read the value of a c= line.

        Raises:
            ParseError: It does not have three subfields, or the address is unusable.
        """
        parts = subfields(text)
        if len(parts) != 3:
            raise ParseError(f"c= has {len(parts)} subfields instead of 3")
        network, kind, rest = parts
        if network != "IN" or kind not in ("IP4", "IP6"):
            return cls(network, kind, rest)
        address, *numbers = rest.split("/")
        _check_host(kind, address)
        plain = cls(network, kind, address)
        if not plain.is_multicast:
            if numbers:
                raise ParseError(f"c= has a slash on a unicast address: {rest[:60]!r}")
            return plain
        ttl = None
        if kind == "IP4":
            # RFC 8866 5.7: IPv4 multicast addresses "MUST also have a time to live".
            if not numbers:
                raise ParseError(f"c= has a multicast address without TTL: {address}")
            ttl = number(numbers.pop(0), "TTL in c=", 255)
        if len(numbers) > 1:
            raise ParseError(f"c= has too many slashes: {rest[:60]!r}")
        count = number(numbers[0], "number of addresses in c=") if numbers else 1
        if count == 0:
            raise ParseError("c= has no addresses")
        return cls(network, kind, address, ttl, count)

    def __str__(self) -> str:
        text = f"{self.network_type} {self.address_type} {self.address}"
        if self.ttl is not None:
            text += f"/{self.ttl}"
        return text if self.count == 1 else f"{text}/{self.count}"

    @property
    def is_multicast(self) -> bool:
        """Whether the address is a multicast group; a host name never is."""
        address = _address(self.address_type, self.address)
        return address is not None and address.is_multicast

    @property
    def is_unspecified(self) -> bool:
        """Whether nothing may be sent there: 0.0.0.0 (RFC 3264 section 8.4), or ::."""
        address = _address(self.address_type, self.address)
        return address is not None and address.is_unspecified


@value(frozen=True, slots=True)
class Time:
    """A t= line: when the session is active, in seconds since 1900; 0 is unbounded."""

    start: int
    stop: int

    @classmethod
    def parse(cls, text: str) -> Time:
        """Read the value of a t= line.

        Raises:
            ParseError: It is not two numbers.
        """
        if text == "0 0":
            return _UNBOUNDED
        parts = subfields(text)
        if len(parts) != 2:
            raise ParseError(f"t= has {len(parts)} subfields instead of 2")
        return cls(number(parts[0], "start in t="), number(parts[1], "stop in t="))

    def __str__(self) -> str:
        return f"{self.start} {self.stop}"


# What nearly every call says, and needs no copy of its own.
_UNBOUNDED = Time(0, 0)


@value(frozen=True, slots=True)
class Attribute:
    """An a= line; `value` is None where there is no colon (5.13)."""

    name: str
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Attribute:
        """Read the value of an a= line; never fails, an odd name is an unknown one."""
        name, colon, value = text.partition(":")
        return cls(name, value if colon else None)

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value}"


@value(frozen=True, slots=True)
class Encoding:
    """What a payload type stands for: the second half of an rtpmap (6.6).

    Attributes:
        name: As written; compared without regard to case.
        clock_rate: In hertz.
        channels: Number of audio channels, 1 where it is not given.
    """

    name: str
    clock_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> Encoding:
        """Read `PCMU/8000` or `opus/48000/2`.

        Raises:
            ParseError: Not an encoding with its clock rate.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not is_token(parts[0]):
            raise ParseError(f"not an encoding: {text[:60]!r}")
        channels = number(parts[2], "channels of an encoding") if len(parts) > 2 else 1
        return cls(parts[0], number(parts[1], "clock rate of an encoding"), channels)

    def __str__(self) -> str:
        text = f"{self.name}/{self.clock_rate}"
        return text if self.channels == 1 else f"{text}/{self.channels}"

    def is_same(self, other: Encoding) -> bool:
        """Whether both name the same codec: encoding names have no case (5.14)."""
        return (self.name.lower(), self.clock_rate, self.channels) == (
            other.name.lower(),
            other.clock_rate,
            other.channels,
        )


class Direction(str, Enum):
    """Which way media flows, as seen from who wrote the description (6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, sends: bool, receives: bool) -> Direction:
        """The direction of one who sends, receives, does both or neither."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        """Whether who wrote it sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether who wrote it receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def mirrored(self) -> Direction:
        """The same flow as seen from the peer."""
        return Direction.of(sends=self.receives, receives=self.sends)
