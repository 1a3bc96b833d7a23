"""Calls without an offer in the INVITE, over the forking proxy, with and without loss.

The phones complain of an offer that is not answered where it should be.
"""

from __future__ import annotations

from sipuac.errors import MediaRefused
from sipuac.sdp.description import SessionDescription
from sipuac.testing.media import late, refuse
from sipuac.testing.phone import Phone
from sipuac.testing.script import Meeting, answer, early_dialog_ended, early_media, ring
from tests.ua.world import CallTestCase


def answered_ports(phone: Phone) -> list[int]:
    """The port of the first stream of each description that a phone got."""
    texts = [text for dialog in phone.dialogs for text in dialog.descriptions]
    return [SessionDescription.parse(text).media[0].port for text in texts]


class OfferlessTests(CallTestCase):
    """Early media for everybody."""

    def test_the_invite(self) -> None:
        """It has no body, and says that reliable responses are welcome."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        call = self.invite(without_sdp=True)
        self.advance(1)
        (sent,) = desk.invites
        self.assertEqual((sent.body, sent.get("Content-Type")), (b"", None))
        self.assertEqual(sent.get_all("Supported"), ["100rel, 199, timer"])
        self.assertEqual([c.method for c in self.media.calls], ["open", "make_answer"])
        call.hangup()
        self.settle()

    def test_two_forks(self) -> None:
        """Each fork gets a session of its own and its answer in its PRACK; on the 2xx
        the winner's media is kept and the other's closes (3262-5-a, 3262-4-a).
        """
        desk = self.phone("desk", early_media(0.1, reliable=True), answer(3.0))
        mobile = self.phone("mobile", early_media(0.1, reliable=True))
        self.ring()
        call = self.invite(without_sdp=True)
        self.advance(1)
        self.assertEqual([answered_ports(desk), answered_ports(mobile)], [[40000]] * 2)
        self.assertEqual(len(self.media.open_sessions), 2)
        early = self.events(call, "early-media")
        self.assertEqual(len({event["to_tag"] for event in early}), 2)
        self.advance(3)
        session = self.successResultOf(call.established)
        self.assertTrue(desk.in_call)
        (kept,) = self.media.open_sessions
        self.assertIs(session.media, kept)
        self.assertIn("m=audio 40000", session.local_sdp)
        self.assertIn("m=audio", session.remote_sdp)
        session.bye()
        self.settle()

    def test_loss(self) -> None:
        """Whatever is lost comes again, and each offer gets one answer."""
        for start, source, in_2xx in (
            ("SIP/2.0 183", "proxy", False),
            ("PRACK", "caller", False),
            ("SIP/2.0 200", "proxy", True),
            ("ACK", "caller", True),
        ):
            self.setUp()
            steps = [] if in_2xx else [early_media(0.1, reliable=True)]
            desk = self.phone("desk", *steps, answer(2.0))
            self.ring()
            self.network.drop_if(
                lambda packet, start=start, source=source: (  # type: ignore[misc]
                    packet.first_line.startswith(start)
                    and packet.source[0].startswith(source)
                ),
                2,
            )
            call = self.invite(without_sdp=True)
            self.advance(8)
            session = self.successResultOf(call.established)
            self.assertEqual(answered_ports(desk), [40000])
            session.bye()
            self.settle()

    def test_a_callee_without_100rel(self) -> None:
        """It still gets its call: the offer in the 200 is answered in the ACK, late
        media or not (3261-13.2.2.4-e).
        """
        desk = self.phone("desk", ring(0.1), early_media(0.2), answer(1.0))
        self.ring()
        self.media.react("make_answer", late(3.0))
        call = self.invite(without_sdp=True)
        self.advance(3)
        self.assertEqual(self.methods(desk), ["INVITE"])
        self.assertEqual(len(self.events(call, "warning")), 1)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.assertEqual(answered_ports(desk), [40000])
        self.settle()

    def test_the_media_is_too_slow_for_the_ack(self) -> None:
        """After 8 s: the refusing answer, BYE, MediaRefused."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        self.media.react("make_answer", late(9.0))
        call = self.invite(without_sdp=True)
        self.advance(10)
        self.failureResultOf(call.established, MediaRefused)
        self.assertEqual(answered_ports(desk), [0])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.settle()

    def test_the_media_refuses_one_fork(self) -> None:
        """It gets the refusing answer and a BYE, and the other one the call."""
        desk = self.phone("desk", early_media(0.1, reliable=True))
        mobile = self.phone("mobile", early_media(0.5, reliable=True), answer(2.0))
        self.ring()
        self.media.react("make_answer", refuse("no codec"), late(0.0))
        call = self.invite(without_sdp=True)
        self.advance(3)
        self.assertEqual(answered_ports(desk), [0])
        self.assertTrue(desk.byed_early)
        self.successResultOf(call.established).bye()
        self.assertEqual(answered_ports(mobile), [40000])
        self.settle()

    def test_an_answer_that_is_none(self) -> None:
        """What the modifiers make of our answer must answer the offer: else it counts
        as a refusal (3264-6-a).
        """

        def spoil(answer: SessionDescription) -> SessionDescription:
            stream = "m=video 4000 RTP/AVP 96"
            return SessionDescription.of_lines([*answer.lines, stream])

        desk = self.phone("desk", answer(0.1))
        self.ring()
        call = self.invite(without_sdp=True, modifiers=[spoil])
        self.advance(1)
        self.failureResultOf(call.established, MediaRefused)
        self.assertEqual(answered_ports(desk), [0])
        self.settle()

    def test_two_answers_at_once(self) -> None:
        """The later 200 gets ACK with the refusing answer, and BYE."""
        meeting = Meeting(2)
        desk = self.phone("desk", answer(1.0, meeting=meeting))
        mobile = self.phone("mobile", answer(1.0, meeting=meeting))
        self.ring()
        call = self.invite(without_sdp=True)
        self.advance(2)
        kept, extra = (desk, mobile) if desk.in_call else (mobile, desk)
        self.assertEqual(answered_ports(kept), [40000])
        self.assertEqual(answered_ports(extra), [0])
        self.successResultOf(call.established).bye()
        self.settle()

    def test_199_closes_a_fork(self) -> None:
        """A 199 closes the media of its fork alone (6228-4-d)."""
        self.phone("desk", early_media(0.1, reliable=True), early_dialog_ended(1.0))
        self.phone("mobile", early_media(0.1, reliable=True), answer(3.0))
        self.ring()
        call = self.invite(without_sdp=True)
        self.advance(2)
        self.assertEqual(len(self.media.open_sessions), 1)
        self.advance(2)
        self.successResultOf(call.established).bye()
        self.network.settle(2_000)
        self.assertEqual(self.media.open_sessions, [])

    def test_modifiers(self) -> None:
        """Ours go over our answer, those of the callee over its offer."""
        seen: list[str] = []

        def note(name: str) -> object:
            def modifier(description: SessionDescription) -> SessionDescription:
                seen.append(f"{name} {description.origin.username}")
                return description

            return modifier

        self.phone("desk", early_media(0.1, reliable=True), answer(1.0))
        self.ring()
        call = self.invite(
            without_sdp=True,
            modifiers=[note("ours")],
            answer_modifiers=[note("theirs")],
        )
        self.advance(2)
        self.assertEqual([entry.split()[0] for entry in seen], ["theirs", "ours"])
        call.hangup()
        self.settle()
