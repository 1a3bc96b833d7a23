"""The decorator of our value classes, see `sipuac.values`, and values split late."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipuac.values import value


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
