"""Octets that no sound name server sends, through all of the resolver."""

from __future__ import annotations

import random
from collections import Counter

from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.cache import AnswerCache
from sipuac.resolver.client import NameClient
from sipuac.resolver.records import Answer, Status
from tests.resolver.test_client import FakeReactor
from tests.resolver.zone import alias, headers, naptr, soa, srv, v4, v6

RECORDS = {
    dns.A: v4("192.0.2.1"),
    dns.AAAA: v6("2001:db8::1"),
    dns.SRV: srv("one.example", 5060),
    dns.NAPTR: naptr("SIP+D2U", "_sip._udp.a.example"),
}


class MutationTests(SynchronousTestCase):
    """Answers in which something is wrong."""

    def setUp(self) -> None:
        """A resolver's cache and client on a reactor in memory."""
        self.reactor = FakeReactor()
        self.counters: Counter[str] = Counter()
        client = NameClient(
            self.reactor, lambda: [("192.0.2.53", 53)], lambda highest: 7, self.counters
        )
        self.cache = AnswerCache(client, None, self.counters)

    def tearDown(self) -> None:
        """Nothing was logged, and nothing is left."""
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertFalse(any(socket.is_open for socket in self.reactor.sockets))

    def good_answer(self, kind: int) -> bytes:
        """The octets of a sound answer to what is asked next, with an alias in it."""
        message = dns.Message(7, answer=1, maxSize=0)
        message.queries = [dns.Query(b"a.example", kind, dns.IN)]
        message.answers = [
            *headers("a.example", [alias("b.example")]),
            *headers("b.example", [RECORDS[kind]]),
        ]
        message.authority = [soa(60)]
        return message.toStr()

    def outcome(self, kind: int, octets: bytes) -> Answer:
        """What comes of these octets."""
        self.reactor.sockets.clear()
        self.reactor.tcpClients.clear()
        asked = self.cache.ask("a.example", kind)
        self.reactor.sockets[-1].receive(octets)
        for _ in range(4):
            self.reactor.advance(1.5)
        answer: Answer = self.successResultOf(asked)
        return answer

    def test_sound_answers(self) -> None:
        """What is mutated below is understood."""
        for kind in RECORDS:
            answer = self.outcome(kind, self.good_answer(kind))
            self.assertEqual(answer.status, Status.FOUND)
            self.assertEqual(len(answer.records), 1)

    def test_every_octet(self) -> None:
        """Each octet changed in several ways: an answer of some kind, in time."""
        for kind in RECORDS:
            good = self.good_answer(kind)
            for position in range(len(good)):
                for value in (0, 1, 0x3F, 0x80, 0xC0, 0xFF, good[position] ^ 0x20):
                    octets = bytearray(good)
                    octets[position] = value
                    self.outcome(kind, bytes(octets))

    def test_every_cut(self) -> None:
        """An answer that was cut is no answer."""
        for kind in RECORDS:
            good = self.good_answer(kind)
            for length in range(len(good)):
                answer = self.outcome(kind, good[:length])
                self.assertEqual(answer.status, Status.SILENT, length)

    def test_rubbish(self) -> None:
        """Octets by chance behind a good beginning."""
        chance = random.Random(1035)
        start = self.good_answer(dns.SRV)[:27]
        for _ in range(500):
            octets = start + chance.randbytes(chance.randrange(200))
            self.outcome(dns.SRV, octets)

    def test_pointers_everywhere(self) -> None:
        """A message that is all compression pointers takes no long time."""
        head = self.good_answer(dns.A)[:6] + b"\xff\xff\xff\xff\x00\x00"
        question = b"\x01a\x07example\x00\x00\x01\x00\x01"
        chain = b"".join(
            (0xC000 | (28 + 2 * n)).to_bytes(2, "big") for n in range(8000)
        )
        self.outcome(dns.A, head + question + chain + b"\xc0\x1e" * 24000)
