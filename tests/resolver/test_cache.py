"""Answers that are kept, and questions that are shared."""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSServerError, DomainError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.cache import FAILURE_TTL, AnswerCache
from sipuac.resolver.interfaces import Sections
from sipuac.resolver.records import MAX_TTL, Answer, Status
from tests.resolver.zone import Zone, headers, soa, v4


class CacheCase(SynchronousTestCase):
    """A cache before a zone in memory."""

    def setUp(self) -> None:
        """Make both."""
        self.clock = Clock()
        self.zone = Zone()
        self.counters: Counter[str] = Counter()
        self.cache = AnswerCache(self.zone, self.clock, self.counters, max_answers=10)

    def ask(self, name: str = "a.example") -> Answer:
        """The answer, at once."""
        answer: Answer = self.successResultOf(self.cache.ask(name, dns.A))
        return answer

    def assertKept(self, seconds: float) -> None:
        """What is known of a.example is asked for again after so many seconds."""
        self.zone.asked.clear()
        first = self.ask()
        self.clock.advance(seconds - 0.01)
        self.assertEqual(self.ask(), first)
        self.assertEqual(len(self.zone.asked), 1)
        self.clock.advance(0.02)
        self.ask()
        self.assertEqual(len(self.zone.asked), 2)


class KeptTests(CacheCase):
    """Answers that are kept."""

    def test_time_to_live(self) -> None:
        """An answer is kept for its time to live."""
        self.zone.records["a.example"] = [v4("192.0.2.1", ttl=30)]
        self.assertKept(30)
        self.assertEqual(self.counters["dns-answers-from-cache"], 1)

    def test_huge_time_to_live(self) -> None:
        """But not for longer than is good."""
        self.zone.records["a.example"] = [v4("192.0.2.1", ttl=2**31 - 1)]
        self.assertKept(MAX_TTL)

    def test_zero_time_to_live(self) -> None:
        """And not at all where it must not be."""
        self.zone.records["a.example"] = [v4("192.0.2.1", ttl=0)]
        for _ in range(2):
            self.assertEqual(self.ask().records, ("192.0.2.1",))
        self.assertEqual(len(self.zone.asked), 2)
        self.assertEqual(len(self.cache), 0)

    def test_unknown_names(self) -> None:
        """That a name does not exist is kept for the time that its zone says."""
        self.zone.authority = [soa(45)]
        self.assertKept(45)

    def test_names_without_records(self) -> None:
        """Likewise that it has no such records."""
        self.zone.records["a.example"] = []
        self.zone.authority = [soa(45)]
        self.assertKept(45)

    def test_unknown_names_without_time(self) -> None:
        """Without a SOA record that is not kept (RFC 2308 section 5)."""
        self.assertEqual(self.ask(), Answer(Status.NONE))
        self.ask()
        self.assertEqual(len(self.zone.asked), 2)

    def test_failures(self) -> None:
        """Name servers that fail get a moment of peace (RFC 2308 section 7)."""
        for error, status in (
            (DNSServerError(), Status.REFUSED),
            (TimeoutError(), Status.SILENT),
        ):
            self.clock.advance(60)
            self.zone.failures["A"] = error
            self.assertEqual(self.ask().status, status)
            self.clock.advance(60)
            self.assertKept(FAILURE_TTL)
        self.assertEqual(self.counters["dns-questions-refused"], 3)
        self.assertEqual(self.counters["dns-questions-silent"], 3)

    def test_no_such_records(self) -> None:
        """A lookup that has no such records says so, for now."""
        self.zone.failures["A"] = DomainError("a.example")
        self.assertEqual(self.ask(), Answer(Status.NONE))

    def test_size(self) -> None:
        """The number of answers is bounded: who was not asked for longest goes."""
        for n in range(12):
            self.zone.records[f"{n}.example"] = [v4("192.0.2.1")]
            self.ask(f"{n}.example")
            self.ask("0.example")
        self.assertEqual(len(self.cache), 10)
        self.assertEqual(self.zone.asked.count("A 0.example"), 1)
        self.zone.asked.clear()
        for name in ("0.example", "11.example", "1.example"):
            self.ask(name)
        self.assertEqual(self.zone.asked, ["A 1.example"])

    def test_no_clock(self) -> None:
        """Without a clock nothing is kept."""
        self.zone.records["a.example"] = [v4("192.0.2.1")]
        cache = AnswerCache(self.zone, None, self.counters)
        for _ in range(2):
            self.successResultOf(cache.ask("a.example", dns.A))
        self.assertEqual(len(self.zone.asked), 2)
        self.assertEqual(len(cache), 0)


class SharedTests(CacheCase):
    """Questions that are shared."""

    def setUp(self) -> None:
        """A zone that takes its time."""
        super().setUp()
        self.zone.is_slow = True

    def ask_all(self) -> list[Deferred[Answer]]:
        """Three who ask the same."""
        waiting = [self.cache.ask("a.example", dns.A) for _ in range(3)]
        self.assertEqual(len(self.zone.asked), 1)
        return waiting

    def test_one_question(self) -> None:
        """Who asks what is asked already waits for the same answer."""
        waiting = self.ask_all()
        answer: Sections = (headers("a.example", [v4("192.0.2.1")]), [], [])
        self.zone.waiting[0].callback(answer)
        for one in waiting:
            self.assertEqual(self.successResultOf(one).records, ("192.0.2.1",))
        self.cache.ask("b.example", dns.A)
        self.cache.ask("a.example", dns.AAAA)
        self.assertEqual(len(self.zone.asked), 3)

    def test_giving_up(self) -> None:
        """One who gives up does not take the answer from the others; with the last one
        the question ends.
        """
        waiting = self.ask_all()
        for one in waiting[:2]:
            one.cancel()
            self.failureResultOf(one, CancelledError)
        self.assertEqual(self.zone.cancelled, 0)
        self.assertNoResult(waiting[2])
        waiting[2].cancel()
        self.failureResultOf(waiting[2], CancelledError)
        self.assertEqual(self.zone.cancelled, 1)
        self.assertEqual(len(self.cache), 0)
        again = self.cache.ask("a.example", dns.A)
        self.assertEqual(len(self.zone.asked), 2)
        self.zone.waiting[1].callback(([], [], []))
        self.assertEqual(self.successResultOf(again), Answer(Status.NONE))

    def test_asking_in_a_callback(self) -> None:
        """Who is told an answer may ask again at once, and change who waits."""
        waiting = self.ask_all()
        waiting[0].addCallback(lambda _: waiting[1].cancel())
        waiting[1].addErrback(lambda failure: failure.trap(CancelledError))
        waiting[2].addCallback(lambda _: self.cache.ask("a.example", dns.A))
        answer: Sections = (headers("a.example", [v4("192.0.2.1")]), [], [])
        self.zone.waiting[0].callback(answer)
        self.assertEqual(self.successResultOf(waiting[2]).records, ("192.0.2.1",))
        self.assertEqual(len(self.zone.asked), 1)

    def test_a_lookup_that_raises(self) -> None:
        """A lookup that raises instead of failing is a fault, and an answer."""

        class Broken:
            def query(self, query: object, timeout: object = None) -> Deferred[object]:
                raise KeyError("no such thing")

        cache = AnswerCache(Broken(), self.clock, self.counters)  # type: ignore[arg-type]  # broken
        answer = self.successResultOf(cache.ask("a.example", dns.A))
        self.assertEqual(answer.status, Status.REFUSED)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
