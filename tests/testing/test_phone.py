"""Scripted phones, called by a caller made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import parse_uri
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.script import (
    Meeting,
    Script,
    Step,
    answer,
    ask,
    early_dialog_ended,
    early_media,
    hang_up,
    redirect,
    reject,
    ring,
    trying,
    vanish,
)

from .caller import OFFER, Caller


class PhoneCase(SynchronousTestCase):
    """A phone at 192.0.2.1 and a caller at 192.0.2.100."""

    def setUp(self) -> None:
        """A network with nobody but the caller."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.caller = Caller(self.network, self.clock, "sip:bob@192.0.2.1")

    def phone(self, script: Script | Sequence[Step], name: str = "bob") -> Phone:
        """The phone, started."""
        transport = self.network.transport("192.0.2.1")
        phone = Phone(transport, self.clock, script, name=name)
        phone.start()
        return phone

    def call(self, sdp: str = OFFER, seconds: float = 0.0) -> Request:
        """Call the phone, and let so many seconds pass."""
        invite = self.caller.invite("sip:bob@192.0.2.1", sdp)
        self.network.advance(seconds)
        return invite

    def last(self, method: str = "INVITE") -> Response:
        """The last response to a request of this method."""
        return self.caller.responses(method)[-1]

    def assert_quiet(self, phone: Phone) -> None:
        """Nothing is repeated, nothing is left to do."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(phone.is_idle)


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


class CancelTests(PhoneCase):
    """What a phone does about CANCEL."""

    def test_terminates(self) -> None:
        """CANCEL gets 200 and the INVITE 487; the script ends there."""
        phone = self.phone([ring(), answer(1.0)])
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [200])
        self.assertEqual(self.caller.statuses(), [180, 487])
        self.caller.ack(invite, self.last())
        self.network.settle()
        self.assertEqual(self.caller.statuses(), [180, 487])
        self.assertTrue(phone.cancelled)
        self.assert_quiet(phone)

    def test_repeated_cancel(self) -> None:
        """A CANCEL that comes again gets its 200 again, and only one 487 is made."""
        phone = self.phone([ring()])
        invite = self.call()
        self.caller.cancel(invite)
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [200, 200])
        self.assertEqual(self.caller.statuses(), [180, 487])
        self.assertEqual(len(phone.requests("CANCEL")), 1)

    def test_answers_all_the_same(self) -> None:
        """With on_cancel "answer" the CANCEL gets 200, and so does the INVITE."""
        phone = self.phone(Script(ring(), answer(9.0), on_cancel="answer"))
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses(), [180, 200])
        self.assertTrue(phone.cancelled)
        self.caller.ack(invite, self.last())
        self.network.advance(20.0)
        self.assertEqual(self.caller.statuses(), [180, 200])

    def test_goes_on(self) -> None:
        """With on_cancel "go on" the CANCEL gets 200 and the script goes on."""
        self.phone(Script(ring(), answer(1.0), on_cancel="go on"))
        self.caller.cancel(self.call())
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses("CANCEL"), [200])
        self.assertEqual(self.caller.statuses(), [180, 200])

    def test_ignores(self) -> None:
        """With on_cancel "ignore" nothing answers the CANCEL."""
        self.phone(Script(ring(), on_cancel="ignore"))
        self.caller.cancel(self.call())
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses("CANCEL"), [])

    def test_too_late(self) -> None:
        """A CANCEL after the answer gets 200 and changes nothing."""
        phone = self.phone([answer()])
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [200])
        self.assertEqual(self.caller.statuses(), [200])
        self.assertFalse(phone.cancelled)

    def test_for_nothing(self) -> None:
        """A CANCEL that matches no INVITE gets 481 and a complaint."""
        phone = self.phone([ring()])
        invite = self.call()
        via = invite.top_via.with_parameter("branch", "z9hG4bK-other")
        self.caller.cancel(invite.with_top_via(via))
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [481])
        self.assertIn("nothing to cancel", phone.complaints[0])


class InDialogTests(PhoneCase):
    """Requests inside a phone's dialogs."""

    def test_early_options_and_update(self) -> None:
        """OPTIONS and UPDATE in an early dialog get 200, with Allow naming UPDATE."""
        phone = self.phone([early_media()])
        invite = self.call()
        early = self.last()
        self.assertIn("UPDATE", early.allow)
        self.caller.ask("OPTIONS", invite, early)
        self.caller.ask("UPDATE", invite, early)
        self.network.advance()
        self.assertEqual(self.caller.statuses("OPTIONS"), [200])
        self.assertIn("UPDATE", self.last("OPTIONS").allow)
        self.assertEqual(self.caller.statuses("UPDATE"), [200])
        self.assertEqual(self.last("UPDATE").body, b"")
        self.assertEqual(phone.complaints, [])

    def test_update_with_offer(self) -> None:
        """An UPDATE with an offer gets an answer."""
        phone = self.phone([early_media()])
        invite = self.call()
        self.caller.ask("UPDATE", invite, self.last(), sdp=OFFER)
        self.network.advance()
        self.assertIn(b"m=audio 40000", self.last("UPDATE").body)
        self.assertEqual(phone.dialogs[0].descriptions, [OFFER])

    def test_method_not_allowed(self) -> None:
        """A method that Allow does not name gets 405, with Allow."""
        self.phone(Script(early_media(), allow=("INVITE", "ACK", "BYE")))
        invite = self.call()
        self.caller.ask("UPDATE", invite, self.last())
        self.network.advance()
        self.assertEqual(self.caller.statuses("UPDATE"), [405])
        self.assertEqual(self.last("UPDATE").allow, ["INVITE", "ACK", "BYE"])

    def test_scripted_replies(self) -> None:
        """The script may have a request refused, or not answered at all."""
        replies = {"OPTIONS": 408, "UPDATE": None}
        self.phone(Script(early_media(), early_replies=replies))
        invite = self.call()
        self.caller.ask("OPTIONS", invite, self.last())
        self.caller.ask("UPDATE", invite, self.last())
        self.network.advance()
        self.assertEqual(self.caller.statuses("OPTIONS"), [408])
        self.assertEqual(self.caller.statuses("UPDATE"), [])

    def test_early_bye(self) -> None:
        """BYE on an early dialog gets 200, and the INVITE 487 (RFC 3261 15.1.2)."""
        phone = self.phone([ring(), answer(1.0)])
        invite = self.call()
        self.caller.ask("BYE", invite, self.last())
        self.network.advance()
        self.assertEqual(self.caller.statuses("BYE"), [200])
        self.assertEqual(self.caller.statuses(), [180, 487])
        self.caller.ack(invite, self.last())
        self.network.settle()
        self.assertTrue(phone.byed)
        self.assertTrue(phone.byed_early)
        self.assert_quiet(phone)

    def test_early_bye_of_one_of_two(self) -> None:
        """BYE ends one early dialog; while another rings the INVITE goes on."""
        self.phone([ring(), ring(0.0, to_tag="twin")])
        invite = self.call()
        first, second = self.caller.responses()
        self.caller.ask("BYE", invite, first)
        self.network.advance()
        self.assertEqual(self.caller.statuses(), [180, 180])
        self.caller.ask("BYE", invite, second)
        self.network.advance()
        self.assertEqual(self.caller.statuses(), [180, 180, 487])

    def test_answers_after_early_bye(self) -> None:
        """With on_early_bye "go on" the BYE gets 200 and the phone answers later."""
        phone = self.phone(Script(ring(), answer(1.0), on_early_bye="go on"))
        invite = self.call()
        self.caller.ask("BYE", invite, self.last())
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses("BYE"), [200])
        self.assertEqual(self.caller.statuses(), [180, 200])
        self.caller.ack(invite, self.last())
        self.network.settle()
        self.assertTrue(phone.acked)
        self.assert_quiet(phone)

    def test_bye_after_answer(self) -> None:
        """BYE after the ACK ends the call."""
        phone = self.phone([answer()])
        invite = self.call()
        answered = self.last()
        self.caller.ack(invite, answered)
        bye = self.caller.ask("BYE", invite, answered)
        self.network.advance()
        self.caller.again(bye)
        self.network.settle()
        self.assertEqual(self.caller.statuses("BYE"), [200, 200])
        self.assertTrue(phone.byed)
        self.assertFalse(phone.byed_early)
        self.assertFalse(phone.in_call)
        self.assert_quiet(phone)
        self.assertEqual(phone.complaints, [])

    def test_after_the_end(self) -> None:
        """A request in a dialog that has ended gets 481."""
        self.phone([answer()])
        invite = self.call()
        answered = self.last()
        self.caller.ack(invite, answered)
        self.caller.ask("BYE", invite, answered)
        self.caller.ask("BYE", invite, answered)
        self.network.advance()
        self.assertEqual(self.caller.statuses("BYE"), [200, 481])

    def test_bye_without_ack(self) -> None:
        """A BYE does not stand for the ACK: the 2xx is repeated until that comes."""
        phone = self.phone([answer()])
        invite = self.call()
        self.caller.ask("BYE", invite, self.last())
        self.network.advance(0.5)
        self.assertEqual(self.caller.statuses(), [200, 200])
        self.assertFalse(phone.is_idle)
        self.caller.ack(invite, self.last())
        self.network.advance()
        self.assert_quiet(phone)

    def test_old_cseq(self) -> None:
        """A CSeq that is not above the one before gets 500 and a complaint."""
        phone = self.phone([answer()])
        invite = self.call()
        self.caller.ask("INFO", invite, self.last(), cseq=1)
        self.network.advance()
        self.assertEqual(self.caller.statuses("INFO"), [500])
        self.assertIn("CSeq", phone.complaints[0])

    def test_wrong_target(self) -> None:
        """A Request-URI that is not the phone's Contact is complained about."""
        phone = self.phone([answer()])
        invite = self.call()
        elsewhere = self.last().replacing("Contact", "<sip:eve@192.0.2.1>")
        self.caller.ask("OPTIONS", invite, elsewhere)
        self.network.advance()
        self.assertIn("not our Contact", phone.complaints[0])

    def test_unknown_dialog(self) -> None:
        """A request with tags of no dialog gets 481 and a complaint."""
        phone = self.phone([answer()])
        invite = self.call()
        to = f"{invite.get('To')};tag=nobody"
        self.caller.ask("BYE", invite, self.last().replacing("To", to))
        self.network.advance()
        self.assertEqual(self.caller.statuses("BYE"), [481])
        self.assertIn("no dialog", phone.complaints[0])

    def test_reinvite(self) -> None:
        """A re-INVITE gets an answer, repeated until its ACK."""
        phone = self.phone([answer()])
        invite = self.call()
        answered = self.last()
        self.caller.ack(invite, answered)
        again = self.caller.ask("INVITE", invite, answered, sdp=OFFER)
        self.network.advance(0.5)
        self.assertEqual(self.caller.statuses(), [200, 200, 200])
        self.caller.ask("ACK", again, self.last(), cseq=2)
        self.network.advance(5.0)
        self.assertEqual(self.caller.statuses(), [200, 200, 200])
        self.assertEqual(phone.complaints, [])

    def test_options_outside(self) -> None:
        """OPTIONS outside of dialogs gets 200 with Allow."""
        self.phone([])
        invite = self.call()
        rows = [row for row in invite.header_items() if row[0] not in ("Via", "CSeq")]
        self.caller.send("OPTIONS", invite.uri, [*rows, ("CSeq", "7 OPTIONS")])
        self.network.advance()
        self.assertEqual(self.caller.statuses("OPTIONS"), [200])
        self.assertIn("INVITE", self.last("OPTIONS").allow)


class OwnRequestTests(PhoneCase):
    """What a phone asks of its caller."""

    def test_hangs_up(self) -> None:
        """The phone sends BYE some time after the ACK, again until it is answered."""
        phone = self.phone([answer(), hang_up(after=3.0)])
        invite = self.call(seconds=1.0)
        self.caller.ack(invite, self.last())
        self.network.advance(2.9)
        self.assertEqual(self.caller.requests("BYE"), [])
        self.network.advance(1.0)
        self.assertEqual(len(self.caller.requests("BYE")), 2)
        bye = self.caller.requests("BYE")[0]
        self.assertEqual(bye.from_tag, self.last().to_tag)
        self.assertEqual(bye.to_tag, invite.from_tag)
        self.assertEqual(phone.dialogs[0].ended_by, "own BYE")

    def test_asks_in_early_dialog(self) -> None:
        """The phone can send UPDATE with an offer inside its early dialog."""
        self.phone([early_media(), ask(1.0, "UPDATE", sdp=OFFER)])
        self.call(seconds=1.0)
        update = self.caller.requests("UPDATE")[0]
        self.assertEqual(update.body.decode(), OFFER)
        self.assertEqual(update.cseq.number, 1)

    def test_vanishes(self) -> None:
        """From then on nothing is sent and nothing answered in this call."""
        phone = self.phone([early_media(), vanish(1.0), answer(2.0)])
        invite = self.call(seconds=3.0)
        self.caller.ask("OPTIONS", invite, self.last())
        self.caller.cancel(invite)
        self.caller.again(invite)
        self.network.advance(5.0)
        self.assertEqual(self.caller.statuses(), [183])
        self.assertEqual(self.caller.statuses("OPTIONS"), [])
        self.assertEqual(self.caller.statuses("CANCEL"), [])
        self.assertEqual(len(phone.requests("OPTIONS")), 1)

    def test_stop(self) -> None:
        """A stopped phone leaves nothing on the clock."""
        phone = self.phone([ring(1.0), answer(2.0)])
        self.call(seconds=2.0)
        phone.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
