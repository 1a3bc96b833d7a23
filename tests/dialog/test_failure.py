"""How an INVITE ends without a call: refused, redirected or never answered."""

from __future__ import annotations

from sipuac.dialog.effects import (
    FailInvite,
    Forget,
    RepeatAck,
    Report,
    Resolved,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    ExtraEnded,
    RedirectedTo,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    AuthenticationFailed,
    Busy,
    Declined,
    NoAnswer,
    NotFound,
    Redirected,
    RequestRejected,
    RequestTerminated,
    TransactionTimeout,
    TransportFailed,
)
from tests.dialog.messages import (
    LINGER,
    NOT_WANTED,
    DialogCase,
    ack,
    bye,
)


class FinalTests(DialogCase):
    """300 to 699, and no final response."""

    def test_too_broad(self) -> None:
        """A 440 says that destinations may not have been tried (5393-5.1-a)."""
        self.begin()
        _, effects = self.receive(440, "z")
        failure = self.failure(effects)
        self.assertIsInstance(failure, RequestRejected)
        self.assertIn("may not have been tried", str(failure))

    def test_redirection(self) -> None:
        """A 3xx ends every early dialog and is Redirected, with its contacts, the most
        wanted first (3261-12.3-a).
        """
        self.begin()
        self.receive(180)
        contact = "<sip:x@x.example>;q=0.1, <sip:y@y.example>"
        said, effects = self.receive(302, "z", contact=contact)
        failure = effects.pop(-2)
        contacts = ("sip:y@y.example", "sip:x@x.example")
        self.assertEqual(
            effects,
            [
                StopTimer(DialogTimer.ANSWER),
                Report(EarlyDialogEnded("a", "final")),
                StartTimer(DialogTimer.LINGER, LINGER),
                Report(RedirectedTo(302, contacts)),
                Resolved(),
            ],
        )
        assert isinstance(failure, FailInvite)
        assert isinstance(failure.error, Redirected)
        self.assertEqual(failure.error.contacts, contacts)
        self.assertIs(failure.response, said)

    def test_refusals(self) -> None:
        """4xx to 6xx end every early dialog with a typed failure that has the response,
        Reason and Warning (3261-12.3-a, 3261-8.1.3.2-a).
        """
        kinds: dict[int, type] = {
            401: AuthenticationFailed,
            404: NotFound,
            407: AuthenticationFailed,
            408: NoAnswer,
            480: NoAnswer,
            486: Busy,
            488: RequestRejected,
            499: RequestRejected,
            500: RequestRejected,
            600: Busy,
            603: Declined,
            699: RequestRejected,
        }
        for status, kind in kinds.items():
            dialogs = self.begin()
            self.receive(180)
            rows = [("Reason", "Q.850;cause=17"), ("Warning", '399 x "y"')]
            said, effects = self.receive(status, "z", headers=rows)
            failure = effects.pop(-2)
            self.assertEqual(
                effects,
                [
                    StopTimer(DialogTimer.ANSWER),
                    Report(EarlyDialogEnded("a", "final")),
                    StartTimer(DialogTimer.LINGER, LINGER),
                    Resolved(),
                ],
            )
            assert isinstance(failure, FailInvite)
            self.assertIs(type(failure.error), kind)
            assert isinstance(failure.error, RequestRejected)
            self.assertEqual(failure.error.response, said)
            self.assertEqual(failure.error.reason, ("Q.850;cause=17",))
            self.assertEqual(failure.error.warning, ('399 x "y"',))
            self.assertEqual(dialogs.session.state, SessionState.TERMINATED)

    def test_further_final_responses(self) -> None:
        """Further final responses after a 3xx-6xx are ignored (3261-13.2.2.3-a)."""
        self.begin()
        self.receive(486)
        for status in (100, 180, 199, 302, 486, 603):
            self.assertEqual(self.receive(status)[1], [])

    def test_487_without_cancel(self) -> None:
        """A 487 without our CANCEL is RequestTerminated with all branches' fates."""
        self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        self.receive(199, "b")
        effects = self.receive(487)[1]
        error = self.failure(effects)
        self.assertIs(type(error), RequestTerminated)
        text = str(error)
        self.assertIn("a: ringing, over with the INVITE", text)
        self.assertIn("b: ended by 199, status unknown", text)

    def test_no_final_response(self) -> None:
        """Timer B and a dead transport end it, and its early dialogs, with their own
        failure (3261-8.1.3.1-a).
        """
        for error in (TransactionTimeout("timer B"), TransportFailed("broken")):
            dialogs = self.begin()
            self.receive(180)
            self.assertEqual(
                dialogs.failed(error),
                [
                    StopTimer(DialogTimer.ANSWER),
                    Report(EarlyDialogEnded("a", "timeout")),
                    StartTimer(DialogTimer.LINGER, LINGER),
                    FailInvite(error),
                    Resolved(),
                ],
            )
            self.assertEqual(dialogs.failed(error), [])

    def test_a_late_2xx(self) -> None:
        """A 2xx after a failure, in a known dialog or a new one, gets ACK and BYE."""
        for tag in ("a", "b"):
            dialogs = self.begin()
            self.receive(180)
            self.receive(503, "z")
            effects = self.receive(200, tag, port=2000)[1]
            # 64*T1 from the first 2xx on others may come (3261-13.2.2.4-g).
            lingering = StartTimer(DialogTimer.LINGER, LINGER)
            self.assertEqual(effects, [lingering, ack(tag), bye(tag, 1, NOT_WANTED)])
            self.assertEqual(self.receive(200, tag)[1], [RepeatAck(tag)])
            self.assertEqual(dialogs.fire(DialogTimer.LINGER), [])
            effects = self.answer_request(1, 481)
            self.assertEqual(effects, [Report(ExtraEnded(tag, "BYE", 481)), Forget()])

    def test_a_late_2xx_after_timer_b(self) -> None:
        """The same after timer B."""
        dialogs = self.begin()
        dialogs.failed(TransactionTimeout("timer B"))
        effects = self.receive(200, port=2000)[1]
        lingering = StartTimer(DialogTimer.LINGER, LINGER)
        self.assertEqual(effects, [lingering, ack(), bye("a", 1, NOT_WANTED)])

    def test_nothing_after_it_is_forgotten(self) -> None:
        """Not even a retransmission is answered: the dialog is over for long."""
        dialogs = self.begin()
        self.receive(486)
        self.receive(200, port=2000)
        self.answer_request(1, 200)
        self.assertEqual(dialogs.fire(DialogTimer.LINGER), [Forget()])
        self.assertEqual(self.receive(200, port=2000)[1], [])

    def test_too_late(self) -> None:
        """64*T1 after its failure the INVITE is forgotten."""
        dialogs = self.begin()
        self.receive(486)
        self.assertEqual(dialogs.fire(DialogTimer.LINGER), [Forget()])
        self.assertEqual(self.receive(200, port=2000)[1], [])
        self.assertEqual(dialogs.hang_up(), [])
        self.assertEqual(dialogs.fire(DialogTimer.LINGER), [])
