"""What happened in a world, for people: its ladder, its packets, its events."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from sipuac.testing.simulation.network import PORT
from sipuac.testing.simulation.runs import faults_of
from sipuac.testing.simulation.scenario import CALLER, Scenario
from sipuac.testing.simulation.shrink import shrunk
from sipuac.testing.simulation.world import World
from sipuac.ua.ladder import draw_ladder
from sipuac.ua.trace import Trace


def story(scenario: Scenario) -> str:
    """Play a scenario, and tell it."""
    world = World(scenario)
    trace = Trace()
    world.agent.add_tracer(trace)
    violations = world.run().violations
    hosts = [CALLER, *(proxy.name for proxy in scenario.proxies)]
    hosts += [phone.name for phone in scenario.phones]
    names = {(host, PORT): host for host in hosts}
    parts = ["The scenario:", written(scenario), "", "At the caller's edge:"]
    for user in world.users:
        call = user.invitation
        if call is not None:
            parts.append(draw_ladder(trace.of_call(call.call_id), names=names))
    parts += ["All packets:", world.network.transcript(), ""]
    for user in world.users:
        parts.append(
            f"Call {user.index}: the user did {', '.join(user.done) or 'nothing'}"
        )
        if user.invitation is not None:
            parts += [f"{one.time:9.3f} {one.body}" for one in user.invitation.events]
        parts += [
            f"{one.time:9.3f} media: {one.branch} {one.method}"
            for one in user.media.calls
        ]
    faults = violations or faults_of(scenario)
    parts += ["", *(faults or ["no violation"])]
    return "\n".join(parts)


def shrunk_story(scenario: Scenario) -> str:
    """The story of the least scenario that breaks the same invariant."""
    broken = _broken(scenario)

    def fails(candidate: Scenario) -> bool:
        return bool(broken & _broken(candidate))

    return story(shrunk(scenario, fails) if broken else scenario)


def _broken(scenario: Scenario) -> set[str]:
    """The invariants that a scenario breaks, by name."""
    return {text.partition(":")[0] for text in faults_of(scenario)}


def written(value: Any) -> str:
    """A scenario as Python writes it, without what is so by default.

    It takes any value, because a scenario is made of values of many types.
    """
    if isinstance(value, tuple):
        inner = ", ".join(written(one) for one in value)
        return f"({inner},)" if value else "()"
    if not is_dataclass(value):
        return repr(value)
    parts = []
    for field in fields(value):
        now = getattr(value, field.name)
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if default is MISSING or now != default:
            parts.append(f"{field.name}={written(now)}")
    return f"{type(value).__name__}({', '.join(parts)})"
