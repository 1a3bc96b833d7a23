"""Requests in a dialog that are sent again, with credentials."""

from __future__ import annotations

from sipuac.dialog.effects import Report, SendInDialog
from sipuac.dialog.events import ExtraEnded
from sipuac.syntax.message import Response
from tests.dialog.messages import DialogCase

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
