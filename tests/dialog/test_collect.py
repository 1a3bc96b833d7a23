"""The fork policy `collect`: a media session for every early dialog with an answer."""

from __future__ import annotations

from typing import Any

from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Establish,
    FailInvite,
    MoveMedia,
    ReplaceAnswer,
    Report,
    SendInDialog,
)
from sipuac.dialog.events import EarlyDialogEnded, EarlyMedia, Forked
from sipuac.dialog.fork_policy import Action, Collect, Decision, ExtraShowed
from sipuac.dialog.options import InviteOptions
from sipuac.errors import LocalProtocolError
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    NOT_ACCEPTABLE,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    bye,
    closed,
    forked,
    limited,
    peer_request,
    progress,
    stopped,
    taken,
    unlimited,
)
from tests.dialog.test_own_policy import Own


class CollectCase(DialogCase):
    """Phones "a" and "b" have early media, each its own."""

    def collect(self, **options: Any) -> None:
        """Begin with this policy."""
        self.begin(policy=Collect(), has_early_media=True, **options)

    def two(self, **options: Any) -> None:
        """The same, and phones "a" and "b" have early media."""
        self.collect(**options)
        self.with_early_media("a")
        self.with_early_media("b", port=3000)


class EarlyTests(CollectCase):
    """An extra early dialog: a media session each."""

    def test_a_session_each(self) -> None:
        """Each answer to the one offer gets a session of its own; nobody is ended, and
        each early media is told of apart from the others (3261-13.2.2.1-b).
        """
        self.collect()
        self.with_early_media("a")
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(
            effects,
            [*progress(said, "b"), forked("b", "collect", said), applied("b", 3000)],
        )
        runs = [Report(EarlyMedia("b"))]
        self.assertEqual(self.set.media_applied("b"), runs)

    def test_whether_or_not_the_media_can_replace_its_answer(self) -> None:
        """What counts is that it can fork its offer."""
        self.collect(can_replace_answer=False)
        self.with_early_media("a")
        effects = self.receive(183, "b", port=3000)[1]
        self.assertEqual(effects[-1], applied("b", 3000))

    def test_one_that_rings(self) -> None:
        """It is left alone until its answer comes."""
        self.collect()
        self.receive(180, "b")
        effects = self.receive(183, "a", port=2000)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(
            effects,
            [*progress(said, "b"), forked("b", "collect", said), applied("b", 3000)],
        )

    def test_the_same_answer_again(self) -> None:
        """One that is repeated opens nothing."""
        self.two()
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(effects, progress(said, "b"))

    def test_a_preview_and_its_answer(self) -> None:
        """With `answer="final"` each session gets the answer of its own dialog."""
        self.two(answer="final")
        effects = self.receive(183, "b", port=3500, rseq=1)[1]
        replaced = self.of_kind(effects, ReplaceAnswer)
        self.assertEqual(replaced, [ReplaceAnswer("b", answer(3500))])

    def test_an_extra_goes(self) -> None:
        """A 199 or BYE closes its session, and no other (6228-4-c, 6228-4-d)."""
        for end in ("199", "BYE"):
            self.two()
            if end == "199":
                effects = self.receive(199, "b")[1]
            else:
                effects = self.set.request_received(peer_request("BYE", "b"))
            self.assertEqual(
                effects[-2:], [closed("b"), Report(EarlyDialogEnded("b", end))]
            )
            said, effects = self.receive(200, "a")
            stands = Establish("a", answer(2000))
            self.assertEqual(effects, [*accepted(), ack("a"), *taken(said), stands])

    def test_the_first_goes(self) -> None:
        """The others keep theirs, and none is told of twice."""
        self.two()
        effects = self.receive(199, "a")[1]
        self.assertEqual(
            effects[-2:], [closed("a"), Report(EarlyDialogEnded("a", "199"))]
        )
        assert self.set.forks.media is not None
        self.assertEqual(self.set.forks.media.tag, "b")
        effects = self.receive(183, "c", port=4000)[1]
        self.assertEqual(effects[-1], applied("c", 4000))

    def test_the_media_refuses_one(self) -> None:
        """BYE that dialog; the others go on."""
        self.collect()
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        effects = self.set.media_refused("b", "no codec")
        self.assertEqual(effects[0], closed("b"))
        self.assertEqual(effects[-1], bye("b", 1, NOT_ACCEPTABLE))
        self.assertEqual(self.of_kind(effects, FailInvite), [])
        effects = self.receive(200, "a")[1]
        self.assertEqual(effects[-1], Establish("a", answer(2000)))

    def test_the_bound(self) -> None:
        """Beside the first one, `max_extras` dialogs get a session; the others are left
        alone, and still can win.
        """
        self.two(max_extras=1)
        said, effects = self.receive(183, "c", port=4000)
        self.assertEqual(effects, [*progress(said, "c"), forked("c", "leave", said)])
        effects = self.receive(200, "c")[1]
        self.assertEqual(effects[-2:], [applied("c", 4000), limited("c")])
        effects = self.set.media_applied("c")
        closing = [closed("a"), closed("b")]
        stands = [unlimited("c"), Establish("c", answer(4000))]
        self.assertEqual(effects, [*stands, *closing])


class AnsweredTests(CollectCase):
    """The first 2xx wins, the others' media closes; a later one gets ACK and BYE."""

    def test_an_extra_wins(self) -> None:
        """Its media runs already: the call stands at once, and no other has media."""
        self.two()
        said, effects = self.receive(200, "b")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "take", said),
                *taken(said, "b"),
                Establish("b", answer(3000)),
                closed("a"),
            ],
        )

    def test_the_first_wins(self) -> None:
        """The same where it is the one whose media ran first."""
        self.two()
        said, effects = self.receive(200, "a")
        stands = [Establish("a", answer(2000)), closed("b")]
        self.assertEqual(effects, [*accepted(), ack("a"), *taken(said), *stands])

    def test_its_media_still_works(self) -> None:
        """The others' media closes when the call stands, not before."""
        self.collect()
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        effects = self.receive(200, "b")[1]
        self.assertEqual(self.of_kind(effects, CloseMedia), [])
        stands = [unlimited("b"), Establish("b", answer(3000)), closed("a")]
        self.assertEqual(self.set.media_applied("b"), stands)

    def test_one_that_only_rang_wins(self) -> None:
        """It gets a session of its own; that of another one is not moved."""
        self.collect()
        self.with_early_media("a")
        self.receive(180, "b")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(self.of_kind(effects, MoveMedia), [])
        self.assertEqual(effects[-2:], [applied("b", 3000), limited("b")])
        stands = [unlimited("b"), Establish("b", answer(3000)), closed("a")]
        self.assertEqual(self.set.media_applied("b"), stands)

    def test_its_media_refuses(self) -> None:
        """The others have kept theirs, and one of them may still win."""
        self.collect()
        self.with_early_media("a")
        self.receive(200, "b", port=3000)
        effects = self.set.media_refused("b", "no codec")
        self.assertEqual(effects[:2], stopped("b"))
        self.assertEqual(self.of_kind(effects, FailInvite), [])
        effects = self.receive(200, "a")[1]
        self.assertEqual(effects[-1], Establish("a", answer(2000)))

    def test_after_one_was_taken(self) -> None:
        """ACK, BYE."""
        self.two()
        self.receive(200, "b")
        said, effects = self.receive(200, "a")
        release = forked("a", "release", said)
        self.assertEqual(effects, [ack("a"), release, bye("a", 1, ANOTHER_HAS_CALL)])

    def test_giving_up(self) -> None:
        """Hanging up closes every session."""
        self.two()
        effects = self.set.hang_up()
        self.assertEqual(
            [e for e in effects if isinstance(e, CloseMedia)],
            [closed("a"), closed("b")],
        )


class PolicyTests(CollectCase):
    """The action by itself, and what cannot be."""

    def test_what_it_needs(self) -> None:
        """Early media, an offer in the INVITE, and media that can fork it."""
        cases: list[dict[str, Any]] = [
            {"has_early_media": False},
            {"can_fork_offer": False},
            {"has_early_media": False, "is_offerless": True},
        ]
        for case in cases:
            options = {"policy": Collect(), "has_early_media": True, **case}
            with self.assertRaises(LocalProtocolError, msg=str(case)):
                InviteOptions(**options).check()

    def test_where_it_cannot_be_done(self) -> None:
        """Without the ability, without early media or without an answer the dialog is
        left alone.
        """
        policy = Own([Decision(Action.COLLECT, "b")])
        cases: list[tuple[dict[str, Any], int | None]] = [
            ({"has_early_media": True, "can_fork_offer": False}, 3000),
            ({"has_early_media": False}, 3000),
            ({"has_early_media": True}, None),
        ]
        for options, port in cases:
            self.begin(policy=policy, **options)
            self.receive(183, "a", port=2000)
            effects = self.receive(183, "b", port=port)[1]
            self.assertEqual(self.of_kind(effects, ApplyAnswer), [])
            (event,) = self.events(effects, Forked)
            assert isinstance(event, Forked)
            self.assertEqual(event.action, "leave")

    def test_a_move_to_one_that_has_a_session(self) -> None:
        """It keeps its own, and that of the media dialog closes."""
        policy = Own([Decision(Action.COLLECT, "b")])
        self.begin(policy=policy, has_early_media=True)
        self.with_early_media("a")
        self.with_early_media("b", port=3000)
        policy.decisions = [Decision(Action.MOVE_MEDIA, "c")]
        effects = self.receive(183, "c", port=4000)[1]
        self.assertEqual(effects[-1], MoveMedia("a", "c", answer(4000)))
        self.set.media_applied("c")
        policy.decisions = [Decision(Action.TAKE, "b")]
        effects = self.receive(200, "b")[1]
        stands = [closed("c"), Establish("b", answer(3000))]
        self.assertEqual(effects[-2:], stands)

    def test_it_is_asked_about_each(self) -> None:
        """One that showed before the media dialog was chosen is asked about too."""
        policy = Own([Decision(Action.COLLECT, "b")])
        self.begin(policy=policy, has_early_media=True)
        self.receive(180, "b")
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        asked = [type(event) for event, _ in policy.asked]
        self.assertEqual(asked, [ExtraShowed, ExtraShowed])
