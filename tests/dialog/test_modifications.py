"""Changes of a session that we ask for, by re-INVITE and UPDATE."""

from __future__ import annotations

from sipuac.dialog.effects import (
    ApplyAnswer,
    ForgetAck,
    MakeOffer,
    RepeatAck,
    RequestDone,
    SendInDialog,
)
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer
from sipuac.errors import TransactionTimeout
from tests.dialog.talk import (
    HELD,
    HOLDING,
    OURS,
    RETRY,
    START_MEDIA,
    STOP_MEDIA,
    THEIRS,
    UPDATE_ALLOWED,
    TalkCase,
    ack_of,
    described,
    limit,
    re_invite,
    refreshed,
    told,
    update,
)


class HoldTests(TalkCase):
    """A modification that goes well."""

    def test_not_by_update(self) -> None:
        """A change goes by re-INVITE also where the peer allows UPDATE: its user may
        have to agree (3311-5.1-c).
        """
        self.call(answer=UPDATE_ALLOWED)
        self.ask(1, True)
        offered = self.offered(1000, "sendonly")
        self.assertEqual(offered, [STOP_MEDIA, re_invite(1, 2, HELD)])

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
        self.assertEqual(self.set.fire(limit(1)), [ForgetAck("a", 2)])
        self.assertEqual(self.answered(1, 200, THEIRS), [])

    def test_a_preview(self) -> None:
        """A description in an unreliable response previews the answer, and is it where
        the 2xx does not repeat it (6337-3.1.1-a).
        """
        self.ask()
        self.offered(1002)
        self.answered(1, 183, described(2002, 2))
        effects = self.answered(1, 200)
        self.assertIn(ApplyAnswer("a", described(2002, 2)), effects)

    def test_it_allows_update(self) -> None:
        """What the peer allows is read in every response (3311-4-a)."""
        self.ask()
        self.offered(1002)
        self.answered(1, 488, None, ("Allow", "INVITE, UPDATE"))
        self.assertEqual(self.set.refresh("a", 2), [update(2, 3)])

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
