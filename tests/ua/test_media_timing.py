"""Media that is late, refuses, fails or never answers."""

from __future__ import annotations

from typing import Any

from sipuac.errors import CallFailed, Cancelled, MediaRefused
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, response_to
from sipuac.testing.media import NEVER, Reaction, fail, late, refuse
from sipuac.ua.invitation import Invitation
from tests.ua.peer import PeerTestCase

SDP = ("Content-Type", "application/sdp")


class AtTheAnswerTests(PeerTestCase):
    """Media works on the answer of the 2xx."""

    def answered(self, reaction: Reaction) -> Invitation:
        """The callee has answered, and the media takes it so."""
        self.media.react("apply_answer", reaction)
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        return call

    def end(self) -> None:
        """Answer the BYE; nothing is left."""
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_the_ack_does_not_wait(self) -> None:
        """With the offer in the INVITE the ACK leaves at once, and the media works
        afterwards.
        """
        call = self.answered(late(5.0))
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertEqual(self.successResultOf(call.final).status, 200)
        self.assertNoResult(call.established)
        self.assertEqual(call.state, "Establishing")
        self.advance(5)
        session = self.successResultOf(call.established)
        session.bye()
        self.advance()
        self.end()

    def test_a_stream_of_one_direction(self) -> None:
        """The offer goes out as the media marks its streams, and the media gets the
        whole answer, payload types and all (3264-5.1-a, 3264-5.1-c, 3264-7-a).
        """
        text = (
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
            "m=audio 4000 RTP/AVP 97 0\r\na=rtpmap:97 opus/48000/2\r\na=sendonly\r\n"
        )
        self.media.description = SessionDescription.parse(text)
        call = self.invite()
        sent = self.peer.last("INVITE")
        self.assertEqual(sent.body.decode(), text)
        answer = (
            text.replace("o=- 1 1", "o=bob 2 1")
            .replace("97", "111")
            .replace("AVP 111 0", "AVP 111")
            .replace("sendonly", "recvonly")
        )
        fields = [("Contact", "<sip:bob@peer.invalid>"), SDP]
        self.peer.send(
            response_to(sent, 200, to_tag="a", headers=fields, body=answer.encode())
        )
        self.advance()
        (applied,) = self.media.called("apply_answer")
        self.assertEqual(str(applied.argument), answer)
        self.successResultOf(call.established).bye()
        self.advance()
        self.end()

    def test_repeated_2xx_while_the_media_works(self) -> None:
        """They get the same ACK; the media is asked once."""
        self.answered(late(5.0))
        for _ in range(3):
            self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        self.assertEqual(len(self.peer.requests("ACK")), 4)
        self.assertEqual(len(self.media.called("apply_answer")), 1)
        self.inviter.invitations[0].hangup()
        self.advance()
        self.end()

    def test_refused_at_once_or_later(self) -> None:
        """ACK, then BYE with Reason 488, MediaRefused."""
        for delay in (0.0, 2.0):
            call = self.answered(refuse("no codec", delay))
            self.advance(3)
            error = self.failureResultOf(call.established, MediaRefused).value
            self.assertIn("no codec", str(error))
            self.assertEqual(self.peer.methods[-2:], ["ACK", "BYE"])
            self.assertEqual(self.peer.last("BYE").reasons[0].cause, 488)
            self.end()

    def test_failing(self) -> None:
        """Any other exception counts as a refusal too, and is logged."""
        call = self.answered(fail(RuntimeError("broken")))
        self.failureResultOf(call.established, MediaRefused)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.end()

    def test_the_session_cannot_be_opened(self) -> None:
        """The same where not even a session can be had."""
        call = self.invite()
        offer: Any = call._opener.offer
        offer.is_closed = True
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        self.failureResultOf(call.established, MediaRefused)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.media.violations.clear()
        self.end()

    def test_never_answering_and_the_callee_hangs_up(self) -> None:
        """The peer's BYE is answered and aborts what the media does."""
        call = self.answered(NEVER)
        self.advance(7)
        self.peer.ask("BYE")
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.failureResultOf(call.established, CallFailed)
        self.assertEqual(self.media.open_sessions, [])
        self.assert_nothing_left()

    def test_never_answering(self) -> None:
        """Media that is not done 8 s after the 2xx has refused: BYE with Reason 488,
        MediaRefused.
        """
        call = self.answered(NEVER)
        self.advance(7.9)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.advance(0.2)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.assertIn("cause=488", self.peer.last("BYE").get("Reason") or "")
        error = self.failureResultOf(call.established, MediaRefused).value
        self.assertIn("8 s", str(error))
        self.assertEqual(self.media.open_sessions, [])
        self.end()

    def test_never_answering_and_we_hang_up(self) -> None:
        """`cancel` becomes BYE, as the ACK is out."""
        call = self.answered(NEVER)
        call.cancel()
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.failureResultOf(call.established, Cancelled)
        self.end()

    def test_cancelling_established_hangs_up(self) -> None:
        """Cancelling the Deferred of `established` after the 2xx is ACK and BYE."""
        call = self.answered(late(5.0))
        established = call.established
        established.cancel()
        self.failureResultOf(established)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.end()

    def test_a_result_for_an_ended_dialog_is_dropped(self) -> None:
        """Neither success nor refusal counts any more once the dialog is over."""
        for reaction in (late(2.0), refuse("late", 2.0)):
            self.media.react("apply_answer", reaction)
            call = self.invite()
            self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
            self.advance()
            self.peer.ask("BYE")
            self.advance(5)
            self.assertIsNone(call.session)
            self.assertEqual(self.peer.requests("BYE"), [])
            self.assert_nothing_left()


class EarlyMediaTests(PeerTestCase):
    """Media works on the answer of a provisional response."""

    def setUp(self) -> None:
        """An INVITE for early media has arrived."""
        super().setUp()
        self.media.react("apply_answer", late(2.0))
        self.call = self.invite(early_media=True)
        self.sent: Request = self.peer.last("INVITE")

    def names(self, *wanted: str) -> list[str]:
        """The events of these names."""
        return [e.body.event for e in self.call.events if e.body.event in wanted]

    def finish(self) -> None:
        """The INVITE ends, what was BYEd is answered, nothing is left."""
        for bye in self.peer.requests("BYE"):
            self.peer.answer(bye, 200)
        self.peer.answer(self.sent, 487)
        self.advance()
        self.assert_nothing_left()

    def test_the_2xx_overtakes_the_media(self) -> None:
        """The call stands when the media is done."""
        self.peer.answer(self.sent, 183, sdp=True)
        self.advance(1)
        self.peer.answer(self.sent, 200)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertNoResult(self.call.established)
        self.advance(2)
        self.successResultOf(self.call.established).bye()
        self.advance()
        self.finish()

    def test_a_199_while_the_media_works(self) -> None:
        """A 199 closes; the next may have the media (6228-4-d)."""
        self.peer.answer(self.sent, 183, sdp=True)
        self.advance(1)
        self.peer.answer(self.sent, 199)
        self.advance()
        self.assertEqual(self.media.open_sessions, [])
        self.advance(3)
        self.assertEqual(self.names("early-media"), [])
        self.peer.answer(self.sent, 183, "b", sdp=True)
        self.advance(3)
        self.assertEqual(self.names("early-media"), ["early-media"])
        self.call.cancel()
        self.advance()
        self.finish()

    def test_our_cancel_while_the_media_works(self) -> None:
        """CANCEL closes the media at once; what comes of it is dropped."""
        self.peer.answer(self.sent, 183, sdp=True)
        self.advance(1)
        self.call.cancel()
        self.advance(3)
        self.assertEqual(self.names("early-media"), [])
        self.assertEqual(self.peer.methods, ["INVITE", "CANCEL"])
        self.finish()

    def test_refused(self) -> None:
        """BYE on that dialog; the next may hold the media."""
        self.media.react("apply_answer", refuse("no"), late(0.0))
        self.peer.answer(self.sent, 183, "a", sdp=True)
        self.advance()
        self.assertEqual(self.peer.last("BYE").to_tag, "a")
        self.peer.answer(self.sent, 183, "b", sdp=True)
        self.advance()
        self.assertEqual(self.names("early-media"), ["early-media"])
        self.call.cancel()
        self.advance()
        self.finish()


class MovingMediaTests(PeerTestCase):
    """`follow`: the media is given away while it works."""

    def setUp(self) -> None:
        """Media that needs two seconds for everything."""
        super().setUp()
        self.media.react("apply_answer", late(2.0))
        self.media.react("replace_answer", late(2.0))
        self.call = self.invite(early_media=True, on_fork="follow")
        self.sent = self.peer.last("INVITE")

    def ring(self, *tags: str) -> None:
        """Early media of these forks, half a second after each other."""
        for tag in tags:
            self.peer.answer(self.sent, 183, tag, sdp=True)
            self.advance(0.5)

    def finish(self) -> None:
        """Cancel; the media was never asked two things at once."""
        self.call.cancel()
        self.advance()
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(self.sent, 487)
        self.advance()
        self.assert_nothing_left()

    def moved(self) -> list[object]:
        """Where the media moved to."""
        events = [event.as_dict() for event in self.call.events]
        return [e["to_tag"] for e in events if e["event"] == "media-moved"]

    def test_one_thing_at_a_time(self) -> None:
        """What the next branch needs waits for what the one before asked for."""
        self.ring("a", "b")
        self.advance(5)
        methods = [call.method for call in self.media.calls[:4]]
        self.assertEqual(methods, ["offer", "open", "apply_answer", "replace_answer"])
        self.assertEqual(self.media.called("replace_answer")[0].time, 2.0)
        self.assertEqual(self.moved(), ["b"])
        self.finish()

    def test_passed_on_twice_while_it_works(self) -> None:
        """Only the newest answer is asked for, once the first is done."""
        self.ring("a", "b", "c")
        self.advance(5)
        self.assertEqual(len(self.media.called("replace_answer")), 1)
        self.assertEqual(self.moved(), ["c"])
        self.assertEqual(len(self.media.sessions), 1)
        self.finish()

    def test_the_first_answer_is_refused_meanwhile(self) -> None:
        """Then the next branch's is the first answer of the session."""
        self.media.react("apply_answer", refuse("no", 1.0), late(1.0))
        self.ring("a", "b")
        self.advance(5)
        self.assertEqual(len(self.media.called("apply_answer")), 2)
        self.assertEqual(self.media.called("replace_answer"), [])
        self.assertEqual(self.moved(), ["b"])
        self.finish()

    def test_ended_while_another_waits(self) -> None:
        """A session that is closed while it works is asked nothing more."""
        self.ring("a", "b")
        self.finish()
        self.assertEqual(self.media.called("replace_answer"), [])
