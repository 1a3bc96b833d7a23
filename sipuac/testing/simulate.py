"""`python -m sipuac.testing.simulate`: simulated calls, until something breaks.

    python -m sipuac.testing.simulate --calls 100000 --seed 0
    python -m sipuac.testing.simulate --calls 1000000 --state proof.json
    python -m sipuac.testing.simulate --show 4711

The last line says how many invariants were broken; the exit status is 1 if any was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from twisted.logger import globalLogBeginner

from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.figures import Figures
from sipuac.testing.simulation.runs import processors, run
from sipuac.testing.simulation.story import shrunk_story, story

# How many failing seeds are told in full.
_MOST_STORIES = 3
# Seconds between two lines of progress.
_PROGRESS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    if options.show is not None:
        sys.stdout.write(story(draw(options.show)) + "\n")
        return 0
    path: Path | None = options.state
    try:
        done = Figures() if path is None else Figures.load(path)
    except (ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    progress = _Progress(path, options.calls, done.calls, is_quiet=options.quiet)
    try:
        run(options.seed, options.calls, done, options.processes, progress)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; --state resumes it\n")
    for seed, _ in done.violations[:_MOST_STORIES]:
        sys.stdout.write(f"seed {seed}, made smaller:\n{shrunk_story(draw(seed))}\n\n")
    sys.stdout.write(done.text() + "\n")
    return 1 if done.violations else 0


class _Progress:
    """Writes the figures to their file, and now and then a line about them."""

    def __init__(
        self, path: Path | None, calls: int, before: int, *, is_quiet: bool
    ) -> None:
        self._path = path
        self._calls = calls
        self._before = before
        self._is_quiet = is_quiet
        self._began = self._told = time.monotonic()

    def __call__(self, figures: Figures) -> None:
        if self._path is not None:
            figures.save(self._path)
        now = time.monotonic()
        if self._is_quiet or now - self._told < _PROGRESS:
            return
        self._told = now
        rate = (figures.calls - self._before) / (now - self._began)
        sys.stderr.write(
            f"{figures.calls:,} of {self._calls:,} calls, {rate:.0f} a second, "
            f"{len(figures.violations)} violations\n"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sipuac.testing.simulate",
        description="Simulated calls: what may never be, and what really happened.",
    )
    add = parser.add_argument
    add("--calls", type=int, default=5_000, help="how many calls at least")
    add("--seed", type=int, default=0, help="the first seed")
    add(
        "--processes",
        type=int,
        default=processors(),
        help="how many at a time; one for each processor by default",
    )
    add("--state", type=Path, help="a file that keeps the figures: resumes, adds up")
    add("--show", type=int, metavar="SEED", help="tell what happens with this seed")
    add("--quiet", action="store_true", help="no progress on standard error")
    return parser


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    sys.exit(main())
