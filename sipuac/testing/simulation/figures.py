"""What many worlds come to, in figures that can be added up.

The figures of two ranges of seeds add up to those of both, so that a long run can be
stopped, resumed, and spread over processes and machines. They are kept as JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sipuac.testing.simulation.races import RACES

_VERSION = 1

RACE = "race: "


@dataclass
class Figures:
    """The figures of some ranges of seeds.

    Attributes:
        ranges: The seeds that were played: first, and the one after the last.
        calls: How many calls were placed.
        counts: Everything that was counted, by name.
        violations: The seeds whose worlds broke an invariant, and how.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    calls: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Take in the figures of other seeds."""
        self.ranges = joined([*self.ranges, *other.ranges])
        self.calls += other.calls
        self.counts += other.counts
        self.violations += other.violations

    def has(self, seed: int) -> bool:
        """Whether this seed was played."""
        return any(first <= seed < end for first, end in self.ranges)

    @property
    def races(self) -> dict[str, int]:
        """How often each race occurred, those that never did included."""
        return {race: self.counts[RACE + race] for race in RACES}

    # -- as a file ------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write them, in one piece: a file that is there is whole."""
        text = json.dumps(
            {
                "version": _VERSION,
                "ranges": self.ranges,
                "calls": self.calls,
                "counts": dict(sorted(self.counts.items())),
                "violations": self.violations,
            },
            indent=1,
        )
        beside = path.with_name(path.name + ".new")
        beside.write_text(text + "\n", "utf-8")
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Figures:
        """Read what `save` wrote; nothing yet where there is no file.

        Raises:
            ValueError: It is something else.
        """
        if not path.exists():
            return cls()
        state = json.loads(path.read_text("utf-8"))
        if not isinstance(state, dict) or state.get("version") != _VERSION:
            raise ValueError(f"{path} has no figures of this simulation")
        return cls(
            [(first, end) for first, end in state["ranges"]],
            state["calls"],
            Counter(state["counts"]),
            [(seed, text) for seed, text in state["violations"]],
        )

    # -- for people -----------------------------------------------------------------

    def text(self) -> str:
        """One figure a line; the violations last."""
        seeds = ", ".join(f"{first} to {end - 1}" for first, end in self.ranges)
        lines = [f"seeds: {seeds or 'none'}", f"calls: {self.calls:,}"]
        lines += [
            f"{name}: {count:,}"
            for name, count in sorted(self.counts.items())
            if not name.startswith(RACE)
        ]
        if not self.counts["lost by every retransmission"]:
            lines.append("lost by every retransmission: 0")
        lines.append("races that really occurred:")
        lines += [f"    {count:>9,}  {race}" for race, count in self.races.items()]
        lines += [f"violation, seed {seed}: {text}" for seed, text in self.violations]
        lines.append(f"violations: {len(self.violations)}")
        return "\n".join(lines)


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same seeds in as few ranges as can be, in order."""
    result: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((first, end))
    return result
