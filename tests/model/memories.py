"""What a machine remembers, as a value: so that two places are the same or are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from sipuac.syntax.message import Request, Response


def memory_of(*names: str) -> Callable[[object], object]:
    """What these attributes hold, of any machine."""

    def memory(machine: object) -> object:
        return tuple(value_of(getattr(machine, name)) for name in names)

    return memory


def value_of(thing: object) -> object:
    """The same for things that mean the same; it can be compared and hashed."""
    if thing is None or isinstance(thing, str | int | float | Enum):
        return thing
    if isinstance(thing, Request | Response):
        return thing.start_line, str(thing.get("To"))
    if isinstance(thing, Mapping):
        return tuple((key, value_of(value)) for key, value in thing.items())
    if isinstance(thing, set | frozenset):
        return frozenset(map(value_of, thing))
    if isinstance(thing, list | tuple):
        return tuple(map(value_of, thing))
    return thing
