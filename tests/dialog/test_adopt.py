"""The fork policy `adopt`, and newcomers whose media dialog is dead: a fresh offer."""

from __future__ import annotations

from typing import Any

from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Effect,
    Establish,
    FailInvite,
    MakeFreshOffer,
    MoveMedia,
    Rollback,
    SendAck,
    SendInDialog,
    SendReInvite,
    Take,
)
from sipuac.dialog.events import Forked
from sipuac.dialog.fork_policy import (
    Action,
    Adopt,
    Decision,
    FailOnFork,
    FirstAnswer,
)
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import CallFailed, Cancelled, InviteForked, MediaRefused
from sipuac.syntax.message import Response
from tests.dialog.messages import (
    ANOTHER_HAS_CALL,
    ANOTHER_HAS_MEDIA,
    CALL_ID,
    FROM,
    TO,
    VIA,
    DialogCase,
    accepted,
    ack,
    answer,
    applied,
    because,
    bye,
    closed,
    forked,
    limited,
    peer_request,
    progress,
    sdp,
    taken,
    unlimited,
)
from tests.dialog.test_own_policy import Own

SINGLE = {"can_replace_answer": False, "can_fork_offer": False}


def reinvite_response(
    status: int, tag: str = "b", *, port: int | None = None, number: int = 2
) -> Response:
    """A response of this phone to our re-INVITE with this CSeq number."""
    rows = [
        ("Via", VIA),
        ("From", FROM),
        ("To", f"{TO};tag={tag}"),
        ("Call-ID", CALL_ID),
        ("CSeq", f"{number} INVITE"),
        ("Contact", f"<sip:{tag}@{tag}.example>"),
    ]
    if port is None:
        return Response(status, None, rows)
    return Response(
        status, None, [*rows, ("Content-Type", "application/sdp")], sdp(port)
    )


class AdoptCase(DialogCase):
    """Phone "a" has the media, which takes one answer only; phone "b" rings."""

    def ring(self, **options: Any) -> None:
        """Begin, let "b" ring and "a" have the media."""
        how = {"policy": Adopt(), "has_early_media": True, **SINGLE, **options}
        self.begin(**how)
        self.receive(180, "b")
        self.with_early_media("a")

    def adopt(self, **options: Any) -> list[Effect]:
        """Phone "b" answers."""
        self.ring(**options)
        return self.receive(200, "b", port=3000)[1]

    def offered(self) -> SendReInvite:
        """The media has made the fresh offer; the re-INVITE that carries it."""
        effects = self.set.offer_made("b", answer(5000))
        (sent,) = self.of_kind(effects, SendReInvite)
        return sent

    def reinvited(self) -> SendReInvite:
        """Phone "b" was adopted, and has its re-INVITE."""
        self.adopt()
        return self.offered()


class EarlyTests(AdoptCase):
    """An extra early dialog: as `cancel-extras` with `extra_ringing` keep."""

    def test_one_with_an_answer(self) -> None:
        """BYE on that early dialog, once the media dialog is known to live."""
        self.ring()
        said, effects = self.receive(183, "c", port=4000)
        self.assertEqual(effects[2], forked("c", "hold", said))
        effects = self.answer_request(1, 200)
        self.assertEqual(effects[-1], bye("c", 2, ANOTHER_HAS_MEDIA))

    def test_one_that_rings(self) -> None:
        """It is left alone, whatever `extra_ringing` says."""
        self.ring(extra_ringing="end")
        said, effects = self.receive(180, "c")
        self.assertEqual(effects, [*progress(said, "c"), forked("c", "leave", said)])


class AnsweredTests(AdoptCase):
    """A 2xx of an extra, none yet of the media dialog."""

    def test_media_that_takes_one_answer(self) -> None:
        """ACK, a fresh offer, and the old media dialog is BYEd."""
        self.ring()
        said, effects = self.receive(200, "b", port=3000)
        self.assertEqual(
            effects,
            [
                *accepted(),
                ack("b"),
                forked("b", "adopt", said),
                *taken(said, "b"),
                MakeFreshOffer("b"),
                limited("b"),
                forked("a", "cancel-extra"),
                closed("a"),
                bye("a", 1, ANOTHER_HAS_MEDIA),
            ],
        )

    def test_the_re_invite(self) -> None:
        """It carries the fresh offer with a version of its own (3264-8-a); its 2xx is
        acknowledged, its answer applied, and the call stands with both descriptions.
        """
        sent = self.reinvited()
        self.assertEqual(sent.branch, "b")
        self.assertEqual(sent.request.cseq.number, 2)
        offer = sdp(5000).replace(b"o=- 1 1", b"o=- 1 2")
        self.assertEqual(sent.request.body, offer)
        said = reinvite_response(200, port=6000)
        effects = self.set.reinvite_response(sent.number, said)
        (acknowledged,) = self.of_kind(effects, SendAck)
        self.assertEqual(acknowledged.ack.cseq.number, 2)
        self.assertEqual(self.of_kind(effects, ApplyAnswer), [applied("b", 6000)])
        effects = self.set.media_applied("b")
        (stands,) = self.of_kind(effects, Establish)
        self.assertEqual(stands.remote, answer(6000))
        assert stands.local is not None
        self.assertEqual(stands.local.render(), offer)
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_media_that_can_take_it(self) -> None:
        """Where it can replace its answer or fork its offer there is no re-INVITE."""
        self.ring(can_replace_answer=True)
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIn(MoveMedia("a", "b", answer(3000)), effects)
        self.assertEqual(effects[-1], bye("a", 1, ANOTHER_HAS_MEDIA))
        self.ring(can_fork_offer=True)
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIn(applied("b", 3000), effects)
        self.assertEqual(effects[-1], bye("a", 1, ANOTHER_HAS_MEDIA))

    def test_the_media_dialog_answers(self) -> None:
        """It is the call, as ever; one that answers after it gets ACK, BYE."""
        self.ring()
        effects = self.receive(200, "a")[1]
        self.assertEqual(effects[-1], Establish("a", answer(2000)))
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(effects[-1], bye("b", 1, ANOTHER_HAS_CALL))

    def test_the_media_dialog_answers_too(self) -> None:
        """Its 2xx crosses its BYE: ACK, and the adopted call goes on."""
        self.reinvited()
        effects = self.receive(200, "a")[1]
        self.assertEqual(self.of_kind(effects, Take, FailInvite), [])
        self.assertEqual(effects[0], ack("a"))
        assert self.set.taken is not None
        self.assertEqual(self.set.taken.tag, "b")

    def test_a_repeated_2xx(self) -> None:
        """It gets the same ACK, while the re-INVITE is under way too."""
        self.reinvited()
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual([type(e).__name__ for e in effects], ["RepeatAck"])


class FailureTests(AdoptCase):
    """The call could not be saved."""

    def end_of(self, effects: list[Effect], kind: type[Exception]) -> None:
        """The adopted dialog is ended by BYE, the attempt has failed so, nothing is
        left but the BYE.
        """
        sent = [e for e in self.of_kind(effects, SendInDialog) if e.branch == "b"]
        self.assertEqual([e.request.method for e in sent], ["BYE"])
        self.assertIsInstance(self.failure(effects), kind)
        self.assertEqual(self.set.session.state, SessionState.TERMINATED)

    def test_the_media_makes_no_offer(self) -> None:
        """BYE, MediaRefused; so it is where the media does not say anything."""
        self.adopt()
        self.end_of(self.set.media_refused("b", "no codec"), MediaRefused)
        self.adopt()
        self.end_of(self.set.fire("media b"), MediaRefused)

    def test_the_re_invite_is_refused(self) -> None:
        """BYE, InviteForked."""
        sent = self.reinvited()
        effects = self.set.reinvite_response(sent.number, reinvite_response(488))
        self.end_of(effects, InviteForked)

    def test_the_answer_is_refused(self) -> None:
        """ACK, BYE, MediaRefused."""
        sent = self.reinvited()
        said = reinvite_response(200, port=6000)
        self.set.reinvite_response(sent.number, said)
        effects = self.set.media_refused("b", "no codec")
        self.end_of(effects, MediaRefused)
        self.assertEqual(len(self.of_kind(effects, CloseMedia)), 1)

    def test_no_answer(self) -> None:
        """A 2xx without a description: ACK, BYE, MediaRefused."""
        sent = self.reinvited()
        effects = self.set.reinvite_response(sent.number, reinvite_response(200))
        self.assertEqual(len(self.of_kind(effects, SendAck)), 1)
        self.end_of(effects, MediaRefused)

    def test_hanging_up(self) -> None:
        """BYE; a fresh offer that nobody will answer is given up."""
        self.reinvited()
        effects = self.set.hang_up()
        self.end_of(effects, Cancelled)
        self.assertEqual(self.of_kind(effects, Rollback), [Rollback("b")])
        self.adopt()
        effects = self.set.hang_up()
        self.end_of(effects, Cancelled)
        self.assertEqual(self.set.offer_made("b", answer(5000)), [])

    def test_the_callee_hangs_up(self) -> None:
        """Its BYE is answered and ends the attempt."""
        self.reinvited()
        effects = self.set.request_received(peer_request("BYE", "b"))
        self.assertIsInstance(self.failure(effects), CallFailed)

    def test_another_may_win(self) -> None:
        """One that still rings may answer in the grace, and is adopted in its turn."""
        self.ring()
        self.receive(180, "c")
        self.receive(200, "b", port=3000)
        effects = self.set.media_refused("b", "no codec")
        self.assertEqual(self.of_kind(effects, FailInvite), [])
        self.assertEqual(effects[-1], StartTimer(DialogTimer.GRACE, 4.0))
        effects = self.receive(200, "c", port=4000)[1]
        self.assertIn(MakeFreshOffer("c"), effects)


class DeadMediaDialogTests(AdoptCase):
    """The media dialog was found dead, and the media takes one answer only."""

    def newcomer(self, **options: Any) -> None:
        """Phone "b" came after the media dialog "a", which is dead."""
        self.early_media(**{**SINGLE, **options})
        self.with_early_media("a")
        self.receive(183, "b", port=3000)
        effects = self.answer_request(1, 481)
        self.assertEqual(effects[-1], StopTimer(DialogTimer.HOLD))

    def test_its_2xx_is_adopted(self) -> None:
        """ACK, re-INVITE with a fresh offer, under any policy but `fail`."""
        for policy in ("cancel-extras", "first-answer", "adopt"):
            if policy == "first-answer":
                # It holds nobody: "a" goes by a 199.
                self.early_media(policy=FirstAnswer(), **SINGLE)
                self.with_early_media("a")
                self.receive(183, "b", port=3000)
                self.receive(199, "a")
            elif policy == "adopt":
                self.newcomer(policy=Adopt())
            else:
                self.newcomer()
            said, effects = self.receive(200, "b")
            self.assertEqual(
                effects,
                [
                    *accepted(),
                    ack("b"),
                    forked("b", "adopt", said),
                    *taken(said, "b"),
                    MakeFreshOffer("b"),
                    limited("b"),
                ],
                policy,
            )
            sent = self.offered()
            said = reinvite_response(200, port=6000)
            self.set.reinvite_response(sent.number, said)
            self.assertEqual(
                self.of_kind(self.set.media_applied("b"), StopTimer), [unlimited("b")]
            )
            self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_one_that_only_rang(self) -> None:
        """The same for one that answers out of nowhere."""
        self.early_media(**SINGLE)
        self.with_early_media("a")
        self.receive(199, "a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertIn(MakeFreshOffer("b"), effects)

    def test_fail(self) -> None:
        """Under `fail`: ACK, BYE, InviteForked."""
        self.newcomer(policy=FailOnFork())
        effects = self.receive(200, "b")[1]
        self.assertEqual(self.of_kind(effects, MakeFreshOffer), [])
        self.assertIn(bye("b", 2, because(487, "The request was not to fork")), effects)
        self.assertIsInstance(self.failure(effects), InviteForked)

    def test_an_own_policy(self) -> None:
        """It is asked, and may release the newcomer."""
        policy = Own([])
        self.early_media(policy=policy, **SINGLE)
        self.with_early_media("a")
        self.receive(199, "a")
        effects = self.receive(200, "b", port=3000)[1]
        self.assertEqual(self.of_kind(effects, Take), [])
        self.assertIsInstance(self.failure(effects), InviteForked)

    def test_the_same_dialog(self) -> None:
        """A 2xx of the dialog whose answer the media had needs no fresh offer."""
        self.early_media(**SINGLE)
        self.with_early_media("a")
        self.receive(199, "a")
        effects = self.receive(200, "a")[1]
        self.assertEqual(effects[-2:], [applied("a", 2000), limited("a")])


class OwnPolicyTests(AdoptCase):
    """The action by itself."""

    def test_where_the_media_could_take_it(self) -> None:
        """A policy may want the fresh offer all the same; media that is left over
        closes when the call stands.
        """
        self.begin(policy=Own([Decision(Action.ADOPT, "b")]), has_early_media=True)
        self.receive(180, "b")
        self.with_early_media("a")
        effects = self.receive(200, "b", port=3000)[1]
        (event,) = self.events(effects, Forked)
        assert isinstance(event, Forked)
        self.assertEqual(event.action, "adopt")
        sent = self.offered()
        said = reinvite_response(200, port=6000)
        self.set.reinvite_response(sent.number, said)
        self.assertEqual(self.set.media_applied("b")[-1], closed("a"))

    def test_one_that_has_media(self) -> None:
        """A dialog whose media runs is released: it needs no fresh offer."""
        policy = Own([Decision(Action.COLLECT, "b")])
        self.begin(policy=policy, has_early_media=True)
        self.with_early_media("a")
        self.with_early_media("b", port=3000)
        policy.decisions = [Decision(Action.ADOPT, "b")]
        effects = self.receive(200, "b")[1]
        self.assertEqual(self.of_kind(effects, MakeFreshOffer), [])
        self.assertIn(closed("b"), effects)
