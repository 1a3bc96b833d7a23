"""Changes of a session that we ask for: re-INVITE, UPDATE, and how they fail."""

from __future__ import annotations

from sipuac.dialog.effects import (
    AbandonReInvite,
    ApplyAnswer,
    CancelReInvite,
    CloseMedia,
    Effect,
    EndSession,
    Establish,
    MakeFreshOffer,
    MakeOffer,
    RepeatAck,
    Reply,
    Report,
    RequestDone,
    Resolved,
    Rollback,
    SendAck,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.events import ModificationFailed, ProtocolWarning
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    InviteForked,
    MediaRefused,
    TransactionTimeout,
    TransportFailed,
)
from tests.dialog.messages import because, bye, peer_request
from tests.dialog.talk import (
    MEDIA,
    OURS,
    RETRY,
    START_MEDIA,
    STOP_MEDIA,
    THEIRS,
    TalkCase,
    ack_of,
    described,
    limit,
    re_invite,
    refreshed,
    told,
    update,
)

HELD = described(1000, 2, "sendonly")
HOLDING = described(2000, 2, "recvonly")
UPDATE_ALLOWED = (("Allow", "INVITE, ACK, BYE, UPDATE"),)


class HoldTests(TalkCase):
    """A modification that goes well."""

    def test_hold(self) -> None:
        """A held offer goes into a re-INVITE with its version raised by one, its 2xx is
        acknowledged, and the media gets the answer (3264-8-a, 3264-8.4-a).
        """
        self.assertEqual(self.ask(1, True), [MakeOffer("a", True), START_MEDIA])
        offered = self.offered(1000, "sendonly")
        self.assertEqual(offered, [STOP_MEDIA, re_invite(1, 2, HELD)])
        self.assertEqual(
            self.answered(1, 200, HOLDING),
            [*ack_of(2), ApplyAnswer("a", HOLDING), START_MEDIA],
        )
        self.assertEqual(
            self.set.media_applied("a"),
            [STOP_MEDIA, *told(HELD, HOLDING, is_held=True), RequestDone(1, None)],
        )

    def test_resume(self) -> None:
        """A session that is held stays so until it is resumed."""
        self.ask(1, True)
        self.offered(1000, "sendonly")
        self.answered(1, 200, HOLDING)
        self.set.media_applied("a")
        self.assertEqual(self.ask(2), [MakeOffer("a", True), START_MEDIA])
        effects = self.offered(1000, "sendonly")
        self.assertEqual(effects, [STOP_MEDIA, re_invite(2, 3, HELD)])
        self.answered(2, 200, HOLDING, cseq=3)
        self.set.media_applied("a")
        self.assertEqual(self.ask(3, False), [MakeOffer("a", False), START_MEDIA])
        resumed = described(1000, 3)
        effects = self.offered(1000)
        self.assertEqual(effects, [STOP_MEDIA, re_invite(3, 4, resumed)])
        answer = described(2000, 3)
        self.answered(3, 200, answer, cseq=4)
        self.assertEqual(
            self.set.media_applied("a"),
            [STOP_MEDIA, *told(resumed, answer), RequestDone(3, None)],
        )

    def test_an_unchanged_offer(self) -> None:
        """Where nothing has changed the same description is offered again, with the
        version that it had (3264-8-a).
        """
        self.ask()
        self.assertEqual(self.offered(1000), [STOP_MEDIA, re_invite(1, 2, OURS)])
        self.answered(1, 200, THEIRS)
        self.assertEqual(
            self.set.media_applied("a"),
            [STOP_MEDIA, *refreshed(), RequestDone(1, None)],
        )

    def test_one_at_a_time(self) -> None:
        """A UAC MUST NOT initiate a new INVITE transaction within a dialog while
        another INVITE transaction is in progress in either direction: they wait in
        order (3261-14.1-a).
        """
        self.ask(1, True)
        self.assertEqual(self.ask(2, False), [])
        self.offered(1000, "sendonly")
        self.assertEqual(self.ask(3), [])
        self.answered(1, 200, HOLDING)
        effects = self.set.media_applied("a")
        self.assertEqual(
            effects[-3:], [RequestDone(1, None), MakeOffer("a", False), START_MEDIA]
        )
        self.offered(1000)
        self.answered(2, 200, described(2000, 3), cseq=3)
        effects = self.set.media_applied("a")
        self.assertEqual(
            effects[-3:], [RequestDone(2, None), MakeOffer("a", False), START_MEDIA]
        )

    def test_not_while_the_peers_is_in_progress(self) -> None:
        """Nor while the peer's INVITE has no ACK (3261-14.1-a)."""
        self.comes("INVITE", 1, described(2002, 2))
        self.assertEqual(self.ask(), [])
        self.set.answer_made("a", OURS)
        self.assertEqual(self.ask(2), [])
        effects = self.comes("ACK", 1)[1]
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])

    def test_target_refresh(self) -> None:
        """A UAC MUST replace the remote target by the Contact of a 2xx to a target
        refresh request; its ACK goes there (3261-12.2.1.2-a).
        """
        self.ask()
        self.offered(1002)
        new = "sip:new@a.example"
        effects = self.answered(1, 200, THEIRS, contact=f"<{new}>")
        self.assertEqual(effects[:2], ack_of(2, new))
        self.assertEqual(self.target, new)
        self.set.media_applied("a")
        (sent,) = self.of_kind(self.set.hang_up(), SendInDialog)
        self.assertEqual(sent.request.uri_text, new)

    def test_a_repeated_2xx(self) -> None:
        """Each 2xx of the re-INVITE gets the same ACK again (3261-13.2.2.4-d)."""
        self.ask()
        self.offered(1002)
        self.answered(1, 200, THEIRS)
        self.assertEqual(self.answered(1, 200, THEIRS), [RepeatAck("a", 2)])
        self.set.media_applied("a")
        self.assertEqual(self.answered(1, 200, THEIRS), [RepeatAck("a", 2)])

    def test_early_answers(self) -> None:
        """A reliable provisional response gets its PRACK and may bring the answer and a
        new target, an unreliable one brings neither (6141-4.7-a, 6337-2.2-b).
        """
        self.ask()
        self.offered(1002)
        contact = ("Contact", "<sip:old@a.example>")
        effects = self.answered(1, 180, None, contact)
        self.assertEqual(effects, [StartTimer(limit(1), 32.0)])
        self.assertEqual(self.target, "sip:a@a.example")
        rows = [("Require", "100rel"), ("RSeq", "7")]
        contact = ("Contact", "<sip:new@a.example>")
        effects = self.answered(1, 183, described(2002, 2), *rows, contact)
        (prack,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(prack.request.get("RAck"), "7 2 INVITE")
        self.assertEqual(prack.request.uri_text, "sip:new@a.example")
        self.assertEqual(self.answered(1, 183, described(2002, 2), *rows), [])
        effects = self.answered(1, 200)
        answer = ApplyAnswer("a", described(2002, 2))
        self.assertEqual(
            effects, [*ack_of(2, "sip:new@a.example"), answer, START_MEDIA]
        )

    def test_no_call(self) -> None:
        """Where there is no call there is nothing to change."""
        error = self.failure_of(self.set.modify("nobody", 4))
        self.assertEqual(str(error), "there is no call to change")
        self.set.hang_up()
        self.failure_of(self.ask())


class RefreshTests(TalkCase):
    """A refresh that the application asks for."""

    def test_update(self) -> None:
        """UPDATE is sent only where the peer allows it, without an offer and with a
        Contact; a 2xx brings its target (3311-4-a, 3311-5.1-d, 3311-5.1-b).
        """
        self.call(answer=UPDATE_ALLOWED)
        self.assertEqual(self.set.refresh("a", 1), [update(1, 2)])
        new = "<sip:new@a.example>"
        effects = self.answer_request(1, 200, contact=new)
        done = RequestDone(1, None)
        self.assertEqual(effects, [*refreshed("local", "UPDATE"), done])
        self.assertEqual(self.target, "sip:new@a.example")

    def test_re_invite(self) -> None:
        """Elsewhere a re-INVITE with the offer unchanged; the media is not asked
        (4028-7.4-b).
        """
        self.assertEqual(self.set.refresh("a", 1), [re_invite(1, 2, OURS)])
        effects = self.answered(1, 200, THEIRS)
        done = RequestDone(1, None)
        self.assertEqual(effects, [*ack_of(2), *refreshed(), done])

    def test_the_next_one(self) -> None:
        """What waits for a refresh follows it, by whichever method that was."""
        for allow in (UPDATE_ALLOWED, ()):
            self.call(answer=allow)
            self.set.refresh("a", 1)
            self.assertEqual(self.ask(2), [])
            if allow:
                effects = self.answer_request(1, 200)
            else:
                effects = self.answered(1, 200, THEIRS)
            self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])

    def test_another_answer(self) -> None:
        """Where the unchanged offer gets a new answer, the media gets it."""
        self.set.refresh("a", 1)
        answer = described(2002, 2)
        effects = self.answered(1, 200, answer)
        self.assertEqual(effects, [*ack_of(2), MakeOffer("a", False), START_MEDIA])
        effects = self.offered(1000)
        self.assertEqual(effects, [STOP_MEDIA, ApplyAnswer("a", answer), START_MEDIA])
        effects = self.set.media_applied("a")
        self.assertEqual(
            effects, [STOP_MEDIA, *told(OURS, answer), RequestDone(1, None)]
        )

    def test_update_is_not_known_after_all(self) -> None:
        """405 and 501 concern the method only: a re-INVITE instead."""
        for status in (405, 501):
            self.call(answer=UPDATE_ALLOWED)
            self.set.refresh("a", 1)
            effects = self.answer_request(1, status)
            self.assertEqual(effects, [re_invite(2, 3, OURS)])

    def test_update_refused(self) -> None:
        """The session parameters MUST remain unchanged after a non-2xx to UPDATE; 481,
        408 and a timeout end the dialog (3311-5.3-a).
        """
        self.call(answer=UPDATE_ALLOWED)
        self.set.refresh("a", 1)
        effects = self.answer_request(1, 488)
        self.assertEqual(self.failure_of(effects).status, 488)
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)
        for status in (408, 481, None):
            self.call(answer=UPDATE_ALLOWED)
            self.set.refresh("a", 1)
            if status is None:
                effects = self.set.request_finished(1, TransactionTimeout("F"))
            else:
                effects = self.answer_request(1, status)
            (sent,) = self.of_kind(effects, SendInDialog)
            self.assertEqual(sent.request.method, "BYE")
            cause = f"SIP;cause={status or 408};"
            self.assertIn(cause, sent.request.get("Reason") or "")

    def test_update_crosses(self) -> None:
        """After a 491 to UPDATE it waits as a re-INVITE does (3311-5.3-a)."""
        self.call(answer=UPDATE_ALLOWED)
        self.set.refresh("a", 1)
        effects = self.answer_request(1, 491)
        self.assertEqual(effects, [StartTimer(RETRY, 2.1)])
        self.assertEqual(self.set.fire(RETRY), [update(2, 3)])


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

    def test_later_is_another_matter(self) -> None:
        """Retry-After of another refusal is for the application to follow."""
        for status in (480, 503, 600):
            self.call()
            self.hold()
            effects = self.answered(1, status, None, ("Retry-After", "5"))
            self.assertEqual(self.failure_of(effects).status, status)

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


class DisagreementTests(TalkCase):
    """A 2xx after which both sides have not agreed: BYE."""

    def setUp(self) -> None:
        """Up to a re-INVITE of ours."""
        super().setUp()
        self.ask()
        self.offered(1002)

    def assert_ended(self, text: str, *effects: Effect) -> None:
        """It is told as failed, rolled back and ended."""
        error = self.failure_of(list(effects))
        self.assertIn(text, str(error))
        rest = [Rollback("a"), RequestDone(1, error), CloseMedia("a")]
        kept = [
            effect
            for effect in effects
            if isinstance(effect, Rollback | RequestDone | CloseMedia)
        ]
        self.assertEqual(kept, rest)
        reason = because(488, str(error))
        self.assertEqual(effects[-1], bye("a", 2, reason, 3))

    def test_no_answer(self) -> None:
        """A 2xx without an answer is acknowledged, then BYE."""
        effects = self.answered(1, 200)
        self.assertEqual(effects[:2], ack_of(2))
        self.assert_ended("the 2xx brought no answer", *effects)

    def test_an_unreadable_answer(self) -> None:
        """The same where it cannot be read."""
        said = self.response_to_invite(200, THEIRS).with_body(
            b"hello", "application/sdp"
        )
        effects = self.set.reinvite_response(1, said)
        self.assertEqual(self.of_kind(effects, SendAck), ack_of(2)[:1])
        (warning,) = self.events(effects, ProtocolWarning)
        assert isinstance(warning, ProtocolWarning)
        self.assertIn("cannot be read", warning.message)
        self.assert_ended("the 2xx brought no answer", *effects)

    def test_media_refuses(self) -> None:
        """The same where the media cannot take it."""
        self.answered(1, 200, THEIRS)
        effects = self.set.media_refused("a", "no codec")
        self.assert_ended("the media refused the answer: no codec", *effects)

    def test_media_is_silent(self) -> None:
        """The same where the media says nothing in time."""
        self.answered(1, 200, THEIRS)
        self.assert_ended("not done within 8 s", *self.set.fire(MEDIA))


class EndTests(TalkCase):
    """The call ends while a modification is under way."""

    def test_while_the_media_works(self) -> None:
        """What waits fails; nothing more is asked of the media."""
        self.ask(1)
        self.ask(2)
        effects = self.set.hang_up()
        done = self.of_kind(effects, RequestDone)
        self.assertEqual([one.token for one in done], [1, 2])
        self.assertIn(STOP_MEDIA, effects)
        self.assertEqual(self.offered(1000), [])

    def test_while_it_waits_after_a_491(self) -> None:
        """The retry does not take place: "if the call was already hung up with a BYE,
        the UPDATE would not take place" (3311-5.3-a).
        """
        self.ask()
        self.offered(1002)
        self.answered(1, 491)
        effects = self.set.hang_up()
        self.assertIn(StopTimer(RETRY), effects)
        self.assertEqual(self.set.fire(RETRY), [])

    def test_our_bye_crosses_its_2xx(self) -> None:
        """A 2xx to a re-INVITE is acknowledged after our BYE as well
        (3261-15.1.2-b, 3261-13.2.2.4-b).
        """
        self.ask()
        self.offered(1002)
        self.set.hang_up()
        self.assertEqual(self.answered(1, 200, THEIRS), [*ack_of(2)])
        self.assertEqual(self.answered(1, 200, THEIRS), [RepeatAck("a", 2)])

    def test_the_peers_bye(self) -> None:
        """The peer's BYE ends the call; its 487 to our re-INVITE means nothing more
        (3261-15.1.2-b).
        """
        self.ask()
        self.offered(1002)
        effects = self.set.request_received(peer_request("BYE"))
        error = self.failure_of(effects)
        self.assertEqual(str(error), "the call is over")
        self.assertEqual(
            effects[1:],
            [
                RequestDone(1, error),
                CloseMedia("a"),
                EndSession("a", "remote"),
                Resolved(),
            ],
        )
        self.assertEqual(self.answered(1, 487), [])

    def test_forgotten_after_the_re_invite(self) -> None:
        """Nothing is forgotten while a re-INVITE has no final response; one that never
        gets one is given up.
        """
        self.ask()
        self.offered(1002)
        self.set.request_received(peer_request("BYE"))
        self.assertEqual(self.set.fire("linger"), [])
        self.assertEqual(self.answered(1, 180), [StartTimer(limit(1), 32.0)])
        effects = self.set.fire(limit(1))
        self.assertEqual(effects[0], AbandonReInvite(1))
        self.assertEqual(type(effects[1]).__name__, "Forget")


class AdoptTests(TalkCase):
    """A 2xx that the media cannot take, and a fresh offer."""

    def setUp(self) -> None:
        """Early media with "b", the 2xx of "a" is taken, and has no media."""
        self.early_media(can_replace_answer=False, can_fork_offer=False)
        self.receive(180, "a")
        said = self.receive(200, "a", port=2000)[0]
        self.branch = self.set.branches["a"]
        if self.branch.media.value != "none":
            self.set.endings.close_media(self.branch)
            self.set.outbox.taken_out()
        self.said = said

    def adopt(self) -> list[Effect]:
        """Begin."""
        self.set.modifications.adopt(self.branch)
        return self.set.outbox.taken_out()

    def test_adopted(self) -> None:
        """A fresh offer in a re-INVITE; its answer opens the media: the call stands."""
        self.assertEqual(self.adopt(), [MakeFreshOffer("a"), START_MEDIA])
        effects = self.offered(1010)
        offer = described(1010, 2)
        self.assertEqual(effects, [STOP_MEDIA, re_invite(1, 2, offer)])
        answer = described(2010, 2)
        effects = self.answered(1, 200, answer)
        self.assertEqual(effects, [*ack_of(2), ApplyAnswer("a", answer), START_MEDIA])
        effects = self.set.media_applied("a")
        self.assertEqual(
            self.of_kind(effects, Establish), [Establish("a", answer, offer)]
        )
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_refused(self) -> None:
        """Where the re-INVITE is refused the call is ended, and the attempt fails."""
        self.adopt()
        self.offered(1010)
        effects = self.answered(1, 488)
        self.assertEqual(effects[0], Rollback("a"))
        self.assertEqual(self.of_kind(effects, Rollback), [Rollback("a")])
        self.assertIs(type(self.failure(effects)), InviteForked)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.method, "BYE")

    def test_the_media_refuses(self) -> None:
        """The same where the media has no offer, or cannot take the answer."""
        self.adopt()
        effects = self.set.media_refused("a", "no port")
        self.assertIs(type(self.failure(effects)), MediaRefused)
        self.setUp()
        self.adopt()
        self.offered(1010)
        self.answered(1, 200, THEIRS)
        effects = self.set.media_refused("a", "no codec")
        self.assertIs(type(self.failure(effects)), MediaRefused)
        self.assertEqual(self.of_kind(effects, CloseMedia), [CloseMedia("a")])

    def test_hung_up(self) -> None:
        """The fresh offer is given up where the call is."""
        self.adopt()
        self.assertIn(Rollback("a"), self.set.hang_up())

    def test_the_peer_is_told_to_wait(self) -> None:
        """Meanwhile the peer's re-INVITE crosses ours: 491."""
        self.adopt()
        self.assertEqual(self.status_of(self.comes("INVITE", 1, THEIRS)[1]), 491)
