"""Reliable provisional responses over the forking proxy, with and without loss."""

from __future__ import annotations

from sipuac.testing.phone import Phone
from sipuac.testing.script import Script, answer, early_media, ring
from tests.ua.world import CallTestCase


def racks(phone: Phone) -> list[str | None]:
    """The RAck of each PRACK that a phone got."""
    return [request.get("RAck") for request in phone.requests("PRACK")]


class ReliableTests(CallTestCase):
    """Calls with an offer in the INVITE."""

    def test_what_the_invite_says(self) -> None:
        """Every INVITE lists 100rel in Supported and PRACK in Allow (3262-4-b)."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        (sent,) = desk.invites
        self.assertEqual(sent.get_all("Supported"), ["100rel, timer"])
        self.assertEqual(sent.get_all("Require"), [])
        self.assertTrue(sent.has_token("Allow", "PRACK"))
        call.hangup()
        self.settle()

    def test_required(self) -> None:
        """Where the caller insists it is in Require, of the INVITE alone and without
        199 (3262-4-b, 3262-4-c, 6228-4-b).
        """
        desk = self.phone("desk", ring(0.1, reliable=True), answer(0.5))
        self.ring()
        call = self.invite(early_media=True, reliable="required")
        self.advance(1)
        call.hangup()
        self.advance(1)
        (sent,) = desk.invites
        self.assertEqual(sent.get_all("Require"), ["100rel"])
        self.assertEqual(sent.get_all("Supported"), ["timer"])
        self.assertEqual(self.methods(desk), ["INVITE", "PRACK", "ACK", "BYE"])
        for request in desk.requests()[1:]:
            self.assertIsNone(request.get("Require"))
        self.settle()

    def test_forks(self) -> None:
        """Each fork gets the PRACKs of its own responses, on its own route."""
        desk = self.phone("desk", ring(0.1, reliable=True), answer(2.0))
        mobile = self.phone(
            "mobile", ring(0.1, reliable=True), early_media(0.5, reliable=True)
        )
        self.ring()
        call = self.invite()
        self.advance(3)
        self.assertEqual(racks(desk), ["1 1 INVITE"])
        self.assertEqual(racks(mobile), ["1 1 INVITE", "2 1 INVITE"])
        for prack in mobile.requests("PRACK"):
            self.assertIsNone(prack.get("Contact"))
        self.successResultOf(call.established).bye()
        self.settle()

    def test_loss(self) -> None:
        """A lost response comes again; a lost PRACK too, and once each is enough."""
        for start, source in (("SIP/2.0 183", "proxy"), ("PRACK", "caller")):
            self.setUp()
            desk = self.phone("desk", early_media(0.1, reliable=True), answer(3.0))
            self.ring()
            self.network.drop_if(
                lambda packet, start=start, source=source: (  # type: ignore[misc]
                    packet.first_line.startswith(start)
                    and packet.source[0].startswith(source)
                ),
                2,
            )
            call = self.invite()
            self.advance(5)
            self.successResultOf(call.established)
            self.assertEqual(racks(desk), ["1 1 INVITE"])
            call.hangup()
            self.settle()

    def test_a_prack_that_finds_no_dialog(self) -> None:
        """481 ends that dialog by BYE; the other phone gets the call."""
        desk = self.phone(
            "desk",
            script=Script(
                ring(0.1, reliable=True), answer(9.0), early_replies={"PRACK": 481}
            ),
        )
        self.phone("mobile", ring(0.1, reliable=True), answer(2.0))
        self.ring()
        call = self.invite()
        self.advance(3)
        self.assertTrue(desk.byed_early)
        self.successResultOf(call.established).bye()
        self.network.settle(2_000)
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])

    def test_an_extra_under_early_media(self) -> None:
        """An extra is acknowledged and ended: PRACK, then BYE with the next CSeq."""
        self.phone("desk", early_media(0.1, reliable=True), answer(3.0))
        mobile = self.phone("mobile", early_media(0.4, reliable=True))
        self.ring()
        call = self.invite(early_media=True)
        self.advance(2)
        self.assertEqual(self.methods(mobile), ["INVITE", "PRACK", "BYE", "ACK"])
        numbers = [request.cseq.number for request in mobile.requests()]
        self.assertEqual(numbers, [1, 2, 3, 1])
        self.advance(3)
        self.successResultOf(call.established).bye()
        self.settle()

    def test_final(self) -> None:
        """With answer="final" the 200's answer replaces that of the unreliable 183."""
        preview = self.media.description.render().decode()
        self.phone("desk", early_media(0.1, preview), answer(1.0))
        self.ring()
        call = self.invite(early_media=True, answer="final")
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertNotEqual(session.remote_sdp, preview)
        methods = [c.method for c in self.media.calls]
        self.assertEqual(methods, ["offer", "open", "apply_answer", "replace_answer"])
        session.bye()
        self.settle()
