"""Tests of `sipuac.transaction.non_invite_client`."""

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
from sipuac.transaction.non_invite_client import NonInviteClientTransaction, State
from sipuac.transaction.timers import Timer
from tests.transaction.messages import request_of, response_of

STOP_TRYING: list[Effect] = [StopTimer(Timer.E), StopTimer(Timer.F)]


class NonInviteClientTests(SynchronousTestCase):
    """Figure 6 of RFC 3261, arrow by arrow."""

    def setUp(self) -> None:
        """A BYE and its usual responses."""
        self.bye = request_of("BYE")
        self.trying = response_of(self.bye, 100)
        self.ok = response_of(self.bye, 200)
        self.error = TransportFailed("connection reset")

    def started(self, is_reliable: bool = False) -> NonInviteClientTransaction:
        """A transaction that has sent its request."""
        transaction = NonInviteClientTransaction(self.bye, is_reliable)
        transaction.start()
        self.assertIs(transaction.state, State.TRYING)
        return transaction

    def proceeding(self, is_reliable: bool = False) -> NonInviteClientTransaction:
        """A transaction that got a 100."""
        transaction = self.started(is_reliable)
        transaction.receive(self.trying)
        self.assertIs(transaction.state, State.PROCEEDING)
        return transaction

    def test_start_unreliable(self) -> None:
        """Over an unreliable transport set timer E to T1, and F to 64*T1
        (3261-17.1.2.2-a, 3261-17.1.2.2-b).
        """
        self.assertEqual(
            NonInviteClientTransaction(self.bye).start(),
            [Send(self.bye), StartTimer(Timer.F, 32.0), StartTimer(Timer.E, 0.5)],
        )

    def test_start_reliable(self) -> None:
        """Over a reliable transport nothing is sent again; timer F runs all the same
        (3261-17.1.2.2-b).
        """
        self.assertEqual(
            NonInviteClientTransaction(self.bye, is_reliable=True).start(),
            [Send(self.bye), StartTimer(Timer.F, 32.0)],
        )

    def test_retransmissions(self) -> None:
        """The default values result in intervals of 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s
        (3261-17.1.2.2-a).
        """
        transaction = self.started()
        for seconds in (1.0, 2.0, 4.0, 4.0, 4.0):
            self.assertEqual(
                transaction.fire(Timer.E),
                [Send(self.bye), StartTimer(Timer.E, seconds)],
            )
            self.assertIs(transaction.state, State.TRYING)

    def test_retransmissions_in_proceeding(self) -> None:
        """In Proceeding timer E is reset with a value of T2 seconds
        (3261-17.1.2.2-a).
        """
        transaction = self.proceeding()
        for _ in range(2):
            self.assertEqual(
                transaction.fire(Timer.E), [Send(self.bye), StartTimer(Timer.E, 4.0)]
            )
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_timeout(self) -> None:
        """If timer F fires in Trying or in Proceeding the user is informed of a timeout
        (3261-17.1.2.2-b).
        """
        for transaction in (self.started(), self.proceeding()):
            failed, ended = transaction.fire(Timer.F)
            assert isinstance(failed, Fail)
            self.assertIsInstance(failed.error, TransactionTimeout)
            self.assertEqual(failed.error.status, 408)
            self.assertEqual(ended, Terminated())
            self.assertIs(transaction.state, State.TERMINATED)

    def test_provisional_responses(self) -> None:
        """Provisional responses are passed up; timers E and F go on."""
        transaction = self.started()
        for _ in range(2):
            self.assertEqual(transaction.receive(self.trying), [Deliver(self.trying)])
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_final_response(self) -> None:
        """A final response is passed up, and timer K set to T4, zero over reliable
        transports (3261-17.1.2.2-c).
        """
        for status in (200, 302, 481, 503, 603):
            final = response_of(self.bye, status)
            for is_reliable, wait in ((False, 5.0), (True, 0.0)):
                for transaction in (
                    self.started(is_reliable),
                    self.proceeding(is_reliable),
                ):
                    self.assertEqual(
                        transaction.receive(final),
                        [*STOP_TRYING, StartTimer(Timer.K, wait), Deliver(final)],
                    )
                    self.assertIs(transaction.state, State.COMPLETED)

    def test_completed(self) -> None:
        """In Completed retransmissions of the response are absorbed until timer K fires
        (3261-17.1.2.2-c).
        """
        transaction = self.started()
        transaction.receive(self.ok)
        for response in (self.ok, response_of(self.bye, 500), self.trying):
            self.assertEqual(transaction.receive(response), [])
            self.assertIs(transaction.state, State.COMPLETED)
        self.assertEqual(transaction.fire(Timer.K), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error(self) -> None:
        """Report a transport failure in Trying or Proceeding, and end the transaction
        (3261-17.1.4-a).
        """
        for transaction in (self.started(), self.proceeding()):
            self.assertEqual(
                transaction.transport_failed(self.error),
                [Fail(self.error), Terminated()],
            )
            self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error_in_completed(self) -> None:
        """A flow that closes after the final response concerns nobody."""
        transaction = self.started()
        transaction.receive(self.ok)
        self.assertEqual(transaction.transport_failed(self.error), [])
        self.assertIs(transaction.state, State.COMPLETED)
