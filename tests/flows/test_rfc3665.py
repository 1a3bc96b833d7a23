"""The basic call flows of RFC 3665, message by message."""

from __future__ import annotations

from sipuac.errors import Busy, Cancelled, NoAnswer
from sipuac.ua.credentials import Credentials
from sipuac.ua.invitation import Invitation
from tests.flows.flow_case import FlowCase

SS1 = "ss1.atlanta.example.com"
SS3 = "ss3.chicago.example.com"
SS2 = "ss2.biloxi.example.com"
BILOXI = "biloxi.example.com"
BOB = "client.biloxi.example.com"
CHICAGO = "client.chicago.example.com"


class EstablishmentFlowTests(FlowCase):
    """Calls that are answered."""

    def test_successful_session_establishment(self) -> None:
        """RFC 3665 section 3.1: "Alice completes a call to Bob directly"."""
        invitation = self.play(
            "3.1", {BILOXI: ("TCP", BOB), BOB: ("TCP", BOB)}, {"Bob": BOB}
        )
        session = self.successResultOf(invitation.established)
        self.assertIn("m=audio 3456 ", session.remote_sdp)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")

    def test_two_proxies(self) -> None:
        """RFC 3665 section 3.2: the first proxy challenges; "A new INVITE (F4) is then
        sent containing the correct credentials and the call proceeds".
        """
        invitation = self.play(
            "3.2",
            {SS1: ("TCP", SS1)},
            {"Proxy 1": SS1},
            proxy=f"sip:{SS1};lr",
            credentials=lambda realm, method, uri: Credentials("alice", "secret"),
        )
        session = self.successResultOf(invitation.established)
        self.assertIn("m=audio 3456 ", session.remote_sdp)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")

    def test_redirect_and_sdp_in_ack(self) -> None:
        """RFC 3665 section 3.6: "Alice then generates a new INVITE and sends to Bob via
        the Proxy Server"; "no SDP is present in the INVITE, so the SDP is carried in
        the ACK message".
        """
        invitation = self.play(
            "3.6",
            {
                BILOXI: ("UDP", BILOXI),
                "chicago.example.com": ("TCP", SS3),
                SS3: ("TCP", SS3),
            },
            {
                "Redirect Server": BILOXI,
                "Redirect Proxy": BILOXI,
                "Proxy 3": SS3,
                "Proxy": SS3,
            },
            without_sdp=True,
            follow_redirects=True,
        )
        session = self.successResultOf(invitation.established)
        self.assertIn("m=audio 3456 ", session.remote_sdp)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")

    def test_reinvite(self) -> None:
        """RFC 3665 section 3.7: "the media changes midway through the session".

        Bob has a new address, where Alice sends her BYE: the proxy did not stay.
        """

        def hang_up(invitation: Invitation) -> None:
            self.successResultOf(invitation.established).bye()

        invitation = self.play(
            "3.7",
            {BILOXI: ("UDP", SS2), BOB: ("UDP", BOB), CHICAGO: ("UDP", CHICAGO)},
            {"Proxy 2": SS2, "Bob": BOB},
            moves={"F9": ("Bob", CHICAGO)},
            actions={"F12": hang_up},
        )
        session = self.successResultOf(invitation.established)
        self.assertIn("m=audio 47172 ", session.remote_sdp)
        self.assertEqual(self.successResultOf(session.ended).by, "local")


class FailureFlowTests(FlowCase):
    """Calls that are not, each through Proxy 1."""

    def test_no_answer(self) -> None:
        """RFC 3665 section 3.8: "Alice gives up on the call before Bob answers"."""
        invitation = self.play(
            "3.8",
            {SS1: ("UDP", SS1)},
            {"Proxy 1": SS1},
            proxy=f"sip:{SS1};lr",
            actions={"F9": lambda invitation: invitation.cancel()},
        )
        self.failureResultOf(invitation.established, Cancelled)

    def test_busy(self) -> None:
        """RFC 3665 section 3.9: "Bob is busy and sends a 486 Busy Here response"."""
        invitation = self.play(
            "3.9", {SS1: ("TCP", SS1)}, {"Proxy 1": SS1}, proxy=f"sip:{SS1};lr"
        )
        self.failureResultOf(invitation.established, Busy)

    def test_temporarily_unavailable(self) -> None:
        """RFC 3665 section 3.11: "a 480 Unavailable is then sent to Alice"."""
        invitation = self.play(
            "3.11", {SS1: ("UDP", SS1)}, {"Proxy 1": SS1}, proxy=f"sip:{SS1};lr"
        )
        self.failureResultOf(invitation.established, NoAnswer)
