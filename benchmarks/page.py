"""Puts what was measured into the documentation: `python -m benchmarks.page`.

Takes the rows from `benchmarks/measured.json` and writes the tables of
`docs/performance.rst`, between its two marks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import rows_in
from benchmarks.rows import Row, grid, table

_ROOT = Path(__file__).resolve().parent.parent
MEASURED = _ROOT / "benchmarks" / "measured.json"
PAGE = _ROOT / "docs" / "performance.rst"

BEGIN = ".. Written by `python -m benchmarks.page`: do not edit from here."
END = ".. Edit again from here."

_ORDER = (
    "parse",
    "render",
    "calls",
    "forks",
    "tls",
    "memory",
    "held",
    "growth",
    "latency",
)


def goals(measured: dict[str, list[Row]]) -> str:
    """The rows that have a goal, with the command that measures each."""
    lines = [("what", "goal", "measured", "by CPU", "how")]
    for name in _ORDER:
        for row in measured.get(name, []):
            if row.goal is not None:
                what, against, goal, figure, cpu, *_ = row.cells()
                words = f"{what}, against {against}" if against else what
                lines.append((words, goal, figure, cpu, name))
    return grid(lines)


def details(measured: dict[str, list[Row]], made: dict[str, str]) -> str:
    """All rows of each measurement, with the day."""
    parts = []
    for name in _ORDER:
        if measured.get(name):
            parts.append(f"``{name}``, {made[name]}:\n\n{table(measured[name])}")
    return "\n\n".join(parts)


def page(text: str, tables: Sequence[str]) -> str:
    """The page with these tables between its marks.

    Raises:
        ValueError: The marks are not there.
    """
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return "\n\n".join([text[:begin], *tables, text[end:]])


def main() -> None:
    """Write the page."""
    measured = rows_in(MEASURED)
    made = {
        name: f"{entry['made'][:10]}, CPython {entry['python']}, Twisted"
        f" {entry['twisted']}"
        for name, entry in json.loads(MEASURED.read_text()).items()
    }
    heading = "All figures\n-----------"
    tables = [goals(measured), heading, details(measured, made)]
    PAGE.write_text(page(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
