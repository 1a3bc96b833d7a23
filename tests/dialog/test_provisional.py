"""What provisional responses do to an INVITE with an offer, without early media."""

from __future__ import annotations

from sipuac.dialog.attempt import Phase
from sipuac.dialog.effects import (
    FailInvite,
    Forget,
    Progress,
    Report,
    Resolved,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    InviteSent,
    ProtocolWarning,
    Provisional,
    Trying,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer
from sipuac.errors import (
    Busy,
    TransportFailed,
)
from tests.dialog.messages import (
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    limited,
    progress,
    sdp,
    taken,
)


class SentTests(DialogCase):
    """The INVITE leaves."""

    def test_sent(self) -> None:
        """When the INVITE is sent, the answer timeout starts (3261-13.2.1-b)."""
        dialogs = self.begin(answer_timeout=50.0)
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHING)
        again = type(dialogs)(dialogs.invite, dialogs.options)
        self.assertEqual(
            again.sent(),
            [Report(InviteSent()), StartTimer(DialogTimer.ANSWER, 50.0)],
        )

    def test_it_could_not_be_sent(self) -> None:
        """What never left needs no waiting for what may come of it."""
        dialogs = self.begin()
        unsent = type(dialogs)(dialogs.invite, dialogs.options)
        error = TransportFailed("no way")
        self.assertEqual(
            unsent.failed(error), [FailInvite(error), Resolved(), Forget()]
        )
        self.assertEqual(unsent.session.state, SessionState.TERMINATED)


class ProvisionalTests(DialogCase):
    """100 to 199, without early media."""

    def test_100(self) -> None:
        """A 100 is trying; a To tag in it makes no dialog (3261-21.1.1-a)."""
        dialogs = self.begin()
        said, effects = self.receive(100, "a")
        self.assertEqual(effects, [Report(Trying()), Progress(said)])
        self.assertEqual(dialogs.branches, {})
        self.assertEqual(dialogs.phase, Phase.PROCEEDING)

    def test_1xx_without_to_tag(self) -> None:
        """A provisional response without To tag is progress and makes no dialog
        (3261-12.1.2-c).
        """
        dialogs = self.begin()
        said, effects = self.receive(180, None)
        self.assertEqual(effects, progress(said, None))
        self.assertEqual(dialogs.branches, {})

    def test_1xx_makes_an_early_dialog_once(self) -> None:
        """The first 101-199 of a To tag makes an early dialog, later ones report
        progress in it and build nothing anew (3261-13.2.2.1-a).
        """
        dialogs = self.begin()
        said, effects = self.receive(180)
        self.assertEqual(effects, progress(said))
        dialog = dialogs.branches["a"].dialog
        said, effects = self.receive(180, contact="<sip:other@a.example>")
        self.assertEqual(effects, progress(said))
        self.assertIs(dialogs.branches["a"].dialog, dialog)

    def test_an_unknown_provisional_counts_as_183(self) -> None:
        """An unknown provisional status other than 100 is treated as 183
        (3261-8.1.3.2-a).
        """
        dialogs = self.begin()
        said, effects = self.receive(171, port=2000, reason="Busy thinking")
        self.assertEqual(effects, progress(said))
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_sdp_in_a_1xx_is_kept_as_the_answer(self) -> None:
        """Without early media the description of a 1xx is kept and the media is not
        asked; it gets it with the 2xx (3261-13.2.1-d).
        """
        self.begin()
        said, effects = self.receive(183, port=2000)
        self.assertEqual(effects, progress(said))
        said, effects = self.receive(200)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 2000), limited()]
        )

    def test_the_first_description_is_the_answer(self) -> None:
        """Every later description of the dialog is ignored, a difference is reported
        (3261-13.2.1-d, 6337-3.1.1-a).
        """
        self.begin()
        self.receive(183, port=2000)
        said, effects = self.receive(183, port=2000)
        self.assertEqual(effects, progress(said))
        said, effects = self.receive(183, port=3000)
        warning = ProtocolWarning(
            "a later session description is ignored: stream 1: port 3000 instead of "
            "2000",
            "a",
        )
        self.assertEqual(effects, [*progress(said), Report(warning)])
        said, effects = self.receive(200, port=4000)
        self.assertEqual(effects[-2:], [applied("a", 2000), limited()])
        self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)

    def test_bodies_that_are_no_answer(self) -> None:
        """A body that is no session description, or none that can be read, does not
        count and harms nothing.
        """
        cases = [
            (b"v=1\r\n", "application/sdp", ()),
            (b"\xff\x00", "application/sdp", ()),
            (b"hello", "text/plain", ()),
            (b"hello", "not a media type", ()),
            (b"hello", "", ()),
            (
                sdp(2000),
                "application/sdp",
                [("Content-Disposition", "early-session;handling=optional")],
            ),
        ]
        for body, content_type, headers in cases:
            dialogs = self.begin()
            said, effects = self.receive(
                183, body=body, content_type=content_type, headers=headers
            )
            self.assertEqual(effects[:2], progress(said))
            self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)
            self.assertEqual(len(effects), 3)
            self.assertIsNone(dialogs.branches["a"].remote)

    def test_types_are_compared_as_the_rfc_says(self) -> None:
        """A media type is compared without regard to case, parameters do not matter."""
        dialogs = self.begin()
        how = "Application/SDP; charset=utf-8"
        self.receive(183, body=answer(2000).render(), content_type=how)
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_a_body_without_type(self) -> None:
        """A body without Content-Type is not guessed at."""
        dialogs = self.begin()
        said = self.receive(183, port=2000)[0].without("Content-Type")
        effects = self.begin().response_received(said)
        warning = ProtocolWarning("a body is ignored: a body without Content-Type", "a")
        self.assertEqual(effects, [*progress(said), Report(warning)])
        self.assertEqual(list(dialogs.branches), ["a"])

    def test_contact_and_record_route_that_cannot_be_read(self) -> None:
        """Without a target no request can be sent in it, but it is an early dialog
        (3261-12.1.2-e).
        """
        for how in ({"contact": "<<>>"}, {"routes": ["<<>>"]}):
            dialogs = self.begin()
            self.receive(183, port=2000, **how)
            self.assertIsNone(dialogs.branches["a"].dialog.remote_target)
            self.assertEqual(dialogs.branches["a"].remote, answer(2000))


class Response199Tests(DialogCase):
    """199 (RFC 6228), without early media."""

    def test_it_ends_that_early_dialog_only(self) -> None:
        """A 199 ends that one early dialog, with no BYE, and leaves the others alone
        (6228-4-c, 6228-5-a).
        """
        dialogs = self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        reason = [("Reason", "SIP;cause=486")]
        said, effects = self.receive(199, "a", contact=None, headers=reason)
        ended = Report(EarlyDialogEnded("a", "199"))
        self.assertEqual(effects, [*progress(said), ended])
        self.assertEqual(dialogs.branches["a"].fate, "ended by 199, status 486")
        self.assertTrue(dialogs.branches["b"].is_early)

    def test_it_needs_no_reason(self) -> None:
        """A 199 without Reason is taken all the same (6228-5-a, 6228-6-a)."""
        dialogs = self.begin()
        self.receive(180, routes=["<sip:p1.example;lr>"])
        dialog = dialogs.branches["a"].dialog
        before = dialog.remote_target, dialog.route_set
        self.receive(199, contact=None)
        self.assertEqual(dialogs.branches["a"].fate, "ended by 199, status unknown")
        self.assertEqual((dialog.remote_target, dialog.route_set), before)

    def test_an_unknown_early_dialog(self) -> None:
        """An unreliable 199 of an unknown early dialog is discarded (6228-4-e)."""
        dialogs = self.begin()
        said, effects = self.receive(199, "x")
        message = "a 199 of an unknown early dialog is discarded"
        self.assertEqual(
            effects,
            [
                Report(Provisional(199, said.reason, "x", reliable=False)),
                Report(ProtocolWarning(message, "x")),
            ],
        )
        self.assertEqual(dialogs.branches, {})

    def test_all_got_one(self) -> None:
        """When every early dialog got a 199 the INVITE stays in Proceeding, waiting for
        new ones and the final response (6228-4-f).
        """
        dialogs = self.begin()
        self.receive(180)
        self.receive(199)
        self.assertEqual(dialogs.phase, Phase.PROCEEDING)
        self.receive(180, "b")
        self.assertTrue(dialogs.branches["b"].is_early)
        effects = self.receive(486, "b")[1]
        error = self.failure(effects)
        self.assertIsInstance(error, Busy)

    def test_a_2xx_after_it(self) -> None:
        """A 199 is no final response: a 2xx on that dialog is taken and acknowledged
        (6228-7-a).
        """
        self.begin()
        self.receive(180)
        self.receive(199)
        said, effects = self.receive(200, port=2000)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 2000), limited()]
        )

    def test_what_follows_it_in_that_dialog(self) -> None:
        """A later 1xx of the dialog that a 199 ended brings nothing back (6228-7-a)."""
        dialogs = self.begin()
        self.receive(180)
        self.receive(199)
        for status in (183, 199):
            said, effects = self.receive(status, port=2000)
            event = Provisional(status, said.reason, "a", reliable=False)
            self.assertEqual(effects, [Report(event)])
        self.assertIsNone(dialogs.branches["a"].remote)
