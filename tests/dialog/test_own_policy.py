"""A fork policy that the user brings, and options that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sipuac.dialog.effects import (
    FailInvite,
    MoveMedia,
    Report,
    SendAck,
    SendInDialog,
    Take,
)
from sipuac.dialog.events import (
    Forked,
    ProtocolWarning,
)
from sipuac.dialog.fork_policy import (
    POLICIES,
    Action,
    AnsweredLater,
    Decision,
    DialogSetView,
    ExtraAnswered,
    ExtraShowed,
    ForkEvent,
)
from sipuac.dialog.options import InviteOptions, default_policy
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StopTimer
from sipuac.errors import InviteForked, LocalProtocolError
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    ANOTHER_HAS_MEDIA,
    DialogCase,
    ack,
    answer,
    applied,
    bye,
    forked,
)


@dataclass
class Own:
    """A user's own policy: it does as it was told, and remembers what it was asked."""

    decisions: Any = ()
    name: str = "own"
    needs_early_media: bool = False
    needs_replaceable_answer: bool = False
    needs_forkable_offer: bool = False
    asked: list[tuple[ForkEvent, DialogSetView]] = field(default_factory=list)

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """See `ForkPolicy`."""
        self.asked.append((event, view))
        if isinstance(self.decisions, Exception):
            raise self.decisions
        decisions: Sequence[Decision] = self.decisions
        return decisions


class OwnPolicyTests(DialogCase):
    """A policy that the user brings."""

    def test_what_it_sees(self) -> None:
        """It is told what happened and sees the whole dialog set."""
        policy = Own()
        self.begin(policy=policy, has_early_media=True, extra_ringing="keep")
        self.with_early_media("a")
        self.receive(180, "b")
        self.receive(200, "b", port=3000)
        self.assertEqual(
            [type(event) for event, _ in policy.asked], [ExtraShowed, ExtraAnswered]
        )
        event, view = policy.asked[0]
        self.assertEqual(event.branch, view.branches[1])
        self.assertEqual(view.media_tag, "a")
        self.assertEqual([b.to_tag for b in view.branches], ["a", "b"])
        self.assertEqual([b.is_media for b in view.branches], [True, False])
        self.assertEqual([b.has_answer for b in view.branches], [True, False])
        self.assertEqual([b.is_early for b in view.branches], [True, True])
        self.assertTrue(view.has_early_media)
        self.assertEqual(view.extra_ringing, "keep")

    def test_it_may_end_the_media_dialog(self) -> None:
        """A policy that prefers the newcomer ends the media dialog; the newcomer has
        the media then.
        """
        policy = Own([Decision(Action.CANCEL_EXTRA, "a")])
        self.begin(policy=policy, has_early_media=True)
        self.with_early_media("a")
        effects = self.receive(183, "b", port=3000)[1]
        self.assertIn(bye("a", 1, ANOTHER_HAS_MEDIA), effects)
        self.assertIn(applied("b", 3000), effects)

    def test_without_early_media(self) -> None:
        """It may end extras that only ring, at once."""
        self.begin(policy=Own([Decision(Action.CANCEL_EXTRA, "b")]))
        self.receive(180, "a")
        effects = self.receive(180, "b")[1]
        self.assertEqual(effects[-1], bye("b", 1, ANOTHER_HAS_MEDIA))

    def test_a_later_answer(self) -> None:
        """It is asked about a 2xx after one was taken; FAIL is a release then."""
        policy = Own([Decision(Action.FAIL, "b")])
        self.begin(policy=policy)
        self.answered("a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIsInstance(policy.asked[-1][0], AnsweredLater)
        self.assertEqual(effects[-1], bye("b", 1, ANOTHER_HAS_CALL))
        self.assertEqual(self.of_kind(effects, FailInvite), [])

    def test_nonsense(self) -> None:
        """What cannot be done, or is nonsense, leaves early dialogs alone and releases
        answered ones; each 2xx is acknowledged and ended, and the call goes on.
        """
        nonsense: list[Any] = [
            (),
            None,
            17,
            ["what"],
            ValueError("broken"),
            [Decision(Action.TAKE, "nobody")],
            [Decision(action, "nobody") for action in Action],
            [Decision(Action.TAKE, "b"), Decision(Action.TAKE, "b")],
            [Decision(Action.MOVE_MEDIA, "b")],
            [Decision(Action.LEAVE, "b"), Decision(Action.KEEP, "b")],
        ]
        for decisions in nonsense:
            self.begin(policy=Own(decisions), can_fork_offer=False)
            self.receive(180, "a")
            effects = self.receive(180, "b")[1]
            self.assertEqual(len(self.events(effects, Forked)), 1, decisions)
            self.receive(200, "a", port=2000)
            effects = self.receive(200, "b", port=3000)[1]
            kinds = (SendAck, SendInDialog, Take, FailInvite)
            self.assertEqual(
                self.of_kind(effects, *kinds),
                [
                    ack("b"),
                    bye("b", 1, ANOTHER_HAS_CALL),
                ],
                decisions,
            )

    def test_a_move_ends_the_hold(self) -> None:
        """The dialog that the media moved to has just spoken: it lives, and those that
        were held are ended.
        """
        policy = Own([Decision(Action.CANCEL_EXTRA, "b")])
        self.begin(policy=policy, has_early_media=True)
        self.with_early_media("a")
        self.receive(180, "b")
        policy.decisions = [Decision(Action.MOVE_MEDIA, "c")]
        effects = self.receive(183, "c", port=4000)[1]
        self.assertEqual(
            effects[-4:],
            [
                MoveMedia("a", "c", answer(4000)),
                StopTimer(DialogTimer.HOLD),
                forked("b", "cancel-extra"),
                bye("b", 2, ANOTHER_HAS_MEDIA),
            ],
        )

    def test_nothing_follows_a_fail(self) -> None:
        """Once everything is ended no further decision is carried out."""
        decisions = [Decision(Action.FAIL, "a"), Decision(Action.TAKE, "b")]
        self.begin(policy=Own(decisions), has_early_media=True)
        self.with_early_media("a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIsInstance(self.failure(effects), InviteForked)
        self.assertEqual(self.of_kind(effects, Take), [])
        sent = [e.branch for e in self.of_kind(effects, SendInDialog)]
        self.assertEqual(sent, ["a", "b"])

    def test_what_the_media_cannot_do(self) -> None:
        """A move or a take is not done where the media cannot."""
        how = {"can_replace_answer": False, "can_fork_offer": False}
        for action in (Action.MOVE_MEDIA, Action.TAKE, Action.KEEP):
            policy = Own([Decision(action, "b")])
            self.begin(policy=policy, has_early_media=True, **how)
            self.with_early_media("a")
            said, effects = self.receive(183, "b", port=3000)
            self.assertEqual(effects[-1], forked("b", "leave", said))
            effects = self.receive(200, "b")[1]
            self.assertIn(bye("b", 1, ANOTHER_HAS_CALL), effects)
            self.assertEqual(self.of_kind(effects, Take), [])

    def test_a_policy_that_fails_is_reported(self) -> None:
        """Its failure is told."""
        self.begin(policy=Own(ValueError("broken")))
        self.receive(180, "a")
        effects = self.receive(180, "b")[1]
        message = "the fork policy failed: ValueError: broken"
        self.assertIn(Report(ProtocolWarning(message, "b")), effects)


class OptionsTests(DialogCase):
    """What cannot be is refused before anything is sent."""

    def test_contradictions(self) -> None:
        """A policy for early media without it, or media that lacks the ability."""
        cases: list[dict[str, Any]] = [
            {"policy": POLICIES["cancel-extras"]},
            {"policy": POLICIES["follow"]},
            {"policy": POLICIES["fail"]},
            {
                "policy": POLICIES["follow"],
                "has_early_media": True,
                "can_replace_answer": False,
            },
            {"policy": POLICIES["keep-all"], "can_fork_offer": False},
            {"policy": object()},
            {"extra_ringing": "maybe"},
            {"answer_timeout": 0},
            {"answer_timeout": float("nan")},
            {"fork_hold": -1},
            {"fork_grace": float("inf")},
            {"linger": 0},
            {"max_extras": -1},
        ]
        for options in cases:
            with self.assertRaises(LocalProtocolError, msg=str(options)):
                InviteOptions(**options).check()

    def test_defaults(self) -> None:
        """`cancel-extras` with early media, `first-answer` without."""
        self.assertEqual(default_policy(has_early_media=True).name, "cancel-extras")
        self.assertEqual(default_policy(has_early_media=False).name, "first-answer")
        self.assertEqual(
            sorted(POLICIES),
            [
                "adopt",
                "cancel-extras",
                "collect",
                "fail",
                "first-answer",
                "follow",
                "keep-all",
            ],
        )
