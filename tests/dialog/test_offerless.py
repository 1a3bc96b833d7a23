"""INVITEs without an offer: each fork makes one, and gets media of its own."""

from __future__ import annotations

from typing import Any

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import (
    Effect,
    Establish,
    FailInvite,
    MakeAnswer,
    RepeatAck,
    Report,
    SendAck,
    SendInDialog,
)
from sipuac.dialog.events import (
    EarlyDialogEnded,
    EarlyMedia,
    ProtocolWarning,
)
from sipuac.dialog.fork_policy import POLICIES
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.timers import media_timer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    LocalProtocolError,
    MediaRefused,
    MissingSessionDescription,
)
from sipuac.sdp.negotiation import refusing_answer
from sipuac.sdp.patterns import State
from tests.dialog.messages import (
    NOT_ACCEPTABLE,
    NOT_WANTED,
    DialogCase,
    accepted,
    ack,
    answer,
    bye,
    closed,
    forked,
    peer_request,
    prack,
    progress,
    reply,
    sdp,
    taken,
)

OURS = answer(1000)


def asked(tag: str, port: int) -> list[Effect]:
    """The media of this phone is to answer the offer with this port."""
    return [MakeAnswer(tag, answer(port)), StartTimer(media_timer(tag), 8.0)]


def refused(port: int) -> bytes:
    """The refusing answer to the offer with this port."""
    return refusing_answer(answer(port)).render()


class OfferlessCase(DialogCase):
    """Tests of an INVITE without an offer."""

    def setUp(self) -> None:
        """Send it."""
        self.offerless()

    def offerless(self, **options: Any) -> DialogSet:
        """A dialog set whose INVITE has no offer."""
        return self.begin(is_offerless=True, **options)

    def made(self, tag: str = "a") -> list[Effect]:
        """The media of this phone has its answer."""
        return self.set.answer_made(tag, OURS)


class EarlyTests(OfferlessCase):
    """Offers in reliable provisional responses."""

    def test_an_offer(self) -> None:
        """It gets a media session of its own and its answer in PRACK (3262-5-a,
        6337-3.1.2-a, 3262-5-c).
        """
        said, effects = self.receive(183, rseq=1, port=2000)
        self.assertEqual(effects, [*progress(said), *asked("a", 2000)])
        self.assertEqual(
            self.made(),
            [
                StopTimer(media_timer("a")),
                prack("a", 1, body=sdp(1000)),
                Report(EarlyMedia("a")),
            ],
        )

    def test_two_forks(self) -> None:
        """Each offer is answered in its own dialog, whichever media is first."""
        self.receive(183, "a", rseq=1, port=2000)
        said, effects = self.receive(183, "b", rseq=1, port=3000)
        leave = forked("b", "leave", said)
        self.assertEqual(effects, [*progress(said, "b"), *asked("b", 3000), leave])
        self.assertIn(prack("b", 1, body=sdp(1000)), self.made("b"))
        self.assertIn(prack("a", 2, body=sdp(1000)), self.made("a"))

    def test_unreliable(self) -> None:
        """A description in an unreliable response is no offer (6337-3.1.2-a)."""
        dialogs = self.offerless()
        said, effects = self.receive(183, port=2000)
        text = "a session description in an unreliable response is discarded"
        warning = Report(ProtocolWarning(text, "a"))
        self.assertEqual(effects, [*progress(said), warning])
        self.assertIsNone(dialogs.branches["a"].remote)

    def test_reliable_without_an_offer(self) -> None:
        """It is acknowledged, with a warning; the offer may still come."""
        said, effects = self.receive(180, rseq=1)
        text = "the first reliable response should have made the offer"
        warning = Report(ProtocolWarning(text, "a"))
        self.assertEqual(effects, [*progress(said), prack("a", 1), warning])
        said, effects = self.receive(183, rseq=2, port=2000)
        self.assertEqual(effects, [*progress(said), *asked("a", 2000)])

    def test_a_later_description(self) -> None:
        """What comes after the offer is ignored (6337-3.1.2-a)."""
        self.receive(183, rseq=1, port=2000)
        self.made()
        said, effects = self.receive(183, rseq=2, port=3000)
        self.assertEqual(effects[-1], prack("a", 2, 2, 3))
        self.assertEqual(self.set.branches["a"].remote, answer(2000))

    def test_while_the_media_works(self) -> None:
        """A retransmission is discarded; another response gets its own PRACK."""
        self.receive(183, rseq=1, port=2000)
        self.assertEqual(self.receive(183, rseq=1, port=2000)[1], [])
        said, effects = self.receive(180, rseq=2)
        self.assertEqual(effects, [*progress(said), prack("a", 1, 2)])
        self.assertIn(prack("a", 2, 1, 3, body=sdp(1000)), self.made())

    def test_no_contact(self) -> None:
        """Where no PRACK can be sent the offer is none; that in the 2xx is."""
        self.receive(183, rseq=1, port=2000, contact=None)
        self.assertIsNone(self.set.branches["a"].remote)
        effects = self.receive(200, port=2000)[1]
        self.assertEqual(effects[-2:], asked("a", 2000))

    def test_the_media_refuses(self) -> None:
        """PRACK with the refusing answer, BYE that dialog, the others go on
        (6337-2.3-a).
        """
        self.receive(183, "b", rseq=1, port=3000)
        self.receive(183, "a", rseq=1, port=2000)
        text = "the media refused the offer: no codec"
        self.assertEqual(
            self.set.media_refused("a", "no codec"),
            [
                prack("a", 1, body=refused(2000)),
                StopTimer(media_timer("a")),
                closed("a"),
                Report(ProtocolWarning(text, "a")),
                bye("a", 2, NOT_ACCEPTABLE, 3),
            ],
        )
        self.assertIn(prack("b", 3, body=sdp(1000)), self.made("b"))

    def test_the_media_is_too_slow(self) -> None:
        """After 8 s the refusing answer goes; what the media says then is dropped."""
        self.receive(183, rseq=1, port=2000)
        effects = self.set.fire(media_timer("a"))
        self.assertEqual(effects[:2], [prack("a", 1, body=refused(2000)), closed("a")])
        self.assertEqual(effects[-1], bye("a", 2, NOT_ACCEPTABLE, 3))
        self.assertEqual(self.made(), [])

    def test_199(self) -> None:
        """It closes that fork's media; what waits gets the refusing answer."""
        ended = Report(EarlyDialogEnded("a", "199"))
        self.receive(183, rseq=1, port=2000)
        said, effects = self.receive(199)
        self.assertEqual(
            effects,
            [
                *progress(said),
                prack("a", 1, body=refused(2000)),
                StopTimer(media_timer("a")),
                closed("a"),
                ended,
            ],
        )
        self.offerless()
        self.receive(183, rseq=1, port=2000)
        self.made()
        said, effects = self.receive(199)
        self.assertEqual(effects, [*progress(said), closed("a"), ended])

    def test_a_reliable_199_with_an_offer(self) -> None:
        """It gets the refusing answer, and no media is started (6228-8-a)."""
        no_streams = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
        for offer in (no_streams, sdp(2000)):
            self.offerless()
            said, effects = self.receive(199, rseq=1, body=offer)
            described = self.set.branches["a"].remote
            assert described is not None
            refusing = refusing_answer(described).render()
            ended = Report(EarlyDialogEnded("a", "199"))
            self.assertEqual(
                effects, [*progress(said), prack("a", 1, body=refusing), ended]
            )

    def test_bye_of_the_callee(self) -> None:
        """It closes that fork's media, and nothing more is sent there."""
        self.receive(183, rseq=1, port=2000)
        request = peer_request("BYE")
        self.assertEqual(
            self.set.request_received(request),
            [
                reply(request, 200),
                StopTimer(media_timer("a")),
                closed("a"),
                Report(EarlyDialogEnded("a", "BYE")),
            ],
        )

    def test_while_it_is_cancelled(self) -> None:
        """Cancelling refuses what waits, and every offer that still comes."""
        self.receive(183, "a", rseq=1, port=2000)
        effects = self.set.hang_up()
        self.assertEqual(effects[0], prack("a", 1, body=refused(2000)))
        effects = self.receive(183, "b", rseq=1, port=3000)[1]
        self.assertEqual(effects[-1], prack("b", 2, body=refused(3000)))


class SuccessTests(OfferlessCase):
    """The 2xx."""

    def test_answered(self) -> None:
        """ACK, Established; the media of the others closes."""
        for tag in ("a", "b"):
            self.receive(183, tag, rseq=1, port=2000)
            self.made(tag)
        said, effects = self.receive(200, "a", port=2000)
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack(),
                *taken(said),
                Establish("a", answer(2000)),
                closed("b"),
            ],
        )

    def test_a_fork_that_waits_when_another_is_taken(self) -> None:
        """Its offer gets the refusing answer."""
        for tag in ("a", "b"):
            self.receive(183, tag, rseq=1, port=2000)
        self.made("a")
        effects = self.receive(200, "a")[1]
        refusing = prack("b", 2, body=refused(2000))
        self.assertEqual(
            effects[-3:], [refusing, StopTimer(media_timer("b")), closed("b")]
        )

    def test_an_offer_in_the_2xx(self) -> None:
        """The ACK waits for the answer and carries it; a retransmission waits too
        (3261-13.2.1-c, 3261-13.2.2.4-e).
        """
        said, effects = self.receive(200, port=2000)
        self.assertEqual(effects, [*accepted(), *taken(said), *asked("a", 2000)])
        self.assertEqual(self.receive(200, port=2000)[1], [])
        self.assertEqual(
            self.made(),
            [
                StopTimer(media_timer("a")),
                ack(body=sdp(1000)),
                Establish("a", answer(2000)),
            ],
        )
        self.assertEqual(self.receive(200, port=2000)[1], [RepeatAck("a")])

    def test_the_media_refuses_the_offer_in_the_2xx(self) -> None:
        """ACK with the refusing answer, BYE, MediaRefused (3261-13.2.2.4-e)."""
        for slow in (False, True):
            self.offerless()
            self.receive(200, port=2000)
            if slow:
                effects = self.set.fire(media_timer("a"))
            else:
                effects = self.set.media_refused("a", "no codec")
            self.assertEqual(effects[0], ack(body=refused(2000)))
            self.assertIn(bye("a", 1, NOT_ACCEPTABLE), effects)
            self.assertIsInstance(self.failure(effects), MediaRefused)

    def test_no_offer_at_all(self) -> None:
        """ACK, BYE, MissingSessionDescription (3261-13.2.1-e)."""
        effects = self.receive(200)[1]
        failed = effects.pop()
        self.assertEqual(effects, [*accepted(), ack(), bye("a", 1, NOT_ACCEPTABLE)])
        assert isinstance(failed, FailInvite)
        self.assertIsInstance(failed.error, MissingSessionDescription)

    def test_a_later_2xx(self) -> None:
        """That of a dialog that is not to be the session: ACK with an answer, BYE."""
        self.receive(200, "a", port=2000)
        self.made("a")
        effects = self.receive(200, "b", port=3000)[1]
        acks = self.of_kind(effects, SendAck)
        self.assertEqual(acks, [ack("b", body=refused(3000))])
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertEqual(sent.request.method, "BYE")

    def test_a_2xx_that_is_not_wanted(self) -> None:
        """A dialog that we ended answers: ACK with an answer, BYE."""
        self.receive(180)
        self.set.hang_up()
        effects = self.receive(200, port=2000)[1]
        self.assertEqual(
            effects[-3:-1], [ack(body=refused(2000)), bye("a", 1, NOT_WANTED)]
        )

    def test_hang_up_while_the_ack_waits(self) -> None:
        """It becomes BYE after the ACK."""
        self.receive(200, port=2000)
        effects = self.set.hang_up()
        self.assertEqual(effects[0], ack(body=refused(2000)))
        self.assertEqual(len(self.of_kind(effects, SendInDialog)), 1)

    def test_bye_of_the_callee_while_the_ack_waits(self) -> None:
        """It is answered and aborts; the 2xx gets its ACK."""
        self.receive(200, port=2000)
        effects = self.set.request_received(peer_request("BYE"))
        self.assertEqual(effects[1], ack(body=refused(2000)))
        self.assertEqual(len(self.of_kind(effects, FailInvite)), 1)

    def test_a_2xx_before_our_prack(self) -> None:
        """The answer goes into PRACK all the same, and then the call stands."""
        self.receive(183, rseq=1, port=2000)
        said, effects = self.receive(200)
        self.assertEqual(effects, [*accepted(), ack(), *taken(said)])
        self.assertEqual(self.receive(200)[1], [RepeatAck("a")])
        self.assertEqual(
            self.made(),
            [
                StopTimer(media_timer("a")),
                prack("a", 1, body=sdp(1000)),
                Establish("a", answer(2000)),
            ],
        )
        self.answer_request(1, 200)
        self.assertIs(self.set.branches["a"].exchange.state, State.STABLE)

    def test_a_2xx_before_the_answer_to_our_prack(self) -> None:
        """The exchange is as complete as where they come in order."""
        self.receive(183, rseq=1, port=2000)
        self.made()
        self.receive(200)
        self.answer_request(1, 200)
        self.assertIs(self.set.branches["a"].exchange.state, State.STABLE)

    def test_a_2xx_after_the_199(self) -> None:
        """The media that had answered is gone: ACK, BYE, MediaRefused."""
        self.receive(183, rseq=1, port=2000)
        self.made()
        self.receive(199)
        effects = self.receive(200)[1]
        self.assertIsInstance(self.failure(effects), MediaRefused)


class OptionTests(DialogCase):
    """What cannot be is refused before anything is sent."""

    def test_contradictions(self) -> None:
        """Early media and policies that need our offer."""
        with self.assertRaises(LocalProtocolError):
            InviteOptions(is_offerless=True, has_early_media=True).check()
        with self.assertRaises(LocalProtocolError):
            InviteOptions(is_offerless=True, policy=POLICIES["keep-all"]).check()
