"""Writes conformance.rst from requirements.tsv and the docstrings of the tests.

Run it from the top of the checkout: `python docs/make_conformance.py`. A test shows a
requirement when its docstring, or that of its class, names the requirement's id.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
REQUIREMENTS = TOP / "docs" / "requirements.tsv"
PAGE = TOP / "docs" / "conformance.rst"

_ID = re.compile(r"\b\d{4}-\d[0-9.]*-[a-z]\b")

_INTRODUCTION = """\
Conformance
===========

What the RFCs ask of a user agent client, one requirement a row, and the test that
shows it. **Tier** 1 is the core of a user agent client; 2 belongs to an extension, to
the side of the peer or to a refinement. **Level** is the keyword of the RFC: *is* marks
behaviour that the text states without one, *own* a rule of this project that the
section gives the reason for. After MUST NOT and SHOULD NOT the sentence says what is
not done.

This page is made by ``docs/make_conformance.py``; do not edit it by hand.
"""


@dataclass(frozen=True)
class Requirement:
    """One row of requirements.tsv; `note` says why a row has no test."""

    id: str
    group: str
    section: str
    tier: str
    level: str
    requirement: str
    note: str


def requirements() -> list[Requirement]:
    """All requirements, in the order of the file."""
    with REQUIREMENTS.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Requirement(**row) for row in reader]


def tests_by_id() -> dict[str, list[str]]:
    """The dotted names of the tests that show each requirement."""
    found: dict[str, list[str]] = {}
    for path in sorted((TOP / "tests").rglob("test_*.py")):
        module = ".".join(path.relative_to(TOP).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, words in _documented(tree):
            for identifier in _ID.findall(words):
                names = found.setdefault(identifier, [])
                if f"{module}.{name}" not in names:
                    names.append(f"{module}.{name}")
    return found


def _documented(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        yield node.name, ast.get_docstring(node) or ""
        for method in node.body:
            is_test = isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_test and method.name.startswith("test_"):
                yield f"{node.name}.{method.name}", ast.get_docstring(method) or ""


def page() -> str:
    """The whole page."""
    shown = tests_by_id()
    rows = requirements()
    parts = [_INTRODUCTION]
    for group in dict.fromkeys(row.group for row in rows):
        parts.append(f"\n{group}\n{'-' * len(group)}\n")
        parts.append(
            "\n.. list-table::\n   :header-rows: 1\n   :widths: 12 6 10 42 30\n\n"
            "   * - id\n     - tier\n     - level\n     - requirement\n     - test\n"
        )
        parts.extend(
            _row(row, shown.get(row.id, [])) for row in rows if row.group == group
        )
    return "".join(parts)


def _row(row: Requirement, tests: list[str]) -> str:
    cells = [f"``{name}``" for name in tests]
    if row.note:
        cells.append(_escaped(row.note))
    shown = "; ".join(cells) if cells else "\\-"
    return (
        f"   * - {row.id}\n     - {row.tier}\n     - {row.level}\n"
        f"     - {_escaped(row.requirement)} ({row.section})\n     - {shown}\n"
    )


def _escaped(text: str) -> str:
    # Single backquotes of the source are literals; the rest must not be markup.
    pieces = text.split("`")
    for index in range(0, len(pieces), 2):
        pieces[index] = re.sub(r"([*_|\\])", r"\\\1", pieces[index])
    for index in range(1, len(pieces), 2):
        pieces[index] = f"``{pieces[index]}``"
    return "".join(pieces)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
