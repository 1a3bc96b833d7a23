"""The media of one INVITE: which branch has which session, and one thing at a time.

Media may take its time (Deferreds). What is asked of one session waits for what was
asked of it before; a result that comes after its session was closed is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import MediaRefused, SipError
from sipuac.media.interfaces import IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import check_answer
from sipuac.ua.media_opener import MediaOpener, quietly

_log = Logger()

Modifier = Callable[
    [SessionDescription], "SessionDescription | Deferred[SessionDescription]"
]
# Those of our descriptions, and those of the callees'.
Modifiers = tuple[Sequence[Modifier], Sequence[Modifier]]
Applied = Callable[[str], None]
Made = Callable[[str, SessionDescription], None]
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


class _Work:
    """A media session, and what it is asked."""

    __slots__ = (
        "branch",
        "has_answer",
        "is_closed",
        "local",
        "next_answer",
        "session",
        "working",
    )

    def __init__(self, branch: str, session: IMediaSession) -> None:
        self.branch = branch
        self.session = session
        self.has_answer = False
        self.local: SessionDescription | None = None  # our answer to the callee's offer
        self.is_closed = False
        self.working: Deferred[Any] | None = None
        # The answer of the branch that it was given to while it worked.
        self.next_answer: SessionDescription | None = None


class CallMedia:
    """The media sessions of one INVITE, by the To tag of their branches.

    Args:
        opener: Opens the sessions, of our offer or for those of the callees.
        modifiers: Those for each answer of ours before it is sent, and those for each
            description of a callee before the media gets it.
        made: Called with the branch whose offer the media has answered, and its answer.
        applied: Called with the branch whose answer the media has taken.
        refused: Called with the branch whose answer it has not, and why.
    """

    __slots__ = (
        "_applied",
        "_incoming",
        "_made",
        "_opener",
        "_outgoing",
        "_refused",
        "_works",
    )

    def __init__(
        self,
        opener: MediaOpener,
        modifiers: Modifiers,
        *,
        made: Made,
        applied: Applied,
        refused: Refused,
    ) -> None:
        self._opener = opener
        self._outgoing, self._incoming = modifiers
        self._made = made
        self._applied = applied
        self._refused = refused
        self._works: dict[str, _Work] = {}

    def local_sdp(self, branch: str) -> str:
        """Our offer, or our answer in a branch that has one, as text."""
        offer = self._opener.offer
        if offer is not None:
            return str(offer.description)
        return str(self._works[branch].local)

    def session_of(self, branch: str) -> IMediaSession:
        """The media session of a branch that has one."""
        return self._works[branch].session

    def apply(self, branch: str, answer: SessionDescription) -> None:
        """Open the session of a branch and give it its answer."""
        work = self._open(branch)
        if work is not None:
            self._ask(work, answer)

    def _open(self, branch: str) -> _Work | None:
        """Open the session of a branch; None, and that is told, where it refuses."""
        try:
            session = self._opener.open(branch)
        except Exception:
            self._explain(branch, Failure())
            return None
        work = self._works[branch] = _Work(branch, session)
        return work

    def answer(self, branch: str, offer: SessionDescription) -> None:
        """Open the session of a branch and have it answer the callee's offer."""
        work = self._open(branch)
        if work is None:
            return
        working: Deferred[Any] = modified(offer, self._incoming)
        working.addCallback(work.session.make_answer)
        working.addCallback(modified, self._outgoing)
        working.addCallback(_checked, offer)
        work.working = working
        working.addBoth(self._answered, work)

    def _answered(self, result: SessionDescription | Failure, work: _Work) -> None:
        work.working = None
        if work.is_closed:
            return
        if isinstance(result, Failure):
            self._explain(work.branch, result)
        else:
            work.local = result
            self._made(work.branch, result)

    def move(self, from_branch: str, branch: str, answer: SessionDescription) -> None:
        """Give the session of one branch to another, with the other's answer."""
        work = self._works.pop(from_branch, None)
        if work is None:
            # It could not even be opened for the one that it is taken from.
            self.apply(branch, answer)
            return
        work.branch = branch
        self._works[branch] = work
        self._give(work, answer)

    def replace(self, branch: str, answer: SessionDescription) -> None:
        """Give the session of a branch another answer in place of the one before."""
        work = self._works.get(branch)
        if work is None:
            # It could not even be opened for the first one.
            self.apply(branch, answer)
        else:
            self._give(work, answer)

    def _give(self, work: _Work, answer: SessionDescription) -> None:
        """Give a session another answer, now or when it is done with the last one."""
        if work.working is None:
            self._ask(work, answer)
        else:
            work.next_answer = answer

    def _ask(self, work: _Work, answer: SessionDescription) -> None:
        session = work.session
        method = session.replace_answer if work.has_answer else session.apply_answer
        working: Deferred[Any] = modified(answer, self._incoming)
        working.addCallback(method)
        work.working = working
        working.addBoth(self._finished, work)

    def _finished(self, result: object, work: _Work) -> None:
        work.working = None
        if work.is_closed:
            return
        if not isinstance(result, Failure):
            work.has_answer = True
        if work.next_answer is not None:
            # Whatever became of the answer of a branch that lost the media.
            answer, work.next_answer = work.next_answer, None
            self._ask(work, answer)
        elif isinstance(result, Failure):
            self._explain(work.branch, result)
        else:
            self._applied(work.branch)

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
        work = self._works.pop(branch, None)
        if work is None:
            return
        work.is_closed = True
        if work.working is not None:
            quietly(work.working.cancel, "media could not be told to stop")
        quietly(work.session.close, "a media session could not be closed")

    def close_all(self) -> None:
        """Close every session."""
        for branch in list(self._works):
            self.close(branch)


def _checked(
    answer: SessionDescription, offer: SessionDescription
) -> SessionDescription:
    """The answer, if it is one that the offer can have (RFC 3264 section 6)."""
    check_answer(offer, answer)
    return answer
