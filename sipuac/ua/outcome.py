"""A result that comes once and may be asked for by many, or by nobody.

A plain Deferred can be waited for by one chain only, and a failure that nobody waits
for is logged as unhandled. A call's failure also goes to its observers, so nobody has
to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

_T = TypeVar("_T")


class Outcome(Generic[_T]):
    """One result, now or later.

    Args:
        on_cancel: What to do when somebody cancels a Deferred of it.
    """

    __slots__ = ("_on_cancel", "_result", "_waiting", "is_set")

    def __init__(self, on_cancel: Callable[[], object] | None = None) -> None:
        self.is_set = False
        self._result: _T | Failure | None = None
        self._waiting: list[Deferred[_T]] = []
        self._on_cancel = on_cancel

    def deferred(self) -> Deferred[_T]:
        """A Deferred of the result; every call makes a new one."""
        if self.is_set:
            if isinstance(self._result, Failure):
                return fail(self._result)
            return succeed(self._result)  # type: ignore[arg-type]  # set: it is a _T
        waiting: Deferred[_T] = Deferred(self._cancelled)
        self._waiting.append(waiting)
        return waiting

    def _cancelled(self, deferred: Deferred[_T]) -> None:
        self._waiting.remove(deferred)
        if self._on_cancel is not None:
            self._on_cancel()

    def succeed(self, result: _T) -> None:
        """Give the result; later ones are ignored."""
        if not self.is_set:
            self.is_set = True
            self._result = result
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(result)

    def fail(self, error: BaseException) -> None:
        """Give a failure as the result; later ones are ignored."""
        if not self.is_set:
            self.is_set = True
            self._result = Failure(error)
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.errback(Failure(error))
