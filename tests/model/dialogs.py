"""The machines of a dialog and of a registration, as models."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from sipuac.dialog import branch, modification, reliable, session_state, session_timer
from sipuac.dialog.branch import Branch, BranchEvent, BranchState
from sipuac.dialog.dialog import Dialog
from sipuac.dialog.modification import OwnModification, Purpose, Stage, Wish
from sipuac.dialog.reliable import ReliableOrder
from sipuac.dialog.session_interval import Agreed
from sipuac.dialog.session_state import SessionEvent, SessionMachine, SessionState
from sipuac.dialog.session_timer import SessionTimer, SessionTimerName
from sipuac.errors import TransactionTimeout, TransportFailed
from sipuac.registration import registration
from sipuac.registration.options import RegistrationOptions
from sipuac.registration.registration import Registration, RegistrationTimer
from sipuac.sdp.exchange import Exchange
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Response
from tests.dialog.messages import invite
from tests.dialog.session_timers import ASK, accepting, refusing, update
from tests.model.memories import memory_of
from tests.model.tables import Effects, Model, Object, Scene
from tests.model.transactions import with_table

# Machines of events alone: what else happens is said by who sends the events.


def _handled(event: Enum) -> Callable[[Object], Effects]:
    def handle(machine: Object) -> Effects:
        machine.handle(event)
        return []

    return handle


def _plain_scene(
    make: Callable[[type[Object]], Object], events: type[Enum], *memory: str
) -> Scene:
    return Scene(
        "",
        lambda kind: (make(kind), []),
        {event.value: _handled(event) for event in events},
        memory_of(*memory),
    )


SESSION = Model(
    name="SessionMachine",
    title="Session",
    rule="What ``Session.state`` says to the application.",
    module=session_state.__name__,
    states=SessionState,
    events=tuple(SessionEvent),
    timers=(),
    start=SessionState.INITIAL,
    ends=frozenset([SessionState.TERMINATED]),
    table=SessionMachine.transitions,
    ignored=SessionMachine.ignored,
    using=with_table(SessionMachine),
    scenes=(_plain_scene(lambda kind: kind(), SessionEvent),),
    waits={SessionState.ESTABLISHED: "Both sides talk for as long as they like."},
    certain={
        SessionState.INITIAL: {
            SessionEvent.OVER: "An INVITE that cannot be sent fails at once.",
        },
        SessionState.ESTABLISHING: {
            SessionEvent.ENDING: "The answer timer brings CANCEL.",
        },
        SessionState.TERMINATING: {
            SessionEvent.OVER: "CANCEL has 64*T1 (RFC 3261 9.1), BYE its timer F.",
        },
    },
)

BRANCH = Model(
    name="Branch",
    title="Branch of a forked INVITE",
    rule="RFC 3261 sections 12.3, 13.2.2.4 and 15, RFC 6228 section 7",
    module=branch.__name__,
    states=BranchState,
    events=tuple(BranchEvent),
    timers=(),
    start=BranchState.EARLY,
    ends=frozenset([BranchState.ENDED]),
    table=Branch.transitions,
    ignored=Branch.ignored,
    using=with_table(Branch),
    scenes=(
        Scene(
            "",
            lambda kind: (kind("a", 1, Dialog(invite(), "a"), Exchange()), []),
            {event.value: _handled(event) for event in BranchEvent},
            lambda one: (one.is_acked, one.dialog.state),
        ),
    ),
    waits={
        BranchState.GONE: "Its 2xx may still come, until the INVITE is forgotten.",
        BranchState.STANDING: "Its call lasts for as long as both sides like.",
    },
    certain={
        BranchState.EARLY: {
            BranchEvent.LOST: "The INVITE ends, or 64*T1 pass after its first 2xx.",
        },
        **{
            state: {BranchEvent.BYE_FINISHED: "BYE has its timer F."}
            for state in (BranchState.ENDING, BranchState.RELEASING)
        },
    },
)

OWN_MODIFICATION = Model(
    name="OwnModification",
    title="Change of a session",
    rule="RFC 3261 section 14.1, RFC 3311, RFC 6141",
    module=modification.__name__,
    states=Stage,
    events=tuple(modification.Event),
    timers=(),
    start=Stage.BEGINNING,
    ends=frozenset([Stage.OVER]),
    table=OwnModification.transitions,
    ignored=OwnModification.ignored,
    using=with_table(OwnModification),
    scenes=(_plain_scene(lambda kind: kind(Wish(Purpose.MODIFY)), modification.Event),),
    certain={
        Stage.BEGINNING: {
            modification.Event.FINISHED: "Its turn comes, or its dialog ends.",
        },
        Stage.MAKING: {
            modification.Event.FINISHED: "The media timer ends what takes too long.",
        },
        Stage.SENT: {
            modification.Event.FINISHED: "Each request is answered or times out.",
        },
        Stage.APPLYING: {
            modification.Event.FINISHED: "The media timer ends what takes too long.",
        },
        Stage.WAITING: {
            modification.Event.AGAIN: "The timer of RFC 3261 section 14.1 fires.",
        },
    },
)


# The order of reliable provisional responses.


def _reliable(rseq: int) -> Callable[[Object], Effects]:
    rows = (("Require", "100rel"), ("RSeq", str(rseq)), ("CSeq", "1 INVITE"))
    response = Response(183, None, rows)
    return lambda machine: [machine.judge(response)]


def _finish(machine: Object) -> Effects:
    machine.finish()
    return []


RELIABLE_ORDER = Model(
    name="ReliableOrder",
    title="Reliable provisional responses of a dialog",
    rule="RFC 3262 section 4",
    module=reliable.__name__,
    states=reliable.State,
    events=tuple(reliable.Event),
    timers=(),
    start=reliable.State.NONE,
    ends=frozenset([reliable.State.OVER]),
    table=ReliableOrder.transitions,
    ignored=ReliableOrder.ignored,
    using=with_table(ReliableOrder),
    scenes=(
        Scene(
            "",
            lambda kind: (kind(), []),
            {
                **{f"RSeq {rseq}": _reliable(rseq) for rseq in range(1, 7)},
                reliable.Event.FINAL: _finish,
            },
            memory_of("_first", "last"),
        ),
    ),
    certain={
        state: {reliable.Event.FINAL: "The INVITE ends."}
        for state in (reliable.State.NONE, reliable.State.COUNTING)
    },
)


# The session timer.


def _answered(expires: str) -> Callable[[Object], Effects]:
    def answer(machine: Object) -> Effects:
        agreed = machine.answer(update(("Session-Expires", expires)))
        assert isinstance(agreed, Agreed)
        effects: Effects = machine.answered(agreed)
        return effects

    return answer


def _too_small(machine: Object) -> Effects:
    # More than it knows of, up to where the walk has seen enough.
    known = machine._memory or 90
    demanded = known + 600 if known < 1300 else known
    effects: Effects = machine.refused(refusing(422, ("Min-SE", str(demanded))))
    return effects


def _session_timer(kind: type[Object]) -> tuple[Object, Effects]:
    return kind(ASK), []


_T = session_timer.Event
SESSION_TIMER = Model(
    name="SessionTimer",
    title="Session timer",
    rule="RFC 4028",
    module=session_timer.__name__,
    states=session_timer.State,
    events=(*_T, *SessionTimerName),
    timers=tuple(SessionTimerName),
    start=session_timer.State.OFF,
    ends=frozenset([session_timer.State.OVER]),
    table=SessionTimer.transitions,
    ignored=SessionTimer.ignored,
    using=with_table(SessionTimer),
    scenes=(
        Scene(
            "",
            _session_timer,
            {
                _T.OURS: lambda one: one.accepted(accepting("600;refresher=uac")),
                _T.PEERS: lambda one: one.accepted(accepting("600;refresher=uas")),
                _T.NO_TIMER: lambda one: one.accepted(accepting()),
                _T.TOO_SMALL: _too_small,
                _T.REFUSED: lambda one: one.refused(refusing(500)),
                "603": lambda one: one.refused(refusing(603, ("Retry-After", "9"))),
                _T.POSTPONED: lambda one: one.postpone(1.0),
                _T.LOST: lambda one: one.refused(None),
                "481": lambda one: one.refused(refusing(481)),
                _T.ENDED: lambda one: one.end(),
                "UPDATE of the peer": _answered("600;refresher=uac"),
                "UPDATE that wants us": _answered("600;refresher=uas"),
            },
            memory_of("interval", "_memory", "_raises", "_statuses"),
        ),
    ),
    waits={
        session_timer.State.OFF: "Without a session timer a session lasts for ever."
    },
    learning={
        _T.TOO_SMALL: "RFC 4028 7.4: the highest Min-SE of the dialog is kept.",
        "UPDATE of the peer": "RFC 4028 7.4: the same.",
        "UPDATE that wants us": "RFC 4028 7.4: the same.",
    },
)


# The registration.


_OURS = (NameAddress.parse("<sip:caller@192.0.2.1>"),)
_BOUND = Response(200, None, [("Contact", "<sip:caller@192.0.2.1>;expires=600")])
_R = registration.Event
_SENT = frozenset(
    {
        registration.State.REGISTERING,
        registration.State.REFRESHING,
        registration.State.STOPPING,
        registration.State.REMOVING,
    }
)


def _result(result: Any) -> Callable[[Object], Effects]:
    def finish(machine: Object) -> Effects:
        effects: Effects = machine.finished(result, _OURS)
        return effects

    return finish


def _too_brief(machine: Object) -> Effects:
    demanded = ("Min-Expires", str(machine._expires + 1))
    return _result(Response(423, None, [demanded]))(machine)


_RESULTS = {
    _R.BOUND: _result(_BOUND),
    _R.CORRECTED: _too_brief,
    "439": _result(Response(439, None, ())),
    _R.FAILED: _result(TransactionTimeout("no response")),
    "503": _result(Response(503, None, [("Retry-After", "90")])),
    "2xx without us": _result(Response(200, None, ())),
}


def _registration(kind: type[Object]) -> tuple[Object, Effects]:
    identity = NameAddress.parse("<sip:caller@example.com>")
    instance = "urn:uuid:00000000-0000-1000-8000-000A95A0E128"
    options = RegistrationOptions(identity, expires=600, instance=instance, reg_id=1)
    return kind(options, lambda: 0.0), []


def _lost(was_successful: bool) -> Callable[[Object], Effects]:
    error = TransportFailed("closed")
    return lambda one: one.flow_lost(error, was_successful=was_successful)


REGISTRATION = Model(
    name="Registration",
    title="Registration",
    rule="RFC 3261 section 10.2, RFC 5626 section 4",
    module=registration.__name__,
    states=registration.State,
    events=(*_R, *RegistrationTimer),
    timers=tuple(RegistrationTimer),
    start=registration.State.IDLE,
    ends=frozenset([registration.State.OVER]),
    table=Registration.transitions,
    ignored=Registration.ignored,
    using=with_table(Registration),
    scenes=(
        Scene(
            "",
            _registration,
            {
                **_RESULTS,
                _R.START: lambda one: one.start(),
                _R.STOP: lambda one: one.stop(),
                _R.FLOW_LOST: _lost(True),
                _R.FLOW_FAILED: _lost(False),
            },
            memory_of(
                *("_corrections", "_expires", "_is_outbound", "_lost_flows"),
                *("failures", "is_bound"),
            ),
            # One REGISTER, one result.
            is_allowed=lambda one, name: name not in _RESULTS or one.state in _SENT,
            depth=8,
        ),
    ),
    waits={
        registration.State.IDLE: "Its user starts it.",
        registration.State.REGISTERED: "It is kept up for as long as its user likes.",
    },
    certain={
        state: {
            event: "Each REGISTER is answered or times out."
            for event in (_R.BOUND, _R.FAILED, _R.STILL_BOUND)
            if event in Registration.transitions[state]
        }
        for state in _SENT
    },
    overtaken={
        (registration.State.REGISTERED, RegistrationTimer.EXPIRY): (
            RegistrationTimer.REFRESH
        )
    },
    turned_away={
        (state, _R.FLOW_FAILED): "RFC 5626 4.5: the flow of no binding was lost."
        for state in registration.State
        if state is not registration.State.REGISTERED
    },
    learning={
        _R.FLOW_LOST: "RFC 5626 4.5: a flow that was of use ends the row of failures."
    },
)
