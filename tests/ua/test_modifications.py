"""Calls that we change: on the wire, in the media, for the user."""

from __future__ import annotations

from sipuac.errors import SessionNotModified
from sipuac.sdp.description import SessionDescription
from sipuac.testing.media import NEVER, late, refuse
from sipuac.testing.script import Script, answer
from tests.ua.talk import TalkCase, directions
from tests.ua.world import HOP


class OwnTests(TalkCase):
    """What we change."""

    def test_hold_and_resume(self) -> None:
        """The phone sees sendonly and then sendrecv, with the version in o= going up;
        the session says so (3264-8-a, 3264-8.4-a, 3264-8.4-b). Both are re-INVITEs,
        although the phone knows UPDATE (3311-5.1-c).
        """
        self.talk()
        self.assertFalse(self.session.is_held)
        self.done(self.session.hold())
        self.assertTrue(self.session.is_held)
        self.assertEqual(directions(self.session.local_sdp), ["sendonly"])
        self.assertEqual(directions(self.session.remote_sdp), ["recvonly"])
        self.assertFalse(self.session.is_held_by_peer)
        self.done(self.session.resume())
        self.assertFalse(self.session.is_held)
        offers = [SessionDescription.parse(one) for one in self.dialog.descriptions]
        self.assertEqual(
            [directions(str(one)) for one in offers], [["sendonly"], ["sendrecv"]]
        )
        first = self.media.description.origin.version
        versions = [one.origin.version for one in offers]
        self.assertEqual(versions, [first + 1, first + 2])
        self.assertEqual(self.listener.modified_by, ["local", "local"])
        self.assertEqual(self.names("session-modified"), ["local", "local"])
        self.assertEqual(self.desk.requests("UPDATE"), [])
        asked = [call.method for call in self.media.calls if call.branch]
        self.assertEqual(
            asked,
            ["open", "apply_answer", *["make_offer", "apply_answer"] * 2],
        )
        self.hang_up()

    def test_in_order(self) -> None:
        """Changes are made in the order in which they are asked for."""
        self.talk()
        waiting = [self.session.hold(), self.session.resume(), self.session.modify()]
        self.advance(1)
        for one in waiting:
            self.successResultOf(one)
        self.assertFalse(self.session.is_held)
        self.assertEqual(self.methods(self.desk).count("INVITE"), 4)
        self.assertEqual(self.names(), ["local"] * 3)
        self.hang_up()

    def test_refresh(self) -> None:
        """UPDATE without a body where the phone allows it, else a re-INVITE that
        repeats the description; the media hears of neither (4028-7.4-b).
        """
        self.talk()
        self.done(self.session.refresh())
        (update,) = self.desk.requests("UPDATE")
        self.assertEqual(update.body, b"")
        (contact,) = update.get_all("Contact")
        self.assertIn("sip:caller@caller.invalid:5060", contact)
        self.assertEqual(self.names(), ["local"])
        self.hang_up()

    def test_refresh_without_update(self) -> None:
        """See above."""
        allow = ("INVITE", "ACK", "CANCEL", "BYE")
        self.talk(Script(answer(0.1), allow=allow))
        self.done(self.session.refresh())
        self.assertEqual(self.desk.requests("UPDATE"), [])
        first, again = self.desk.requests("INVITE")
        self.assertEqual(again.body, first.body)
        self.assertEqual(self.media.called("make_offer"), [])
        self.hang_up()

    def test_update_is_refused(self) -> None:
        """An UPDATE that is announced and then not known: re-INVITE."""
        self.talk(Script(answer(0.1), replies={"UPDATE": 501}))
        self.done(self.session.refresh())
        self.assertEqual(self.methods(self.desk)[-2:], ["INVITE", "ACK"])
        self.hang_up()

    def test_refused(self) -> None:
        """A refusal leaves the session as it was, and the media (3261-14.1-b)."""
        self.talk(Script(answer(0.1), replies={"INVITE": 488}))
        before = self.session.local_sdp
        error = self.refused(self.session.hold())
        self.assertEqual(error.status, 488)
        self.assertFalse(self.session.is_held)
        self.assertEqual(self.session.local_sdp, before)
        self.assertEqual(len(self.media.called("rollback")), 1)
        self.assertEqual(self.session.state, "Established")
        (event,) = self.events(self.call, "modification-failed")
        self.assertEqual((event["by"], event["status"]), ("local", 488))
        self.hang_up()

    def test_gone(self) -> None:
        """481 ends the call by BYE, with the reason (3261-12.2.1.2-b)."""
        self.talk(Script(answer(0.1), replies={"INVITE": 481}))
        self.refused(self.session.hold())
        ended = self.successResultOf(self.session.ended)
        self.assertEqual(ended.by, "local")
        self.assertIn("481", ended.reason or "")
        (bye,) = self.desk.requests("BYE")
        self.assertIn("cause=481", bye.get("Reason") or "")
        self.settle()

    def test_silence(self) -> None:
        """No response at all ends it too, as timer B does."""
        self.talk(Script(answer(0.1), replies={"INVITE": None}))
        waiting = self.session.hold()
        self.advance(31)
        self.assertNoResult(waiting)
        error = self.refused(waiting, 3)
        self.assertIn(error.status, (None, 408))
        self.settle()
        self.assertEqual(self.successResultOf(self.session.ended).by, "local")

    def test_it_rings_for_ever(self) -> None:
        """A re-INVITE that only rings is cancelled after 64*T1; the call goes on."""
        self.talk(Script(answer(0.1), reinvite_delay=1000.0))
        waiting = self.session.hold()
        self.advance(31)
        self.assertNoResult(waiting)
        self.assertEqual(self.desk.requests("CANCEL"), [])
        error = self.refused(waiting, 3)
        self.assertEqual(error.status, 487)
        self.assertEqual(len(self.desk.requests("CANCEL")), 1)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_media(self) -> None:
        """Media that makes no offer refuses; media that cannot take the answer ends the
        call, since both sides have other sessions.
        """
        self.talk()
        self.media.react("make_offer", refuse("no port"), late(2.0))
        error = self.refused(self.session.hold())
        self.assertIn("no port", str(error))
        self.assertEqual(self.desk.requests("INVITE"), self.desk.invites)
        self.done(self.session.hold(), 3)
        self.media.react("apply_answer", refuse("no codec"))
        self.refused(self.session.resume(), 3)
        ended = self.successResultOf(self.session.ended)
        self.assertIn("no codec", ended.reason or "")
        (bye,) = self.desk.requests("BYE")
        self.assertIn("cause=488", bye.get("Reason") or "")
        self.settle()

    def test_media_that_never_offers(self) -> None:
        """Media that says nothing in 8 s has refused; what it works on is given up."""
        self.talk()
        self.media.react("make_offer", NEVER, late(0.0))
        waiting = self.session.hold()
        self.advance(7)
        self.assertNoResult(waiting)
        self.refused(waiting, 2)
        self.done(self.session.hold())
        self.hang_up()

    def test_hung_up_meanwhile(self) -> None:
        """What is under way when the call ends has failed; a late 2xx is acknowledged
        (3261-15.1.2-b).
        """
        self.talk(Script(answer(0.1), reinvite_delay=2.0))
        waiting = [self.session.hold(), self.session.resume()]
        self.advance(1)
        over = self.session.bye()
        for one in waiting:
            self.assertEqual(str(self.refused(one)), "the call is over")
        self.successResultOf(over)
        self.failureResultOf(self.session.hold(), SessionNotModified)
        self.settle()

    def test_the_phone_hangs_up_meanwhile(self) -> None:
        """The same where the phone does."""
        self.talk(Script(answer(0.1), reinvite_delay=2.0))
        waiting = self.session.hold()
        self.advance(1)
        self.desk_asks("BYE")
        self.refused(waiting)
        self.assertEqual(self.successResultOf(self.session.ended).by, "remote")
        self.settle()

    def test_after_the_end(self) -> None:
        """Nothing is asked of a call that is over, nor of one that is forgotten."""
        self.talk()
        self.hang_up()
        for waiting in (
            self.session.hold(),
            self.session.refresh(),
            self.session.request("INFO"),
        ):
            self.failureResultOf(waiting, SessionNotModified)

    def test_stopped(self) -> None:
        """The end of the service is the end of all that waits."""
        self.talk(Script(answer(0.1), reinvite_delay=2.0))
        waiting = [self.session.hold(), self.session.resume()]
        asked = self.session.request("OPTIONS")
        self.advance(HOP)
        self.endpoint.stop()
        for one in (*waiting, asked):
            self.failureResultOf(one, SessionNotModified)
        self.assertEqual(self.clock.getDelayedCalls() and self.media.open_sessions, [])

    def test_giving_up_the_waiting(self) -> None:
        """Cancelling the Deferred stops the waiting and nothing else."""
        self.talk()
        waiting = self.session.hold()
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.advance(1)
        self.assertTrue(self.session.is_held)
        self.hang_up()


class TcpTests(OwnTests):
    """What we change, over TCP."""

    protocol = "TCP"
