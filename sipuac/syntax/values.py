"""The decorator of our value classes: frozen in types, plain at run time.

Departs from the style's frozen dataclasses because making one costs five times as much
as making a plain one (0.5 against 0.1 microseconds for a `SipUri`), and a dozen of them
are made for every message that is read. To the type checker `value` is `dataclass`, so
that an assignment to a field is an error there; at run time the class is slotted,
hashable and compared by class and fields, but nothing guards it against assignment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool):
        """Make a value class; `frozen` is the type checker's business alone."""
        return dataclass(slots=slots, unsafe_hash=frozen)


class Late:
    """Base of values that are read, and split into their attributes later.

    That they can be split is made sure when they are read, but most are never looked
    at any further. Checking a Via or an address takes 0.5 microseconds, and splitting
    it 0.9 more.
    """

    __slots__ = ("_match",)

    # What was read, until it is split; unset for one that was made of its attributes.
    _match: re.Match[str]

    def _split(self, match: re.Match[str]) -> None:
        """Set all attributes."""
        raise NotImplementedError

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            # Called for attributes only that are not set.
            if name not in type(self).__slots__:
                raise AttributeError(name)
            self._split(self._match)
            del self._match
            return getattr(self, name)


__all__ = ["Late", "value"]
