"""Each invariant sees what it is there to see: parts of the caller are exchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from sipuac.dialog.effects import Establish
from sipuac.sdp.description import SessionDescription
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
from sipuac.testing.simulation.wire import read, response_to
from sipuac.testing.simulation.world import World
from sipuac.transaction.layer import TransactionLayer
from sipuac.ua.call_media import CallMedia
from sipuac.ua.dialog_set_driver import DialogSetDriver
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from sipuac.ua.session import Session
from sipuac.ua.timer_queue import TimerQueue
from tests.testing.mutant_case import MOST_WORLDS, MutantCase

PHONE = PhonePlan("u0", (Say(0.1, 180), Say(0.5, 200, "own")))


def hurried(limit: float, seconds: float) -> Callable[..., object]:
    """`TimerQueue.start`, where timers of just this time fire sooner."""
    start = TimerQueue.start

    def hurried_start(self: TimerQueue, wanted: float, *others: Any) -> object:
        return start(self, seconds if wanted == limit else wanted, *others)

    return hurried_start


class MemoryTests(MutantCase):
    """What is remembered too shortly, or for ever."""

    def test_it_forgets_too_early(self) -> None:
        """A caller that remembers its INVITEs for 20 seconds."""
        with patch.object(TimerQueue, "start", hurried(32.0, 20.0)):
            self.assertFound("Acknowledgement: an INVITE was forgotten")

    def test_a_call_is_never_forgotten(self) -> None:
        """An inviter that keeps all its calls."""
        with patch.object(Inviter, "forget", lambda self, invitation: None):
            self.assertFound("calls left")

    def test_a_transaction_is_never_forgotten(self) -> None:
        """A transaction layer that keeps all transactions."""
        with patch.object(TransactionLayer, "remove", lambda self, transaction: None):
            self.assertFound("transactions left")

    def test_a_timer_never_ends(self) -> None:
        """A timer that is started again whenever it fires."""
        start = TimerQueue.start

        def stubborn(self: TimerQueue, seconds: float, *others: object) -> object:
            if seconds >= 32:
                start(self, seconds, stubborn, self, seconds, *others)
            return start(self, seconds, *others)  # type: ignore[arg-type]

        with patch.object(TimerQueue, "start", stubborn):
            self.assertFound("delayed calls after")

    def test_a_reference_remains(self) -> None:
        """Somebody keeps a call that is over, or a part of it."""
        kept: list[object] = []
        forget = Inviter.forget

        def keeping(self: Inviter, invitation: Invitation) -> None:
            kept.append(invitation)
            forget(self, invitation)

        def keeping_dialogs(self: Inviter, invitation: Invitation) -> None:
            kept.extend(invitation._attempt._set.branches.values())
            forget(self, invitation)

        with patch.object(Inviter, "forget", keeping):
            figures = play(range(5))
        self.assertIn("still referred to", str(figures.violations))
        kept.clear()
        with patch.object(Inviter, "forget", keeping_dialogs):
            figures = play(range(5))
        self.assertIn("Dialog left", str(figures.violations))

    def test_half_a_message(self) -> None:
        """A stream whose connection ends in the middle of a message, unnoticed."""
        scenario = Scenario(
            1,
            "TCP",
            (ProxyPlan("p0", (("u0",),)),),
            (PHONE,),
            (CallPlan(ends_at=1.0),),
        )
        world = World(scenario)

        def half() -> None:
            (connection,) = world.agent._transport.connections
            connection.octets_received(b"BYE sip:alice@caller SIP/2.0\r\nVia: ", None)

        world.clock.callLater(20.0, half)  # when the call is over
        self.assertIn("half-read messages left", str(world.run().violations))


class OutcomeTests(MutantCase):
    """What the application is told."""

    def test_a_deferred_never_fires(self) -> None:
        """A call whose `done` is another Deferred than the one that fires."""
        with patch.object(Invitation, "done", property(lambda self: Deferred())):
            self.assertFound("done of call 0 fired 0 times")

    def test_a_deferred_fails_with_anything(self) -> None:
        """A call that fails with what is no failure of SIP."""
        error = property(lambda self: fail(ValueError("oops")))
        with patch.object(Invitation, "established", error):
            self.assertFound("established of call 0 failed: ValueError")

    def test_a_deferred_is_late(self) -> None:
        """A call that tells of its final response much later."""

        def late(self: Invitation) -> Deferred[None]:
            waiting: Deferred[None] = Deferred()
            self._endpoint.clock.callLater(2_000, waiting.callback, None)
            return waiting

        with patch.object(Invitation, "final", property(late)):
            self.assertFound("final of call 0 took 2000 s")

    def test_a_call_never_ends(self) -> None:
        """A call that says that it is still at it."""
        with patch.object(Invitation, "state", "Establishing"):
            self.assertFound("call 0 ends Establishing")

    def test_an_error_in_the_log(self) -> None:
        """What is logged as an error is a violation."""
        forget = Inviter.forget

        def complaining(self: Inviter, invitation: Invitation) -> None:
            Logger().error("broken on purpose")
            forget(self, invitation)

        with patch.object(Inviter, "forget", complaining):
            figures = play(range(5))
        self.assertIn("broken on purpose", str(figures.violations))

    def test_an_input_that_cannot_be_handled(self) -> None:
        """A caller that stumbles over what it is told."""

        def stumbling(self: DialogSetDriver, *arguments: object) -> None:
            raise ZeroDivisionError

        with patch.object(DialogSetDriver, "_fire", stumbling):
            self.assertFound("an input could not be handled")
        self.flushLoggedErrors(ZeroDivisionError)


class SessionTests(MutantCase):
    """Sessions and their media."""

    def test_no_call_ever_stands(self) -> None:
        """A caller that takes no call, whoever answers, and ends none."""

        def nothing(self: DialogSetDriver, effect: Establish) -> None:
            return None

        performers = {Establish: nothing}
        with patch.dict("sipuac.ua.dialog_set_driver._PERFORMERS", performers):
            self.assertFound("Standing: a call does not stand")

    def test_nobody_attends(self) -> None:
        """A caller with calls that are neither its sessions nor ended."""
        scenario = Scenario(1, phones=(PHONE,), calls=(CallPlan(ends_at=400.0),))
        with patch.object(Invitation, "sessions", {}):
            world = World(scenario)
            standing = "sipuac.testing.simulation.invariants.standing.Standing"
            with patch(f"{standing}.was_handled", lambda self, message: None):
                found = world.run().violations
        self.assertIn("is neither a session nor ended", str(found))

    def test_a_session_outlives_its_dialog(self) -> None:
        """A session that stands although it was ended."""
        with patch.object(Session, "state", "Established"):
            self.assertFound("stands after a BYE")

    def test_media_stays_open(self) -> None:
        """Media that nobody closes."""
        with patch.object(ScriptedSession, "close", lambda self: None):
            self.assertFound("Media: media was never closed")

    def test_media_gets_its_answer_twice(self) -> None:
        """A caller that gives its media each answer again."""
        apply = CallMedia.apply

        def twice(self: CallMedia, branch: str, answer: SessionDescription) -> None:
            apply(self, branch, answer)
            session = self.session_of(branch)
            session.apply_answer(answer)

        with patch.object(CallMedia, "apply", twice):
            self.assertFound("apply_answer a second time")
        self.flushLoggedErrors()

    def test_media_of_several(self) -> None:
        """A caller that gives one offer to several dialogs, of media that cannot."""
        self.assertSeveral("opened while", 0.0)
        self.assertSeveral("several have the media", 1.5)

    def assertSeveral(self, rule: str, at: float) -> None:
        """This is said where the media tells the caller one thing, and does another."""
        for seed in range(MOST_WORLDS):
            scenario = draw(seed)
            call = replace(
                scenario.calls[0],
                on_fork="collect",
                early_media=True,
                without_sdp=False,
                can_fork_offer=True,
                can_replace_answer=True,
                reactions=(),
            )
            world = World(replace(scenario, calls=(call,)))
            media = world.users[0].media
            world.clock.callLater(at, setattr, media, "can_fork_offer", False)
            if any(rule in violation for violation in world.run().violations):
                return
        self.fail(f"{rule!r} was never said")

    def test_media_of_somebody_else(self) -> None:
        """A caller that confuses the descriptions of its callees."""
        establish = DialogSetDriver._establish

        def confused(self: DialogSetDriver, effect: Establish) -> None:
            establish(self, effect)
            session = self.sessions[effect.branch]
            session.remote_sdp = session.remote_sdp.replace("o=u", "o=x")

        performers = {Establish: confused}
        with patch.dict("sipuac.ua.dialog_set_driver._PERFORMERS", performers):
            self.assertFound("has the media of another phone")

    def test_forgeries_are_taken(self) -> None:
        """A caller that hangs up at whatever bears its Call-ID."""
        received = Inviter.request_received

        def careless(self: Inviter, request: object, *others: object) -> bool:
            for call in self.invitations:
                call.cancel()
            return received(self, request, *others)  # type: ignore[arg-type]

        missing = {"a forgery changed a call", "a forgery made us send"}
        forgery = Forgery(0.5, "BYE")
        with patch.object(Inviter, "request_received", careless):
            for seed in range(MOST_WORLDS):
                world = World(draw(seed))
                world.clock.callLater(0.5, world._forge, forgery)
                said = str(world.run().violations)
                missing = {rule for rule in missing if rule not in said}
                if not missing:
                    return
        self.fail(f"NobodyElse never complained: {missing}")


class BoundaryTests(MutantCase):
    """What only seems to break a rule."""

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
