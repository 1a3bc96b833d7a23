"""Each machine is what its table says, and its table says all there is to say.

The tests are made from the tables: a class for each machine, a test for each of its
duties and one for each pair of state and event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import sipuac
from tests.model import tables, walks
from tests.model.machines import MODELS, walks_of
from tests.model.tables import Model, reasons, word

_TOP = Path(sipuac.__file__).resolve().parent.parent
_Test = Callable[[SynchronousTestCase], None]


class RegisterTests(SynchronousTestCase):
    """The list of machines."""

    def test_every_table_is_here(self) -> None:
        """No module has a transition table that is not checked."""
        pattern = re.compile(r"^ *transitions\b.*= \{$", re.MULTILINE)
        found = {
            ".".join(path.relative_to(_TOP).with_suffix("").parts)
            for path in (_TOP / "sipuac").rglob("*.py")
            if pattern.search(path.read_text(encoding="utf-8"))
        }
        self.assertEqual(found, {model.module for model in MODELS})


def _duty_of_table(model: Model, name: str) -> _Test:
    def test(self: SynchronousTestCase) -> None:
        self.assertEqual(list(tables.CHECKS[name](model)), [])

    test.__doc__ = tables.CHECKS[name].__doc__
    return test


def _duty_of_walk(model: Model, name: str) -> _Test:
    def test(self: SynchronousTestCase) -> None:
        for found in walks_of(model.name):
            self.assertEqual(list(walks.CHECKS[name](model, model.table, found)), [])

    test.__doc__ = walks.CHECKS[name].__doc__
    return test


def _decision(model: Model, state: str, event: str) -> _Test:
    """The row was taken and led where it says; or nothing came of the event."""
    row = model.table[state].get(event)
    why = reasons(model.ignored, state, event)

    def takes(self: SynchronousTestCase) -> None:
        ends = {
            arrow.end.state
            for found in walks_of(model.name)
            for arrow in found.arrows
            if not arrow.is_refused and (state, event) in arrow.asked
        }
        assert row is not None
        self.assertEqual(why, [])
        self.assertEqual(ends, {row[0]})

    def ignores(self: SynchronousTestCase) -> None:
        self.assertEqual(len(why), 1, "no row, and no reason or too many")
        self.assertRegex(why[0], r"^[A-Z].{10,}\.$")
        for found in walks_of(model.name):
            for arrow in found.arrows:
                if (state, event) in arrow.asked:
                    self.assertEqual(arrow.end.state, state, arrow.words)
                    self.assertEqual(arrow.effects, (), arrow.words)

    test = ignores if row is None else takes
    outcome = " ".join(why) if row is None else f"leads to {word(row[0])}."
    test.__doc__ = f"In {word(state)}, {word(event)}: {outcome}"
    return test


def _identifier(*words: str) -> str:
    return "__".join(re.sub(r"\W+", "_", word(one)).strip("_") for one in words)


def _tests_of(model: Model) -> type[SynchronousTestCase]:
    members: dict[str, Any] = {"__doc__": model.title, "__module__": __name__}
    for name in tables.CHECKS:
        members[f"test_{name}"] = _duty_of_table(model, name)
    for name in walks.CHECKS:
        members[f"test_{name}"] = _duty_of_walk(model, name)
    for state in model.states:
        for event in model.events:
            name = f"test_in_{_identifier(state.value, event)}"
            assert name not in members
            members[name] = _decision(model, state.value, event)
    return type(f"{model.name}Tests", (SynchronousTestCase,), members)


for _model in MODELS:
    globals()[f"{_model.name}Tests"] = _tests_of(_model)
