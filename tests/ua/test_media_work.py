"""One media session and what it is asked, one thing at a time."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import plain_audio_offer
from sipuac.testing.media import ScriptedMedia, late
from sipuac.ua.media_work import MediaWork


class Told:
    """A media user that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def made(self, branch: str, answer: SessionDescription) -> None:
        """See `MediaUser`."""
        self.heard.append("made")

    def offered(self, branch: str, offer: SessionDescription) -> None:
        """See `MediaUser`."""
        self.heard.append("offered")

    def applied(self, branch: str) -> None:
        """See `MediaUser`."""
        self.heard.append("applied")

    def refused(self, branch: str, message: str) -> None:
        """See `MediaUser`."""
        self.heard.append(f"refused: {message}")


class RollbackTests(SynchronousTestCase):
    """Media that takes its time to go back."""

    def setUp(self) -> None:
        """A session that runs, with an offer that waits for its answer."""
        self.clock = Clock()
        self.media = ScriptedMedia(self.clock)
        self.user = Told()
        offer = self.media.offer()
        session = offer.open("a")  # type: ignore[union-attr]  # scripted: at once
        self.work = MediaWork("a", session, ((), ()), self.user)
        self.work.give(plain_audio_offer("192.0.2.9", 41_000))
        self.work.offer(True)
        self.assertEqual(self.user.heard, ["applied", "offered"])

    def test_going_back_is_not_given_up(self) -> None:
        """What waits for the media to go back is given up by a second rollback; the
        first one goes on, and the next offer is not made before it is over.
        """
        self.media.react("rollback", late(10.0))
        self.work.rollback()
        self.work.answer(plain_audio_offer("192.0.2.9", 41_000))
        self.clock.advance(8.0)
        self.work.rollback()
        self.work.offer(False)
        self.assertEqual(self.user.heard, ["applied", "offered"])
        self.clock.advance(2.0)
        self.assertEqual(self.user.heard, ["applied", "offered", "offered"])
        self.assertEqual(len(self.media.called("make_answer")), 0)
        self.assertEqual(len(self.media.called("rollback")), 1)
        self.work.close()
        self.media.check()
