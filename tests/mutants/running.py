"""Runs one mutant: a child of this process is changed, and then runs the tests.

The parent has imported everything, so that a child costs milliseconds. There are two
ways to change it. Where only the body of a function differs, every function that has
this body gets the other one. What is evaluated at import (tables, defaults, classes) is
imported again, with all modules of ours, which takes some tenths of a second.
"""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.machinery
import os
import resource
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from unittest import TestCase

from twisted.trial.reporter import TestResult

from tests.mutants.operators import mutants
from tests.mutants.selection import Coverage, tests_of

#: A test may take so much longer than without a mutant, ...
_FACTOR = 10.0
#: ... and so many seconds of the processor at least.
_LEAST = 1.0
#: Seconds of the clock for a test that waits for what never comes.
_WAIT = 60
#: More memory (bytes) than any test needs: a mutant that never stops collecting ends.
_MEMORY = 2 << 30
_OURS = ("sipuac", "tests")


class Outcome(str, Enum):
    """What became of a mutant."""

    KILLED = "killed"  # a test failed
    TIMED_OUT = "timed out"  # a test did not end
    SURVIVED = "survived"  # all tests passed
    UNREACHED = "unreached"  # no test executes the line


class MutatedModule:
    """A module whose mutants can be run.

    Args:
        name: Its name; it is imported.
        coverage: Which tests execute it.
        cases: All tests, by name.
    """

    def __init__(
        self, name: str, coverage: Coverage, cases: dict[str, TestCase]
    ) -> None:
        self.name = name
        module = importlib.import_module(name)
        assert module.__file__ is not None
        self._file = module.__file__
        self._coverage = coverage
        self._cases = cases
        with open(self._file, encoding="utf-8") as source:
            self._tree = ast.parse(source.read())
        self.mutants = mutants(self._tree)
        self._functions: dict[tuple[str, int], list[FunctionType]] = defaultdict(list)
        gc.unfreeze()
        for function in gc.get_objects():
            if type(function) is FunctionType:
                code = function.__code__
                if code.co_filename == self._file:
                    key = code.co_qualname, code.co_firstlineno
                    self._functions[key].append(function)
        self._kills: dict[str, int] = defaultdict(int)
        gc.collect()
        gc.freeze()  # or a child would copy all of it when it collects

    def run(self, index: int | None) -> tuple[Outcome, str]:
        """Run a mutant.

        Args:
            index: Its place in `mutants`; None for none at all, imported again.

        Returns:
            The outcome, and the name of the test that killed it.
        """
        names = sorted(self._chosen(index), key=self._rank)
        if not names:
            return Outcome.UNREACHED, ""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            self._end_child(index, names, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            last, _, result = pipe.read().rpartition("\n")
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return Outcome.TIMED_OUT, result
        if result == "passed":
            return Outcome.SURVIVED, ""
        test = last.rpartition("\n")[2]
        self._kills[test] += 1
        return Outcome.KILLED, test or f"import: {result}"

    def _chosen(self, index: int | None) -> frozenset[str]:
        """The tests that may notice a mutant."""
        if index is not None:
            mutant = self.mutants[index]
            found = self._coverage.tests(self._file, mutant.lines)
            if mutant.function is not None and (found or not self._is_imported(index)):
                return found
        # What is evaluated at import may matter to any test of the module, and to one
        # of its layer that executes nothing of it.
        own = (name for name in self._coverage.seconds if self._is_own(name))
        return self._coverage.tests(self._file, None).union(own)

    def _is_imported(self, index: int | None) -> bool:
        """Whether this is evaluated when the module is imported."""
        if index is None:
            return True
        mutant = self.mutants[index]
        imported = self._coverage.imported.get(self._file, frozenset())
        return mutant.function is None or bool(mutant.lines & imported)

    def _is_own(self, test: str) -> bool:
        """Whether a test is one of the module's own layer."""
        return test.split(".")[1] == self.name.split(".")[1]

    def _rank(self, test: str) -> tuple[bool, bool, int, float, str]:
        """Quick tests first, those of the layer first, then those that kill often."""
        seconds = self._coverage.seconds[test]
        is_slow, is_other = seconds > 0.05, not self._is_own(test)
        return is_slow, is_other, -self._kills[test], seconds, test

    def _end_child(self, index: int | None, names: Sequence[str], writing: int) -> None:
        """In the child: change the module and run the tests."""
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # The signals of both timers end the process; the parent sees that.
        signal.setitimer(signal.ITIMER_PROF, _FACTOR)
        try:
            self._run_tests(self._changed(index, names), writing)
            os.write(writing, b"\npassed")
        except BaseException as error:  # noqa: B036 # whatever it is: it was noticed
            os.write(writing, f"\n{type(error).__name__}".encode())
        os._exit(0)

    def _run_tests(self, cases: Iterable[tuple[str, TestCase]], writing: int) -> None:
        for name, case in cases:
            os.write(writing, f"\n{name}".encode())
            seconds = _LEAST + _FACTOR * self._coverage.seconds[name]
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(_WAIT)
            result = TestResult()
            case.run(result)
            if not result.wasSuccessful():
                raise AssertionError(name)

    def _changed(
        self, index: int | None, names: Sequence[str]
    ) -> Iterator[tuple[str, TestCase]]:
        """Change the module; the tests, which see the change."""
        function = None
        if index is not None:
            mutant = self.mutants[index]
            mutant.apply()
            function = mutant.function
        ast.fix_missing_locations(self._tree)
        code = compile(self._tree, self._file, "exec", dont_inherit=True)
        if not self._is_imported(index) and self._replace(function, code):
            for name in names:
                yield name, self._cases[name]
            return
        for name in list(sys.modules):
            if name.partition(".")[0] in _OURS:
                del sys.modules[name]
        sys.meta_path.insert(0, _Finder(self.name, self._file, code))
        loaded: dict[str, TestCase] = {}
        for name in names:
            if name not in loaded:
                module = ".".join(name.split(".")[:-2])
                loaded.update(tests_of([module]))
            yield name, loaded[name]

    def _replace(self, key: tuple[str, int] | None, code: CodeType) -> bool:
        """Give each function that has this body the other one."""
        assert key is not None
        functions = self._functions[key]
        changed = _inner(code, key)
        if changed is None or not functions:
            return False
        if changed.co_freevars != functions[0].__code__.co_freevars:
            return False
        for function in functions:
            function.__code__ = changed
        return True


def _inner(code: CodeType, key: tuple[str, int]) -> CodeType | None:
    """The body of a function, somewhere in the code of a module."""
    if (code.co_qualname, code.co_firstlineno) == key:
        return code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found = _inner(constant, key)
            if found is not None:
                return found
    return None


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the changed module in the place of the one in the file."""

    def __init__(self, name: str, file: str, code: CodeType) -> None:
        self._name = name
        self._file = file
        self._code = code

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=self._file)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._file
        exec(self._code, module.__dict__)
