"""What scripted phones send by themselves."""

from __future__ import annotations

from sipuac.syntax.uri import parse_uri
from sipuac.testing.phone import Phone
from sipuac.testing.script import (
    Meeting,
    answer,
    early_dialog_ended,
    early_media,
    redirect,
    reject,
    ring,
    trying,
)

from .caller import OFFER, Caller
from .phone_case import PhoneCase


class AnsweringTests(PhoneCase):
    """What a phone sends by itself."""

    def test_script_times(self) -> None:
        """Each step happens at its time after the INVITE."""
        self.phone([trying(), ring(0.5), early_media(1.0), answer(2.0)])
        self.call(seconds=2.0)
        times = [packet.time for packet in self.network.packets("SIP/2.0")]
        self.assertEqual(times, [0.0, 0.5, 1.0, 2.0])
        self.assertEqual(self.caller.statuses(), [100, 180, 183, 200])

    def test_answer_is_repeated_until_ack(self) -> None:
        """The 2xx is repeated at T1, doubling up to T2, until the ACK comes."""
        phone = self.phone([answer()])
        invite = self.call(seconds=12.0)
        times = [packet.time for packet in self.network.packets("SIP/2.0 200")]
        self.assertEqual(times, [0.0, 0.5, 1.5, 3.5, 7.5, 11.5])
        self.assertFalse(phone.acked)
        self.caller.ack(invite, self.last())
        self.network.advance()
        self.assertTrue(phone.acked)
        self.assertTrue(phone.in_call)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answer_without_ack(self) -> None:
        """A 2xx that is not ACKed in 64*T1 ends in a BYE, and the phone complains."""
        phone = self.phone([answer()])
        self.call(seconds=32.0)
        self.assertEqual(len(self.caller.requests("BYE")), 1)
        self.assertIn("no ACK", phone.complaints[0])
        self.assertFalse(phone.acked)

    def test_rejection_is_repeated_until_ack(self) -> None:
        """A refusal over UDP is repeated until the ACK on the INVITE's branch comes."""
        phone = self.phone([reject(0.0, 486)])
        invite = self.call(seconds=1.0)
        self.assertEqual(self.caller.statuses(), [486, 486])
        self.caller.ack(invite, self.last())
        self.network.advance(5.0)
        self.assertEqual(self.caller.statuses(), [486, 486])
        self.assert_quiet(phone)
        self.assertEqual(phone.complaints, [])

    def test_repeated_invite(self) -> None:
        """An INVITE that comes again gets the last response again and rings once."""
        phone = self.phone([ring()])
        invite = self.call()
        self.caller.again(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses(), [180, 180])
        self.assertEqual(phone.invites, [phone.calls[0].invite])

    def test_dead_phone(self) -> None:
        """A phone without steps answers no INVITE."""
        phone = self.phone([])
        self.call(seconds=5.0)
        self.assertEqual(self.caller.received, [])
        self.assertEqual(len(phone.invites), 1)

    def test_redirect(self) -> None:
        """A redirection has its contacts."""
        self.phone([redirect(0.0, "<sip:a@192.0.2.8>", "<sip:b@192.0.2.9>")])
        self.call()
        contacts = [str(contact.uri) for contact in self.last().contacts]
        self.assertEqual(contacts, ["sip:a@192.0.2.8", "sip:b@192.0.2.9"])
        self.assertEqual(self.last().status, 302)

    def test_oddities(self) -> None:
        """No To tag, no Contact, no session description, a To tag in a 100."""
        self.phone(
            [
                trying(0.0, to_tag="odd"),
                ring(0.1, to_tag=""),
                ring(0.2, has_contact=False),
                answer(0.3, sdp=None),
            ]
        )
        self.call(seconds=0.4)
        responses = self.caller.responses()
        self.assertEqual(responses[0].to_tag, "odd")
        self.assertIsNone(responses[1].to_tag)
        self.assertEqual(responses[2].contacts, [])
        self.assertEqual(len(responses[3].contacts), 1)
        self.assertEqual(responses[3].body, b"")

    def test_answers_twice(self) -> None:
        """A second answer with its own tag is a second dialog, with its own ACK."""
        phone = self.phone([answer(0.0), answer(0.1, to_tag="twin")])
        invite = self.call(seconds=0.2)
        first, second = self.caller.responses()
        self.assertNotEqual(first.to_tag, second.to_tag)
        self.caller.ack(invite, first)
        self.network.advance()
        self.assertFalse(phone.acked)
        self.caller.ack(invite, second)
        self.network.advance()
        self.assertTrue(phone.acked)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_meeting(self) -> None:
        """Two phones answer at the same instant, in the order of their arrival."""
        meeting = Meeting(2)
        self.phone([answer(1.0, meeting=meeting)])
        other = Phone(
            self.network.transport("192.0.2.2"),
            self.clock,
            [answer(0.5, meeting=meeting)],
            name="carol",
        )
        other.start()
        invite = self.call()
        self.caller.next_hop = parse_uri("sip:carol@192.0.2.2")
        self.caller.again(invite)
        self.network.advance(1.0)
        answers = self.network.packets("SIP/2.0 200")
        self.assertEqual(
            [(packet.time, packet.source[0]) for packet in answers],
            [(1.0, "192.0.2.2"), (1.0, "192.0.2.1")],
        )

    def test_meeting_without_the_other(self) -> None:
        """Nobody waits at a meeting for a phone whose part in the call is over."""
        meeting = Meeting(2)
        self.phone([ring(), answer(1.0, meeting=meeting)])
        other = Phone(
            self.network.transport("192.0.2.2"),
            self.clock,
            [ring(), answer(2.0, meeting=meeting)],
            name="carol",
        )
        other.start()
        invite = self.call()
        self.caller.next_hop = parse_uri("sip:carol@192.0.2.2")
        self.caller.again(invite)
        self.network.advance(1.5)
        self.assertEqual(self.network.packets("SIP/2.0 200"), [])
        self.caller.cancel(invite)
        self.network.advance()
        answers = self.network.packets("SIP/2.0 200", source="192.0.2.1")
        self.assertEqual([packet.time for packet in answers], [1.5])

    def test_own_answer_fits_the_offer(self) -> None:
        """The phone's own answer has as many streams as the offer, others refused."""
        self.phone([answer()])
        self.call(OFFER + "m=video 5000 RTP/AVP 96\r\n")
        streams = [
            line for line in self.last().body.decode().split("\r\n") if line[:2] == "m="
        ]
        self.assertEqual(streams, ["m=audio 40000 RTP/AVP 0 8", "m=video 0 RTP/AVP 96"])

    def test_199(self) -> None:
        """A 199 ends the early dialog: requests in it get 481."""
        phone = self.phone([ring(), early_dialog_ended(0.1)])
        invite = self.call()
        early = self.last()
        self.network.advance(0.1)
        self.assertEqual(self.last().status, 199)
        self.caller.ask("OPTIONS", invite, early)
        self.network.advance()
        self.assertEqual(self.caller.statuses("OPTIONS"), [481])
        self.assertEqual(phone.dialogs[0].ended_by, "199")

    def test_content_type(self) -> None:
        """A response has a Content-Type exactly where it has a body."""
        self.phone([ring(), early_media(0.1)])
        self.call(seconds=0.1)
        ringing, early = self.caller.responses()
        self.assertIsNone(ringing.content_type)
        self.assertEqual(str(early.content_type), "application/sdp")

    def test_repeated_ack(self) -> None:
        """An ACK that comes again is kept, and no reason to complain."""
        phone = self.phone([answer()])
        invite = self.call()
        self.assertFalse(phone.dialogs[0].acks)
        self.caller.ack(invite, self.last())
        self.caller.ack(invite, self.last())
        self.network.advance()
        self.assertEqual(len(phone.dialogs[0].acks), 2)
        self.assertEqual(phone.complaints, [])

    def test_stray_ack(self) -> None:
        """An ACK for nothing is complained about."""
        phone = self.phone([ring()])
        invite = self.call()
        self.caller.ask("ACK", invite, self.last(), cseq=1)
        self.network.advance()
        self.assertIn("nothing to acknowledge", phone.complaints[0])
        self.assertFalse(phone.acked)

    def test_offer_in_answer(self) -> None:
        """Without an offer in the INVITE the 200 has one, and the ACK the answer."""
        phone = self.phone([answer()])
        invite = self.call(sdp="")
        self.assertIn(b"m=audio", self.last().body)
        self.caller.ack(invite, self.last(), sdp=OFFER)
        self.network.advance()
        self.assertEqual(phone.dialogs[0].descriptions, [OFFER])
        self.assertEqual(phone.complaints, [])

    def test_offer_in_answer_unanswered(self) -> None:
        """An ACK that leaves the offer of the 200 open is complained about."""
        phone = self.phone([answer()])
        invite = self.call(sdp="")
        self.caller.ack(invite, self.last())
        self.network.advance()
        self.assertIn("no answer to our offer", phone.complaints[0])

    def test_rejection_ends_the_script(self) -> None:
        """After a refusal nothing more is sent but the refusal."""
        phone = self.phone([reject(), ring(0.1), answer(0.2)])
        invite = self.call()
        self.caller.ack(invite, self.last())
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses(), [486])
        self.assert_quiet(phone)

    def test_contact_over_tcp(self) -> None:
        """The Contact names the transport of the call, UDP excepted."""
        phone = Phone(
            self.network.transport("192.0.2.3", 5060, "TCP"), self.clock, [answer()]
        )
        phone.start()
        hop = "sip:192.0.2.3;transport=tcp"
        caller = Caller(self.network, self.clock, hop, "192.0.2.101", "TCP")
        caller.invite("sip:phone@192.0.2.3")
        self.network.advance()
        contact = caller.responses()[0].contacts[0].uri
        self.assertEqual(str(contact), "sip:phone@192.0.2.3:5060;transport=tcp")
        self.call()
        self.network.reset("192.0.2.3")
        self.network.advance()
        self.assertEqual(len(phone.trouble), 1)


class ReliableProvisionalTests(PhoneCase):
    """Reliable provisional responses (RFC 3262)."""

    def test_repeated_until_prack(self) -> None:
        """A reliable 183 is repeated, doubling, until its PRACK comes."""
        phone = self.phone([early_media(reliable=True)])
        invite = self.call(seconds=2.0)
        times = [packet.time for packet in self.network.packets("SIP/2.0 183")]
        self.assertEqual(times, [0.0, 0.5, 1.5])
        self.assertEqual(self.last().rseq, 1)
        self.assertTrue(self.last().has_token("Require", "100rel"))
        rack = [("RAck", "1 1 INVITE")]
        self.caller.ask("PRACK", invite, self.last(), headers=rack)
        self.network.advance()
        self.assertEqual(self.caller.statuses("PRACK"), [200])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(phone.complaints, [])

    def test_answer_waits_for_prack(self) -> None:
        """The 2xx waits for the PRACK of a 183 with a session description."""
        self.phone([early_media(reliable=True), answer(0.1)])
        invite = self.call(seconds=0.4)
        self.assertEqual(self.caller.statuses(), [183])
        self.caller.ask("PRACK", invite, self.last(), headers=[("RAck", "1 1 INVITE")])
        self.network.advance()
        self.assertEqual(self.caller.statuses(), [183, 200])
        # The answer went with the 183: the 200 has none.
        self.assertEqual(self.last().body, b"")

    def test_offer_in_reliable_provisional(self) -> None:
        """Without an offer in the INVITE the 183 has one, answered in the PRACK."""
        phone = self.phone([early_media(reliable=True)])
        invite = self.call(sdp="")
        self.assertIn(b"m=audio", self.last().body)
        rack = [("RAck", "1 1 INVITE")]
        self.caller.ask("PRACK", invite, self.last(), headers=rack, sdp=OFFER)
        self.network.advance()
        self.assertEqual(phone.dialogs[0].descriptions, [OFFER])
        self.assertEqual(phone.complaints, [])
        self.assertEqual(self.last("PRACK").body, b"")
        self.caller.ask("PRACK", invite, self.last(), headers=rack)
        self.network.advance()
        self.assertEqual(self.caller.statuses("PRACK"), [200, 481])

    def test_waiting_ends_with_the_dialog(self) -> None:
        """Refused, the call neither repeats its 183 nor answers any more."""
        phone = self.phone([early_media(reliable=True), answer(0.1), reject(0.2)])
        invite = self.call(seconds=0.2)
        self.caller.ack(invite, self.last())
        rack = [("RAck", "1 1 INVITE")]
        self.caller.ask("PRACK", invite, self.caller.responses()[0], headers=rack)
        self.network.advance(2.0)
        self.assertEqual(self.caller.statuses(), [183, 486])
        self.assertEqual(self.caller.statuses("PRACK"), [481])
        self.assert_quiet(phone)

    def test_missing_answer(self) -> None:
        """A PRACK that leaves the phone's offer open is complained about."""
        phone = self.phone([early_media(reliable=True)])
        invite = self.call(sdp="")
        rack = [("RAck", "1 1 INVITE")]
        self.caller.ask("PRACK", invite, self.last(), headers=rack)
        self.network.advance()
        self.assertIn("no answer to our offer", phone.complaints[0])

    def test_wrong_rack(self) -> None:
        """A PRACK for nothing gets 481."""
        self.phone([early_media(reliable=True)])
        invite = self.call()
        rack = [("RAck", "2 1 INVITE")]
        self.caller.ask("PRACK", invite, self.last(), headers=rack)
        self.network.advance()
        self.assertEqual(self.caller.statuses("PRACK"), [481])
