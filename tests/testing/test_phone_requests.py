"""What scripted phones are asked, and what they ask."""

from __future__ import annotations

from sipuac.syntax.message import Request
from sipuac.testing.script import (
    OWN_SDP,
    Script,
    answer,
    ask,
    early_media,
    hang_up,
    ring,
    vanish,
)

from .caller import OFFER
from .phone_case import PhoneCase


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

    def test_reinvite_without_offer(self) -> None:
        """A re-INVITE without offer gets one, which the ACK has to answer."""
        phone = self.phone([answer()])
        invite = self.call()
        answered = self.last()
        self.caller.ack(invite, answered)
        again = self.caller.ask("INVITE", invite, answered)
        self.network.advance()
        self.assertIn(b"m=audio", self.last().body)
        self.assertEqual(str(self.last().content_type), "application/sdp")
        self.caller.ask("ACK", again, self.last(), cseq=2)
        self.network.advance()
        self.assertIn("no answer to our offer", phone.complaints[0])

    def test_info(self) -> None:
        """INFO, which Allow names, gets 200, without Content-Type."""
        self.phone([early_media()])
        invite = self.call()
        self.caller.ask("INFO", invite, self.last())
        self.network.advance()
        self.assertEqual(self.caller.statuses("INFO"), [200])
        self.assertIsNone(self.last("INFO").content_type)

    def test_target_refresh(self) -> None:
        """UPDATE and re-INVITE move the target of the phone's own requests."""
        self.phone([answer(), ask(1.0, "INFO"), ask(2.0, "INFO")])
        invite = self.call()
        answered = self.last()
        self.caller.ack(invite, answered)
        for method, port in (("UPDATE", 7001), ("INVITE", 7002)):
            moved = [("Contact", f"<sip:caller@192.0.2.100:{port}>")]
            self.caller.ask(method, invite, answered, headers=moved)
            self.network.advance(1.0)
        asked = [packet.destination[1] for packet in self.network.packets("INFO")]
        self.assertEqual(asked[0], 7001)
        self.assertEqual(asked[-1], 7002)

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

    def test_bye_is_answered(self) -> None:
        """A final response ends the repeating of the phone's request."""
        phone = self.phone([answer(), hang_up(after=0.0)])
        invite = self.call()
        self.caller.ack(invite, self.last())
        self.network.advance()
        bye = self.caller.requests("BYE")[0]
        self.caller.answer(bye, 100)
        self.network.advance(0.5)
        self.assertEqual(len(self.caller.requests("BYE")), 2)
        self.assertFalse(phone.is_idle)
        self.caller.answer(bye, 200)
        self.network.advance()
        self.assert_quiet(phone)
        self.assertEqual([r.status for r in phone.responses("BYE")], [100, 200])

    def test_bye_is_not_answered(self) -> None:
        """A request of the phone that nobody answers is complained about."""
        phone = self.phone([answer(), hang_up(after=0.0)])
        invite = self.call()
        self.caller.ack(invite, self.last())
        self.network.advance(32.0)
        self.assertIn("no answer to our BYE", phone.complaints[0])
        self.assert_quiet(phone)

    def reinvited(self, status: int) -> tuple[Request, Request]:
        """A re-INVITE of the phone that gets this status, and its ACK."""
        self.phone([answer(), ask(1.0, "INVITE", sdp=OWN_SDP, after_ack=True)])
        invite = self.call()
        self.caller.ack(invite, self.last())
        self.network.advance(1.0)
        again = self.caller.requests("INVITE")[0]
        self.caller.answer(again, status, [("Contact", "<sip:caller@192.0.2.100>")])
        self.network.advance(5.0)
        self.assertEqual(len(self.caller.requests("INVITE")), 1)
        [ack] = self.caller.requests("ACK")
        self.assertEqual(ack.cseq.number, again.cseq.number)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return again, ack

    def test_own_reinvite(self) -> None:
        """The 2xx to a re-INVITE of the phone gets an ACK with its own branch."""
        again, ack = self.reinvited(200)
        self.assertIn(b"m=audio", again.body)
        self.assertNotEqual(ack.branch, again.branch)

    def test_own_reinvite_refused(self) -> None:
        """Its refusal gets an ACK on the branch of the re-INVITE (17.1.1.3)."""
        again, ack = self.reinvited(488)
        self.assertEqual(ack.branch, again.branch)

    def test_vanishes_after_answer(self) -> None:
        """A phone that vanishes does not even repeat its 2xx."""
        phone = self.phone([answer(), vanish(0.1)])
        self.call(seconds=5.0)
        self.assertEqual(self.caller.statuses(), [200])
        self.assert_quiet(phone)

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
