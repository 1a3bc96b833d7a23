"""A kept flow, which is no table: everything that can happen to it, in every order.

Its state is which of three things it has: a flow, an attempt to make one, or a rest
after a failed one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.transport.interfaces import IFlow
from sipuac.transport.kept_flow import KeptFlow
from tests.transport.test_keepalive import FakeFlow

_DEPTH = 8
_LOST = TransportFailed("lost")


class _World:
    """A kept flow, the connections that it has asked for, and what it has told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.flows: list[FakeFlow] = []
        self.asked: list[Deferred[IFlow]] = []
        self.told: list[IFlow | None] = []
        self.is_wanted = False
        self.kept = KeptFlow(
            self._connect, self.clock, lambda: 0.0, told=self.told.append
        )

    def _connect(self) -> Deferred[IFlow]:
        asked: Deferred[IFlow] = Deferred()
        self.asked.append(asked)
        return asked

    @property
    def connecting(self) -> list[Deferred[IFlow]]:
        """The attempts that are not over."""
        return [one for one in self.asked if not one.called]

    def start(self) -> None:
        """It is wanted."""
        self.is_wanted = True
        self.kept.start()

    def stop(self) -> None:
        """It is not wanted any more."""
        self.is_wanted = False
        self.kept.stop()

    def make(self, is_open: bool = True) -> None:
        """Attempts come to an end, with a flow that is open or closes at once."""
        for asked in self.connecting:
            flow = FakeFlow(self.clock)
            flow.is_open = is_open
            self.flows.append(flow)
            asked.callback(flow)

    def make_closed(self) -> None:
        """See `make`."""
        self.make(is_open=False)

    def fail(self) -> None:
        """Attempts fail."""
        for asked in self.connecting:
            asked.errback(_LOST)

    def lose(self) -> None:
        """Every flow that is open breaks."""
        for flow in self.flows:
            if flow.is_open:
                flow.fail(_LOST)

    def wait(self) -> None:
        """Whatever is due next comes."""
        calls = self.clock.getDelayedCalls()
        if calls:
            first = min(call.getTime() for call in calls)
            self.clock.advance(first - self.clock.seconds())

    def place(self) -> tuple[object, ...]:
        """Where it is: what it has, and how many failures in a row it knows of."""
        return (
            self.is_wanted,
            self.kept.flow is not None,
            len(self.connecting),
            self.kept.next_attempt is not None,
            min(self.kept.failures, 3),
        )


_INPUTS: dict[str, Callable[[_World], None]] = {
    "start": _World.start,
    "stop": _World.stop,
    "made": _World.make,
    "made, and closed at once": _World.make_closed,
    "not made": _World.fail,
    "lost": _World.lose,
    "time": _World.wait,
}


def world_after(path: tuple[str, ...]) -> _World:
    """A new world in which this has happened."""
    world = _World()
    for name in path:
        _INPUTS[name](world)
    return world


class KeptFlowWalkTests(SynchronousTestCase):
    """Every place that the inputs lead to."""

    def setUp(self) -> None:
        """Walk."""
        self.paths: dict[tuple[object, ...], tuple[str, ...]] = {_World().place(): ()}
        pending = deque(self.paths.values())
        self.ways: list[tuple[str, ...]] = []
        while pending:
            path = pending.popleft()
            for name in _INPUTS:
                further = (*path, name)
                self.ways.append(further)
                place = world_after(further).place()
                if place not in self.paths and len(further) < _DEPTH:
                    self.paths[place] = further
                    pending.append(further)

    def test_one_thing_at_a_time(self) -> None:
        """While it is wanted it has a flow, or makes one, or rests: one of them; and
        nothing while it is not.
        """
        self.assertGreater(len(self.paths), 10)
        for way in self.ways:
            world = world_after(way)
            has = (
                (world.kept.flow is not None)
                + len(world.connecting)
                + (world.kept.next_attempt is not None)
            )
            self.assertEqual(has, world.is_wanted, way)

    def test_nothing_is_left(self) -> None:
        """There is one delayed call for the next keep-alive or for the rest, and no
        other; nobody watches a flow that is not kept.
        """
        for way in self.ways:
            world = world_after(way)
            kept = world.kept
            has_call = kept.flow is not None or kept.next_attempt is not None
            self.assertEqual(len(world.clock.getDelayedCalls()), has_call, way)
            for flow in world.flows:
                self.assertEqual(bool(flow.watchers), flow is kept.flow, way)

    def test_it_comes_back(self) -> None:
        """From wherever it is wanted, a connection that can be made is made."""
        for way in self.ways:
            world = world_after(way)
            if world.is_wanted and world.kept.flow is None:
                if not world.connecting:
                    world.wait()
                world.make()
                self.assertIsNotNone(world.kept.flow, way)
                self.assertEqual(world.kept.failures, 0, way)

    def test_told(self) -> None:
        """Each flow is told once, and its end once; a failed attempt is none."""
        for way in self.ways:
            told = world_after(way).told
            flows = [flow for flow in told if flow is not None]
            self.assertEqual(len(flows), len(set(map(id, flows))), way)
            for before, after in zip([None, *told], told, strict=False):
                self.assertFalse(before is None and after is None, way)
