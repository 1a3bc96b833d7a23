"""When a dialog set can be left, and what one does that begins where it was left."""

from __future__ import annotations

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import FailInvite
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import TransactionTimeout
from tests.dialog.messages import (
    NOT_WANTED,
    DialogCase,
    ack,
    bye,
    invite,
    peer_request,
)
from tests.dialog.talk import THEIRS, TalkCase, limit


class LeavingTests(DialogCase):
    """A set can be left when all that can still come is a 2xx."""

    def test_a_call_that_was_ended(self) -> None:
        """When its BYE has its answer; whoever hung up."""
        self.begin()
        self.answered()
        self.assertFalse(self.set.can_be_left)
        self.set.hang_up()
        self.assertFalse(self.set.can_be_left)
        self.answer_request(1, 200)
        self.assertTrue(self.set.can_be_left)
        self.begin()
        self.answered()
        self.set.request_received(peer_request("BYE"))
        self.assertTrue(self.set.can_be_left)

    def test_an_early_dialog(self) -> None:
        """One that rings is not over; one that is over and that we have sent nothing in
        may be begun anew.
        """
        self.begin()
        self.receive(180)
        self.assertFalse(self.set.can_be_left)
        self.receive(486)
        self.assertTrue(self.set.can_be_left)

    def test_one_that_we_have_sent_something_in(self) -> None:
        """Were it answered after all, its "CSeq sequence number MUST be" higher than
        before (3261-12.2.1.1-b): who has forgotten it does not know.
        """
        self.begin()
        self.receive(183, port=2000, rseq=1)
        self.answer_request(1, 200)
        self.receive(486)
        self.assertFalse(self.set.can_be_left)

    def test_one_of_several(self) -> None:
        """All of them have to be over."""
        self.begin()
        self.receive(180, "b")
        self.answered("a")
        self.set.request_received(peer_request("BYE", "a"))
        self.assertFalse(self.set.can_be_left)
        self.set.fire(DialogTimer.LINGER)
        self.assertTrue(self.set.can_be_left)

    def test_what_follows(self) -> None:
        """The one that begins there ends each 2xx, of an old dialog or of a new one, by
        ACK and BYE, and nobody is told of a second failure (3261-13.2.2.4-d).
        """
        self.set = DialogSet(invite(), InviteOptions())
        self.set.be_over()
        self.assertEqual(self.receive(180)[1], [])
        self.assertEqual(self.of_kind(self.set.hang_up(), FailInvite), [])
        self.assertEqual(self.set.failed(TransactionTimeout("B")), [])
        self.assertEqual(self.set.session.state, SessionState.TERMINATED)
        for at, tag in enumerate("ab", 1):
            effects = self.receive(200, tag, port=2000)[1]
            self.assertEqual(effects[:2], [ack(tag), bye(tag, at, NOT_WANTED)])
            self.assertEqual(self.of_kind(effects, FailInvite), [])
            self.assertEqual(self.of_kind(effects, StartTimer, StopTimer), [])
            self.answer_request(at, 200)
        self.assertEqual(self.set.fire(DialogTimer.LINGER), [])


class ReInviteTests(TalkCase):
    """A re-INVITE whose 2xx may come again."""

    def test_its_ack(self) -> None:
        """While it is known it gets its ACK again (3261-13.2.2.4-c): until then the set
        is not left.
        """
        self.ask()
        self.offered(1002)
        self.answered(1, 200, THEIRS)
        self.set.media_applied("a")
        self.set.request_received(peer_request("BYE"))
        self.assertFalse(self.set.can_be_left)
        self.set.fire(limit(1))
        self.assertTrue(self.set.can_be_left)
