"""Which tests execute which lines, and how long each takes."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from unittest import TestCase, TestSuite

from twisted.trial.reporter import TestResult
from twisted.trial.runner import TestLoader

#: The context of what is executed while modules are imported.
_IMPORT = ""


def tests_of(names: Iterable[str]) -> dict[str, TestCase]:
    """All tests of these packages, modules, classes or methods, by their names."""
    suite = TestLoader().loadByNames(list(names), recurse=True)
    return {case.id(): case for case in _cases(suite)}


def _cases(suite: TestSuite | TestCase) -> Iterable[TestCase]:
    if isinstance(suite, TestCase):
        yield suite
        return
    for each in suite:
        yield from _cases(each)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was measured when all tests ran without a mutant.

    Attributes:
        seconds: How long each test took that takes part, in processor time.
        executed: By file and line, the tests that execute it.
        imported: By file, the lines that are executed when it is imported.
    """

    seconds: dict[str, float]
    executed: dict[str, dict[int, frozenset[str]]]
    imported: dict[str, frozenset[int]]

    def tests(self, file: str, lines: Iterable[int] | None) -> frozenset[str]:
        """The tests that execute one of these lines; None for any line of the file."""
        by_line = self.executed.get(file, {})
        chosen = by_line.keys() if lines is None else lines
        return frozenset().union(*(by_line.get(line, ()) for line in chosen))


def measured(names: list[str], packages: list[str], slowest: float) -> Coverage:
    """Run all tests in a process of their own, and see what they execute.

    So that this process stays as it is after the import: no cache has been filled.

    Args:
        names: The tests.
        packages: The packages to be mutated, as the folders of their files.
        slowest: Tests that take more seconds than this are left out.

    Raises:
        AssertionError: A test fails without any mutant.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        result: Coverage | str
        try:
            result = _measure(names, packages, slowest)
        except AssertionError as error:
            result = str(error)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        # From our own child: pickle is safe here.
        outcome: Coverage | str = pickle.load(pipe)
    os.waitpid(child, 0)
    if isinstance(outcome, str):
        raise AssertionError(outcome)
    return outcome


def _measure(names: list[str], packages: list[str], slowest: float) -> Coverage:
    import coverage  # which the tests of this package do without

    meter = coverage.Coverage(
        data_file=None,
        include=[f"{folder}/*" for folder in packages],
        config_file=False,
    )
    for name in list(sys.modules):
        if name.partition(".")[0] == "sipuac":
            del sys.modules[name]  # so that its import is measured as well
    meter.start()
    cases = tests_of(names)
    seconds: dict[str, float] = {}
    for name, case in cases.items():
        meter.switch_context(name)
        before = time.process_time()
        result = TestResult()
        case.run(result)
        seconds[name] = time.process_time() - before
        if not result.wasSuccessful():
            raise AssertionError(f"{name} fails without any mutant")
    meter.stop()
    seconds = {name: each for name, each in seconds.items() if each <= slowest}
    found = meter.get_data()
    executed: dict[str, dict[int, frozenset[str]]] = {}
    imported: dict[str, frozenset[int]] = {}
    for file in found.measured_files():
        lines = found.contexts_by_lineno(file)
        imported[file] = frozenset(
            line for line, contexts in lines.items() if _IMPORT in contexts
        )
        executed[file] = {
            line: frozenset(seconds.keys() & contexts)
            for line, contexts in lines.items()
        }
    return Coverage(seconds, executed, imported)
