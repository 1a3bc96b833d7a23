"""Asks name servers, one after another until one answers.

`twisted.names` has the messages. Its own client cannot be given up in the middle, keeps
its connections and a timer for ever, and asks no second server where the first says
that it cannot tell; hence this one. A question has an end: an answer, a refusal by all
servers, or its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSUnknownError

from sipuac.resolver.attempts import Attempt
from sipuac.resolver.interfaces import NameServer, Sections
from sipuac.resolver.rules import Pick

#: Seconds that each attempt has before the next one is made as well: 3 s in all, so
#: that NAPTR, SRV and addresses can be asked for in one search.
ATTEMPT_TIMES = (0.8, 0.8, 1.4)

#: Questions on their way at a time; more wait. Each has up to three sockets.
MAX_QUESTIONS = 100


class NameClient:
    """Asks name servers; one of `twisted.names`' resolvers to whoever uses it.

    Args:
        reactor: Has the sockets and the clock; Twisted has no one type for that.
        servers: Tells the name servers, in the order in which to ask them.
        pick: Chance.
        counters: Where things are counted.
        attempt_times: See `ATTEMPT_TIMES`; one for each attempt.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Callable[[], Sequence[NameServer]],
        pick: Pick,
        counters: Counter[str],
        *,
        attempt_times: Sequence[float] = ATTEMPT_TIMES,
    ) -> None:
        self.reactor = reactor
        self.pick = pick
        self.counters = counters
        self.attempt_times = attempt_times
        self._servers = servers
        self._limit = DeferredSemaphore(MAX_QUESTIONS)

    def query(
        self, query: dns.Query, timeout: Sequence[int] | None = None
    ) -> Deferred[Sections]:
        """See `Lookup`; the times are always our own."""
        answered: Deferred[Sections] = self._limit.run(self._ask, query)
        return answered

    def _ask(self, query: dns.Query) -> Deferred[Sections]:
        servers = list(self._servers())
        if not servers:
            return fail(DeferredTimeout("there are no name servers"))
        return _Question(self, query, servers).ask()


class _Question:
    """One question, at several servers one after another until one answers."""

    def __init__(
        self, client: NameClient, query: dns.Query, servers: list[NameServer]
    ) -> None:
        self.reactor = client.reactor
        self.counters = client.counters
        self.query = query
        self._pick = client.pick
        times = client.attempt_times
        # Each server once, then those again that were only slow.
        order = islice(cycle(servers), len(times))
        self._plan: Iterator[tuple[NameServer, float]] = iter(
            zip(order, times, strict=True)
        )
        self._attempts: list[Attempt] = []
        self._refused_by: set[NameServer] = set()
        self._refusal: Exception | None = None
        self._timer: IDelayedCall | None = None
        self._answered: Deferred[Sections] = Deferred(lambda _: self._stop())
        self._is_over = False

    def ask(self) -> Deferred[Sections]:
        """Make the first attempt."""
        self._next_attempt()
        return self._answered

    def answered(self, attempt: Attempt, message: dns.Message) -> None:
        """A server has answered: with records, or that there are none."""
        if self._is_over:
            return
        if message.rCode not in (dns.OK, dns.ENAME):
            self.failed(attempt, _error_of(message))
            return
        self._stop()
        if message.rCode == dns.OK:
            sections = (message.answers, message.authority, message.additional)
            self._answered.callback(sections)
        else:
            self._answered.errback(_error_of(message))

    def failed(self, attempt: Attempt, error: Exception) -> None:
        """A server cannot tell, or is not there: the next one may know."""
        if self._is_over:
            return
        attempt.close()
        self._refused_by.add(attempt.server)
        self._refusal = error
        if attempt is self._attempts[-1]:
            self._next_attempt()

    def _next_attempt(self) -> None:
        self._stop_timer()
        for server, seconds in self._plan:
            if server in self._refused_by:
                continue
            self.counters["dns-queries"] += 1
            attempt = Attempt(self, server, self._pick(0xFFFF))
            self._attempts.append(attempt)
            self._timer = self.reactor.callLater(seconds, self._next_attempt)
            attempt.send()
            return
        self._stop()
        self._answered.errback(
            self._refusal or DeferredTimeout("the name servers do not answer")
        )

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _stop(self) -> None:
        self._is_over = True
        self._stop_timer()
        for attempt in self._attempts:
            attempt.close()


def _error_of(message: dns.Message) -> Exception:
    kind = ResolverBase._errormap.get(message.rCode, DNSUnknownError)
    error: Exception = kind(message)
    return error
