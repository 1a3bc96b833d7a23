"""The events of a call are read by programs: their names do not change."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.events import Event

_NAMES = {
    "InviteSent": "invite-sent",
    "Trying": "trying",
    "Provisional": "provisional",
    "EarlyMedia": "early-media",
    "MediaMoved": "media-moved",
    "Forked": "forked",
    "Probe": "probe",
    "ExtraEnded": "extra-ended",
    "EarlyDialogEnded": "early-dialog-ended",
    "Answered": "answered",
    "Established": "established",
    "SessionModified": "session-modified",
    "ModificationFailed": "modification-failed",
    "SessionRefreshed": "session-refreshed",
    "RequestReceived": "request-received",
    "RedirectedTo": "redirected",
    "Retrying": "retrying",
    "Cancelling": "cancelling",
    "ProtocolWarning": "warning",
    "Ended": "ended",
    "Failed": "failed",
}


class NameTests(SynchronousTestCase):
    """Names of events."""

    def test_names(self) -> None:
        """Each event says in its attribute `event` what it is, as it always did."""
        module = Event.__module__
        kinds = [kind for kind in Event.__subclasses__() if kind.__module__ == module]
        self.assertEqual({kind.__name__: kind.event for kind in kinds}, _NAMES)
