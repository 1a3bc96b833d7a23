"""What each fork policy does about extras: the table of the policies, row by row."""

from __future__ import annotations

from typing import Any

from sipuac.dialog.effects import (
    CloseMedia,
    Effect,
    EndSession,
    Establish,
    FailInvite,
    MoveMedia,
    Report,
    Resolved,
    SendCancel,
    SendInDialog,
    Take,
)
from sipuac.dialog.events import (
    Answered,
    EarlyDialogEnded,
    EarlyMedia,
    Forked,
    MediaMoved,
    ProtocolWarning,
)
from sipuac.dialog.fork_policy import (
    FailOnFork,
    FirstAnswer,
    Follow,
    KeepAll,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import CallFailed, InviteForked
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    ANOTHER_HAS_MEDIA,
    LINGER,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    because,
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


class FirstAnswerTests(DialogCase):
    """`first-answer`: left alone; taken; ACK, BYE."""

    def test_an_extra_early_dialog(self) -> None:
        """It is left alone, and reported with Contact, Record-Route and Server, so that
        one can tell who forked (3261-12.1-a, 3261-13.2.2.1-b, 6337-2.2-a).
        """
        dialogs = self.begin()
        self.receive(180, "a")
        who = {"routes": ["<sip:p.example;lr>"], "headers": [("Server", "Phone/1")]}
        said, effects = self.receive(183, "b", port=3000, **who)
        event = Forked(
            "b", "leave", "<sip:b@b.example>", "<sip:p.example;lr>", "Phone/1"
        )
        self.assertEqual(effects, [*progress(said, "b"), Report(event)])
        self.receive(183, "a", port=2000)
        answers = [branch.remote for branch in dialogs.branches.values()]
        self.assertEqual(answers, [answer(2000), answer(3000)])

    def test_its_2xx(self) -> None:
        """It is taken, with the answer of its own dialog (6337-2.2-a)."""
        self.begin()
        self.receive(183, "a", port=2000)
        self.receive(183, "b", port=3000)
        said, effects = self.receive(200, "b")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                *taken(said, "b"),
                applied("b", 3000),
                limited("b"),
            ],
        )

    def test_a_2xx_out_of_nowhere(self) -> None:
        """A 2xx of a dialog that never rang is taken, and reported as a fork
        (3261-13.2.2.4-h).
        """
        self.begin()
        self.receive(180, "a")
        said, effects = self.receive(200, "b", port=3000)
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "take", said),
                *taken(said, "b"),
                applied("b", 3000),
                limited("b"),
            ],
        )

    def test_with_early_media(self) -> None:
        """With early media too the extra is left alone; media moves with the call."""
        self.begin(policy=FirstAnswer(), has_early_media=True)
        self.with_early_media("a")
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(effects, [*progress(said, "b"), forked("b", "leave", said)])
        said, effects = self.receive(200, "b")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "take", said),
                *taken(said, "b"),
                MoveMedia("a", "b", answer(3000)),
                limited("b"),
            ],
        )
        moved = Report(MediaMoved("b", "a"))
        stands = Establish("b", answer(3000))
        self.assertEqual(self.set.media_applied("b"), [unlimited("b"), moved, stands])


class KeepAllTests(DialogCase):
    """`keep-all`: left alone; taken; ACK, a session of its own."""

    def two_calls(self, **how: Any) -> list[Effect]:
        """Phones "a" and "b" have a call each; "b" has no media yet."""
        self.begin(policy=KeepAll(), **how)
        self.answered("a")
        return self.receive(200, "b", port=3000)[1]

    def test_a_session_of_its_own(self) -> None:
        """A later 2xx is a session of its own."""
        effects = self.two_calls()
        self.assertEqual(
            [e for e in effects if not isinstance(e, Report | Take)],
            [ack("b"), applied("b", 3000), limited("b")],
        )
        self.assertEqual(self.events(effects, Answered), [Answered(200, "b")])
        self.assertEqual(
            self.events(effects, Forked), [Forked("b", "keep", "<sip:b@b.example>")]
        )
        stands = [unlimited("b"), Establish("b", answer(3000))]
        self.assertEqual(self.set.media_applied("b"), stands)

    def test_each_ends_by_itself(self) -> None:
        """The end of one is not the end of the other."""
        self.two_calls()
        self.set.media_applied("b")
        self.assertEqual(self.set.end_branch("a"), [closed("a"), bye("a", 1)])
        self.assertEqual(self.answer_request(1, 200), [EndSession("a", "local")])
        said = peer_request("BYE", "b")
        effects = self.set.request_received(said)
        over = [closed("b"), EndSession("b", "remote"), Resolved()]
        self.assertEqual(effects[1:], over)

    def test_hanging_up_ends_all(self) -> None:
        """Hanging up ends every call, and no later 2xx becomes one."""
        self.two_calls()
        self.set.media_applied("b")
        effects = self.set.hang_up()
        self.assertEqual(effects, [closed("a"), bye("a", 1), closed("b"), bye("b", 2)])
        effects = self.receive(200, "c", port=4000)[1]
        self.assertEqual(self.of_kind(effects, Take), [])
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)

    def test_the_first_fails(self) -> None:
        """When the first call comes to nothing the second one goes on."""
        for end in ("refused", "BYE", "hung up"):
            self.begin(policy=KeepAll())
            self.receive(200, "a", port=2000)
            self.receive(200, "b", port=3000)
            if end == "refused":
                effects = self.set.media_refused("a", "no")
            elif end == "BYE":
                effects = self.set.request_received(peer_request("BYE", "a"))
            else:
                effects = self.set.end_branch("a")
            self.assertEqual(self.of_kind(effects, FailInvite), [])
            self.assertEqual(self.of_kind(effects, CloseMedia), [closed("a")])
            stands = [unlimited("b"), Establish("b", answer(3000))]
            self.assertEqual(self.set.media_applied("b"), stands)
            self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_the_second_fails(self) -> None:
        """When the second comes to nothing the first one stands."""
        self.two_calls()
        effects = self.set.media_refused("b", "no")
        self.assertEqual(self.of_kind(effects, FailInvite), [])
        self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_one_has_stood(self) -> None:
        """An attempt of which a call stood has not failed, whatever follows."""
        for end in ("refused", "BYE", "hung up"):
            self.begin(policy=KeepAll())
            self.receive(200, "a", port=2000)
            self.receive(200, "b", port=3000)
            self.set.media_applied("b")
            self.set.end_branch("b")
            if end == "refused":
                effects = self.set.media_refused("a", "no")
            elif end == "BYE":
                effects = self.set.request_received(peer_request("BYE", "a"))
            else:
                effects = self.set.hang_up()
            self.assertEqual(self.of_kind(effects, FailInvite), [])
            self.assertIn(closed("a"), effects)

    def test_both_fail(self) -> None:
        """The attempt fails with the last one."""
        self.begin(policy=KeepAll())
        self.receive(200, "a", port=2000)
        self.receive(200, "b", port=3000)
        self.set.request_received(peer_request("BYE", "a"))
        effects = self.set.request_received(peer_request("BYE", "b"))
        error = self.failure(effects)
        self.assertIs(type(error), CallFailed)

    def test_media_that_forks_but_cannot_replace(self) -> None:
        """With early media the winner gets a session of its own, whether or not the
        media could replace its answer; the other's closes when the call stands.
        """
        for can_replace in (False, True):
            how = {"has_early_media": True, "can_replace_answer": can_replace}
            self.begin(policy=KeepAll(), **how)
            self.with_early_media("a")
            said, effects = self.receive(200, "b", port=3000)
            self.assertEqual(effects[3], forked("b", "take", said))
            starts = [applied("b", 3000), limited("b")]
            self.assertEqual(effects[4:], [*taken(said, "b"), *starts])
            stands = [unlimited("b"), Establish("b", answer(3000)), closed("a")]
            self.assertEqual(self.set.media_applied("b"), stands)
            effects = self.receive(200, "a")[1]
            self.assertEqual(effects[-2:], [applied("a", 2000), limited("a")])


class CancelExtrasTests(DialogCase):
    """`cancel-extras`: BYE with Reason; the call moves where it can; ACK, BYE."""

    def test_an_extra_answers_first(self) -> None:
        """Where the media can replace its answer the call is taken there, and the old
        media dialog is the extra now: BYE.
        """
        self.early_media(extra_ringing="keep")
        self.receive(180, "b")
        self.with_early_media("a")
        said, effects = self.receive(200, "b", port=3000)
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "take", said),
                *taken(said, "b"),
                MoveMedia("a", "b", answer(3000)),
                limited("b"),
                forked("a", "cancel-extra"),
                bye("a", 1, ANOTHER_HAS_MEDIA),
            ],
        )
        moved = Report(MediaMoved("b", "a"))
        stands = Establish("b", answer(3000))
        self.assertEqual(self.set.media_applied("b"), [unlimited("b"), moved, stands])

    def test_the_old_media_still_works(self) -> None:
        """The media may move before it has its first answer; the old result is void."""
        self.early_media()
        self.receive(183, "a", port=2000)
        self.receive(200, "b", port=3000)
        self.assertEqual(self.set.media_applied("a"), [])
        effects = self.set.media_applied("b")
        self.assertEqual(effects[-1], Establish("b", answer(3000)))

    def test_the_media_refuses_the_move(self) -> None:
        """BYE there, and as nobody else can win the attempt has failed."""
        self.early_media()
        self.with_early_media("a")
        self.receive(200, "b", port=3000)
        effects = self.set.media_refused("b", "no")
        self.assertEqual(
            effects[:3],
            [*stopped("b"), bye("b", 2, because(488, "Not acceptable here"))],
        )
        self.assertEqual(len(self.of_kind(effects, FailInvite)), 1)

    def test_after_one_was_taken(self) -> None:
        """A later 2xx: ACK, BYE."""
        self.early_media()
        self.with_early_media("a")
        self.receive(200, "a")
        said, effects = self.receive(200, "b", port=3000)
        release = forked("b", "release", said)
        self.assertEqual(effects, [ack("b"), release, bye("b", 1, ANOTHER_HAS_CALL)])


class FollowTests(DialogCase):
    """`follow`: the media moves to the newest answer, and the call with it."""

    def follow(self) -> None:
        """Early media with "a", then with "b"."""
        self.begin(policy=Follow(), has_early_media=True)
        self.with_early_media("a")
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(
            effects,
            [
                *progress(said, "b"),
                forked("b", "move-media", said),
                MoveMedia("a", "b", answer(3000)),
            ],
        )
        moved = [Report(MediaMoved("b", "a"))]
        self.assertEqual(self.set.media_applied("b"), moved)

    def test_the_newest_answer(self) -> None:
        """A new answer has the media; ringing alone and a repeated one have not."""
        self.follow()
        said, effects = self.receive(180, "c")
        self.assertEqual(effects, [*progress(said, "c"), forked("c", "leave", said)])
        said, effects = self.receive(183, "a", port=2000)
        self.assertEqual(effects, progress(said))
        effects = self.receive(183, "c", port=4000)[1]
        self.assertEqual(effects[-1], MoveMedia("b", "c", answer(4000)))

    def test_a_2xx(self) -> None:
        """The media moves there, the call is taken."""
        self.follow()
        said, effects = self.receive(200, "a")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("a"),
                forked("a", "take", said),
                *taken(said),
                MoveMedia("b", "a", answer(2000)),
                limited("a"),
            ],
        )
        said, effects = self.receive(200, "b", port=3000)
        release = forked("b", "release", said)
        self.assertEqual(effects, [ack("b"), release, bye("b", 1, ANOTHER_HAS_CALL)])

    def test_the_newest_is_lost(self) -> None:
        """The newest of those that are left has the media, and it stays there."""
        self.follow()
        self.receive(183, "c", port=4000)
        self.set.media_applied("c")
        said, effects = self.receive(199, "c")
        self.assertEqual(
            effects,
            [
                *progress(said, "c"),
                closed("c"),
                Report(EarlyDialogEnded("c", "199")),
                applied("b", 3000),
                forked("a", "leave"),
            ],
        )
        self.assertEqual(self.set.media_applied("b"), [Report(EarlyMedia("b"))])

    def test_the_move_is_refused(self) -> None:
        """BYE that dialog; the one before has the media again."""
        self.begin(policy=Follow(), has_early_media=True)
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        effects = self.set.media_refused("b", "no")
        self.assertEqual(effects[0], closed("b"))
        self.assertEqual(effects[-1], applied("a", 2000))


class FailTests(DialogCase):
    """`fail`: CANCEL, end everything, InviteForked."""

    def test_an_extra_early_dialog(self) -> None:
        """CANCEL with Reason, everything ends."""
        self.begin(policy=FailOnFork(), has_early_media=True)
        self.receive(180, "b")
        said, effects = self.receive(183, "a", port=2000)
        reason = because(487, "The request has forked")
        self.assertEqual(
            [e for e in effects if not isinstance(e, Report)],
            [
                progress(said)[1],
                applied("a", 2000),
                closed("a"),
                StopTimer(DialogTimer.ANSWER),
                SendCancel((reason,)),
                StartTimer(DialogTimer.CANCEL, LINGER),
            ],
        )
        effects = self.receive(487)[1]
        error = self.failure(effects)
        self.assertIsInstance(error, InviteForked)

    def test_it_is_held_first(self) -> None:
        """Serial hunting looks like a fork here too: only a media dialog that lives
        makes it one.
        """
        self.begin(policy=FailOnFork(), has_early_media=True)
        self.with_early_media("a")
        effects = self.receive(180, "b")[1]
        self.assertEqual(self.of_kind(effects, SendCancel), [])
        effects = self.answer_request(1, 200)
        self.assertEqual(len(self.of_kind(effects, SendCancel)), 1)

    def test_a_2xx_of_an_extra(self) -> None:
        """ACK, BYE, InviteForked at once, and BYE on what still rings."""
        self.begin(policy=FailOnFork(), has_early_media=True)
        self.with_early_media("a")
        said, effects = self.receive(200, "b", port=3000)
        failure = effects.pop()
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "fail", said),
                bye("b", 1, because(487, "The request was not to fork")),
                closed("a"),
                bye("a", 2, because(487, "The call has failed")),
            ],
        )
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, InviteForked)

    def test_after_one_was_taken(self) -> None:
        """A later 2xx: ACK, BYE; the call goes on."""
        self.begin(policy=FailOnFork(), has_early_media=True)
        self.answered("a")
        said, effects = self.receive(200, "b", port=3000)
        release = forked("b", "release", said)
        self.assertEqual(effects, [ack("b"), release, bye("b", 1, ANOTHER_HAS_CALL)])
