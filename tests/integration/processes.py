"""Programs of ours as processes of their own, to be watched from outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

ROOT = Path(__file__).resolve().parent.parent.parent

TWISTD = ("-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=")


class Program(ProcessProtocol):
    """A running program.

    Attributes:
        stdout, stderr: What it has printed so far.
        ended: Fires with the exit status, or with minus the number of the signal.
    """

    def __init__(self) -> None:
        self.stdout = ""
        self.stderr = ""
        self.ended: Deferred[int] = Deferred()
        self.status: int | None = None
        self._awaited: list[tuple[str, Deferred[None]]] = []

    @classmethod
    def start(cls, reactor: Any, *arguments: str) -> Program:
        """Run our Python with these arguments, in the root of the checkout."""
        program = cls()
        environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        reactor.spawnProcess(
            program,
            sys.executable,
            [sys.executable, *arguments],
            env=environment,
            path=str(ROOT),
        )
        return program

    def wait_for(self, text: str) -> Deferred[None]:
        """Fires when the program has printed this, or has ended."""
        waiting: Deferred[None] = Deferred()
        self._awaited.append((text, waiting))
        self._look()
        return waiting

    def send_signal(self, name: str) -> None:
        """Send a signal such as "INT"; no harm where the program has ended."""
        if self.status is None and self.transport is not None:
            self.transport.signalProcess(name)

    def kill(self) -> Deferred[None]:
        """Make sure that it is gone; fires when it is."""
        self.send_signal("KILL")
        return self.wait_for("\0")

    def outReceived(self, data: bytes) -> None:
        """See `ProcessProtocol`."""
        self.stdout += data.decode("utf-8", "replace")
        self._look()

    def errReceived(self, data: bytes) -> None:
        """See `ProcessProtocol`."""
        self.stderr += data.decode("utf-8", "replace")
        self._look()

    def processEnded(self, reason: Failure) -> None:
        """See `ProcessProtocol`."""
        end: Any = reason.value
        self.status = end.exitCode if end.signal is None else -end.signal
        self._look()
        self.ended.callback(self.status)

    def _look(self) -> None:
        printed = self.stdout + self.stderr
        for pair in list(self._awaited):
            text, waiting = pair
            if text in printed or self.status is not None:
                self._awaited.remove(pair)
                waiting.callback(None)
