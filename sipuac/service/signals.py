"""Takes over the signals that end a program, so that no phone is left ringing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class SignalWatch:
    """Tells of each signal in the reactor's own time, instead of what it did before.

    Twisted's own handlers stop the reactor at once, and it has none for SIGHUP, which
    kills. A signal that is ignored, as SIGHUP is by nohup, stays ignored.

    Args:
        reactor: An `IReactorCore` and `IReactorFromThreads`; Any, as no one type says
            both.
        tell: Called with the number of the signal.
    """

    def __init__(self, reactor: Any, tell: Callable[[int], None]) -> None:
        self._reactor = reactor
        self._tell = tell
        self._before: dict[int, Any] = {}
        self._is_wanted = False

    def start(self) -> None:
        """Take the signals when the reactor runs: it installs its handlers then."""
        self._is_wanted = True
        self._reactor.callWhenRunning(self._take)

    def stop(self) -> None:
        """Give the signals back."""
        self._is_wanted = False
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def pass_on(self, number: int) -> None:
        """Do what the signal did before; where it killed, stop the reactor."""
        handler = self._before.get(number)
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number, None)
        else:
            self._reactor.stop()

    def _take(self) -> None:
        if not self._is_wanted:
            return
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._tell, number)
