"""An offer as of a new call, for a branch whose answer the media could not take."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.ua.media_opener import quietly
from sipuac.ua.media_work import MediaUser, Modifier, modified, why


class FreshOffer:
    """The offer of one branch, until its session is opened or it is given up."""

    __slots__ = ("_branch", "_is_closed", "_offer", "_user", "_working")

    def __init__(self, branch: str, user: MediaUser) -> None:
        """An offer that is not made yet; `user` is told when it is."""
        self._branch = branch
        self._user = user
        self._offer: ILocalOffer | None = None
        self._is_closed = False
        self._working: Deferred[Any] | None = None

    def make(self, factory: IMediaFactory, modifiers: tuple[Modifier, ...]) -> None:
        """Have it made."""

        def is_made(offer: ILocalOffer) -> Deferred[SessionDescription]:
            self._offer = offer
            return modified(offer.description, modifiers)

        working: Deferred[Any] = maybeDeferred(factory.offer)
        self._working = working
        working.addCallback(is_made)
        working.addBoth(self._finished)

    def _finished(self, result: SessionDescription | Failure) -> None:
        self._working = None
        if self._is_closed:
            return
        if isinstance(result, Failure):
            self._user.refused(self._branch, why(result))
        else:
            self._user.offered(self._branch, result)

    def open(self, name: str) -> IMediaSession:
        """The session that takes its answer; what the media raises is for the caller.

        Nothing else is opened for it.
        """
        if self._offer is None:
            raise RuntimeError("an answer to an offer that was not made")
        try:
            return self._offer.open(name)
        finally:
            self.close()

    def close(self) -> None:
        """Nothing more is opened for it; no harm the second time."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._working is not None:
            quietly(self._working.cancel, "media could not be told to stop")
        if self._offer is not None:
            quietly(self._offer.close, "an offer could not be closed")
