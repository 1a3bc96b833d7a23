"""Runs the checks of bad input for as long as one likes.

    python -m tests.fuzz random 60              all targets, for a minute
    python -m tests.fuzz random 3600 uri sdp    these two, for an hour
    python -m tests.fuzz mutations              every mutation of one octet, once
    python -m tests.fuzz mutations 60           some of them by chance, for a minute
    python -m tests.fuzz calls                  calls in which one message is mutated
    python -m tests.fuzz calls 60               some of them, for a minute

It prints how much was done, how long the slowest input took and how much the process
has grown, and ends with status 1 at the first input that something is wrong with.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from tests.fuzz import checks
from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import all_mutations, some_mutations
from tests.fuzz.replay import all_replays, replay
from tests.fuzz.targets import TARGETS, run

#: A step that takes longer (seconds) is a hang.
_HANG = 20.0
#: Seconds in which caches are filled and modules are imported.
_WARM_UP = 5.0
_REPORT_INTERVAL = 60.0
_BATCH = 200

Step = Callable[[], str]


class Watch:
    """Runs inputs, counts what becomes of them, and sees that none takes long.

    Args:
        seconds: When to stop; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._start = self._reported = time.monotonic()
        self._limit = seconds
        self._peak = 0
        self._guarded = 0.0
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        passed = time.monotonic() - self._start
        return self._limit is not None and passed >= self._limit

    def step(self, action: Step) -> None:
        """Do one thing; a hang ends the process with a traceback."""
        before = time.monotonic()
        if before - self._guarded > _HANG / 4:
            # Seconds of the processor, not of the clock: the machine may be busy. The
            # handler says where it hangs, and the signal then ends the process.
            signal.setitimer(signal.ITIMER_PROF, _HANG)
            self._guarded = before
        outcome = action()
        now = time.monotonic()
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, now - before)
        if not self._peak and now - self._start > _WARM_UP:
            self._peak = _peak()
        if now - self._reported > _REPORT_INTERVAL:
            self._reported = now
            self.report()

    def report(self) -> None:
        """Print how far it is."""
        done = sum(self.outcomes.values())
        each = ", ".join(f"{count} {name}" for name, count in self.outcomes.items())
        growth = _peak() - self._peak if self._peak else 0
        _say(
            f"{time.monotonic() - self._start:7.0f} s  {done} inputs ({each}); the "
            f"slowest took {self.slowest * 1000:.1f} ms; the process grew by {growth} "
            "KiB after the first seconds"
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _peak() -> int:
    """The most memory that this process had so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _mutation(octets: bytes) -> str:
    outcome = checks.datagram(octets)
    checks.stream(octets)
    return outcome


def _mutations(seed: int, seconds: float | None) -> Iterator[tuple[str, Step]]:
    messages = corpus()
    if seconds is None:
        for name, octets in messages.items():
            for mutation in all_mutations(octets):
                yield f"{name}: {mutation!r}", partial(_mutation, mutation)
        return
    while True:
        for name, mutation in some_mutations(messages, seed, 100_000):
            yield f"{name}: {mutation!r}", partial(_mutation, mutation)
        seed += 1


def _replays(seed: int, seconds: float | None) -> Iterator[tuple[str, Step]]:
    replays = list(all_replays())
    if seconds is not None:
        random.Random(seed).shuffle(replays)
    for name, index, octets in replays:
        yield (
            f"{name} call, arrival {index}: {octets!r}",
            partial(_replay, name, index, octets),
        )


def _replay(name: str, index: int, octets: bytes) -> str:
    wrong = replay(name, index, octets)
    if wrong:
        raise AssertionError("; ".join(wrong))
    return name


def _random(seed: int, names: list[str]) -> Iterator[tuple[str, Step]]:
    while True:
        for name in names:
            yield (
                f"target {name}, seed {seed}",
                partial(_batch, name, seed),
            )
        seed += 1


def _batch(name: str, seed: int) -> str:
    run(name, seed, _BATCH)
    return f"x {_BATCH} {name}"


def main() -> int:
    """Run what the command line says; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("random", "mutations", "calls"))
    parser.add_argument("seconds", nargs="?", type=float)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what == "random" and options.seconds is None:
        parser.error("random needs the seconds")
    unknown = set(options.targets) - set(TARGETS)
    if unknown or (options.targets and options.what != "random"):
        parser.error(f"targets of random are {', '.join(TARGETS)}")
    if options.what == "mutations":
        steps = _mutations(options.seed, options.seconds)
    elif options.what == "calls":
        steps = _replays(options.seed, options.seconds)
    else:
        steps = _random(options.seed, options.targets or list(TARGETS))
    faulthandler.register(signal.SIGPROF, chain=True)
    watch = Watch(options.seconds)
    for label, step in steps:
        if watch.is_over:
            break
        try:
            watch.step(step)
        except Exception:
            _say(f"FAILED: {label}")
            raise
    signal.setitimer(signal.ITIMER_PROF, 0)
    watch.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
