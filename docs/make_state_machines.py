"""Writes state_machines.rst from the transition tables of the package.

Run it from the top of the checkout: `python docs/make_state_machines.py`. What the
tables do not say, such as who is waited for in a state that may last, is taken from
the models that the tests check them with (`tests/model`).
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "state_machines.rst"

if str(TOP) not in sys.path:  # run as a program
    sys.path.insert(0, str(TOP))

from sipuac.effects import StartTimer, StopTimer  # noqa: E402 - see above
from tests.model.machines import MODELS, walks_of  # noqa: E402
from tests.model.tables import Model, word  # noqa: E402

_INTRODUCTION = """\
State machines
==============

The machines of sipuac are transition tables: for each state, a row for each event that
means something there, with the next state and the action. An event without a row is
ignored, or refused where that is said, and the table says why. This page is made from
those tables by ``docs/make_state_machines.py``; do not edit it by hand.

``tests/model`` checks each of them:

- Each pair of state and event is decided: a row, or a reason why there is none.
- Each state is reached and can end. Unless it is said who is waited for, a timer or an
  event that is sure to come ends it.
- Each timer that is started is stopped or has a row wherever the machine can be while
  it runs; none is left at the end.
- The real objects are fed every sequence of events, to a depth or until nothing new is
  found, and do what the table says.

In a diagram a line leads from the events of a state to the state that they lead to;
what leaves it as it is stands in parentheses, and ``==>`` is where it begins.
"""

_LABEL = 44  # characters of the events of one line


@dataclass(frozen=True)
class _Line:
    """One line of a diagram.

    Attributes:
        text: What stands in it.
        target: The state that its arrow leads to; None for no arrow.
        is_head: Whether it is the line of a state, where arrows come in.
        state: Whose it is.
    """

    text: str
    target: str | None
    is_head: bool
    state: str


def page() -> str:
    """The whole page."""
    return "".join([_INTRODUCTION, *(_section(model) for model in MODELS)])


def _section(model: Model) -> str:
    parts = [
        f"\n{model.title}\n{'-' * len(model.title)}\n\n",
        f"{model.rule}\n\n" if model.rule.endswith(".") else f"{model.rule}.\n\n",
        f"``{model.module}``\n\n",
        ".. code-block:: text\n\n",
        textwrap.indent(diagram(model), "    "),
        "\n",
        _table("state", "events", "next state", "action", rows=_rows(model)),
    ]
    waits = [(word(state), why) for state, why in model.waits.items()]
    if waits:
        parts += ["\n**May last**\n\n", _table("state", "why", rows=waits)]
    sure = [
        (word(state), "; ".join(map(word, events)), why)
        for state in model.table
        for why, events in _by_value(model.certain.get(state, {}).items()).items()
    ]
    if sure:
        parts += [
            "\n**Sure to come, beside timers**\n\n",
            _table("state", "events", "why", rows=sure),
        ]
    ignored = [
        (word(state), "; ".join(map(word, events)), why)
        for state in model.table
        for why, events in _by_value(
            (event, why)
            for several, why in model.ignored.get(state, {}).items()
            for event in several
        ).items()
    ]
    parts += ["\n**Ignored**\n\n", _table("state", "events", "why", rows=ignored)]
    return "".join(parts)


def _by_value(rows: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in rows:
        found.setdefault(value, []).append(key)
    return found


def _rows(model: Model) -> Iterator[tuple[str, ...]]:
    """Events of a state that do the same are together."""
    timers = _timers(model)
    for state, rows in model.table.items():
        same: dict[tuple[str, str], list[str]] = {}
        for event, (next_state, action) in rows.items():
            # A role of the offer/answer model, or a function that is named for it.
            name = getattr(action, "__name__", word(action))
            what = name.strip("_").replace("_", " ")
            done = [] if what in ("nothing", "stay") else [what]
            done += timers.get((state, event), [])
            outcome = (word(next_state), "; ".join(done))
            same.setdefault(outcome, []).append(word(event))
        for (next_word, text), events in same.items():
            yield word(state), "; ".join(events), next_word, text


def _timers(model: Model) -> dict[tuple[str, str], list[str]]:
    """What rows do with timers, as it was seen."""
    found: dict[tuple[str, str], list[str]] = {}
    for walk in walks_of(model.name):
        for arrow in walk.arrows:
            for effect in arrow.effects:
                if isinstance(effect, StartTimer):
                    text = f"starts {word(effect.timer)}"
                elif isinstance(effect, StopTimer):
                    text = f"stops {word(effect.timer)}"
                else:
                    continue
                row = found.setdefault(arrow.asked[-1], [])
                if text not in row:
                    row.append(text)
    return found


def _table(*names: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [".. list-table::\n   :header-rows: 1\n\n"]
    for cells in (names, *rows):
        for index, cell in enumerate(cells):
            mark = "* -" if index == 0 else "  -"
            lines.append(f"   {mark} {_escaped(cell)}".rstrip() + "\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    for mark in "\\*_`|":
        text = text.replace(mark, "\\" + mark)
    return text


# Diagrams


def diagram(model: Model) -> str:
    """The states one below the other, and arrows at the right.

    Each state that is led to has one upright line, which all arrows to it share.
    """
    lines = [line for state in model.table for line in _block(model, state)]
    heads = {line.state: at for at, line in enumerate(lines) if line.is_head}
    spans: dict[str, range] = {}
    for at, line in enumerate(lines):
        if line.target is not None:
            ends = (at, heads[line.target])
            span = spans.get(line.target)
            if span is not None:
                ends = (min(span.start, *ends), max(span.stop - 1, *ends))
            spans[line.target] = range(min(ends), max(ends) + 1)
    # Short ones inside: they cross less.
    order = sorted(spans, key=lambda state: (len(spans[state]), heads[state]))
    left = max(len(line.text) for line in lines) + 4
    columns = {state: left + 3 * index for index, state in enumerate(order)}
    width = left + 3 * len(order)
    drawn = [_drawn(at, line, spans, columns, width) for at, line in enumerate(lines)]
    return "\n".join(drawn).rstrip() + "\n"


def _drawn(
    at: int,
    line: _Line,
    spans: dict[str, range],
    columns: dict[str, int],
    width: int,
) -> str:
    cells = list(line.text.ljust(width))
    for state, column in columns.items():
        if at in spans[state]:
            cells[column] = "|"
    end = line.target if line.target is not None else line.state
    if (line.is_head or line.target is not None) and end in columns:
        begin = len(line.text) + 1
        for column in range(begin, columns[end]):
            if cells[column] == " ":
                cells[column] = "-"
        cells[columns[end]] = "+"
        if line.is_head:
            cells[begin] = "<"
    return "".join(cells).rstrip()


def _block(model: Model, state: str) -> Iterator[_Line]:
    mark = "==>" if state == model.start else "   "
    yield _Line(f"{mark} [{word(state)}]", None, True, state)
    groups: dict[str, list[str]] = {}
    for event, (next_state, _) in model.table[state].items():
        groups.setdefault(next_state, []).append(word(event))
    stays = groups.pop(state, [])
    if stays:
        texts = _wrapped(stays)
        texts = [f"({texts[0]}", *(f" {text}" for text in texts[1:])]
        texts[-1] += ")"
        for text in texts:
            yield _Line(f"      {text}", None, False, state)
    for target, events in groups.items():
        *texts, last = _wrapped(events)
        for text in texts:
            yield _Line(f"      {text}", None, False, state)
        yield _Line(f"      {last}", target, False, state)
    yield _Line("", None, False, state)


def _wrapped(events: list[str]) -> list[str]:
    """The events, as many a line as fit and at least one."""
    lines = [events[0]]
    for event in events[1:]:
        if len(lines[-1]) + len(event) > _LABEL:
            lines[-1] += ";"
            lines.append(event)
        else:
            lines[-1] += f"; {event}"
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
