"""Calls that both sides change at random moments over a network that loses packets.

The seed of a life that went wrong is in the message of its failure.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import LocalProtocolError, SessionNotModified, Unreachable
from sipuac.testing.media import AT_ONCE, late, refuse
from sipuac.testing.packets import Conditions
from sipuac.testing.script import HELD_SDP, OWN_SDP, Script, answer
from tests.ua.talk import TalkCase

LIVES = 60


class RandomTalkTests(TalkCase):
    """Whatever happens, each side is told what became of what it asked for."""

    def live(self, seed: int) -> None:
        """One call."""
        random = Random(seed)
        self.waiting: list[Deferred[Any]] = []
        self.outcomes: list[str] = []
        allow = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE")
        script = Script(
            answer(0.1),
            allow=allow if random.random() < 0.6 else allow[:-1],
            reinvite_delay=random.choice([0.0, 0.0, 1.0]),
        )
        self.talk(script, session_expires=random.choice([None, 90]))
        slow = [AT_ONCE, AT_ONCE, late(0.7), refuse("no")]
        for method in ("make_offer", "make_answer"):
            self.media.react(method, *random.choices(slow, k=20), AT_ONCE)
        self.network.conditions = Conditions(
            delay=0.02,
            jitter=random.choice([0.0, 0.1]),
            loss=random.choice([0.0, 0.1, 0.25]),
            duplication=random.choice([0.0, 0.1]),
        )
        for _ in range(25):
            random.choice(self.acts)(self, random)
            self.advance(random.choice([0.0, 0.0, 0.1, 0.5, 3.0]))
        self.network.conditions = Conditions(delay=0.02)
        self.advance(80)
        if self.session.state == "Established":
            self.session.bye()
        self.settle_after_losses()

    def ask(self, waiting: Deferred[Any]) -> None:
        """Note what comes of it."""
        self.waiting.append(waiting)

        def failed(failure: object) -> None:
            failure.trap(SessionNotModified, Unreachable, LocalProtocolError)  # type: ignore[attr-defined]  # a Failure
            self.outcomes.append("failed")

        waiting.addCallbacks(lambda result: self.outcomes.append("done"), failed)

    def hold(self, random: Random) -> None:
        """We hold or resume."""
        self.ask(
            self.session.hold() if random.random() < 0.5 else self.session.resume()
        )

    def refresh(self, random: Random) -> None:
        """We refresh, or send something."""
        if random.random() < 0.5:
            self.ask(self.session.refresh())
        else:
            self.ask(self.session.request(random.choice(["INFO", "OPTIONS"])))

    def theirs(self, random: Random) -> None:
        """The phone changes the call."""
        if self.dialog.state != "confirmed" or self.dialog.is_asking:
            return
        method = random.choice(["INVITE", "INVITE", "UPDATE", "INFO"])
        sdp = None
        if method != "INFO":
            sdp = random.choice([OWN_SDP, HELD_SDP, None])
        self.desk_asks(method, sdp=sdp)

    def cancel(self, random: Random) -> None:
        """The phone cancels its re-INVITE, if one waits."""
        if random.random() < 0.3 and self.dialog.state == "confirmed":
            self.desk_asks("CANCEL")

    acts: list[Callable[[RandomTalkTests, Random], None]]
    acts = [hold, hold, refresh, theirs, theirs, cancel]

    def settle_after_losses(self) -> None:
        """Nothing is left, and everybody was told."""
        self.network.settle(3_000)
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])
        self.assertEqual(len(self.endpoint._transactions), 0)
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.endpoint.counters["internal-errors"], 0)
        self.media.check()
        self.successResultOf(self.session.ended)
        self.assertEqual(len(self.outcomes), len(self.waiting))
        self.assertFalse(self.desk.in_call)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_lives(self) -> None:
        """Many calls, each with its own chances."""
        counts: dict[str, int] = {}
        for seed in range(LIVES):
            self.setUp()
            try:
                self.live(seed)
            except BaseException as error:
                raise AssertionError(f"seed {seed}: {error}") from error
            for outcome in (*self.outcomes, *map(str, self.dialog.statuses)):
                counts[outcome] = counts.get(outcome, 0) + 1
        for wanted in ("done", "failed", "200", "491", "488"):
            self.assertGreater(counts.get(wanted, 0), LIVES // 10, counts)
