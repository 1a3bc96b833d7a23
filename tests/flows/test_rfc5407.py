"""The races of RFC 5407 sections 3.1 to 3.3, from the caller's side.

In the figures Alice calls Bob; a word of Alice is an arrow to the right.
"""

from __future__ import annotations

from sipuac.errors import Cancelled, InviteForked
from sipuac.syntax.message import Request
from tests.flows.race_case import HOP, RaceCase

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

    def test_reinvite_crosses_the_repeated_200(self) -> None:
        """3.1.4: the ACK is lost, and Alice's re-INVITE crosses the 200: each of the
        two gets its own ACK, "ACK F7 has the same CSeq number as ini-INVITE F1".
        """
        invitation = self.invite()
        self.ring()
        self.lose("ACK")
        answer = self.answer()
        session = self.successResultOf(invitation.established)
        self.advance(0.4)
        held = session.hold()
        self.bob.send(answer)
        self.arrive()
        self.bob.respond(self.bob.requests("INVITE")[1], 200, self.bob.sdp("recvonly"))
        self.arrive()
        self.successResultOf(held)
        self.arrive()
        self.assert_figure(
            *ESTABLISHED[:3],
            "-> ACK lost",
            "-> INVITE",
            "<- 200 INVITE",
            "-> ACK",
            "<- 200 INVITE",
            "-> ACK",
        )
        self.assertEqual([ack.cseq.number for ack in self.bob.requests("ACK")], [1, 2])
        self.assertIn(b"a=sendonly", self.bob.requests("INVITE")[1].body)

    def test_reinvite_crosses_the_repeated_offer(self) -> None:
        """3.1.5: "the offer in the 200 (F3) and the offer in the re-INVITE (F6) collide
        with each other": the ACK has the answer again, and the re-INVITE comes again.
        """
        invitation = self.invite(without_sdp=True)
        self.ring()
        self.lose("ACK")
        answer = self.answer()
        session = self.successResultOf(invitation.established)
        self.advance(0.4)
        held = session.hold()
        self.bob.send(answer)
        self.arrive()
        self.bob.respond(self.bob.requests("INVITE")[1], 491)
        self.arrive()
        self.arrive()
        self.assert_figure(
            *ESTABLISHED[:3],
            "-> ACK lost",
            "-> INVITE",
            "<- 200 INVITE",
            "-> ACK",
            "<- 491 INVITE",
            "-> ACK",
        )
        answering, refused = self.bob.requests("ACK")
        self.assertIn(b"m=audio", answering.body)
        self.assertEqual((answering.cseq.number, refused.cseq.number), (1, 2))
        self.advance(4.1)
        again = self.bob.requests("INVITE")[2]
        self.bob.respond(again, 200, self.bob.sdp("recvonly"))
        self.arrive()
        self.successResultOf(held)


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

    def crosses_our_bye(self, method: str) -> None:
        """A request of Bob crosses Alice's BYE, and gets 481."""
        session = self.successResultOf(self.establish().established)
        session.bye()
        self.bob.ask(method, 1, self.bob.sdp() if method == "INVITE" else b"")
        self.arrive()
        self.bob.respond(self.bob.requests("BYE")[0], 200)
        self.arrive()
        [refusal] = self.bob.responses(method)
        acknowledgement: tuple[str, ...] = ()
        if method == "INVITE":
            self.bob.acknowledge(refusal)
            acknowledgement = ("<- ACK",)
        self.assert_figure(
            *ESTABLISHED,
            "-> BYE",
            f"<- {method}",
            f"-> 481 {method}",
            "<- 200 BYE",
            *acknowledgement,
        )
        self.assertEqual(self.successResultOf(session.ended).by, "local")
        self.assert_over()

    def test_reinvite_crosses_our_bye(self) -> None:
        """3.2.2: "she responds with a 481 to the re-INVITE"."""
        self.crosses_our_bye("INVITE")

    def test_update_crosses_our_bye(self) -> None:
        """3.2.1: "UAs in the Mortal state return error responses to the requests that
        operate within a dialog or session, such as re-INVITE, UPDATE, or REFER".
        """
        self.crosses_our_bye("UPDATE")

    def test_refer_crosses_our_bye(self) -> None:
        """3.3.3: "So Alice, in the Mortal state, sends an error response to the
        REFER".
        """
        self.crosses_our_bye("REFER")

    def test_bye_crosses_the_200_of_a_reinvite(self) -> None:
        """3.2.3: Bob hangs up in his re-INVITE: the 200 to it crosses his BYE, and he
        "sends an ACK for a 200 response to INVITE while in the Mortal state".
        """
        session = self.successResultOf(self.establish().established)
        headers = [("Session-Expires", "300;refresher=uac"), ("Supported", "timer")]
        self.bob.ask("INVITE", 1, headers=headers)
        self.arrive()
        self.bob.ask("BYE", 2)
        self.arrive()
        [answer] = self.bob.responses("INVITE")
        self.bob.acknowledge(answer)
        self.arrive()
        self.assert_figure(
            *ESTABLISHED,
            "<- INVITE",
            "-> 200 INVITE",
            "<- BYE",
            "-> 200 BYE",
            "<- ACK",
        )
        self.assertEqual(answer.get("Session-Expires"), "300;refresher=uac")
        self.assertIn("timer", answer.require)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")
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


class CrossoverTests(RaceCase):
    """RFC 5407 section 3.3: two changes of the session at once."""

    def cross(self, method: str) -> float:
        """Alice's hold crosses an offer of Bob; both get 491.

        Returns:
            When Alice heard of it.
        """
        session = self.successResultOf(self.establish().established)
        self.held = session.hold()
        self.bob.ask(method, 1, self.bob.sdp())
        self.arrive()
        self.bob.respond(self.bob.requests("INVITE")[1], 491)
        self.arrive()
        refused_at = self.clock.seconds()
        [refusal] = self.bob.responses(method)
        self.assertEqual(refusal.status, 491)
        if method == "INVITE":
            self.bob.acknowledge(refusal)
        self.arrive()
        return refused_at

    def next_invite(self, number: int) -> Request:
        """Let time pass until Bob has so many INVITEs and one more."""
        for _ in range(50):
            if len(self.bob.requests("INVITE")) > number:
                break
            self.arrive()
        return self.bob.requests("INVITE")[number]

    def try_again(self, method: str, refused_at: float) -> None:
        """Bob tries again after 1 s; Alice after him."""
        self.advance(1.0)
        self.bob.ask(method, 2, self.bob.sdp())
        self.arrive()
        self.arrive()
        answer = self.bob.responses(method)[1]
        self.assertEqual(answer.status, 200)
        if method == "INVITE":
            self.bob.acknowledge(answer)
        self.advance(refused_at + 2.0 - self.clock.seconds())
        self.assertEqual(len(self.bob.requests("INVITE")), 2)
        again = self.next_invite(2)
        waited = self.clock.seconds() - HOP - refused_at
        self.assertTrue(2.1 <= waited <= 4.0 + HOP, waited)
        self.assertEqual(again.cseq.number, 3)
        self.assertIn(b"a=sendonly", again.body)
        self.bob.respond(again, 200, self.bob.sdp("recvonly"))
        self.arrive()
        self.successResultOf(self.held)
        self.arrive()

    def test_reinvite_crosses_reinvite(self) -> None:
        """3.3.1: 491 both ways; Bob tries again after 0 to 2.0 s, and Alice, who owns
        the Call-ID, after 2.1 to 4.0 s.
        """
        self.try_again("INVITE", self.cross("INVITE"))
        self.assert_figure(
            *ESTABLISHED,
            "-> INVITE",
            "<- INVITE",
            "-> 491 INVITE",
            "<- 491 INVITE",
            "-> ACK",
            "<- ACK",
            "<- INVITE",
            "-> 200 INVITE",
            "<- ACK",
            "-> INVITE",
            "<- 200 INVITE",
            "-> ACK",
        )

    def test_reinvite_crosses_update(self) -> None:
        """3.3.2: "both responded to with 491", where the UPDATE has an offer.

        In the figure the UPDATE is Alice's and the re-INVITE Bob's.
        """
        self.try_again("UPDATE", self.cross("UPDATE"))
        self.assert_figure(
            *ESTABLISHED,
            "-> INVITE",
            "<- UPDATE",
            "-> 491 UPDATE",
            "<- 491 INVITE",
            "-> ACK",
            "<- UPDATE",
            "-> 200 UPDATE",
            "-> INVITE",
            "<- 200 INVITE",
            "-> ACK",
        )

    def test_reinvite_crosses_update_without_offer(self) -> None:
        """3.3.2: "When an UPDATE for session refresh that doesn't contain a session
        description and a re-INVITE cross each other, both requests succeed with 200".
        """
        session = self.successResultOf(self.establish().established)
        held = session.hold()
        self.bob.ask("UPDATE", 1)
        self.arrive()
        self.bob.respond(self.bob.requests("INVITE")[1], 200, self.bob.sdp("recvonly"))
        self.arrive()
        self.successResultOf(held)
        self.arrive()
        self.assert_figure(
            *ESTABLISHED,
            "-> INVITE",
            "<- UPDATE",
            "-> 200 UPDATE",
            "<- 200 INVITE",
            "-> ACK",
        )

    def test_our_refresh_crosses_reinvite(self) -> None:
        """3.3.2: the same, where the UPDATE is Alice's."""
        allow = [("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE")]
        invitation = self.invite()
        self.ring()
        invite = self.bob.requests("INVITE")[0]
        self.bob.respond(invite, 200, self.bob.sdp(), allow)
        self.arrive()
        self.arrive()
        session = self.successResultOf(invitation.established)
        refreshed = session.refresh()
        self.bob.ask("INVITE", 1, self.bob.sdp("sendonly"))
        self.arrive()
        self.bob.respond(self.bob.requests("UPDATE")[0], 200)
        self.arrive()
        self.successResultOf(refreshed)
        [answer] = self.bob.responses("INVITE")
        self.assertEqual(answer.status, 200)
        self.bob.acknowledge(answer)
        self.arrive()
        self.assert_figure(
            *ESTABLISHED,
            "-> UPDATE",
            "<- INVITE",
            "-> 200 INVITE",
            "<- 200 UPDATE",
            "<- ACK",
        )
        self.assertIn(b"a=recvonly", answer.body)
