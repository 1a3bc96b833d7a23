"""Answers that cannot be used with our offer: no media is asked about them."""

from __future__ import annotations

from sipuac.dialog.effects import (
    ApplyAnswer,
    Effect,
    FailInvite,
    MoveMedia,
    ReplaceAnswer,
    SendAck,
)
from sipuac.dialog.events import ProtocolWarning
from sipuac.dialog.fork_policy import Follow
from sipuac.dialog.session_state import SessionState
from sipuac.errors import MediaRefused
from sipuac.sdp.description import SessionDescription
from tests.dialog.messages import (
    NOT_ACCEPTABLE,
    DialogCase,
    accepted,
    ack,
    applied,
    because,
    bye,
    closed,
    limited,
    sdp,
)
from tests.dialog.talk import TalkCase, ack_of

TWO_STREAMS = sdp(2000) + b"m=video 2002 RTP/AVP 31\r\n"
NO_STREAM = sdp(2000).split(b"m=")[0]
VIDEO = NO_STREAM + b"m=video 2000 RTP/AVP 31\r\n"
OTHER_CODEC = sdp(2000).replace(b"AVP 0", b"AVP 8")

FAULTS = {
    TWO_STREAMS: "2 streams in answer to 1 (RFC 3264 6)",
    NO_STREAM: "0 streams in answer to 1 (RFC 3264 6)",
    VIDEO: "stream 1 is video instead of audio (RFC 3264 6.1)",
    OTHER_CODEC: "stream 1 has no format of the offer (RFC 3264 6.1)",
}


class UnfitAnswerTests(DialogCase):
    """For each m= line in the offer there must be one in the answer (3264-6-a)."""

    def test_in_the_2xx(self) -> None:
        """ACK, BYE with Reason 488, and the failure names the rule (3264-6-a)."""
        for body, fault in FAULTS.items():
            self.begin()
            effects = self.receive(200, body=body)[1]
            failure = effects.pop()
            self.assertEqual(effects, [*accepted(), ack(), bye("a", 1, NOT_ACCEPTABLE)])
            assert isinstance(failure, FailInvite)
            self.assertIsInstance(failure.error, MediaRefused)
            self.assertIn(fault, str(failure.error))

    def test_kept_from_a_1xx(self) -> None:
        """The first one is the answer, and no later one stands in for it."""
        self.begin()
        self.receive(183, body=TWO_STREAMS)
        effects = self.receive(200, port=2000)[1]
        self.assertEqual(self.of_kind(effects, ApplyAnswer), [])
        self.assertIsInstance(self.failure(effects), MediaRefused)

    def test_early_media(self) -> None:
        """BYE that dialog; the next one may have the media."""
        self.early_media()
        effects = self.receive(183, "a", body=TWO_STREAMS)[1]
        self.assertEqual(effects[-1], bye("a", 1, NOT_ACCEPTABLE))
        self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)
        effects = self.receive(183, "b", port=3000)[1]
        self.assertEqual(effects[-1], applied("b", 3000))

    def test_an_extra(self) -> None:
        """Under `follow` the media stays where it is, and that dialog is ended."""
        self.begin(policy=Follow(), has_early_media=True)
        self.with_early_media("a")
        effects = self.receive(183, "b", body=TWO_STREAMS)[1]
        self.assertEqual(self.of_kind(effects, MoveMedia), [])
        self.assertEqual(effects[-1], bye("b", 1, NOT_ACCEPTABLE))
        assert self.set.forks.media is not None
        self.assertEqual(self.set.forks.media.tag, "a")

    def test_an_extra_that_answers(self) -> None:
        """The media dialog may still win."""
        self.early_media(extra_ringing="keep")
        self.receive(180, "b")
        self.with_early_media("a")
        effects = self.receive(200, "b", body=TWO_STREAMS)[1]
        self.assertEqual(self.of_kind(effects, MoveMedia, FailInvite), [])
        self.assertIn(bye("b", 1, NOT_ACCEPTABLE), effects)
        self.receive(200, "a")
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_after_one_was_taken(self) -> None:
        """ACK, BYE; the call goes on."""
        self.begin()
        self.answered("a")
        effects = self.receive(200, "b", body=TWO_STREAMS)[1]
        self.assertEqual(effects[:2], [ack("b"), bye("b", 1, NOT_ACCEPTABLE)])
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_in_place_of_a_preview(self) -> None:
        """With `answer="final"` the media that runs is not given it either."""
        for status, rseq in ((183, 1), (200, None)):
            self.early_media(answer="final")
            self.with_early_media("a")
            effects = self.receive(status, "a", body=TWO_STREAMS, rseq=rseq)[1]
            self.assertEqual(self.of_kind(effects, ReplaceAnswer), [])
            self.assertIn(closed("a"), effects)
            self.assertTrue(self.set.branches["a"].is_unwanted)
            if status == 200:
                self.assertIsInstance(self.failure(effects), MediaRefused)

    def test_refused_streams(self) -> None:
        """A stream that is refused is no fault: media is asked (3264-6-b)."""
        self.begin()
        effects = self.receive(200, port=0)[1]
        self.assertEqual(effects[-2:], [applied("a", 0), limited()])


class LaterAnswerTests(TalkCase):
    """Answers to the offers that follow, in a call that stands."""

    UNFIT = SessionDescription.parse(TWO_STREAMS)

    def assert_ended(self, effects: list[Effect], cseq: int) -> None:
        """No media was asked; BYE, as both sides do not agree any more."""
        self.assertEqual(self.of_kind(effects, ApplyAnswer), [])
        message = (
            "the answer does not fit our offer: 2 streams in answer to 1 (RFC 3264 6)"
        )
        self.assertEqual(self.failed(effects).message, message)
        number = 2 if cseq == 3 else 1
        self.assertEqual(effects[-1], bye("a", number, because(488, message), cseq))

    def test_to_our_re_invite(self) -> None:
        """ACK, BYE with Reason 488 (3264-6-a)."""
        self.ask()
        self.offered(1002)
        effects = self.answered(1, 200, self.UNFIT)
        self.assertEqual(self.of_kind(effects, SendAck), ack_of(2)[:1])
        self.assert_ended(effects, 3)

    def test_in_the_ack(self) -> None:
        """BYE where we offered in the 2xx to the peer's re-INVITE (3264-6-a)."""
        self.comes("INVITE")
        self.offered(1002)
        self.assert_ended(self.comes("ACK", 1, self.UNFIT)[1], 2)
