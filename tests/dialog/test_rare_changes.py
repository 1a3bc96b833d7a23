"""Changes of a session that go a way which is seldom gone."""

from __future__ import annotations

from sipuac.dialog.effects import (
    ApplyAnswer,
    MakeOffer,
    RequestDone,
    Rollback,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.fork_policy import KeepAll
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import RequestTerminated, TransactionTimeout
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Response
from tests.dialog.messages import because
from tests.dialog.talk import (
    HOLDING,
    NEW,
    OURS,
    REPEAT,
    RETRY,
    THEIRS,
    TalkCase,
    described,
    limit,
    re_invite,
)
from tests.dialog.test_adopt import SINGLE, AdoptCase, reinvite_response

_RELIABLY = [("Require", "100rel"), ("RSeq", "1")]


class OursTests(TalkCase):
    """Changes that we ask for."""

    def hold(self) -> None:
        """Ask to hold, up to the re-INVITE."""
        self.ask(1, True)
        self.offered(1000, "sendonly")

    def test_the_longest_wait(self) -> None:
        """A Retry-After of ten seconds is waited for, a longer one is a refusal: within
        reason, as 14.2 gives "between 0 and 10 seconds".
        """
        for seconds, is_followed in ((10, True), (11, False)):
            self.call()
            self.hold()
            effects = self.answered(1, 500, None, ("Retry-After", str(seconds)))
            self.assertEqual(StartTimer(RETRY, 10.0) in effects, is_followed)

    def test_what_the_failure_says(self) -> None:
        """Reason and Warning of the refusal are the application's to read."""
        self.hold()
        reason, warning = "Q.850;cause=58", '399 x "y"'
        rows = [("Reason", reason), ("Warning", warning)]
        error = self.failure_of(self.answered(1, 488, None, *rows))
        self.assertEqual((error.reason, error.warning), ((reason,), (warning,)))

    def test_media_that_speaks_out_of_turn(self) -> None:
        """What the media says while the request is out is nobody's."""
        self.hold()
        self.assertEqual(self.offered(1004), [])
        self.assertEqual(self.set.media_applied("a"), [])
        self.set.media_refused("a", "no")
        effects = self.answered(1, 200, HOLDING)
        self.assertIn(ApplyAnswer("a", HOLDING), effects)

    def test_restored_first(self) -> None:
        """What the peer has carried out of a change that failed is undone before
        anything else is changed (6141-3.4-a).
        """
        self.hold()
        self.ask(2)
        self.answered(1, 183, HOLDING, *_RELIABLY)
        effects = self.answered(1, 480)
        self.assertEqual(self.of_kind(effects, MakeOffer), [])
        self.assertEqual(effects[-1], re_invite(3, 4, described(1000, 3)))

    def test_an_unreliable_answer_was_not_carried_out(self) -> None:
        """Only what comes in a reliable response is an answer (RFC 6141 3.1): nothing
        has to be undone after an unreliable one, or a reliable one without.
        """
        for description, rows in ((HOLDING, []), (None, _RELIABLY)):
            self.call()
            self.hold()
            self.answered(1, 183, description, *rows)
            effects = self.answered(1, 480)
            self.assertEqual(self.of_kind(effects, SendReInvite), [])

    def test_a_method_that_is_not_known(self) -> None:
        """501 to a re-INVITE is final: there is no other method to try."""
        self.hold()
        effects = self.answered(1, 501)
        self.assertEqual(self.failure_of(effects).status, 501)
        self.assertEqual(self.of_kind(effects, MakeOffer, SendReInvite), [])

    def test_challenged(self) -> None:
        """A challenged re-INVITE goes out again for the same change, and is limited
        anew (3261-22.2-a).
        """
        self.ask()
        (sent,) = self.of_kind(self.offered(1002), SendReInvite)
        self.answered(1, 183)
        new = [("Authorization", "Digest new")]
        effects = self.set.request_challenged(1, sent.request, new)
        expected = sent.request.replacing("CSeq", "3 INVITE").with_headers(new)
        self.assertEqual(
            effects,
            [StopTimer(limit(1)), SendReInvite("a", 1, expected, sent.next_hop)],
        )
        effects = self.answered(1, 183, cseq=3)
        self.assertEqual(effects, [StartTimer(limit(1), 32.0)])
        effects = self.answered(1, 200, THEIRS, cseq=3)
        self.assertIn(ApplyAnswer("a", THEIRS), effects)

    def test_challenged_after_a_reliable_response(self) -> None:
        """The numbers of reliable responses begin anew with another transaction
        (RFC 3262 section 3).
        """
        self.ask()
        (sent,) = self.of_kind(self.offered(1002), SendReInvite)
        for cseq in (2, 3):
            effects = self.answered(1, 183, None, *_RELIABLY, cseq=cseq)
            self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)
            self.set.request_challenged(1, sent.request, [])

    def test_a_request_challenged_in_time(self) -> None:
        """It is sent again in a call that stands, a probe in an early dialog too."""
        call = self.set.send_request("a", 7, "INFO")
        (sent,) = self.of_kind(call, SendInDialog)
        effects = self.set.request_challenged(sent.number, sent.request, [])
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)
        self.early_media()
        self.with_early_media("a")
        (sent,) = self.of_kind(self.receive(180, "b")[1], SendInDialog)
        effects = self.set.request_challenged(sent.number, sent.request, [])
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)

    def test_challenged_too_late(self) -> None:
        """It does not go out again when the call is over, and nothing waits for it."""
        self.ask()
        (sent,) = self.of_kind(self.offered(1002), SendReInvite)
        self.answered(1, 183)
        self.set.hang_up()
        effects = self.set.request_challenged(1, sent.request, [])
        self.assertEqual(effects, [StopTimer(limit(1))])
        self.assertTrue(self.set.reinvites.is_idle)

    def test_a_request_challenged_too_late(self) -> None:
        """A request of the application in a dialog that is being ended is not repeated,
        a BYE is.
        """
        effects = self.set.send_request("a", 7, "INFO")
        (sent,) = self.of_kind(effects, SendInDialog)
        (bye,) = self.of_kind(self.set.hang_up(), SendInDialog)
        effects = self.set.request_challenged(sent.number, sent.request, [])
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        effects = self.set.request_challenged(bye.number, bye.request, [])
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)

    def test_a_prack_challenged_after_the_2xx(self) -> None:
        """A PRACK is sent again, as its dialog lives."""
        self.begin()
        effects = self.receive(183, "a", port=2000, rseq=1)[1]
        (sent,) = self.of_kind(effects, SendInDialog)
        self.receive(200, "a")
        effects = self.set.request_challenged(sent.number, sent.request, [])
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)

    def test_a_late_failure(self) -> None:
        """A re-INVITE whose 2xx is acknowledged cannot fail any more."""
        self.hold()
        self.answered(1, 200, HOLDING)
        self.assertEqual(self.set.reinvite_failed(1, TransactionTimeout("B")), [])

    def test_what_the_peer_allows(self) -> None:
        """Any response to a request of ours may say whether UPDATE can be sent (20.5):
        the next refresh goes by it.
        """
        (sent,) = self.of_kind(self.set.send_request("a", 1, "INFO"), SendInDialog)
        allow = [("Allow", "INVITE, UPDATE")]
        self.answer_request(sent.number, 200, headers=allow)
        (sent,) = self.of_kind(self.set.refresh("a", 2), SendInDialog)
        self.assertEqual(sent.request.method, "UPDATE")

    def test_a_target_in_a_refusal(self) -> None:
        """Only a 2xx brings a new target (3261-12.2.1.2-a)."""
        self.call(answer=(("Allow", "UPDATE"),))
        (sent,) = self.of_kind(self.set.refresh("a", 1), SendInDialog)
        self.answer_request(sent.number, 500, contact="<sip:x@x.example>")
        self.assertEqual(self.target, "sip:a@a.example")

    def test_further_requests_of_the_call(self) -> None:
        """What waits when the call ends is told so, each by its token."""
        self.hold()
        self.ask(2)
        effects = self.set.hang_up()
        done = [e.token for e in self.of_kind(effects, RequestDone)]
        self.assertEqual(done, [1, 2])


class SessionTimerTests(TalkCase):
    """A change that fails beside a session timer that runs."""

    def test_it_is_left_alone(self) -> None:
        """Media that makes no offer for the application puts off no refresh."""
        expires = ("Session-Expires", "180;refresher=uac")
        self.call(("Session-Expires", "180"), answer=(expires,))
        self.ask()
        effects = self.set.media_refused("a", "no port")
        self.assertEqual(self.of_kind(effects, StartTimer), [])


class TheirsTests(TalkCase):
    """Changes that the peer asks for."""

    def test_a_repeated_ack(self) -> None:
        """The ACK of a repeated 2xx brings the answer again, and no more."""
        self.comes("INVITE", 1)
        self.offered(1002)
        self.comes("ACK", 1, NEW)
        self.assertEqual(self.comes("ACK", 1, NEW)[1], [])
        self.set.media_applied("a")
        self.assertEqual(self.comes("ACK", 1, NEW)[1], [])

    def test_media_that_speaks_out_of_turn(self) -> None:
        """An offer where an answer was wanted, and the other way round, is nobody's, as
        is what comes after it was done.
        """
        self.comes("INVITE", 1, NEW)
        self.assertEqual(self.offered(1004), [])
        self.assertNotEqual(self.set.answer_made("a", OURS), [])
        self.assertEqual(self.set.answer_made("a", OURS), [])
        self.comes("ACK", 1)
        self.comes("INVITE", 2)
        self.assertEqual(self.set.answer_made("a", OURS), [])
        self.assertNotEqual(self.offered(1004), [])
        self.assertEqual(self.set.media_applied("a"), [])
        self.set.media_refused("a", "no")
        effects = self.comes("ACK", 2, NEW)[1]
        self.assertIn(ApplyAnswer("a", NEW), effects)

    def test_the_exchange_is_open(self) -> None:
        """What the exchange of the dialog does not allow is refused, warned of, and
        leaves nothing behind.
        """
        exchange = self.set.branches["a"].exchange
        before = exchange.agreed
        self.comes("INVITE", 1, NEW)
        effects = self.comes("INVITE", 2, NEW)[1]
        self.assertEqual(self.status_of(effects), 500)
        self.assertEqual(exchange.agreed, before)

    def test_cancel_of_nothing(self) -> None:
        """CANCEL of an INVITE that is answered, or of nobody's, changes nothing
        (RFC 3261 section 9.2).
        """
        request = self.comes("INVITE", 1, NEW)[0]
        rows = [("CSeq", "1 CANCEL") if n == "CSeq" else (n, v)
                for n, v in request.header_items()]  # fmt: skip
        cancel = type(request)("CANCEL", request.uri_text, rows)
        nobody = cancel.replacing("From", "<sip:x@x.example>")
        self.assertEqual(self.set.cancel_received(nobody), [])
        stranger = cancel.replacing("From", "<sip:x@x.example>;tag=x")
        self.assertEqual(self.set.cancel_received(stranger), [])
        self.set.answer_made("a", OURS)
        self.assertEqual(self.set.cancel_received(cancel), [])
        self.comes("ACK", 1)
        self.assertEqual(self.set.cancel_received(cancel), [])

    def test_nothing_is_repeated_after_the_ack(self) -> None:
        """The 2xx is repeated until its ACK (3261-13.3.1.4-a), and no longer."""
        self.comes("INVITE", 1, NEW)
        self.set.answer_made("a", OURS)
        self.assertNotEqual(self.set.fire(REPEAT), [])
        self.comes("ACK", 1)
        self.assertEqual(self.set.fire(REPEAT), [])

    def test_the_event_of_a_bad_answer(self) -> None:
        """It was the peer's INVITE that failed."""
        self.comes("INVITE", 1)
        self.offered(1002)
        event = self.failed(self.comes("ACK", 1)[1])
        self.assertEqual((event.by, event.method), ("remote", "INVITE"))

    def test_its_answer_may_have_another_name(self) -> None:
        """In an answer of ours the streams follow the offer's, whatever ours were
        before (3264-6-a).
        """
        text = f"{NEW}m=audio 4004 RTP/AVP 0\r\n"
        self.comes("INVITE", 1, SessionDescription.parse(text))
        answer = SessionDescription.parse(f"{OURS}m=audio 4006 RTP/AVP 0\r\n")
        effects = self.set.answer_made("a", answer)
        self.assertEqual(self.status_of(effects), 200)
        agreed = self.set.branches["a"].exchange.agreed
        assert agreed is not None
        self.assertEqual(len(agreed.local.media), 2)


class AdoptedTests(AdoptCase):
    """A call that was to be saved by a fresh offer, and is ended."""

    def reason_of(self, effects: list[object]) -> str:
        """Why the BYE says that the call is ended."""
        sent = [one for one in effects if isinstance(one, SendInDialog)]
        (bye,) = [one for one in sent if one.branch == "b"]
        return bye.request.get("Reason") or ""

    def test_reasons(self) -> None:
        """488 where no description was agreed on; what ends a dialog by itself is said
        as it is (RFC 3326 section 2).
        """
        self.adopt()
        effects = self.set.media_refused("b", "no codec")
        self.assertIn("cause=488;", self.reason_of([*effects]))
        for status, cause in ((488, 488), (503, 488), (408, 408), (481, 481)):
            sent = self.reinvited()
            said = reinvite_response(status)
            effects = self.set.reinvite_response(sent.number, said)
            self.assertIn(f"cause={cause};", self.reason_of([*effects]))
        sent = self.reinvited()
        effects = self.set.reinvite_response(sent.number, reinvite_response(200))
        self.assertIn("cause=488;", self.reason_of([*effects]))

    def test_while_it_waits(self) -> None:
        """After a 491 the fresh offer is given up once, and made anew when the wait is
        over; the end of the call gives up no more.
        """
        sent = self.reinvited()
        said = reinvite_response(491)
        effects = self.set.reinvite_response(sent.number, said)
        self.assertEqual(self.of_kind(effects, Rollback), [Rollback("b")])
        effects = self.set.hang_up()
        self.assertEqual(self.of_kind(effects, Rollback), [])

    def test_no_media_for_extras(self) -> None:
        """Nothing else gets the media while the fresh offer is made."""
        self.ring(**SINGLE)
        self.receive(200, "b", port=3000)
        self.assertEqual(self.set.branches["b"].media, "none")
        self.assertEqual(self.set.branches["a"].media, "none")


class RefusedOffersTests(TalkCase):
    """Media that closes before the 2xx of an offerless call."""

    def test_the_reason(self) -> None:
        """A 199 has closed the media: this dialog cannot be the call. BYE with 488."""
        self.begin(is_offerless=True)
        self.receive(183, "a", port=2000, rseq=1)
        self.set.answer_made("a", OURS)
        self.receive(199, "a")
        effects = self.receive(200, "a")[1]
        sent = self.of_kind(effects, SendInDialog)
        self.assertEqual([one.request.method for one in sent], ["BYE"])
        reason = sent[0].request.get("Reason")
        self.assertEqual(reason, because(488, "Not acceptable here")[1])

    def test_a_prack_that_fails_is_told(self) -> None:
        """481 to our answer in PRACK ends that dialog alone (3261-12.2.1.2-b), and is
        the reason where the INVITE then fails with 487.
        """
        self.begin(is_offerless=True)
        self.receive(183, "a", port=2000, rseq=1)
        effects = self.set.answer_made("a", OURS)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.set.request_finished(sent.number, Response(481, None, []))
        self.assertFalse(self.set.branches["a"].is_early)
        error = self.failure(self.receive(487, "z")[1])
        self.assertNotIsInstance(error, RequestTerminated)
        self.assertIn("the PRACK was answered 481", str(error))

    def test_a_prack_that_fails_too_late(self) -> None:
        """Where the dialog is over, or the INVITE is being cancelled, there is nothing
        more to be ended: no BYE.
        """
        for is_cancelled in (True, False):
            self.begin()
            self.receive(183, "a", port=2000, rseq=1)
            if is_cancelled:
                self.set.hang_up()
            else:
                self.receive(199, "a")
            effects = self.answer_request(1, 481)
            self.assertEqual(self.of_kind(effects, SendInDialog), [])

    def test_a_prack_that_fails_leaves_the_media(self) -> None:
        """The next dialog with an answer has the media then."""
        self.early_media()
        self.receive(183, "a", port=2000, rseq=1)
        self.set.media_applied("a")
        self.receive(183, "b", port=3000)
        effects = self.answer_request(1, 481)
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)
        self.assertIs(self.set.forks.media, self.set.branches["b"])

    def test_a_prack_that_fails_otherwise(self) -> None:
        """Our exchange is complete all the same: the answer is there. The peer's UPDATE
        with an offer gets what it gets then, 488.
        """
        self.begin()
        self.receive(183, "a", port=2000, rseq=1)
        self.answer_request(1, 500)
        self.assertEqual(self.status_of(self.comes("UPDATE", 1, NEW)[1]), 488)

    def test_the_answer_to_an_earlier_prack(self) -> None:
        """It may come while a later response's offer waits for our answer."""
        self.begin(is_offerless=True)
        self.receive(183, "a", rseq=1)
        self.receive(183, "a", port=2000, rseq=2)
        self.assertEqual(self.answer_request(1, 200), [])
        effects = self.set.answer_made("a", OURS)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.body, OURS.render())


class TwoCallsTests(TalkCase):
    """Each call changes by itself."""

    def test_the_end_of_another(self) -> None:
        """A re-INVITE goes on when another call of the same INVITE ends."""
        self.call(policy=KeepAll())
        self.receive(200, "b", port=3000)
        self.set.media_applied("b")
        self.ask()
        self.offered(1002)
        self.set.end_branch("b")
        self.assertIn(ApplyAnswer("a", THEIRS), self.answered(1, 200, THEIRS))
