"""Tests of `sipuac.transaction.non_invite_server`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import Effect, Fail, Send, StartTimer, StopTimer, Terminated
from sipuac.errors import TransactionTimeout, TransportFailed
from sipuac.syntax.message import response_to
from sipuac.transaction.non_invite_server import NonInviteServerTransaction, State
from sipuac.transaction.timers import Timer
from tests.transaction.messages import request_of, response_of

STOP_WAITING: list[Effect] = [StopTimer(Timer.TRYING), StopTimer(Timer.EXPIRY)]


class NonInviteServerTests(SynchronousTestCase):
    """Figure 8 of RFC 3261 and what RFC 4320 forbids in it, arrow by arrow."""

    def setUp(self) -> None:
        """An INFO and the answers to it."""
        self.info = request_of("INFO")
        self.trying = response_to(self.info, 100)
        self.ok = response_of(self.info, 200)
        self.error = TransportFailed("no route to host")

    def started(self, is_reliable: bool = False) -> NonInviteServerTransaction:
        """A transaction that has sent nothing."""
        transaction = NonInviteServerTransaction(self.info, is_reliable)
        transaction.start()
        self.assertIs(transaction.state, State.TRYING)
        return transaction

    def proceeding(self, is_reliable: bool = False) -> NonInviteServerTransaction:
        """A transaction that has sent the 100 that was due."""
        transaction = self.started(is_reliable)
        transaction.fire(Timer.TRYING)
        self.assertIs(transaction.state, State.PROCEEDING)
        return transaction

    def completed(self, is_reliable: bool = False) -> NonInviteServerTransaction:
        """A transaction that has sent a 200."""
        transaction = self.started(is_reliable)
        transaction.respond(self.ok)
        self.assertIs(transaction.state, State.COMPLETED)
        return transaction

    def test_trying(self) -> None:
        """When the client's timer E has reached T2, after 3.5 s, a 100 is due over any
        transport if nothing else went out (4320-4.1-a).
        """
        for is_reliable in (False, True):
            transaction = NonInviteServerTransaction(self.info, is_reliable)
            self.assertEqual(transaction.start(), [StartTimer(Timer.TRYING, 3.5)])
            self.assertEqual(
                transaction.fire(Timer.TRYING),
                [Send(self.trying), StartTimer(Timer.EXPIRY, 28.5)],
            )
            self.assertIs(transaction.state, State.PROCEEDING)

    def test_early_trying_unreliable(self) -> None:
        """No 100 over an unreliable transport before timer E of the client would reach
        T2; from then on the user may send it (4320-4.1-a).
        """
        transaction = self.started()
        self.assertEqual(transaction.respond(self.trying), [])
        self.assertIs(transaction.state, State.TRYING)
        transaction.fire(Timer.TRYING)
        self.assertEqual(transaction.respond(self.trying), [Send(self.trying)])
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_early_trying_reliable(self) -> None:
        """A 100 over a reliable transport may be sent at any time; no second one is due
        (4320-4.1-a).
        """
        transaction = self.started(is_reliable=True)
        self.assertEqual(transaction.respond(self.trying), [Send(self.trying)])
        self.assertIs(transaction.state, State.PROCEEDING)
        self.assertEqual(
            transaction.fire(Timer.TRYING), [StartTimer(Timer.EXPIRY, 28.5)]
        )
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_no_other_provisional_response(self) -> None:
        """Send no provisional response but 100 (4320-4.1-a)."""
        for is_reliable in (False, True):
            for transaction in (
                self.started(is_reliable),
                self.proceeding(is_reliable),
            ):
                state = transaction.state
                for status in (101, 180, 183, 199):
                    response = response_of(self.info, status)
                    self.assertEqual(transaction.respond(response), [])
                    self.assertIs(transaction.state, state)

    def test_no_408(self) -> None:
        """Do not answer a non-INVITE request with 408 (4320-4.2-a)."""
        for transaction in (self.started(), self.proceeding()):
            state = transaction.state
            timeout = response_of(self.info, 408)
            self.assertEqual(transaction.respond(timeout), [])
            self.assertIs(transaction.state, state)

    def test_nothing_late(self) -> None:
        """An element that cannot respond before the transaction expires will not send a
        final response at all (4320-4.2-a).
        """
        transaction = self.proceeding()
        failed, ended = transaction.fire(Timer.EXPIRY)
        assert isinstance(failed, Fail)
        self.assertIsInstance(failed.error, TransactionTimeout)
        self.assertEqual(ended, Terminated())
        self.assertIs(transaction.state, State.TERMINATED)
        self.assertEqual(transaction.respond(self.ok), [])

    def test_repeated_request_in_trying(self) -> None:
        """Once in Trying, any further request retransmissions are discarded."""
        transaction = self.started()
        self.assertEqual(transaction.receive(self.info), [])
        self.assertIs(transaction.state, State.TRYING)

    def test_repeated_request_in_proceeding(self) -> None:
        """A retransmission in Proceeding gets the most recent provisional response."""
        transaction = self.proceeding()
        self.assertEqual(transaction.receive(self.info), [Send(self.trying)])
        self.assertIs(transaction.state, State.PROCEEDING)

    def test_final_response(self) -> None:
        """A final response is sent, and timer J set to 64*T1, zero over reliable
        transports (3261-17.2.2-a).
        """
        for status in (200, 302, 403, 487, 500, 603):
            final = response_of(self.info, status)
            for is_reliable, wait in ((False, 32.0), (True, 0.0)):
                for transaction in (
                    self.started(is_reliable),
                    self.proceeding(is_reliable),
                ):
                    self.assertEqual(
                        transaction.respond(final),
                        [*STOP_WAITING, Send(final), StartTimer(Timer.J, wait)],
                    )
                    self.assertIs(transaction.state, State.COMPLETED)

    def test_repeated_request_in_completed(self) -> None:
        """In Completed the final response is passed to the transport whenever the
        request is repeated (3261-17.2.2-a).
        """
        transaction = self.completed()
        for _ in range(2):
            self.assertEqual(transaction.receive(self.info), [Send(self.ok)])
            self.assertIs(transaction.state, State.COMPLETED)

    def test_second_final_response(self) -> None:
        """Any other final responses passed by the user MUST be discarded while in
        Completed (3261-17.2.2-a).
        """
        transaction = self.completed()
        for status in (100, 200, 500):
            response = response_of(self.info, status)
            self.assertEqual(transaction.respond(response), [])
        self.assertEqual(transaction.receive(self.info), [Send(self.ok)])

    def test_end_of_completed(self) -> None:
        """When timer J fires the transaction ends (3261-17.2.2-a)."""
        transaction = self.completed()
        self.assertEqual(transaction.fire(Timer.J), [Terminated()])
        self.assertIs(transaction.state, State.TERMINATED)

    def test_transport_error(self) -> None:
        """On a transport error the transaction SHOULD inform its user, and MUST remain
        in the current state (RFC 6026 section 8.8).
        """
        for transaction in (self.proceeding(), self.completed()):
            state = transaction.state
            self.assertEqual(
                transaction.transport_failed(self.error), [Fail(self.error)]
            )
            self.assertIs(transaction.state, state)

    def test_transport_error_before_any_response(self) -> None:
        """Before anything was sent no error of sending is told."""
        transaction = self.started()
        self.assertEqual(transaction.transport_failed(self.error), [])
        self.assertIs(transaction.state, State.TRYING)
