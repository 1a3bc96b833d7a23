"""Which servers are down, and which have asked to be left alone.

RFC 3263 section 4.3 says what a failure is. That the next request does not begin with a
server that failed is our own: a call that waits for timer B of a dead server first
finds the living one too late.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from sipuac.syntax.destination import Destination

#: Seconds that a server counts as down after a failure; twice as long after the next.
DOWN_TIME = 30.0

#: Seconds that a server counts as down at most.
MAX_DOWN_TIME = 480.0

#: Seconds of a Retry-After that are respected at most.
MAX_REST = 3600.0

#: Servers that are remembered; the one that failed longest ago is forgotten first.
MAX_SERVERS = 1000

# Transport, address, port, and over TLS the domain in lower case: a certificate that is
# wrong for one domain may be right for another.
_Key = tuple[str, str, int, str]


@dataclass(slots=True)
class _Mark:
    """What is remembered of a server that failed.

    Attributes:
        until: Time of the clock until which it counts as down.
        failures: How often it failed in a row.
        is_resting: Whether it asked to be left alone until then.
    """

    until: float = 0.0
    failures: int = 0
    is_resting: bool = False


class ServerHealth:
    """Remembers who failed, for a while.

    Args:
        clock: The only source of time.
        down_time, max_down_time: Seconds, see `DOWN_TIME` and `MAX_DOWN_TIME`.
        max_rest: Seconds, see `MAX_REST`.
        max_servers: See `MAX_SERVERS`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        down_time: float = DOWN_TIME,
        max_down_time: float = MAX_DOWN_TIME,
        max_rest: float = MAX_REST,
        max_servers: int = MAX_SERVERS,
    ) -> None:
        self._clock = clock
        self._down_time = down_time
        self._max_down_time = max_down_time
        self._max_rest = max_rest
        self._max_servers = max_servers
        self._marks: OrderedDict[_Key, _Mark] = OrderedDict()

    def __len__(self) -> int:
        """How many servers are remembered."""
        return len(self._marks)

    def note_failure(self, server: Destination) -> None:
        """It could not be reached, or has not answered."""
        mark = self._mark(server)
        mark.failures += 1
        # Bounded before it is raised to a power: who fails for years must not overflow.
        doublings = min(mark.failures - 1, 16)
        seconds = min(self._down_time * 2**doublings, self._max_down_time)
        mark.until = max(mark.until, self._clock.seconds() + seconds)

    def note_unavailable(self, server: Destination, retry_after: float | None) -> None:
        """It has answered 503 (RFC 3261 section 21.5.4).

        Args:
            server: Who has answered.
            retry_after: "It SHOULD NOT forward any other requests to that server for
                the duration specified in the Retry-After header field", in seconds;
                None without such a field.
        """
        if not retry_after:
            self.note_failure(server)
            return
        mark = self._mark(server)
        mark.is_resting = True
        mark.until = self._clock.seconds() + min(retry_after, self._max_rest)

    def note_answer(self, server: Destination) -> None:
        """It has answered anything else: it is up.

        Who has asked to be left alone stays so: an answer to what was under way is no
        word about new requests.
        """
        key = _key_of(server)
        mark = self._marks.get(key)
        if mark is not None and not self.is_resting(server):
            del self._marks[key]

    def is_down(self, server: Destination) -> bool:
        """Whether it failed a short while ago, or has asked to be left alone."""
        mark = self._marks.get(_key_of(server))
        return mark is not None and mark.until > self._clock.seconds()

    def is_resting(self, server: Destination) -> bool:
        """Whether it has asked to be left alone, and the time is not over."""
        mark = self._marks.get(_key_of(server))
        return mark is not None and mark.is_resting and self.is_down(server)

    def rest_of(self, server: Destination) -> float:
        """Seconds for which it still wants to be left alone, 0 if it does not."""
        if not self.is_resting(server):
            return 0.0
        return self._marks[_key_of(server)].until - self._clock.seconds()

    def ordered(self, servers: Iterable[Destination]) -> list[Destination]:
        """The same servers: those that are down last, those that rest after them."""
        if not self._marks:
            return list(servers)
        return sorted(
            servers, key=lambda server: (self.is_resting(server), self.is_down(server))
        )

    def _mark(self, server: Destination) -> _Mark:
        key = _key_of(server)
        mark = self._marks.get(key)
        if mark is None:
            mark = self._marks[key] = _Mark()
            if len(self._marks) > self._max_servers:
                self._marks.popitem(last=False)
        elif mark.until <= self._clock.seconds():
            mark.is_resting = False
        self._marks.move_to_end(key)
        return mark


def _key_of(server: Destination) -> _Key:
    domain = server.domain.lower() if server.transport == "TLS" else ""
    return server.transport, server.host, server.port, domain
