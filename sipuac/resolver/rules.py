"""Which services of a domain to use, and in which order (RFC 3263, RFC 2782).

Records go in, choices come out; even chance is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from itertools import groupby

from sipuac.errors import ResolutionFailed
from sipuac.syntax.destination import DEFAULT_PORTS
from sipuac.syntax.uri import SipUri
from sipuac.values import value

#: A number from 0 to its argument, both included, each as likely as the other.
Pick = Callable[[int], int]

# RFC 3263 section 4.2: "the service identifier "_sips" for SIPS URIs. For a SIP URI, if
# the client wishes to use TLS, it also uses the service identifier "_sips"".
_SRV_PREFIXES = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}

_NAPTR_SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}


@value(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403 section 4.1), its names without the dot at the end."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


@value(frozen=True, slots=True)
class Srv:
    """A SRV record (RFC 2782); `target` is "" where the service is not available."""

    priority: int
    weight: int
    port: int
    target: str


@value(frozen=True, slots=True)
class Service:
    """Where a domain keeps the SRV records of one transport.

    Attributes:
        transport: "UDP", "TCP" or "TLS".
        name: The name to ask for SRV records.
    """

    transport: str
    name: str


# Most calls of a program go to the same few servers.
@lru_cache(maxsize=1024)
def literal_address(host: str) -> str | None:
    """The IP address in its usual form, None where it is a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def asked_transport(uri: SipUri, *, is_secure: bool = False) -> str | None:
    """The transport that the URI insists on, None where that is for us to choose.

    Args:
        uri: The next hop.
        is_secure: Whether it must be TLS although this URI does not say so.

    Raises:
        ResolutionFailed: It asks for a transport that we do not have, or for one that
            is not secure where it has to be.
    """
    asked = (uri.parameter("transport") or "").upper()
    if asked and asked not in DEFAULT_PORTS:
        raise ResolutionFailed(f"transport {asked[:20]} is not supported")
    if is_secure or uri.is_secure:
        if asked == "UDP":
            raise ResolutionFailed("a secure request cannot go over UDP")
        return "TLS" if asked else None
    return asked or None


def default_transport(*, is_secure: bool) -> str:
    """The transport where neither the URI nor DNS says one (RFC 3263 section 4.1).

    "if no transport protocol is specified, but the TARGET is a numeric IP address, the
    client SHOULD use UDP for a SIP URI, and TCP for a SIPS URI"; likewise with a port,
    and where there are no SRV records.
    """
    return "TLS" if is_secure else "UDP"


def services_by_rule(
    domain: str, transport: str | None, *, is_secure: bool
) -> list[Service]:
    """The services of a domain without NAPTR records.

    Section 4.1: "the client constructs SRV queries for those transport protocols it
    supports, and does a query for each"; it "MAY use any transport protocol it desires
    which is supported by the server": what is the default comes first.

    Args:
        domain: The target.
        transport: The one that was asked for; None for all.
        is_secure: Whether only TLS will do.
    """
    if transport is None:
        names = ["TLS"] if is_secure else ["UDP", "TCP", "TLS"]
    else:
        names = [transport]
    return [Service(name, f"{_SRV_PREFIXES[name]}.{domain}") for name in names]


def services_by_naptr(
    records: Iterable[Naptr], *, is_secure: bool
) -> list[list[Service]]:
    """The services that NAPTR records name, those of equal order together.

    RFC 3263 section 4.1: "a client resolving a SIPS URI MUST discard any services that
    do not contain "SIPS"", and those "that identify a resolution service whose value is
    not "D2X", for values of X that indicate transport protocols supported". A record
    has "an empty regular expression and a replacement value".

    RFC 3403 section 4.1: "once a match is found the client MUST NOT consider records
    with a different Order but they MAY process records with the same Order but
    different Preferences": who wants TLS first is not failed over to UDP.
    """
    usable = [
        record
        for record in records
        if record.flags.upper() == "S"
        and not record.regexp
        and record.replacement
        and _naptr_transport(record, is_secure=is_secure)
    ]
    usable.sort(key=lambda record: (record.order, record.preference))
    groups = []
    for _, equals in groupby(usable, lambda record: record.order):
        services = [
            Service(_naptr_transport(record, is_secure=is_secure), record.replacement)
            for record in equals
        ]
        groups.append(list(dict.fromkeys(services)))
    return groups


def _naptr_transport(record: Naptr, *, is_secure: bool) -> str:
    transport = _NAPTR_SERVICES.get(record.service.upper(), "")
    return "" if is_secure and transport != "TLS" else transport


def ordered_targets(records: Iterable[Srv], pick: Pick) -> list[Srv]:
    """SRV records in the order in which their targets are to be tried (RFC 2782).

    Args:
        records: Of one service.
        pick: Chance.

    Returns:
        Without those that lead nowhere: with port 0, or without a target: "A Target of
        "." means that the service is decidedly not available at this domain."
    """
    usable = [record for record in records if record.target and record.port]
    usable.sort(key=lambda record: record.priority)
    ordered: list[Srv] = []
    for _, equals in groupby(usable, lambda record: record.priority):
        ordered += _by_weight(list(equals), pick)
    return ordered


def _by_weight(records: list[Srv], pick: Pick) -> list[Srv]:
    # "arrange all SRV RRs (that have not been ordered yet) in any order, except that
    # all those with weight 0 are placed at the beginning of the list."
    left = sorted(records, key=lambda record: record.weight > 0)
    ordered = []
    while left:
        # "choose a uniform random number between 0 and the sum computed (inclusive),
        # and select the RR whose running sum value is the first in the selected order
        # which is greater than or equal to the random number selected."
        chosen = pick(sum(record.weight for record in left))
        running = 0
        for index, record in enumerate(left):
            running += record.weight
            if running >= chosen:
                ordered.append(left.pop(index))
                break
    return ordered
