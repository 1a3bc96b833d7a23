"""Results that may be asked for by many, or by nobody."""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from sipuac.ua.outcome import Outcome


class OutcomeTests(SynchronousTestCase):
    """One result, any number of Deferreds."""

    def setUp(self) -> None:
        """An outcome without a result."""
        self.cancelled = 0
        self.outcome: Outcome[str] = Outcome(self.cancel)

    def cancel(self) -> None:
        """Count that somebody gave up."""
        self.cancelled += 1

    def test_everybody_gets_the_result(self) -> None:
        """Deferreds asked for before and after have the same result."""
        before = [self.outcome.deferred(), self.outcome.deferred()]
        self.outcome.succeed("done")
        before.append(self.outcome.deferred())
        self.assertEqual([self.successResultOf(d) for d in before], ["done"] * 3)

    def test_everybody_gets_the_failure(self) -> None:
        """A failure goes to each Deferred by itself."""
        before = [self.outcome.deferred(), self.outcome.deferred()]
        error = ValueError("x")
        self.outcome.fail(error)
        before.append(self.outcome.deferred())
        for deferred in before:
            self.assertIs(self.failureResultOf(deferred, ValueError).value, error)

    def test_chains_do_not_see_each_other(self) -> None:
        """What one chain makes of the result is nothing to the next."""
        first = self.outcome.deferred().addCallback(str.upper)
        second = self.outcome.deferred()
        self.outcome.succeed("done")
        self.assertEqual(self.successResultOf(first), "DONE")
        self.assertEqual(self.successResultOf(second), "done")

    def test_a_failure_that_nobody_asked_for_is_not_logged(self) -> None:
        """Without a Deferred there is nothing that could be unhandled."""
        self.outcome.fail(ValueError("x"))
        del self.outcome
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_the_first_result_counts(self) -> None:
        """Later results are ignored."""
        self.outcome.succeed("first")
        self.outcome.succeed("second")
        self.outcome.fail(ValueError("third"))
        self.assertEqual(self.successResultOf(self.outcome.deferred()), "first")

    def test_cancelling(self) -> None:
        """Whoever cancels gets CancelledError; the others still get the result."""
        one, other = self.outcome.deferred(), self.outcome.deferred()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertEqual(self.cancelled, 1)
        self.outcome.succeed("done")
        self.assertEqual(self.successResultOf(other), "done")

    def test_cancelling_one_while_another_fires(self) -> None:
        """A callback may cancel a Deferred that is about to fire: nothing to undo."""
        first = self.outcome.deferred()
        second: Deferred[str] = self.outcome.deferred()
        first.addCallback(lambda result: second.cancel())
        self.outcome.succeed("done")
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.cancelled, 0)

    def test_cancelling_again_while_it_is_cancelled(self) -> None:
        """Whoever is told of it, and cancels the same Deferred there, gives up once."""

        def again() -> None:
            self.cancelled += 1
            asked.cancel()

        self.outcome = Outcome(again)
        asked = self.outcome.deferred()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.cancelled, 1)

    def test_asking_inside_a_callback(self) -> None:
        """Whoever asks while the result is given gets it at once."""
        first = self.outcome.deferred()
        first.addCallback(lambda result: self.outcome.deferred())
        self.outcome.succeed("done")
        self.assertEqual(self.successResultOf(first), "done")
