"""Places calls as it is told, in a process of its own: sipuac, or the floor.

python -m benchmarks.caller floor|sipuac [--authority FILE] [--t1 SECONDS]
    [--gc-threshold OBJECTS] [--trace-memory]
"""

from __future__ import annotations

import argparse
import gc
import os
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from benchmarks.callee import NAME
from benchmarks.floor import HOST, ReadyMadeCaller
from benchmarks.orders import Caller, Order, Turn, Worker


class SipuacCaller:
    """Places calls with sipuac's service, as an application would.

    Args:
        service: The running `InviterService`.
        delegate: Makes what listens to a call.
        order: Whom to call, and how.
    """

    def __init__(
        self, service: Any, delegate: Callable[[], object], order: Order
    ) -> None:
        self._service = service
        self._delegate = delegate
        self._target = f"sip:{order.user}@{HOST}:{order.port}"
        if order.transport != "udp":
            # By its name, as the certificate has it.
            self._target = (
                f"sip:{order.user}@{NAME}:{order.port};transport={order.transport}"
            )
        self._options = {"early_media": True} if order.user == "fork" else {}

    def place(self, turn: Turn, token: float) -> None:
        """See `Caller`."""
        call = self._service.call(
            self._target, delegate=self._delegate(), **self._options
        )
        call.addCallback(turn.answered, token)
        call.addErrback(_fail, turn)

    def hang_up(self, call: Any, turn: Turn) -> None:
        """See `Caller`."""
        call.bye().addCallback(_end, turn)


def _end(ended: object, turn: Turn) -> None:
    turn.ended()


def _fail(failure: Any, turn: Turn) -> None:
    turn.failed(failure.getErrorMessage())


def sipuac_callers(
    reactor: Any, authority: str | None, t1: float
) -> Callable[[Order], Caller]:
    """Start sipuac's service; what makes a caller for each order."""
    from sipuac.media.static import StaticMedia
    from sipuac.service.inviter_service import InviterService
    from sipuac.ua.events import CallEvent
    from sipuac.ua.interfaces import InviteDelegate
    from sipuac.ua.user_agent import Timers

    class Counter(InviteDelegate):
        """Counts what happens to a call."""

        events = 0

        def event(self, event: CallEvent) -> None:
            self.events += 1

    service = InviterService(
        "sip:benchmark@example.com",
        reactor=reactor,
        bind=HOST,
        media=StaticMedia(),
        hosts={NAME: HOST},
        tls_ca=authority,
        timers=Timers(t1=t1),
    )
    service.startService()
    return partial(SipuacCaller, service, Counter)


def floor_callers(reactor: Any) -> Callable[[Order], Caller]:
    """What makes a caller with ready-made texts, on a socket of its own."""
    # Each callee is to see each Call-ID once.
    callers: dict[int, Caller] = {}

    def make(order: Order) -> Caller:
        if order.port not in callers:
            caller = callers[order.port] = ReadyMadeCaller(order.port)
            reactor.listenUDP(0, caller, HOST, maxPacketSize=65536)
        return callers[order.port]

    return make


class Orders(LineOnlyReceiver):
    """Standard input; read by the reactor, so that there is one thread to look at.

    Args:
        worker: Takes the lines.
    """

    delimiter = b"\n"

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def lineReceived(self, line: bytes) -> None:
        """One order."""
        self._worker.take(line.decode())

    def connectionLost(self, reason: object = None) -> None:
        """Not in order: that would wait for the timers of all those calls."""
        os._exit(0)


def main() -> None:
    """Take orders until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.caller")
    parser.add_argument("kind", choices=["floor", "sipuac"])
    parser.add_argument("--authority", help="PEM file to trust for TLS")
    parser.add_argument("--t1", type=float, default=0.5, help="timer T1, seconds")
    parser.add_argument("--gc-threshold", type=int, help="as gc.set_threshold has it")
    parser.add_argument("--trace-memory", action="store_true")
    options = parser.parse_args()
    if options.gc_threshold is not None:
        gc.set_threshold(options.gc_threshold, *gc.get_threshold()[1:])
    from twisted.internet import reactor as global_reactor

    # Twisted's module is its reactor, which it does not say.
    reactor: Any = global_reactor
    if options.kind == "floor":
        make = floor_callers(reactor)
    else:
        make = sipuac_callers(reactor, options.authority, options.t1)
    if options.trace_memory:
        tracemalloc.start()
    worker = Worker(make, reactor.callLater)
    with open(os.devnull, "wb") as nothing:
        StandardIO(  # type: ignore[call-arg]  # mypy knows the one for Windows
            Orders(worker), stdout=nothing.fileno(), reactor=reactor
        )
        reactor.run()


if __name__ == "__main__":
    main()
