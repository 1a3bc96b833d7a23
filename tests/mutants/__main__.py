"""Makes mutants of modules and runs the tests on them, as long as it takes.

    python -m tests.mutants sipuac.transaction          all modules of a package
    python -m tests.mutants sipuac.dialog.forks         one
    python -m tests.mutants --report                    the figures and the survivors
    python -m tests.mutants --table                     the figures, for the docs
    python -m tests.mutants --again sipuac.dialog       the survivors once more

A run that was stopped goes on where it was: each outcome is kept in the state file,
under the text of the function that the mutant is in. What has changed is run anew.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import pkgutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import TestCase

from twisted.logger import globalLogBeginner

from tests.mutants.operators import mutants
from tests.mutants.running import MutatedModule, Outcome
from tests.mutants.selection import Coverage, measured, tests_of
from tests.mutants.state import State

_TESTS = ["tests.transaction", "tests.dialog", "tests.sdp", "tests.flows"]
_PACKAGES = ["sipuac.transaction", "sipuac.dialog", "sipuac.sdp"]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _modules(names: list[str]) -> Iterator[str]:
    """The modules that these names mean, packages by their modules."""
    for name in names:
        module = importlib.import_module(name)
        folder = getattr(module, "__path__", None)
        if folder is None:
            yield name
        else:
            for info in pkgutil.iter_modules(folder):
                yield f"{name}.{info.name}"


def _run(options: argparse.Namespace, state: State) -> None:
    modules = list(_modules(options.modules))
    folders = {str(Path(_file(name)).parent) for name in modules}
    coverage = measured(options.tests, sorted(folders), options.slowest)
    cases = tests_of(options.tests)
    _check(modules[0], coverage, cases)
    for name in modules:
        module = MutatedModule(name, coverage, cases)
        before = time.monotonic()
        done = 0
        for index, mutant in enumerate(module.mutants):
            known = state.outcome(name, mutant)
            is_alive = known in {Outcome.SURVIVED, Outcome.UNREACHED}
            if known is None or (options.again and is_alive):
                outcome, test = module.run(index)
                if outcome is Outcome.UNREACHED:
                    outcome = known or outcome  # other tests have executed it
                state.add(name, mutant, outcome, test)
                done += 1
        seconds = time.monotonic() - before
        _say(f"{_figures(name, _counts(name, state))}  {done} now, {seconds:.0f} s")


def _check(name: str, coverage: Coverage, cases: dict[str, TestCase]) -> None:
    """Nothing is killed where nothing was changed."""
    outcome, test = MutatedModule(name, coverage, cases).run(None)
    if outcome is not Outcome.SURVIVED:
        raise AssertionError(f"{test}: {outcome.value} without any mutant")


def _file(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return spec.origin


def _counts(name: str, state: State) -> Counter[Outcome | None]:
    return Counter(outcome for _, _, outcome in _outcomes(name, state))


def _figures(name: str, counts: Counter[Outcome | None]) -> str:
    each = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
    return f"{name}: {counts.total()} mutants, {each}; {_rate(counts)} %"


def _rate(counts: Counter[Outcome | None]) -> str:
    dead = counts[Outcome.KILLED] + counts[Outcome.TIMED_OUT]
    return f"{100 * dead / counts.total():.1f}" if counts.total() else "-"


def _outcomes(name: str, state: State) -> Iterator[tuple[int, str, Outcome | None]]:
    source = Path(_file(name)).read_text()
    for mutant in mutants(ast.parse(source)):
        yield mutant.line, mutant.name, state.outcome(name, mutant)


def _report(names: list[str], state: State) -> None:
    """What was found, and each mutant that is alive."""
    total: Counter[Outcome | None] = Counter()
    for name in _modules(names):
        counts = _counts(name, state)
        total += counts
        _say(_figures(name, counts))
        for line, mutant, outcome in _outcomes(name, state):
            if outcome in {Outcome.SURVIVED, Outcome.UNREACHED, None}:
                _say(f"    {line} {outcome.value if outcome else 'not run'} {mutant}")
    _say(_figures("all", total))


def _table(names: list[str], state: State) -> None:
    """The figures as rows of a table of the documentation."""
    total: Counter[Outcome | None] = Counter()
    for name in _modules(names):
        counts = _counts(name, state)
        total += counts
        if counts:
            _say(_row(f"``{name}``", counts))
    _say(_row("all", total))


def _row(name: str, counts: Counter[Outcome | None]) -> str:
    alive = counts[Outcome.SURVIVED] + counts[Outcome.UNREACHED] + counts[None]
    dead = f"{counts[Outcome.KILLED]}, {counts[Outcome.TIMED_OUT]}"
    return f"   {name}, {counts.total()}, {dead}, {alive}, {_rate(counts)}"


def main() -> int:
    """Run what the command line says; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("modules", nargs="*", default=_PACKAGES, metavar="module")
    parser.add_argument("--tests", nargs="+", default=_TESTS)
    parser.add_argument("--state", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument(
        "--slowest",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help="tests that take longer are left out",
    )
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    state = State(options.state.resolve())
    if options.report or options.table:
        say = _report if options.report else _table
        say(options.modules, state)
        return 0
    # Nothing of what the tests log is of interest; what they write goes to a folder.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _run(options, state)
        os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
