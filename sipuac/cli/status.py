"""What the exit status of a one-shot call says (DESIGN section 5)."""

from __future__ import annotations

from sipuac import errors
from sipuac.dialog.events import Ended, Event, Failed

OK = 0
OTHER_FAILURE = 1
USAGE = 2
BUSY = 3
NO_ANSWER = 4
DECLINED = 5
UNREACHABLE = 6
FORKED = 7
MEDIA = 8
SIGNAL = 128
"""Added to the number of the signal that ended the command, as shells do."""

# The first class that fits decides.
_STATUSES: tuple[tuple[type[errors.SipError], int], ...] = (
    (errors.LocalProtocolError, USAGE),
    (errors.Busy, BUSY),
    (errors.NoAnswer, NO_ANSWER),
    (errors.AnswerTimeout, NO_ANSWER),
    (errors.RequestRejected, DECLINED),
    (errors.Redirected, DECLINED),
    (errors.Unreachable, UNREACHABLE),
    (errors.InviteForked, FORKED),
    (errors.MediaRefused, MEDIA),
    (errors.MissingSessionDescription, MEDIA),
    (errors.NegotiationError, MEDIA),
)


def exit_status(last: Event) -> int:
    """The status for the last event of a call: an `Ended` or a `Failed`."""
    if isinstance(last, Ended):
        return OK
    return status_of(last.error) if isinstance(last, Failed) else OTHER_FAILURE


def status_of(error: str) -> int:
    """The status for a failure, by the name of its class in `sipuac.errors`."""
    failure = getattr(errors, error, None)
    if isinstance(failure, type):
        for kind, status in _STATUSES:
            if issubclass(failure, kind):
                return status
    return OTHER_FAILURE
