"""The media of one INVITE: which branch has which session."""

from __future__ import annotations

from twisted.python.failure import Failure

from sipuac.media.interfaces import IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.ua.fresh_offer import FreshOffer
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.media_work import MediaUser, MediaWork, Modifiers, why


class CallMedia:
    """The media sessions of one INVITE, by the To tag of their branches.

    Args:
        opener: Opens the sessions, of our offer or for those of the callees.
        modifiers: Those for each description of ours before it is sent, and those for
            each description of a callee before the media gets it.
        user: Told what the media has done.
    """

    __slots__ = ("_fresh", "_modifiers", "_opener", "_user", "_works")

    def __init__(
        self, opener: MediaOpener, modifiers: Modifiers, user: MediaUser
    ) -> None:
        self._opener = opener
        self._modifiers = modifiers
        self._user = user
        self._works: dict[str, MediaWork] = {}
        self._fresh: dict[str, FreshOffer] = {}

    def local_sdp(self, branch: str) -> str:
        """Our offer, or our answer in a branch that has one, as text.

        Of the first exchange; those after it are known to the dialog.
        """
        offer = self._opener.offer
        if offer is not None:
            return str(offer.description)
        return str(self._works[branch].local)

    def session_of(self, branch: str) -> IMediaSession:
        """The media session of a branch that has one."""
        return self._works[branch].session

    # What it is asked

    def apply(self, branch: str, answer: SessionDescription) -> None:
        """Give the session of a branch its answer; where it has none, open it."""
        work = self._works.get(branch) or self._open(branch)
        if work is not None:
            work.give(answer)

    def answer(self, branch: str, offer: SessionDescription) -> None:
        """Have the session of a branch answer the callee's offer; open it if needed."""
        work = self._works.get(branch) or self._open(branch)
        if work is not None:
            work.answer(offer)

    def offer(self, branch: str, is_held: bool) -> None:
        """Have the session of a branch make a new offer."""
        self._works[branch].offer(is_held)

    def fresh_offer(self, branch: str) -> None:
        """Have an offer made for a branch without a session; its answer opens that."""
        fresh = self._fresh[branch] = FreshOffer(branch, self._user)
        fresh.make(self._opener.factory, tuple(self._modifiers[0]))

    def move(self, from_branch: str, branch: str, answer: SessionDescription) -> None:
        """Give the session of one branch to another, with the other's answer."""
        work = self._works.pop(from_branch, None)
        if work is not None:
            work.branch = branch
            self._works[branch] = work
        # Perhaps it could not even be opened for the one that it is taken from.
        self.apply(branch, answer)

    def rollback(self, branch: str) -> None:
        """Go back to the last completed exchange; no harm where nothing has changed."""
        fresh = self._fresh.pop(branch, None)
        if fresh is not None:
            fresh.close()
        work = self._works.get(branch)
        if work is not None:
            work.rollback()

    def close(self, branch: str) -> None:
        """Close the session of a branch; no harm where it has none."""
        fresh = self._fresh.pop(branch, None)
        if fresh is not None:
            fresh.close()
        work = self._works.pop(branch, None)
        if work is not None:
            work.close()

    def close_all(self) -> None:
        """Close every session."""
        for branch in [*self._works, *self._fresh]:
            self.close(branch)

    def _open(self, branch: str) -> MediaWork | None:
        """Open the session of a branch; None, and that is told, where it refuses."""
        fresh = self._fresh.pop(branch, None)
        try:
            if fresh is None:
                session = self._opener.open(branch)
            else:
                session = fresh.open(self._opener.name_of(branch))
        except Exception:
            self._user.refused(branch, why(Failure()))
            return None
        work = MediaWork(branch, session, self._modifiers, self._user)
        self._works[branch] = work
        return work
