"""Mutants are made where code can be wrong, and are killed where a test says so."""

from __future__ import annotations

import ast
import gc
from pathlib import Path

from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog import glare
from tests.mutants.operators import Mutant, mutants
from tests.mutants.running import MutatedModule, Outcome
from tests.mutants.selection import Coverage, tests_of
from tests.mutants.state import State

_RULE = '''
"""What it is for."""
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from elsewhere import Thing
LIMITS: dict[str, int] = {"first": 1, "second": 2}

class Rule:
    """A rule."""
    __slots__ = ("count",)

    def holds(self, things: list[Thing] | None = None) -> bool:
        """Whether it holds."""
        assert things is not None
        self.count = 0
        for thing in things:
            if thing.size >= 3 and not thing.is_over:
                self.tell(thing, now=True)
        if self.count > 8:
            raise ValueError("too many", "things")
        return self.count == 4
'''


def _changed(source: str, name: str) -> str:
    """The source with one mutation."""
    tree = ast.parse(source)
    [mutant] = [each for each in mutants(tree) if each.name == name]
    mutant.apply()
    return ast.unparse(ast.fix_missing_locations(tree))


class OperatorTests(SynchronousTestCase):
    """What can be wrong in a few lines."""

    def test_all(self) -> None:
        """Each rule, effect, condition and value can be wrong; what is said about them,
        imports and types cannot.
        """
        names = [mutant.name for mutant in mutants(ast.parse(_RULE))]
        loop = "Rule.holds: loop: for ... in things -> ()"
        condition = "thing.size >= 3 and (not thing.is_over)"
        self.assertEqual(
            names,
            [
                ": drop: 'first'",
                ": drop: 'second'",
                ": constant: 'first' -> 'mutantfirst'",
                ": constant: 'second' -> 'mutantsecond'",
                ": constant: 1 -> 2",
                ": constant: 2 -> 3",
                "Rule.holds: delete: self.count = 0",
                "Rule.holds: constant: 0 -> 1",
                loop,
                f"Rule.holds: condition: {condition} -> True",
                f"Rule.holds: condition: {condition} -> False",
                f"Rule.holds: operand: {condition} -> not thing.is_over",
                f"Rule.holds: operand: {condition} -> thing.size >= 3",
                "Rule.holds: compare: thing.size >= 3 -> thing.size > 3",
                "Rule.holds: constant: 3 -> 4",
                "Rule.holds: delete: self.tell(thing, now=True)",
                "Rule.holds: drop: now=True",
                "Rule.holds: constant: True -> False",
                "Rule.holds: condition: self.count > 8 -> True",
                "Rule.holds: condition: self.count > 8 -> False",
                "Rule.holds: compare: self.count > 8 -> self.count >= 8",
                "Rule.holds: constant: 8 -> 9",
                "Rule.holds: delete: raise ValueError('too many', 'things')",
                "Rule.holds: return: return self.count == 4 -> return None",
                "Rule.holds: compare: self.count == 4 -> self.count != 4",
                "Rule.holds: constant: 4 -> 5",
            ],
        )

    def test_each_changes_the_code(self) -> None:
        """A mutant differs from the module in the place that it names, and nowhere."""
        original = ast.unparse(ast.parse(_RULE)).splitlines()
        for mutant in mutants(ast.parse(_RULE)):
            changed = _changed(_RULE, mutant.name).splitlines()
            with self.subTest(mutant.name):
                self.assertNotEqual(changed, original)
                self.assertLessEqual(len(set(original) - set(changed)), 1)

    def test_same_change_twice(self) -> None:
        """Mutants that look the same are told apart, so that each has its outcome."""
        names = [mutant.name for mutant in mutants(ast.parse("a = 1\nb = 1\n"))]
        self.assertEqual(names, [": constant: 1 -> 2", ": constant: 1 -> 2 (2)"])


class RunningTests(SynchronousTestCase):
    """A child of this process runs the tests on a mutant."""

    def setUp(self) -> None:
        """All tests of one module execute all of its lines."""
        self.cases = tests_of(["tests.dialog.test_glare"])
        seconds = dict.fromkeys(self.cases, 0.01)
        file = glare.__file__
        lines = range(1, len(Path(file).read_text().splitlines()) + 1)
        executed = {line: frozenset(self.cases) for line in lines}
        coverage = Coverage(seconds, {file: executed}, {})
        self.module = MutatedModule(glare.__name__, coverage, self.cases)
        self.addCleanup(gc.unfreeze)

    def _first(self, has_function: bool) -> int:
        """A mutant in a function, or of what is evaluated at import."""

        def fits(mutant: Mutant) -> bool:
            return (mutant.function is not None) is has_function

        return [fits(mutant) for mutant in self.module.mutants].index(True)

    def test_killed(self) -> None:
        """A changed function makes a test fail, and is as before in this process."""
        outcome, test = self.module.run(self._first(has_function=True))
        self.assertEqual(outcome, Outcome.KILLED)
        self.assertIn(test, self.cases)
        result = TestResult()
        for case in self.cases.values():
            case.run(result)
        self.assertTrue(result.wasSuccessful())

    def test_survived(self) -> None:
        """Nothing fails where nothing was changed, though all was imported again."""
        self.assertEqual(self.module.run(None), (Outcome.SURVIVED, ""))

    def test_unreached(self) -> None:
        """A line that no test executes cannot be noticed."""
        coverage = Coverage({}, {}, {})
        module = MutatedModule(glare.__name__, coverage, self.cases)
        self.assertEqual(
            module.run(self._first(has_function=True)), (Outcome.UNREACHED, "")
        )


class StateTests(SynchronousTestCase):
    """Outcomes are kept."""

    def test_goes_on(self) -> None:
        """A run that was stopped knows what it found, as long as the function is the
        same.
        """
        path = Path(self.mktemp())
        [one, other] = mutants(ast.parse("def f():\n    g()\n    return h()\n"))
        State(path).add("rule", one, Outcome.KILLED, "test")
        state = State(path)
        self.assertEqual(state.outcome("rule", one), Outcome.KILLED)
        self.assertIsNone(state.outcome("rule", other))
        self.assertIsNone(state.outcome("another", one))
        [changed, _] = mutants(ast.parse("def f():\n    g()\n    return i()\n"))
        self.assertEqual(changed.name, one.name)
        self.assertIsNone(state.outcome("rule", changed))
