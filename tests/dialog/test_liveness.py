"""Serial hunting looks like a fork: the probe and the hold."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Effect,
    MoveMedia,
    Progress,
    Report,
    SendCancel,
    SendInDialog,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    EarlyMedia,
    Forked,
    Probe,
    ProtocolWarning,
)
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import TransactionTimeout, TransportFailed
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    ANOTHER_HAS_MEDIA,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    bye,
    closed,
    forked,
    hop,
    limited,
    peer_request,
    probe,
    progress,
    taken,
)

HOLD = StartTimer(DialogTimer.HOLD, 4.0)
UNHOLD = StopTimer(DialogTimer.HOLD)


class HoldCase(DialogCase):
    """Phone "a" has the early media, then phone "b" shows."""

    def newcomer(
        self, *, allow: str = "INVITE, UPDATE", port: int | None = None, **how: object
    ) -> list[Effect]:
        """What is done when "b" shows."""
        self.early_media(**how)
        self.with_early_media("a", headers=[("Allow", allow)])
        return self.receive(183, "b", port=port)[1]


class ProbeTests(HoldCase):
    """An extra that came after the media dialog."""

    def test_update_where_it_is_allowed(self) -> None:
        """The newcomer is held and the media dialog is probed by UPDATE without a body,
        with Contact, if its Allow has UPDATE (3311-4-a, 3261-12.2.1.1-f, 3311-5.1-a).
        """
        effects = self.newcomer()
        said = self.of_kind(effects, Progress)[0].response
        self.assertEqual(
            effects,
            [*progress(said, "b"), forked("b", "hold", said), HOLD, probe("a", 1)],
        )
        (sent,) = self.of_kind(effects, SendInDialog)
        assert isinstance(sent, SendInDialog)
        self.assertEqual(sent.request.body, b"")

    def test_options_where_it_is_not(self) -> None:
        """Otherwise by OPTIONS. What one dialog allows says nothing of another
        (3261-13.2.2.1-c).
        """
        self.early_media(extra_ringing="keep")
        self.receive(180, "b", headers=[("Allow", "UPDATE")])
        self.with_early_media("a", headers=[("Allow", "INVITE, BYE")])
        effects = self.receive(183, "c", port=3000)[1]
        self.assertEqual(effects[-2:], [HOLD, probe("a", 1, "OPTIONS")])

    def test_alive(self) -> None:
        """200 to UPDATE: alive. The newcomer is an extra and is ended."""
        self.newcomer()
        self.assertEqual(
            self.answer_request(1, 200),
            [
                Report(Probe("a", "UPDATE", "alive")),
                UNHOLD,
                forked("b", "cancel-extra"),
                bye("b", 2, ANOTHER_HAS_MEDIA),
            ],
        )
        self.assertEqual(self.set.fire(DialogTimer.HOLD), [])

    def test_its_contact_refreshes_the_target(self) -> None:
        """Contact of a 2xx to UPDATE replaces the remote target, that of one to OPTIONS
        does not (3261-12.2.1.2-a, 3311-5.1-d).
        """
        for allow, target in (
            ("UPDATE", "sip:new@a.example"),
            ("OPTIONS", "sip:a@a.example"),
        ):
            self.newcomer(allow=allow)
            self.answer_request(1, 200, contact="<sip:new@a.example>")
            dialog = self.set.branches["a"].dialog
            self.assertEqual(dialog.remote_target, hop(target))

    def test_dead(self) -> None:
        """481, 408 and timer F: dead. The newcomer is no extra: it has the media
        (3261-12.2.1.2-b).
        """
        for status in (481, 408, None):
            for allow, method in (("UPDATE", "UPDATE"), ("BYE", "OPTIONS")):
                self.newcomer(allow=allow, port=3000)
                if status is None:
                    error = TransactionTimeout("timer F")
                    effects = self.set.request_finished(1, error)
                else:
                    effects = self.answer_request(1, status)
                self.assertEqual(
                    effects,
                    [
                        Report(Probe("a", method, "dead")),
                        closed("a"),
                        Report(EarlyDialogEnded("a", "probe")),
                        UNHOLD,
                        applied("b", 3000),
                    ],
                )
                runs = [Report(EarlyMedia("b"))]
                self.assertEqual(self.set.media_applied("b"), runs)

    def test_dead_and_the_newcomer_only_rings(self) -> None:
        """It has the media when its answer comes."""
        self.newcomer()
        self.answer_request(1, 481)
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(effects, [*progress(said, "b"), applied("b", 3000)])

    def test_dead_and_media_that_takes_one_answer(self) -> None:
        """The newcomer rings on, without the media."""
        self.newcomer(port=3000, can_replace_answer=False, can_fork_offer=False)
        effects = self.answer_request(1, 481)
        self.assertEqual(effects[-1], UNHOLD)
        self.assertTrue(self.set.branches["b"].is_early)

    def test_dead_and_media_that_forks_its_offer(self) -> None:
        """The newcomer has a session of its own by the same offer."""
        self.newcomer(port=3000, can_replace_answer=False)
        effects = self.answer_request(1, 481)
        self.assertEqual(effects[-2:], [UNHOLD, applied("b", 3000)])

    def test_unknown(self) -> None:
        """Anything else: unknown, and while unknown nobody is ended. At the hold limit
        an answer other than 481 or 408 counts as alive.
        """
        for allow, status in (
            ("UPDATE", 500),
            ("UPDATE", 491),
            ("BYE", 200),
            ("BYE", 404),
        ):
            self.newcomer(allow=allow)
            method = "UPDATE" if allow == "UPDATE" else "OPTIONS"
            effects = self.answer_request(1, status)
            self.assertEqual(effects, [Report(Probe("a", method, "unknown"))])
            self.assertEqual(
                self.set.fire(DialogTimer.HOLD),
                [forked("b", "cancel-extra"), bye("b", 2, ANOTHER_HAS_MEDIA)],
            )

    def test_silence(self) -> None:
        """At the hold limit silence counts as dead; what comes later means nothing.

        No 199 is needed for that (6228-3-a).
        """
        self.newcomer(port=3000)
        self.assertEqual(
            self.set.fire(DialogTimer.HOLD),
            [
                Report(Probe("a", "UPDATE", "dead")),
                closed("a"),
                Report(EarlyDialogEnded("a", "probe")),
                applied("b", 3000),
            ],
        )
        self.assertEqual(self.answer_request(1, 200), [])

    def test_a_probe_that_could_not_be_sent(self) -> None:
        """A transport failure proves nothing, and is no answer either."""
        self.newcomer(port=3000)
        effects = self.set.request_finished(1, TransportFailed("broken"))
        self.assertEqual(effects, [Report(Probe("a", "UPDATE", "unknown"))])
        effects = self.set.fire(DialogTimer.HOLD)
        self.assertEqual(effects[0], Report(Probe("a", "UPDATE", "dead")))

    def test_one_that_cannot_be_asked(self) -> None:
        """Without Contact no probe can be sent; at the hold limit that is silence."""
        self.early_media()
        self.with_early_media("a", contact=None)
        effects = self.receive(183, "b", port=3000)[1]
        self.assertEqual(self.of_kind(effects, SendInDialog), [])
        effects = self.set.fire(DialogTimer.HOLD)
        self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)
        self.assertEqual(effects[-1], applied("b", 3000))


class NewsTests(HoldCase):
    """What else may happen while a newcomer is held."""

    def test_199_or_bye_of_the_media_dialog(self) -> None:
        """A 199 or BYE of the media dialog: dead."""
        self.newcomer(port=3000)
        effects = self.receive(199, "a")[1]
        self.assertEqual(
            effects[2:],
            [
                closed("a"),
                Report(EarlyDialogEnded("a", "199")),
                UNHOLD,
                applied("b", 3000),
            ],
        )
        self.newcomer(port=3000)
        effects = self.set.request_received(peer_request("BYE", "a"))
        self.assertEqual(
            effects[1:],
            [
                closed("a"),
                Report(EarlyDialogEnded("a", "BYE")),
                UNHOLD,
                applied("b", 3000),
            ],
        )

    def test_the_newcomer_answers(self) -> None:
        """Its 2xx takes the call, and the old media dialog is the extra."""
        self.newcomer(port=3000)
        said, effects = self.receive(200, "b")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                UNHOLD,
                forked("b", "take", said),
                *taken(said, "b"),
                MoveMedia("a", "b", answer(3000)),
                limited("b"),
                forked("a", "cancel-extra"),
                bye("a", 2, ANOTHER_HAS_MEDIA, 3),
            ],
        )
        self.assertEqual(self.answer_request(1, 481), [])

    def test_the_newcomer_answers_and_media_takes_one_answer(self) -> None:
        """ACK, BYE, and a grace; the probe that is under way is waited for."""
        self.newcomer(port=3000, can_replace_answer=False)
        said, effects = self.receive(200, "b")
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                UNHOLD,
                forked("b", "release", said),
                bye("b", 2, ANOTHER_HAS_CALL),
                StartTimer(DialogTimer.GRACE, 4.0),
            ],
        )
        effects = self.answer_request(1, 481)
        self.assertEqual(type(effects[-1]).__name__, "FailInvite")

    def test_the_media_dialog_answers(self) -> None:
        """A 2xx in the media dialog ends the newcomer."""
        self.newcomer(port=3000)
        said, effects = self.receive(200, "a")
        self.assertEqual(effects[:4], [*accepted(), ack("a"), UNHOLD])
        self.assertEqual(effects[4:6], taken(said))
        self.assertEqual(
            effects[-2:],
            [forked("b", "cancel-extra"), bye("b", 2, ANOTHER_HAS_MEDIA)],
        )

    def test_the_newcomer_goes(self) -> None:
        """A newcomer that is gone waits no more; the next one starts a hold anew, and
        one probe at a time is enough.
        """
        self.newcomer()
        effects = self.receive(199, "b")[1]
        self.assertEqual(effects[-1], UNHOLD)
        effects = self.receive(180, "c")[1]
        self.assertEqual(effects[-1], HOLD)
        effects = self.answer_request(1, 200)
        self.assertIn(bye("c", 2, ANOTHER_HAS_MEDIA), effects)

    def test_one_newcomer_of_two_goes(self) -> None:
        """The other one waits on."""
        self.newcomer()
        self.receive(180, "c")
        said, effects = self.receive(199, "b")
        ended = Report(EarlyDialogEnded("b", "199"))
        self.assertEqual(effects, [*progress(said, "b"), ended])
        effects = self.set.fire(DialogTimer.HOLD)
        self.assertEqual(effects[0], Report(Probe("a", "UPDATE", "dead")))

    def test_an_old_answer_is_no_sign_of_life(self) -> None:
        """Each hold needs an answer of its own: the phone may have died since."""
        self.newcomer(allow="BYE")
        self.answer_request(1, 200)
        self.receive(199, "b")
        effects = self.receive(180, "c")[1]
        self.assertEqual(effects[-2:], [HOLD, probe("a", 2, "OPTIONS", 3)])
        effects = self.set.fire(DialogTimer.HOLD)
        self.assertEqual(effects[0], Report(Probe("a", "OPTIONS", "dead")))

    def test_the_next_media_dialog_is_asked_itself(self) -> None:
        """A probe of the one before that is still under way says nothing of it."""
        self.newcomer(port=3000)
        self.receive(199, "a")
        effects = self.receive(180, "c")[1]
        self.assertEqual(effects[-2:], [HOLD, probe("b", 2, "OPTIONS")])
        self.assertEqual(self.answer_request(1, 200), [])

    def test_several_newcomers(self) -> None:
        """They wait together, and for one probe."""
        self.newcomer()
        said, effects = self.receive(180, "c")
        self.assertEqual(effects[2:], [forked("c", "hold", said)])
        effects = self.answer_request(1, 200)
        ended = [e.branch for e in effects if isinstance(e, SendInDialog)]
        self.assertEqual(ended, ["b", "c"])
        effects = self.receive(180, "d")[1]
        self.assertEqual(effects[-2:], [HOLD, probe("a", 4, "UPDATE", 3)])

    def test_the_newest_has_the_media(self) -> None:
        """A proxy that hunts went from one phone to the next: the newest answer has the
        media, and those before it are extras.
        """
        self.newcomer(port=3000)
        self.receive(183, "c", port=4000)
        effects = self.answer_request(1, 481)
        self.assertEqual(
            effects[-3:],
            [
                applied("c", 4000),
                forked("b", "cancel-extra"),
                bye("b", 2, ANOTHER_HAS_MEDIA),
            ],
        )

    def test_the_newest_only_rings(self) -> None:
        """One that rings after the next media dialog is held again: the hunt may have
        gone on to it.
        """
        self.newcomer(port=3000)
        self.receive(180, "c")
        effects = self.answer_request(1, 481)
        self.assertEqual(
            effects[-3:], [applied("b", 3000), HOLD, probe("b", 2, "OPTIONS")]
        )

    def test_it_is_told_once(self) -> None:
        """That a newcomer is held is told once, however often it speaks."""
        self.newcomer()
        said, effects = self.receive(183, "b", port=3000)
        self.assertEqual(effects, progress(said, "b"))
        effects = self.answer_request(1, 200)
        (event,) = self.events(effects, Forked)
        self.assertEqual(event, Forked("b", "cancel-extra", "<sip:b@b.example>"))

    def test_giving_up_meanwhile(self) -> None:
        """When the caller gives up, nobody is held and the probe means nothing."""
        self.newcomer(port=3000)
        self.assertIn(UNHOLD, self.set.hang_up())
        self.assertEqual(self.answer_request(1, 200), [])
        self.assertEqual(self.set.fire(DialogTimer.HOLD), [])

    def test_too_many_newcomers(self) -> None:
        """When the newcomers that wait are more than the extras that are ended so, the
        call fails, and who is left is not asked for by itself.
        """
        self.newcomer(port=3000, max_extras=1)
        self.receive(183, "c", port=4000)
        self.receive(183, "d", port=5000)
        effects = self.answer_request(1, 200)
        told = self.events(effects, Forked)
        self.assertEqual(
            [event.action for event in told if isinstance(event, Forked)],
            ["cancel-extra", "cancel-extra"],
        )
        byes = [one.branch for one in self.of_kind(effects, SendInDialog)]
        self.assertEqual(byes, ["b"])
        self.assertEqual(len(self.of_kind(effects, SendCancel)), 1)
