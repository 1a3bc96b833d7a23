"""Changes of a session that we ask for and do not get."""

from __future__ import annotations

from sipuac.dialog.effects import (
    AbandonReInvite,
    CancelReInvite,
    EndSession,
    MakeOffer,
    Reply,
    Report,
    RequestDone,
    Rollback,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.events import ModificationFailed
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import TransactionTimeout, TransportFailed
from tests.dialog.talk import (
    HELD,
    HOLDING,
    MEDIA,
    OURS,
    RETRY,
    START_MEDIA,
    STOP_MEDIA,
    TalkCase,
    described,
    limit,
    re_invite,
    told,
)


class RefusedTests(TalkCase):
    """A re-INVITE that gets no 2xx."""

    def hold(self) -> None:
        """Ask to hold, up to the re-INVITE."""
        self.ask(1, True)
        self.offered(1000, "sendonly")

    def test_refused(self) -> None:
        """If a UA receives a non-2xx final response to a re-INVITE, the session
        parameters MUST remain unchanged (3261-14.1-b, 6337-3.4-a).
        """
        self.hold()
        warning = ("Warning", '304 a.example "no"')
        effects = self.answered(1, 488, None, warning)
        error = self.failure_of(effects)
        message = "the INVITE was answered 488 Not Acceptable Here"
        failed = ModificationFailed("a", "local", "INVITE", 488, message)
        self.assertEqual(
            effects, [Rollback("a"), Report(failed), RequestDone(1, error)]
        )
        self.assertEqual((error.status, error.warning), (488, ('304 a.example "no"',)))
        self.assertEqual(self.set.branches["a"].exchange.agreed.local, OURS)  # type: ignore[union-attr]  # it was completed
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_the_version_after_a_refusal(self) -> None:
        """A version that was refused is not used for another description (3264-8-a)."""
        self.hold()
        self.answered(1, 488)
        self.ask(2)
        effects = self.offered(1002)
        self.assertEqual(effects[-1], re_invite(2, 3, described(1002, 3)))
        self.answered(2, 488, cseq=3)
        self.ask(3)
        effects = self.offered(1002)
        self.assertEqual(effects[-1], re_invite(3, 4, described(1002, 3)))

    def test_glare(self) -> None:
        """After 491 the owner of the Call-ID waits 2.1 to 4 s and tries once more; a
        second one is a refusal (3261-14.1-c).
        """
        self.hold()
        effects = self.answered(1, 491)
        self.assertEqual(effects, [Rollback("a"), StartTimer(RETRY, 2.1)])
        effects = self.set.fire(RETRY)
        self.assertEqual(effects, [MakeOffer("a", True), START_MEDIA])
        self.assertEqual(self.offered(1000, "sendonly")[-1], re_invite(2, 3, HELD))
        self.assertEqual(self.failure_of(self.answered(2, 491, cseq=3)).status, 491)

    def test_the_peers_comes_meanwhile(self) -> None:
        """While we wait after the 491 the peer's re-INVITE is taken, and ours follows
        its ACK.
        """
        self.hold()
        self.answered(1, 491)
        effects = self.comes("INVITE", 1, described(2002, 2))[1]
        self.assertEqual(self.of_kind(effects, Reply), [])
        self.set.answer_made("a", OURS)
        self.assertEqual(self.set.fire(RETRY), [])
        effects = self.comes("ACK", 1)[1]
        self.assertEqual(effects[-2:], [MakeOffer("a", True), START_MEDIA])

    def test_too_early(self) -> None:
        """500 with Retry-After is followed, once, within reason (3261-14.2-a)."""
        for seconds, delay in ((0, 2.1), (7, 7.0)):
            self.call()
            self.hold()
            effects = self.answered(1, 500, None, ("Retry-After", str(seconds)))
            self.assertEqual(effects[-1], StartTimer(RETRY, delay))
        for rows in ([("Retry-After", "600")], [("Retry-After", "soon")], []):
            self.call()
            self.hold()
            self.assertEqual(
                self.failure_of(self.answered(1, 500, None, *rows)).status, 500
            )

    def test_back_to_what_is_in_force(self) -> None:
        """After a refusal the description in force is offered as it is, version and all
        (3264-8-a).
        """
        self.hold()
        self.answered(1, 488)
        self.ask(2)
        self.assertEqual(self.offered(1000)[-1], re_invite(2, 3, OURS))

    def test_later_is_another_matter(self) -> None:
        """Retry-After of another refusal is for the application to follow."""
        for status in (480, 503, 600):
            self.call()
            self.hold()
            effects = self.answered(1, status, None, ("Retry-After", "5"))
            self.assertEqual(self.failure_of(effects).status, status)

    def test_the_version_after_a_refusal_and_an_answer(self) -> None:
        """Each description of ours has a version above all before it, whether they were
        offers or answers (3264-8-a).
        """
        self.hold()
        self.answered(1, 488)
        self.comes("INVITE", 1, described(2002, 2))
        effects = self.set.answer_made("a", described(1004))
        (reply,) = self.of_kind(effects, Reply)
        self.assertEqual(reply.response.body, described(1004, 3).render())
        self.comes("ACK", 1)
        self.ask(2)
        effects = self.offered(1006)
        self.assertEqual(effects[-1], re_invite(2, 3, described(1006, 4)))

    def test_what_ends_the_call(self) -> None:
        """481, 408 and no response at all end the dialog by BYE, and so does what RFC
        5057 says (3261-14.1-b, 3261-12.2.1.2-b).
        """
        for status in (404, 408, 410, 416, 481, 482, 483, 484, 485, 502, 604):
            self.call()
            self.hold()
            effects = self.answered(1, status)
            self.assertEqual(self.failure_of(effects).status, status)
            (sent,) = self.of_kind(effects, SendInDialog)
            self.assertEqual(sent.request.method, "BYE")
            self.assertIn(f"cause={status};", sent.request.get("Reason") or "")
            effects = self.answer_request(2, 200)
            (ended,) = self.of_kind(effects, EndSession)
            self.assertEqual(ended.by, "local")
            self.assertIn(str(status), ended.reason or "")

    def test_what_does_not(self) -> None:
        """All others leave the call as it is (RFC 5057 5.1)."""
        for status in (400, 403, 406, 415, 420, 480, 486, 487, 489, 503, 600, 603):
            self.call()
            self.hold()
            effects = self.answered(1, status)
            self.assertEqual(self.of_kind(effects, SendInDialog), [])
            self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_timeout(self) -> None:
        """Timer B ends the dialog, a broken connection does not (3261-12.2.1.2-b)."""
        self.hold()
        effects = self.set.reinvite_failed(1, TransportFailed("broken"))
        self.assertIsNone(self.failure_of(effects).response)
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        self.ask(2)
        self.offered(1002)
        effects = self.set.reinvite_failed(2, TransactionTimeout("B"))
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertIn("cause=408;", sent.request.get("Reason") or "")

    def test_no_final_response(self) -> None:
        """One that rings on is cancelled after 64*T1, and given up 64*T1 later."""
        self.hold()
        self.answered(1, 100)
        self.assertEqual(self.answered(1, 180), [])
        effects = self.set.fire(limit(1))
        self.assertEqual(effects, [CancelReInvite(1), StartTimer(limit(1), 32.0)])
        effects = self.set.fire(limit(1))
        self.assertEqual(effects[0], AbandonReInvite(1))
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.method, "BYE")
        self.assertEqual(self.set.reinvite_failed(1, TransactionTimeout("B")), [])

    def test_cancelled_in_time(self) -> None:
        """The 487 to that CANCEL leaves the call as it is."""
        self.hold()
        self.answered(1, 180)
        self.set.fire(limit(1))
        effects = self.answered(1, 487)
        self.assertEqual(effects[0], StopTimer(limit(1)))
        self.assertEqual(self.failure_of(effects).status, 487)
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_restored(self) -> None:
        """After an error response to a re-INVITE of which changes were carried out, the
        session before it is offered again (6141-3.4-a, 6337-3.4-a).
        """
        self.hold()
        rows = [("Require", "100rel"), ("RSeq", "1")]
        self.answered(1, 183, HOLDING, *rows)
        effects = self.answered(1, 480)
        old = described(1000, 3)
        self.assertEqual(effects[-1], re_invite(3, 4, old))
        answer = described(2000, 3)
        effects = self.answered(3, 200, answer, cseq=4)
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])
        self.offered(1000)
        effects = self.set.media_applied("a")
        self.assertEqual(effects, [STOP_MEDIA, *told(old, answer)])

    def test_not_restored_without_end(self) -> None:
        """Where that fails as well it is left at that."""
        self.hold()
        rows = [("Require", "100rel"), ("RSeq", "1")]
        self.answered(1, 183, HOLDING, *rows)
        self.answered(1, 480)
        self.answered(3, 183, described(2000, 3), *rows, cseq=4)
        effects = self.answered(3, 480, cseq=4)
        self.assertEqual(self.of_kind(effects, SendReInvite), [])

    def test_media_makes_no_offer(self) -> None:
        """Nothing is sent; the session goes on."""
        self.ask()
        effects = self.set.media_refused("a", "no port")
        message = "the media made no offer: no port"
        failed = ModificationFailed("a", "local", "INVITE", None, message)
        error = self.failure_of(effects)
        self.assertEqual(
            effects, [STOP_MEDIA, Rollback("a"), Report(failed), RequestDone(1, error)]
        )
        self.ask()
        self.ask(2)
        effects = self.set.fire(MEDIA)
        self.assertEqual(effects[0], Rollback("a"))
        self.assertIn("not done within 8 s", str(self.failure_of(effects)))
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])

    def test_an_offer_that_cannot_follow(self) -> None:
        """An offer that changes the meaning of a payload type is not sent
        (3264-8.3.2-a).
        """
        text = str(OURS).replace("RTP/AVP 0", "RTP/AVP 96")
        for number, codec in enumerate(("opus/48000", "speex/8000")):
            self.ask(number)
            offer = described(1000).parse(f"{text}a=rtpmap:96 {codec}\r\n")
            effects = self.set.offer_made("a", offer)
            if number:
                self.assertEqual(effects[1], Rollback("a"))
                self.assertIn("RFC 3264 8.3.2", str(self.failure_of(effects)))
            else:
                self.answered(1, 200, offer)
                self.set.media_applied("a")
