"""CANCEL, hanging up in every phase, and the answer timeout."""

from __future__ import annotations

from sipuac.dialog.attempt import Phase
from sipuac.dialog.effects import (
    AbandonInvite,
    EndSession,
    Establish,
    FailInvite,
    Report,
    Resolved,
    SendCancel,
    SendInDialog,
)
from sipuac.dialog.events import (
    Cancelling,
    EarlyDialogEnded,
    EarlyMedia,
    ExtraEnded,
    Forked,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import AnswerTimeout, Cancelled, TransactionTimeout
from tests.dialog.messages import (
    ENDED_BY_CALLER,
    HUNG_UP,
    LINGER,
    NOT_WANTED,
    DialogCase,
    ack,
    answer,
    because,
    bye,
    closed,
    peer_request,
    progress,
    stopped,
    unlimited,
)

CANCEL = SendCancel((because(487, "Cancelled by the caller"),))
CANCEL_FOR_TIMEOUT = SendCancel((because(408, "Nobody has answered in time"),))
WAIT = StartTimer(DialogTimer.CANCEL, LINGER)
CANCELLING = Report(Cancelling("cancelled by the caller"))


class CancelTests(DialogCase):
    """Hanging up before any final response."""

    def test_before_a_provisional_response(self) -> None:
        """CANCEL is not sent before a provisional response has come: it is held and
        sent at the first one (3261-9.1-e).
        """
        for status in (100, 180, 199):
            dialogs = self.begin()
            effects = dialogs.hang_up()
            self.assertEqual(effects, [CANCELLING, StopTimer(DialogTimer.ANSWER)])
            self.assertEqual(dialogs.session.state, SessionState.TERMINATING)
            effects = self.receive(status)[1]
            self.assertIn(CANCEL, effects)
            self.assertIn(WAIT, effects)
            self.assertNotIn(CANCEL, self.receive(180)[1])

    def test_after_a_provisional_response(self) -> None:
        """Then it is sent at once, with Reason (3326-2-a, 3326-2-b)."""
        dialogs = self.begin()
        self.receive(180)
        self.assertEqual(
            dialogs.hang_up(),
            [CANCELLING, StopTimer(DialogTimer.ANSWER), CANCEL, WAIT],
        )

    def test_only_one(self) -> None:
        """One CANCEL for the one INVITE, however many early dialogs it made and however
        often it is asked for (3261-9.1-k).
        """
        dialogs = self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        first = dialogs.hang_up()
        self.assertEqual(self.of_kind(first, SendCancel), [CANCEL])
        self.assertEqual(self.of_kind(first, SendInDialog), [])
        self.assertEqual(dialogs.hang_up(), [])
        said, effects = self.receive(180, "c")
        self.assertEqual(effects, progress(said, "c"))

    def test_the_487_ends_it(self) -> None:
        """What answers the CANCEL ends nothing; the 487 to the INVITE ends every early
        dialog, and it is Cancelled (3261-9.1-h, 3261-9.1-k).
        """
        dialogs = self.begin()
        self.receive(180)
        dialogs.hang_up()
        said, effects = self.receive(487)
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        self.assertEqual(
            effects,
            [
                StopTimer(DialogTimer.CANCEL),
                Report(EarlyDialogEnded("a", "final")),
                StartTimer(DialogTimer.LINGER, LINGER),
                FailInvite(error, said),
                Resolved(),
            ],
        )
        self.assertIs(getattr(error, "response", None), said)

    def test_any_final_response_ends_it(self) -> None:
        """A 486 that crosses the CANCEL ends it as well; no CANCEL after that
        (3261-9.1-f).
        """
        dialogs = self.begin()
        dialogs.hang_up()
        effects = self.receive(486)[1]
        self.assertIsInstance(self.failure(effects), Cancelled)
        self.assertEqual(self.of_kind(effects, SendCancel), [])
        self.assertEqual(dialogs.hang_up(), [])

    def test_provisional_responses_after_it(self) -> None:
        """Between CANCEL and the final response provisional ones are handled on: new
        early dialogs are made, but no media starts (3261-9.1-l).
        """
        dialogs = self.early_media()
        self.receive(180, "a")
        dialogs.hang_up()
        said, effects = self.receive(183, "b", port=2000)
        self.assertEqual(effects, progress(said, "b"))
        self.assertTrue(dialogs.branches["b"].is_early)

    def test_media_stops_at_once(self) -> None:
        """The media is closed when the caller gives up, not when the callee agrees."""
        dialogs = self.early_media()
        self.with_early_media("a")
        effects = dialogs.hang_up()
        self.assertEqual(
            effects,
            [closed("a"), CANCELLING, StopTimer(DialogTimer.ANSWER), CANCEL, WAIT],
        )

    def test_a_2xx_wins_the_race(self) -> None:
        """When a 2xx wins the race against CANCEL it is acknowledged and ended by BYE
        (3261-9.1-j).
        """
        dialogs = self.begin()
        self.receive(180)
        dialogs.hang_up()
        effects = self.receive(200, port=2000)[1]
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        self.assertEqual(
            effects,
            [
                StopTimer(DialogTimer.CANCEL),
                StartTimer(DialogTimer.LINGER, LINGER),
                ack(),
                bye("a", 1, NOT_WANTED),
                FailInvite(error),
            ],
        )
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects, [ack("b"), bye("b", 2, NOT_WANTED)])

    def test_a_2xx_without_any_1xx(self) -> None:
        """The CANCEL that waited is never sent after a 2xx (3261-9.1-f)."""
        dialogs = self.begin()
        dialogs.hang_up()
        effects = self.receive(200, port=2000)[1]
        self.assertEqual(self.of_kind(effects, SendCancel), [])
        self.assertIn(bye("a", 1, NOT_WANTED), effects)
        self.assertEqual(dialogs.hang_up(), [])

    def test_no_final_response(self) -> None:
        """When no final response comes within 64*T1 of the CANCEL the INVITE counts as
        cancelled (3261-9.1-i).
        """
        dialogs = self.begin()
        self.receive(180)
        dialogs.hang_up()
        effects = dialogs.fire(DialogTimer.CANCEL)
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        self.assertEqual(
            effects,
            [
                AbandonInvite(),
                Report(EarlyDialogEnded("a", "timeout")),
                StartTimer(DialogTimer.LINGER, LINGER),
                FailInvite(error),
                Resolved(),
            ],
        )
        late = self.receive(200, port=2000)[1]
        lingering = StartTimer(DialogTimer.LINGER, LINGER)
        self.assertEqual(late, [lingering, ack(), bye("a", 1, NOT_WANTED)])

    def test_nobody_ever_answered(self) -> None:
        """Without any response timer B ends it, and it was cancelled all the same."""
        dialogs = self.begin()
        dialogs.hang_up()
        effects = dialogs.failed(TransactionTimeout("timer B"))
        self.assertIsInstance(self.failure(effects), Cancelled)


class AnswerTimeoutTests(DialogCase):
    """Our own patience."""

    def test_it_cancels(self) -> None:
        """When nobody answers in time: CANCEL, with Reason 408, then AnswerTimeout."""
        dialogs = self.begin(answer_timeout=20.0)
        self.receive(100, None)
        message = "nobody answered within 20 s"
        self.assertEqual(
            dialogs.fire(DialogTimer.ANSWER),
            [Report(Cancelling(message)), CANCEL_FOR_TIMEOUT, WAIT],
        )
        error = self.failure(self.receive(487)[1])
        self.assertIsInstance(error, AnswerTimeout)
        self.assertEqual(str(error), message)

    def test_it_does_not_cancel_a_call(self) -> None:
        """A 2xx stops it, and it means nothing after that."""
        dialogs = self.begin()
        self.answered()
        self.assertEqual(dialogs.fire(DialogTimer.ANSWER), [])

    def test_it_comes_after_a_cancel(self) -> None:
        """Once the caller has given up it means nothing."""
        dialogs = self.begin()
        self.receive(180)
        dialogs.hang_up()
        self.assertEqual(dialogs.fire(DialogTimer.ANSWER), [])


class HangUpTests(DialogCase):
    """Hanging up after a 2xx: BYE, never CANCEL."""

    def test_an_established_call(self) -> None:
        """The media stops as BYE goes out; its answer ends the call (3261-15.1.1-a)."""
        for status in (200, 481, 408, 500):
            dialogs = self.begin()
            self.answered()
            self.assertEqual(dialogs.hang_up(), [closed("a"), bye("a", 1)])
            self.assertEqual(dialogs.session.state, SessionState.TERMINATING)
            effects = self.answer_request(1, status)
            self.assertEqual(effects, [EndSession("a", "local"), Resolved()])
            self.assertEqual(dialogs.session.state, SessionState.TERMINATED)
            self.assertEqual(dialogs.hang_up(), [])

    def test_no_answer_to_bye(self) -> None:
        """Session and dialog are ended by a timeout of BYE too (3261-15.1.1-b)."""
        dialogs = self.begin()
        self.answered()
        dialogs.hang_up()
        effects = dialogs.request_finished(1, TransactionTimeout("timer F"))
        self.assertEqual(effects, [EndSession("a", "local"), Resolved()])

    def test_while_the_media_works(self) -> None:
        """`cancel()` becomes BYE after the ACK, and the call is Cancelled."""
        dialogs = self.begin()
        self.receive(200, port=2000)
        effects = dialogs.hang_up()
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        self.assertEqual(effects, [*stopped("a"), bye("a", 1), FailInvite(error)])
        self.assertEqual(self.answer_request(1, 200), [Resolved()])

    def test_other_early_dialogs_get_bye_too(self) -> None:
        """BYE on the call and on every other early dialog; ACK and BYE for late 2xx."""
        dialogs = self.begin()
        self.receive(180, "b")
        self.answered("a")
        self.assertEqual(
            dialogs.hang_up(), [closed("a"), bye("a", 1), bye("b", 2, HUNG_UP)]
        )
        effects = self.receive(200, "c", port=3000)[1]
        self.assertEqual(effects, [ack("c"), bye("c", 3, NOT_WANTED)])
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects, [ack("b"), bye("b", 4, NOT_WANTED, 3)])

    def test_while_another_may_win(self) -> None:
        """In the grace after a 2xx that was no call: BYE on what still rings."""
        dialogs = self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        self.receive(200, "a")
        effects = dialogs.hang_up()
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        failed = because(487, "The call has failed")
        self.assertEqual(
            effects,
            [
                StopTimer(DialogTimer.GRACE),
                bye("b", 2, failed),
                FailInvite(error),
            ],
        )

    def test_after_a_failure(self) -> None:
        """There is nothing to end."""
        dialogs = self.begin()
        self.receive(486)
        self.assertEqual(dialogs.hang_up(), [])

    def test_after_the_callee_hung_up(self) -> None:
        """Only what still rings is ended."""
        dialogs = self.begin()
        self.receive(180, "b")
        self.answered("a")
        dialogs.request_received(peer_request("BYE"))
        self.assertEqual(dialogs.hang_up(), [bye("b", 1, HUNG_UP)])


class EndBranchTests(DialogCase):
    """BYE on one dialog, as the application asks."""

    def test_an_early_dialog(self) -> None:
        """BYE on one early dialog ends that dialog only; the INVITE goes on and its
        final response still counts (3261-15-b, 3261-15-c, 3261-15-f).
        """
        dialogs = self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        self.assertEqual(dialogs.end_branch("a"), [bye("a", 1, ENDED_BY_CALLER)])
        effects = self.answer_request(1, 200)
        self.assertEqual(effects, [Report(ExtraEnded("a", "BYE", 200))])
        self.assertEqual(dialogs.phase, Phase.PROCEEDING)
        self.assertEqual(dialogs.end_branch("a"), [])
        self.assertEqual(dialogs.end_branch("nobody"), [])
        effects = self.receive(200, "b", port=2000)[1]
        self.assertEqual(self.of_kind(effects, FailInvite), [])

    def test_the_dialog_with_the_media(self) -> None:
        """The next may have the media."""
        dialogs = self.early_media(extra_ringing="keep")
        self.with_early_media("a")
        effects = dialogs.end_branch("a")
        self.assertEqual(effects, [closed("a"), bye("a", 1, ENDED_BY_CALLER)])
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(len(self.events(effects, Forked)), 1)
        self.assertEqual(dialogs.media_applied("b"), [Report(EarlyMedia("b"))])

    def test_without_contact(self) -> None:
        """BYE is sent in no dialog that has no target (3261-12.1.2-e, 3261-15-a)."""
        dialogs = self.begin()
        self.receive(180, contact=None)
        effects = dialogs.end_branch("a")
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        self.assertEqual(self.events(effects, ExtraEnded), [ExtraEnded("a", "none", 0)])
        effects = self.receive(200, port=2000)[1]
        self.assertIn(bye("a", 1, NOT_WANTED), effects)

    def test_the_only_one_answers_all_the_same(self) -> None:
        """ACK and BYE, and as nobody else can win the attempt has failed."""
        dialogs = self.begin()
        self.receive(180)
        dialogs.end_branch("a")
        effects = self.receive(200, port=2000)[1]
        self.assertIn(bye("a", 2, NOT_WANTED, 3), effects)
        self.assertIn("ended before", str(self.failure(effects)))

    def test_the_call(self) -> None:
        """The call is ended, and what still rings with it."""
        dialogs = self.begin()
        self.receive(180, "b")
        self.answered("a")
        effects = dialogs.end_branch("a")
        self.assertEqual(effects, [closed("a"), bye("a", 1), bye("b", 2, HUNG_UP)])

    def test_the_answer_stands(self) -> None:
        """A call that stands is told with both descriptions, once."""
        dialogs = self.begin()
        self.receive(200, port=2000)
        stands = [unlimited("a"), Establish("a", answer(2000))]
        self.assertEqual(dialogs.media_applied("a"), stands)
        self.assertEqual(dialogs.media_applied("a"), [])
