"""One media session of a call, and what it is asked, one thing at a time.

Media may take its time (Deferreds). What is asked waits for what was asked before; a
result of what was given up, or that comes after the session was closed, is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import MediaRefused, SipError
from sipuac.media.interfaces import IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import check_answer
from sipuac.ua.media_opener import quietly

_log = Logger()

_T = TypeVar("_T")

Modifier = Callable[
    [SessionDescription], "SessionDescription | Deferred[SessionDescription]"
]
# Those of our descriptions, and those of the callees'.
Modifiers = tuple[Sequence[Modifier], Sequence[Modifier]]


def modified(
    description: SessionDescription, modifiers: Sequence[Modifier]
) -> Deferred[SessionDescription]:
    """The description as the modifiers leave it, one after the other."""
    result: Deferred[SessionDescription] = Deferred()
    result.callback(description)
    for modifier in modifiers:
        result.addCallback(modifier)
    return result


def why(failure: Failure) -> str:
    """What media says about what it cannot do; what it should not raise is logged."""
    error = failure.value
    if isinstance(error, MediaRefused):
        return str(error)
    if not isinstance(error, SipError):
        _log.failure("media failed", failure)
    return f"{type(error).__name__}: {error}"


class MediaUser(Protocol):
    """Who is told what the media of a branch has done."""

    def made(self, branch: str, answer: SessionDescription) -> None:
        """It has answered the callee's offer."""

    def offered(self, branch: str, offer: SessionDescription) -> None:
        """It has made a new offer."""

    def applied(self, branch: str) -> None:
        """It has taken the callee's answer."""

    def refused(self, branch: str, message: str) -> None:
        """It cannot do what it was asked."""


class MediaWork:
    """A media session, and what it is asked.

    Attributes:
        branch: Whose it is; it may move to another one.
        session: The session.
        local: Our answer to the callee's offer; None where it has made none.
    """

    __slots__ = (
        "_has_answer",
        "_incoming",
        "_is_changed",
        "_is_closed",
        "_is_going_back",
        "_is_offering",
        "_next_answer",
        "_outgoing",
        "_user",
        "_waiting",
        "_working",
        "branch",
        "local",
        "session",
    )

    def __init__(
        self, branch: str, session: IMediaSession, modifiers: Modifiers, user: MediaUser
    ) -> None:
        self.branch = branch
        self.session = session
        self.local: SessionDescription | None = None
        self._outgoing, self._incoming = modifiers
        self._user = user
        self._has_answer = False
        # Whether a later offer of ours waits for its answer, and whether the last
        # answer of ours was not told to anybody yet: both can be rolled back.
        self._is_offering = False
        self._is_changed = False
        self._is_closed = False
        self._is_going_back = False
        self._working: Deferred[Any] | None = None
        # The answer of the branch that it was given to while it worked.
        self._next_answer: SessionDescription | None = None
        # Hardly ever more than one; an empty deque takes 600 octets.
        self._waiting: list[Callable[[], None]] = []

    # What it is asked

    def give(self, answer: SessionDescription) -> None:
        """Give it this answer, now or when it is done with the last one.

        Where its offer has an answer already, this one takes its place.
        """
        if self._working is None:
            self._give(answer)
        else:
            self._next_answer = answer

    def answer(self, offer: SessionDescription) -> None:
        """Have it answer the callee's offer."""
        self._when_free(lambda: self._make_answer(offer))

    def offer(self, is_held: bool) -> None:
        """Have it make a new offer."""
        self._when_free(lambda: self._make_offer(is_held))

    def rollback(self) -> None:
        """Give up what it works on, and go back to the last completed exchange.

        Where it is going back already only what waits for that is given up.
        """
        self._waiting.clear()
        self._next_answer = None
        if self._is_going_back:
            return
        working, self._working = self._working, None
        if working is not None:
            quietly(working.cancel, "media could not be told to stop")
        if self._is_offering or self._is_changed:
            self._is_offering = self._is_changed = False
            self._is_going_back = True
            self._begin(maybeDeferred(self.session.rollback), self._rolled_back)

    def close(self) -> None:
        """End it; once."""
        self._is_closed = True
        self._waiting.clear()
        if self._working is not None:
            quietly(self._working.cancel, "media could not be told to stop")
        quietly(self.session.close, "a media session could not be closed")

    # How it is done

    def _when_free(self, action: Callable[[], None]) -> None:
        if self._working is None:
            action()
        else:
            self._waiting.append(action)

    def _begin(
        self, working: Deferred[Any], finished: Callable[[object], None]
    ) -> None:
        self._working = working
        working.addBoth(self._finish, working, finished)

    def _finish(
        self,
        result: object,
        working: Deferred[Any],
        finished: Callable[[object], None],
    ) -> None:
        if self._working is not working:
            return  # it was given up
        self._working = None
        if self._is_closed:
            return
        finished(result)
        if self._waiting and self._working is None:
            self._waiting.pop(0)()

    def _give(self, answer: SessionDescription) -> None:
        session = self.session
        is_replaced = self._has_answer and not self._is_offering
        method = session.replace_answer if is_replaced else session.apply_answer
        if self._incoming:
            working: Deferred[Any] = modified(answer, self._incoming)
            working.addCallback(method)
        else:
            result: object
            try:
                result = method(answer)
            except Exception:
                result = Failure()
            if not isinstance(result, Deferred):
                self._given(result)
                return
            working = result
        self._begin(working, self._given)

    def _given(self, result: object) -> None:
        if not isinstance(result, Failure):
            self._has_answer = True
            self._is_offering = False
        if self._next_answer is not None:
            # Whatever became of the answer of a branch that lost the media.
            answer, self._next_answer = self._next_answer, None
            self._give(answer)
        elif isinstance(result, Failure):
            self._user.refused(self.branch, why(result))
        else:
            self._user.applied(self.branch)

    def _make_answer(self, offer: SessionDescription) -> None:
        self._is_changed = False

        def is_made(answer: _T) -> _T:
            self._is_changed = True
            return answer

        working: Deferred[Any] = modified(offer, self._incoming)
        working.addCallback(self.session.make_answer)
        working.addCallback(is_made)
        working.addCallback(modified, self._outgoing)
        working.addCallback(_checked, offer)
        self._begin(working, self._answered)

    def _answered(self, result: object) -> None:
        if isinstance(result, Failure):
            self._user.refused(self.branch, why(result))
        elif isinstance(result, SessionDescription):
            self.local = result
            self._user.made(self.branch, result)

    def _make_offer(self, is_held: bool) -> None:
        self._is_changed = False

        def is_made(offer: _T) -> _T:
            self._is_offering = True
            return offer

        working: Deferred[Any] = maybeDeferred(self.session.make_offer, is_held)
        working.addCallback(is_made)
        working.addCallback(modified, self._outgoing)
        self._begin(working, self._offered)

    def _offered(self, result: object) -> None:
        if isinstance(result, Failure):
            self._user.refused(self.branch, why(result))
        elif isinstance(result, SessionDescription):
            self._user.offered(self.branch, result)

    def _rolled_back(self, result: object) -> None:
        self._is_going_back = False
        if isinstance(result, Failure):
            _log.failure("media could not go back", result)


def _checked(
    answer: SessionDescription, offer: SessionDescription
) -> SessionDescription:
    """The answer, if it is one that the offer can have (RFC 3264 section 6)."""
    check_answer(offer, answer)
    return answer
