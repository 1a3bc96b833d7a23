"""Counts what happens, and logs of it no more than somebody can read.

Whoever can send us datagrams can make us log; so each kind of event is counted always,
and logged at most once in an interval.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

_log = Logger()

#: Seconds between two log events of one kind.
LOG_INTERVAL = 1.0

_COUNTERS = (
    "datagrams-received",
    "datagrams-sent",
    "datagrams-unsent",
    "requests-over-1300",
    "keepalives",
    "keepalives-sent",
    "stun-packets",
    "peers-unreachable",
    "small-receive-buffers",
    "malformed",
    "malformed-answered",
    "connections-opened",
    "connections-accepted",
    "connections-refused",
    "connections-failed",
    "connections-lost",
    "connections-put-off",
    "connections-idle",
    "framing-lost",
    "messages-too-slow",
    "peers-too-slow",
    "pings",
    "pongs",
    "addresses-learned",
    "receiver-errors",
)


class Tally:
    """The counters of a transport layer.

    Args:
        clock: The only source of time.

    Attributes:
        counters: How often each thing happened; all names are there from the start.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._logged: dict[str, float] = {}
        self.counters: dict[str, int] = dict.fromkeys(_COUNTERS, 0)

    def count(self, name: str) -> None:
        """One more of these."""
        self.counters[name] += 1

    def report(self, name: str, peer: tuple[str, int], problem: object) -> None:
        """One more of these, worth a line in the log.

        Args:
            name: The counter.
            peer: Address and port of who did it.
            problem: What is wrong; may quote the peer, and is escaped for that.
        """
        self.counters[name] += 1
        now = self._clock.seconds()
        last = self._logged.get(name)
        if last is not None and now - last < LOG_INTERVAL:
            return
        self._logged[name] = now
        _log.info(
            "{name}: {problem} ({host} port {port}; {count} so far)",
            name=name,
            problem=ascii(str(problem)[:200]),
            host=peer[0],
            port=peer[1],
            count=self.counters[name],
        )
