"""Media that does what a test tells it: is late, refuses, fails, never answers.

It records every call, and watches that it is used as `sipuac.media.interfaces` says:
one answer at a time, nothing after `close`, no second branch where the offer cannot
fork. Code under test may swallow what media raises, so each fault is also kept in
`violations`; end a test with `ScriptedMedia.check()`.

    media = ScriptedMedia(clock)
    media.react("apply_answer", late(2.0), branch="desk")
    media.react("apply_answer", refuse("no codec"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from sipuac.errors import LocalProtocolError, MediaRefused
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import answer_to, held, plain_audio_offer

_T = TypeVar("_T")

#: What a test can script a reaction to.
METHODS = (
    "offer",
    "apply_answer",
    "replace_answer",
    "make_answer",
    "make_offer",
    "rollback",
    "send_dtmf",
)


@dataclass(frozen=True, slots=True)
class Reaction:
    """How the media takes a call of one of its methods.

    Attributes:
        delay: Seconds until it is done; 0 means at once, without a Deferred.
        error: What it ends in, None for success.
        is_silent: Whether it never ends.
    """

    delay: float = 0.0
    error: Exception | None = None
    is_silent: bool = False


AT_ONCE = Reaction()
NEVER = Reaction(is_silent=True)


def late(seconds: float) -> Reaction:
    """Success after so many seconds."""
    return Reaction(delay=seconds)


def refuse(reason: str = "the media refuses", delay: float = 0.0) -> Reaction:
    """`MediaRefused`, at once or after some seconds."""
    return Reaction(delay, MediaRefused(reason))


def fail(error: Exception, delay: float = 0.0) -> Reaction:
    """Any exception, as from broken media."""
    return Reaction(delay, error)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method of the media.

    Attributes:
        time: Seconds on the clock.
        branch: The branch it was for, "" for the offer.
        method: Its name.
        argument: The description or the digits that came with it.
    """

    time: float
    branch: str
    method: str
    argument: SessionDescription | str | None = None


@implementer(IMediaFactory)
class ScriptedMedia:
    """Media by script.

    Attributes:
        description: What is offered, and what answers are made from.
        calls: All calls so far, in order.
        violations: What was done that the interface forbids.
        sessions: All sessions ever opened, in order.
    """

    def __init__(
        self,
        clock: IReactorTime,
        offer: SessionDescription | None = None,
        *,
        can_replace_answer: bool = True,
        can_fork_offer: bool = True,
    ) -> None:
        """Media that succeeds at once until a test says otherwise.

        Args:
            clock: Times the calls and the late reactions.
            offer: The description, None for a plain audio offer.
            can_replace_answer: The flag of the interface.
            can_fork_offer: The flag of the interface.
        """
        self.description = offer or plain_audio_offer("192.0.2.1", 40_000)
        self.can_replace_answer = can_replace_answer
        self.can_fork_offer = can_fork_offer
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.sessions: list[ScriptedSession] = []
        self._clock = clock
        self._reactions: dict[tuple[str, str | None], list[Reaction]] = {}

    def react(
        self, method: str, *reactions: Reaction, branch: str | None = None
    ) -> None:
        """Say how the next calls of a method go, one after the other.

        Args:
            method: One of `METHODS`.
            reactions: The last one holds for all calls after it, too.
            branch: Only for this branch; it goes before what holds for all.
        """
        if method not in METHODS or not reactions:
            raise LocalProtocolError(f"no reactions, or no method {method!r} of media")
        self._reactions[method, branch] = list(reactions)

    def called(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    @property
    def open_sessions(self) -> list[ScriptedSession]:
        """The sessions that were not closed."""
        return [session for session in self.sessions if not session.is_closed]

    def check(self, *, is_over: bool = True) -> None:
        """Fail the test if the media was misused.

        Args:
            is_over: Whether every session must be closed by now.

        Raises:
            AssertionError: With all violations.
        """
        faults = list(self.violations)
        if is_over:
            faults += [f"{s.branch!r} was never closed" for s in self.open_sessions]
        if faults:
            raise AssertionError("media was misused: " + "; ".join(faults))

    def offer(self) -> Deferred[ILocalOffer] | ILocalOffer:
        """A fresh offer."""
        return self.perform("", "offer", None, lambda: ScriptedOffer(self))

    def open(self, branch: str) -> ScriptedSession:
        """The media session of one dialog in which the peer makes the offer."""
        self.record(branch, "open")
        return ScriptedSession(self, branch, None)

    def record(
        self, branch: str, method: str, argument: SessionDescription | str | None = None
    ) -> None:
        """Keep a call; for the offers and sessions of this media."""
        self.calls.append(Call(self._clock.seconds(), branch, method, argument))

    def violated(self, fault: str) -> LocalProtocolError:
        """Keep a violation, and return it to be raised."""
        self.violations.append(fault)
        return LocalProtocolError(fault)

    def perform(
        self,
        branch: str,
        method: str,
        argument: SessionDescription | str | None,
        result: Callable[[], _T],
        over: Callable[[], None] = lambda: None,
    ) -> Deferred[_T] | _T:
        """Record a call and react to it; for the offers and sessions of this media.

        Args:
            branch: The branch, "" for none.
            method: One of `METHODS`.
            argument: What came with the call.
            result: Called where the reaction is success, for its result.
            over: Called when the reaction is over, however it ends.
        """
        self.record(branch, method, argument)
        reaction = self._next(method, branch)
        if reaction.is_silent or reaction.delay > 0:
            return self._later(reaction, result, over)
        over()
        if reaction.error is not None:
            raise reaction.error
        return result()

    def _later(
        self, reaction: Reaction, result: Callable[[], _T], over: Callable[[], None]
    ) -> Deferred[_T]:
        waiting: Deferred[_T] = Deferred(lambda _: stop())

        def finish() -> None:
            over()
            if reaction.error is not None:
                waiting.errback(reaction.error)
            else:
                waiting.callback(result())

        if reaction.is_silent:
            stop = over
        else:
            call = self._clock.callLater(reaction.delay, finish)

            def stop() -> None:
                call.cancel()
                over()

        return waiting

    def _next(self, method: str, branch: str) -> Reaction:
        for key in ((method, branch), (method, None)):
            reactions = self._reactions.get(key)
            if reactions:
                return reactions.pop(0) if len(reactions) > 1 else reactions[0]
        return AT_ONCE


@implementer(ILocalOffer)
class ScriptedOffer:
    """One offer of scripted media.

    Attributes:
        description: The offer.
        sessions: The sessions opened for it, by branch.
        is_closed: Whether no further branch may be opened.
    """

    def __init__(self, media: ScriptedMedia) -> None:
        self.description = media.description
        self.sessions: dict[str, ScriptedSession] = {}
        self.is_closed = False
        self._media = media

    def open(self, branch: str) -> ScriptedSession:
        """The media session of one dialog that may answer this offer."""
        self._media.record(branch, "open")
        if self.is_closed:
            raise self._media.violated(f"{branch!r} opened on a closed offer")
        if branch in self.sessions:
            raise self._media.violated(f"{branch!r} opened twice")
        still_open = [s.branch for s in self.sessions.values() if not s.is_closed]
        if still_open and not self._media.can_fork_offer:
            raise self._media.violated(
                f"{branch!r} opened while {still_open[0]!r} is open"
            )
        session = ScriptedSession(self._media, branch, self.description)
        self.sessions[branch] = session
        return session

    def close(self) -> None:
        """No further branch will be opened."""
        self._media.record("", "close")
        self.is_closed = True


@implementer(IMediaSession)
class ScriptedSession:
    """The media of one dialog, by script.

    Attributes:
        branch: What the dialog is called; it keeps the name it was opened with.
        offer: Our last offer, None where only the peer has made any.
        answer: The answer in force, the peer's or our own; None before it.
        is_held: Whether we hold the session.
        is_working: Whether something asked of it is not over.
        is_closed: Whether `close` was called.
    """

    def __init__(
        self, media: ScriptedMedia, branch: str, offer: SessionDescription | None
    ) -> None:
        self.branch = branch
        self.offer = offer
        self.answer: SessionDescription | None = None
        self.is_held = False
        self.is_working = False
        self.is_closed = False
        # What can be gone back to: what was in force when something was last begun.
        self._before: tuple[SessionDescription | None, bool] | None = None
        # The state that our open offer asks for; None where none is open.
        self._wanted_held: bool | None = None if offer is None else False
        self._media = media
        media.sessions.append(self)

    @property
    def is_running(self) -> bool:
        """Whether media flows: there is an answer, and it was not closed."""
        return self.answer is not None and not self.is_closed

    def apply_answer(self, answer: SessionDescription) -> Deferred[None] | None:
        """Take the peer's answer to our offer, as the script says."""
        if self.offer is None:
            raise self._violated("apply_answer without an offer of ours")
        if self._wanted_held is None:
            raise self._violated("apply_answer a second time")

        def applied() -> None:
            self.is_held, self._wanted_held = bool(self._wanted_held), None
            self._before = None
            self._answered(answer)

        return self._work("apply_answer", answer, applied)

    def replace_answer(self, answer: SessionDescription) -> Deferred[None] | None:
        """Take another answer to the same offer, as the script says."""
        if not self._media.can_replace_answer:
            raise self._violated("replace_answer of media that cannot")
        if self.answer is None or self._wanted_held is not None:
            raise self._violated("replace_answer before any answer")
        return self._work("replace_answer", answer, lambda: self._answered(answer))

    def make_answer(
        self, offer: SessionDescription
    ) -> Deferred[SessionDescription] | SessionDescription:
        """Answer the peer's offer, as the script says."""
        if self._wanted_held is not None:
            raise self._violated("make_answer while our offer waits for its answer")

        def made() -> SessionDescription:
            wanted = self._media.description
            answer = answer_to(offer, held(wanted) if self.is_held else wanted)
            self._before, self.answer = (self.answer, self.is_held), answer
            return answer

        return self._work("make_answer", offer, made)

    def make_offer(
        self, is_held: bool
    ) -> Deferred[SessionDescription] | SessionDescription:
        """A new offer, as the script says."""
        if self.answer is None:
            raise self._violated("make_offer before the first exchange")
        if self._wanted_held is not None:
            raise self._violated("make_offer while another waits for its answer")

        def made() -> SessionDescription:
            usual = self._media.description
            self.offer = held(usual) if is_held else usual
            self._before, self._wanted_held = (self.answer, self.is_held), is_held
            return self.offer

        return self._work("make_offer", None, made)

    def rollback(self) -> Deferred[None] | None:
        """Go back, as the script says."""
        if self._before is None and not self.is_closed:
            raise self._violated("rollback with nothing to go back to")

        def back() -> None:
            if self._before is not None:
                self.answer, self.is_held = self._before
            self._before = self._wanted_held = None

        return self._work("rollback", None, back)

    def close(self) -> None:
        """End; exactly once."""
        if self.is_closed:
            raise self._violated("close twice")
        self._media.record(self.branch, "close")
        self.is_closed = True

    def send_dtmf(self, digits: str) -> Deferred[None] | None:
        """Send digits, as the script says."""
        if self.is_closed or self.answer is None:
            raise self._violated("send_dtmf without running media")
        return self._media.perform(self.branch, "send_dtmf", digits, lambda: None)

    def _answered(self, answer: SessionDescription) -> None:
        self.answer = answer

    def _work(
        self,
        method: str,
        description: SessionDescription | None,
        result: Callable[[], _T],
    ) -> Deferred[_T] | _T:
        """React to something that must not overlap with anything else."""
        if self.is_closed:
            raise self._violated(f"{method} after close")
        if self.is_working:
            raise self._violated(f"{method} while another call is not over")
        self.is_working = True
        return self._media.perform(self.branch, method, description, result, self._rest)

    def _rest(self) -> None:
        self.is_working = False

    def _violated(self, fault: str) -> LocalProtocolError:
        return self._media.violated(f"{self.branch!r}: {fault}")
