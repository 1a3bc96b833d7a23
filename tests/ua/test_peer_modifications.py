"""Calls that the phone changes: on the wire, in the media, for the user."""

from __future__ import annotations

from sipuac.errors import MediaRefused
from sipuac.sdp.description import SessionDescription
from sipuac.testing.media import NEVER, late, refuse
from sipuac.testing.script import (
    HELD_SDP,
    OWN_SDP,
    Script,
    Step,
    answer,
    ask,
    early_media,
)
from tests.ua.talk import TalkCase, directions


class PeerTests(TalkCase):
    """What the phone changes."""

    def test_hold_and_resume(self) -> None:
        """The phone's hold gets recvonly, and no hold of our own (3264-8.4-b)."""
        self.talk()
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(0.5)
        self.assertTrue(self.session.is_held_by_peer)
        self.assertFalse(self.session.is_held)
        self.assertEqual(directions(self.session.local_sdp), ["recvonly"])
        self.desk_asks("INVITE", sdp=OWN_SDP)
        self.advance(0.5)
        self.assertFalse(self.session.is_held_by_peer)
        self.assertEqual(directions(self.session.local_sdp), ["sendrecv"])
        self.assertEqual(self.dialog.statuses, [200, 200])
        self.assertEqual(self.listener.modified_by, ["remote", "remote"])
        self.hang_up()

    def test_both_hold(self) -> None:
        """A session that we hold answers held."""
        self.talk()
        self.done(self.session.hold())
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(0.5)
        self.assertEqual(directions(self.session.local_sdp), ["inactive"])
        self.assertTrue(self.session.is_held and self.session.is_held_by_peer)
        self.done(self.session.resume())
        self.assertEqual(directions(self.session.local_sdp), ["sendrecv"])
        self.assertEqual(directions(self.session.remote_sdp), ["sendonly"])
        self.hang_up()

    def test_without_an_offer(self) -> None:
        """We make the offer, and the ACK brings the answer (3261-14.2-b)."""
        self.talk()
        self.desk_asks("INVITE")
        self.advance(0.5)
        self.assertEqual(len(self.media.called("make_offer")), 1)
        self.assertEqual(len(self.media.called("apply_answer")), 2)
        self.assertEqual(self.names(), ["remote"])
        self.hang_up()

    def test_update(self) -> None:
        """UPDATE with an offer is answered at once (3311-5.2-b)."""
        self.talk()
        self.desk_asks("UPDATE", sdp=HELD_SDP)
        self.advance(0.5)
        self.assertTrue(self.session.is_held_by_peer)
        self.desk_asks("UPDATE")
        self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [200, 200])
        self.assertEqual(self.names(), ["remote", "remote"])
        self.hang_up()

    def test_refused(self) -> None:
        """What the media refuses gets 488, and the session goes on
        (3261-13.3.1.3-a).
        """
        self.talk()
        self.media.react("make_answer", refuse("no codec"))
        self.desk_asks("INVITE", sdp=OWN_SDP)
        self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [488])
        self.assertEqual(self.media.called("rollback"), [])
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_answers_that_do_not_fit(self) -> None:
        """An answer of ours that a modifier spoils is not sent: 488, rolled back."""

        def spoil(description: SessionDescription) -> SessionDescription:
            if self.media.called("make_answer"):
                raise MediaRefused("spoilt")
            return description

        self.talk(modifiers=[spoil])
        self.desk_asks("INVITE", sdp=OWN_SDP)
        self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [488])
        self.assertEqual(len(self.media.called("rollback")), 1)
        self.hang_up()

    def test_slow_media(self) -> None:
        """The answer may take a while; the phone's INVITE gets a 100 meanwhile."""
        self.talk()
        self.media.react("make_answer", late(3.0))
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(2)
        self.assertFalse(self.session.is_held_by_peer)
        trying = [one.status for one in self.desk.responses("INVITE")]
        self.assertIn(100, trying)
        self.advance(2)
        self.assertTrue(self.session.is_held_by_peer)
        self.hang_up()

    def test_cancelled(self) -> None:
        """The phone cancels its re-INVITE: 200, 487, and what the media works on is
        given up (3261-9.2-a).
        """
        self.talk()
        self.media.react("make_answer", NEVER)
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(1)
        self.desk_asks("CANCEL")
        self.advance(1)
        self.assertEqual(self.dialog.statuses, [487])
        self.media.react("make_answer", late(0.0))
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(1)
        self.assertEqual(self.dialog.statuses, [487, 200])
        self.hang_up()

    def test_hung_up_meanwhile(self) -> None:
        """A re-INVITE that waits gets 487 when we hang up (3261-15.1.2-a)."""
        self.talk()
        self.media.react("make_answer", NEVER)
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(1)
        self.session.bye()
        self.advance(1)
        self.assertEqual(self.dialog.statuses, [487])
        self.settle()

    def test_it_hangs_up_meanwhile(self) -> None:
        """The same when the phone does (3261-15.1.2-b)."""
        self.talk()
        self.media.react("make_answer", NEVER)
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(1)
        self.desk_asks("BYE")
        self.advance(1)
        self.assertEqual(sorted(self.dialog.statuses), [200, 487])
        self.settle()

    def test_early_update(self) -> None:
        """An UPDATE of an early dialog: 200 without an offer, 491 or 488 with one
        (3311-5.2-a).
        """
        steps: list[Step] = [
            early_media(0.1),
            ask(0.3, "UPDATE"),
            ask(0.4, "UPDATE", sdp=OWN_SDP),
            early_media(0.6, reliable=True),
            ask(0.8, "UPDATE", sdp=OWN_SDP),
            answer(2.0),
        ]
        self.talk_late(Script(*steps))
        self.assertEqual(self.dialog.statuses, [200, 491, 488])
        self.hang_up()

    def talk_late(self, script: Script) -> None:
        """Call the desk, which takes its time."""
        self.desk = self.phone("desk", script=script)
        self.ring()
        self.call = self.invite()
        self.advance(3)
        self.session = self.successResultOf(self.call.established)
