"""What a process that places calls is told to do, and how it does it.

The process reads one order a line on standard input, a JSON object, and answers each
with one on standard output: `dial` places calls and ends each once it stands, `hold`
lets them stand, `pace` places them at an even rate and measures how long each took
until it stood, `weigh` tells the memory. This module knows no SIP and nothing that is
not in the standard library, so that every peer can use it in an environment of its own.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.rounds import percentile

#: Seconds without any progress after which the calls that have not ended are lost.
PATIENCE = 5.0

Reply = dict[str, float]
#: Calls a function after so many seconds, as every event loop can.
CallLater = Callable[[float, Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to do.

    Attributes:
        do: "dial", "hold", "pace" or "weigh".
        port: Of the callee, on loopback.
        transport: "udp", "tcp" or "tls".
        user: Whom to call there; the callee of ours behaves by it.
        calls: How many.
        window: How many at a time, where they are not paced.
        rate: How many a second, where they are.
    """

    do: str
    port: int = 0
    transport: str = "udp"
    user: str = "service"
    calls: int = 0
    window: int = 50
    rate: float = 0.0


class Caller(Protocol):
    """What a library has to do to be measured."""

    def place(self, turn: Turn, token: float) -> None:
        """Place one call; tell `turn.answered` or `turn.failed` what became of it."""

    def hang_up(self, call: Any, turn: Turn) -> None:
        """End a call by BYE; tell `turn.ended` when it is answered.

        Any: the object that a library has for a call.
        """


class Turn:
    """One order at work.

    Args:
        order: What to do.
        caller: Who does it.
        call_later: Of its event loop.
        done: Gets the figures.

    Attributes:
        order: What to do.
        held: Calls that are to stand.
    """

    def __init__(
        self,
        order: Order,
        caller: Caller,
        call_later: CallLater,
        done: Callable[[Reply], None],
    ) -> None:
        self.order = order
        self.held: list[Any] = []
        self._caller = caller
        self._call_later = call_later
        self._done = done
        self._to_place = order.calls
        self._ended = self._failed = self._seen = 0
        self._problem = ""
        self._is_done = False
        self._holds = order.do == "hold"
        self._is_paced = order.do == "pace"
        self._from_due: list[float] = []
        self._start = self._last = time.perf_counter()
        self._cpu = _cpu_seconds()

    def begin(self) -> None:
        """Place the first calls."""
        self._call_later(PATIENCE, self._look)
        if self._is_paced:
            self._pace()
            return
        for _ in range(min(self.order.window, self.order.calls)):
            self._next()

    def answered(self, call: Any, token: float) -> None:
        """The call stands, and its 2xx is acknowledged."""
        if self._is_paced:
            self._from_due.append(time.perf_counter() - token)
        if self._holds:
            self.held.append(call)
            self.ended()
        else:
            self._caller.hang_up(call, self)

    def ended(self) -> None:
        """The BYE of a call was answered, or the call stands as it should."""
        self._ended += 1
        self._last = time.perf_counter()
        if self._ended + self._failed >= self.order.calls:
            self._finish()
        else:
            self._next()

    def failed(self, problem: str) -> None:
        """A call did not come to be, or did not end as it should."""
        self._failed += 1
        self._problem = problem
        if self._ended + self._failed >= self.order.calls:
            self._finish()
        else:
            self._next()

    def _next(self) -> None:
        if self._to_place and not self._is_paced:
            self._to_place -= 1
            self._caller.place(self, 0.0)

    def _pace(self) -> None:
        """Place what is due: late or not, each counts from when it was due."""
        rate = self.order.rate
        placed = self.order.calls - self._to_place
        while self._to_place:
            due = self._start + placed / rate
            wait = due - time.perf_counter()
            if wait > 0:
                self._call_later(wait, self._pace)
                return
            self._to_place -= 1
            placed += 1
            self._caller.place(self, due)

    def _look(self) -> None:
        if self._is_done:
            return
        if self._ended == self._seen:
            self._finish()
            return
        self._seen = self._ended
        self._call_later(PATIENCE, self._look)

    def _finish(self) -> None:
        if self._is_done:
            return
        self._is_done = True
        # Not the time for which what is lost was waited for.
        seconds = self._last - self._start
        cpu = _cpu_seconds() - self._cpu
        reply = {
            "calls": self._ended,
            "failed": self._failed,
            "lost": self.order.calls - self._ended - self._failed,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "calls_per_second": self._ended / seconds if seconds else 0.0,
            "cpu_ms_per_call": 1000 * cpu / max(1, self._ended),
        }
        if self._problem:
            sys.stderr.write(f"{self._failed} calls failed: {self._problem}\n")
        if self._from_due:
            for part in (0.5, 0.99):
                value = percentile(self._from_due, part)
                reply[f"setup_ms_p{part * 100:.0f}"] = 1000 * value
        self._done(reply)


class Worker:
    """Takes the orders of a process, one after the other.

    Args:
        make_caller: Makes the caller for an order; the callee is known by then.
        call_later: Of the event loop.
    """

    def __init__(
        self, make_caller: Callable[[Order], Caller], call_later: CallLater
    ) -> None:
        self._make_caller = make_caller
        self._call_later = call_later
        self._turns: list[Turn] = []
        # What a library prints is not to be taken for an answer.
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def listen(self, call_from_thread: Callable[..., object]) -> None:
        """Read orders from now on; `call_from_thread` hands each to the event loop."""

        def read() -> None:
            for line in sys.stdin:
                call_from_thread(self.take, line)
            # Not in order: that would wait for the timers of all those calls.
            os._exit(0)

        threading.Thread(target=read, daemon=True).start()

    def take(self, line: str) -> None:
        """Do what this line says."""
        order = Order(**json.loads(line))
        if order.do == "weigh":
            self._tell(memory())
            return
        turn = Turn(order, self._make_caller(order), self._call_later, self._tell)
        if order.do == "hold":
            self._turns.append(turn)
        turn.begin()

    def _tell(self, reply: Reply) -> None:
        print(json.dumps(reply), file=self._answers, flush=True)


def memory() -> Reply:
    """Resident memory, and what tracemalloc has seen where it runs, in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "resident": pages * resource.getpagesize(),
        "traced": tracemalloc.get_traced_memory()[0],
    }


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
