"""Parts of an object that are made when they are first asked for.

Most calls are never changed, challenged, redirected or tried again. What deals with
that is made where it is needed; a call that needs none of it costs nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

_Part = TypeVar("_Part")


class OnDemand(Generic[_Part]):
    """A class attribute: each object's own part, made on first use.

    The object keeps it under the same name with an underscore before it; a class with
    slots has a slot of that name.

    Args:
        make: Called once with the object.
    """

    def __init__(self, make: Callable[[Any], _Part]) -> None:
        self._make = make
        self._slot = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = "_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> OnDemand[_Part]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Part: ...

    def __get__(self, instance: object | None, owner: type) -> _Part | OnDemand[_Part]:
        """The part of this object."""
        if instance is None:
            return self
        part: _Part | None = getattr(instance, self._slot, None)
        if part is None:
            part = self._make(instance)
            setattr(instance, self._slot, part)
        return part

    def drop(self, instance: object) -> None:
        """Let go of the part of this object; the next use makes another."""
        setattr(instance, self._slot, None)

    def made(self, instance: object) -> _Part | None:
        """The part of this object if it was asked for; None where it was not."""
        part: _Part | None = getattr(instance, self._slot, None)
        return part
