"""The peer's UPDATE, early and in a call that stands."""

from __future__ import annotations

from sipuac.dialog.effects import MakeAnswer, MakeOffer, Report, Rollback
from sipuac.dialog.events import ModificationFailed
from tests.dialog.messages import reply
from tests.dialog.talk import (
    MEDIA,
    NEW,
    NOT_CHANGED,
    OURS,
    START_MEDIA,
    STOP_MEDIA,
    TalkCase,
    re_invite,
    refreshed,
    told,
)


class UpdateTests(TalkCase):
    """An UPDATE in a call that stands."""

    def test_an_offer(self) -> None:
        """It is answered at once with the answer in its 2xx (3311-5.2-b)."""
        new = ("Contact", "<sip:new@a.example>")
        request, effects = self.comes("UPDATE", 1, NEW, new)
        self.assertEqual(effects, [MakeAnswer("a", NEW), START_MEDIA])
        effects = self.set.answer_made("a", OURS)
        self.assertEqual(
            effects,
            [
                STOP_MEDIA,
                self.accepted(request, OURS),
                *told(OURS, NEW, "remote", "UPDATE"),
            ],
        )
        self.assertEqual(self.target, "sip:new@a.example")

    def test_no_offer(self) -> None:
        """Without an offer it refreshes target and session (3311-5.1-d)."""
        new = ("Contact", "<sip:new@a.example>")
        request, effects = self.comes("UPDATE", 1, None, new)
        self.assertEqual(
            effects, [self.accepted(request), *refreshed("remote", "UPDATE")]
        )
        self.assertEqual(self.target, "sip:new@a.example")

    def test_refused(self) -> None:
        """What is not acceptable gets 488, what takes too long 504 (3311-5.2-b)."""
        request = self.comes("UPDATE", 1, NEW)[0]
        effects = self.set.media_refused("a", "no codec")
        failed = ModificationFailed("a", "remote", "UPDATE", 488, "no codec")
        self.assertEqual(
            effects,
            [
                STOP_MEDIA,
                Rollback("a"),
                reply(request, 488, NOT_CHANGED),
                Report(failed),
            ],
        )
        self.comes("UPDATE", 2, NEW)
        self.assertEqual(self.status_of(self.set.fire(MEDIA)), 504)
        effects = self.comes("INVITE", 3, NEW)[1]
        self.assertEqual(effects[0], MakeAnswer("a", NEW))

    def test_the_turn_of_ours(self) -> None:
        """A modification of ours waits for its answer."""
        self.comes("UPDATE", 1, NEW)
        self.assertEqual(self.ask(), [])
        effects = self.set.answer_made("a", OURS)
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])
        self.assertEqual(self.offered(1000)[1], re_invite(1, 2, OURS))


class EarlyUpdateTests(TalkCase):
    """An UPDATE in an early dialog: one exchange in each until its 2xx."""

    def test_no_offer(self) -> None:
        """200, and the target is refreshed, whatever the exchange (3311-5.1-d)."""
        for is_offerless in (False, True):
            self.begin(is_offerless=is_offerless)
            self.receive(180, "a")
            new = ("Contact", "<sip:new@a.example>")
            request, effects = self.comes("UPDATE", 1, None, new)
            self.assertEqual(effects, [self.accepted(request)])
            self.assertEqual(self.target, "sip:new@a.example")

    def test_while_ours_is_open(self) -> None:
        """An offer gets 491 while our own has no answer (3311-5.2-a)."""
        self.begin()
        self.receive(180, "a")
        request, effects = self.comes("UPDATE", 1, NEW)
        self.assertEqual(effects, [reply(request, 491)])
        self.receive(183, "a", port=2000)
        request, effects = self.comes("UPDATE", 2, NEW)
        self.assertEqual(effects, [reply(request, 491)])

    def test_when_it_is_closed(self) -> None:
        """488 with a Warning once the one exchange is complete; the INVITE goes on."""
        self.begin()
        self.receive(183, "a", port=2000, rseq=1)
        self.answer_request(1, 200)
        request, effects = self.comes("UPDATE", 1, NEW)
        self.assertEqual(effects, [reply(request, 488, NOT_CHANGED)])
        self.assertTrue(self.set.branches["a"].is_early)
