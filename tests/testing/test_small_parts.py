"""Clock helpers, identifiers, resolver and session descriptions."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ResolutionFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import parse_uri
from sipuac.testing.bodies import answer_to, audio_offer
from sipuac.testing.clock import advance, advance_until, settle
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.resolver import LiteralResolver


class ClockTests(SynchronousTestCase):
    """Time that passes event by event."""

    def setUp(self) -> None:
        """A clock on which one call starts the next."""
        self.clock = Clock()
        self.times: list[float] = []
        self.clock.callLater(0.1, self.tick)

    def tick(self) -> None:
        """Note the time, and do so again a little later."""
        self.times.append(round(self.clock.seconds(), 6))
        if len(self.times) < 20:
            self.clock.callLater(0.1, self.tick)

    def test_advance(self) -> None:
        """Each call sees its own time, and what it starts is in time too."""
        advance(self.clock, 0.35)
        self.assertEqual(self.times, [0.1, 0.2, 0.3])
        self.assertEqual(self.clock.seconds(), 0.35)

    def test_advance_until(self) -> None:
        """Time passes only until the condition holds."""
        self.assertTrue(advance_until(self.clock, lambda: len(self.times) == 2))
        self.assertEqual(self.times, [0.1, 0.2])

    def test_advance_in_vain(self) -> None:
        """It gives up at the limit, and when nothing is left to happen."""
        self.assertFalse(advance_until(self.clock, lambda: False, limit=0.5))
        self.assertEqual(len(self.times), 5)
        self.assertFalse(advance_until(self.clock, lambda: False))
        self.assertEqual(len(self.times), 20)

    def test_settle(self) -> None:
        """Time passes until nothing is left."""
        settle(self.clock)
        self.assertEqual(len(self.times), 20)

    def test_never_settles(self) -> None:
        """Something that repeats for ever is an error."""
        self.assertRaises(AssertionError, settle, self.clock, 1.0)


class IdentifierTests(SynchronousTestCase):
    """Identifiers that count."""

    def test_counting(self) -> None:
        """Each kind counts from 1, and branches begin with the magic cookie."""
        given = CountingIdentifiers("alice")
        self.assertEqual(given.branch(), "z9hG4bK-alice-branch1")
        self.assertEqual(given.branch(), "z9hG4bK-alice-branch2")
        self.assertEqual(given.tag(), "alice-tag1")
        self.assertEqual(given.call_id(), "alice-call1")
        self.assertEqual(given.cnonce(), "alice-cnonce1")

    def test_without_prefix(self) -> None:
        """A prefix is not needed."""
        self.assertEqual(CountingIdentifiers().tag(), "tag1")


class ResolverTests(SynchronousTestCase):
    """A resolver that asks nobody."""

    def resolve(self, text: str, *, is_secure: bool = False) -> list[Destination]:
        """The destinations of a URI."""
        resolver = LiteralResolver({"both": ("192.0.2.1", "192.0.2.2")}, "gone")
        uri = parse_uri(text)
        return self.successResultOf(resolver.resolve(uri, is_secure=is_secure))

    def test_literal(self) -> None:
        """Host, port and transport of the URI, with their defaults."""
        self.assertEqual(
            self.resolve("sip:192.0.2.1"),
            [Destination("UDP", "192.0.2.1", 5060, "192.0.2.1")],
        )
        self.assertEqual(
            self.resolve("sip:192.0.2.1:99;transport=tcp"),
            [Destination("TCP", "192.0.2.1", 99, "192.0.2.1")],
        )

    def test_secure(self) -> None:
        """sips, and a request that must be secure, go over TLS."""
        expected = [Destination("TLS", "192.0.2.1", 5061, "192.0.2.1")]
        self.assertEqual(self.resolve("sips:192.0.2.1"), expected)
        self.assertEqual(self.resolve("sip:192.0.2.1", is_secure=True), expected)

    def test_names(self) -> None:
        """A name has the addresses of the table; maddr goes before the host."""
        hosts = [d.host for d in self.resolve("sip:both")]
        self.assertEqual(hosts, ["192.0.2.1", "192.0.2.2"])
        hosts = [d.host for d in self.resolve("sip:both;maddr=192.0.2.3")]
        self.assertEqual(hosts, ["192.0.2.3"])

    def test_no_address(self) -> None:
        """Unknown hosts and other schemes cannot be resolved."""
        resolver = LiteralResolver(None, "gone")
        for text in ("sip:gone", "tel:+49"):
            resolving = resolver.resolve(parse_uri(text))
            self.failureResultOf(resolving, ResolutionFailed)


class BodyTests(SynchronousTestCase):
    """The session descriptions of phones."""

    def test_answer(self) -> None:
        """The first audio stream is taken, every other one refused, in their order."""
        offer = audio_offer("a", "192.0.2.1") + (
            "m=video 6000 RTP/AVP 96\r\nm=audio 7000 RTP/AVP 8\r\n"
        )
        answer = answer_to(offer, "b", "192.0.2.2", 50000)
        self.assertEqual(
            [line for line in answer.split("\r\n") if line.startswith("m=")],
            [
                "m=audio 50000 RTP/AVP 0 8",
                "m=video 0 RTP/AVP 96",
                "m=audio 0 RTP/AVP 8",
            ],
        )

    def test_ip6(self) -> None:
        """An IPv6 host is said to be one."""
        self.assertIn("c=IN IP6 2001:db8::1\r\n", audio_offer("a", "2001:db8::1"))
