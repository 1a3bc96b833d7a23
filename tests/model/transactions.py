"""The four transactions of RFC 3261 section 17 and RFC 6026, as models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Request
from sipuac.transaction import (
    invite_client,
    invite_server,
    non_invite_client,
    non_invite_server,
)
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.derived import ack_of
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transaction.timers import Timer
from tests.model.memories import memory_of
from tests.model.tables import Effects, Model, Object, Scene, Table
from tests.transaction.messages import request_of, response_of

INVITE = request_of("INVITE")
ACK = ack_of(INVITE, response_of(INVITE, 404))
INFO = request_of("INFO")
ERROR = TransportFailed("connection reset")

Input = Callable[[Object], Effects]


def with_table(kind: type[Any]) -> Callable[[Table], Any]:
    """Runs a class with another table than its own, as a class below it."""

    @contextmanager
    def using(table: Table) -> Iterator[type[Any]]:
        members = {"__slots__": (), "transitions": table}
        yield type(kind.__name__, (kind,), members)

    return using


def _scenes(
    request: Request, inputs: Mapping[str, Input], *memory: str
) -> tuple[Scene, ...]:
    def scene(name: str, is_reliable: bool) -> Scene:
        def begin(kind: type[Object]) -> tuple[Object, Effects]:
            machine = kind(request, is_reliable)
            return machine, machine.start()

        every: dict[str, Input] = {
            **inputs,
            Event.TRANSPORT_ERROR: lambda machine: machine.transport_failed(ERROR),
        }
        # Timers double without an end: ten times are enough for each of them.
        return Scene(name, begin, every, memory_of(*memory), depth=10)

    return scene("UDP", False), scene("TCP", True)


def _model(
    kind: type[Transaction],
    module: Any,
    *,
    events: tuple[str, ...],
    timers: tuple[str, ...],
    **more: Any,
) -> Model:
    return Model(
        name=kind.__name__,
        module=module.__name__,
        states=module.State,
        events=(*events, Event.TRANSPORT_ERROR, *timers),
        timers=timers,
        start=next(iter(kind.transitions)),
        ends=frozenset([module.State.TERMINATED]),
        table=kind.transitions,
        ignored=kind.ignored,
        using=with_table(kind),
        asks_to_be_forgotten=True,
        **more,
    )


INVITE_CLIENT = _model(
    InviteClientTransaction,
    invite_client,
    title="INVITE client transaction",
    rule="RFC 3261 section 17.1.1, figure 5 of RFC 6026",
    events=(Event.R1XX, Event.R2XX, Event.R300_699),
    timers=(Timer.A, Timer.B, Timer.D, Timer.M),
    scenes=_scenes(
        INVITE,
        {
            Event.R1XX: lambda machine: machine.receive(response_of(INVITE, 180)),
            Event.R2XX: lambda machine: machine.receive(response_of(INVITE, 200)),
            Event.R300_699: lambda machine: machine.receive(response_of(INVITE, 404)),
            # Another refusal than that which has its ACK.
            "486": lambda machine: machine.receive(response_of(INVITE, 486, "other")),
        },
        *("_ack", "_interval"),
    ),
    waits={
        invite_client.State.PROCEEDING: "A phone rings for as long as its user lets it."
    },
)

INVITE_SERVER = _model(
    InviteServerTransaction,
    invite_server,
    title="INVITE server transaction",
    rule="RFC 3261 section 17.2.1, figure 7 of RFC 6026",
    events=(Event.INVITE, Event.ACK, Event.R1XX, Event.R2XX, Event.R300_699),
    timers=(Timer.TRYING, Timer.G, Timer.H, Timer.I, Timer.L),
    scenes=_scenes(
        INVITE,
        {
            Event.INVITE: lambda machine: machine.receive(INVITE),
            Event.ACK: lambda machine: machine.receive(ACK),
            Event.R1XX: lambda machine: machine.respond(response_of(INVITE, 180)),
            Event.R2XX: lambda machine: machine.respond(response_of(INVITE, 200)),
            Event.R300_699: lambda machine: machine.respond(response_of(INVITE, 404)),
        },
        *("_last", "_interval"),
    ),
    waits={invite_server.State.PROCEEDING: "Its user thinks for as long as he likes."},
)

NON_INVITE_CLIENT = _model(
    NonInviteClientTransaction,
    non_invite_client,
    title="Non-INVITE client transaction",
    rule="RFC 3261 section 17.1.2, figure 6",
    events=(Event.R1XX, Event.R200_699),
    timers=(Timer.E, Timer.F, Timer.K),
    scenes=_scenes(
        INFO,
        {
            Event.R1XX: lambda machine: machine.receive(response_of(INFO, 100)),
            Event.R200_699: lambda machine: machine.receive(response_of(INFO, 200)),
            "404": lambda machine: machine.receive(response_of(INFO, 404)),
        },
        *("_interval",),
    ),
)

NON_INVITE_SERVER = _model(
    NonInviteServerTransaction,
    non_invite_server,
    title="Non-INVITE server transaction",
    rule="RFC 3261 section 17.2.2, figure 8, and RFC 4320",
    events=(Event.REQUEST, Event.R100, Event.R200_699),
    timers=(Timer.TRYING, Timer.EXPIRY, Timer.J),
    scenes=_scenes(
        INFO,
        {
            Event.REQUEST: lambda machine: machine.receive(INFO),
            Event.R100: lambda machine: machine.respond(response_of(INFO, 100)),
            Event.R200_699: lambda machine: machine.respond(response_of(INFO, 200)),
            "180": lambda machine: machine.respond(response_of(INFO, 180)),
            "408": lambda machine: machine.respond(response_of(INFO, 408)),
        },
        *("_last",),
    ),
    turned_away={
        **{
            (state, name): "RFC 4320 4.1 and 4.2: neither 101-199 nor 408 is sent."
            for state in non_invite_server.State
            for name in ("180", "408")
        },
        (non_invite_server.State.TRYING, Event.R100): (
            "RFC 4320 4.1: over UDP no 100 before timer E of the client is T2."
        ),
    },
)
