"""Every machine is walked: all its states, rows and timers, by every path there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import Effect, Fail, StartTimer, StopTimer, Terminated
from sipuac.errors import TransportFailed
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.derived import ack_of
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transaction.timers import Timer
from tests.transaction.messages import request_of, response_of

_T = TypeVar("_T", bound=Transaction)
Input = Callable[[_T], list[Effect]]

INVITE = request_of("INVITE")
ACK = ack_of(INVITE, response_of(INVITE, 404))
INFO = request_of("INFO")
ERROR = TransportFailed("connection reset")

INVITE_CLIENT: dict[str, Input[InviteClientTransaction]] = {
    Event.R1XX: lambda machine: machine.receive(response_of(INVITE, 180)),
    Event.R2XX: lambda machine: machine.receive(response_of(INVITE, 200)),
    Event.R300_699: lambda machine: machine.receive(response_of(INVITE, 404)),
}
NON_INVITE_CLIENT: dict[str, Input[NonInviteClientTransaction]] = {
    Event.R1XX: lambda machine: machine.receive(response_of(INFO, 100)),
    Event.R200_699: lambda machine: machine.receive(response_of(INFO, 200)),
}
INVITE_SERVER: dict[str, Input[InviteServerTransaction]] = {
    Event.INVITE: lambda machine: machine.receive(INVITE),
    Event.ACK: lambda machine: machine.receive(ACK),
    Event.R1XX: lambda machine: machine.respond(response_of(INVITE, 180)),
    Event.R2XX: lambda machine: machine.respond(response_of(INVITE, 200)),
    Event.R300_699: lambda machine: machine.respond(response_of(INVITE, 404)),
}
NON_INVITE_SERVER: dict[str, Input[NonInviteServerTransaction]] = {
    Event.REQUEST: lambda machine: machine.receive(INFO),
    Event.R100: lambda machine: machine.respond(response_of(INFO, 100)),
    Event.R200_699: lambda machine: machine.respond(response_of(INFO, 200)),
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a machine can be: its state and the timers that run for it."""

    state: str
    running: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One input at one place, and what came of it."""

    start: _Place
    event: str
    end: _Place
    effects: tuple[Effect, ...]


def _running_after(running: frozenset[str], effects: list[Effect]) -> frozenset[str]:
    timers = set(running)
    for effect in effects:
        if isinstance(effect, StartTimer):
            timers.add(effect.timer)
        elif isinstance(effect, StopTimer):
            timers.discard(effect.timer)
    return frozenset(timers)


def _walk(
    make: Callable[[], _T], inputs: dict[str, Input[_T]]
) -> tuple[_Place, list[_Arrow]]:
    """Every input at every place that can be reached; timers fire only if they run."""

    def replay(path: list[str]) -> tuple[_T, _Place, list[Effect]]:
        machine = make()
        effects = machine.start()
        running = _running_after(frozenset(), effects)
        for event in path:
            before = running
            if isinstance(event, Timer):
                before -= {event}
                effects = machine.fire(event)
            elif event == Event.TRANSPORT_ERROR:
                effects = machine.transport_failed(ERROR)
            else:
                effects = inputs[event](machine)
            running = _running_after(before, effects)
        return machine, _Place(machine.state, running), effects

    first = replay([])[1]
    paths = {first: list[str]()}
    pending = [first]
    arrows = []
    while pending:
        start = pending.pop()
        for event in [*inputs, Event.TRANSPORT_ERROR, *sorted(start.running)]:
            path = [*paths[start], event]
            _, end, effects = replay(path)
            arrows.append(_Arrow(start, event, end, tuple(effects)))
            if end not in paths:
                paths[end] = path
                pending.append(end)
    return first, arrows


class _Walked(SynchronousTestCase):
    """What holds for each machine; the classes below name the machine."""

    kind: type[Transaction]
    #: States that may last for ever: somebody has to speak.
    patient: frozenset[str] = frozenset()

    def walks(self) -> list[tuple[_Place, list[_Arrow]]]:
        """The walks over an unreliable and over a reliable transport."""
        raise NotImplementedError

    def test_every_state_is_reached(self) -> None:
        """Each state of the table can be reached, over either transport."""
        for first, arrows in self.walks():
            reached = {first.state, *(arrow.end.state for arrow in arrows)}
            self.assertEqual(reached, set(self.kind.transitions))

    def test_every_row_is_walked(self) -> None:
        """Each row of the table is taken over one of the transports at least, and leads
        where it says.
        """
        walked = set()
        for _, arrows in self.walks():
            for arrow in arrows:
                row = self.kind.transitions[arrow.start.state].get(arrow.event)
                if row is None:
                    self.assertEqual(arrow.effects, ())
                    self.assertEqual(arrow.end.state, arrow.start.state)
                    continue
                if arrow.end.state != row[0]:
                    # The one input that a machine turns away before its table: a 100
                    # that comes too early over an unreliable transport.
                    self.assertEqual(arrow.event, Event.R100)
                    self.assertEqual(arrow.effects, ())
                    continue
                walked.add((arrow.start.state, arrow.event))
        rows = {
            (state, event)
            for state, events in self.kind.transitions.items()
            for event in events
        }
        self.assertEqual(walked, rows)

    def test_every_state_can_end(self) -> None:
        """From wherever the machine is it can come to Terminated."""
        for first, arrows in self.walks():
            ending = {arrow.end for arrow in arrows if arrow.end.state == "Terminated"}
            while True:
                more = {arrow.start for arrow in arrows if arrow.end in ending}
                if more <= ending:
                    break
                ending |= more
            everywhere = {first, *(arrow.end for arrow in arrows)}
            self.assertEqual(everywhere, ending)

    def test_no_state_lasts_for_ever(self) -> None:
        """If nothing arrives any more the timers alone bring every state to its end,
        but for those where a user or a phone thinks.
        """
        for first, arrows in self.walks():
            by_timer: dict[_Place, set[_Place]] = {}
            for arrow in arrows:
                if isinstance(arrow.event, Timer) and arrow.end != arrow.start:
                    by_timer.setdefault(arrow.start, set()).add(arrow.end)
            for place in {first, *(arrow.end for arrow in arrows)}:
                reached, pending = {place}, [place]
                while pending:
                    for end in by_timer.get(pending.pop(), set()) - reached:
                        reached.add(end)
                        pending.append(end)
                does_end = any(end.state == "Terminated" for end in reached)
                self.assertEqual(does_end, place.state not in self.patient, place)

    def test_every_timer_has_a_row(self) -> None:
        """A timer runs only where it means something: it has a row in each state that
        it may fire in, and is stopped before any other.
        """
        for first, arrows in self.walks():
            for place in {first, *(arrow.end for arrow in arrows)}:
                if place.state == "Terminated":
                    continue  # its timers are forgotten with it
                rows = self.kind.transitions[place.state]
                self.assertEqual(place.running - set(rows), frozenset(), place)

    def test_termination(self) -> None:
        """`Terminated` is the last effect of every way into that state, and of no
        other; a `Fail` that ends the machine comes before it.
        """
        for _, arrows in self.walks():
            for arrow in arrows:
                enters = (
                    arrow.end.state == "Terminated"
                    and arrow.start.state != "Terminated"
                )
                is_last = arrow.effects[-1:] == (Terminated(),)
                self.assertEqual(is_last, enters, arrow)
                self.assertNotIn(Terminated(), arrow.effects[:-1])
                failures = [
                    effect for effect in arrow.effects if isinstance(effect, Fail)
                ]
                self.assertLessEqual(len(failures), 1)

    def test_terminated(self) -> None:
        """In Terminated every input is ignored."""
        self.assertEqual(self.kind.transitions["Terminated"], {})


class InviteClientWalk(_Walked):
    """The INVITE client; in Proceeding a phone rings as long as it likes."""

    kind = InviteClientTransaction
    patient = frozenset(["Proceeding"])

    def walks(self) -> list[tuple[_Place, list[_Arrow]]]:
        """See `_Walked`."""
        return [
            _walk(lambda: InviteClientTransaction(INVITE, False), INVITE_CLIENT),
            _walk(lambda: InviteClientTransaction(INVITE, True), INVITE_CLIENT),
        ]


class NonInviteClientWalk(_Walked):
    """The non-INVITE client."""

    kind = NonInviteClientTransaction

    def walks(self) -> list[tuple[_Place, list[_Arrow]]]:
        """See `_Walked`."""
        return [
            _walk(lambda: NonInviteClientTransaction(INFO, False), NON_INVITE_CLIENT),
            _walk(lambda: NonInviteClientTransaction(INFO, True), NON_INVITE_CLIENT),
        ]


class InviteServerWalk(_Walked):
    """The INVITE server; in Proceeding its user thinks as long as it likes."""

    kind = InviteServerTransaction
    patient = frozenset(["Proceeding"])

    def walks(self) -> list[tuple[_Place, list[_Arrow]]]:
        """See `_Walked`."""
        return [
            _walk(lambda: InviteServerTransaction(INVITE, False), INVITE_SERVER),
            _walk(lambda: InviteServerTransaction(INVITE, True), INVITE_SERVER),
        ]


class NonInviteServerWalk(_Walked):
    """The non-INVITE server."""

    kind = NonInviteServerTransaction

    def walks(self) -> list[tuple[_Place, list[_Arrow]]]:
        """See `_Walked`."""
        return [
            _walk(lambda: NonInviteServerTransaction(INFO, False), NON_INVITE_SERVER),
            _walk(lambda: NonInviteServerTransaction(INFO, True), NON_INVITE_SERVER),
        ]


# The class that only says what holds for each is no test of its own.
del _Walked
