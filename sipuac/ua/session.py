"""A call that stands, or is about to: what the application holds in its hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from sipuac.dialog.events import Ended
from sipuac.dialog.session_state import SessionState
from sipuac.media.interfaces import IMediaSession
from sipuac.ua.outcome import Outcome

if TYPE_CHECKING:
    from sipuac.ua.dialog_set_driver import DialogSetDriver


class Session:
    """One established call.

    Attributes:
        to_tag: The callee's tag: which branch of the INVITE it is.
        local_sdp, remote_sdp: The session descriptions in force, as text.
        media: The media of this call.
    """

    __slots__ = (
        "_clock",
        "_driver",
        "_duration",
        "_ended",
        "_started",
        "local_sdp",
        "media",
        "remote_sdp",
        "to_tag",
    )

    def __init__(
        self,
        driver: DialogSetDriver,
        to_tag: str,
        local_sdp: str,
        remote_sdp: str,
        media: IMediaSession,
        clock: IReactorTime,
    ) -> None:
        self._driver = driver
        self.to_tag = to_tag
        self.local_sdp = local_sdp
        self.remote_sdp = remote_sdp
        self.media = media
        self._clock = clock
        self._started = clock.seconds()
        self._duration: float | None = None
        self._ended: Outcome[Ended] = Outcome()

    def __repr__(self) -> str:
        return f"<Session {self.call_id} {self.to_tag} {self.state}>"

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._driver.call_id

    @property
    def state(self) -> str:
        """One of the five states of `sipuac.dialog.session_state`."""
        return self._driver.session_state(self.to_tag).value

    @property
    def ended(self) -> Deferred[Ended]:
        """Fires when the call is over, whoever ended it; never fails."""
        return self._ended.deferred()

    @property
    def duration(self) -> float:
        """Seconds that it stands, or stood."""
        if self._duration is not None:
            return self._duration
        return self._clock.seconds() - self._started

    def bye(self) -> Deferred[Ended]:
        """End the call by BYE; fires when it is over.

        Harmless where it is ending already.
        """
        over = self._ended.deferred()
        if self._driver.session_state(self.to_tag) is SessionState.ESTABLISHED:
            self._driver.end_session(self.to_tag)
        return over

    def hangup(self) -> Deferred[Ended]:
        """End the call in whichever way is right: for one that stands, by BYE."""
        return self.bye()

    def cancel(self) -> Deferred[Ended]:
        """The same as `hangup`: after a 2xx nothing is cancelled any more."""
        return self.bye()

    # For the driver of its dialogs

    @property
    def is_over(self) -> bool:
        """Whether its end was told."""
        return self._ended.is_set

    def ended_as(self, by: str, reason: str | None) -> Ended:
        """The event of its end, now; `by` is "local" or "remote"."""
        return Ended(by, self.duration, reason, self.to_tag)

    def set_ended(self, ended: Ended) -> None:
        """It is over; tell those who wait for it."""
        self._duration = ended.duration
        self._ended.succeed(ended)
