"""Who wants to know of the end of one flow, beside the receiver of all messages."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from sipuac.errors import TransportFailed

_log = Logger()

Watcher = Callable[[TransportFailed], None]


class Watchers:
    """Those who watch one flow."""

    __slots__ = ("_watchers",)

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []

    def __bool__(self) -> bool:
        """Whether there is anybody."""
        return bool(self._watchers)

    def add(self, watcher: Watcher) -> None:
        """Tell this one."""
        self._watchers.append(watcher)

    def remove(self, watcher: Watcher) -> None:
        """Tell it no longer; no harm where it is not told."""
        self._watchers = [one for one in self._watchers if one != watcher]

    def tell(self, error: TransportFailed) -> None:
        """The flow has failed: tell everybody who watches it now."""
        for watcher in list(self._watchers):
            try:
                watcher(error)
            except Exception:
                # The fault of one must not keep the news from the others.
                _log.failure("a watcher of a flow failed")
