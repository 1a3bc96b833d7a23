"""The least scenario that still fails, as far as can be found in some tries.

One thing after the other is left out, or made what it is by default; what still breaks
the same invariant is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any

from sipuac.testing.simulation.scenario import CallPlan, ProxyPlan, Scenario

Fails = Callable[[Scenario], bool]


def shrunk(scenario: Scenario, fails: Fails, tries: int = 600) -> Scenario:
    """The smallest scenario found that still fails.

    Args:
        scenario: One that fails.
        fails: Whether another one fails in the same way.
        tries: How many may be tried.
    """
    smaller: Scenario | None = scenario
    while smaller is not None:
        scenario, smaller = smaller, None
        for candidate in _smaller(scenario):
            if tries <= 0:
                return scenario
            tries -= 1
            tidied = tidy(candidate)
            if tidied is not None and tidied != scenario and fails(tidied):
                smaller = tidied
                break
    return scenario


def tidy(scenario: Scenario) -> Scenario | None:
    """The scenario without references to who is not there; None where nobody is."""
    if not scenario.phones or not scenario.calls:
        return None
    if not scenario.proxies:
        return scenario
    names = {phone.name for phone in scenario.phones}
    proxies: list[ProxyPlan] = []
    # Proxies point to those after them only.
    for proxy in reversed(scenario.proxies):
        groups = (tuple(one for one in group if one in names) for group in proxy.groups)
        kept = tuple(group for group in groups if group)
        if kept:
            names.add(proxy.name)
            proxies.insert(0, replace(proxy, groups=kept))
    if not proxies or proxies[0].name != scenario.proxies[0].name:
        return None
    reached = _reached(proxies)
    return replace(
        scenario,
        proxies=tuple(one for one in proxies if one.name in reached),
        phones=tuple(one for one in scenario.phones if one.name in reached),
    )


def _reached(proxies: list[ProxyPlan]) -> set[str]:
    targets = {
        proxy.name: [one for g in proxy.groups for one in g] for proxy in proxies
    }
    found, to_see = set(), [proxies[0].name]
    while to_see:
        name = to_see.pop()
        if name not in found:
            found.add(name)
            to_see += targets.get(name, [])
    return found


def _smaller(value: Any) -> Iterator[Any]:
    """Values that are a bit smaller than this one, the much smaller ones first.

    It takes any value, because a scenario is made of values of many types.
    """
    for field in fields(value):
        now = getattr(value, field.name)
        for then in _smaller_field(field, now):
            yield replace(value, **{field.name: then})


def _smaller_field(field: Field[Any], now: Any) -> Iterator[Any]:
    default = _default(field)
    if isinstance(now, tuple):
        if field.name == "groups" or not now or not is_dataclass(now[0]):
            return
        if default == ():
            yield ()
        yield from _smaller_tuple(now)
    elif is_dataclass(now):
        if default is not None and now != default:
            yield default
        yield from _smaller(now)
    elif field.name in ("seed", "name", "method", "status", "what", "start", "verdict"):
        return
    elif default is not MISSING and now != default:
        yield default
    elif isinstance(now, float) and default is MISSING:
        for rounded in (0.0, round(now), round(now, 1)):
            if rounded != now:
                yield float(rounded)


def _smaller_tuple(now: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    is_required = isinstance(now[0], CallPlan) and len(now) == 1
    for index in range(len(now)):
        if not is_required:
            yield (*now[:index], *now[index + 1 :])
    for index, one in enumerate(now):
        for then in _smaller(one):
            yield (*now[:index], then, *now[index + 1 :])


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return MISSING
