"""What a 2xx does to an INVITE with an offer, without early media."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Establish,
    FailInvite,
    Forget,
    RepeatAck,
    Report,
    Resolved,
    SendAck,
    SendInDialog,
)
from sipuac.dialog.events import (
    Answered,
    EarlyDialogEnded,
    ExtraEnded,
    ProtocolWarning,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    MediaRefused,
    MissingSessionDescription,
    RemoteProtocolError,
)
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    NOT_ACCEPTABLE,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    because,
    bye,
    closed,
    forked,
    hop,
    limited,
    stopped,
    taken,
    unlimited,
)


class SuccessTests(DialogCase):
    """2xx, without early media."""

    def test_with_a_description(self) -> None:
        """The 2xx is acknowledged at once, its description applied, the call stands
        (3261-13.2.2.4-b, 3261-13.2.1-c).
        """
        dialogs = self.begin()
        said, effects = self.receive(200, port=2000)
        self.assertEqual(
            effects, [*accepted(), ack(), *taken(said), applied("a", 2000), limited()]
        )
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHING)
        stands = [unlimited(), Establish("a", answer(2000))]
        self.assertEqual(dialogs.media_applied("a"), stands)
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHED)

    def test_any_2xx(self) -> None:
        """An unknown 2xx counts as a 200 (3261-8.1.3.2-a)."""
        self.begin()
        said, effects = self.receive(299, port=2000)
        self.assertEqual(self.events(effects, Answered), [Answered(299, "a")])
        self.assertEqual(said.status, 299)

    def test_retransmitted(self) -> None:
        """A retransmitted 2xx gets the same ACK again, and nobody is told
        (3261-13.2.2.4-d).
        """
        dialogs = self.begin()
        said, _ = self.receive(200, port=2000)
        self.assertEqual(dialogs.response_received(said), [RepeatAck("a")])
        dialogs.media_applied("a")
        self.assertEqual(dialogs.response_received(said), [RepeatAck("a")])

    def test_retransmitted_after_bye(self) -> None:
        """A retransmitted 2xx whose dialog BYE has ended gets its ACK, and no second
        BYE (3261-13.2.2.4-j).
        """
        dialogs = self.begin()
        self.answered()
        dialogs.hang_up()
        self.assertEqual(self.receive(200, port=2000)[1], [RepeatAck("a")])
        self.answer_request(1, 200)
        self.assertEqual(self.receive(200, port=2000)[1], [RepeatAck("a")])

    def test_without_description(self) -> None:
        """A 2xx that leaves the exchange open: ACK, BYE, MissingSessionDescription
        (3261-13.2.1-e).
        """
        for how in ({}, {"body": b"hello"}, {"body": b"v=", "content_type": ";;"}):
            self.begin()
            said, effects = self.receive(200, **how)
            failure = effects.pop()
            warnings = self.events(effects, ProtocolWarning)
            self.assertEqual(len(warnings), 1 if how else 0)
            self.assertEqual(
                [e for e in effects if not isinstance(e, Report)],
                [*accepted(), ack(), bye("a", 1, NOT_ACCEPTABLE)],
            )
            assert isinstance(failure, FailInvite)
            self.assertIsInstance(failure.error, MissingSessionDescription)
            self.assertIs(getattr(failure.error, "response", None), said)

    def test_without_description_where_another_may_win(self) -> None:
        """It fails the attempt only when no other dialog can still win."""
        dialogs = self.begin()
        self.receive(180, "a")
        self.receive(180, "b")
        effects = self.receive(200, "a")[1]
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack(),
                bye("a", 1, NOT_ACCEPTABLE),
                StartTimer(DialogTimer.GRACE, 4.0),
            ],
        )
        said, effects = self.receive(200, "b", port=2000)
        self.assertEqual(
            effects,
            [
                ack("b"),
                StopTimer(DialogTimer.GRACE),
                *taken(said, "b"),
                applied("b", 2000),
                limited("b"),
            ],
        )
        stands = [unlimited("b"), Establish("b", answer(2000))]
        self.assertEqual(dialogs.media_applied("b"), stands)

    def test_the_others_do_not_win(self) -> None:
        """After the grace the first failure is told, and what still rings gets BYE."""
        dialogs = self.begin()
        self.receive(180, "b")
        self.receive(200, "a")
        effects = dialogs.fire(DialogTimer.GRACE)
        error = self.failure(effects)
        self.assertIsInstance(error, MissingSessionDescription)
        self.assertEqual(self.of_kind(effects, SendInDialog)[0].branch, "b")

    def test_a_grace_that_outlasts_the_linger(self) -> None:
        """64*T1 after the first 2xx nobody can win any more."""
        dialogs = self.begin(fork_grace=100.0)
        self.receive(180, "b")
        self.receive(200, "a")
        effects = dialogs.fire(DialogTimer.LINGER)
        self.assertIsInstance(self.failure(effects), MissingSessionDescription)
        self.assertIn(StopTimer(DialogTimer.GRACE), effects)

    def test_without_to_tag(self) -> None:
        """A 2xx without To tag is accepted: the remote tag is null, and requests carry
        no To tag (3261-12.1.2-c, 3261-12.2.1.1-a).
        """
        dialogs = self.begin()
        contact = "<sip:old@phone.example>"
        said, effects = self.receive(200, None, port=2000, contact=contact)
        old = "sip:old@phone.example"
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("", target=old),
                *taken(said, ""),
                applied("", 2000),
                limited(""),
            ],
        )
        dialogs.media_applied("")
        effects = dialogs.hang_up()
        self.assertEqual(effects, [closed(""), bye("", 1, target=old)])

    def test_without_contact(self) -> None:
        """A 2xx without Contact: ACK and BYE go to the Request-URI of the INVITE, and
        the call fails as RemoteProtocolError.
        """
        bob = "sip:bob@example.com"
        for contact in (None, "<<", "*", "<tel:+1>"):
            self.begin()
            _, effects = self.receive(200, port=2000, contact=contact)
            failure = effects.pop()
            self.assertEqual(
                effects,
                [
                    *accepted(),
                    ack(target=bob),
                    bye("a", 1, because(400, "Not acceptable here"), target=bob),
                ],
            )
            assert isinstance(failure, FailInvite)
            self.assertIsInstance(failure.error, RemoteProtocolError)

    def test_without_contact_through_a_proxy(self) -> None:
        """They go the way of the INVITE: a proxy knows where that URI is."""
        self.begin(("Route", "<sip:proxy.example;lr>"))
        effects = self.receive(200, port=2000, contact=None)[1]
        hops = [effect.next_hop for effect in effects if hasattr(effect, "next_hop")]
        self.assertEqual(hops, [hop("sip:proxy.example;lr")] * 2)

    def test_unreadable_record_route(self) -> None:
        """Even a 2xx with a Record-Route that cannot be read is acknowledged."""
        self.begin()
        effects = self.receive(200, port=2000, routes=["<<>>"])[1]
        self.assertIn(ack(), effects)

    def test_media_refuses(self) -> None:
        """Media refuses at the 2xx: BYE with Reason 488, MediaRefused."""
        dialogs = self.begin()
        self.receive(200, port=2000)
        effects = dialogs.media_refused("a", "no codec")
        failure = effects.pop()
        self.assertEqual(effects, [*stopped(), bye("a", 1, NOT_ACCEPTABLE)])
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, MediaRefused)
        self.assertEqual(dialogs.session.state, SessionState.TERMINATED)

    def test_media_is_never_done(self) -> None:
        """When it has not taken the answer within its limit it counts as refused."""
        self.begin(media_timeout=3.0)
        effects = self.receive(200, port=2000)[1]
        self.assertEqual(effects[-1], StartTimer("media a", 3.0))
        effects = self.set.fire("media a")
        failure = effects.pop()
        self.assertEqual(effects, [closed("a"), bye("a", 1, NOT_ACCEPTABLE)])
        assert isinstance(failure, FailInvite)
        self.assertIsInstance(failure.error, MediaRefused)
        self.assertIn("3 s", str(failure.error))

    def test_a_late_result_of_the_media_is_dropped(self) -> None:
        """A result for an ended dialog is dropped."""
        dialogs = self.begin()
        self.receive(200, port=2000)
        dialogs.hang_up()
        self.assertEqual(dialogs.media_applied("a"), [])
        self.assertEqual(dialogs.media_refused("a", "late"), [])
        self.assertEqual(dialogs.media_applied("nobody"), [])

    def test_a_later_winner(self) -> None:
        """A 2xx of another dialog after one was taken: ACK, BYE, event; with or without
        an early dialog before it (3261-13.2.2.4-f, 3261-13.2.2.4-h, 3261-16.7-a).
        """
        for rings in (True, False):
            self.begin()
            if rings:
                self.receive(180, "b")
            self.answered("a")
            said, effects = self.receive(200, "b", port=3000)
            release = forked("b", "release", said)
            self.assertEqual(
                effects, [ack("b"), release, bye("b", 1, ANOTHER_HAS_CALL)]
            )
            effects = self.answer_request(1, 200)
            self.assertEqual(effects, [Report(ExtraEnded("b", "BYE", 200))])

    def test_a_later_winner_without_description(self) -> None:
        """Whatever it lacks, it gets its ACK and one BYE, and the call goes on."""
        dialogs = self.begin()
        self.answered("a")
        for tag, how in (("b", {}), ("c", {"contact": None, "port": 1})):
            effects = self.receive(200, tag, **how)[1]
            kinds = [type(e).__name__ for e in effects if not isinstance(e, Report)]
            self.assertEqual(kinds, ["SendAck", "SendInDialog"])
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHED)


class BoundTests(DialogCase):
    """More dialogs than anybody has phones."""

    def setUp(self) -> None:
        """Follow two dialogs at most."""
        super().setUp()
        self.begin(max_dialogs=2)
        self.receive(180, "a")
        self.receive(180, "b")

    def test_early(self) -> None:
        """A further early dialog is not followed, and that is told."""
        _, effects = self.receive(180, "c")
        self.assertEqual(list(self.set.branches), ["a", "b"])
        text = "there are too many dialogs to follow this one"
        self.assertIn(Report(ProtocolWarning(text, "c")), effects)

    def test_answered(self) -> None:
        """Its 2xx is acknowledged and ended all the same; one of the others is taken
        when it comes.
        """
        _, effects = self.receive(200, "c", port=3000)
        self.assertEqual(len(self.of_kind(effects, SendAck)), 1)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.method, "BYE")
        self.assertIsNone(self.set.taken)
        self.receive(200, "a", port=2000)
        self.assertEqual(self.set.taken, self.set.branches["a"])


class AfterTheAnswerTests(DialogCase):
    """64*T1 after the first 2xx."""

    def test_early_dialogs_end_with_no_message(self) -> None:
        """Early dialogs without a 2xx go on until 64*T1 after the first 2xx, then they
        end with no message (3261-13.2.2.4-i).
        """
        dialogs = self.begin()
        self.receive(180, "b")
        self.answered("a")
        ended = Report(EarlyDialogEnded("b", "timeout"))
        self.assertEqual(dialogs.fire(DialogTimer.LINGER), [ended])
        self.assertEqual(dialogs.session.state, SessionState.ESTABLISHED)

    def test_no_new_2xx_is_expected(self) -> None:
        """A new 2xx 64*T1 after the first one is dropped (3261-13.2.2.4-g)."""
        dialogs = self.begin()
        self.answered("a")
        dialogs.fire(DialogTimer.LINGER)
        self.assertEqual(self.receive(200, "b", port=3000)[1], [])
        self.assertEqual(list(dialogs.branches), ["a"])

    def test_resolved_and_forgotten(self) -> None:
        """It is forgotten when the call is over and no 2xx can come any more, in
        whatever order that is.
        """
        dialogs = self.begin()
        self.answered()
        dialogs.fire(DialogTimer.LINGER)
        dialogs.hang_up()
        self.assertEqual(self.answer_request(1, 200)[-2:], [Resolved(), Forget()])
        dialogs = self.begin()
        self.answered()
        dialogs.hang_up()
        self.assertEqual(self.answer_request(1, 200)[-1:], [Resolved()])
        self.assertEqual(dialogs.fire(DialogTimer.LINGER), [Forget()])
