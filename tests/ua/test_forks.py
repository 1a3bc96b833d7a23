"""Forked calls: which dialog has the media, and what becomes of the others."""

from __future__ import annotations

from typing import Any

from sipuac.errors import InviteForked, LocalProtocolError
from sipuac.testing.media import ScriptedMedia
from sipuac.testing.proxy import serial
from sipuac.testing.script import (
    Meeting,
    Script,
    answer,
    early_dialog_ended,
    early_media,
    reject,
    ring,
    vanish,
)
from tests.ua.world import CallTestCase, Listener


class FirstAnswerTests(CallTestCase):
    """No early media: the policy `first-answer`."""

    def test_the_first_answer_is_the_call_and_the_proxy_cancels_the_other(self) -> None:
        """The first 2xx is taken; the other phone is ended by the proxy's CANCEL."""
        desk = self.phone("desk", ring(0.1), answer(1.0))
        mobile = self.phone("mobile", ring(0.2))
        self.ring()
        call = self.invite()
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertEqual(self.methods(mobile), ["INVITE", "CANCEL", "ACK"])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK"])
        actions = [event["action"] for event in self.events(call, "forked")]
        self.assertEqual(actions, ["leave"])
        self.advance(40)
        self.assertEqual(call.branches[1].state, "gone")
        session.bye()
        self.settle()

    def test_media_gets_the_answer_only_with_the_2xx(self) -> None:
        """By default there is no early media when the offer is in the INVITE."""
        self.phone("desk", early_media(0.1), answer(5.0))
        self.ring()
        call = self.invite()
        self.advance(4)
        self.assertEqual([c.method for c in self.media.calls], ["offer"])
        self.advance(2)
        methods = [c.method for c in self.media.calls]
        self.assertEqual(methods, ["offer", "open", "apply_answer"])
        self.successResultOf(call.established)
        call.hangup()
        self.settle()

    def test_two_answers_at_once(self) -> None:
        """Each 2xx gets an ACK in its own dialog, and the later one a BYE."""
        meeting = Meeting(2)
        desk = self.phone("desk", ring(0.1), answer(1.0, meeting=meeting))
        mobile = self.phone("mobile", ring(0.1), answer(1.0, meeting=meeting))
        self.ring()
        call = self.invite()
        self.advance(2)
        self.successResultOf(call.established)
        kept, extra = (desk, mobile) if desk.in_call else (mobile, desk)
        self.assertEqual(self.methods(kept), ["INVITE", "ACK"])
        self.assertEqual(self.methods(extra), ["INVITE", "CANCEL", "ACK", "BYE"])
        ended = self.events(call, "extra-ended")
        self.assertEqual([(e["by"], e["status"]) for e in ended], [("BYE", 200)])
        call.hangup()
        self.settle()

    def test_keep_all_gives_every_answer_a_session(self) -> None:
        """Under `keep-all` a later 2xx is a session of its own."""
        meeting = Meeting(2)
        self.phone("desk", answer(1.0, meeting=meeting))
        self.phone("mobile", answer(1.0, meeting=meeting))
        self.ring()
        listener = Listener()
        call = self.invite(on_fork="keep-all", delegate=listener)
        self.advance(2)
        self.assertEqual(len(call.sessions), 2)
        self.assertEqual(listener.heard.count("accept"), 2)
        states = [session.state for session in call.sessions.values()]
        self.assertEqual(states, ["Established", "Established"])
        for session in list(call.sessions.values()):
            session.bye()
        self.settle()


class CancelExtrasTests(CallTestCase):
    """Early media with an offer: the policy `cancel-extras`."""

    def test_the_invite_asks_not_to_be_forked(self) -> None:
        """Early media asks for no-fork and for 199, without Require: 100rel.

        (3841-9.1-a, 6228-4-a, 6228-4-b)
        """
        desk = self.phone("desk", ring(0.1), answer(0.2))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(1)
        invite = desk.invites[0]
        self.assertEqual(invite.get("Request-Disposition"), "no-fork")
        self.assertTrue(invite.has_token("Supported", "199"))
        self.assertIsNone(invite.get("Require"))
        call.hangup()
        self.settle()

    def test_an_extra_after_the_media_dialog_is_ended_once_that_is_alive(self) -> None:
        """No-fork is a wish that proxies may ignore: forks are handled (3841-9.1-b).

        The newcomer is held, the media dialog probed, the newcomer BYEd.
        """
        desk = self.phone("desk", early_media(0.1), answer(3.0))
        mobile = self.phone("mobile", early_media(0.3))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(1)
        self.assertEqual(self.methods(desk), ["INVITE", "UPDATE"])
        self.assertEqual(self.methods(mobile), ["INVITE", "BYE", "ACK"])
        actions = [event["action"] for event in self.events(call, "forked")]
        self.assertEqual(actions, ["hold", "cancel-extra"])
        probes = [event["result"] for event in self.events(call, "probe")]
        self.assertEqual(probes, ["alive"])
        self.advance(3)
        session = self.successResultOf(call.established)
        self.assertTrue(desk.in_call)
        session.bye()
        self.settle()

    def test_a_phone_that_rang_before_is_ended_at_once(self) -> None:
        """When the media dialog is chosen, those that rang before are extras too."""
        mobile = self.phone("mobile", ring(0.1))
        desk = self.phone("desk", early_media(0.3), answer(2.0))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(1)
        self.assertEqual(self.methods(mobile), ["INVITE", "BYE", "ACK"])
        self.assertEqual(self.methods(desk), ["INVITE"])
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_extra_ringing_keep_leaves_phones_that_only_ring(self) -> None:
        """`extra_ringing="keep"` leaves alone the ones without SDP."""
        mobile = self.phone("mobile", ring(0.1))
        self.phone("desk", early_media(0.3), answer(2.0))
        self.ring()
        call = self.invite(early_media=True, extra_ringing="keep")
        self.advance(1)
        self.assertEqual(self.methods(mobile), ["INVITE"])
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_serial_hunting_is_not_taken_for_a_fork(self) -> None:
        """Nothing waits for a 199: the first phone is found dead by 481 (6228-3-a)."""
        desk = self.phone("desk", early_media(0.1), reject(1.0, 480))
        mobile = self.phone("mobile", early_media(0.2), answer(3.0))
        self.ring(serial("sip:desk@desk.invalid", "sip:mobile@mobile.invalid"))
        call = self.invite(early_media=True)
        self.advance(5)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertEqual(self.methods(mobile), ["INVITE", "ACK"])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "UPDATE"])
        probes = [event["result"] for event in self.events(call, "probe")]
        self.assertEqual(probes, ["dead"])
        session.bye()
        self.settle()

    def test_a_dead_media_dialog_that_is_silent(self) -> None:
        """At the hold limit silence counts as dead."""
        self.phone("desk", early_media(0.1), vanish(0.3))
        mobile = self.phone("mobile", early_media(0.5), answer(20.0))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(3)
        self.assertEqual(self.methods(mobile), ["INVITE"])
        self.advance(20)
        self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        call.hangup()
        self.settle()

    def test_an_options_answer_counts_as_alive_only_at_the_hold_limit(self) -> None:
        """Anything but 200 to UPDATE is unknown; at the limit it counts as alive."""
        desk = self.phone(
            "desk",
            script=Script(
                early_media(0.1), answer(9.0), allow=["INVITE", "ACK", "BYE", "OPTIONS"]
            ),
        )
        mobile = self.phone("mobile", early_media(0.5))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(3)
        self.assertEqual(self.methods(desk), ["INVITE", "OPTIONS"])
        self.assertEqual(self.methods(mobile), ["INVITE"])
        self.advance(3)
        self.assertEqual(self.methods(mobile), ["INVITE", "BYE", "ACK"])
        self.advance(5)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_an_extra_that_answers_first_has_the_call(self) -> None:
        """Where media can replace its answer the call is taken there."""
        desk = self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", ring(0.3), answer(0.32))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertIn("BYE", self.methods(desk))
        methods = [c.method for c in self.media.calls]
        self.assertEqual(methods, ["offer", "open", "apply_answer", "replace_answer"])
        self.assertIn(session.remote_sdp, [str(c.argument) for c in self.media.calls])
        session.bye()
        self.settle()

    def test_an_extra_answers_and_the_media_dialog_is_cancelled_by_the_proxy(
        self,
    ) -> None:
        """Media that takes one answer only: ACK, BYE, then InviteForked."""
        self.media = ScriptedMedia(
            self.clock, can_replace_answer=False, can_fork_offer=False
        )
        desk = self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", ring(0.3), answer(0.32))
        self.ring()
        call = self.invite(early_media=True, media=self.media)
        self.advance(6)
        self.failureResultOf(call.final, InviteForked)
        self.assertEqual(self.methods(mobile)[-2:], ["ACK", "BYE"])
        self.assertTrue(desk.is_idle)
        self.settle()

    def test_a_199_frees_the_media_for_the_next(self) -> None:
        """A 199 ends that early dialog only, without BYE (6228-4-c)."""
        desk = self.phone("desk", early_media(0.1), early_dialog_ended(1.0))
        mobile = self.phone("mobile", early_media(2.0), answer(3.0))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(4)
        self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertNotIn("BYE", self.methods(desk))
        call.hangup()
        self.settle()

    def test_policies_that_cannot_be_are_refused_before_anything_is_sent(self) -> None:
        """What cannot be is refused before anything is sent."""
        asked: list[dict[str, Any]] = [
            {"on_fork": "cancel-extras"},
            {"on_fork": "follow"},
            {"on_fork": "fail"},
            {"on_fork": "unheard-of"},
            {"early_media": True, "without_sdp": True},
            {"headers": [("X-A", "1\r\nEvil: 2")]},
            {"headers": [("Via", "SIP/2.0/UDP evil")]},
            {"answer_timeout": -1},
            {"extra_ringing": "maybe"},
            {"fork_preference": "maybe"},
        ]
        for options in asked:
            sent = self.inviter.invite("sip:bob@example.invalid", **options)
            self.failureResultOf(sent, LocalProtocolError)
        for target in ("", "bob", "sip:", "mailto:bob@example.invalid", "sip:a b@c"):
            self.failureResultOf(self.inviter.invite(target), LocalProtocolError)
        self.assertEqual(self.network.log, [])
        self.settle()


class OtherPoliciesTests(CallTestCase):
    """`follow` and `fail`."""

    def test_follow_moves_the_media_to_the_newest_answer(self) -> None:
        """Under `follow` media moves to the newest answer."""
        desk = self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", early_media(0.5), answer(3.0))
        self.ring()
        call = self.invite(early_media=True, on_fork="follow")
        self.advance(2)
        self.assertEqual(self.methods(desk), ["INVITE"])
        moved = self.events(call, "media-moved")
        self.assertEqual(len(moved), 1)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.assertTrue(mobile.acked)
        self.settle()

    def test_fail_ends_everything(self) -> None:
        """Under `fail` a fork is cancelled as a whole."""
        desk = self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", early_media(0.5))
        self.ring()
        call = self.invite(early_media=True, on_fork="fail")
        self.advance(3)
        self.failureResultOf(call.final, InviteForked)
        self.assertTrue(desk.cancelled)
        self.assertTrue(mobile.cancelled)
        self.settle()
