"""Tests of the exit status."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac import errors
from sipuac.cli.status import exit_status
from sipuac.dialog.events import Ended, Failed, InviteSent

STATUSES = {
    "SipError": 1,
    "CallFailed": 1,
    "RemoteProtocolError": 1,
    "SessionNotModified": 1,
    "ParseError": 1,
    "Cancelled": 1,
    "LocalProtocolError": 2,
    "Busy": 3,
    "NoAnswer": 4,
    "AnswerTimeout": 4,
    "Declined": 5,
    "NotFound": 5,
    "AuthenticationFailed": 5,
    "RequestTerminated": 5,
    "RequestRejected": 5,
    "Redirected": 5,
    "Unreachable": 6,
    "TransactionTimeout": 6,
    "TransportFailed": 6,
    "ResolutionFailed": 6,
    "TooManyCalls": 1,
    "InviteForked": 7,
    "MediaRefused": 8,
    "MissingSessionDescription": 8,
    "NegotiationError": 8,
}


class ExitStatusTests(SynchronousTestCase):
    """Tests of `exit_status`."""

    def test_every_failure(self) -> None:
        """Each class of failure has the status that the documentation gives it."""
        names = {
            name
            for name, thing in vars(errors).items()
            if isinstance(thing, type) and issubclass(thing, errors.SipError)
        }
        self.assertEqual(names, set(STATUSES))
        for name, status in STATUSES.items():
            self.assertEqual(exit_status(Failed(name, None, "")), status, name)

    def test_ended(self) -> None:
        """A call that ended has status 0."""
        self.assertEqual(exit_status(Ended("local")), 0)
        self.assertEqual(exit_status(Ended("remote", 1.0)), 0)

    def test_anything_else(self) -> None:
        """What is neither is another failure."""
        self.assertEqual(exit_status(Failed("KeyError", None, "")), 1)
        self.assertEqual(exit_status(Failed("annotations", None, "")), 1)
        self.assertEqual(exit_status(InviteSent()), 1)
