"""Reliable provisional responses to an INVITE with an offer (RFC 3262)."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Effect,
    Establish,
    ReplaceAnswer,
    Report,
    SendInDialog,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    EarlyMedia,
    ProtocolWarning,
    Provisional,
)
from sipuac.dialog.fork_policy import CancelExtras
from sipuac.dialog.options import InviteOptions
from sipuac.errors import (
    CallFailed,
    LocalProtocolError,
    TransactionTimeout,
    TransportFailed,
)
from tests.dialog.messages import (
    ANOTHER_HAS_MEDIA,
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
    prack,
    probe,
    progress,
    taken,
    unlimited,
)

NOT_ACCEPTED = because(487, "The PRACK was not accepted")


class PrackTests(DialogCase):
    """Each reliable provisional response in order gets one PRACK."""

    def test_a_reliable_response(self) -> None:
        """It gets PRACK in the dialog that it makes: next CSeq, RAck from RSeq and
        CSeq, no Contact (3262-4-d, 3262-7.2-a, 3262-4-h, 3262-4-j).
        """
        self.begin()
        said, effects = self.receive(180, rseq=7)
        self.assertEqual(effects, [*progress(said), prack("a", 1, 7)])
        self.assertEqual(self.answer_request(1, 200), [])

    def test_the_route_set(self) -> None:
        """It goes the way of its dialog (3262-4-h)."""
        self.begin()
        said, effects = self.receive(180, rseq=1, routes=["<sip:p.example;lr>"])
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.get("Route"), "<sip:p.example;lr>")
        self.assertEqual(str(sent.next_hop), "sip:p.example;lr")

    def test_100(self) -> None:
        """100rel in a 100 is ignored (3262-4-d)."""
        self.begin()
        effects = self.receive(100, rseq=1)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])

    def test_a_retransmission(self) -> None:
        """It is discarded, and gets no second PRACK (3262-4-e)."""
        self.begin()
        self.receive(180, rseq=1)
        self.assertEqual(self.receive(180, rseq=1)[1], [])

    def test_a_gap(self) -> None:
        """What is not next is neither acknowledged nor processed; it comes again, and
        in order it counts (3262-4-f, 3262-4-g).
        """
        dialogs = self.begin()
        self.receive(180, rseq=1)
        self.assertEqual(self.receive(183, rseq=3, port=2000)[1], [])
        self.assertIsNone(dialogs.branches["a"].remote)
        said, effects = self.receive(180, rseq=2)
        self.assertEqual(effects, [*progress(said), prack("a", 2, 2, 3)])
        said, effects = self.receive(183, rseq=3, port=2000)
        self.assertEqual(effects, [*progress(said), prack("a", 3, 3, 4)])
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_forks_count_for_themselves(self) -> None:
        """Equal or unlike RSeq of two To tags are neither retransmission nor gap; each
        dialog has its own CSeq (3262-4-a, 3262-4-f).
        """
        self.begin()
        self.receive(180, "a", rseq=5)
        said, effects = self.receive(180, "b", rseq=5)
        leave = forked("b", "leave", said)
        self.assertEqual(effects, [*progress(said, "b"), prack("b", 2, 5), leave])
        said, effects = self.receive(183, "a", rseq=6)
        self.assertEqual(effects, [*progress(said), prack("a", 3, 6, 3)])

    def test_no_rseq(self) -> None:
        """Without RSeq no PRACK can name it: it is discarded, and that is told."""
        dialogs = self.begin()
        effects = self.receive(180, headers=[("Require", "100rel")])[1]
        text = "a reliable provisional response without usable RSeq is discarded"
        self.assertEqual(effects, [Report(ProtocolWarning(text, "a"))])
        self.assertEqual(dialogs.branches, {})

    def test_no_contact(self) -> None:
        """Without Contact no PRACK can be sent; its description counts."""
        dialogs = self.begin()
        said, effects = self.receive(183, rseq=1, port=2000, contact=None)
        text = "no PRACK can be sent: the response has no Contact"
        warning = Report(ProtocolWarning(text, "a"))
        self.assertEqual(effects, [*progress(said), warning])
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_no_to_tag(self) -> None:
        """Without To tag there is no dialog to send a PRACK in."""
        self.begin()
        said, effects = self.receive(180, None, rseq=1)
        reported, told = progress(said, None)
        text = "no PRACK can be sent: the response has no To tag"
        self.assertEqual(effects, [reported, Report(ProtocolWarning(text)), told])

    def test_while_it_is_cancelled(self) -> None:
        """A call that is being cancelled acknowledges all the same."""
        dialogs = self.begin()
        self.receive(180)
        dialogs.hang_up()
        said, effects = self.receive(183, rseq=1)
        self.assertEqual(effects, [*progress(said), prack("a", 1)])

    def test_after_the_2xx(self) -> None:
        """After the final response it is discarded, and changes nothing (3262-4-i)."""
        self.begin()
        self.receive(180, rseq=1)
        self.answered()
        self.assertEqual(self.receive(183, rseq=2, port=3000)[1], [])


class ReliableAnswerTests(DialogCase):
    """The answer to our offer in a reliable response."""

    def test_it_is_kept(self) -> None:
        """Kept as the answer, and applied when the 2xx comes (3262-5-b)."""
        self.begin()
        said, effects = self.receive(183, rseq=1, port=2000)
        self.assertEqual(effects, [*progress(said), prack("a", 1)])
        said, effects = self.receive(200)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 2000), limited()]
        )

    def test_early_media(self) -> None:
        """With early media it starts the media (3262-5-c)."""
        dialogs = self.early_media()
        said, effects = self.receive(183, rseq=1, port=2000)
        self.assertEqual(effects, [*progress(said), prack("a", 1), applied("a", 2000)])
        self.assertEqual(dialogs.media_applied("a"), [Report(EarlyMedia("a"))])

    def test_first_keeps_the_preview(self) -> None:
        """By default the preview stands where the answer differs (6337-3.1.1-a)."""
        dialogs = self.begin()
        self.receive(183, port=2000)
        said, effects = self.receive(183, rseq=1, port=3000)
        text = (
            "a later session description is ignored: stream 1: port 3000 instead of "
            "2000"
        )
        warning = Report(ProtocolWarning(text, "a"))
        self.assertEqual(effects, [*progress(said), warning, prack("a", 1)])
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_final_replaces_the_preview(self) -> None:
        """With answer="final" the first one in a reliable response, be it a 1xx or the
        2xx, replaces an unreliable preview; what follows is ignored.
        """
        dialogs = self.begin(answer="final")
        self.receive(183, port=2000)
        self.receive(183, rseq=1, port=3000)
        self.assertEqual(dialogs.branches["a"].remote, answer(3000))
        said, effects = self.receive(200, port=4000)
        self.assertEqual(effects[-2:], [applied("a", 3000), limited()])
        dialogs = self.begin(answer="final")
        self.receive(183, port=2000)
        said, effects = self.receive(200, port=3000)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 3000), limited()]
        )

    def test_final_with_early_media(self) -> None:
        """The media that runs gets the answer in place of the preview."""
        dialogs = self.early_media(answer="final")
        self.with_early_media()
        said, effects = self.receive(200, port=3000)
        replaced = ReplaceAnswer("a", answer(3000))
        self.assertEqual(
            effects, [*accepted(), ack(), replaced, *taken(said), limited()]
        )
        stands = [unlimited(), Establish("a", answer(3000))]
        self.assertEqual(dialogs.media_applied("a"), stands)

    def test_final_with_media_that_cannot_replace(self) -> None:
        """That is refused before anything is sent."""
        for options in (
            {"has_early_media": True, "can_replace_answer": False, "answer": "final"},
            {"answer": "last"},
        ):
            with self.assertRaises(LocalProtocolError):
                InviteOptions(**options).check()


class PrackResultTests(DialogCase):
    """What answers a PRACK."""

    def setUp(self) -> None:
        """Two forks ring reliably."""
        self.begin()
        self.receive(180, "a", rseq=1)
        self.receive(180, "b", rseq=1)

    def test_the_dialog_is_not_there(self) -> None:
        """481, 408 or silence: BYE on that dialog, and on no other."""
        for result, what in (
            (481, "the PRACK was answered 481 Call/Transaction Does Not Exist"),
            (408, "the PRACK was answered 408 Request Timeout"),
            (None, "the PRACK was not answered: F"),
        ):
            self.setUp()
            if result is None:
                effects = self.set.request_finished(1, TransactionTimeout("F"))
            else:
                effects = self.answer_request(1, result)
            warning = Report(ProtocolWarning(what, "a"))
            self.assertEqual(effects, [warning, bye("a", 3, NOT_ACCEPTED, 3)])
            self.assertTrue(self.set.branches["b"].is_early)
            self.answer_request(3, 200)
            self.assertIsInstance(self.failure(self.receive(487, None)[1]), CallFailed)

    def test_other_codes(self) -> None:
        """Any other code, and a broken connection, is an event."""
        effects: list[Effect] = self.answer_request(1, 500)
        effects += self.set.request_finished(2, TransportFailed("reset"))
        self.assertEqual(
            effects,
            [
                Report(
                    ProtocolWarning(
                        "the PRACK was answered 500 Server Internal Error", "a"
                    )
                ),
                Report(ProtocolWarning("the PRACK was not answered: reset", "b")),
            ],
        )

    def test_after_the_2xx(self) -> None:
        """After the 2xx no PRACK result ends the call (3262-3-a)."""
        self.answered("a")
        self.assertEqual(self.answer_request(1, 481), [])
        self.assertEqual(self.answer_request(2, 481), [])
        self.assertTrue(self.set.branches["a"].has_call)


class ReliableExtraTests(DialogCase):
    """Reliable provisional responses of dialogs that are not wanted."""

    def test_an_extra(self) -> None:
        """PRACK, then BYE with the next CSeq without waiting; later 1xx of it are
        ignored.
        """
        self.early_media()
        self.receive(180, "b")
        self.with_early_media("a")
        dialogs = self.early_media(policy=CancelExtras())
        self.receive(180, "b", rseq=1)
        said, effects = self.receive(183, "a", port=2000)
        self.assertEqual(effects[-1], bye("b", 2, ANOTHER_HAS_MEDIA, 3))
        said, effects = self.receive(183, "b", rseq=2)
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        self.assertFalse(dialogs.branches["b"].is_early)

    def test_a_newcomer_that_is_held(self) -> None:
        """It is acknowledged at once, and ended once the media dialog has spoken."""
        dialogs = self.early_media()
        self.with_early_media("a")
        said, effects = self.receive(183, "b", port=3000, rseq=1)
        self.assertEqual(self.of_kind(effects, SendInDialog)[0], prack("b", 1))
        self.assertIn(probe("a", 2), effects)
        effects = self.answer_request(2, 200)
        self.assertEqual(effects[-1], bye("b", 3, ANOTHER_HAS_MEDIA, 3))
        self.assertTrue(dialogs.branches["a"].is_early)

    def test_a_reliable_199(self) -> None:
        """PRACK, and that early dialog ends; its media too (6228-4-e, 6228-7-a)."""
        dialogs = self.early_media()
        self.with_early_media("a")
        said, effects = self.receive(199, "a", rseq=1)
        ended = Report(EarlyDialogEnded("a", "199"))
        self.assertEqual(effects, [*progress(said), prack("a", 1), closed("a"), ended])
        self.assertEqual(self.receive(199, "a", rseq=1)[1], [])
        self.assertEqual(dialogs.branches["a"].state.value, "gone")

    def test_a_reliable_199_of_an_unknown_dialog(self) -> None:
        """It is acknowledged by PRACK all the same (6228-4-e)."""
        self.begin()
        said, effects = self.receive(199, "x", rseq=1)
        ended = Report(EarlyDialogEnded("x", "199"))
        self.assertEqual(effects, [*progress(said, "x"), prack("x", 1), ended])
        event = Provisional(199, said.reason, "x", reliable=True)
        self.assertEqual(effects[0], Report(event))
