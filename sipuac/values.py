"""The decorator of our value classes: frozen in types, plain at run time.

Departs from the style's frozen dataclasses because making one costs five times as much
as making a plain one (0.5 against 0.1 microseconds for a `SipUri`), and dozens of
them are made for every call. To the type checker `value` is `dataclass`, so
that an assignment to a field is an error there; at run time the class is slotted,
hashable and compared by class and fields, but nothing guards it against assignment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool):
        """Make a value class; `frozen` is the type checker's business alone."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
