"""Requests that the application sends in its calls, and what their failures end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.effects import RequestDone, SendInDialog
from sipuac.dialog.usages import ending_status
from sipuac.errors import TransactionTimeout, TransportFailed
from tests.dialog.messages import because, bye, own_request, response
from tests.dialog.talk import TalkCase


class OwnRequestTests(TalkCase):
    """INFO, MESSAGE and the like."""

    def test_sent(self) -> None:
        """It goes into the dialog with the next CSeq number, and the application gets
        its final response.
        """
        rows = [("Content-Type", "application/dtmf")]
        effects = self.set.send_request("a", 7, "INFO", rows, b"5")
        bare = own_request("INFO", "a", 2, headers=rows)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.number, 1)
        self.assertEqual(sent.request.header_items(), bare.header_items())
        self.assertEqual(sent.request.body, b"5")
        said = response(200)
        self.assertEqual(self.set.request_finished(1, said), [RequestDone(7, said)])

    def test_refused(self) -> None:
        """A refusal is what the application gets; the call goes on."""
        for number, status in enumerate((405, 415, 469, 480, 501), 1):
            self.set.send_request("a", 7, "INFO")
            said = response(status)
            effects = self.set.request_finished(number, said)
            self.assertEqual(effects, [RequestDone(7, said)])

    def test_no_dialog(self) -> None:
        """481 to an INFO says that the peer has lost the call: BYE
        (3261-12.2.1.2-b).
        """
        self.set.send_request("a", 7, "INFO")
        said = response(481)
        effects = self.set.request_finished(1, said)
        self.assertEqual(effects[0], RequestDone(7, said))
        reason = because(481, "the INFO got 481")
        self.assertEqual(effects[-1], bye("a", 2, reason, 3))

    def test_no_call(self) -> None:
        """Without a call nothing is sent."""
        self.set.hang_up()
        effects = self.set.send_request("a", 7, "INFO")
        self.assertIn("no call", str(self.failure_of(effects)))
        effects = self.set.send_request("nobody", 8, "INFO")
        self.assertIn("no call", str(self.failure_of(effects)))

    def test_after_the_call(self) -> None:
        """A result that comes when the call is over is handed on, and ends nothing."""
        self.set.send_request("a", 7, "INFO")
        self.set.hang_up()
        error = TransactionTimeout("F")
        self.assertEqual(self.set.request_finished(1, error), [RequestDone(7, error)])


class EndingTests(SynchronousTestCase):
    """Table 2 of RFC 5057, as far as it ends the session of an INVITE."""

    def test_the_table(self) -> None:
        """Each status, for a request of the session and for another one."""
        dialog = {404, 410, 416, 482, 483, 484, 485, 502, 604}
        usage = {408, 481}
        for status in range(300, 700):
            said = response(status)
            of_dialog = status if status in dialog else None
            either = status if status in dialog | usage else None
            for method in ("INVITE", "UPDATE", "INFO"):
                self.assertEqual(ending_status(method, said), either)
            for method in ("OPTIONS", "MESSAGE", "REFER", "X"):
                self.assertEqual(ending_status(method, said), of_dialog)
        self.assertIsNone(ending_status("INVITE", response(200)))

    def test_no_response(self) -> None:
        """A timeout is a 408, a broken connection ends nothing."""
        self.assertEqual(ending_status("INVITE", TransactionTimeout("B")), 408)
        self.assertIsNone(ending_status("OPTIONS", TransactionTimeout("F")))
        self.assertIsNone(ending_status("INVITE", TransportFailed("broken")))
