"""The caller of the soak: sipuac, placing calls at a steady rate.

python -m tests.soak.caller '{"proxy": 5060, "seconds": 60, ...}' FOLDER

Writes what failed as it fails, samples of its memory, and at the end its figures.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.service.inviter_service import InviterService
from sipuac.ua.invitation import Invitation
from sipuac.ua.user_agent import Timers
from tests.soak import memory
from tests.soak.calls import Calls, Standing
from tests.soak.relay import HOST

# Seconds between two looks at the clock, to place the calls that are due.
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """What the caller is to do.

    Attributes:
        proxy: The port of the proxy, or of the relay before it.
        seconds: How long calls are placed.
        rate: Calls a second; 0 for as many as go, by `window`.
        seed: Of all that is left to chance.
        window: How many calls there are at a time where there is no rate.
        kind: All calls are of this kind; "" for a mix.
        standing: Calls that stand all the time.
        interval: Seconds between two samples of the memory.
        t1: Seconds (RFC 3261 section 17).
    """

    proxy: int
    seconds: float
    rate: float
    seed: int = 1
    window: int = 50
    kind: str = ""
    standing: int = 0
    interval: float = 10.0
    t1: float = 0.5


class Caller:
    """Places the calls of a plan.

    Args:
        reactor: Has the sockets and the time.
        plan: What to do.
        failures: Gets a line for each call that failed.
        samples: Gets a line for each sample.
    """

    def __init__(
        self, reactor: Any, plan: Plan, failures: IO[str], samples: IO[str]
    ) -> None:
        self._clock = reactor
        self._plan = plan
        self._failures = failures
        self._samples = samples
        self.counts: Counter[str] = Counter()
        self._service = InviterService(
            "sip:caller@example.com",
            f"sip:{HOST}:{plan.proxy};lr",
            reactor=reactor,
            bind=HOST,
            timers=Timers(t1=plan.t1, t2=8 * plan.t1),
        )
        self._calls = Calls(self._service, reactor, plan.seed, plan.t1)
        self._standing = Standing(self._service, reactor, self._failed)
        self._started = 0.0
        self._placed = 0
        self._under_way = 0
        self._is_over = False

    @inlineCallbacks
    def run(self) -> Any:
        """Place all calls, wait until nothing of them is left; the figures."""
        clock, plan = self._clock, self._plan
        self._service.startService()
        yield self._standing.start(plan.standing)
        self._started = clock.seconds()
        sampling = LoopingCall(self._sample)
        sampling.clock = clock
        sampling.start(plan.interval)
        before = _cpu_seconds()
        if plan.rate:
            placing = LoopingCall(self._place_due)
            placing.clock = clock
            placing.start(_TICK)
            yield deferLater(clock, plan.seconds)
            placing.stop()
        else:
            for _ in range(plan.window):
                self._place()
            yield deferLater(clock, plan.seconds)
        took = clock.seconds() - self._started
        figures = {
            "seconds": took,
            "cpu_seconds": _cpu_seconds() - before,
            "placed_per_second": self._placed / took,
            "ended_per_second": self.counts["ended as they should"] / took,
        }
        sampling.stop()
        self._is_over = True
        yield self._standing.stop()
        left = yield self._drained()
        figures |= {"left": left, "standing_rounds": self._standing.rounds}
        endpoint = self._service.endpoint
        assert endpoint is not None
        transport = dict(endpoint.transport.counters)
        figures["endpoint"] = dict(endpoint.counters)
        figures["transport"] = {name: n for name, n in transport.items() if n}
        yield self._service.stopService()
        return figures | {"counts": dict(self.counts), "drops": _dropped_by_system()}

    def _place_due(self) -> None:
        due = (self._clock.seconds() - self._started) * self._plan.rate
        while self._placed < due:
            self._place()

    def _place(self) -> None:
        self._placed += 1
        self._under_way += 1
        kind = self._plan.kind or self._calls.any_kind()
        self.counts[f"placed {kind}"] += 1
        placed = self._calls.place(kind)
        placed.addCallback(self._see_through, kind)
        placed.addErrback(self._ended, kind, "")

    def _see_through(self, invitation: Invitation, kind: str) -> None:
        seeing = Deferred.fromCoroutine(self._calls.see_through(kind, invitation))
        seeing.addBoth(self._ended, kind, invitation.call_id)

    def _ended(self, result: object, kind: str, call_id: str) -> None:
        self._under_way -= 1
        if isinstance(result, Failure):
            self._failed(kind, call_id, result)
        else:
            self.counts["ended as they should"] += 1
        if not self._plan.rate and not self._is_over:
            self._place()

    def _failed(self, kind: str, call_id: str, failure: Failure) -> None:
        self.counts["failed"] += 1
        line: dict[str, object] = {"call_id": call_id, "kind": kind}
        line |= {"error": type(failure.value).__name__}
        line |= {"message": str(failure.value), "time": self._clock.seconds()}
        self._failures.write(json.dumps(line) + "\n")
        self._failures.flush()

    def _sample(self) -> None:
        endpoint, inviter = self._service.endpoint, self._service.inviter
        assert endpoint is not None and inviter is not None
        sample = {
            "time": round(self._clock.seconds() - self._started, 3),
            "rss": memory.resident(),
            "objects": memory.tracked(),
            "blocks": memory.allocated(),
            "invitations": len(inviter.invitations),
            "under_way": self._under_way,
            "placed": self._placed,
            "failed": self.counts["failed"],
            "cpu": _cpu_seconds(),
            "garbage": len(gc.garbage),
        }
        self._samples.write(json.dumps(sample) + "\n")
        self._samples.flush()

    @inlineCallbacks
    def _drained(self) -> Any:
        """How many calls are left although each has had the time to be forgotten."""
        inviter = self._service.inviter
        assert inviter is not None
        # A call of the soak lasts 30 s at most, or as long as its last request is
        # repeated; then it lingers for 64*T1, and its BYE may be of that moment.
        for _ in range(round(60 + 3 * 64 * self._plan.t1)):
            if not inviter.invitations and not self._under_way:
                break
            yield deferLater(self._clock, 1.0)
        return len(inviter.invitations) + self._under_way


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _dropped_by_system() -> dict[str, int]:
    """Datagrams that the system had no room for, by local port."""
    dropped = {}
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[-1]):
            dropped[str(int(columns[1].partition(":")[2], 16))] = int(columns[-1])
    return dropped


def main() -> None:
    """Carry out the plan."""
    plan, folder = Plan(**json.loads(sys.argv[1])), Path(sys.argv[2])
    # As benchmarks/README.rst advises those who place many calls.
    gc.set_threshold(5000, 10, 10)
    from twisted.internet import reactor

    the_reactor: Any = reactor
    faults: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error and len(faults) < 100:
            failure = event.get("log_failure")
            text = failure.getTraceback() if failure else event.get("log_format")
            faults.append(str(text))

    globalLogPublisher.addObserver(observe)
    with (
        (folder / "failures.jsonl").open("w") as failures,
        (folder / "samples.jsonl").open("w") as samples,
    ):
        caller = Caller(the_reactor, plan, failures, samples)

        def done(result: Any) -> None:
            if isinstance(result, Failure):
                result.printTraceback()
                result = {"broken": result.getErrorMessage()}
            result["faults"] = faults
            (folder / "caller.json").write_text(json.dumps(result, indent=1))
            the_reactor.stop()

        the_reactor.callWhenRunning(lambda: caller.run().addBoth(done))
        the_reactor.run()


if __name__ == "__main__":
    main()
