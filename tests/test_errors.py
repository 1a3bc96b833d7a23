"""Tests of `sipuac.errors`: what a failure says besides its text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import CallFailed
from sipuac.syntax.fields import RetryAfter
from sipuac.syntax.message import Response


class CallFailedTests(SynchronousTestCase):
    """The failure of a call."""

    def test_retry_after(self) -> None:
        """When the callee may be tried again, where the response says so readably
        (RFC 3261 section 20.33).
        """
        for rows, expected in (
            ([("Retry-After", "120")], RetryAfter(120)),
            ([("Retry-After", "soon")], None),
            ([], None),
        ):
            error = CallFailed("busy", Response(486, None, rows))
            self.assertEqual(error.retry_after, expected)
            self.assertEqual(error.status, 486)

    def test_no_response(self) -> None:
        """Without a response there is nothing to be read."""
        error = CallFailed("nobody is there")
        self.assertIsNone(error.retry_after)
        self.assertIsNone(error.status)
