"""Each invariant sees what it is there to see: a caller that breaks it is found.

The caller is made to misbehave between itself and the network, so that nothing of it
has to be known here; where no message tells, its own parts are exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing.media import ScriptedSession
from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.invariants.replies import Replies
from sipuac.testing.simulation.runs import play
from sipuac.testing.simulation.scenario import (
    CallPlan,
    Forgery,
    Partition,
    PhonePlan,
    ProxyPlan,
    Reaction,
    Reset,
    Say,
    Scenario,
)
from sipuac.testing.simulation.wire import WireMessage, read, response_to
from sipuac.testing.simulation.world import World
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from sipuac.ua.timer_queue import TimerQueue

Tamper = Callable[[World, WireMessage], list[WireMessage]]

# Every fault here is found in far fewer worlds.
MOST_WORLDS = 400


def with_tag_of(message: WireMessage, method: str, number: int) -> WireMessage:
    """Another request in the same dialog, with a branch of its own."""
    rows = []
    for name, value in message.rows:
        if name == "Via":
            value = value.replace(message.branch, f"{message.branch}-{method}")
        if name == "CSeq":
            value = f"{number} {method}"
        rows.append((name, value))
    return WireMessage(f"{method} {message.uri} SIP/2.0", rows)


class SabotageTests(SynchronousTestCase):
    """A caller that breaks the rules."""

    def broken_in(self, scenario: Scenario, tamper: Tamper | None) -> set[str]:
        """The invariants that are broken in a world with this caller."""
        world = World(scenario)
        network = world.network
        send = network.send_datagram

        def tampered(
            source: tuple[str, int], destination: tuple[str, int], octets: bytes
        ) -> None:
            assert tamper is not None
            for message in tamper(world, read(octets)):
                send(source, destination, message.octets)

        if tamper is not None:
            network.send_datagram = tampered  # type: ignore[method-assign]
        verdict = world.run()
        return {text.partition(":")[0] for text in verdict.violations}

    def assertFound(self, invariant: str, tamper: Tamper | None = None) -> None:
        """This invariant is broken in one of some worlds."""
        for seed in range(MOST_WORLDS):
            scenario = draw(seed)
            if scenario.transport == "UDP":
                if invariant in self.broken_in(scenario, tamper):
                    return
        self.fail(f"{invariant} never complained")

    def test_an_honest_caller_breaks_nothing(self) -> None:
        """The same worlds without sabotage: silence."""
        for seed in range(50):
            self.assertEqual(self.broken_in(draw(seed), None), set(), seed)

    def test_no_ack(self) -> None:
        """A caller that never acknowledges a 2xx."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            is_of_failure = message.branch in world.ledger.invites
            return [message] if message.method != "ACK" or is_of_failure else []

        self.assertFound("Acknowledgement", tamper)

    def test_one_ack_only(self) -> None:
        """A caller that does not acknowledge the 2xx that comes again."""
        seen: set[bytes] = set()

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method == "ACK" and message.octets in seen:
                return []
            seen.add(message.octets)
            return [message]

        self.assertFound("Acknowledgement", tamper)

    def test_another_ack(self) -> None:
        """A caller whose second ACK differs from the first."""
        count = 0

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            nonlocal count
            if message.status or message.method != "ACK":
                return [message]
            count += 1
            return [message.with_rows([*message.rows, ("X-Count", str(count))])]

        self.assertFound("Acknowledgement", tamper)

    def test_an_early_cancel(self) -> None:
        """A caller that cancels before anybody has answered."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method != "INVITE" or message.status or message.to_tag:
                return [message]
            cancel = with_tag_of(message, "CANCEL", message.number)
            via = ("Via", message.get("Via"))
            rows = [via if row[0] == "Via" else row for row in cancel.rows]
            return [message, cancel.with_rows(rows)]

        self.assertFound("Cancel", tamper)

    def test_a_bye_before_the_ack(self) -> None:
        """A caller that hangs up before it acknowledges."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method != "ACK" or message.branch in world.ledger.invites:
                return [message]
            return [with_tag_of(message, "BYE", message.number + 1), message]

        self.assertFound("Bye", tamper)

    def test_a_number_twice(self) -> None:
        """A caller that does not count its requests."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "BYE":
                return [message]
            rows = [
                (name, "1 BYE" if name == "CSeq" else value)
                for name, value in message.rows
            ]
            return [message.with_rows(rows)]

        self.assertFound("Sequence", tamper)

    def test_two_pracks(self) -> None:
        """A caller that acknowledges a reliable response twice."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "PRACK":
                return [message]
            return [message, with_tag_of(message, "PRACK", message.number + 1)]

        self.assertFound("Reliability", tamper)

    def test_a_second_offer(self) -> None:
        """A caller that describes its session in a PRACK although it has an answer."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "PRACK":
                return [message]
            return [WireMessage(message.start, message.rows, b"v=0\r\n")]

        self.assertFound("OneExchange", tamper)

    def test_no_bye(self) -> None:
        """A caller that hangs up without a word."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            return [] if message.method == "BYE" and not message.status else [message]

        self.assertFound("NobodyLeftAlone", tamper)

    def test_a_forged_request_is_taken(self) -> None:
        """A caller that says 200 to whoever asks."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status != 481:
                return [message]
            return [WireMessage("SIP/2.0 200 OK", message.rows)]

        self.assertFound("NobodyElse", tamper)

    def test_a_forged_response_is_taken(self) -> None:
        """A caller that hangs up at whatever bears its Call-ID."""
        received = Inviter.request_received

        def careless(self: Inviter, request: object, *others: object) -> bool:
            for call in self.invitations:
                call.cancel()
            return received(self, request, *others)  # type: ignore[arg-type]

        forgery = Forgery(0.5, "BYE")
        with patch.object(Inviter, "request_received", careless):
            for seed in range(MOST_WORLDS):
                scenario = draw(seed)
                world = World(scenario)
                world.clock.callLater(0.5, world._forge, forgery)
                if any("NobodyElse" in text for text in world.run().violations):
                    return
        self.fail("NobodyElse never complained")

    def test_media_stays_open(self) -> None:
        """Media that nobody closes."""
        with patch.object(ScriptedSession, "close", lambda self: None):
            self.assertFound("Media")

    def test_a_deferred_never_fires(self) -> None:
        """A call whose `done` is another Deferred than the one that fires."""
        with patch.object(Invitation, "done", property(lambda self: Deferred())):
            self.assertFound("Outcome")

    def test_a_call_is_never_forgotten(self) -> None:
        """An inviter that keeps all its calls."""
        with patch.object(Inviter, "_forget", lambda self, invitation: None):
            self.assertFound("Ending")

    def test_a_timer_never_ends(self) -> None:
        """A timer that is started again whenever it fires."""
        start = TimerQueue.start

        def stubborn(self: TimerQueue, seconds: float, *others: object) -> object:
            if seconds >= 32:
                start(self, seconds, stubborn, self, seconds, *others)
            return start(self, seconds, *others)  # type: ignore[arg-type]

        with patch.object(TimerQueue, "start", stubborn):
            self.assertFound("Ending")

    def test_a_reference_remains(self) -> None:
        """Somebody keeps a call that is over."""
        kept: list[Invitation] = []
        forget = Inviter._forget

        def keeping(self: Inviter, invitation: Invitation) -> None:
            kept.append(invitation)
            forget(self, invitation)

        with patch.object(Inviter, "_forget", keeping):
            figures = play(range(5))
        self.assertIn("still referred to", str(figures.violations))

    def test_an_error_in_the_log(self) -> None:
        """What is logged as an error is a violation."""
        forget = Inviter._forget

        def complaining(self: Inviter, invitation: Invitation) -> None:
            Logger().error("broken on purpose")
            forget(self, invitation)

        with patch.object(Inviter, "_forget", complaining):
            figures = play(range(5))
        self.assertIn("broken on purpose", str(figures.violations))


class BoundaryTests(SynchronousTestCase):
    """What happens in the very instant in which a timer fires."""

    def test_an_answer_is_remembered_until_timer_j(self) -> None:
        """Until then another answer is a violation; in that instant it is none."""
        request = read(
            b"INFO sip:alice@caller SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP u0:5060;branch=z9hG4bK1\r\n"
            b"From: <sip:bob@p0>;tag=x\r\nTo: <sip:a@caller>;tag=y\r\n"
            b"Call-ID: 1\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n"
        )
        began = 1.001
        ends = began + 32.0
        self.assertLess(ends - began, 32.0)  # as numbers of a machine are
        for now, count in ((ends - 0.001, 1), (ends, 0)):
            world = World(Scenario(1, phones=(PhonePlan("u0"),)))
            (replies,) = [
                one for one in world.ledger.watchers if isinstance(one, Replies)
            ]
            world.clock.rightNow = began
            replies.comes(request)
            replies.sent(response_to(request, 501), is_new=False)
            world.clock.rightNow = now
            replies.sent(response_to(request, 500), is_new=False)
            self.assertEqual(len(world.violations), count, world.violations)

    def test_an_ack_that_found_no_way(self) -> None:
        """It may take longer than an ACK else does: its 2xx is there for so long."""
        scenario = Scenario(
            1,
            "TCP",
            (ProxyPlan("p0", (("u0",),)),),
            (PhonePlan("u0", (Say(0.0, 200, "own"),)),),
            (
                CallPlan(
                    without_sdp=True, reactions=(Reaction("make_answer", "late", 8.0),)
                ),
            ),
            partitions=(Partition(8.0, 40.0, ("caller",)),),
            resets=(Reset(2.0),),
        )
        world = World(scenario)
        self.assertEqual(world.run().violations, [])
        self.assertEqual(world.agent.counters["acks-undeliverable"], 1)
        acks = [one for one in world.network.log if one.first_line.startswith("ACK")]
        self.assertGreater(acks[0].time, 60.0)
