"""The media of one call: which branch has which session, and one thing at a time.

Media may take its time (Deferreds). What is asked of one session waits for what was
asked of it before; a result that comes after its session was closed is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import MediaRefused, SipError
from sipuac.media.interfaces import ILocalOffer, IMediaSession
from sipuac.sdp.description import SessionDescription

_log = Logger()

Modifier = Callable[
    [SessionDescription], "SessionDescription | Deferred[SessionDescription]"
]
Applied = Callable[[str], None]
Refused = Callable[[str, str], None]


def modified(
    description: SessionDescription, modifiers: Sequence[Modifier]
) -> Deferred[SessionDescription]:
    """The description as the modifiers leave it, one after the other."""
    result: Deferred[SessionDescription] = Deferred()
    result.callback(description)
    for modifier in modifiers:
        result.addCallback(modifier)
    return result


class CallMedia:
    """The media sessions of one INVITE, by the To tag of their branches.

    Args:
        offer: Our offer.
        modifiers: Applied to each answer before the media gets it.
        applied: Called with the branch whose answer the media has taken.
        refused: Called with the branch whose answer it has not, and why.
    """

    __slots__ = (
        "_applied",
        "_busy",
        "_is_offer_closed",
        "_modifiers",
        "_offer",
        "_refused",
        "sessions",
    )

    def __init__(
        self,
        offer: ILocalOffer,
        modifiers: Sequence[Modifier],
        applied: Applied,
        refused: Refused,
    ) -> None:
        self._offer = offer
        self._modifiers = modifiers
        self._applied = applied
        self._refused = refused
        self.sessions: dict[str, IMediaSession] = {}
        self._busy: dict[str, Deferred[Any]] = {}
        self._is_offer_closed = False

    @property
    def local_sdp(self) -> str:
        """Our offer as text."""
        return str(self._offer.description)

    def apply(self, branch: str, answer: SessionDescription) -> None:
        """Open the session of a branch and give it its answer."""
        try:
            session = self._offer.open(branch)
        except Exception as error:
            self._explain(branch, Failure(error))
            return
        self.sessions[branch] = session
        self._work(branch, session.apply_answer, answer)

    def move(self, from_branch: str, branch: str, answer: SessionDescription) -> None:
        """Give the session of one branch to another, with the other's answer."""
        session = self.sessions.pop(from_branch)
        self.sessions[branch] = session
        before = self._busy.pop(from_branch, None)
        if before is None:
            self._work(branch, session.replace_answer, answer)
            return

        def replace(ignored: object) -> None:
            if self.sessions.get(branch) is session:
                self._work(branch, session.replace_answer, answer)

        before.addBoth(replace)

    def _work(
        self,
        branch: str,
        method: Callable[[SessionDescription], Any],
        answer: SessionDescription,
    ) -> None:
        session = self.sessions[branch]
        working = maybeDeferred(modified, answer, self._modifiers)
        working.addCallback(method)

        def finish(result: object) -> None:
            if self._busy.get(branch) is working:
                del self._busy[branch]
            if self.sessions.get(branch) is not session:
                if isinstance(result, Failure):
                    _log.debug("media failed after its branch was left")
            elif isinstance(result, Failure):
                self._explain(branch, result)
            else:
                self._applied(branch)

        self._busy[branch] = working
        working.addBoth(finish)

    def _explain(self, branch: str, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, MediaRefused):
            if not isinstance(error, SipError):
                _log.failure("media failed", failure)
            message = f"{type(error).__name__}: {error}"
        else:
            message = str(error)
        self._refused(branch, message)

    def close(self, branch: str) -> None:
        """Close the session of a branch; no harm where it has none."""
        session = self.sessions.pop(branch, None)
        if session is None:
            return
        self._stop_waiting(branch)
        try:
            session.close()
        except Exception:
            _log.failure("a media session could not be closed")

    def _stop_waiting(self, branch: str) -> None:
        working = self._busy.pop(branch, None)
        if working is not None:
            working.cancel()

    def close_offer(self) -> None:
        """No further branch will be opened."""
        if self._is_offer_closed:
            return
        self._is_offer_closed = True
        try:
            self._offer.close()
        except Exception:
            _log.failure("an offer could not be closed")

    def close_all(self) -> None:
        """Close everything."""
        for branch in list(self.sessions):
            self.close(branch)
        self.close_offer()
