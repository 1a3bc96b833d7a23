"""Calls that are changed from both sides: on the wire, in the media, for the user."""

from __future__ import annotations

from sipuac.errors import (
    LocalProtocolError,
    MediaRefused,
    SessionNotModified,
    TransactionTimeout,
)
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Response
from sipuac.testing.media import NEVER, late, refuse
from sipuac.testing.packets import Packet
from sipuac.testing.script import (
    HELD_SDP,
    OWN_SDP,
    Script,
    Step,
    answer,
    ask,
    early_media,
)
from tests.ua.talk import TalkCase, TalkListener, directions
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


class RequestTests(TalkCase):
    """INFO, MESSAGE and the like, in both directions."""

    def test_ours(self) -> None:
        """A request of the application reaches the phone, and its answer comes back."""
        self.talk()
        rows = [("Content-Type", "application/dtmf-relay")]
        waiting = self.session.request("INFO", rows, b"Signal=5\r\n")
        self.advance(0.5)
        response = self.successResultOf(waiting)
        assert isinstance(response, Response)
        self.assertEqual(response.status, 200)
        (info,) = self.desk.requests("INFO")
        self.assertEqual(info.body, b"Signal=5\r\n")
        self.assertEqual(info.get("Content-Type"), "application/dtmf-relay")
        waiting = self.session.request("MESSAGE")
        self.advance(0.5)
        self.assertEqual(self.successResultOf(waiting).status, 405)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_what_must_not_be_sent(self) -> None:
        """What the dialog sends itself is refused, and what would break the message."""
        self.talk()
        for method in ("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "a b"):
            waiting = self.session.request(method)
            self.failureResultOf(waiting, LocalProtocolError)
        rows: list[tuple[list[tuple[str, str]], bytes]] = [
            ([("CSeq", "9 INFO")], b""),
            ([("X", "a\r\nY: b")], b""),
            ([], b"x"),
        ]
        for headers, body in rows:
            waiting = self.session.request("INFO", headers, body)
            self.failureResultOf(waiting, LocalProtocolError)
        self.assertEqual(self.desk.requests("INFO"), [])
        self.hang_up()

    def test_no_answer(self) -> None:
        """No response to an INFO ends the call, to an OPTIONS it does not (RFC 5057
        5.3).
        """
        self.talk(Script(answer(0.1), replies={"INFO": None, "OPTIONS": None}))
        waiting = self.session.request("OPTIONS")
        self.advance(33)
        self.failureResultOf(waiting, TransactionTimeout)
        self.assertEqual(self.session.state, "Established")
        waiting = self.session.request("INFO")
        self.advance(33)
        self.failureResultOf(waiting, TransactionTimeout)
        self.assertIn("408", self.successResultOf(self.session.ended).reason or "")
        self.settle()

    def test_theirs(self) -> None:
        """INFO, MESSAGE and NOTIFY get 200, and the delegate hears of them."""
        self.talk()
        for method in ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "REFER"):
            self.desk_asks(method, sdp="hello")
            self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [200, 200, 200, 200, 405])
        self.assertEqual(
            self.listener.requests,
            [(self.session, one, b"hello") for one in ("INFO", "MESSAGE", "NOTIFY")],
        )
        received = self.events(self.call, "request-received")
        self.assertEqual(
            [one["method"] for one in received], ["INFO", "MESSAGE", "NOTIFY"]
        )
        self.hang_up()

    def test_before_the_call_stands(self) -> None:
        """In an early dialog too; there is no session then."""
        self.desk = self.phone("desk", early_media(0.1), ask(0.3, "INFO"), answer(1.0))
        self.ring()
        self.listener = TalkListener()
        self.call = self.invite(delegate=self.listener)
        self.advance(2)
        self.session = self.successResultOf(self.call.established)
        self.assertEqual(self.listener.requests, [(None, "INFO", b"")])
        self.hang_up()


class LossTests(TalkCase):
    """Packets that are lost."""

    def lose(self, start: str, source: str, times: int = 1) -> None:
        """Lose the next packets that begin so and come from there."""

        def is_it(packet: Packet) -> bool:
            host = packet.source[0]
            return packet.first_line.startswith(start) and host.startswith(source)

        self.network.drop_if(is_it, times)

    def test_ours(self) -> None:
        """A lost re-INVITE, 2xx or ACK: sent again until the other side has it."""
        for start, source in (
            ("INVITE", "caller"),
            ("SIP/2.0 200", "proxy"),
            ("ACK", "caller"),
            ("ACK", "proxy"),
        ):
            self.setUp()
            self.talk()
            self.lose(start, source, 2)
            self.done(self.session.hold(), 6)
            self.assertEqual(directions(self.session.local_sdp), ["sendonly"])
            self.hang_up()

    def test_the_same_ack(self) -> None:
        """Each repeated 2xx of the re-INVITE gets the very same ACK
        (3261-13.2.2.4-d).
        """
        self.talk()
        self.lose("ACK", "caller", 3)
        self.done(self.session.hold(), 8)
        acks = [one.octets for one in self.network.packets("ACK", "caller.invalid")]
        self.assertEqual(len(acks), 5)
        self.assertEqual(len(set(acks[1:])), 1)
        self.hang_up()

    def test_theirs(self) -> None:
        """A lost re-INVITE of the phone, its 2xx or its ACK, with and without offer."""
        for sdp in (OWN_SDP, None):
            for start, source in (
                ("INVITE", "desk"),
                ("SIP/2.0 200", "caller"),
                ("ACK", "desk"),
                ("ACK", "proxy"),
            ):
                self.setUp()
                self.talk()
                self.lose(start, source, 2)
                self.desk_asks("INVITE", sdp=sdp)
                self.advance(8)
                self.assertEqual(self.dialog.statuses, [200])
                self.assertEqual(self.names(), ["remote"])
                self.done(self.session.hold())
                self.hang_up()

    def test_no_ack(self) -> None:
        """Without an ACK in 64*T1 we end the call (3261-13.3.1.4-a)."""
        self.talk()
        self.lose("ACK", "desk", 1000)
        self.desk_asks("INVITE", sdp=OWN_SDP)
        self.advance(31)
        self.assertEqual(self.session.state, "Established")
        repeated = [
            round(packet.time, 2)
            for packet in self.network.packets("SIP/2.0 200", "caller.invalid")
        ]
        gaps = [b - a for a, b in zip(repeated, repeated[1:], strict=False)]
        self.assertEqual([round(gap, 1) for gap in gaps][:5], [0.5, 1.0, 2.0, 4.0, 4.0])
        self.advance(3)
        ended = self.successResultOf(self.session.ended)
        self.assertIn("no ACK", ended.reason or "")
        self.settle()

    def test_a_lost_refusal(self) -> None:
        """A 488 to us is acknowledged by the transaction however often it comes."""
        self.talk(Script(answer(0.1), replies={"INVITE": 488}))
        self.lose("ACK", "caller", 2)
        self.refused(self.session.hold(), 6)
        self.hang_up()


class NoWayTests(TalkCase):
    """Changes that cannot be sent: the call goes on (RFC 5057 5.1, as after a 503)."""

    def refuse(self, start: str) -> None:
        """Let the system refuse to send what begins so."""
        self.network.refuse_if(lambda packet: packet.first_line.startswith(start))

    def test_a_re_invite(self) -> None:
        """A re-INVITE that the system does not send has failed at once."""
        self.talk()
        self.refuse("INVITE")
        error = self.refused(self.session.hold())
        self.assertIsNone(error.response)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_an_ack(self) -> None:
        """An ACK that it does not send is counted and told, and tried again."""
        self.talk()
        rule = self.network.refuse_if(
            lambda packet: packet.first_line.startswith("ACK"), 2
        )
        self.assertIsNotNone(rule)
        self.done(self.session.hold(), 3)
        self.assertEqual(self.endpoint.counters["acks-undeliverable"], 2)
        self.hang_up()


class NoConnectionTests(TalkCase):
    """The same where there is no connection any more."""

    protocol = "TCP"

    def test_a_re_invite(self) -> None:
        """A re-INVITE for which no connection can be made has failed; when there is one
        again the call can be changed.
        """
        self.talk()
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        self.network.reset("caller.invalid")
        waiting = self.session.hold()
        error = self.refused(waiting, 60)
        self.assertIn("not answered", str(error))
        self.assertEqual(self.session.state, "Established")
        (warning, *_) = self.events(self.call, "warning")
        self.assertIn("INVITE could not be sent", str(warning["message"]))
        self.network.heal()
        self.done(self.session.hold(), 5)
        self.hang_up()


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


class TcpTests(OwnTests):
    """What we change, over TCP."""

    protocol = "TCP"
