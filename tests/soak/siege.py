"""A process with calls that is flooded, and how its calls fare meanwhile.

python -m tests.soak.siege '{"waits": 20000, "hangs_up": 20004, ...}' FOLDER
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.errors import SipError
from sipuac.service.inviter_service import InviterService
from sipuac.ua.session import Session
from sipuac.ua.user_agent import Timers
from tests.integration.processes import Program
from tests.soak import memory
from tests.soak.calls import Unexpected
from tests.soak.flooder import CONNECTIONS, DATAGRAMS
from tests.soak.relay import HOST

# Calls that stand meanwhile, over UDP and as many over TCP, and what is done in which.
_STANDING = 10
_ASKED, _CHANGED, _REPLACED = range(0, 4), range(4, 6), range(6, 10)

KINDS = (*DATAGRAMS, *CONNECTIONS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done.

    Attributes:
        waits, hangs_up: Ports of the phones.
        port, tls_port: Where we listen.
        certificate, key: Files for TLS.
        datagrams: How many of each kind.
        connections: How many of each kind.
        kinds: Which floods.
        seed: Of the floods.
        t1: Seconds (RFC 3261 section 17).
        descriptors: Files and sockets that the process may have open.
        settles: Whether to wait after each flood until nothing of it lingers.
    """

    waits: int
    hangs_up: int
    port: int
    tls_port: int
    certificate: str
    key: str
    datagrams: int
    connections: int
    kinds: Sequence[str] = KINDS
    seed: int = 1
    t1: float = 0.5
    descriptors: int = 1024
    settles: bool = True


@dataclass(slots=True)
class Flood:
    """What one flood came to.

    Attributes:
        kind: Which it was.
        done: How often each thing was done in calls meanwhile.
        refused: New calls that failed, by error.
        failed: What went wrong in established calls, in words.
        slowest: Seconds that the slowest of each thing took.
        seconds: How long it lasted.
        recovery: Seconds from its end until a new call stood.
        rss_before, rss_most: Bytes.
        objects_before, objects_most, objects_after: Those that the collector knows;
            after is when all that lingers is gone, 0 where that was not waited for.
        counted: What sipuac has counted meanwhile.
    """

    kind: str
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    recovery: float = 0.0
    rss_before: int = 0
    rss_most: int = 0
    objects_before: int = 0
    objects_most: int = 0
    objects_after: int = 0
    counted: dict[str, int] = field(default_factory=dict)


class Siege:
    """The calls, and the floods one after the other.

    Args:
        reactor: Has the sockets and the time.
        plan: What is done.
    """

    def __init__(self, reactor: Any, plan: Plan) -> None:
        self._reactor = reactor
        self._plan = plan
        tls = f"ssl:{plan.tls_port}:interface={HOST}"
        tls += f":privateKey={plan.key}:certKey={plan.certificate}"
        self._service = InviterService(
            "sip:caller@example.com",
            reactor=reactor,
            listen=[f"udp:{plan.port}:interface={HOST}", tls],
            timers=Timers(t1=plan.t1, t2=8 * plan.t1),
        )
        self._sessions: list[Session] = []
        self._is_flooding = False

    async def run(self) -> dict[str, Any]:
        """All floods; what each came to."""
        self._service.startService()
        for transport in ("udp", "tcp"):
            for _ in range(_STANDING):
                self._sessions.append(await self._call(self._plan.waits, transport))
        before = memory.tracked()
        floods = []
        for kind in self._plan.kinds:
            floods.append(await self._flood(kind))
        ended = [session.bye() for session in self._sessions]
        by = [(await one).by for one in ended]
        endpoint = self._service.endpoint
        assert endpoint is not None
        counters = dict(endpoint.counters)
        await self._lingering_gone()
        gc.collect()
        after = memory.tracked()
        inviter = self._service.inviter
        left = len(inviter.invitations) if inviter else 0
        stopped = self._service.stopService()
        if stopped is not None:
            await stopped
        return {
            "floods": [_as_dict(flood) for flood in floods],
            "standing ended by": dict(Counter(by)),
            "left": left,
            "objects before": before,
            "objects after": after,
            "endpoint": counters,
        }

    async def _flood(self, kind: str) -> Flood:
        plan, clock = self._plan, self._reactor
        flood = Flood(kind)
        flood.rss_before = memory.resident()
        flood.objects_before = memory.tracked()
        before = self._counters()
        is_datagram = kind in DATAGRAMS
        port = plan.tls_port if kind.endswith("handshakes") else plan.port
        count = plan.datagrams if is_datagram else plan.connections
        sampling = LoopingCall(self._sample, flood)
        sampling.start(0.5)
        self._is_flooding = True
        began = clock.seconds()
        arguments = (kind, str(port), str(count), str(plan.seed))
        flooder = Program.start(clock, "-m", "tests.soak.flooder", *arguments)
        going = [
            Deferred.fromCoroutine(self._keep(flood, "INFO", self._ask, 0.1)),
            Deferred.fromCoroutine(self._keep(flood, "re-INVITE", self._change, 0.5)),
            Deferred.fromCoroutine(self._keep(flood, "new call", self._place, 0.2)),
            Deferred.fromCoroutine(self._keep(flood, "BYE", self._replace, 1.0)),
        ]
        status = await flooder.ended
        if status:
            flood.failed.append(f"the flooder failed: {flooder.stderr}")
        flood.seconds = clock.seconds() - began
        self._is_flooding = False
        await self._recover(flood)
        await DeferredList(going)
        sampling.stop()
        after = self._counters()
        flood.counted = {
            name: number - before.get(name, 0)
            for name, number in after.items()
            if number != before.get(name, 0)
        }
        if plan.settles:
            await self._lingering_gone()
            flood.objects_after = memory.tracked()
        return flood

    def _counters(self) -> dict[str, int]:
        endpoint = self._service.endpoint
        assert endpoint is not None
        return {**endpoint.counters, **endpoint.transport.counters}

    def _sample(self, flood: Flood) -> None:
        flood.rss_most = max(flood.rss_most, memory.resident())
        flood.objects_most = max(flood.objects_most, memory.tracked())

    async def _recover(self, flood: Flood) -> None:
        """How long it takes until a call stands again."""
        clock = self._reactor
        began = clock.seconds()
        while clock.seconds() - began < 60.0:
            try:
                session = await self._call(self._plan.waits, "udp")
                flood.recovery = clock.seconds() - began
                await session.bye()
                return
            except SipError:
                await deferLater(clock, 0.1)
        flood.failed.append("no call stood within 60 s of the end")

    async def _keep(
        self,
        flood: Flood,
        name: str,
        act: Callable[[int], Awaitable[None]],
        interval: float,
    ) -> None:
        """Do one thing again and again as long as the flood lasts."""
        clock = self._reactor
        number = 0
        while self._is_flooding:
            began = clock.seconds()
            try:
                await act(number)
                flood.done[name] += 1
            except (SipError, Unexpected) as error:
                words = f"{type(error).__name__}: {error}"
                if name == "new call" and isinstance(error, SipError):
                    flood.refused[words] += 1
                else:
                    flood.failed.append(f"{name}: {words}")
            took = clock.seconds() - began
            flood.slowest[name] = round(max(flood.slowest.get(name, 0.0), took), 3)
            number += 1
            await deferLater(clock, interval)

    # What is done in calls

    def _call(self, port: int, transport: str) -> Deferred[Session]:
        return self._service.call(f"sip:phone@{HOST}:{port};transport={transport}")

    def _place_of(self, number: int, own: range) -> int:
        """Where the session is whose turn it is: the first half is over UDP.

        Args:
            number: How often this was done before.
            own: The sessions of each half with which it is done, and nothing else.
        """
        half = len(self._sessions) // 2
        return own[number // 2 % len(own)] + half * (number % 2)

    async def _ask(self, number: int) -> None:
        response = await self._sessions[self._place_of(number, _ASKED)].request(
            "INFO", [("Content-Type", "text/plain")], b"still here"
        )
        if response.status != 200:
            raise Unexpected(f"INFO got {response.status}")

    async def _change(self, number: int) -> None:
        session = self._sessions[self._place_of(number, _CHANGED)]
        await session.hold()
        await session.resume()

    async def _place(self, number: int) -> None:
        transport = ("udp", "tcp")[number % 2]
        if number % 4 < 2:
            session = await self._call(self._plan.waits, transport)
            ended, by = await session.bye(), "local"
        else:
            session = await self._call(self._plan.hangs_up, transport)
            ended, by = await session.ended, "remote"
        if ended.by != by:
            raise Unexpected(f"ended by {ended.by}")

    async def _replace(self, number: int) -> None:
        """Hang up a call that stands since before the flood, and place another."""
        place = self._place_of(number, _REPLACED)
        session = self._sessions[place]
        transport = ("udp", "tcp")[number % 2]
        self._sessions[place] = await self._call(self._plan.waits, transport)
        ended = await session.bye()
        if ended.by != "local":
            raise Unexpected(f"ended by {ended.by}")

    async def _lingering_gone(self) -> None:
        await deferLater(self._reactor, 66 * self._plan.t1)


def _as_dict(flood: Flood) -> dict[str, Any]:
    return {name: getattr(flood, name) for name in Flood.__slots__}


def main() -> None:
    """Go through all floods."""
    plan, folder = Plan(**json.loads(sys.argv[1])), Path(sys.argv[2])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (plan.descriptors, most))
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

    def done(result: Any) -> None:
        if isinstance(result, Failure):
            result = {"broken": result.getTraceback(), "floods": []}
        result["faults"] = faults
        (folder / "siege.json").write_text(json.dumps(result, indent=1))
        the_reactor.stop()

    siege = Siege(the_reactor, plan)
    the_reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(siege.run()).addBoth(done)
    )
    the_reactor.run()


if __name__ == "__main__":
    main()
