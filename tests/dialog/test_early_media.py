"""What each response does with early media where that makes a difference."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Establish,
    FailInvite,
    Report,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    EarlyMedia,
    ProtocolWarning,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StopTimer
from sipuac.errors import (
    MediaRefused,
    MissingSessionDescription,
)
from tests.dialog.messages import (
    NOT_ACCEPTABLE,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    bye,
    closed,
    forked,
    limited,
    progress,
    stopped,
    taken,
    unlimited,
)


class EarlyMediaColumnTests(DialogCase):
    """The rows that are different with early media."""

    def test_the_first_answer_starts_the_media(self) -> None:
        """The first answer in a provisional response starts the media."""
        dialogs = self.early_media()
        said, effects = self.receive(183, port=2000)
        self.assertEqual(effects, [*progress(said), applied("a", 2000)])
        runs = [Report(EarlyMedia("a"))]
        self.assertEqual(dialogs.media_applied("a"), runs)
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHING)

    def test_ringing_alone_starts_nothing(self) -> None:
        """A 1xx without a description starts no media; a later one may."""
        self.early_media()
        said, effects = self.receive(180)
        self.assertEqual(effects, progress(said))
        said, effects = self.receive(183, port=2000)
        self.assertEqual(effects, [*progress(said), applied("a", 2000)])

    def test_without_contact(self) -> None:
        """An early dialog without target: its description counts all the same."""
        self.early_media()
        said, effects = self.receive(183, port=2000, contact=None)
        self.assertEqual(effects, [*progress(said), applied("a", 2000)])

    def test_2xx_where_it_holds_the_media(self) -> None:
        """The 2xx of the media dialog: ACK, Established, nothing is applied twice."""
        self.early_media()
        self.with_early_media()
        said, effects = self.receive(200, port=2000)
        stands = Establish("a", answer(2000))
        self.assertEqual(effects, [*accepted(), ack(), *taken(said), stands])

    def test_2xx_while_the_media_works(self) -> None:
        """The call stands when the media is done."""
        dialogs = self.early_media()
        self.receive(183, port=2000)
        said, effects = self.receive(200)
        self.assertEqual(effects, [*accepted(), ack(), *taken(said), limited()])
        stands = [unlimited(), Establish("a", answer(2000))]
        self.assertEqual(dialogs.media_applied("a"), stands)

    def test_2xx_without_any_1xx(self) -> None:
        """A description that comes first in the 2xx is applied then."""
        self.early_media()
        said, effects = self.receive(200, port=2000)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 2000), limited()]
        )

    def test_2xx_without_description(self) -> None:
        """Without any description: ACK, BYE, MissingSessionDescription."""
        self.early_media()
        effects = self.receive(200)[1]
        failure = effects.pop()
        self.assertEqual(effects, [*accepted(), ack(), bye("a", 1, NOT_ACCEPTABLE)])
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, MissingSessionDescription)

    def test_media_refuses_in_a_1xx(self) -> None:
        """Media refuses in a 1xx: BYE that dialog; the INVITE goes on, and the next may
        hold the media, even where it takes one answer only.
        """
        for can_replace in (True, False):
            dialogs = self.early_media(can_replace_answer=can_replace)
            self.receive(183, "a", port=2000)
            effects = dialogs.media_refused("a", "no codec")
            message = "the media refused the answer: no codec"
            self.assertEqual(
                effects,
                [
                    closed("a"),
                    Report(ProtocolWarning(message, "a")),
                    bye("a", 1, NOT_ACCEPTABLE),
                ],
            )
            said, effects = self.receive(183, "b", port=3000)
            leave = forked("b", "leave", said)
            self.assertEqual(effects, [*progress(said, "b"), leave, applied("b", 3000)])

    def test_media_refused_everywhere(self) -> None:
        """The 487 that our BYE brings about is MediaRefused, and no Cancelled."""
        dialogs = self.early_media()
        self.receive(183, port=2000)
        dialogs.media_refused("a", "no codec")
        self.answer_request(1, 200)
        effects = self.receive(487)[1]
        error = self.failure(effects)
        self.assertIsInstance(error, MediaRefused)

    def test_media_refuses_after_the_2xx(self) -> None:
        """Media that refuses only after the 2xx has come: BYE, MediaRefused."""
        dialogs = self.early_media()
        self.receive(183, port=2000)
        self.receive(200)
        effects = dialogs.media_refused("a", "no codec")
        failure = effects.pop()
        self.assertEqual(effects, [*stopped(), bye("a", 1, NOT_ACCEPTABLE)])
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, MediaRefused)

    def test_199_takes_the_media(self) -> None:
        """A 199 ends that dialog and its media; the next may have it (6228-4-d)."""
        dialogs = self.early_media()
        self.with_early_media("a")
        said, effects = self.receive(199, "a")
        ended = Report(EarlyDialogEnded("a", "199"))
        self.assertEqual(effects, [*progress(said), closed("a"), ended])
        said, effects = self.receive(183, "b", port=3000)
        leave = forked("b", "leave", said)
        self.assertEqual(effects, [*progress(said, "b"), leave, applied("b", 3000)])
        self.assertEqual(dialogs.media_applied("b"), [Report(EarlyMedia("b"))])

    def test_199_while_the_media_works(self) -> None:
        """A 199 closes media that still works on its answer; its result is dropped."""
        dialogs = self.early_media()
        self.receive(183, port=2000)
        effects = self.receive(199)[1]
        self.assertIn(closed("a"), effects)
        self.assertEqual(dialogs.media_applied("a"), [])

    def test_2xx_after_199_of_the_media_dialog(self) -> None:
        """Its 2xx is taken all the same, with media that takes one answer only too, for
        it is that one answer (6228-7-a).
        """
        for can_replace in (True, False):
            self.early_media(can_replace_answer=can_replace)
            self.with_early_media("a")
            self.receive(199, "a")
            said, effects = self.receive(200, "a")
            self.assertEqual(
                effects,
                [*accepted(), ack(), *taken(said), applied("a", 2000), limited()],
            )

    def test_a_refusal_closes_the_media(self) -> None:
        """4xx to 6xx end every early dialog, its media too (3261-12.3-a)."""
        self.early_media()
        self.with_early_media("a")
        effects = self.receive(486, "a")[1]
        self.assertEqual(
            effects[:3],
            [
                StopTimer(DialogTimer.ANSWER),
                closed("a"),
                Report(EarlyDialogEnded("a", "final")),
            ],
        )
