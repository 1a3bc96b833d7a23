"""The states of a session, and no others.

    Initial -> Establishing -> Established -> Terminating -> Terminated

Initial: nothing was sent. Establishing: the INVITE is out, or its 2xx is there and the
media still works on it. Established: both sides may send media. Terminating: CANCEL or
BYE is on its way. Terminated: over, whoever ended it; nothing follows.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from sipuac.machine import Ignored, Transitions, step


class SessionState(str, Enum):
    """See the module."""

    INITIAL = "Initial"
    ESTABLISHING = "Establishing"
    ESTABLISHED = "Established"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"


class SessionEvent(str, Enum):
    """What moves a session."""

    SENT = "INVITE sent"
    STANDS = "media has both descriptions"
    ENDING = "CANCEL or BYE asked for"
    OVER = "over"


def _nothing(machine: SessionMachine) -> list[None]:
    """The state alone matters; who changes it says what else happens."""
    return []


class SessionMachine:
    """The state of one session."""

    __slots__ = ("state",)

    # fmt: off
    transitions: ClassVar[Transitions] = {
        SessionState.INITIAL: {
            SessionEvent.SENT:   (SessionState.ESTABLISHING, _nothing),
            SessionEvent.OVER:   (SessionState.TERMINATED,   _nothing),
        },
        SessionState.ESTABLISHING: {
            SessionEvent.STANDS: (SessionState.ESTABLISHED,  _nothing),
            SessionEvent.ENDING: (SessionState.TERMINATING,  _nothing),
            SessionEvent.OVER:   (SessionState.TERMINATED,   _nothing),
        },
        SessionState.ESTABLISHED: {
            SessionEvent.ENDING: (SessionState.TERMINATING,  _nothing),
            SessionEvent.OVER:   (SessionState.TERMINATED,   _nothing),
        },
        SessionState.TERMINATING: {
            SessionEvent.OVER:   (SessionState.TERMINATED,   _nothing),
        },
        SessionState.TERMINATED: {},
    }

    ignored: ClassVar[Ignored] = {
        SessionState.INITIAL: {
            (SessionEvent.STANDS, SessionEvent.ENDING):
                "Nothing was sent: nobody can answer, and nobody has to be told.",
        },
        SessionState.ESTABLISHING: {
            (SessionEvent.SENT,): "There is one INVITE, however often it is tried.",
        },
        SessionState.ESTABLISHED: {
            (SessionEvent.SENT, SessionEvent.STANDS):
                "RFC 3261 14.1: whatever becomes of a change, the session stands.",
        },
        SessionState.TERMINATING: {
            (SessionEvent.SENT, SessionEvent.STANDS):
                "RFC 3261 15: what is being ended by BYE or CANCEL does not come back.",
            (SessionEvent.ENDING,): "It is being ended already.",
        },
        SessionState.TERMINATED: {
            (
                SessionEvent.SENT, SessionEvent.STANDS, SessionEvent.ENDING,
                SessionEvent.OVER,
            ):
                "Nothing follows the end, whoever brought it.",
        },
    }
    # fmt: on

    def __init__(self, state: SessionState = SessionState.INITIAL) -> None:
        self.state = state

    def handle(self, event: SessionEvent) -> None:
        """Move, where the event means something in this state."""
        step(self, event)
