"""Changes of a call that both sides begin at once."""

from __future__ import annotations

from sipuac.testing.script import HELD_SDP, OWN_SDP, Script, answer
from tests.ua.talk import TalkCase


class GlareTests(TalkCase):
    """Requests that cross."""

    def test_both_re_invite(self) -> None:
        """Both get 491; the phone tries again within 2 s, we between 2.1 and 4 s after
        it, and both changes are made (3261-14.1-c, 3261-14.2-a).
        """
        self.talk()
        waiting = self.session.hold()
        self.desk_asks("INVITE", sdp=HELD_SDP)
        self.advance(0.5)
        self.assertNoResult(waiting)
        self.assertEqual(self.dialog.statuses, [491])
        self.advance(1)
        self.assertEqual(self.dialog.statuses, [491, 200])
        self.assertTrue(self.session.is_held_by_peer)
        self.done(waiting, 1)
        self.assertTrue(self.session.is_held)
        self.assertTrue(self.session.is_held_by_peer)
        self.assertEqual(self.names(), ["remote", "local"])
        self.assertEqual(self.media.violations, [])
        self.hang_up()

    def test_for_ever(self) -> None:
        """One that is refused a second time is given up."""
        self.talk(Script(answer(0.1), replies={"INVITE": 491}))
        error = self.refused(self.session.hold(), 4)
        self.assertEqual(error.status, 491)
        self.assertEqual(len(self.desk.requests("INVITE")), 3)
        self.hang_up()

    def test_update_meets_re_invite(self) -> None:
        """The phone's UPDATE with an offer crosses our re-INVITE: 491 (3311-5.2-a)."""
        self.talk()
        waiting = self.session.hold()
        self.desk_asks("UPDATE", sdp=HELD_SDP)
        self.done(waiting)
        self.assertEqual(self.dialog.statuses, [491])
        self.hang_up()

    def test_bye_meets_re_invite(self) -> None:
        """Our BYE crosses the phone's re-INVITE: neither is left alone
        (3261-15.1.2-b).
        """
        self.talk()
        self.desk_asks("INVITE", sdp=OWN_SDP)
        over = self.session.bye()
        self.advance(1)
        self.assertEqual(self.successResultOf(over).by, "local")
        self.settle()

    def test_both_bye(self) -> None:
        """BYE crosses BYE while a re-INVITE is pending (3261-15.1.2-b)."""
        self.talk(Script(answer(0.1), reinvite_delay=2.0))
        waiting = self.session.hold()
        self.advance(1)
        self.desk_asks("BYE")
        self.session.bye()
        self.refused(waiting)
        self.settle()
