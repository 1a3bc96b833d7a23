"""Answers kept for their time, and questions that several ask asked once.

Here errors end: whatever happens to a question, its answer says so, and only who gives
up by himself hears of it as a failure.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.names import dns
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSNameError,
    DomainError,
    ResolverError,
)
from twisted.python.failure import Failure

from sipuac.resolver.interfaces import Lookup, Sections
from sipuac.resolver.records import Answer, Status, negative_ttl, read_answer

_log = Logger()

#: Seconds for which a question that found no answer is not asked again.
FAILURE_TTL = 5.0

#: Answers that are kept; the one that was not used for longest goes first.
MAX_ANSWERS = 2000

# What was asked: the name, and the type of records.
_Question = tuple[str, int]


class AnswerCache:
    """Asks, and remembers.

    Args:
        lookup: Who knows the answers.
        clock: The only source of time; None to remember nothing.
        counters: Where things are counted.
        max_answers: How many answers are kept.
    """

    def __init__(
        self,
        lookup: Lookup,
        clock: IReactorTime | None,
        counters: Counter[str],
        *,
        max_answers: int = MAX_ANSWERS,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._counters = counters
        self._max_answers = max_answers
        # With the time at which each is no longer true.
        self._kept: OrderedDict[_Question, tuple[float, Answer]] = OrderedDict()
        self._asked: dict[_Question, _Asking] = {}

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._kept)

    def ask(self, name: str, kind: int) -> Deferred[Answer]:
        """What is known of one type of records of a name, as of `plain_name`.

        Returns:
            A Deferred that never fails, unless it is cancelled: that gives up the
            question when nobody else waits for its answer.
        """
        question = (name, kind)
        known = self._known(question)
        if known is not None:
            self._counters["dns-answers-from-cache"] += 1
            return succeed(known)
        asking = self._asked.get(question)
        if asking is None:
            asking = self._asked[question] = _Asking(self, question)
            waiting = asking.wait()
            asking.start(self._lookup)
            return waiting
        return asking.wait()

    def answered(self, question: _Question, answer: Answer) -> None:
        """A question is answered: keep it for its time."""
        del self._asked[question]
        if answer.status in (Status.REFUSED, Status.SILENT):
            self._counters[f"dns-questions-{answer.status.value}"] += 1
        if self._clock is None or answer.ttl <= 0:
            return
        self._kept[question] = (self._clock.seconds() + answer.ttl, answer)
        if len(self._kept) > self._max_answers:
            self._kept.popitem(last=False)

    def given_up(self, question: _Question) -> None:
        """Nobody wants to know any more."""
        del self._asked[question]

    def _known(self, question: _Question) -> Answer | None:
        if self._clock is None or question not in self._kept:
            return None
        expires_at, answer = self._kept[question]
        if expires_at <= self._clock.seconds():
            del self._kept[question]
            return None
        self._kept.move_to_end(question)
        return answer


class _Asking:
    """One question on its way, and all who wait for its answer."""

    def __init__(self, cache: AnswerCache, question: _Question) -> None:
        self._cache = cache
        self._question = question
        self._waiting: list[Deferred[Answer]] = []
        self._query: Deferred[Sections] | None = None
        self._is_over = False

    def wait(self) -> Deferred[Answer]:
        """A Deferred of its own for one more who wants to know."""
        waiting: Deferred[Answer] = Deferred(self._stop_waiting)
        self._waiting.append(waiting)
        return waiting

    def start(self, lookup: Lookup) -> None:
        """Ask."""
        name, kind = self._question
        try:
            self._query = lookup.query(dns.Query(name.encode(), kind, dns.IN))
        except Exception:
            # The promise is a Deferred; who breaks it must not break the call.
            self._end(_answer_of(Failure()))
            return
        answered = self._query.addCallback(self._read)
        answered.addErrback(_answer_of).addCallback(self._end)

    def _read(self, sections: Sections) -> Answer:
        return read_answer(*self._question, sections)

    def _end(self, answer: Answer) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._cache.answered(self._question, answer)
        # One by one: who is told may give up for another one.
        while self._waiting:
            self._waiting.pop(0).callback(answer)

    def _stop_waiting(self, waiting: Deferred[Answer]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if not self._waiting and not self._is_over:
            self._is_over = True
            self._cache.given_up(self._question)
            if self._query is not None:
                self._query.cancel()


def _answer_of(failure: Failure) -> Answer:
    """What a failed question means."""
    error = failure.value
    if isinstance(error, DNSNameError | AuthoritativeDomainError):
        return Answer(Status.NONE, ttl=_negative_ttl(error))
    # Exactly this class says that there are no such records; the others, each named
    # after a response code, are derived from it.
    if type(error) is DomainError:
        return Answer(Status.NONE)
    if isinstance(error, DeferredTimeout | OSError | CancelledError):
        return Answer(Status.SILENT, ttl=FAILURE_TTL)
    if not isinstance(error, ValueError | ResolverError | NotImplementedError):
        _log.failure("a question could not be asked", failure)
    return Answer(Status.REFUSED, ttl=FAILURE_TTL)


def _negative_ttl(error: Exception) -> float:
    message = error.args[0] if error.args else None
    if not isinstance(message, dns.Message):
        return 0.0
    return negative_ttl(message.authority) or 0.0
