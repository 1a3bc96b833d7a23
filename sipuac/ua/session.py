"""A call that stands, or is about to: what the application holds in its hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from sipuac.dialog.events import Ended
from sipuac.dialog.session_state import SessionState
from sipuac.errors import LocalProtocolError, SessionNotModified
from sipuac.media.interfaces import IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import is_holding
from sipuac.syntax.message import Response
from sipuac.ua.outcome import Outcome
from sipuac.ua.session_requests import check_request

if TYPE_CHECKING:
    from sipuac.ua.dialog_set_driver import DialogSetDriver


class Session:
    """One established call.

    Attributes:
        call_id: The Call-ID.
        to_tag: The callee's tag: which branch of the INVITE it is.
        local_sdp, remote_sdp: The session descriptions in force, as text.
        is_held: Whether we hold it.
        is_held_by_peer: Whether the callee does: it wants to receive no stream.
        media: The media of this call.
    """

    __slots__ = (
        "_clock",
        "_driver",
        "_duration",
        "_ended",
        "_started",
        "call_id",
        "is_held",
        "is_held_by_peer",
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
        remote: SessionDescription,
        media: IMediaSession,
        clock: IReactorTime,
    ) -> None:
        self._driver: DialogSetDriver | None = driver
        self.call_id = driver.invite.call_id
        self.to_tag = to_tag
        self.local_sdp = local_sdp
        self.remote_sdp = str(remote)
        self.is_held = False
        self.is_held_by_peer = is_holding(remote)
        self.media = media
        self._clock = clock
        self._started = clock.seconds()
        self._duration: float | None = None
        self._ended: Outcome[Ended] = Outcome()

    def __repr__(self) -> str:
        return f"<Session {self.call_id} {self.to_tag} {self.state}>"

    @property
    def state(self) -> str:
        """One of the five states of `sipuac.dialog.session_state`."""
        return self._state.value

    @property
    def _state(self) -> SessionState:
        if self._driver is None:
            return SessionState.TERMINATED
        return self._driver.session_state(self.to_tag)

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
        if self._driver is not None and self._state is SessionState.ESTABLISHED:
            self._driver.end_session(self.to_tag)
        return over

    def hangup(self) -> Deferred[Ended]:
        """End the call in whichever way is right: for one that stands, by BYE."""
        return self.bye()

    def cancel(self) -> Deferred[Ended]:
        """The same as `hangup`: after a 2xx nothing is cancelled any more."""
        return self.bye()

    # Changes

    def hold(self) -> Deferred[None]:
        """Hold the call: each stream is sent only, or not at all (RFC 3264 8.4).

        Changes of a call are made one after the other, in the order in which they are
        asked for; each waits for those of the callee.

        Returns:
            A Deferred that fires when both sides have agreed. It fails with
            `SessionNotModified` where that was refused or lost: then the session is
            what it was. Cancelling it stops the waiting and nothing else.
        """
        return self._modify(is_held=True)

    def resume(self) -> Deferred[None]:
        """Take the call off hold; returns as `hold` does."""
        return self._modify(is_held=False)

    def modify(self) -> Deferred[None]:
        """Offer what the media has now, held or not as it is; returns as `hold`."""
        return self._modify(is_held=None)

    def _modify(self, *, is_held: bool | None) -> Deferred[None]:
        if self._driver is None:
            return fail(SessionNotModified("the call is over"))
        return self._driver.modify_session(self.to_tag, is_held)

    def refresh(self) -> Deferred[None]:
        """Refresh the session and nothing else; returns as `hold` does.

        By UPDATE where the callee allows it, else by a re-INVITE with the offer
        unchanged.
        """
        if self._driver is None:
            return fail(SessionNotModified("the call is over"))
        return self._driver.refresh_session(self.to_tag)

    def request(
        self,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Deferred[Response]:
        """Send a request in the dialog of this call: INFO, MESSAGE, OPTIONS...

        Args:
            method: Any but ACK, BYE, CANCEL, INVITE, PRACK and UPDATE.
            headers: More fields; with a body, its Content-Type.
            body: The body.

        Returns:
            A Deferred with the final response, whatever its status. It fails with
            `Unreachable` where none came, with `LocalProtocolError` where it must not
            be sent and with `SessionNotModified` where the call is over. A failure that
            says that the dialog is gone ends the call (RFC 5057).
        """
        try:
            rows = check_request(method, headers, body)
        except LocalProtocolError as error:
            return fail(error)
        if self._driver is None:
            return fail(SessionNotModified("the call is over"))
        return self._driver.request_in_session(self.to_tag, method, rows, body)

    # For the driver of its dialogs

    def set_modified(
        self, local: SessionDescription, remote: SessionDescription, is_held: bool
    ) -> None:
        """Both sides have agreed on these descriptions."""
        self.local_sdp, self.remote_sdp = str(local), str(remote)
        self.is_held = is_held
        self.is_held_by_peer = is_holding(remote)

    def leave(self) -> None:
        """All calls of the INVITE are over: nothing more can be asked of its driver."""
        self._driver = None

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
