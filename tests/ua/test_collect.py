"""The fork policy `collect` through a forking proxy: one offer, several sessions."""

from __future__ import annotations

from typing import Any

from sipuac.errors import LocalProtocolError, MediaRefused, RequestTerminated
from sipuac.sdp.description import SessionDescription
from sipuac.testing.media import ScriptedMedia, late, refuse
from sipuac.testing.script import (
    Meeting,
    answer,
    early_dialog_ended,
    early_media,
    reject,
    ring,
)
from sipuac.ua.invitation import Invitation
from tests.ua.world import CallTestCase, Listener


class CollectTests(CallTestCase):
    """Two or three phones whose early media is heard at the same time."""

    def collect(self, **options: Any) -> Invitation:
        """Call Bob under this policy."""
        self.ring()
        return self.invite(early_media=True, on_fork="collect", **options)

    def early_tags(self, call: Invitation) -> list[object]:
        """The dialogs whose early media was told of, in order."""
        return [event["to_tag"] for event in self.events(call, "early-media")]

    def test_a_session_each(self) -> None:
        """Each early dialog has a media session of its own with its own answer, and
        nobody is ended; the first 2xx wins, and the others' media closes.
        """
        desk = self.phone("desk", early_media(0.1), answer(3.0))
        mobile = self.phone("mobile", early_media(0.3, reliable=True))
        attic = self.phone("attic", ring(0.2))
        listener = Listener()
        call = self.collect(delegate=listener)
        self.advance(1)
        self.assertEqual(len(set(self.early_tags(call))), 2)
        self.assertEqual(listener.heard.count("early_media"), 2)
        self.assertEqual(len(self.media.open_sessions), 2)
        origins = {
            SessionDescription.parse(str(session.answer)).origin
            for session in self.media.sessions
        }
        self.assertEqual(len(origins), 2)
        self.assertEqual(self.methods(mobile), ["INVITE", "PRACK"])
        actions = [event["action"] for event in self.events(call, "forked")]
        self.assertEqual(sorted(map(str, actions)), ["collect", "leave"])
        self.advance(3)
        session = self.successResultOf(call.established)
        self.assertTrue(desk.in_call)
        (kept,) = self.media.open_sessions
        self.assertIs(session.media, kept)
        self.assertEqual(session.to_tag, self.early_tags(call)[0])
        self.assertEqual(self.methods(attic), ["INVITE", "CANCEL", "ACK"])
        session.bye()
        self.settle()

    def test_the_later_one_wins(self) -> None:
        """The call stands at once where its media runs already."""
        self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", early_media(0.3), answer(1.0))
        call = self.collect()
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertEqual(session.to_tag, self.early_tags(call)[1])
        methods = [c.method for c in self.media.calls]
        self.assertEqual(methods.count("open"), 2)
        self.assertNotIn("replace_answer", methods)
        (kept,) = self.media.open_sessions
        self.assertIs(session.media, kept)
        session.bye()
        self.settle()

    def test_media_that_cannot_replace_its_answer(self) -> None:
        """It is enough that it can fork its offer."""
        self.media = ScriptedMedia(self.clock, can_replace_answer=False)
        self.phone("desk", early_media(0.1))
        self.phone("mobile", ring(0.2), answer(1.0))
        call = self.collect(media=self.media)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_media_that_cannot_fork_its_offer(self) -> None:
        """It is refused before anything is sent."""
        media = ScriptedMedia(self.clock, can_fork_offer=False)
        asked: list[dict[str, Any]] = [{"early_media": True, "media": media}, {}]
        for options in asked:
            sent = self.inviter.invite(
                "sip:bob@example.invalid", on_fork="collect", **options
            )
            self.failureResultOf(sent, LocalProtocolError)
        self.assertEqual(self.network.log, [])
        self.settle()

    def test_two_answers_at_once(self) -> None:
        """The later 2xx gets ACK and BYE, and its media closes."""
        meeting = Meeting(2)
        desk = self.phone("desk", early_media(0.1), answer(1.0, meeting=meeting))
        mobile = self.phone("mobile", early_media(0.1), answer(1.0, meeting=meeting))
        call = self.collect()
        self.advance(2)
        self.successResultOf(call.established)
        kept, extra = (desk, mobile) if desk.in_call else (mobile, desk)
        self.assertNotIn("BYE", self.methods(kept))
        self.assertEqual(self.methods(extra)[-2:], ["ACK", "BYE"])
        self.assertEqual(len(self.media.open_sessions), 1)
        call.hangup()
        self.settle()

    def test_one_goes_by_199(self) -> None:
        """Its session closes, the other one's goes on (6228-4-d)."""
        self.phone("desk", early_media(0.1), early_dialog_ended(1.0))
        self.phone("mobile", early_media(0.3), answer(3.0))
        call = self.collect()
        self.advance(2)
        self.assertEqual([s.is_closed for s in self.media.sessions], [True, False])
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_a_slow_media(self) -> None:
        """The winner's media may still work when its 2xx comes."""
        self.media.react("apply_answer", late(2.0))
        self.phone("desk", early_media(0.1))
        self.phone("mobile", early_media(0.3), answer(0.5))
        call = self.collect()
        self.advance(1)
        self.assertNoResult(call.established)
        self.advance(2)
        self.successResultOf(call.established)
        self.assertEqual(len(self.media.open_sessions), 1)
        call.hangup()
        self.settle()

    def test_the_media_refuses_one(self) -> None:
        """That dialog is ended by BYE; the other one has the call."""
        self.media.react("apply_answer", late(0.0), refuse("no codec"))
        self.phone("desk", early_media(0.1), answer(3.0))
        mobile = self.phone("mobile", early_media(0.3))
        call = self.collect()
        self.advance(2)
        self.assertTrue(mobile.byed_early)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_the_media_refuses_all(self) -> None:
        """Everybody was ended: the call fails by that, and nothing is left."""
        self.media.react("apply_answer", refuse("no codec"))
        self.phone("desk", early_media(0.1))
        self.phone("mobile", early_media(0.3))
        call = self.collect()
        self.advance(2)
        self.failureResultOf(call.final, MediaRefused)
        self.settle()

    def test_nobody_answers(self) -> None:
        """Every session closes with the INVITE; so it does when the caller cancels."""
        for cancels in (False, True):
            self.setUp()
            self.phone("desk", early_media(0.1), reject(2.0, 487))
            self.phone("mobile", early_media(0.3), reject(2.5, 487))
            call = self.collect()
            self.advance(1)
            self.assertEqual(len(self.media.open_sessions), 2)
            if cancels:
                call.cancel()
                self.assertEqual(self.media.open_sessions, [])
            else:
                failed = call.final
                self.advance(5)
                self.failureResultOf(failed, RequestTerminated)
            self.settle()

    def test_loss(self) -> None:
        """Whatever is lost comes again; no session is opened twice."""
        for start in ("SIP/2.0 183", "PRACK", "SIP/2.0 200", "ACK"):
            self.setUp()
            self.phone("desk", early_media(0.1, reliable=True), answer(3.0))
            self.phone("mobile", early_media(0.2, reliable=True))
            self.network.drop_if(
                lambda packet, start=start: (  # type: ignore[misc]
                    packet.first_line.startswith(start)
                ),
                2,
            )
            call = self.collect()
            self.advance(8)
            self.successResultOf(call.established)
            self.assertEqual(len(self.media.called("open")), 2, start)
            call.hangup()
            self.settle()
