"""The timers of a dialog set; `DialogSet.fire` says what each one does."""

from __future__ import annotations

from enum import Enum


class DialogTimer(str, Enum):
    """One timer of each kind runs at a time; `MEDIA` is one for each branch."""

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
    """The media has had long enough to answer an offer, or to take the answer of the
    2xx."""


def media_timer(tag: str) -> str:
    """The timer of the answer of one branch."""
    return f"{DialogTimer.MEDIA.value} {tag}"
