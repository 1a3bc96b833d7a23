"""Tests of `sipuac.transaction.invite_client`."""

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
from sipuac.errors import ParseError, TransactionTimeout, TransportFailed
from sipuac.transaction.derived import ack_of
from sipuac.transaction.invite_client import InviteClientTransaction, State
from sipuac.transaction.timers import Timer, Timers
from tests.transaction.messages import request_of, response_of

STOP_CALLING: list[Effect] = [StopTimer(Timer.A), StopTimer(Timer.B)]


class InviteClientTests(SynchronousTestCase):
    """Figure 5 of RFC 6026, arrow by arrow."""

    def setUp(self) -> None:
        """An INVITE and its usual responses."""
        self.invite = request_of("INVITE")
        self.trying = response_of(self.invite, 100)
        self.ringing = response_of(self.invite, 180)
        self.ok = response_of(self.invite, 200)
        self.busy = response_of(self.invite, 486)
        self.ack = ack_of(self.invite, self.busy)
        self.error = TransportFailed("connection refused")

    def calling(self, is_reliable: bool = False) -> InviteClientTransaction:
        """A transaction that has sent its INVITE."""
        transaction = InviteClientTransaction(self.invite, is_reliable)
        transaction.start()
        return transaction

    def proceeding(self, is_reliable: bool = False) -> InviteClientTransaction:
        """A transaction that got a 100."""
        transaction = self.calling(is_reliable)
        transaction.receive(self.trying)
        self.assertIs(transaction.state, State.PROCEEDING)
        return transaction

    def completed(self) -> InviteClientTransaction:
        """A transaction that got a 486."""
        transaction = self.proceeding()
        transaction.receive(self.busy)
        self.assertIs(transaction.state, State.COMPLETED)
        return transaction

    def accepted(self) -> InviteClientTransaction:
        """A transaction that got a 200."""
        transaction = self.proceeding()
        transaction.receive(self.ok)
        self.assertIs(transaction.state, State.ACCEPTED)
        return transaction

    def test_start_unreliable(self) -> None:
        """Over an unreliable transport start timer A with T1, and B with 64*T1
        (3261-17.1.1.2-a, 3261-17.1.1.2-b).
        """
        transaction = InviteClientTransaction(self.invite, is_reliable=False)
        self.assertIs(transaction.state, State.CALLING)
        self.assertEqual(
            transaction.start(),
            [Send(self.invite), StartTimer(Timer.B, 32.0), StartTimer(Timer.A, 0.5)],
        )

    def test_start_reliable(self) -> None:
        """Over a reliable transport do not start timer A, but B all the same
        (3261-17.1.1.2-a, 3261-17.1.1.2-b).
        """
        transaction = InviteClientTransaction(self.invite, is_reliable=True)
        self.assertEqual(
            transaction.start(), [Send(self.invite), StartTimer(Timer.B, 32.0)]
        )

    def test_retransmissions(self) -> None:
        """In Calling the INVITE is retransmitted with intervals that double after each
        transmission, without a cap (3261-17.1.1.2-a).
        """
        transaction = self.calling()
        for seconds in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0):
            self.assertEqual(
                transaction.fire(Timer.A),
                [Send(self.invite), StartTimer(Timer.A, seconds)],
            )
            self.assertIs(transaction.state, State.CALLING)

    def test_retransmission_is_the_same_message(self) -> None:
        """To retransmit is "to take the message previously sent to the transport layer
        and pass it to the transport layer once more" (3261-17.1.1.2-a).
        """
        effect = self.calling().fire(Timer.A)[0]
        assert isinstance(effect, Send)
        self.assertIs(effect.message, self.invite)

    def test_timeout(self) -> None:
        """Still in Calling when timer B fires: the user is informed of a timeout, which
        counts as a 408, and no ACK is sent (3261-17.1.1.2-b, 3261-8.1.3.1-a).
        """
        transaction = self.calling()
        failed, ended = transaction.fire(Timer.B)
        assert isinstance(failed, Fail)
        self.assertIsInstance(failed.error, TransactionTimeout)
        self.assertEqual(failed.error.status, 408)
        self.assertEqual(ended, Terminated())
        self.assertIs(transaction.state, State.TERMINATED)

    def test_own_t1(self) -> None:
        """All timers follow the T1 that they are given."""
        timers = Timers(t1=0.1)
        transaction = InviteClientTransaction(self.invite, timers=timers)
        self.assertEqual(
            transaction.start(),
            [Send(self.invite), StartTimer(Timer.B, 6.4), StartTimer(Timer.A, 0.1)],
        )
        self.assertEqual(
            transaction.receive(self.ok),
            [*STOP_CALLING, StartTimer(Timer.M, 6.4), Deliver(self.ok)],
        )

    def test_trying(self) -> None:
        """A 100 stops the retransmissions, like any provisional response, and is passed
        up (3261-17.1.1.2-c, 3261-21.1.1-a).
        """
        transaction = self.calling()
        self.assertEqual(
            transaction.receive(self.trying), [*STOP_CALLING, Deliver(self.trying)]
        )
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_further_provisional_responses(self) -> None:
        """Any further provisional responses MUST be passed up to the TU while in
        Proceeding, repeated ones included (3261-17.1.1.2-c).
        """
        transaction = self.proceeding()
        for response in (self.ringing, self.ringing, response_of(self.invite, 183)):
            self.assertEqual(transaction.receive(response), [Deliver(response)])
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_timers_in_proceeding(self) -> None:
        """In Proceeding timers A and B have no effect any more (3261-17.1.1.2-c)."""
        transaction = self.proceeding()
        for timer in (Timer.A, Timer.B):
            self.assertEqual(transaction.fire(timer), [])
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_refusal(self) -> None:
        """At 300-699 pass it up, send ACK, start timer D of 32 s and enter Completed,
        from Calling and from Proceeding (3261-17.1.1.2-d, 6026-8.4-a).
        """
        for status in (300, 302, 401, 487, 503, 603, 699):
            refusal = response_of(self.invite, status)
            for transaction in (self.calling(), self.proceeding()):
                self.assertEqual(
                    transaction.receive(refusal),
                    [
                        *STOP_CALLING,
                        Send(ack_of(self.invite, refusal)),
                        StartTimer(Timer.D, 32.0),
                        Deliver(refusal),
                    ],
                )
                self.assertIs(transaction.state, State.COMPLETED)

    def test_refusal_reliable(self) -> None:
        """Over reliable transports too send ACK, with a timer D of zero seconds
        (3261-17.1.1.2-d, 6026-8.4-a).
        """
        for transaction in (self.calling(True), self.proceeding(True)):
            self.assertEqual(
                transaction.receive(self.busy),
                [
                    *STOP_CALLING,
                    Send(self.ack),
                    StartTimer(Timer.D, 0.0),
                    Deliver(self.busy),
                ],
            )

    def test_repeated_refusal(self) -> None:
        """Retransmissions of the response cause the ACK to be passed to the transport
        again, and are not passed up (3261-17.1.1.2-d).
        """
        transaction = self.completed()
        for _ in range(3):
            self.assertEqual(transaction.receive(self.busy), [Send(self.ack)])
            self.assertIs(transaction.state, State.COMPLETED)

    def test_other_refusal_in_completed(self) -> None:
        """In Completed any 300-699 is a retransmission, whatever its code and To tag:
        the same ACK again, not passed up (6026-8.4-f).
        """
        transaction = self.completed()
        for other in (
            response_of(self.invite, 603),
            response_of(self.invite, 486, to_tag="other"),
        ):
            self.assertEqual(transaction.receive(other), [Send(self.ack)])
            self.assertIs(transaction.state, State.COMPLETED)

    def test_other_responses_in_completed(self) -> None:
        """In Completed 1xx and 2xx change nothing (6026-8.4-f)."""
        transaction = self.completed()
        for response in (self.trying, self.ringing, self.ok):
            self.assertEqual(transaction.receive(response), [])
            self.assertIs(transaction.state, State.COMPLETED)

    def test_end_of_completed(self) -> None:
        """If timer D fires in Completed, move to Terminated (6026-8.4-a)."""
        transaction = self.completed()
        self.assertEqual(transaction.fire(Timer.D), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_accepted(self) -> None:
        """At a 2xx in Calling or Proceeding start timer M of 64*T1 over any transport,
        pass it up and send no ACK (6026-8.4-b).
        """
        for status in (200, 202, 299):
            success = response_of(self.invite, status)
            for is_reliable in (False, True):
                for transaction in (
                    self.calling(is_reliable),
                    self.proceeding(is_reliable),
                ):
                    self.assertEqual(
                        transaction.receive(success),
                        [*STOP_CALLING, StartTimer(Timer.M, 32.0), Deliver(success)],
                    )
                    self.assertIs(transaction.state, State.ACCEPTED)

    def test_further_successes(self) -> None:
        """In Accepted pass up any 2xx, retransmissions and those of other forks alike,
        and send no ACK (6026-8.4-c).
        """
        transaction = self.accepted()
        for success in (
            self.ok,
            response_of(self.invite, 200, to_tag="fork"),
            response_of(self.invite, 202, to_tag="fork-2"),
            self.ok,
        ):
            self.assertEqual(transaction.receive(success), [Deliver(success)])
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_other_responses_in_accepted(self) -> None:
        """In Accepted 1xx and 300-699 change nothing: not passed up, no ACK
        (6026-8.4-e).
        """
        transaction = self.accepted()
        for response in (
            self.trying,
            response_of(self.invite, 183, to_tag="fork"),
            self.busy,
            response_of(self.invite, 603, to_tag="fork"),
        ):
            self.assertEqual(transaction.receive(response), [])
            self.assertIs(transaction.state, State.ACCEPTED)

    def test_end_of_accepted(self) -> None:
        """If timer M fires in Accepted, move to Terminated (6026-8.4-c)."""
        transaction = self.accepted()
        self.assertEqual(transaction.fire(Timer.M), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error(self) -> None:
        """On a transport error in Calling or Completed inform the user, for whom it is
        a 503, and end (6026-8.4-d, 3261-8.1.3.1-a).
        """
        self.assertEqual(self.error.status, 503)
        for transaction in (self.calling(), self.completed()):
            self.assertEqual(
                transaction.transport_failed(self.error),
                [Fail(self.error), Terminated()],
            )
            self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error_elsewhere(self) -> None:
        """In Proceeding and Accepted the transaction sends nothing, and an error, such
        as that of the ACK to a 2xx, leaves it in place (6026-8.4-d).
        """
        for transaction in (self.proceeding(), self.accepted()):
            state = transaction.state
            self.assertEqual(transaction.transport_failed(self.error), [])
            self.assertIs(transaction.state, state)

    def test_terminated(self) -> None:
        """Once Terminated, nothing that arrives has any effect (6026-8.4-g)."""
        transaction = self.accepted()
        transaction.fire(Timer.M)
        for response in (self.trying, self.ok, self.busy):
            self.assertEqual(transaction.receive(response), [])
        self.assertEqual(transaction.transport_failed(self.error), [])

    def test_unreadable_refusal(self) -> None:
        """A refusal that no ACK can be made for changes nothing."""
        transaction = self.calling()
        self.assertRaises(ParseError, transaction.receive, self.busy.without("To"))
        self.assertIs(transaction.state, State.CALLING)
