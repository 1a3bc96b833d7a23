"""Keep-alives on one flow, and flows that are kept."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sipuac.errors import ResolutionFailed, TransportFailed
from sipuac.transport.interfaces import IFlow
from sipuac.transport.keepalive import PONG_TIMEOUT, KeepAlive
from sipuac.transport.kept_flow import KeptFlow
from sipuac.transport.watchers import Watchers


@implementer(IFlow)
class FakeFlow:
    """A flow that writes down when it was kept alive."""

    sent_by = local = ("192.0.2.1", 5060)
    remote = ("192.0.2.9", 5060)

    def __init__(self, clock: Clock, transport: str = "TCP") -> None:
        self.transport = transport
        self.is_reliable = transport != "UDP"
        self.is_open = True
        self.pongs = 0
        self.is_receiving = False
        self.watchers = Watchers()
        self.clock = clock
        self.pings: list[float] = []
        self.failed: list[TransportFailed] = []
        self.refusal: TransportFailed | None = None

    def send(self, data: bytes) -> None:
        """See `IFlow`."""
        raise AssertionError("a keep-alive is no message")

    def keep_alive(self) -> None:
        """See `IFlow`."""
        if self.refusal is not None:
            raise self.refusal
        self.pings.append(self.clock.seconds())

    def fail(self, error: TransportFailed) -> None:
        """See `IFlow`."""
        self.failed.append(error)
        self.is_open = not self.is_reliable
        self.watchers.tell(error)


class Chance:
    """A number from 0 to 1 that the test chooses."""

    def __init__(self, number: float = 0.0) -> None:
        self.number = number

    def __call__(self) -> float:
        """The number."""
        return self.number


class KeepAliveTests(SynchronousTestCase):
    """Tests of `KeepAlive`."""

    def setUp(self) -> None:
        """A clock and a chance."""
        self.clock = Clock()
        self.chance = Chance()

    def kept(
        self,
        transport: str = "TCP",
        *,
        interval: float | None = None,
        expects_pong: bool = False,
    ) -> tuple[FakeFlow, KeepAlive]:
        """A flow that is kept alive."""
        flow = FakeFlow(self.clock, transport)
        keeper = KeepAlive(
            flow,
            self.clock,
            self.chance,
            interval=interval,
            expects_pong=expects_pong,
        )
        keeper.start()
        return flow, keeper

    def test_usual_interval_of_a_stream(self) -> None:
        """Without Flow-Timer, at random between 95 and 120 seconds (5626-4.4.1-a)."""
        flow, _ = self.kept()
        self.clock.advance(94.9)
        self.assertEqual(flow.pings, [])
        self.chance.number = 1.0
        self.clock.advance(0.1)
        self.clock.advance(119.9)
        self.assertEqual(len(flow.pings), 1)
        self.clock.advance(0.1)
        self.assertEqual(flow.pings, [95.0, 215.0])

    def test_usual_interval_of_udp(self) -> None:
        """Over UDP it is between 24 and 29 seconds, by a double CRLF, as few servers
        take STUN.
        """
        flow, _ = self.kept("UDP")
        self.clock.advance(24.0)
        self.chance.number = 1.0
        self.clock.pump([1.0] * 24)
        self.clock.pump([1.0] * 29)
        self.assertEqual(flow.pings, [24.0, 48.0, 77.0])

    def test_interval_of_the_server(self) -> None:
        """At least as often as Flow-Timer says, at 80 to 100 percent of it at random
        (5626-4.4-a).
        """
        flow, _ = self.kept(interval=50.0)
        self.clock.advance(40.0)
        self.chance.number = 1.0
        self.clock.advance(40.0)
        self.clock.advance(50.0)
        self.assertEqual(flow.pings, [40.0, 80.0, 130.0])

    def test_no_pong(self) -> None:
        """If a pong is not received within 10 seconds after sending a ping, the flow is
        considered failed (5626-4.4.1-a).
        """
        flow, _ = self.kept(expects_pong=True)
        self.clock.advance(95.0)
        self.clock.advance(PONG_TIMEOUT - 0.1)
        self.assertEqual(flow.failed, [])
        self.clock.advance(0.1)
        [error] = flow.failed
        self.assertIn("no answer to a keep-alive within 10 s", str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pong(self) -> None:
        """A pong keeps the flow, and a later one must come again (5626-4.4.1-a)."""
        flow, _ = self.kept(expects_pong=True)
        for _ in range(3):
            self.clock.advance(95.0)
            flow.pongs += 1
        self.assertEqual(flow.failed, [])
        self.clock.advance(95.0)
        self.clock.advance(PONG_TIMEOUT)
        self.assertEqual(len(flow.failed), 1)

    def test_message_on_its_way(self) -> None:
        """... or immediately after processing any incoming message being received when
        that 10 seconds expires (5626-4.4.1-a).
        """
        for pongs in (1, 0):
            flow, keeper = self.kept(expects_pong=True)
            self.clock.advance(95.0)
            flow.is_receiving = True
            self.clock.pump([1.0] * 15)
            self.assertEqual(flow.failed, [])
            flow.is_receiving = False
            flow.pongs += pongs
            self.clock.advance(1.0)
            self.assertEqual(len(flow.failed), 1 - pongs)
            keeper.stop()

    def test_interval_shorter_than_the_wait(self) -> None:
        """While a pong is awaited no ping is sent, so that none answers another."""
        flow, _ = self.kept(interval=4.0, expects_pong=True)
        self.clock.pump([0.5] * 40)
        self.assertEqual(flow.pings, [3.5])
        self.assertEqual(len(flow.failed), 1)

    def test_pongs_that_nobody_promised(self) -> None:
        """Only where outbound or configuration says that pongs come does their lack
        mean anything; over UDP it never does (5626-4.4.1-a).
        """
        stream, _ = self.kept()
        datagrams, _ = self.kept("UDP", expects_pong=True)
        self.clock.pump([1.0] * 1000)
        self.assertEqual((stream.failed, datagrams.failed), ([], []))
        self.assertGreater(len(datagrams.pings), 30)

    def test_refused_ping(self) -> None:
        """A ping that cannot be written is the end of the flow."""
        flow, _ = self.kept()
        flow.refusal = TransportFailed("the connection is closed")
        self.clock.advance(95.0)
        self.assertEqual(flow.failed, [flow.refusal])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_flow_that_fails(self) -> None:
        """Nothing is sent on a connection that has ended."""
        flow, _ = self.kept(expects_pong=True)
        self.clock.advance(95.0)
        flow.fail(TransportFailed("reset"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unreachable_udp_peer(self) -> None:
        """A UDP peer that is gone may come back: the binding is held on."""
        flow, _ = self.kept("UDP")
        flow.fail(TransportFailed("port unreachable"))
        self.clock.advance(24.0)
        self.assertEqual(flow.pings, [24.0])

    def test_stop(self) -> None:
        """After `stop` nothing is left; it may be stopped again, and started."""
        flow, keeper = self.kept(expects_pong=True)
        self.clock.advance(95.0)
        keeper.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        keeper.stop()
        keeper.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(flow.watchers)


class KeptFlowTests(SynchronousTestCase):
    """Tests of `KeptFlow`."""

    def setUp(self) -> None:
        """A flow that is wanted; the test decides what comes of each attempt."""
        self.clock = Clock()
        self.chance = Chance(1.0)
        self.flows: list[FakeFlow] = []
        self.told: list[IFlow | None] = []
        self.results: list[Deferred[IFlow]] = []
        self.attempts: list[float] = []
        self.kept = KeptFlow(
            self.connect,
            self.clock,
            self.chance,
            interval=100.0,
            expects_pong=True,
            told=self.told.append,
        )

    def connect(self) -> Deferred[IFlow]:
        """The next result, or a flow."""
        self.attempts.append(self.clock.seconds())
        if self.results:
            return self.results.pop(0)
        self.flows.append(FakeFlow(self.clock))
        return succeed(self.flows[-1])

    def test_made_and_kept(self) -> None:
        """The flow is made at once, and kept alive."""
        self.kept.start()
        self.kept.start()
        [flow] = self.flows
        self.assertIs(self.kept.flow, flow)
        self.assertEqual(self.told, [flow])
        self.clock.advance(100.0)
        self.assertEqual(flow.pings, [100.0])

    def test_made_anew(self) -> None:
        """A flow that fails is made anew, after a rest (5626-4.5-a)."""
        self.kept.start()
        self.clock.advance(100.0)
        self.clock.advance(PONG_TIMEOUT)
        self.assertIsNone(self.kept.flow)
        self.assertEqual(self.kept.next_attempt, 170.0)
        self.assertIn("no answer", str(self.kept.error))
        self.clock.advance(60.0)
        first, second = self.flows
        self.assertIs(self.kept.flow, second)
        self.assertIsNone(self.kept.error)
        self.assertEqual(self.told, [first, None, second])
        self.assertFalse(first.watchers)

    def test_rest_grows(self) -> None:
        """The rest is a random 50-100 % of min(1800 s, base * 2**failures): 30 to 60 s
        after the first failure (5626-4.5-a).
        """
        self.results = [fail(TransportFailed("refused")) for _ in range(9)]
        self.kept.start()
        rests = []
        for _ in range(8):
            assert self.kept.next_attempt is not None
            rests.append(self.kept.next_attempt - self.clock.seconds())
            self.clock.advance(rests[-1])
        self.assertEqual(rests, [60, 120, 240, 480, 960, 1800, 1800, 1800])
        self.assertEqual(self.told, [])
        self.chance.number = 0.0
        assert self.kept.next_attempt is not None
        self.clock.advance(1800)
        self.assertIsNotNone(self.kept.flow)
        self.assertEqual(self.kept.failures, 0)
        self.flows[-1].fail(TransportFailed("reset"))
        self.assertEqual(self.kept.next_attempt, self.clock.seconds() + 30)

    def test_names_that_cannot_be_found(self) -> None:
        """Whatever keeps us from the server, it is tried again; a fault of ours too."""
        self.results = [fail(ResolutionFailed("no such name")), fail(ValueError("x"))]
        self.kept.start()
        self.assertIsInstance(self.kept.error, ResolutionFailed)
        self.clock.advance(60)
        self.assertIsInstance(self.kept.error, TransportFailed)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.clock.advance(120)
        self.assertIsNotNone(self.kept.flow)

    def test_closed_at_once(self) -> None:
        """A connection that is closed when we get it is none."""
        flow = FakeFlow(self.clock)
        flow.is_open = False
        self.results = [succeed(flow)]
        self.kept.start()
        self.assertEqual((self.kept.flow, self.kept.failures), (None, 1))

    def test_unreachable_udp_peer(self) -> None:
        """Over UDP the flow stays what it was."""
        flow = FakeFlow(self.clock, "UDP")
        self.results = [succeed(flow)]
        self.kept.start()
        flow.fail(TransportFailed("port unreachable"))
        self.assertIs(self.kept.flow, flow)
        self.assertEqual(len(self.attempts), 1)

    def test_stop(self) -> None:
        """After `stop` nothing is left, whatever was going on."""
        self.kept.stop()
        self.kept.start()
        self.kept.stop()
        self.assertFalse(self.flows[0].watchers)
        self.results = [fail(TransportFailed("refused"))]
        self.kept.start()
        self.kept.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        cancelled: list[object] = []
        self.results = [Deferred(cancelled.append)]
        self.kept.start()
        self.kept.stop()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.kept.flow)

    def test_watchers_with_a_fault(self) -> None:
        """One who fails does not keep the news from the others."""
        self.kept.start()
        flow = self.flows[0]

        def fault(error: TransportFailed) -> None:
            raise ZeroDivisionError

        flow.watchers._watchers.insert(0, fault)
        flow.fail(TransportFailed("reset"))
        self.assertIsNone(self.kept.flow)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.kept.stop()
