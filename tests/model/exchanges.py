"""The offer/answer exchange of a dialog, as a model.

Its table is not of a class but of its module, and who sends what counts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sipuac.sdp import exchange, patterns
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.patterns import RULES, Carrier, Event, State
from tests.model.memories import memory_of
from tests.model.tables import Effects, Ignored, Model, Object, Scene, Table
from tests.sdp.steps import A, B

#: What an exchange remembers besides its state.
MEMORY = (
    *("_before_invite", "_is_inviter", "_is_updater"),
    *("agreed", "is_offer_ours", "offer", "preview"),
)


@contextmanager
def _using(table: Table) -> Iterator[type[Any]]:
    # Not by assignment: the module does not export what it has imported.
    usual = vars(exchange)["transitions"]
    vars(exchange)["transitions"] = table
    try:
        yield Exchange
    finally:
        vars(exchange)["transitions"] = usual


def _plain(table: Mapping[State, Mapping[Event, tuple[State, Any]]]) -> Table:
    """The same; its keys are strings, which a mapping's type does not see."""
    return {state: dict(rows.items()) for state, rows in table.items()}


def _refused() -> Ignored:
    """What the table ignores, and what rules refuse."""
    every: dict[str, dict[tuple[str, ...], str]] = {}
    for state in State:
        rows = every[state] = dict(patterns.ignored[state])
        for event, rules in RULES.items():
            fitting = [one for one in rules if one[0] is None or state in one[0]]
            if fitting and event not in patterns.transitions[state]:
                _, rule, reason = fitting[0]
                rows[(event,)] = f"Refused, {rule}: {reason}."
    return every


def _said(way: str, carrier: Carrier, has_sdp: bool) -> Callable[[Object], Effects]:
    description = (A if way == "sent" else B) if has_sdp else None

    def say(machine: Object) -> Effects:
        getattr(machine, way)(carrier, description)
        return []

    return say


def _failed(carrier: Carrier) -> Callable[[Object], Effects]:
    def fail(machine: Object) -> Effects:
        machine.failed(carrier)
        return []

    return fail


_INPUTS = {
    **{
        f"{way} {carrier.value}{' with SDP' if has_sdp else ''}": (
            _said(way, carrier, has_sdp)
        )
        for carrier in Carrier
        for has_sdp in (False, True)
        for way in ("sent", "received")
    },
    **{
        f"{carrier.value} failed": _failed(carrier)
        for carrier in (Carrier.INVITE, Carrier.PRACK, Carrier.UPDATE)
    },
}


def _scene(name: str, keeps_preview: bool) -> Scene:
    return Scene(
        name,
        lambda kind: (kind(keeps_preview=keeps_preview), []),
        _INPUTS,
        memory_of(*MEMORY),
    )


_FAILURES: dict[str, str] = {
    Event.INVITE_FAILED: "The INVITE ends.",
    Event.REINVITE_FAILED: "The INVITE ends.",
}
_OPEN = frozenset(
    {
        *(State.INVITED, State.OFFERED, State.PREVIEWED, State.OFFERED_1XX),
        *(State.ANSWERED_PRACK, State.ANSWERED_1XX, State.PRACKED),
        *(State.OFFERED_PRACK, State.EARLY, State.EARLY_UPDATE),
    }
)

EXCHANGE = Model(
    name="Exchange",
    title="Offer/answer exchange of a dialog",
    rule="RFC 3264, RFC 6337 section 2.2",
    module=patterns.__name__,
    states=State,
    events=tuple(Event),
    timers=(),
    start=State.IDLE,
    ends=frozenset(),
    table=_plain(patterns.transitions),
    ignored=_refused(),
    using=_using,
    scenes=(_scene("preview kept", True), _scene("preview replaced", False)),
    waits={
        State.IDLE: "Nothing has begun.",
        State.STABLE: "The session lasts for as long as both sides like.",
    },
    certain={
        **dict.fromkeys(_OPEN, _FAILURES),
        State.OFFERED_EARLIER: {
            Event.PRACK_SDP: "The media answers, or the refusing answer goes out."
        },
        State.OFFERED_2XX: {
            Event.ACK_SDP: "The media answers, or the refusing answer goes out."
        },
        State.LATE_PRACK: {Event.PRACK_FAILED: "PRACK has its timer F."},
        State.UPDATE: {Event.UPDATE_FAILED: "UPDATE has its timer F."},
    },
    never_taken=frozenset([Event.UPDATE_OK]),
    turned_away={
        (state, f"{way} UPDATE"): "RFC 3311 5.1: without an offer it is no exchange."
        for state in State
        for way in ("sent", "received")
    },
)
