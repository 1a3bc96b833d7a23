"""The timers of a dialog set; `DialogSet.fire` says what each one does."""

from __future__ import annotations

from enum import Enum


class DialogTimer(str, Enum):
    """One timer of each kind runs at a time, or one for each branch.

    `MEDIA`, `RETRY`, `REPEAT` and `ACK` are one for each branch, `REINVITE` is one for
    each re-INVITE.
    """

    ANSWER = "answer-timeout"
    """Nobody has answered: CANCEL."""
    CANCEL = "cancel-without-final-response"
    """No final response came to the CANCEL (RFC 3261 section 9.1)."""
    LINGER = "linger"
    """64*T1 after the final response: no further 2xx is expected (13.2.2.4)."""
    HOLD = "fork-hold"
    """A newcomer has waited long enough for news of the media dialog."""
    GRACE = "fork-grace"
    """The others have had long enough to answer after a 2xx that was no call."""
    MEDIA = "media"
    """The media has had long enough to make an offer or an answer, or to take one."""
    REINVITE = "re-invite"
    """A re-INVITE of ours has waited long enough for its final response, or its 2xx
    cannot come again."""
    RETRY = "retry"
    """Requests had crossed: ours is tried once more (RFC 3261 section 14.1)."""
    REPEAT = "repeat-2xx"
    """Our 2xx to a re-INVITE is sent again (RFC 3261 section 13.3.1.4)."""
    ACK = "ack"
    """No ACK has come for our 2xx to a re-INVITE in 64*T1."""


def timer_of(timer: Enum, name: str | int) -> str:
    """The timer of this kind for one branch, or for one re-INVITE."""
    return f"{timer.value} {name}"


def media_timer(tag: str) -> str:
    """The timer of the answer of one branch."""
    return timer_of(DialogTimer.MEDIA, tag)
