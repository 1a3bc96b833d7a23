"""A result that comes once and may be asked for by many, or by nobody.

A plain Deferred can be waited for by one chain only, and a failure that nobody waits
for is logged as unhandled. A call's failure also goes to its observers, so nobody has
to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

_T = TypeVar("_T")


class Outcome(Generic[_T]):
    """One result, now or later.

    Args:
        on_cancel: What to do when somebody cancels a Deferred of it.
    """

    __slots__ = ("_error", "_on_cancel", "_result", "_waiting", "is_set")

    def __init__(self, on_cancel: Callable[[], object] | None = None) -> None:
        self.is_set = False
        self._result: _T | None = None
        self._error: BaseException | None = None
        # None where nobody waits: a call has four of these, and keeps them for long.
        self._waiting: list[Deferred[_T]] | None = None
        self._on_cancel = on_cancel

    def deferred(self) -> Deferred[_T]:
        """A Deferred of the result; every call makes a new one."""
        asked: Deferred[_T] = Deferred(self._cancelled)
        if self.is_set:
            self._fire(asked)
        elif self._waiting is None:
            self._waiting = [asked]
        else:
            self._waiting.append(asked)
        return asked

    def _cancelled(self, deferred: Deferred[_T]) -> None:
        # Set means that it is about to fire, after others that were asked for before
        # it: then there is nothing left to cancel. Not waiting means that it is being
        # cancelled, and that a callback which was told of that does so again.
        if not self.is_set and self._waiting and deferred in self._waiting:
            self._waiting.remove(deferred)
            if self._on_cancel is not None:
                self._on_cancel()

    def succeed(self, result: _T) -> None:
        """Give the result; later ones are ignored."""
        if not self.is_set:
            self._result = result
            self._set()

    def fail(self, error: BaseException) -> None:
        """Give a failure as the result; later ones are ignored."""
        if not self.is_set:
            self._error = error
            self._set()

    def _set(self) -> None:
        self.is_set = True
        self._on_cancel = None
        waiting, self._waiting = self._waiting, None
        for deferred in waiting or ():
            # One that was asked for earlier may have cancelled this one.
            if not deferred.called:
                self._fire(deferred)

    def _fire(self, deferred: Deferred[_T]) -> None:
        if self._error is not None:
            deferred.errback(self._error)
        else:
            deferred.callback(self._result)  # type: ignore[arg-type]  # it is a _T now
