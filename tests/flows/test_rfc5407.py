"""The races of RFC 5407 sections 3.1 to 3.3, from the caller's side.

In the figures Alice calls Bob; a word of Alice is an arrow to the right.
"""

from __future__ import annotations

from sipuac.errors import Cancelled, InviteForked
from tests.flows.race_case import RaceCase

ESTABLISHED = ("-> INVITE", "<- 180 INVITE", "<- 200 INVITE", "-> ACK")
"""F1 to F4 of most figures."""


class MoratoriumTests(RaceCase):
    """RFC 5407 section 3.1: while the ACK has not come, something else does."""

    def test_invite_retransmission_crosses_the_200(self) -> None:
        """3.1.1: Alice retransmits her INVITE as the 200 comes: it gets one ACK."""
        self.lose("SIP/2.0 180")
        self.invite()
        self.ring()
        # Timer A is T1: Bob answers when it fires.
        self.advance(0.3)
        self.answer()
        self.arrive()
        self.assert_figure(
            "-> INVITE", "<- 180 INVITE lost", "-> INVITE", "<- 200 INVITE", "-> ACK"
        )
        first, again = self.bob.requests("INVITE")
        self.assertEqual(first.render(), again.render())
        self.assertEqual(len(self.media.open_sessions), 1)

    def cancel_crosses_the_200(self, status: int) -> None:
        """3.1.2: the CANCEL gets this status, and has come too late."""
        invitation = self.invite()
        self.ring()
        invitation.cancel()
        self.answer()
        self.bob.respond(self.bob.requests("CANCEL")[0], status)
        self.arrive()
        self.bob.respond(self.bob.requests("BYE")[0], 200)
        self.arrive()
        self.assert_figure(
            "-> INVITE",
            "<- 180 INVITE",
            "-> CANCEL",
            "<- 200 INVITE",
            "-> ACK",
            "-> BYE",
            f"<- {status} CANCEL",
            "<- 200 BYE",
        )
        self.failureResultOf(invitation.established, Cancelled)
        self.assert_over()

    def test_cancel_crosses_the_200(self) -> None:
        """3.1.2: "if she receives 200 to the INVITE request she immediately sends a
        BYE and terminates the dialog".
        """
        self.cancel_crosses_the_200(200)

    def test_cancel_that_matches_nothing(self) -> None:
        """3.1.2: "the UAC MAY receive a 481 response to the CANCEL"; it changes
        nothing.
        """
        self.cancel_crosses_the_200(481)

    def test_early_bye_crosses_the_200(self) -> None:
        """3.1.3: "the UAC sends an ACK to 200 in order to complete the INVITE
        transaction", and begins no session.

        Alice sends a BYE in an early dialog only where another one has her media.
        """
        invitation = self.invite(early_media=True)
        invite = self.bob.requests("INVITE")[0]
        self.bob.tag = "media"
        self.bob.respond(invite, 183, self.bob.sdp(), [("Allow", "UPDATE")])
        self.arrive()
        self.bob.tag = "extra"
        self.bob.respond(invite, 183, self.bob.sdp())
        self.arrive()
        self.arrive()
        self.bob.respond(self.bob.requests("UPDATE")[0], 200)
        self.arrive()
        # The BYE has begun its way, and so does the 200.
        self.bob.tag = "extra"
        self.bob.respond(invite, 200, self.bob.sdp())
        self.arrive()
        bye = self.bob.requests("BYE")[0]
        self.assertEqual(bye.to_tag, "extra")
        self.bob.respond(bye, 200)
        self.arrive()
        [ack] = self.bob.requests("ACK")
        self.assertEqual(ack.to_tag, "extra")
        self.assertEqual([session.branch for session in self.media.sessions], ["media"])
        self.assert_figure(
            "-> INVITE",
            "<- 183 INVITE",
            "<- 183 INVITE",
            "-> UPDATE",
            "<- 200 UPDATE",
            "-> BYE",
            "<- 200 INVITE",
            "-> ACK",
            # Nobody knows yet that the first BYE was heard; and the proxy, which has
            # a 2xx now, may have cancelled the other phone.
            "-> BYE",
            "-> UPDATE",
            "<- 200 BYE",
        )
        self.bob.respond(self.bob.requests("BYE")[1], 481)
        self.bob.tag = "media"
        self.bob.respond(self.bob.requests("UPDATE")[1], 481)
        self.arrive()
        self.failureResultOf(invitation.established, InviteForked)
        self.assertEqual(len(self.bob.requests("ACK")), 1)
        self.assert_over()

    def test_bye_crosses_the_repeated_200(self) -> None:
        """3.1.6: the ACK is lost; "the session should not be reestablished when the
        dialog is in the Mortal state", and the repeated 200 gets its ACK again.
        """
        invitation = self.invite()
        self.ring()
        self.lose("ACK")
        answer = self.answer()
        session = self.successResultOf(invitation.established)
        self.advance(0.4)
        session.bye()
        self.bob.send(answer)
        self.arrive()
        self.bob.respond(self.bob.requests("BYE")[0], 200)
        self.arrive()
        self.assert_figure(
            "-> INVITE",
            "<- 180 INVITE",
            "<- 200 INVITE",
            "-> ACK lost",
            "-> BYE",
            "<- 200 INVITE",
            "-> ACK",
            "<- 200 BYE",
        )
        self.assertEqual(self.successResultOf(session.ended).by, "local")
        self.assertEqual(len(self.media.sessions), 1)
        self.assert_over()


class MortalTests(RaceCase):
    """RFC 5407 section 3.2: the dialog is ending, and something comes."""

    def test_bye_crosses_bye(self) -> None:
        """3.2.1: "the UA shall return a 200 OK to the BYE"."""
        session = self.successResultOf(self.establish().established)
        session.bye()
        self.bob.ask("BYE", 1)
        self.arrive()
        self.bob.respond(self.bob.requests("BYE")[0], 200)
        self.arrive()
        self.assert_figure(*ESTABLISHED, "-> BYE", "<- BYE", "-> 200 BYE", "<- 200 BYE")
        self.successResultOf(session.ended)
        self.assert_over()

    def test_ack_crosses_bye(self) -> None:
        """3.2.4: Bob hangs up before the ACK has come: it is sent all the same."""
        invitation = self.invite(without_sdp=True)
        self.ring()
        self.answer()
        self.bob.ask("BYE", 1)
        self.arrive()
        self.arrive()
        self.assert_figure(*ESTABLISHED, "<- BYE", "-> 200 BYE")
        self.assertIn(b"m=audio", self.bob.requests("ACK")[0].body)
        session = self.successResultOf(invitation.established)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")
        self.assert_over()
