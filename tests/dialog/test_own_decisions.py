"""What becomes of each decision of a policy of one's own, in each situation.

What cannot be done, or means nothing there, leaves an early dialog alone and releases
an answered one (`sipuac.dialog.fork_policy`).
"""

from __future__ import annotations

from typing import Any

from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Effect,
    FailInvite,
    MakeFreshOffer,
    MoveMedia,
    SendInDialog,
    Take,
)
from sipuac.dialog.events import Forked
from sipuac.dialog.fork_policy import Action, Decision
from tests.dialog.messages import DialogCase
from tests.dialog.test_own_policy import Own

SINGLE = {"can_replace_answer": False, "can_fork_offer": False}
REPLACING = {"can_replace_answer": True, "can_fork_offer": False}
FORKING = {"can_replace_answer": False, "can_fork_offer": True}
BOTH = {"can_replace_answer": True, "can_fork_offer": True}

_ALL = (SINGLE, REPLACING, FORKING, BOTH)
_ACTIONS = (
    Action.LEAVE,
    Action.CANCEL_EXTRA,
    Action.MOVE_MEDIA,
    Action.COLLECT,
    Action.TAKE,
    Action.ADOPT,
    Action.RELEASE,
    Action.KEEP,
    Action.FAIL,
)


class DecisionTests(DialogCase):
    """Phone "a" has the media where there is early media; phone "b" is the other."""

    def what(self, effects: list[Effect]) -> str:
        """What is done about "b" and with the call, in words."""
        words = [str(e.action) for e in self._forked(effects) if e.to_tag == "b"]
        for effect in effects:
            match effect:
                case SendInDialog(request=request, branch=tag):
                    if request.method == "BYE":
                        words.append(f"BYE {tag}")
                case Take(branch=tag):
                    words.append(f"taken {tag}")
                case MoveMedia():
                    words.append("moved")
                case ApplyAnswer(branch=tag):
                    words.append(f"media {tag}")
                case MakeFreshOffer():
                    words.append("fresh offer")
                case FailInvite():
                    words.append("failed")
        return ", ".join(words)

    def _forked(self, effects: list[Effect]) -> list[Forked]:
        return [
            event for event in self.events(effects, Forked) if isinstance(event, Forked)
        ]

    def decide(self, action: Action, tag: str = "b") -> Own:
        """A policy that always decides this about "b"."""
        return Own([Decision(action, tag)])

    def test_an_extra_with_an_answer(self) -> None:
        """It can be ended, once the media dialog is known to live; have the media moved
        to it, or a session of its own, where the media can do that; or end everything.
        """
        for media in _ALL:
            done = dict.fromkeys(_ACTIONS, "leave")
            done[Action.CANCEL_EXTRA] = done[Action.FAIL] = "hold"
            if media["can_replace_answer"]:
                done[Action.MOVE_MEDIA] = "move-media, moved"
            if media["can_fork_offer"]:
                done[Action.COLLECT] = "collect, media b"
            for action, words in done.items():
                self.begin(policy=self.decide(action), has_early_media=True, **media)
                self.with_early_media("a")
                effects = self.receive(183, "b", port=3000)[1]
                self.assertEqual(self.what(effects), words, (media, action))

    def test_an_extra_that_only_rings(self) -> None:
        """It has no answer that the media could get."""
        for media in _ALL:
            done = dict.fromkeys(_ACTIONS, "leave")
            done[Action.CANCEL_EXTRA] = done[Action.FAIL] = "hold"
            for action, words in done.items():
                self.begin(policy=self.decide(action), has_early_media=True, **media)
                self.with_early_media("a")
                effects = self.receive(180, "b")[1]
                self.assertEqual(self.what(effects), words, (media, action))

    def test_without_early_media(self) -> None:
        """There is no media to be had, nor a media dialog to wait for."""
        done = dict.fromkeys(_ACTIONS, "leave")
        done[Action.CANCEL_EXTRA] = "cancel-extra, BYE b"
        done[Action.FAIL] = "fail"
        for action, words in done.items():
            self.begin(policy=self.decide(action))
            self.receive(183, "a", port=2000)
            effects = self.receive(183, "b", port=3000)[1]
            self.assertEqual(self.what(effects), words, action)

    def test_about_the_media_dialog(self) -> None:
        """The media is where it is: only its end, or that of all, is a decision."""
        for action in (Action.LEAVE, Action.MOVE_MEDIA, Action.TAKE, Action.RELEASE):
            policy = self.decide(action, "a")
            self.begin(policy=policy, has_early_media=True, **BOTH)
            self.with_early_media("a")
            effects = self.receive(183, "b", port=3000)[1]
            self.assertEqual(self.what(effects), "leave", action)
            self.assertIs(self.set.forks.media, self.set.branches["a"])

    def test_the_2xx_of_an_extra(self) -> None:
        """It can be the call where the media can have its answer; or by a fresh offer,
        if that is asked for; or end everything. All else releases it.
        """
        for media in _ALL:
            done = dict.fromkeys(_ACTIONS, "release, BYE b")
            done[Action.ADOPT] = "adopt, taken b, fresh offer"
            done[Action.FAIL] = "fail, BYE b, BYE a, failed"
            if media["can_replace_answer"]:
                done[Action.TAKE] = "take, taken b, moved"
            elif media["can_fork_offer"]:
                done[Action.TAKE] = "take, taken b, media b"
            for action, words in done.items():
                policy = Own()
                self.begin(policy=policy, has_early_media=True, **media)
                self.with_early_media("a")
                self.receive(183, "b", port=3000)
                policy.decisions = [Decision(action, "b")]
                effects = self.receive(200, "b")[1]
                self.assertEqual(self.what(effects), words, (media, action))

    def test_a_2xx_after_one_was_taken(self) -> None:
        """It can have a session of its own where the media can fork our offer. All else
        releases it; the call taken before stands.
        """
        for media in _ALL:
            done = dict.fromkeys(_ACTIONS, "release, BYE b")
            if media["can_fork_offer"]:
                done[Action.KEEP] = "keep, taken b, media b"
            for action, words in done.items():
                self.begin(policy=self.decide(action), **media)
                self.answered("a")
                effects = self.receive(200, "b", port=3000)[1]
                self.assertEqual(self.what(effects), words, (media, action))
                self.assertTrue(self.set.branches["a"].stands)

    def test_offers_of_the_callees(self) -> None:
        """Where they make the offers there is none of ours that could be forked, moved
        or made afresh.
        """
        for action in _ACTIONS:
            self.begin(policy=self.decide(action), is_offerless=True, **BOTH)
            self.receive(180, "a")
            effects = self.receive(180, "b")[1]
            words = {
                Action.CANCEL_EXTRA: "cancel-extra, BYE b",
                Action.FAIL: "fail",
            }
            self.assertEqual(self.what(effects), words.get(action, "leave"), action)
            self.begin(policy=self.decide(action), is_offerless=True, **BOTH)
            self.receive(200, "a", port=2000)
            effects = self.receive(200, "b", port=3000)[1]
            self.assertEqual(self.what(effects), "release, BYE b", action)

    def test_about_another_call(self) -> None:
        """A call that was taken is not given up by a decision about another 2xx, nor is
        a dialog that is over.
        """
        for action in _ACTIONS:
            policy = self.decide(action, "a")
            self.begin(policy=policy, **BOTH)
            self.answered("a")
            effects = self.receive(200, "b", port=3000)[1]
            self.assertEqual(self.what(effects), "release, BYE b", action)
            self.assertTrue(self.set.branches["a"].stands)
            policy = Own()
            self.begin(policy=policy, has_early_media=True, **SINGLE)
            self.with_early_media("a")
            self.receive(180, "c")
            self.receive(199, "c")
            policy.decisions = [Decision(action, "c")]
            effects = self.receive(200, "b", port=3000)[1]
            tags = [one.branch for one in self.of_kind(effects, SendInDialog)]
            self.assertNotIn("c", tags, action)

    def test_the_offer_is_spent(self) -> None:
        """When the media dialog is gone, media that takes one answer only needs a fresh
        offer for another.
        """
        policy = self.decide(Action.TAKE)
        self.begin(policy=policy, has_early_media=True, **SINGLE)
        self.with_early_media("a")
        self.receive(199, "a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(self.what(effects), "adopt, taken b, fresh offer")

    def test_the_offer_is_not_spent(self) -> None:
        """Media that can do more than one answer needs no fresh offer then."""
        for media in (REPLACING, FORKING):
            self.begin(policy=Own(), has_early_media=True, **media)
            self.with_early_media("a")
            self.receive(199, "a")
            effects = self.receive(200, "b", port=3000)[1]
            self.assertEqual(self.what(effects), "take, taken b, media b")

    def test_a_media_dialog_without_contact(self) -> None:
        """One that cannot be sent a BYE loses its media all the same, and is over."""
        policy = self.decide(Action.CANCEL_EXTRA, "a")
        self.begin(policy=policy, has_early_media=True)
        self.with_early_media("a", contact=None)
        effects = self.receive(180, "b")[1]
        self.assertIn(CloseMedia("a"), effects)
        self.assertEqual(self.set.branches["a"].state, "gone")

    def test_the_offer_is_free_again(self) -> None:
        """An answer that the media has refused has not spent our offer."""
        self.begin(policy=Own(), has_early_media=True, **SINGLE)
        self.receive(183, "a", port=2000)
        self.set.media_refused("a", "no codec")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(self.what(effects), "take, taken b, media b")

    def test_bounds(self) -> None:
        """Only so many extras have a session of their own, or are ended so."""
        policy = Own()
        self.begin(policy=policy, has_early_media=True, max_extras=2, **BOTH)
        self.with_early_media("a")
        for count, tag in enumerate("bcd"):
            policy.decisions = [Decision(Action.COLLECT, tag)]
            effects = self.receive(183, tag, port=3000 + count)[1]
            has_media = [e.branch for e in self.of_kind(effects, ApplyAnswer)]
            self.assertEqual(has_media, [tag] if count < 2 else [])
        # One that has its session keeps it, and is told of once.
        policy.decisions = [Decision(Action.COLLECT, "b")]
        effects = self.receive(183, "b", port=3000)[1]
        self.assertEqual(self.what(effects), "")

    def test_collected_sessions_close(self) -> None:
        """They do when another call stands."""
        how: dict[str, Any] = {"has_early_media": True, **BOTH}
        self.begin(policy=self.decide(Action.COLLECT), **how)
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        self.set.media_applied("b")
        self.receive(200, "a")
        self.assertEqual(self.set.branches["b"].media, "none")
        self.assertEqual(self.set.branches["a"].media, "applied")
