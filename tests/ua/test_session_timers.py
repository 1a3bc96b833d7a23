"""Session timers on the wire: who refreshes, and what happens where nobody does."""

from __future__ import annotations

from sipuac.testing.script import Script, answer, ask
from tests.ua.talk import TalkCase

OURS = [("Session-Expires", "180;refresher=uac"), ("Require", "timer")]
THEIRS = [("Session-Expires", "180;refresher=uas")]


class RefresherTests(TalkCase):
    """We refresh."""

    def test_by_update(self) -> None:
        """UPDATE without a body at half the interval, again and again; the roles stay
        (4028-7.2-c, 4028-7.4-b, 4028-7.1-a).
        """
        self.talk(
            Script(answer(0.1, headers=OURS), refresh_headers=OURS), session_expires=180
        )
        invite = self.desk.invites[0]
        self.assertEqual(invite.get("Session-Expires"), "180")
        self.assertTrue(invite.has_token("Supported", "timer"))
        self.advance(400)
        updates = self.desk.requests("UPDATE")
        self.assertEqual(len(updates), 4)
        for update in updates:
            self.assertEqual(update.get("Session-Expires"), "180;refresher=uac")
            self.assertTrue(update.has_token("Supported", "timer"))
            self.assertEqual(update.body, b"")
        (first, *_) = self.events(self.call, "session-refreshed")
        self.assertEqual((first["by"], first["interval"]), ("local", 180))
        self.hang_up()

    def test_by_re_invite(self) -> None:
        """Where the phone knows no UPDATE a re-INVITE with the offer unchanged
        (4028-7.4-b).
        """
        allow = ("INVITE", "ACK", "CANCEL", "BYE")
        script = Script(answer(0.1, headers=OURS), allow=allow, refresh_headers=OURS)
        self.talk(script, session_expires=180)
        self.advance(100)
        first, again = self.desk.requests("INVITE")
        self.assertEqual(again.body, first.body)
        self.assertEqual(self.media.called("make_offer"), [])
        self.hang_up()

    def test_alone(self) -> None:
        """A phone that knows nothing of it is refreshed all the same (4028-7.2-b)."""
        self.talk(session_expires=90)
        self.advance(120)
        self.assertEqual(len(self.desk.requests("UPDATE")), 2)
        self.hang_up()

    def test_a_dead_phone(self) -> None:
        """No answer to the refresh: BYE, and the session is over (4028-10-a)."""
        self.talk(
            Script(answer(0.1, headers=OURS), replies={"UPDATE": None, "BYE": None}),
            session_expires=180,
        )
        self.advance(91)
        self.assertEqual(self.session.state, "Established")
        self.advance(35)
        self.assertEqual(self.session.state, "Terminating")
        (bye,) = self.desk.requests("BYE")
        self.assertIn("cause=408", bye.get("Reason") or "")
        self.advance(35)
        ended = self.successResultOf(self.session.ended)
        self.assertEqual((ended.by, ended.reason), ("local", "Session refresh failed"))
        self.dialog.end("vanished")
        self.settle()


class WatchingTests(TalkCase):
    """The phone refreshes, or should."""

    def test_it_does(self) -> None:
        """Its UPDATE gets Session-Expires and, where it is the refresher, Require:
        timer; the time begins anew (4028-9-a).
        """
        rows = [("Supported", "timer"), ("Session-Expires", "180;refresher=uac")]
        steps = [
            ask(at, "UPDATE", headers=rows, after_ack=True) for at in (90.0, 180.0)
        ]
        self.talk(Script(answer(0.1, headers=THEIRS), *steps), session_expires=180)
        self.advance(300)
        self.assertEqual(self.session.state, "Established")
        for response in self.desk.responses("UPDATE"):
            self.assertEqual(
                response.get("Session-Expires"), "180;refresher=uac", response
            )
            self.assertTrue(response.has_token("Require", "timer"))
        self.assertEqual(self.names(), ["remote", "remote"])
        self.hang_up()

    def test_it_does_not(self) -> None:
        """BYE shortly before the expiry: the lesser of 32 s and a third of the interval
        (4028-10-b).
        """
        self.talk(Script(answer(0.1, headers=THEIRS)), session_expires=180)
        self.advance(146)
        self.assertEqual(self.session.state, "Established")
        self.advance(3)
        ended = self.successResultOf(self.session.ended)
        self.assertEqual((ended.by, ended.reason), ("local", "Session expired"))
        (bye,) = self.desk.requests("BYE")
        self.assertIn("cause=408", bye.get("Reason") or "")
        self.settle()

    def test_too_short(self) -> None:
        """An interval below our minimum gets 422, and the call goes on (4028-9-a)."""
        self.talk(min_se=120)
        rows = [("Supported", "timer"), ("Session-Expires", "100")]
        self.desk_asks("UPDATE", headers=rows)
        self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [422])
        (refusal,) = self.desk.responses("UPDATE")
        self.assertEqual(refusal.get("Min-SE"), "120")
        self.hang_up()

    def test_a_change_of_ours_refreshes(self) -> None:
        """Any re-INVITE refreshes the session, whoever is to do so (4028-7.2-a)."""
        script = Script(answer(0.1, headers=THEIRS), refresh_headers=THEIRS)
        self.talk(script, session_expires=180)
        self.advance(100)
        self.done(self.session.hold())
        again = self.desk.requests("INVITE")[1]
        self.assertEqual(again.get("Session-Expires"), "180;refresher=uas")
        self.advance(100)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()
