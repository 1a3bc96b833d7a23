"""The page of state machines says what the tables say."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from tests.model.machines import MODELS
from tests.model.tables import Model, word

TOP = Path(__file__).resolve().parent.parent.parent


def load_generator() -> ModuleType:
    """The program that writes the page; it is no part of any package."""
    path = TOP / "docs/make_state_machines.py"
    spec = spec_from_file_location("make_state_machines", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def arrows_of(diagram: str) -> set[tuple[str, str]]:
    """From which state to which arrows lead, as one sees who follows them."""
    heads = {}
    tails = []
    state = ""
    for line in diagram.splitlines():
        if "[" in line:
            state = line[line.index("[") + 1 : line.index("]")]
        column = end_of_line(line)
        if column is not None and "<" in line:
            heads[column] = state
        elif column is not None:
            tails.append((state, column))
    return {(start, heads[column]) for start, column in tails}


def end_of_line(line: str) -> int | None:
    """The column of the upright line that the level one of this line comes to."""
    begin = line.find("--")
    if begin < 0:
        begin = line.find("-+")
    if begin < 0:
        return None
    return line.index("+", begin)


def states_of(diagram: str) -> list[str]:
    """The states, from top to bottom."""
    lines = (line for line in diagram.splitlines() if "[" in line)
    return [line[line.index("[") + 1 : line.index("]")] for line in lines]


class PageTests(SynchronousTestCase):
    """docs/state_machines.rst."""

    def setUp(self) -> None:
        """Load the generator."""
        self.generator = load_generator()

    def test_the_page_is_true(self) -> None:
        """The page is what its generator makes of the tables as they are."""
        written = (TOP / "docs/state_machines.rst").read_text(encoding="utf-8")
        self.assertTrue(
            written == self.generator.page(), "run python docs/make_state_machines.py"
        )

    def test_diagrams(self) -> None:
        """Who follows the lines of a diagram comes to where the table leads."""
        for model in MODELS:
            diagram = self.generator.diagram(model)
            self.assertEqual(states_of(diagram), [word(one) for one in model.table])
            self.assertEqual(arrows_of(diagram), self.arrows_of_table(model))
            self.assertIn(f"==> [{word(model.start)}]", diagram)

    def arrows_of_table(self, model: Model) -> set[tuple[str, str]]:
        """From which state to which other ones there is a row."""
        return {
            (word(state), word(next_state))
            for state, rows in model.table.items()
            for next_state, _ in rows.values()
            if next_state != state
        }

    def test_every_event_is_in_the_diagram(self) -> None:
        """Each event that has a row in a state stands below that state."""
        for model in MODELS:
            blocks = self.generator.diagram(model).split("[")[1:]
            for rows, block in zip(model.table.values(), blocks, strict=True):
                for event in rows:
                    self.assertIn(word(event), block)
