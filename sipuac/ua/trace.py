"""A record of the messages that went over the wire, bounded in size.

The endpoint hands every message that it sends or receives to its tracers as a
`TraceEntry`; a `Trace` is a tracer that keeps them. Drawing is left to `ua/ladder.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sipuac.syntax.message import Message

DEFAULT_MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One message on the wire, seen from one of its two ends.

    Attributes:
        time: Seconds of the endpoint's clock.
        is_sent: True for a message that we sent, False for one that we received.
        transport: "UDP", "TCP" or "TLS".
        local: Address and port of our end.
        remote: Address and port of the peer's end.
        message: The message as it was sent, or as it was parsed.
    """

    time: float
    is_sent: bool
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    message: Message

    @property
    def source(self) -> tuple[str, int]:
        """Address and port that the message came from."""
        return self.local if self.is_sent else self.remote

    @property
    def destination(self) -> tuple[str, int]:
        """Address and port that the message went to."""
        return self.remote if self.is_sent else self.local


class Trace:
    """Keeps the latest entries; call it with an entry, as endpoints do.

    Args:
        max_entries: How many messages are kept; older ones are forgotten, and counted.
    """

    __slots__ = ("_entries", "forgotten")

    def __init__(self, max_entries: int = DEFAULT_MAX_ENTRIES) -> None:
        self._entries: deque[TraceEntry] = deque(maxlen=max_entries)
        self.forgotten = 0

    def __call__(self, entry: TraceEntry) -> None:
        """Keep this entry, in place of the oldest one where the trace is full."""
        if len(self._entries) == self._entries.maxlen:
            self.forgotten += 1
        self._entries.append(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[TraceEntry]:
        return iter(list(self._entries))

    def of_call(self, call_id: str) -> list[TraceEntry]:
        """The entries of one call, in the order in which they were seen.

        Args:
            call_id: The Call-ID (RFC 3261 section 20.8), compared octet by octet.
        """
        return [
            entry for entry in self._entries if entry.message.get("Call-ID") == call_id
        ]
