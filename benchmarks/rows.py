"""What a measurement gives: rows with a goal, and the rounds that they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.rounds import ratio


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        name: What was measured.
        against: With what it is compared; "" for a figure that stands alone.
        unit: Of both.
        ours: A figure for each round.
        theirs: The same for what it is compared with, of the same rounds.
        goal: What the ratio, or else our figure, should reach; None for no goal.
        is_limit: Whether the goal is one not to exceed.
        cpu: The ratio of the same by processor time, where that is something else.
    """

    name: str
    against: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    goal: float | None = None
    is_limit: bool = False
    cpu: float | None = None

    @property
    def measured(self) -> float:
        """The ratio to theirs, or our own figure; the median over the rounds."""
        return ratio(self.ours, self.theirs) if self.theirs else median(self.ours)

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is; None where there is none."""
        if self.goal is None:
            return None
        if self.is_limit:
            return self.measured <= self.goal
        return self.measured >= self.goal

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADS`."""
        unit = "" if self.theirs else f" {self.unit}"
        goal = ""
        if self.goal is not None:
            goal = f"{'≤' if self.is_limit else '≥'} {self.goal:g}{unit}"
        verdict = {None: "", True: "", False: " (missed)"}[self.is_reached]
        return (
            self.name,
            self.against,
            goal,
            f"{_short(self.measured)}{unit}{verdict}",
            "" if self.cpu is None else _short(self.cpu),
            f"{_short(median(self.ours))} {self.unit}",
            f"{_short(median(self.theirs))} {self.unit}" if self.theirs else "",
        )


HEADS = ("what", "against", "goal", "measured", "by CPU", "sipuac", "the other")


def _short(value: float) -> str:
    """Three digits that count, as people write them."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """The rows as a table of reStructuredText."""
    return grid([HEADS, *(row.cells() for row in rows)])


def grid(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a table of reStructuredText, the first one its head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    texts = []
    for line in lines:
        cells = zip(line, widths, strict=True)
        texts.append("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    return "\n".join([rule, texts[0], rule, *texts[1:], rule])


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes:
        is_short: Whether a little, for a look, is enough.
        rounds: How many.
        peers: Where the peers are installed, None for nowhere.
        options: For the processes of sipuac, as `benchmarks.caller` has them.
        note: Takes each raw figure: what, who, the round, and the reply.
    """

    is_short: bool
    rounds: int
    peers: Path | None = None
    options: Sequence[str] = ()
    note: Callable[[str, str, int, Mapping[str, float]], None] = field(
        default=lambda what, who, turn, reply: None
    )

    @property
    def t1(self) -> float:
        """T1 where nothing is sent again and only the time until the end counts."""
        return 0.02 if self.is_short else 0.5

    @property
    def rest(self) -> float:
        """Seconds until nothing is left of the transactions of a call.

        What is remembered of an INVITE outlives its transaction by as much again.
        """
        return 2 * 64 * self.t1 + 2
