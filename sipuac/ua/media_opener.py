"""Opens the media sessions of one call, whichever INVITE of it they are for.

Our offer lives as long as the call is being set up: a further attempt, after a 422 or
at the next server, makes the same offer again.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession

_log = Logger()


class MediaOpener:
    """Opens the sessions of one call, each under a name of its own.

    Args:
        offer: Our offer; None where the callees make theirs.
        factory: Opens the session of a branch whose callee makes the offer.

    Attributes:
        offer: Our offer, as it was given.
        factory: Makes further offers.
    """

    __slots__ = ("_is_closed", "_opened", "factory", "offer")

    def __init__(self, offer: ILocalOffer | None, factory: IMediaFactory) -> None:
        self.offer = offer
        self.factory = factory
        self._is_closed = False
        self._opened: dict[str, int] = {}

    def open(self, branch: str) -> IMediaSession:
        """The session of a branch; what the media raises is for the caller."""
        opener = self.factory if self.offer is None else self.offer
        return opener.open(self.name_of(branch))

    def name_of(self, branch: str) -> str:
        """A name under which nothing was opened.

        A branch may lose its media and have it again, as when it answers after its 199.
        """
        count = self._opened[branch] = self._opened.get(branch, 0) + 1
        return branch if count == 1 else f"{branch} ({count})"

    def close(self) -> None:
        """No further branch of our offer will be opened; no harm the second time."""
        if not self._is_closed:
            self._is_closed = True
            if self.offer is not None:
                quietly(self.offer.close, "an offer could not be closed")


def quietly(action: Callable[[], object], complaint: str) -> None:
    """Do something that the media must not make fail; a fault of it is logged."""
    try:
        action()
    except Exception:
        _log.failure(complaint)
