"""Responses to the INVITE that are seldom seen, and what must not come of them."""

from __future__ import annotations

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import (
    EndSession,
    ReplaceAnswer,
    SendAck,
    SendCancel,
    SendInDialog,
)
from sipuac.dialog.events import ExtraEnded, ProtocolWarning, RedirectedTo
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    Busy,
    Cancelled,
    InviteForked,
    MediaRefused,
    Redirected,
    RequestRejected,
    TransactionTimeout,
)
from tests.dialog.messages import NOT_WANTED, DialogCase, bye, invite, prack


class FinalTests(DialogCase):
    """What a final response of 300 to 699 says."""

    def test_the_line_between_redirection_and_refusal(self) -> None:
        """3xx redirects and 4xx refuses (3261-8.1.3.4-a)."""
        for status, is_redirection in ((399, True), (400, False)):
            self.begin()
            effects = self.receive(status, "z", contact="<sip:x@x.example>")[1]
            error = self.failure(effects)
            self.assertEqual(isinstance(error, Redirected), is_redirection)
            self.assertEqual(isinstance(error, RequestRejected), not is_redirection)
            told = self.events(effects, RedirectedTo)
            self.assertEqual(bool(told), is_redirection)

    def test_the_words_of_a_redirection(self) -> None:
        """It names its targets, the highest q first, or says that there are none."""
        rows = [("Reason", "SIP;cause=302"), ("Warning", '399 x "y"')]
        for contact, text in (
            (
                "<sip:x@x>;q=0.9, <sip:y@y>, <sip:z@z>;q=1.0",
                "sip:y@y, sip:z@z, sip:x@x",
            ),
            (None, "no contacts"),
        ):
            self.begin()
            effects = self.receive(302, "z", contact=contact, headers=rows)[1]
            error = self.failure(effects)
            assert isinstance(error, Redirected)
            self.assertEqual(str(error), f"302 Moved Temporarily: {text}")
            self.assertEqual(error.reason, ("SIP;cause=302",))
            self.assertEqual(error.warning, ('399 x "y"',))

    def test_the_words_of_a_refusal(self) -> None:
        """It is told in the words of the response, whatever else has rung; a 487 that
        nobody asked for says what rang.
        """
        for status, text in (
            (486, "486 Busy Here"),
            (404, "404 Not Found"),
            (
                487,
                "487 Request Terminated, although we sent no CANCEL "
                "(a: ringing, over with the INVITE)",
            ),
        ):
            self.begin()
            self.receive(180)
            self.assertEqual(str(self.failure(self.receive(status, "z")[1])), text)
        self.begin()
        text = str(self.failure(self.receive(487, "z")[1]))
        self.assertEqual(text, "487 Request Terminated")

    def test_a_refusal_after_media_had_refused(self) -> None:
        """We have ended one early dialog; when the call is refused by another phone,
        that one is the reason. A 487 says no more than that we did.
        """
        for status, kind in ((486, Busy), (487, MediaRefused)):
            self.early_media()
            self.receive(183, port=2000)
            self.set.media_refused("a", "no codec")
            self.answer_request(1, 200)
            said, effects = self.receive(status, "z")
            error = self.failure(effects)
            self.assertIsInstance(error, kind)
            assert isinstance(error, (Busy, MediaRefused))
            self.assertEqual(error.response, said)


class ProvisionalTests(DialogCase):
    """Responses of 101 to 199."""

    def test_any_provisional_response_allows_cancel(self) -> None:
        """CANCEL waits for a provisional response (3261-9.1-d), also one that is not to
        be processed.
        """
        self.begin()
        self.assertEqual(self.of_kind(self.set.hang_up(), SendCancel), [])
        odd = [("Require", "100rel"), ("RSeq", "nonsense")]
        effects = self.receive(183, headers=odd)[1]
        self.assertEqual(len(self.of_kind(effects, SendCancel)), 1)

    def test_out_of_order(self) -> None:
        """The same for one that comes out of order (3262-4-e)."""
        self.begin()
        self.receive(183, rseq=1, port=2000)
        effects = self.receive(183, rseq=3)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])

    def test_a_reliable_response_brings_a_target(self) -> None:
        """The Contact of a reliable provisional response is a new remote target
        (RFC 6141 section 4.9): its PRACK goes there.
        """
        self.begin()
        self.receive(180)
        new = "sip:new@a.example"
        effects = self.receive(183, rseq=1, contact=f"<{new}>", port=2000)[1]
        self.assertIn(prack("a", 1, target=new), effects)

    def test_an_unreliable_one_brings_none(self) -> None:
        """That of an unreliable one is not (RFC 6141 section 4.9)."""
        self.begin()
        self.receive(180)
        self.receive(183, contact="<sip:new@a.example>", port=2000)
        effects = self.receive(183, rseq=1, contact=None)[1]
        self.assertIn(prack("a", 1), effects)

    def test_as_many_as_may_be_followed(self) -> None:
        """A dialog that is followed stays so when no further one is."""
        self.begin(max_dialogs=1)
        self.receive(180)
        effects = self.receive(183, port=2000)[1]
        self.assertEqual(self.events(effects, ProtocolWarning), [])
        self.assertIsNotNone(self.set.branches["a"].remote)
        effects = self.receive(180, "b")[1]
        self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)
        self.assertEqual(list(self.set.branches), ["a"])

    def test_no_tag_makes_no_dialog(self) -> None:
        """Reliable or not, a response without To tag makes none (3261-12.1-a)."""
        self.begin(max_dialogs=1)
        self.receive(183, None, port=2000)
        self.receive(183, None, rseq=1, port=2000)
        self.assertEqual(self.set.branches, {})

    def test_a_2xx_before_our_answer(self) -> None:
        """A 2xx that comes while PRACK waits for our answer may bring no second offer:
        "the PRACK must come before it" (3262-3-a). It is told, and acknowledged.
        """
        self.begin(is_offerless=True)
        self.receive(183, port=2000, rseq=1)
        effects = self.receive(200, port=3000)[1]
        (warning,) = self.events(effects, ProtocolWarning)
        assert isinstance(warning, ProtocolWarning)
        self.assertIn("a session description", warning.message)
        self.assertEqual(len(self.of_kind(effects, SendAck)), 1)

    def test_the_answer_is_its_preview(self) -> None:
        """An answer that does not differ from its preview changes nothing for the
        media.
        """
        self.early_media(answer="final")
        self.receive(183, port=2000)
        self.set.media_applied("a")
        effects = self.receive(183, port=2000, rseq=1)[1]
        self.assertEqual(self.of_kind(effects, ReplaceAnswer), [])

    def test_an_unreadable_record_route(self) -> None:
        """It is told, and no request can be sent in that dialog."""
        self.begin()
        effects = self.receive(180, routes=["<<"])[1]
        (warning,) = self.events(effects, ProtocolWarning)
        assert isinstance(warning, ProtocolWarning)
        self.assertEqual(warning.to_tag, "a")
        self.assertIn("Record-Route", warning.message)


class EndTests(DialogCase):
    """Ends that come while others come."""

    def test_every_media_session_closes(self) -> None:
        """When the INVITE fails nothing of the media is left, collected sessions
        included.
        """
        self.early_media(answer_timeout=10.0)
        self.with_early_media("a")
        self.set.failed(TransactionTimeout("timer B"))
        for branch in self.set.branches.values():
            self.assertEqual(branch.media, "none")

    def test_only_one_failure(self) -> None:
        """Whatever ends it, the attempt fails once, and with its first reason."""
        self.begin()
        self.receive(180)
        self.assertEqual(self.set.fire(DialogTimer.LINGER), [])
        self.set.hang_up("first")
        self.assertEqual(self.set.hang_up("second"), [])
        effects = self.receive(487)[1]
        error = self.failure(effects)
        self.assertIsInstance(error, Cancelled)
        self.assertEqual(str(error), "first")
        self.assertEqual(self.set.hang_up("third"), [])
        self.assertEqual(self.set.failed(TransactionTimeout("B")), [])

    def test_the_limit_of_cancel(self) -> None:
        """It ends a cancelled INVITE, and nothing else (3261-9.1-g)."""
        self.begin()
        self.receive(180)
        self.set.hang_up()
        self.receive(200, port=2000)
        self.assertEqual(self.set.fire(DialogTimer.CANCEL), [])

    def test_a_bye_that_was_refused(self) -> None:
        """Only a 2xx to BYE says that the phone has gone: after a 300 its 2xx gets
        another BYE (3261-15.1.1-b).
        """
        for status, count in ((300, 1), (299, 0)):
            self.early_media()
            self.receive(180, "b")
            self.receive(183, "a", port=2000)
            self.answer_request(1, status)
            effects = self.receive(200, "b", port=3000)[1]
            self.assertEqual(len(self.of_kind(effects, SendAck)), 1)
            sent = self.of_kind(effects, SendInDialog)
            byes = [one for one in sent if one.request.method == "BYE"]
            self.assertEqual(len(byes), count)
            warned = self.events(effects, ProtocolWarning)
            self.assertEqual(len(warned), 1 - count)

    def test_a_call_that_its_media_refused(self) -> None:
        """It was never a session: the end of its BYE ends none."""
        self.begin()
        self.receive(200, port=2000)
        self.set.media_refused("a", "no codec")
        effects = self.answer_request(1, 200)
        self.assertEqual(self.of_kind(effects, EndSession), [])
        self.assertEqual(len(self.events(effects, ExtraEnded)), 1)

    def test_no_time_left(self) -> None:
        """Where earlier attempts have used up the time, the next one ends at once."""
        for waited, left in ((20.0, 10.0), (40.0, 0.0)):
            options = InviteOptions(answer_timeout=30.0, waited=waited)
            effects = DialogSet(invite(), options).sent()
            self.assertIn(StartTimer(DialogTimer.ANSWER, left), effects)

    def test_two_calls_at_once(self) -> None:
        """The second 2xx of a cancelled INVITE is ended like the first, and the caller
        hears of one failure.
        """
        self.begin()
        self.receive(180)
        self.set.hang_up()
        effects = self.receive(200, "a", port=2000)[1]
        self.assertIsInstance(self.failure(effects), Cancelled)
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[-1], bye("b", 2, NOT_WANTED))

    def test_an_extra_ended_before_answers_after_the_call(self) -> None:
        """When there is a call, a dialog that was ended may answer: ACK and BYE, and
        the call stands.
        """
        self.early_media()
        self.receive(180, "b")
        self.with_early_media("a")
        self.receive(200, "a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[-1], bye("b", 2, NOT_WANTED, 3))
        self.assertTrue(self.set.branches["a"].stands)

    def test_the_grace_is_for_others(self) -> None:
        """What an extra's 2xx has begun ends with the attempt: no timer is left."""
        self.early_media(can_replace_answer=False, can_fork_offer=False)
        self.with_early_media("a")
        self.receive(200, "b", port=3000)
        effects = self.set.hang_up()
        self.assertIsInstance(self.failure(effects), Cancelled)
        self.assertIn(StopTimer(DialogTimer.GRACE), effects)
        self.assertEqual(self.set.fire(DialogTimer.GRACE), [])

    def test_the_first_reason_counts(self) -> None:
        """Where several 2xx are no call, the first one says why."""
        self.begin()
        self.receive(180, "b")
        self.receive(180, "c")
        effects = self.receive(200, "a")[1]
        self.receive(200, "b", contact=None, port=2000)
        effects = self.set.fire(DialogTimer.GRACE)
        self.assertIn("no session description", str(self.failure(effects)))
        self.assertNotIsInstance(self.failure(effects), InviteForked)
