"""Who places the calls: asks for one, changes his mind, and hangs up in the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sipuac.dialog.events import Failed
from sipuac.errors import MediaRefused
from sipuac.testing import media as scripted
from sipuac.testing.media import AT_ONCE, NEVER, ScriptedMedia
from sipuac.testing.simulation.agent import Agent
from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.scenario import Act, CallPlan, Reaction
from sipuac.ua.events import CallEvent
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session


class Promise:
    """A Deferred, and how often it fired.

    Attributes:
        name: What it promises.
        count: How often it fired.
        waited: Seconds until it did; None so far.
        limit: Seconds that it may take, beside the timers; None for no bound.
        error: What it failed with.
    """

    def __init__(
        self, name: str, clock: SimulationClock, limit: float | None = None
    ) -> None:
        self.name = name
        self.count = 0
        self.waited: float | None = None
        self.limit = limit
        self.error: BaseException | None = None
        self._clock = clock
        self._since = clock.rightNow

    def watch(self, deferred: Deferred[Any]) -> None:
        """Count how often this fires."""
        deferred.addCallbacks(self._fired, self._failed)

    def _fired(self, result: object) -> None:
        self.count += 1
        self.waited = self._clock.rightNow - self._since

    def _failed(self, failure: Failure) -> None:
        self._fired(None)
        self.error = failure.value


class User:
    """One call of our user.

    Attributes:
        index: Which one.
        plan: What he does.
        media: The media of the call.
        invitation: The call; None until its INVITE was sent.
        promises: All Deferreds that he was given.
        done: What he did, by name.
        has_interrupted_media: Whether he hung up while the media was at work.
    """

    def __init__(
        self, index: int, plan: CallPlan, agent: Agent, clock: SimulationClock
    ) -> None:
        self.index = index
        self.plan = plan
        self.media = media_of(plan, clock)
        self.invitation: Invitation | None = None
        self.promises: list[Promise] = []
        self.done: list[str] = []
        self.has_interrupted_media = False
        self._agent = agent
        self._clock = clock
        self._asked: Deferred[Invitation] | None = None
        self._final: Deferred[Any] | None = None
        self._established: Deferred[Any] | None = None
        self._waiting = [act for act in plan.acts if act.since != "invite"]
        if self._waiting:
            agent.inviter.add_observer(self._event)
        clock.callLater(plan.at, self._begin)

    def _begin(self) -> None:
        plan = self.plan
        asked = self._asked = self._agent.inviter.invite(
            self._agent.target,
            media=self.media,
            early_media=plan.early_media,
            without_sdp=plan.without_sdp,
            answer=plan.answer,
            reliable=plan.reliable,
            on_fork=plan.on_fork or None,
            extra_ringing=plan.extra_ringing,
            answer_timeout=plan.answer_timeout,
            fork_hold=plan.fork_hold,
            fork_grace=plan.fork_grace,
            max_extras=plan.max_extras,
            session_expires=plan.session_expires,
            follow_redirects=plan.follow_redirects,
        )
        self._promise("invite", plan.answer_timeout).watch(
            asked.addCallback(self._sent)
        )
        for act in plan.acts:
            if act.since == "invite":
                self._later(act.at, act)
        self._later(plan.ends_at, Act(plan.ends_at, "hangup"))

    def _sent(self, invitation: Invitation) -> None:
        self.invitation = invitation
        limit = self.plan.answer_timeout
        self._final = invitation.final
        self._established = invitation.established
        self._promise("final", limit).watch(self._final)
        stands = self._established.addCallback(self._stands)
        self._promise("established", limit).watch(stands)
        self._promise("done").watch(invitation.done)

    def _stands(self, session: Session) -> None:
        self._promise("ended").watch(session.ended)

    def _event(self, event: CallEvent) -> None:
        """Something happened to a call; this is inside the callback that says so."""
        call = self.invitation
        if call is None or event.call_id != call.call_id:
            return
        for act in [one for one in self._waiting if one.since == event.body.event]:
            self._waiting.remove(act)
            if act.at:
                self._later(act.at, act)
            else:
                self._do(act)

    def _promise(self, name: str, limit: float | None = None) -> Promise:
        promise = Promise(name, self._clock, limit)
        self.promises.append(promise)
        return promise

    def _later(self, seconds: float, act: Act) -> None:
        self._clock.callLater(seconds, self._do, act)

    def _do(self, act: Act) -> None:
        call = self.invitation
        if call is None:
            if act.what in ("cancel", "hangup") and self._asked is not None:
                # Before the INVITE is sent: it never will be.
                self.done.append("drop-invite")
                self._asked.cancel()
            return
        self.done.append(act.what)
        if self.is_media_working and act.what in ("cancel", "hangup", "bye"):
            self.has_interrupted_media = True
        perform: dict[str, Callable[[Invitation], None]] = {
            "cancel": lambda call: call.cancel(),
            "hangup": lambda call: self._promise("hangup").watch(call.hangup()),
            "bye": self._bye,
            "end-branch": self._end_branch,
            "drop-final": lambda call: _cancel(self._final),
            "drop-established": lambda call: _cancel(self._established),
        }
        if act.what in perform:
            perform[act.what](call)
        else:
            self._change(act.what, call)

    def _bye(self, call: Invitation) -> None:
        for session in list(call.sessions.values()):
            self._promise("bye").watch(session.bye())

    def _change(self, what: str, call: Invitation) -> None:
        """Something that is done to sessions that stand."""
        for session in list(call.sessions.values()):
            ways: dict[str, Callable[[], Deferred[Any]]] = {
                "hold": session.hold,
                "resume": session.resume,
                "modify": session.modify,
                "refresh": session.refresh,
                "info": partial(session.request, "INFO"),
            }
            self._promise(what).watch(ways[what]())

    def _end_branch(self, call: Invitation) -> None:
        branches = call.branches
        if branches:
            call.bye(branches[-1].to_tag)

    @property
    def is_media_working(self) -> bool:
        """Whether any media session is at work."""
        return any(session.is_working for session in self.media.open_sessions)

    @property
    def failed_at(self) -> float | None:
        """When the call failed, seconds of the clock; None where it did not."""
        call = self.invitation
        for event in () if call is None else call.events:
            if isinstance(event.body, Failed):
                return self.plan.at + event.time
        return None

    def leave(self) -> None:
        """Keep nothing of the call; the inviter may still know its observer."""
        self.invitation = None
        self._asked = self._final = self._established = None
        self.promises.clear()
        # The errors that media was to raise remember what they went through.
        self.media = ScriptedMedia(self._clock)

    def state(self) -> object:
        """All that somebody else must not change."""
        call = self.invitation
        if call is None:
            return None
        sessions = [(tag, one.state) for tag, one in call.sessions.items()]
        return (
            call.state,
            call.branches,
            sessions,
            len(call.events),
            len(self.media.calls),
            [promise.count for promise in self.promises],
        )


def _cancel(deferred: Deferred[Any] | None) -> None:
    if deferred is not None:
        deferred.cancel()


def media_of(plan: CallPlan, clock: SimulationClock) -> ScriptedMedia:
    """The media of a call."""
    media = ScriptedMedia(
        clock,
        can_replace_answer=plan.can_replace_answer,
        can_fork_offer=plan.can_fork_offer,
    )
    by_method: dict[str, list[scripted.Reaction]] = {}
    for reaction in plan.reactions:
        times = min(reaction.times, 20)
        by_method.setdefault(reaction.method, []).extend([_scripted(reaction)] * times)
    for method, reactions in by_method.items():
        media.react(method, *reactions, AT_ONCE)
    return media


def _scripted(reaction: Reaction) -> scripted.Reaction:
    if reaction.how == "never":
        return NEVER
    if reaction.how == "late":
        return scripted.late(reaction.seconds)
    if reaction.how == "refuse":
        return scripted.refuse(delay=reaction.seconds)
    return scripted.fail(MediaRefused("broken"), reaction.seconds)
