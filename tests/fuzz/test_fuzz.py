"""A seeded sample of the checks of bad input, and that they can fail."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.fields_routing import _read_short_route, read_route
from sipuac.syntax.hosts import read_host, read_host_and_port
from sipuac.syntax.message import Message
from sipuac.syntax.names import USUAL_SPELLINGS, read_name, spellings
from sipuac.ua.endpoint import Endpoint
from tests.fuzz import checks
from tests.fuzz.corpus import CALLS, corpus, recorded, torture_messages
from tests.fuzz.mutations import SPECIAL, all_mutations, some_mutations
from tests.fuzz.replay import all_replays, replay
from tests.fuzz.targets import TARGETS, run


class SampleTests(SynchronousTestCase):
    """Nothing but `ParseError`, whatever comes."""

    def test_mutations(self) -> None:
        """Input fails by an error of our own or a discarded message, never by another
        exception or an endless loop (3261-26.1.5-a).
        """
        outcomes = set()
        for name, octets in some_mutations(corpus(), 4475, 8_000):
            try:
                outcomes.add(checks.datagram(octets))
                checks.stream(octets, (len(octets) // 3,))
            except Exception as error:
                self.fail(f"{name}: {octets!r}: {error!r}")
        self.assertEqual(outcomes, {"accepted", "refused", "unreadable"})

    def test_calls(self) -> None:
        """A call in which one message is mutated ends, and nothing is left of it."""
        source = random.Random(5118)
        for name, index, octets in source.sample(list(all_replays()), 500):
            self.assertEqual(replay(name, index, octets), [], (name, index, octets))

    def test_targets(self) -> None:
        """The targets of hypothesis find nothing in a few of their inputs."""
        for name in TARGETS:
            run(name, 3261, 60)

    def test_memory(self) -> None:
        """What is kept of names and hosts of others is bounded (3261-26.1.5-a)."""
        for number in range(6_000):
            read_host(f"host{number}.example")
            read_host_and_port(f"host{number}.example:5060")
            read_route(f"<sip:host{number}.example;lr>")
            read_name(f"X-Header-{number}")
            self.assertLessEqual(len(spellings), len(USUAL_SPELLINGS) + 1024)
        self.assertLessEqual(read_host.cache_info().currsize, 4096)
        self.assertLessEqual(read_host_and_port.cache_info().currsize, 4096)
        self.assertLessEqual(_read_short_route.cache_info().currsize, 256)

    def test_long_texts(self) -> None:
        """What is long is not kept at all."""
        count = _read_short_route.cache_info().currsize
        read_route(f"<sip:{'u' * 100}@example.com>")
        read_name("X" * 65)
        self.assertEqual(_read_short_route.cache_info().currsize, count)
        self.assertNotIn("X" * 65, spellings)


class HarnessTests(SynchronousTestCase):
    """What the checks are made of, and that a fault comes out of them."""

    def test_all_mutations(self) -> None:
        """Every octet at every place, changed, left out and put in if special."""
        octets = b"aB"
        expected = {b"B", b"a"}
        for value in range(256):
            one = bytes((value,))
            expected |= {one + b"B", b"a" + one}
            if value in SPECIAL:
                expected |= {one + b"aB", b"a" + one + b"B", b"aB" + one}
        self.assertEqual(set(all_mutations(octets)) | {octets}, expected)

    def test_corpus(self) -> None:
        """It has the torture messages and what a call is made of."""
        self.assertEqual(len(torture_messages()), 61)
        starts = {octets.split(b" ")[0] for octets in corpus().values()}
        for method in (b"INVITE", b"ACK", b"PRACK", b"BYE", b"CANCEL", b"SIP/2.0"):
            self.assertIn(method, starts)

    def test_calls_without_mutation(self) -> None:
        """A call that is played again goes as it went."""
        for name in CALLS:
            arrivals, _ = recorded(name)
            self.assertGreater(len(arrivals), 1)
            self.assertEqual(replay(name, 0, arrivals[0].octets), [])

    def test_an_exception_comes_out(self) -> None:
        """A parser that fails otherwise than by ParseError is found."""

        def fail(message: Message) -> None:
            raise KeyError("x")

        self.patch(checks, "check_received", fail)
        octets = torture_messages()["wsinv"]
        self.assertRaises(KeyError, checks.datagram, octets)

    def test_leftovers_are_seen(self) -> None:
        """A caller that forgets nothing is found."""
        self.patch(Endpoint, "forget", lambda endpoint, transaction: None)
        (wrong, *_) = replay("refused", -1, b"")
        self.assertIn("transactions", wrong)
