"""What travels through a `MemoryNetwork`, and what may happen to it on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipuac.errors import ParseError
from sipuac.syntax.message import Message
from sipuac.syntax.parser import parse_message

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What chance does to the packets of one direction.

    Attributes:
        delay: Seconds that every packet takes.
        jitter: Up to so many seconds more, evenly spread; reorders datagrams by itself.
        loss: Probability, 0 to 1, that a datagram is lost.
        duplication: Probability that a datagram arrives twice.
        reordering: Probability that a datagram is late by `lateness`.
        lateness: Seconds by which a reordered datagram comes late.
        max_segment: Octets that a stream delivers at once; None: each write whole.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    lateness: float = 0.1
    max_segment: int | None = None


class Packet:
    """One write of somebody to somebody, as the log keeps it.

    Attributes:
        time: When it was sent, in seconds of the clock.
        transport: "UDP", "TCP" or "TLS".
        source, destination: Address and port.
        octets: What was written.
        fate: "under way", "arrived", "dropped" (by a rule), "lost" (by chance),
            "partitioned", "held", "refused", "unreachable" (nobody there) or "reset".
        arrivals: When it arrived, in seconds: twice where it was doubled.
    """

    __slots__ = (
        "_message",
        "arrivals",
        "destination",
        "fate",
        "octets",
        "source",
        "time",
        "transport",
    )

    def __init__(
        self,
        time: float,
        transport: str,
        source: Address,
        destination: Address,
        octets: bytes,
    ) -> None:
        self.time = time
        self.transport = transport
        self.source = source
        self.destination = destination
        self.octets = octets
        self.fate = "under way"
        self.arrivals: list[float] = []
        self._message: Message | ParseError | None = None

    @property
    def message(self) -> Message | None:
        """The octets as a message, None where they are none."""
        if self._message is None:
            try:
                self._message = parse_message(self.octets)
            except ParseError as error:
                self._message = error
        return None if isinstance(self._message, ParseError) else self._message

    @property
    def first_line(self) -> str:
        """The start line, for eyes and for predicates."""
        return self.octets.split(b"\r\n", 1)[0].decode("utf-8", "replace")

    def __str__(self) -> str:
        source, destination = written(self.source), written(self.destination)
        return (
            f"{self.time:9.3f} {self.transport} {source} -> {destination}"
            f"  {self.first_line}  [{self.fate}]"
        )


Predicate = Callable[[Packet], bool]


class Rule:
    """Something that is done to chosen packets; `remove` ends it.

    Attributes:
        applied: How many packets it was applied to.
    """

    def __init__(
        self,
        rules: list[Rule],
        verdict: str,
        predicate: Predicate,
        times: int | None,
        seconds: float = 0.0,
    ) -> None:
        self.verdict = verdict
        self.seconds = seconds
        self.applied = 0
        self._rules = rules
        self._predicate = predicate
        self._times = times
        rules.append(self)

    def takes(self, packet: Packet) -> bool:
        """Whether the rule applies to this packet; counts it if so."""
        if self._times is not None and self.applied >= self._times:
            return False
        if not self._predicate(packet):
            return False
        self.applied += 1
        return True

    def remove(self) -> None:
        """Apply the rule no more; no harm where it was removed before."""
        if self in self._rules:
            self._rules.remove(self)


def written(address: Address) -> str:
    """Host and port as one text, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
