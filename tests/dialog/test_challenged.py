"""Requests in a dialog that are sent again, with credentials."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Forget,
    Report,
    RequestDone,
    SendAck,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.events import ExtraEnded
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import TransportFailed
from sipuac.syntax.message import Response
from tests.dialog.messages import DialogCase, peer_request
from tests.dialog.talk import THEIRS, TalkCase

OLD = [("Authorization", "Digest old"), ("Proxy-Authorization", "Digest old")]
NEW = [("Proxy-Authorization", "Digest new")]


class ChallengedTests(DialogCase):
    """A BYE that was challenged."""

    def ended(self) -> SendInDialog:
        """The BYE of a call that stood."""
        self.begin()
        self.answered()
        (sent,) = self.of_kind(self.set.hang_up(), SendInDialog)
        return sent

    def test_again(self) -> None:
        """It has the next CSeq and the new credentials in place of the old ones
        (3261-22.2-a), and all else as it was; it is known by the same number.
        """
        sent = self.ended()
        request = sent.request.with_headers(OLD)
        effects = self.set.request_challenged(sent.number, request, NEW)
        expected = sent.request.replacing("CSeq", "3 BYE").with_headers(NEW)
        self.assertEqual(
            effects, [SendInDialog("a", sent.number, expected, sent.next_hop)]
        )
        self.assertEqual(sent.request.get("CSeq"), "2 BYE")

    def test_none_that_waits(self) -> None:
        """One that has its answer, or that nobody sent, is not sent again."""
        sent = self.ended()
        request = sent.request
        self.assertEqual(self.set.request_challenged(99, request, NEW), [])
        self.set.request_finished(sent.number, Response(200, None, []))
        self.assertEqual(self.set.request_challenged(sent.number, request, NEW), [])

    def test_a_bye_after_one_that_was_confirmed(self) -> None:
        """A second BYE was sent with the ACK of a late 2xx, and is challenged after the
        first one has got its 200: the callee knows, and is not told again.
        """
        self.early_media()
        self.receive(180, "b")
        _, effects = self.receive(183, "a", port=2000)
        (first,) = self.of_kind(effects, SendInDialog)
        _, effects = self.receive(200, "b", port=3000)
        second, _probe = self.of_kind(effects, SendInDialog)
        self.assertEqual((first.branch, second.branch), ("b", "b"))
        self.set.request_finished(first.number, Response(200, None, []))
        effects = self.set.request_challenged(second.number, second.request, NEW)
        self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 200))])

    def test_no_reinvite_that_waits(self) -> None:
        """The same of a re-INVITE."""
        sent = self.ended()
        invite = self.set.invite
        self.assertEqual(self.set.request_challenged(sent.number, invite, NEW), [])

    def test_too_late(self) -> None:
        """Where its dialog has ended meanwhile it is not sent again, and who asked for
        it is told; the BYE itself is.
        """
        self.begin()
        self.answered()
        (sent,) = self.of_kind(self.set.send_request("a", 7, "INFO"), SendInDialog)
        self.set.hang_up()
        effects = self.set.request_challenged(sent.number, sent.request, NEW)
        (done,) = self.of_kind(effects, RequestDone)
        self.assertEqual(done.token, 7)
        self.assertIsInstance(done.result, TransportFailed)
        self.assertEqual(self.of_kind(effects, SendInDialog), [])


class ChallengedReInviteTests(TalkCase):
    """A re-INVITE that was challenged."""

    def setUp(self) -> None:
        """Up to the challenge: its transaction is over."""
        super().setUp()
        self.ask()
        (self.sent,) = self.of_kind(self.offered(1002), SendReInvite)

    def test_again(self) -> None:
        """It has the next CSeq and the new credentials (3261-22.2-a), is known by the
        same number, and is for the same change.
        """
        sent, request = self.sent, self.sent.request.with_headers(OLD)
        effects = self.set.request_challenged(sent.number, request, NEW)
        expected = sent.request.replacing("CSeq", "3 INVITE").with_headers(NEW)
        again = SendReInvite("a", sent.number, expected, sent.next_hop)
        self.assertEqual(effects, [again])
        effects = self.answered(1, 200, THEIRS, cseq=3)
        (ack,) = self.of_kind(effects, SendAck)
        self.assertEqual(ack.ack.get("CSeq"), "3 ACK")
        effects = self.set.media_applied("a")
        self.assertIn(RequestDone(1, None), effects)

    def test_after_the_call(self) -> None:
        """A call that has ended meanwhile is not changed any more, and nothing is left
        of the re-INVITE: all is forgotten when that is due.
        """
        self.set.request_received(peer_request("BYE"))
        self.assertEqual(self.set.fire(DialogTimer.LINGER), [])
        effects = self.set.request_challenged(1, self.sent.request, NEW)
        self.assertEqual(self.of_kind(effects, SendReInvite), [])
        self.assertEqual(self.of_kind(effects, Forget), [Forget()])
