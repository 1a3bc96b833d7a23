"""What a DNS answer says, and how much of it is believed.

A record counts if it is of the type that was asked for, of class IN, and belongs to the
name that was asked for or to an alias of it. Everything else in an answer is left
alone, additional records too: whoever needs them asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import Any

from twisted.names import dns

from sipuac.resolver.addresses import usable_address
from sipuac.resolver.interfaces import Sections
from sipuac.resolver.rules import Naptr, Srv

#: Records of one answer that are looked at, the most wanted ones.
MAX_RECORDS = 64

#: Aliases that are followed one after another.
MAX_ALIASES = 8

#: Seconds that an answer is kept at most, and one that says there is nothing.
MAX_TTL = 86_400
MAX_NEGATIVE_TTL = 900

Record = Naptr | Srv | str

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class Status(str, Enum):
    """How a question went.

    FOUND: There are such records, or an alias to ask instead.
    NONE: The name servers say that there are none.
    REFUSED: They cannot or will not say.
    SILENT: They say nothing.
    """

    FOUND = "found"
    NONE = "none"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one type of records of one name.

    Attributes:
        status: How the question went.
        records: Addresses as text, `Srv` or `Naptr`; there may be none although some
            were found, if none was fit for use.
        alias: The name to ask instead, None where there is none.
        ttl: Seconds that this may be kept.
    """

    status: Status
    records: tuple[Record, ...] = ()
    alias: str | None = None
    ttl: float = 0.0


def plain_name(name: str) -> str | None:
    """A domain name in lower case without the dot at the end, None where it is none.

    What comes out can be asked for, and cannot do harm in a log.
    """
    plain = name.removesuffix(".").lower()
    return plain if len(plain) <= 253 and _NAME.fullmatch(plain) else None


def read_answer(name: str, kind: int, sections: Sections) -> Answer:
    """What these sections say of one type of records of a name.

    Args:
        name: What was asked for, as of `plain_name`.
        kind: `dns.A`, `dns.AAAA`, `dns.SRV` or `dns.NAPTR`.
        sections: Answers, authorities and additional records.
    """
    answers, authorities, _ = sections
    ours = [header for header in answers if header.cls == dns.IN]
    owner, ttl = _canonical_name(name, ours)
    if owner is None:
        # Aliases in a circle lead nowhere.
        return Answer(Status.NONE, ttl=ttl)
    found = [
        header
        for header in ours
        if header.type == kind and _plain(header.name) == owner
    ]
    if found:
        ttl = min([ttl, *(_seconds(header.ttl) for header in found)])
        return Answer(Status.FOUND, _READERS[kind](found), None, ttl)
    soa = negative_ttl(authorities)
    if owner != name and soa is None:
        return Answer(Status.FOUND, (), owner, ttl)
    return Answer(Status.NONE, ttl=min(ttl, soa or 0))


def negative_ttl(authorities: Sequence[Any]) -> float | None:
    """Seconds to remember that there is nothing (RFC 2308 section 5).

    Returns:
        None without a SOA record: then the answer "SHOULD NOT be cached".
    """
    for header in authorities:
        if header.type == dns.SOA and header.cls == dns.IN:
            ttl = min(_seconds(header.ttl), _seconds(header.payload.minimum))
            return min(ttl, MAX_NEGATIVE_TTL)
    return None


def _canonical_name(name: str, headers: Sequence[Any]) -> tuple[str | None, float]:
    """Where the aliases in an answer lead, and how long that is true."""
    ttl: float = MAX_TTL
    aliases = {
        _plain(header.name): header for header in headers if header.type == dns.CNAME
    }
    for _ in range(MAX_ALIASES):
        alias = aliases.pop(name, None)
        if alias is None:
            return name, ttl
        ttl = min(ttl, _seconds(alias.ttl))
        target = _plain(alias.payload.name)
        if target is None:
            break
        name = target
    return None, ttl


def _seconds(ttl: int) -> float:
    # RFC 2181 section 8: "treat TTL values received with the most significant bit set
    # as if the entire value received was zero".
    return 0 if ttl >= 2**31 or ttl < 0 else min(ttl, MAX_TTL)


def _plain(name: dns.Name) -> str | None:
    return plain_name(name.name.decode("ascii", "replace"))


def _addresses(headers: Sequence[Any]) -> tuple[Record, ...]:
    found = (
        usable_address(str(ip_address(header.payload.address)))
        for header in headers[:MAX_RECORDS]
    )
    return tuple(dict.fromkeys(address for address in found if address))


def _services(headers: Sequence[Any]) -> tuple[Record, ...]:
    payloads = sorted(
        (header.payload for header in headers),
        key=lambda payload: int(payload.priority),
    )
    found = []
    for payload in payloads[:MAX_RECORDS]:
        is_root = payload.target.name in (b"", b".")
        target = "" if is_root else _plain(payload.target)
        if target is not None:
            found.append(Srv(payload.priority, payload.weight, payload.port, target))
    return tuple(found)


def _pointers(headers: Sequence[Any]) -> tuple[Record, ...]:
    payloads = sorted(
        (header.payload for header in headers),
        key=lambda payload: (int(payload.order), int(payload.preference)),
    )
    found = []
    for payload in payloads[:MAX_RECORDS]:
        replacement = _plain(payload.replacement)
        if replacement is not None:
            found.append(
                Naptr(
                    payload.order,
                    payload.preference,
                    _text(payload.flags),
                    _text(payload.service),
                    _text(payload.regexp),
                    replacement,
                )
            )
    return tuple(found)


def _text(string: dns.Charstr) -> str:
    return string.string.decode("ascii", "replace")


_READERS: dict[int, Callable[[Sequence[Any]], tuple[Record, ...]]] = {
    dns.A: _addresses,
    dns.AAAA: _addresses,
    dns.SRV: _services,
    dns.NAPTR: _pointers,
}
