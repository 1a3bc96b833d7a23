"""Many worlds, one after the other or in several processes, in chunks of seeds."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult
from signal import SIG_DFL, SIGTERM, signal
from weakref import ref

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from zope.interface import implementer

from sipuac.dialog.branch import Branch
from sipuac.dialog.dialog import Dialog
from sipuac.dialog.dialog_set import DialogSet
from sipuac.testing.simulation.agent import Agent
from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.figures import Figures
from sipuac.testing.simulation.scenario import Scenario
from sipuac.testing.simulation.world import Verdict, World
from sipuac.transaction.base import Transaction
from sipuac.ua.dialog_set_driver import DialogSetDriver
from sipuac.ua.invitation import Invitation
from sipuac.ua.media_work import MediaWork
from sipuac.ua.reinvite import ReInvite
from sipuac.ua.session import Session
from sipuac.ua.transaction_driver import TransactionDriver

CHUNK = 200
"""Seeds that are played before the garbage is looked through."""

# All that is for one call or one transaction.
_MORTAL = (
    Branch,
    Dialog,
    DialogSet,
    DialogSetDriver,
    Invitation,
    MediaWork,
    ReInvite,
    Session,
    Transaction,
    TransactionDriver,
)


@implementer(ILogObserver)
class _Errors:
    """What is logged as an error: in these worlds nothing should be."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            why = "" if failure is None else f": {failure.value!r}"
            self.found.append(f"Log: {formatEvent(event)}{why}")

    def taken(self) -> list[str]:
        """What was found since the last time."""
        found, self.found = self.found, []
        return found


def faults_of(scenario: Scenario) -> list[str]:
    """What is wrong with one world, in words."""
    errors = _Errors()
    globalLogPublisher.addObserver(errors)
    try:
        return World(scenario).run().violations + errors.taken()
    finally:
        globalLogPublisher.removeObserver(errors)


def play(seeds: range) -> Figures:
    """Play the worlds of some seeds, and see what they leave behind.

    The user agents are kept until the end, so that whatever of a call is still alive
    then is held by one of them.
    """
    figures = Figures([(seeds.start, seeds.stop)])
    errors = _Errors()
    kept: list[tuple[int, Agent, list[tuple[str, ref[object]]]]] = []
    globalLogPublisher.addObserver(errors)
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before need not be looked through
    try:
        for seed in seeds:
            verdict, agent = _play_one(seed)
            faults = verdict.violations + errors.taken()
            figures.calls += verdict.calls
            figures.counts += verdict.figures
            figures.violations += [(seed, fault) for fault in faults[:1]]
            if not faults:
                kept.append((seed, agent, verdict.remains))
        gc.collect()
        figures.violations += _remains(kept)
        if not figures.violations:
            # Nobody would know which world it was, where one was not played to its end.
            figures.violations += [(seeds.start, fault) for fault in _left_over()]
        # A Deferred that failed and was never asked says so when it is thrown away.
        figures.violations += [(seeds.start, fault) for fault in errors.taken()]
    finally:
        kept.clear()
        gc.collect()  # the user agents themselves
        gc.unfreeze()
        if was_enabled:
            gc.enable()
        globalLogPublisher.removeObserver(errors)
    return figures


def _play_one(seed: int) -> tuple[Verdict, Agent]:
    world = World(draw(seed))
    verdict = world.run()
    world.leave()
    return verdict, world.agent


def _remains(
    kept: list[tuple[int, Agent, list[tuple[str, ref[object]]]]],
) -> Iterator[tuple[int, str]]:
    for seed, _, remains in kept:
        alive = sorted({name for name, one in remains if one() is not None})
        if alive:
            yield seed, f"Ending: still referred to: {', '.join(alive)}"


def _left_over() -> Iterator[str]:
    """What the user agents still hold of calls: in quiescence, nothing at all."""
    left = Counter(
        type(one).__name__ for one in gc.get_objects() if isinstance(one, _MORTAL)
    )
    for name, count in sorted(left.items()):
        yield f"Ending: {count} {name} left by the worlds from here on"


def run(
    first: int,
    calls: int,
    done: Figures,
    processes: int = 1,
    progress: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """Play as many worlds as it takes to have placed so many calls.

    Args:
        first: The first seed; those after it follow.
        calls: How many calls at least, those of `done` included.
        done: The figures of seeds that were played before; added to, and returned.
        processes: How many at a time.
        progress: Called with the figures so far after each chunk.
    """
    if done.calls >= calls:
        return done
    if processes == 1:
        for seeds in _chunks(first, done):
            done.add(play(seeds))
            progress(done)
            if done.calls >= calls:
                break
        return done
    with get_context("fork").Pool(processes, _obey_signals) as pool:
        waiting: list[AsyncResult[Figures]] = []
        chunks = _chunks(first, done)
        # Roughly a call for each seed: the last chunks may be some too many.
        asked = done.calls
        while done.calls < calls:
            while asked < calls and len(waiting) < 2 * processes:
                waiting.append(pool.apply_async(play, (next(chunks),)))
                asked += CHUNK
            if not waiting:
                asked = done.calls
                continue
            done.add(waiting.pop(0).get())
            progress(done)
        for one in waiting:
            done.add(one.get())
    progress(done)
    return done


def _obey_signals() -> None:
    """Let a process be ended: it has inherited the handlers of a reactor, if any."""
    signal(SIGTERM, SIG_DFL)


def _chunks(first: int, done: Figures) -> Iterator[range]:
    """Ranges of seeds that were not played, without end."""
    start = first
    while True:
        while done.has(start):
            start += 1
        end = start + 1
        while end < start + CHUNK and not done.has(end):
            end += 1
        yield range(start, end)
        start = end


def processors() -> int:
    """How many processors we may use."""
    return len(os.sched_getaffinity(0))
