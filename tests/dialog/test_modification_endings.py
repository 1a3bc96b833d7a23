"""Calls that end by a change that we ask for, or during one."""

from __future__ import annotations

from sipuac.dialog.effects import (
    AbandonReInvite,
    CloseMedia,
    Effect,
    EndSession,
    RepeatAck,
    RequestDone,
    Resolved,
    Rollback,
    SendAck,
)
from sipuac.dialog.events import ProtocolWarning
from sipuac.effects import StartTimer, StopTimer
from tests.dialog.messages import because, bye, peer_request
from tests.dialog.talk import MEDIA, RETRY, STOP_MEDIA, THEIRS, TalkCase, ack_of, limit


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

    def test_what_comes_after_its_2xx(self) -> None:
        """A 2xx is the last word on a re-INVITE but for its repetitions."""
        self.ask()
        self.offered(1002)
        self.answered(1, 200, THEIRS)
        self.assertEqual(self.answered(1, 180), [])
        self.assertEqual(self.answered(1, 500), [])
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
