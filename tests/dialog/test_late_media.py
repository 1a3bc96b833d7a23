"""What the media says of a dialog that there is not, or not any more."""

from __future__ import annotations

from tests.dialog.talk import OURS, TalkCase


class LateMediaTests(TalkCase):
    """A handler may be slower than the call, or confuse calls."""

    def test_an_unknown_dialog(self) -> None:
        """It is ignored, and the call that stands goes on."""
        self.assertEqual(self.set.answer_made("nobody", OURS), [])
        self.assertEqual(self.set.offer_made("nobody", OURS), [])
        self.assertEqual(self.set.media_applied("nobody"), [])
        self.assertEqual(self.set.media_refused("nobody", "no codec"), [])
        self.assertTrue(self.set.branches["a"].stands)

    def test_nothing_was_asked(self) -> None:
        """So it is where the media of a call that stands was asked for nothing."""
        self.assertEqual(self.set.answer_made("a", OURS), [])
        self.assertEqual(self.set.offer_made("a", OURS), [])
        self.assertEqual(self.set.media_applied("a"), [])
        self.assertEqual(self.set.media_refused("a", "no codec"), [])
        self.assertTrue(self.set.branches["a"].stands)

    def test_after_the_call(self) -> None:
        """And when the call is over."""
        self.set.hang_up()
        self.assertEqual(self.set.answer_made("a", OURS), [])
        self.assertEqual(self.set.offer_made("a", OURS), [])
        self.assertEqual(self.set.media_applied("a"), [])
        self.assertEqual(self.set.media_refused("a", "no codec"), [])
