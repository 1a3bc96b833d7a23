"""The peer's re-INVITE and UPDATE while something else is under way."""

from __future__ import annotations

from sipuac.dialog.effects import (
    CloseMedia,
    Effect,
    EndSession,
    MakeAnswer,
    Resolved,
    SendInDialog,
)
from sipuac.syntax.message import Request
from tests.dialog.messages import reply
from tests.dialog.talk import (
    NEW,
    OURS,
    START_MEDIA,
    STOP_MEDIA,
    STOP_REPEATING,
    THEIRS,
    TalkCase,
    described,
)


class GlareTests(TalkCase):
    """Requests that cross, or come too early."""

    def assert_busy(self, request: Request, effects: list[Effect]) -> None:
        """500 with Retry-After, which is 0 where chance is."""
        self.assertEqual(effects, [reply(request, 500, ("Retry-After", "0"))])

    def test_ours_is_in_progress(self) -> None:
        """A UAS that receives an INVITE on a dialog while an INVITE it had sent on that
        dialog is in progress MUST return a 491; UPDATE with an offer too (3261-14.2-a,
        3311-5.2-a).
        """
        for stage in ("making", "sent", "applying"):
            self.call()
            self.ask()
            if stage != "making":
                self.offered(1002)
            if stage == "applying":
                self.answered(1, 200, THEIRS)
            request, effects = self.comes("INVITE", 1, NEW)
            self.assertEqual(effects, [reply(request, 491)], stage)
            request, effects = self.comes("UPDATE", 2, NEW)
            self.assertEqual(effects, [reply(request, 491)], stage)
            effects = self.comes("UPDATE", 3)[1]
            self.assertEqual(self.status_of(effects), 200, stage)

    def test_our_update(self) -> None:
        """An UPDATE of ours without offer is in nobody's way."""
        self.call(answer=(("Allow", "UPDATE"),))
        self.set.refresh("a", 1)
        effects = self.comes("INVITE", 1, NEW)[1]
        self.assertEqual(effects, [MakeAnswer("a", NEW), START_MEDIA])

    def test_a_second_one(self) -> None:
        """A UAS that receives a second INVITE before it sends the final response to a
        first one MUST return a 500 with a Retry-After of 0 to 10 s; also before the ACK
        of the first (3261-14.2-a).
        """
        self.comes("INVITE", 1, NEW)
        self.assert_busy(*self.comes("INVITE", 2, NEW))
        self.set.answer_made("a", OURS)
        self.assert_busy(*self.comes("INVITE", 3, NEW))
        self.comes("ACK", 1)
        effects = self.comes("INVITE", 4, NEW)[1]
        self.assertEqual(effects, [MakeAnswer("a", NEW), START_MEDIA])

    def test_during_its_update(self) -> None:
        """The peer's re-INVITE and its second UPDATE get 500 while its UPDATE with an
        offer is not answered (6337-4.3-b, 3311-5.2-a).
        """
        self.comes("UPDATE", 1, NEW)
        self.assert_busy(*self.comes("INVITE", 2, NEW))
        self.assert_busy(*self.comes("UPDATE", 3, NEW))
        self.assert_busy(*self.comes("UPDATE", 4))
        effects = self.set.answer_made("a", OURS)
        self.assertEqual(self.status_of(effects), 200)

    def test_update_during_its_re_invite(self) -> None:
        """An UPDATE with an offer gets 500 while a received offer is not answered;
        after our 2xx it is taken, before the ACK or not (3311-5.2-a).
        """
        self.comes("INVITE", 1, NEW)
        self.assert_busy(*self.comes("UPDATE", 2, NEW))
        self.set.answer_made("a", OURS)
        effects = self.comes("UPDATE", 3, described(2004, 3))[1]
        self.assertEqual(effects[-1], START_MEDIA)
        effects = self.set.answer_made("a", OURS)
        self.assertEqual(self.status_of(effects), 200)
        self.assertEqual(self.comes("ACK", 1)[1], STOP_REPEATING)

    def test_update_during_our_offer(self) -> None:
        """The same while our offer in a 2xx has no answer, or the media works on it."""
        self.comes("INVITE", 1)
        self.offered(1002)
        self.assert_busy(*self.comes("UPDATE", 2, NEW))
        self.comes("ACK", 1, NEW)
        self.assert_busy(*self.comes("UPDATE", 3, NEW))

    def test_before_the_call_stands(self) -> None:
        """While the media works on the 2xx of the initial INVITE: 491."""
        self.begin()
        self.receive(200, "a", port=2000)
        request, effects = self.comes("INVITE", 1, NEW)
        self.assertEqual(effects, [reply(request, 491)])
        request, effects = self.comes("UPDATE", 2, NEW)
        self.assertEqual(effects, [reply(request, 491)])
        self.assertEqual(self.status_of(self.comes("UPDATE", 3)[1]), 200)

    def test_before_our_ack(self) -> None:
        """The same while the ACK waits for our answer."""
        self.begin(is_offerless=True)
        self.receive(200, "a", port=2000)
        request, effects = self.comes("INVITE", 1, NEW)
        self.assertEqual(effects, [reply(request, 491)])

    def test_during_our_bye(self) -> None:
        """While our BYE is on its way there is no dialog any more for others: 481."""
        self.set.hang_up()
        request, effects = self.comes("INVITE", 1, NEW)
        self.assertEqual(effects, [reply(request, 481)])
        request, effects = self.comes("REFER", 2)
        self.assertEqual(effects, [reply(request, 481)])


class EndTests(TalkCase):
    """The call ends while a request of the peer waits."""

    def test_our_bye(self) -> None:
        """What waits for its answer gets 487 (3261-15.1.2-a)."""
        request = self.comes("INVITE", 1, NEW)[0]
        effects = self.set.hang_up()
        self.assertEqual(effects[0], reply(request, 487))
        self.assertIn(STOP_MEDIA, effects)
        self.call()
        request = self.comes("UPDATE", 1, NEW)[0]
        self.assertEqual(self.set.hang_up()[0], reply(request, 487))

    def test_its_bye(self) -> None:
        """The UAS MUST still respond to any pending requests received for that dialog;
        a 487 is RECOMMENDED (3261-15.1.2-a, 3261-15.1.2-b).
        """
        invite = self.comes("INVITE", 1, NEW)[0]
        request, effects = self.comes("BYE", 2)
        self.assertEqual(
            effects,
            [
                reply(request, 200),
                reply(invite, 487),
                STOP_MEDIA,
                CloseMedia("a"),
                EndSession("a", "remote"),
                Resolved(),
            ],
        )
        self.assertEqual(self.set.answer_made("a", OURS), [])

    def test_its_bye_before_its_ack(self) -> None:
        """The 2xx is repeated no more (3261-15.1.2-b)."""
        self.comes("INVITE", 1, NEW)
        self.set.answer_made("a", OURS)
        effects = self.comes("BYE", 2)[1]
        self.assertEqual(effects[1:3], STOP_REPEATING)
        self.assertEqual(self.comes("ACK", 1)[1], [])
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
