"""Tests of `sipuac.testing.media`."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipuac.errors import LocalProtocolError, MediaRefused
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.negotiation import check_answer, plain_audio_offer
from sipuac.testing.media import (
    AT_ONCE,
    NEVER,
    Call,
    ScriptedMedia,
    ScriptedOffer,
    fail,
    late,
    refuse,
)

PEER = plain_audio_offer("192.0.2.2", 6000, session_id=2)
OTHER = plain_audio_offer("192.0.2.3", 6002, session_id=3)


class ScriptedMediaTests(SynchronousTestCase):
    """Media by script."""

    def setUp(self) -> None:
        """A clock, and media that does at once what it is asked for."""
        self.clock = Clock()
        self.media = ScriptedMedia(self.clock)

    def offer(self) -> ScriptedOffer:
        """An offer that was made at once."""
        offer = self.media.offer()
        assert isinstance(offer, ScriptedOffer)
        return offer

    def waiting(self, result: object) -> Deferred[object]:
        """The result, which is a Deferred."""
        assert isinstance(result, Deferred)
        return result

    def test_interfaces(self) -> None:
        """Factory, offer and session provide the interfaces of the plug-in."""
        verifyObject(IMediaFactory, self.media)
        verifyObject(ILocalOffer, self.offer())
        verifyObject(IMediaSession, self.media.open("a"))

    def test_at_once(self) -> None:
        """Without a script everything succeeds without a Deferred, and is recorded."""
        session = self.offer().open("a")
        self.assertFalse(session.is_running)
        self.clock.advance(1.5)
        self.assertIsNone(session.apply_answer(PEER))
        self.assertTrue(session.is_running)
        self.assertIsNone(session.replace_answer(OTHER))
        self.assertIsNone(session.send_dtmf("12#"))
        session.close()
        self.assertFalse(session.is_running)
        self.assertEqual(
            self.media.calls,
            [
                Call(0.0, "", "offer"),
                Call(0.0, "a", "open"),
                Call(1.5, "a", "apply_answer", PEER),
                Call(1.5, "a", "replace_answer", OTHER),
                Call(1.5, "a", "send_dtmf", "12#"),
                Call(1.5, "a", "close"),
            ],
        )
        self.assertEqual(self.media.called("close"), [Call(1.5, "a", "close")])
        self.media.check()

    def test_answers(self) -> None:
        """A session in which the peer makes the offer answers it, and rolls back."""
        session = self.media.open("a")
        first = session.make_answer(PEER)
        assert not isinstance(first, Deferred)
        check_answer(PEER, first)
        session.make_answer(OTHER)
        session.rollback()
        self.assertEqual(session.answer, first)

    def test_later_offers(self) -> None:
        """A session that runs makes further offers; the held one holds it when its
        answer is applied, and a rollback gives up what is open.
        """
        session = self.media.open("a")
        session.make_answer(PEER)
        held = session.make_offer(True)
        assert not isinstance(held, Deferred)
        self.assertEqual(held.media[0].direction.value, "sendonly")
        self.assertIsNone(session.apply_answer(PEER))
        self.assertTrue(session.is_held)
        answer = session.make_answer(PEER)
        assert not isinstance(answer, Deferred)
        self.assertEqual(answer.media[0].direction.value, "sendonly")
        session.make_offer(False)
        session.rollback()
        self.assertTrue(session.is_held)
        session.make_offer(False)
        session.apply_answer(PEER)
        self.assertFalse(session.is_held)
        self.assertEqual(len(self.media.called("make_offer")), 3)
        session.close()
        self.media.check()

    def test_late(self) -> None:
        """A late reaction comes when the clock says so."""
        self.media.react("apply_answer", late(2.0))
        session = self.offer().open("a")
        waiting = self.waiting(session.apply_answer(PEER))
        self.clock.advance(1.9)
        self.assertNoResult(waiting)
        self.assertTrue(session.is_working)
        self.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(waiting))
        self.assertTrue(session.is_running)
        self.assertFalse(session.is_working)

    def test_a_late_offer(self) -> None:
        """The offer itself can be late or fail."""
        self.media.react("offer", late(1.0), fail(OSError("no device")))
        waiting = self.waiting(self.media.offer())
        self.clock.advance(1.0)
        self.assertIsInstance(self.successResultOf(waiting), ScriptedOffer)
        with self.assertRaises(OSError):
            self.media.offer()

    def test_refusals_and_failures(self) -> None:
        """Reactions go one after the other, at once or late; the last one stays."""
        self.media.react(
            "apply_answer", refuse("no codec"), fail(ValueError("bug"), 1.0), AT_ONCE
        )
        offer = self.offer()
        with self.assertRaises(MediaRefused) as caught:
            offer.open("a").apply_answer(PEER)
        self.assertEqual(str(caught.exception), "no codec")
        broken = offer.open("b")
        waiting = self.waiting(broken.apply_answer(PEER))
        self.clock.advance(1.0)
        self.failureResultOf(waiting, ValueError)
        self.assertFalse(broken.is_running)
        for branch in ("c", "d"):
            self.assertIsNone(offer.open(branch).apply_answer(PEER))

    def test_one_branch(self) -> None:
        """What is scripted for one branch goes before what holds for all."""
        self.media.react("apply_answer", refuse())
        self.media.react("apply_answer", AT_ONCE, branch="a")
        offer = self.offer()
        offer.open("a").apply_answer(PEER)
        with self.assertRaises(MediaRefused):
            offer.open("b").apply_answer(PEER)

    def test_never(self) -> None:
        """Media that never answers can be given up."""
        self.media.react("make_answer", NEVER)
        session = self.media.open("a")
        waiting = self.waiting(session.make_answer(PEER))
        self.clock.advance(1e6)
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertFalse(session.is_working)

    def test_giving_up_late_media(self) -> None:
        """Late media that is given up does nothing later."""
        self.media.react("apply_answer", late(2.0))
        session = self.offer().open("a")
        waiting = self.waiting(session.apply_answer(PEER))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(session.answer)

    def test_a_late_result_after_the_end(self) -> None:
        """Closing does not stop what is late: its result comes, and nothing runs."""
        self.media.react("apply_answer", late(2.0))
        session = self.offer().open("a")
        waiting = self.waiting(session.apply_answer(PEER))
        session.close()
        self.clock.advance(2.0)
        self.assertIsNone(self.successResultOf(waiting))
        self.assertFalse(session.is_running)
        self.media.check()

    def test_unknown_methods(self) -> None:
        """A reaction to what media is never asked is a fault of the test."""
        with self.assertRaises(LocalProtocolError):
            self.media.react("apply", AT_ONCE)
        with self.assertRaises(LocalProtocolError):
            self.media.react("apply_answer")

    def assertViolation(self, fault: str, act: Callable[[], object]) -> None:
        """The act raises, is kept, and fails the check of a test that swallowed it."""
        with self.assertRaises(LocalProtocolError) as caught:
            act()
        self.assertEqual(str(caught.exception), fault)
        self.assertEqual(self.media.violations[-1], fault)
        with self.assertRaises(AssertionError) as failed:
            self.media.check(is_over=False)
        self.assertIn(fault, str(failed.exception))

    def test_branches_that_must_not_be_opened(self) -> None:
        """A branch is opened once, before the offer is closed, and alone where the
        offer cannot fork.
        """
        offer = self.offer()
        first = offer.open("a")
        self.assertViolation("'a' opened twice", lambda: offer.open("a"))
        self.media.can_fork_offer = False
        self.assertViolation("'b' opened while 'a' is open", lambda: offer.open("b"))
        first.close()
        offer.open("b")
        offer.close()
        self.assertViolation("'c' opened on a closed offer", lambda: offer.open("c"))

    def test_answers_that_must_not_be_applied(self) -> None:
        """One answer at a time, the first applied and later ones replaced."""
        session = self.offer().open("a")
        self.assertViolation(
            "'a': replace_answer before any answer",
            lambda: session.replace_answer(PEER),
        )
        self.assertViolation(
            "'a': make_answer while our offer waits for its answer",
            lambda: session.make_answer(PEER),
        )
        self.assertViolation(
            "'a': send_dtmf without running media", lambda: session.send_dtmf("1")
        )
        self.media.react("apply_answer", late(1.0))
        session.apply_answer(PEER)
        self.assertViolation(
            "'a': apply_answer while another call is not over",
            lambda: session.apply_answer(PEER),
        )
        self.clock.advance(1.0)
        self.assertViolation(
            "'a': apply_answer a second time", lambda: session.apply_answer(PEER)
        )
        self.media.can_replace_answer = False
        self.assertViolation(
            "'a': replace_answer of media that cannot",
            lambda: session.replace_answer(PEER),
        )
        session.make_offer(False)
        self.assertViolation(
            "'a': make_offer while another waits for its answer",
            lambda: session.make_offer(False),
        )
        self.assertViolation(
            "'a': make_answer while our offer waits for its answer",
            lambda: session.make_answer(PEER),
        )
        session.rollback()
        self.assertViolation(
            "'a': rollback with nothing to go back to", session.rollback
        )
        offered = self.media.open("b")
        self.assertViolation(
            "'b': make_offer before the first exchange",
            lambda: offered.make_offer(True),
        )
        self.assertViolation(
            "'b': apply_answer without an offer of ours",
            lambda: offered.apply_answer(PEER),
        )

    def test_nothing_after_the_end(self) -> None:
        """A closed session is asked for nothing more, not even to close."""
        offered, asked = self.media.open("a"), self.offer().open("b")
        offered.close()
        asked.close()
        self.assertViolation("'a': close twice", offered.close)
        self.assertViolation("'a': rollback after close", offered.rollback)
        self.assertViolation(
            "'a': make_answer after close", lambda: offered.make_answer(PEER)
        )
        self.assertViolation(
            "'b': apply_answer after close", lambda: asked.apply_answer(PEER)
        )

    def test_sessions_left_open(self) -> None:
        """A session that is never closed fails the check of a test that is over."""
        self.media.open("a")
        self.media.check(is_over=False)
        with self.assertRaises(AssertionError) as caught:
            self.media.check()
        self.assertEqual(
            str(caught.exception), "media was misused: 'a' was never closed"
        )
