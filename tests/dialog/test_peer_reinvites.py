"""The peer's re-INVITE in a call that stands, and the ACK with an answer."""

from __future__ import annotations

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Effect,
    MakeAnswer,
    MakeOffer,
    Reply,
    Report,
    Rollback,
    SendInDialog,
)
from sipuac.dialog.events import ModificationFailed, ProtocolWarning
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer, StopTimer
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Request
from tests.dialog.messages import because, bye, invite, peer_request, reply
from tests.dialog.talk import (
    ACK_TIMER,
    MEDIA,
    NEW,
    NOT_CHANGED,
    OURS,
    REPEAT,
    REPEATING,
    START_MEDIA,
    STOP_MEDIA,
    STOP_REPEATING,
    THEIRS,
    TalkCase,
    described,
    refreshed,
    told,
)


class InviteTests(TalkCase):
    """A re-INVITE of the peer."""

    def test_an_offer(self) -> None:
        """The media answers, the answer goes into the 2xx, which is repeated until its
        ACK comes (3261-14.2-b, 6337-2.2-b).
        """
        request, effects = self.comes("INVITE", 1, NEW)
        self.assertEqual(effects, [MakeAnswer("a", NEW), START_MEDIA])
        effects = self.set.answer_made("a", described(1002))
        answer = described(1002, 2)
        self.assertEqual(
            effects,
            [
                STOP_MEDIA,
                self.accepted(request, answer),
                *REPEATING,
                *told(answer, NEW, "remote"),
            ],
        )
        self.assertEqual(self.comes("ACK", 1)[1], STOP_REPEATING)
        self.assertEqual(self.comes("ACK", 1)[1], [])

    def test_no_change(self) -> None:
        """An offer in the same version is answered in the same version: the session is
        refreshed (3264-8-a).
        """
        request = self.comes("INVITE", 1, THEIRS)[0]
        effects = self.set.answer_made("a", OURS)
        self.assertEqual(effects[1], self.accepted(request, OURS))
        self.assertEqual(effects[-2:], refreshed("remote"))

    def test_an_offer_of_ours(self) -> None:
        """A re-INVITE without offer is answered with an offer; the ACK brings the
        answer (3261-14.2-b, 6337-2.2-b).
        """
        request, effects = self.comes("INVITE")
        self.assertEqual(effects, [MakeOffer("a", False), START_MEDIA])
        effects = self.offered(1002)
        offer = described(1002, 2)
        self.assertEqual(
            effects, [STOP_MEDIA, self.accepted(request, offer), *REPEATING]
        )
        effects = self.comes("ACK", 1, NEW)[1]
        self.assertEqual(effects, [*STOP_REPEATING, ApplyAnswer("a", NEW), START_MEDIA])
        effects = self.set.media_applied("a")
        self.assertEqual(effects, [STOP_MEDIA, *told(offer, NEW, "remote")])

    def test_the_turn_of_ours(self) -> None:
        """A modification of ours waits until the media has the answer in the ACK."""
        self.comes("INVITE")
        self.offered(1002)
        self.comes("ACK", 1, NEW)
        self.assertEqual(self.ask(), [])
        effects = self.set.media_applied("a")
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])

    def test_the_turn_of_ours_after_a_refusal(self) -> None:
        """It waits no longer where the peer's is refused."""
        self.comes("INVITE", 1, NEW)
        self.assertEqual(self.ask(), [])
        effects = self.set.media_refused("a", "no codec")
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])

    def test_it_allows_update(self) -> None:
        """An Allow in a request of the peer counts as one in a response (3311-4-a)."""
        self.comes("UPDATE", 1, None, ("Allow", "INVITE, UPDATE"))
        (sent,) = self.of_kind(self.set.refresh("a", 1), SendInDialog)
        self.assertEqual(sent.request.method, "UPDATE")

    def test_the_target(self) -> None:
        """The Contact of the request is the new target when its 2xx goes out, and not
        when a refusal does (3261-12.2.2-b).
        """
        new = ("Contact", "<sip:new@a.example>")
        self.comes("INVITE", 1, NEW, new)
        self.assertEqual(self.target, "sip:a@a.example")
        self.set.media_refused("a", "no")
        self.assertEqual(self.target, "sip:a@a.example")
        self.comes("INVITE", 2, NEW, new)
        self.set.answer_made("a", OURS)
        self.assertEqual(self.target, "sip:new@a.example")
        self.comes("ACK", 2)
        unreadable = ("Contact", "<>")
        self.comes("INVITE", 3, NEW, unreadable)
        self.set.answer_made("a", OURS)
        self.assertEqual(self.target, "sip:new@a.example")

    def test_the_2xx_is_repeated(self) -> None:
        """The 2xx is passed to the transport with an interval that starts at T1 and
        doubles until it reaches T2; without an ACK in 64*T1 there is a BYE.
        """
        self.comes("INVITE", 1, NEW)
        answered = self.of_kind(self.set.answer_made("a", OURS), Reply)
        for seconds in (1.0, 2.0, 4.0, 4.0):
            effects = self.set.fire(REPEAT)
            self.assertEqual(effects, [*answered, StartTimer(REPEAT, seconds)])
        effects = self.set.fire(ACK_TIMER)
        reason = because(408, "no ACK for our 2xx in 32 s")
        self.assertEqual(
            effects, [StopTimer(REPEAT), CloseMedia("a"), bye("a", 1, reason)]
        )

    def test_media_refuses(self) -> None:
        """What the media refuses gets 488 with a Warning, and the session goes on
        (3261-13.3.1.3-a).
        """
        for number, offer in enumerate((NEW, None), 1):
            request = self.comes("INVITE", number, offer)[0]
            effects = self.set.media_refused("a", "no codec")
            failed = ModificationFailed("a", "remote", "INVITE", 488, "no codec")
            self.assertEqual(
                effects,
                [
                    STOP_MEDIA,
                    Rollback("a"),
                    reply(request, 488, NOT_CHANGED),
                    Report(failed),
                ],
            )
            self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_media_is_silent(self) -> None:
        """The same where it says nothing in time; a late answer is dropped."""
        self.comes("INVITE", 1, NEW)
        effects = self.set.fire(MEDIA)
        self.assertEqual(self.status_of(effects), 488)
        self.assertEqual(self.set.answer_made("a", OURS), [])
        self.assertEqual(self.offered(1000), [])

    def test_bodies(self) -> None:
        """A body that is not understood and not optional gets 415 with Accept, an
        encoding 415 with Accept-Encoding (3261-13.3.1.3-a).
        """
        text = ("Content-Type", "text/plain")
        optional = ("Content-Disposition", "render;handling=optional")
        encoded = ("Content-Encoding", "gzip")
        sdp = ("Content-Type", "application/sdp")
        request, effects = self.comes("INVITE", 1, b"hello", text)
        accept = ("Accept", "application/sdp")
        self.assertEqual(effects, [reply(request, 415, accept)])
        request, effects = self.comes("INVITE", 2, THEIRS.render(), sdp, encoded)
        accept = ("Accept-Encoding", "identity")
        self.assertEqual(effects, [reply(request, 415, accept)])
        request, effects = self.comes("INVITE", 3, b"hello", sdp)
        self.assertEqual(effects, [reply(request, 400)])
        request, effects = self.comes("UPDATE", 4, b"hello", text)
        self.assertEqual(self.status_of(effects), 415)
        effects = self.comes("INVITE", 5, b"hello", text, optional)[1]
        self.assertEqual(effects, [MakeOffer("a", False), START_MEDIA])

    def test_an_odd_offer(self) -> None:
        """An o= line that does not follow the one before is told, and taken."""
        offer = described(2002, 7)
        effects = self.comes("INVITE", 1, offer)[1]
        (warning,) = self.events(effects, ProtocolWarning)
        assert isinstance(warning, ProtocolWarning)
        self.assertIn("RFC 3264 8", warning.message)
        self.assertEqual(effects[1:], [MakeAnswer("a", offer), START_MEDIA])

    def test_cancelled(self) -> None:
        """The peer's CANCEL of its pending re-INVITE gets that a 487; the media is
        rolled back (3261-9.2-a).
        """
        request = self.comes("INVITE", 1, NEW)[0]
        other = peer_request("CANCEL", "a", 7)
        self.assertEqual(self.set.cancel_received(other), [])
        effects = self.set.cancel_received(peer_request("CANCEL", "a", 1))
        message = "the peer has cancelled it"
        failed = ModificationFailed("a", "remote", "INVITE", 487, message)
        self.assertEqual(
            effects, [STOP_MEDIA, Rollback("a"), reply(request, 487), Report(failed)]
        )
        self.assertEqual(self.set.answer_made("a", OURS), [])

    def test_cancelled_too_late(self) -> None:
        """A CANCEL after the 2xx, or of nobody, changes nothing."""
        self.comes("INVITE", 1, NEW)
        self.set.answer_made("a", OURS)
        cancel = peer_request("CANCEL", "a", 1)
        self.assertEqual(self.set.cancel_received(cancel), [])
        cancel = peer_request("CANCEL", "nobody", 1)
        self.assertEqual(self.set.cancel_received(cancel), [])

    def test_an_offer_of_ours_that_cannot_follow(self) -> None:
        """Where the media's offer breaks the rules it is not sent (3264-8.3.2-a)."""
        text = str(THEIRS).replace("RTP/AVP 0", "RTP/AVP 96")
        opus = SessionDescription.parse(f"{text}a=rtpmap:96 opus/48000\r\n")
        speex = SessionDescription.parse(f"{text}a=rtpmap:96 speex/8000\r\n")
        self.comes("INVITE", 1, opus)
        self.set.answer_made("a", opus)
        self.comes("ACK", 1)
        request = self.comes("INVITE", 2)[0]
        effects = self.set.offer_made("a", speex)
        self.assertEqual(
            effects[:3], [STOP_MEDIA, Rollback("a"), reply(request, 488, NOT_CHANGED)]
        )
        self.assertIn("RFC 3264 8.3.2", self.failed(effects).message)

    def test_the_exchange_is_open(self) -> None:
        """An offer that the exchange of the dialog forbids comes too early."""
        exchange = self.set.branches["a"].exchange
        exchange.sent(Carrier.UPDATE, NEW)
        for number, method in enumerate(("INVITE", "UPDATE"), 1):
            request, effects = self.comes(method, number, NEW)
            statuses = [
                effect.response.status for effect in self.of_kind(effects, Reply)
            ]
            self.assertIn(statuses, ([500], [491]))
            self.assertEqual(self.of_kind(effects, MakeAnswer), [])
            warnings = self.events(effects, ProtocolWarning)
            self.assertEqual(len(warnings), int(method == "INVITE"))
            self.assertIsNone(self.set.branches["a"].under_way.peer_invite)

    def test_an_answer_of_ours_that_cannot_follow(self) -> None:
        """Where the version of our description cannot be raised there is no answer: 488
        (RFC 3264 section 5).
        """
        last = described(1000, 2**63 - 1).render()
        first = invite()
        offered = Request("INVITE", first.uri_text, first.header_items(), last)
        self.set = DialogSet(offered, InviteOptions(), lambda: 0.0)
        self.set.sent()
        self.receive(200, "a", port=2000)
        self.set.media_applied("a")
        for number, method in enumerate(("INVITE", "UPDATE"), 1):
            request = self.comes(method, number, NEW)[0]
            effects = self.set.answer_made("a", described(1004))
            self.assertEqual(
                effects[:3],
                [STOP_MEDIA, Rollback("a"), reply(request, 488, NOT_CHANGED)],
            )


class BadAnswerTests(TalkCase):
    """We have offered, and the ACK brings nothing that can be used."""

    def setUp(self) -> None:
        """Up to our 2xx."""
        super().setUp()
        self.comes("INVITE")
        self.offered(1002)

    def assert_ended(self, text: str, effects: list[Effect]) -> None:
        """Rolled back, and ended with the reason."""
        event = self.failed(effects)
        self.assertIn(text, event.message)
        start = effects.index(Rollback("a"))
        reason = because(488, event.message)
        self.assertEqual(
            effects[start + 1 :],
            [Report(event), CloseMedia("a"), bye("a", 1, reason)],
        )

    def test_none(self) -> None:
        """An ACK without answer."""
        effects = self.comes("ACK", 1)[1]
        self.assert_ended("the ACK brought no answer", effects)

    def test_unreadable(self) -> None:
        """One that cannot be read."""
        effects = self.comes("ACK", 1, b"x", ("Content-Type", "text/plain"))[1]
        self.assert_ended("the body of the ACK cannot be read", effects)

    def test_unfit(self) -> None:
        """One that does not answer our offer stream by stream."""
        text = f"{THEIRS}m=audio 4000 RTP/AVP 0\r\n"
        effects = self.comes("ACK", 1, SessionDescription.parse(text))[1]
        self.assert_ended("2 streams in answer to 1", effects)

    def test_refused(self) -> None:
        """BYE if the answer in the ACK cannot be taken (3261-14.2-b)."""
        self.comes("ACK", 1, NEW)
        effects = self.set.media_refused("a", "no codec")
        self.assert_ended("the media refused the answer: no codec", effects)

    def test_another_ack(self) -> None:
        """The ACK of another INVITE is none of it."""
        self.assertEqual(self.comes("ACK", 2, NEW)[1], [])
