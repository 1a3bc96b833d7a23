"""How extras are ended, and what they may answer to that."""

from __future__ import annotations

from sipuac.dialog.effects import Effect, FailInvite, Report, SendInDialog
from sipuac.dialog.events import EarlyDialogEnded, ExtraEnded, ProtocolWarning
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import InviteForked, TransactionTimeout, TransportFailed, Unreachable
from sipuac.syntax.message import Response
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    ANOTHER_HAS_MEDIA,
    CALL_FAILED,
    LINGER,
    NOT_WANTED,
    DialogCase,
    accepted,
    ack,
    applied,
    bye,
    closed,
    forked,
    peer_request,
    probe,
    progress,
    reply,
    response,
    taken,
)

GRACE = StartTimer(DialogTimer.GRACE, 4.0)


class ExtrasCase(DialogCase):
    """Phone "b" rang first, then "a" had the early media, and "b" was ended."""

    def end_extra(self, **how: object) -> list[Effect]:
        """What ends phone "b"."""
        self.early_media(**how)
        self.receive(180, "b")
        return self.receive(183, "a", port=2000)[1]


class EndingTests(ExtrasCase):
    """BYE on the early dialog of an extra."""

    def test_those_that_rang_before_are_extras_too(self) -> None:
        """When the media dialog is chosen, every other early dialog is an extra; BYE on
        it is built from that dialog, each counting its own CSeq (3261-15.1.1-c,
        3261-12.2.1.1-g). That no-fork was asked for bars no proxy (3841-9.1-b).
        """
        self.early_media()
        self.receive(180, "b")
        self.receive(180, "c")
        said, effects = self.receive(183, "a", port=2000)
        self.assertEqual(
            effects,
            [
                *progress(said),
                forked("a", "leave", said),
                applied("a", 2000),
                forked("b", "cancel-extra"),
                bye("b", 1, ANOTHER_HAS_MEDIA),
                forked("c", "cancel-extra"),
                bye("c", 2, ANOTHER_HAS_MEDIA),
            ],
        )

    def test_its_answer(self) -> None:
        """Whatever answers the BYE ends that dialog and no other (3261-15.1.1-b)."""
        answers: dict[int, Response | Unreachable] = {
            200: response(200),
            481: response(481),
            408: response(408),
            503: response(503),
        }
        for status, said in answers.items():
            self.end_extra()
            effects = self.set.request_finished(1, said)
            self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", status))])
            self.assertEqual(self.set.branches["b"].state, "gone")
            self.assertTrue(self.set.branches["a"].is_early)
        for error in (TransactionTimeout("F"), TransportFailed("broken")):
            self.end_extra()
            effects = self.set.request_finished(1, error)
            self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 0))])

    def test_a_result_counts_once(self) -> None:
        """A result that nobody waits for changes nothing."""
        self.end_extra()
        self.answer_request(1, 200)
        self.assertEqual(self.answer_request(1, 200), [])
        self.assertEqual(self.answer_request(99, 200), [])

    def test_later_provisionals_are_ignored(self) -> None:
        """A later 1xx of an ended extra brings nothing but its event."""
        self.end_extra()
        for _ in range(2):
            effects = self.receive(183, "b", port=4000)[1]
            self.assertEqual(len(effects), 1)
            self.answer_request(1, 200)
        self.assertEqual(len(self.receive(199, "b")[1]), 1)

    def test_without_contact(self) -> None:
        """An extra without Contact cannot be sent a BYE: it is remembered, and its 2xx
        gets ACK and BYE (3261-12.1.2-e).
        """
        self.early_media()
        self.receive(180, "b", contact=None)
        effects = self.receive(183, "a", port=2000)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        message = "unwanted, but it cannot be told so: it sent no Contact"
        self.assertEqual(
            effects[-2:],
            [
                Report(ProtocolWarning(message, "b")),
                Report(ExtraEnded("b", "none", 0)),
            ],
        )
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[2:4], [ack("b"), bye("b", 1, NOT_WANTED)])

    def test_a_contact_that_comes_later(self) -> None:
        """A target that a later response brings can be sent a BYE (3261-12.1.2-e)."""
        self.early_media()
        self.receive(180, "b", contact=None, routes=["<sip:p.example;lr>"])
        self.receive(180, "b")
        effects = self.receive(183, "a", port=2000)[1]
        (sent,) = self.of_kind(effects, SendInDialog)
        expected = bye(
            "b",
            1,
            ANOTHER_HAS_MEDIA,
            target="sip:b@b.example",
            routes=["<sip:p.example;lr>"],
        )
        assert isinstance(sent, SendInDialog)
        self.assertEqual(sent.request, expected.request)

    def test_the_final_response_while_bye_is_pending(self) -> None:
        """When the final response ends the early dialogs a pending BYE runs out as a
        transaction, and what comes back changes nothing (3261-12.3-b).
        """
        self.end_extra()
        effects = self.receive(486, "a")[1]
        self.assertEqual(
            self.events(effects, EarlyDialogEnded), [EarlyDialogEnded("a", "final")]
        )
        request = peer_request("OPTIONS", "b")
        self.assertEqual(self.set.request_received(request), [reply(request, 481)])
        effects = self.answer_request(1, 481)
        self.assertEqual(effects[0], Report(ExtraEnded("b", "BYE", 481)))
        self.assertEqual(self.of_kind(effects, FailInvite), [])

    def test_bye_crosses_bye(self) -> None:
        """The callee's BYE that crosses ours gets 200, and changes nothing else
        (3261-15.1.2-b).
        """
        self.end_extra()
        request = peer_request("BYE", "b")
        self.assertEqual(self.set.request_received(request), [reply(request, 200)])
        again = peer_request("BYE", "b", 2)
        self.assertEqual(self.set.request_received(again), [reply(again, 481)])
        effects = self.answer_request(1, 481)
        self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 481))])

    def test_max_extras(self) -> None:
        """At most `max_extras` are ended so, then InviteForked: everything is ended."""
        self.early_media(max_extras=2)
        for tag in "bcd":
            self.receive(180, tag)
        effects = self.receive(183, "a", port=2000)[1]
        sent = [effect.branch for effect in self.of_kind(effects, SendInDialog)]
        self.assertEqual(sent, ["b", "c"])
        kinds = [type(effect).__name__ for effect in effects[-4:]]
        self.assertEqual(kinds, ["Report", "StopTimer", "SendCancel", "StartTimer"])
        effects = self.receive(487)[1]
        error = self.failure(effects)
        self.assertIsInstance(error, InviteForked)

    def test_no_extras_at_all(self) -> None:
        """`max_extras=0`: the first extra is one too many."""
        self.early_media(max_extras=0)
        self.receive(180, "b")
        effects = self.receive(183, "a", port=2000)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])

    def test_extra_ringing_keep(self) -> None:
        """`extra_ringing="keep"` leaves alone the ones without SDP until they bring it.

        They do not compete for the media.
        """
        self.early_media(extra_ringing="keep")
        self.receive(180, "b")
        said, effects = self.receive(183, "a", port=2000)
        self.assertEqual(
            effects,
            [
                *progress(said),
                forked("a", "leave", said),
                applied("a", 2000),
                forked("b", "leave"),
            ],
        )
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(
            effects,
            [
                *progress(said, "b"),
                forked("b", "cancel-extra", said),
                bye("b", 1, ANOTHER_HAS_MEDIA),
            ],
        )


class AnswersAllTheSameTests(ExtrasCase):
    """A 2xx in a dialog that we sent BYE in."""

    def test_before_its_bye_is_answered(self) -> None:
        """It is acknowledged and gets a second BYE: the next CSeq, the route set of the
        2xx; the first BYE's end means nothing any more (3261-15-e).
        """
        self.end_extra()
        self.set.media_applied("a")
        routes = ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]
        effects = self.receive(200, "b", port=3000, routes=routes)[1]
        ways = {"routes": ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]}
        sent_ack = ack("b", **ways)
        sent_bye = bye("b", 2, NOT_WANTED, 3, **ways)
        self.assertEqual(
            [getattr(effect, "ack", None) for effect in effects][2], sent_ack.ack
        )
        self.assertEqual(
            [getattr(effect, "request", None) for effect in effects][3],
            sent_bye.request,
        )
        self.assertEqual(str(getattr(effects[3], "next_hop", "")), "sip:p1.example;lr")
        self.assertEqual(effects[4:], [GRACE, probe("a", 3, "OPTIONS")])
        self.assertEqual(self.answer_request(1, 481), [])
        effects = self.answer_request(2, 481)
        self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 481))])

    def test_after_its_bye_failed(self) -> None:
        """A BYE that failed leaves perhaps a ringing phone: its 2xx gets ACK and a
        second BYE.
        """
        for status in (481, 408, 500):
            self.end_extra()
            self.answer_request(1, status)
            effects = self.receive(200, "b", port=3000)[1]
            self.assertEqual(effects[2:4], [ack("b"), bye("b", 2, NOT_WANTED, 3)])
        self.end_extra()
        self.set.request_finished(1, TransportFailed("broken"))
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[2:4], [ack("b"), bye("b", 2, NOT_WANTED, 3)])

    def test_after_its_bye_was_confirmed(self) -> None:
        """A BYE that was answered 2xx is not sent again; the 2xx of the INVITE still
        gets its ACK (3261-15-e).
        """
        self.end_extra()
        self.answer_request(1, 200)
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIn(ack("b"), effects)
        sent = self.of_kind(effects, SendInDialog)
        self.assertEqual(len(sent), 1)
        assert isinstance(sent[0], SendInDialog)
        self.assertEqual(sent[0].request.method, "OPTIONS")
        self.assertEqual(self.set.branches["b"].state, "ended")

    def test_a_bye_confirmed_after_the_second_was_sent(self) -> None:
        """Both BYEs may be under way; the second one's end is told."""
        self.end_extra()
        self.receive(200, "b", port=3000)
        self.assertEqual(self.answer_request(1, 200), [])
        effects = self.answer_request(2, 481)
        self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 481))])

    def test_after_the_call_was_taken(self) -> None:
        """The call goes on; no grace is given to anybody."""
        self.end_extra()
        self.set.media_applied("a")
        self.receive(200, "a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects, [ack("b"), bye("b", 2, NOT_WANTED, 3)])


class ProxyCancelsTests(ExtrasCase):
    """After an extra's 2xx the proxy cancels the other branches, and says nothing."""

    def release_extra(self) -> list[Effect]:
        """Phone "b", which was left alone, answers; the media takes one answer only."""
        self.early_media(can_replace_answer=False, extra_ringing="keep")
        self.receive(180, "b")
        self.with_early_media("a")
        return self.receive(200, "b", port=3000)[1]

    def test_the_media_dialog_is_probed_and_has_a_grace(self) -> None:
        """ACK and BYE for the extra, then a probe and `fork_grace` for the other."""
        effects = self.release_extra()
        said = self.set.branches["b"]
        self.assertEqual(said.fate, "answered, and released")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "release"),
                bye("b", 1, ANOTHER_HAS_CALL),
                GRACE,
                probe("a", 2),
            ],
        )

    def test_it_is_dead(self) -> None:
        """A dead media dialog: InviteForked at once."""
        self.release_extra()
        effects = self.answer_request(2, 481)
        self.assertEqual(effects[-2], StopTimer(DialogTimer.GRACE))
        assert isinstance(effects[-1], FailInvite)
        self.assertIsInstance(effects[-1].error, InviteForked)
        self.assertEqual(self.set.branches["a"].state, "gone")

    def test_it_says_goodbye(self) -> None:
        """Its BYE says the same."""
        self.release_extra()
        effects = self.set.request_received(peer_request("BYE", "a"))
        assert isinstance(effects[-1], FailInvite)
        self.assertIsInstance(effects[-1].error, InviteForked)

    def test_it_is_silent(self) -> None:
        """After `fork_grace`: BYE on what is left, InviteForked; timer M is not waited
        for.
        """
        self.release_extra()
        effects = self.set.fire(DialogTimer.GRACE)
        failure = effects.pop()
        self.assertEqual(effects, [closed("a"), bye("a", 3, CALL_FAILED, 3)])
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, InviteForked)
        late = self.receive(200, "a", port=2000)[1]
        self.assertEqual(late, [ack("a"), bye("a", 4, NOT_WANTED, 4)])

    def test_it_answers_in_time(self) -> None:
        """A 2xx of the media dialog within the grace is the call."""
        self.release_extra()
        self.answer_request(2, 200)
        said, effects = self.receive(200, "a", port=2000)
        self.assertEqual(
            effects[:4], [ack("a"), StopTimer(DialogTimer.GRACE), *taken(said)]
        )
        self.assertEqual(len(effects), 5)
        self.assertEqual(self.set.fire(DialogTimer.GRACE), [])

    def test_its_media_fails_then(self) -> None:
        """What is told is why the last one was no call, not the extra before it."""
        self.early_media(can_replace_answer=False, extra_ringing="keep")
        self.receive(180, "b")
        self.receive(183, "a", port=2000)
        self.receive(200, "b", port=3000)
        self.receive(200, "a")
        effects = self.set.media_refused("a", "no codec")
        error = self.failure(effects)
        self.assertIn("no codec", str(error))

    def test_an_ended_extra_answers(self) -> None:
        """The same holds for an extra that answered although it had been ended."""
        self.end_extra()
        self.set.media_applied("a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[-2:], [GRACE, probe("a", 3, "OPTIONS")])
        effects = self.set.fire(DialogTimer.GRACE)
        assert isinstance(effects[-1], FailInvite)
        self.assertIsInstance(effects[-1].error, InviteForked)

    def test_it_lingers(self) -> None:
        """The linger goes on beside all this."""
        effects = self.release_extra()
        self.assertIn(StartTimer(DialogTimer.LINGER, LINGER), effects)
