"""A fresh offer to a phone whose answer the media cannot take."""

from __future__ import annotations

from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Effect,
    Establish,
    MakeFreshOffer,
    Rollback,
    SendInDialog,
)
from sipuac.dialog.session_state import SessionState
from sipuac.errors import InviteForked, MediaRefused
from tests.dialog.talk import (
    START_MEDIA,
    STOP_MEDIA,
    THEIRS,
    TalkCase,
    ack_of,
    described,
    re_invite,
)


class AdoptTests(TalkCase):
    """A 2xx that the media cannot take, and a fresh offer."""

    def setUp(self) -> None:
        """Early media with "b", the 2xx of "a" is taken, and has no media."""
        self.early_media(can_replace_answer=False, can_fork_offer=False)
        self.receive(180, "a")
        said = self.receive(200, "a", port=2000)[0]
        self.branch = self.set.branches["a"]
        if self.branch.media.value != "none":
            self.set.endings.close_media(self.branch)
            self.set.outbox.taken_out()
        self.said = said

    def adopt(self) -> list[Effect]:
        """Begin."""
        self.set.modifications.adopt(self.branch)
        return self.set.outbox.taken_out()

    def test_adopted(self) -> None:
        """A fresh offer in a re-INVITE; its answer opens the media: the call stands."""
        self.assertEqual(self.adopt(), [MakeFreshOffer("a"), START_MEDIA])
        effects = self.offered(1010)
        offer = described(1010, 2)
        self.assertEqual(effects, [STOP_MEDIA, re_invite(1, 2, offer)])
        answer = described(2010, 2)
        effects = self.answered(1, 200, answer)
        self.assertEqual(effects, [*ack_of(2), ApplyAnswer("a", answer), START_MEDIA])
        effects = self.set.media_applied("a")
        self.assertEqual(
            self.of_kind(effects, Establish), [Establish("a", answer, offer)]
        )
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_refused(self) -> None:
        """Where the re-INVITE is refused the call is ended, and the attempt fails."""
        self.adopt()
        self.offered(1010)
        effects = self.answered(1, 488)
        self.assertEqual(effects[0], Rollback("a"))
        self.assertEqual(self.of_kind(effects, Rollback), [Rollback("a")])
        self.assertIs(type(self.failure(effects)), InviteForked)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.method, "BYE")

    def test_the_media_refuses(self) -> None:
        """The same where the media has no offer, or cannot take the answer."""
        self.adopt()
        effects = self.set.media_refused("a", "no port")
        self.assertIs(type(self.failure(effects)), MediaRefused)
        self.setUp()
        self.adopt()
        self.offered(1010)
        self.answered(1, 200, THEIRS)
        effects = self.set.media_refused("a", "no codec")
        self.assertIs(type(self.failure(effects)), MediaRefused)
        self.assertEqual(self.of_kind(effects, CloseMedia), [CloseMedia("a")])

    def test_hung_up(self) -> None:
        """The fresh offer is given up where the call is."""
        self.adopt()
        self.assertIn(Rollback("a"), self.set.hang_up())

    def test_the_peer_is_told_to_wait(self) -> None:
        """Meanwhile the peer's re-INVITE crosses ours: 491."""
        self.adopt()
        self.assertEqual(self.status_of(self.comes("INVITE", 1, THEIRS)[1]), 491)
