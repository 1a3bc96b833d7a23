"""What became of the mutants so far, so that a run can be stopped and go on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.mutants.operators import Mutant
from tests.mutants.running import Outcome


class State:
    """The outcomes so far, one a line of a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[tuple[str, str, str], tuple[Outcome, str]] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                module, digest, mutant, outcome, test = json.loads(line)
                self._outcomes[module, digest, mutant] = Outcome(outcome), test

    def outcome(self, module: str, mutant: Mutant) -> Outcome | None:
        """What became of a mutant; None if it has not run."""
        found = self._outcomes.get(_key(module, mutant))
        return found[0] if found else None

    def add(self, module: str, mutant: Mutant, outcome: Outcome, test: str) -> None:
        """Keep an outcome."""
        row = _key(module, mutant)
        self._outcomes[row] = outcome, test
        with self._path.open("a") as file:
            file.write(json.dumps([*row, outcome.value, test]) + "\n")


def _key(module: str, mutant: Mutant) -> tuple[str, str, str]:
    digest = hashlib.sha256(mutant.text.encode()).hexdigest()[:12]
    return module, digest, mutant.name
