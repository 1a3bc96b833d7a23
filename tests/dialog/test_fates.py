"""What is told of each branch when all is over: who it was, and what became of it."""

from __future__ import annotations

from sipuac.dialog.timers import DialogTimer
from sipuac.errors import TransactionTimeout
from tests.dialog.messages import DialogCase, peer_request


class FateTests(DialogCase):
    """The words for the end of a branch."""

    def fate(self, tag: str = "a") -> str:
        """What became of a branch."""
        return self.set.branches[tag].fate

    def test_over_with_the_invite(self) -> None:
        """Early dialogs are terminated by a non-2xx final response (3261-12.3-a)."""
        self.begin()
        self.receive(180)
        self.assertEqual(self.fate(), "ringing")
        self.receive(486)
        self.assertEqual(self.fate(), "ringing, over with the INVITE")

    def test_established_and_ended(self) -> None:
        """A call is answered, stands, and is ended by one of both sides."""
        self.begin()
        self.receive(200, port=2000)
        self.assertEqual(self.fate(), "answered")
        self.set.media_applied("a")
        self.assertEqual(self.fate(), "established")
        self.set.hang_up()
        self.assertEqual(self.fate(), "ended by us")
        self.begin()
        self.answered()
        self.set.request_received(peer_request("BYE"))
        self.assertEqual(self.fate(), "ended by the callee")

    def test_ended_for_a_reason(self) -> None:
        """Where the call failed in the end it is said why."""
        self.begin()
        self.answered()
        self.set.modify("a", 1)
        self.set.media_applied("a")
        self.set.offer_made("a", self.set.branches["a"].exchange.agreed.local)  # type: ignore[union-attr]  # it stands
        self.set.reinvite_failed(1, TransactionTimeout("timer B"))
        message = "the INVITE was not answered: timer B"
        self.assertEqual(self.fate(), f"ended by us: {message}")
        self.assertEqual(self.set.branches["a"].end_reason, message)

    def test_extras(self) -> None:
        """Who was ended for another one, and who only waited for that."""
        self.early_media()
        self.receive(180, "b")
        self.with_early_media("a")
        self.assertEqual(self.fate("b"), "ended as an extra")
        self.receive(183, "c", port=4000)
        self.assertEqual(self.fate("c"), "held until the media dialog is known to live")
        self.receive(199, "a")
        self.assertEqual(self.fate("a"), "ended by 199, status unknown")
        self.assertEqual(self.fate("c"), "ringing")

    def test_a_dead_media_dialog(self) -> None:
        """A probe has found that it is not there any more."""
        self.early_media()
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        self.answer_request(1, 481)
        self.assertEqual(self.fate("a"), "found dead by a probe")

    def test_ended_with_the_call(self) -> None:
        """What still rings when the caller hangs up."""
        self.begin()
        self.receive(180, "b")
        self.answered()
        self.set.hang_up()
        self.assertEqual(self.fate("b"), "ringing, ended with the call")

    def test_no_final_response(self) -> None:
        """Nobody has said anything of it for 64*T1 after the first 2xx."""
        self.begin()
        self.receive(180, "b")
        self.answered()
        self.set.fire(DialogTimer.LINGER)
        self.assertEqual(self.fate("b"), "ringing, no final response")

    def test_by_the_application(self) -> None:
        """One dialog that the application did not want."""
        self.begin()
        self.receive(180)
        self.set.end_branch("a")
        self.assertEqual(self.fate(), "ended by us")

    def test_a_cause_that_is_none(self) -> None:
        """A Reason without a cause says nothing (RFC 3326 section 2)."""
        self.begin()
        self.receive(180)
        self.receive(199, headers=[("Reason", "Q.850;text=x, SIP;cause=404")])
        self.assertEqual(self.fate(), "ended by 199, status 404")

    def test_the_early_dialog_ended_by_its_callee(self) -> None:
        """BYE of the callee in an early dialog (15.1.2)."""
        self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        self.set.request_received(peer_request("BYE", "a"))
        self.assertFalse(self.set.branches["a"].is_early)
        self.assertEqual(self.fate("b"), "ringing")


class ContactTests(DialogCase):
    """Where a branch was, and what it said last."""

    def test_the_last_one(self) -> None:
        """The Contact is the one of its last response that had one; the status is that
        of its last response.
        """
        self.begin()
        self.receive(180)
        branch = self.set.branches["a"]
        self.assertEqual((branch.contact, branch.status), ("<sip:a@a.example>", 180))
        self.receive(183, contact="<sip:new@a.example>")
        self.assertEqual((branch.contact, branch.status), ("<sip:new@a.example>", 183))
        self.receive(183, contact=None)
        self.assertEqual(branch.contact, "<sip:new@a.example>")
        self.receive(200, port=2000, contact="<sip:last@a.example>")
        self.assertEqual((branch.contact, branch.status), ("<sip:last@a.example>", 200))

    def test_a_2xx_without_contact(self) -> None:
        """What it had said before stays known."""
        self.begin()
        self.receive(180)
        self.receive(200, port=2000, contact=None)
        self.assertEqual(self.set.branches["a"].contact, "<sip:a@a.example>")

    def test_before_any_response(self) -> None:
        """A branch that comes with its 2xx has said nothing before."""
        self.begin()
        self.receive(200, "z", port=2000)
        branch = self.set.branches["z"]
        self.assertEqual(branch.status, 200)
        self.assertIsNone(branch.end_reason)
