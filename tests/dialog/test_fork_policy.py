"""What the policies that come with the package decide, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.fork_policy import (
    POLICIES,
    Action,
    AnsweredLater,
    BranchView,
    Decision,
    DialogSetView,
    ExtraAnswered,
    ExtraShowed,
)
from sipuac.dialog.options import InviteOptions
from sipuac.errors import LocalProtocolError

LEAVE, TAKE, RELEASE = Action.LEAVE, Action.TAKE, Action.RELEASE
CANCEL, FAIL = Action.CANCEL_EXTRA, Action.FAIL


@dataclass(frozen=True)
class Media:
    """What the media can do, and whether a dialog has it."""

    can_replace: bool = False
    can_fork: bool = False
    tag: str | None = "media"


SINGLE = Media()
REPLACING = Media(can_replace=True)
FORKING = Media(can_fork=True)
FREE = Media(tag=None)


def _view(media: Media, extra_ringing: str = "end") -> DialogSetView:
    extra = BranchView("extra", False, True, False)
    return DialogSetView(
        (extra,), media.tag, True, media.can_replace, media.can_fork, extra_ringing
    )


class DecisionTests(SynchronousTestCase):
    """Each event, with each kind of media."""

    def decided(
        self,
        name: str,
        event: type[ExtraShowed | ExtraAnswered | AnsweredLater],
        media: Media = SINGLE,
        *,
        has_answer: bool = True,
        extra_ringing: str = "end",
    ) -> list[tuple[Action, str]]:
        """What this policy does about the extra, and about whom else."""
        is_early = event is ExtraShowed
        branch = BranchView("extra", has_answer, is_early, False)
        view = _view(media, extra_ringing)
        decisions = POLICIES[name].decide(event(branch), view)
        for decision in decisions:
            self.assertIsInstance(decision, Decision)
        return [(decision.action, decision.to_tag) for decision in decisions]

    def test_an_extra_with_an_answer(self) -> None:
        """It is ended, left, followed or collected, or it ends everything."""
        for name, action in (
            ("first-answer", LEAVE),
            ("keep-all", LEAVE),
            ("cancel-extras", CANCEL),
            ("adopt", CANCEL),
            ("follow", Action.MOVE_MEDIA),
            ("collect", Action.COLLECT),
            ("fail", FAIL),
        ):
            self.assertEqual(self.decided(name, ExtraShowed), [(action, "extra")])

    def test_an_extra_that_only_rings(self) -> None:
        """It has nothing for the media; `cancel-extras` and `fail` end it unless they
        are told to leave it alone.
        """
        for name, ended, kept in (
            ("first-answer", LEAVE, LEAVE),
            ("keep-all", LEAVE, LEAVE),
            ("cancel-extras", CANCEL, LEAVE),
            ("adopt", LEAVE, LEAVE),
            ("follow", LEAVE, LEAVE),
            ("collect", LEAVE, LEAVE),
            ("fail", FAIL, LEAVE),
        ):
            for extra_ringing, action in (("end", ended), ("keep", kept)):
                decided = self.decided(
                    name, ExtraShowed, has_answer=False, extra_ringing=extra_ringing
                )
                self.assertEqual(decided, [(action, "extra")], (name, extra_ringing))

    def test_an_extra_with_an_answer_is_no_ringing_one(self) -> None:
        """One that competes for the media is ended, whatever `extra_ringing` says."""
        for name, action in (("cancel-extras", CANCEL), ("fail", FAIL)):
            decided = self.decided(name, ExtraShowed, extra_ringing="keep")
            self.assertEqual(decided, [(action, "extra")])

    def test_the_2xx_of_an_extra(self) -> None:
        """The call is taken there where the media can go with it; `adopt` saves it in
        any case. The old media dialog is the extra then.
        """
        take, release = (TAKE, "extra"), (RELEASE, "extra")
        old = (CANCEL, "media")
        for name, media, decisions in (
            ("first-answer", SINGLE, [release]),
            ("first-answer", REPLACING, [take]),
            ("first-answer", FREE, [take]),
            ("keep-all", FORKING, [take]),
            ("cancel-extras", SINGLE, [release]),
            ("cancel-extras", FORKING, [release]),
            ("cancel-extras", REPLACING, [take, old]),
            ("cancel-extras", FREE, [take]),
            ("adopt", SINGLE, [(Action.ADOPT, "extra"), old]),
            ("adopt", REPLACING, [take, old]),
            ("adopt", FORKING, [take, old]),
            ("adopt", FREE, [take]),
            ("follow", REPLACING, [take]),
            ("collect", FORKING, [take]),
            ("fail", SINGLE, [(FAIL, "extra")]),
        ):
            decided = self.decided(name, ExtraAnswered, media)
            self.assertEqual(decided, decisions, (name, media))

    def test_a_2xx_after_one_was_taken(self) -> None:
        """It is acknowledged and ended; `keep-all` keeps it."""
        for name in POLICIES:
            action = Action.KEEP if name == "keep-all" else RELEASE
            for media in (SINGLE, REPLACING, FORKING, FREE):
                decided = self.decided(name, AnsweredLater, media)
                self.assertEqual(decided, [(action, "extra")], (name, media))


class NeedsTests(SynchronousTestCase):
    """What cannot be is refused before anything is sent."""

    def is_possible(self, name: str, **options: Any) -> bool:
        """Whether a call with this policy and these options can be asked for."""
        try:
            InviteOptions(policy=POLICIES[name], **options).check()
        except LocalProtocolError:
            return False
        return True

    def test_names(self) -> None:
        """The command line and the HTTP API know them by these names."""
        names = "first-answer keep-all cancel-extras adopt follow collect fail".split()
        self.assertEqual(list(POLICIES), names)

    def test_early_media(self) -> None:
        """What is about the media of extras has no meaning without early media."""
        for name in POLICIES:
            needs = name not in ("first-answer", "keep-all")
            self.assertEqual(self.is_possible(name, has_early_media=False), not needs)
            self.assertTrue(self.is_possible(name, has_early_media=True))

    def test_offerless(self) -> None:
        """Without an offer of ours there is none that could be forked."""
        possible = [n for n in POLICIES if self.is_possible(n, is_offerless=True)]
        self.assertEqual(possible, ["first-answer"])

    def test_media(self) -> None:
        """`follow` needs an answer that can be replaced, `collect` and `keep-all` an
        offer that can be forked.
        """
        for name in POLICIES:
            can = self.is_possible(name, has_early_media=True, can_replace_answer=False)
            self.assertEqual(can, name != "follow")
            can = self.is_possible(name, has_early_media=True, can_fork_offer=False)
            self.assertEqual(can, name not in ("collect", "keep-all"))
