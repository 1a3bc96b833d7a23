"""Calls that are saved by a fresh offer in a re-INVITE, through a forking proxy."""

from __future__ import annotations

from typing import Any

from sipuac.errors import Cancelled, InviteForked, MediaRefused
from sipuac.media.static import StaticMedia
from sipuac.sdp.description import SessionDescription
from sipuac.testing.media import NEVER, ScriptedMedia, late, refuse
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import serial
from sipuac.testing.script import (
    Script,
    answer,
    early_dialog_ended,
    early_media,
    reject,
    ring,
)
from sipuac.ua.invitation import Invitation
from tests.ua.world import CallTestCase


def versions(phone: Phone) -> list[int]:
    """The version of the o= line of each offer that a phone got."""
    offers = [request for request in phone.requests("INVITE") if request.body]
    return [SessionDescription.parse(one.body).origin.version for one in offers]


class AdoptCase(CallTestCase):
    """Media that takes one answer to its offer, and no other."""

    def setUp(self) -> None:
        """Media that can neither replace its answer nor fork its offer."""
        super().setUp()
        self.media = ScriptedMedia(
            self.clock, can_replace_answer=False, can_fork_offer=False
        )

    def adopt(self, **options: Any) -> Invitation:
        """Call Bob under the policy `adopt`."""
        self.ring()
        how = {"on_fork": "adopt", "media": self.media, **options}
        return self.invite(early_media=True, **how)


class AdoptTests(AdoptCase):
    """The policy `adopt`."""

    def test_an_extra_that_answers_first(self) -> None:
        """Its 2xx is acknowledged and saved by a re-INVITE with a fresh offer; the old
        media dialog is ended.
        """
        desk = self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", ring(0.2), answer(1.0))
        call = self.adopt()
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertEqual(self.methods(mobile), ["INVITE", "ACK", "INVITE", "ACK"])
        self.assertIn("BYE", self.methods(desk))
        self.assertEqual(len(self.media.called("offer")), 2)
        self.assertEqual(versions(mobile)[1] - versions(mobile)[0] in (0, 1), True)
        (kept,) = self.media.open_sessions
        self.assertIs(session.media, kept)
        self.assertEqual(str(kept.answer), session.remote_sdp)
        self.assertEqual(mobile.requests("INVITE")[1].body.decode(), session.local_sdp)
        actions = [event["action"] for event in self.events(call, "forked")]
        self.assertEqual(actions, ["leave", "adopt", "cancel-extra"])
        session.bye()
        self.settle()

    def test_the_media_dialog_answers(self) -> None:
        """Nothing is adopted where the media dialog is the first."""
        desk = self.phone("desk", early_media(0.1), answer(1.0))
        self.phone("mobile", ring(0.2))
        call = self.adopt()
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.assertTrue(desk.acked)
        self.assertEqual(len(self.media.called("offer")), 1)
        self.settle()

    def test_static_media(self) -> None:
        """The media that ships does it too."""
        self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", ring(0.2), answer(1.0))
        static = StaticMedia(kind="single-answer")
        call = self.adopt(media=static)
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertEqual(static.open_sessions, 1)
        session.bye()
        self.settle()
        self.assertEqual(static.open_sessions, 0)

    def test_loss(self) -> None:
        """Whatever is lost comes again, and each side agrees on one session."""
        for start in ("SIP/2.0 200", "ACK", "INVITE sip:mobile", "BYE"):
            self.setUp()
            self.phone("desk", early_media(0.1))
            mobile = self.phone("mobile", ring(0.2), answer(1.0))
            call = self.adopt()
            self.advance(0.9)
            self.network.drop_if(
                lambda packet, start=start: (  # type: ignore[misc]
                    packet.first_line.startswith(start)
                ),
                2,
            )
            self.advance(10)
            self.successResultOf(call.established)
            self.assertTrue(mobile.in_call, start)
            call.hangup()
            self.settle()

    def test_a_slow_media(self) -> None:
        """It may take its time for both the offer and the answer."""
        self.media.react("offer", late(0.0), late(2.0))
        self.media.react("apply_answer", late(0.0), late(2.0))
        self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", ring(0.2), answer(1.0))
        call = self.adopt()
        self.advance(2)
        self.assertEqual(self.methods(mobile), ["INVITE", "ACK"])
        self.advance(2)
        self.assertNoResult(call.established)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.settle()


class FailedTests(AdoptCase):
    """The call could not be saved: BYE, and the attempt fails."""

    def answered(self, **script: Any) -> tuple[Phone, Invitation]:
        """Phone "mobile" has answered, and was asked for another session."""
        self.phone("desk", early_media(0.1))
        mobile = self.phone("mobile", script=Script(ring(0.2), answer(1.0), **script))
        call = self.adopt()
        self.advance(2)
        return mobile, call

    def test_the_callee_refuses(self) -> None:
        """A final response other than 2xx to the re-INVITE: InviteForked."""
        mobile, call = self.answered(replies={"INVITE": 488})
        self.failureResultOf(call.established, InviteForked)
        self.assertEqual(
            self.methods(mobile), ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
        )
        self.settle()

    def test_the_callee_says_nothing(self) -> None:
        """The re-INVITE runs out: BYE as well."""
        mobile, call = self.answered(replies={"INVITE": None})
        established = call.established
        self.assertNoResult(established)
        self.advance(80)
        self.failureResultOf(established, InviteForked)
        self.assertEqual(self.methods(mobile)[-1], "BYE")
        self.settle()

    def test_the_media_makes_no_offer(self) -> None:
        """MediaRefused, at once or when its time is up."""
        for reaction in (refuse("no port"), NEVER):
            self.setUp()
            self.media.react("offer", late(0.0), reaction)
            mobile, call = self.answered()
            self.advance(8)
            self.failureResultOf(call.established, MediaRefused)
            self.assertEqual(self.methods(mobile), ["INVITE", "ACK", "BYE"])
            self.settle()

    def test_the_media_refuses_the_answer(self) -> None:
        """MediaRefused; the second session closes as well."""
        self.media.react("apply_answer", late(0.0), refuse("no codec"))
        mobile, call = self.answered()
        self.failureResultOf(call.established, MediaRefused)
        self.assertEqual(self.methods(mobile)[-2:], ["ACK", "BYE"])
        self.settle()

    def test_hanging_up(self) -> None:
        """Before the fresh offer is there, while it is under way, or when its answer
        is being applied: BYE, and nothing is left.
        """
        for method in ("offer", "apply_answer", None):
            self.setUp()
            replies: dict[str, int | None] = {}
            if method is None:
                replies["INVITE"] = None
            else:
                self.media.react(method, late(0.0), NEVER)
            mobile, call = self.answered(replies=replies)
            established = call.established
            self.assertNoResult(established)
            call.hangup()
            self.failureResultOf(established, Cancelled)
            self.advance(1)
            self.assertIn("BYE", self.methods(mobile))
            self.settle()


class DeadMediaDialogTests(AdoptCase):
    """A newcomer whose media dialog is dead, under any policy but `fail`."""

    def test_serial_hunting(self) -> None:
        """The first phone is found dead by a probe; the second one rings on without
        media, and its 2xx is adopted.
        """
        self.phone("desk", early_media(0.1), reject(1.0, 480))
        mobile = self.phone("mobile", early_media(0.2), answer(3.0))
        self.ring(serial("sip:desk@desk.invalid", "sip:mobile@mobile.invalid"))
        call = self.invite(early_media=True, media=self.media)
        self.advance(5)
        session = self.successResultOf(call.established)
        self.assertTrue(mobile.in_call)
        self.assertEqual(self.methods(mobile), ["INVITE", "ACK", "INVITE", "ACK"])
        probes = [event["result"] for event in self.events(call, "probe")]
        self.assertEqual(probes, ["dead"])
        session.bye()
        self.settle()

    def test_after_a_199(self) -> None:
        """The same where a proxy says that it is dead."""
        for policy in ("cancel-extras", "first-answer", "adopt"):
            self.setUp()
            self.phone("desk", early_media(0.1), early_dialog_ended(0.5))
            mobile = self.phone("mobile", early_media(1.0), answer(3.0))
            call = self.adopt(on_fork=policy)
            self.advance(5)
            self.successResultOf(call.established).bye()
            self.assertEqual(len(mobile.requests("INVITE")), 2, policy)
            self.settle()

    def test_fail(self) -> None:
        """Under `fail` it is released: InviteForked."""
        self.phone("desk", early_media(0.1), early_dialog_ended(0.5))
        mobile = self.phone("mobile", early_media(1.0), answer(3.0))
        call = self.adopt(on_fork="fail")
        self.advance(8)
        self.failureResultOf(call.established, InviteForked)
        self.assertEqual(self.methods(mobile), ["INVITE", "ACK", "BYE"])
        self.settle()
