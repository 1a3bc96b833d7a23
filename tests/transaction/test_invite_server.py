"""Tests of `sipuac.transaction.invite_server`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import (
    Deliver,
    Effect,
    Fail,
    Send,
    StartTimer,
    StopTimer,
    Terminated,
)
from sipuac.errors import TransactionTimeout, TransportFailed
from sipuac.syntax.message import response_to
from sipuac.transaction.derived import ack_of
from sipuac.transaction.invite_server import InviteServerTransaction, State
from sipuac.transaction.timers import Timer
from tests.transaction.messages import request_of, response_of

STOP_TRYING: list[Effect] = [StopTimer(Timer.TRYING)]


class InviteServerTests(SynchronousTestCase):
    """Figure 7 of RFC 6026, arrow by arrow."""

    def setUp(self) -> None:
        """An INVITE, the answers to it, and an ACK."""
        self.invite = request_of("INVITE")
        self.ringing = response_of(self.invite, 180)
        self.ok = response_of(self.invite, 200)
        self.busy = response_of(self.invite, 486)
        self.ack = ack_of(self.invite, self.busy)
        self.error = TransportFailed("no route to host")

    def proceeding(self, is_reliable: bool = False) -> InviteServerTransaction:
        """A transaction that has sent nothing."""
        transaction = InviteServerTransaction(self.invite, is_reliable)
        transaction.start()
        self.assertIs(transaction.state, State.PROCEEDING)
        return transaction

    def completed(self, is_reliable: bool = False) -> InviteServerTransaction:
        """A transaction that has sent a 486."""
        transaction = self.proceeding(is_reliable)
        transaction.respond(self.busy)
        self.assertIs(transaction.state, State.COMPLETED)
        return transaction

    def accepted(self, is_reliable: bool = False) -> InviteServerTransaction:
        """A transaction that has sent a 200."""
        transaction = self.proceeding(is_reliable)
        transaction.respond(self.ok)
        self.assertIs(transaction.state, State.ACCEPTED)
        return transaction

    def test_trying(self) -> None:
        """Send 100 if the user of the transaction won't answer within 200 ms; its To
        has no tag (3261-17.2.1-a).
        """
        transaction = InviteServerTransaction(self.invite)
        self.assertEqual(transaction.start(), [StartTimer(Timer.TRYING, 0.2)])
        effects = transaction.fire(Timer.TRYING)
        self.assertEqual(effects, [Send(response_to(self.invite, 100))])
        self.assertIsNone(transaction.to_tag)
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_provisional_responses(self) -> None:
        """Each provisional response is passed to the transport, and no 100 is due any
        more (3261-17.2.1-a).
        """
        transaction = self.proceeding()
        for status in (100, 180, 183):
            response = response_of(self.invite, status)
            self.assertEqual(
                transaction.respond(response), [*STOP_TRYING, Send(response)]
            )
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_repeated_invite_before_any_response(self) -> None:
        """There is nothing to repeat yet."""
        self.assertEqual(self.proceeding().receive(self.invite), [])

    def test_repeated_invite_in_proceeding(self) -> None:
        """If a request retransmission is received in Proceeding, the most recent
        provisional response is sent again (3261-17.2.1-a).
        """
        transaction = self.proceeding()
        transaction.fire(Timer.TRYING)
        self.assertEqual(
            transaction.receive(self.invite), [Send(response_to(self.invite, 100))]
        )
        transaction.respond(self.ringing)
        self.assertEqual(transaction.receive(self.invite), [Send(self.ringing)])
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_ack_in_proceeding(self) -> None:
        """An ACK of nothing means nothing."""
        transaction = self.proceeding()
        self.assertEqual(transaction.receive(self.ack), [])
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_refusal_unreliable(self) -> None:
        """A refusal is sent; timer G fires in T1, timer H in 64*T1 (3261-17.2.1-a)."""
        for status in (300, 401, 487, 503, 603, 699):
            refusal = response_of(self.invite, status)
            transaction = self.proceeding()
            self.assertEqual(
                transaction.respond(refusal),
                [
                    *STOP_TRYING,
                    Send(refusal),
                    StartTimer(Timer.H, 32.0),
                    StartTimer(Timer.G, 0.5),
                ],
            )
            self.assertIs(transaction.state, State.COMPLETED)

    def test_refusal_reliable(self) -> None:
        """Timer G is not set to fire for reliable transports, H for all
        (3261-17.2.1-a).
        """
        self.assertEqual(
            self.proceeding(is_reliable=True).respond(self.busy),
            [*STOP_TRYING, Send(self.busy), StartTimer(Timer.H, 32.0)],
        )

    def test_retransmissions_of_a_refusal(self) -> None:
        """Timer G doubles up to T2 (3261-17.2.1-a)."""
        transaction = self.completed()
        for seconds in (1.0, 2.0, 4.0, 4.0):
            self.assertEqual(
                transaction.fire(Timer.G),
                [Send(self.busy), StartTimer(Timer.G, seconds)],
            )
            self.assertIs(transaction.state, State.COMPLETED)

    def test_repeated_invite_in_completed(self) -> None:
        """A request retransmission gets the response again (3261-17.2.1-a)."""
        transaction = self.completed()
        self.assertEqual(transaction.receive(self.invite), [Send(self.busy)])
        self.assertIs(transaction.state, State.COMPLETED)

    def test_second_answer_in_completed(self) -> None:
        """What the user says after its refusal is ignored, and never repeated."""
        transaction = self.completed()
        for response in (self.ringing, self.ok, response_of(self.invite, 603)):
            self.assertEqual(transaction.respond(response), [])
            self.assertIs(transaction.state, State.COMPLETED)
        self.assertEqual(transaction.receive(self.invite), [Send(self.busy)])

    def test_missing_ack(self) -> None:
        """If timer H fires in Completed the ACK was never received: the user is told
        of the failure, and the transaction ends (3261-17.2.1-a).
        """
        transaction = self.completed()
        failed, ended = transaction.fire(Timer.H)
        assert isinstance(failed, Fail)
        self.assertIsInstance(failed.error, TransactionTimeout)
        self.assertEqual(ended, Terminated())
        self.assertIs(transaction.state, State.TERMINATED)

    def test_ack(self) -> None:
        """An ACK in Completed ends the retransmissions; timer I is T4, or zero over
        reliable transports, and the user does not see the ACK (3261-17.2.1-a).
        """
        for is_reliable, wait in ((False, 5.0), (True, 0.0)):
            transaction = self.completed(is_reliable)
            self.assertEqual(
                transaction.receive(self.ack),
                [StopTimer(Timer.G), StopTimer(Timer.H), StartTimer(Timer.I, wait)],
            )
            self.assertIs(transaction.state, State.CONFIRMED)

    def test_confirmed(self) -> None:
        """Confirmed absorbs any additional ACKs until timer I fires (3261-17.2.1-a)."""
        transaction = self.completed()
        transaction.receive(self.ack)
        for request in (self.ack, self.invite):
            self.assertEqual(transaction.receive(request), [])
            self.assertIs(transaction.state, State.CONFIRMED)
        self.assertEqual(transaction.fire(Timer.I), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_accepted(self) -> None:
        """At a 2xx of its user set timer L to 64*T1 for all transports, and do not
        retransmit (6026-7.1-a).
        """
        for is_reliable in (False, True):
            transaction = self.proceeding(is_reliable)
            self.assertEqual(
                transaction.respond(self.ok),
                [*STOP_TRYING, Send(self.ok), StartTimer(Timer.L, 32.0)],
            )
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_repeated_invite_in_accepted(self) -> None:
        """Retransmissions of the INVITE are absorbed in Accepted, and the machine sends
        no 2xx on its own (6026-7.1-a).
        """
        transaction = self.accepted()
        self.assertEqual(transaction.receive(self.invite), [])
        self.assertEqual(transaction.fire(Timer.G), [])
        self.assertIs(transaction.state, State.ACCEPTED)

    def test_repeated_success(self) -> None:
        """Any retransmission of the 2xx passed from the user while in Accepted is
        passed to the transport (6026-7.1-a).
        """
        transaction = self.accepted()
        for _ in range(2):
            self.assertEqual(transaction.respond(self.ok), [Send(self.ok)])
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_other_responses_in_accepted(self) -> None:
        """A refusal after a 2xx is not sent."""
        transaction = self.accepted()
        for response in (self.ringing, self.busy):
            self.assertEqual(transaction.respond(response), [])
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_ack_in_accepted(self) -> None:
        """Any ACKs received while in Accepted are passed to the user (6026-7.1-a)."""
        transaction = self.accepted()
        for _ in range(2):
            self.assertEqual(transaction.receive(self.ack), [Deliver(self.ack)])
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_end_of_accepted(self) -> None:
        """If timer L fires in Accepted, move to Terminated (6026-7.1-a)."""
        transaction = self.accepted()
        self.assertEqual(transaction.fire(Timer.L), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error(self) -> None:
        """A transport error is told to the user and ends the transaction in no state
        (6026-7.1-a).
        """
        for transaction in (self.proceeding(), self.completed(), self.accepted()):
            state = transaction.state
            self.assertEqual(
                transaction.transport_failed(self.error), [Fail(self.error)]
            )
            self.assertIs(transaction.state, state)

    def test_to_tag(self) -> None:
        """The To tag is that of the last response."""
        transaction = self.proceeding()
        self.assertIsNone(transaction.to_tag)
        transaction.respond(self.ringing)
        self.assertEqual(transaction.to_tag, "99sa0xk")
