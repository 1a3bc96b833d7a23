"""Keeps measurements in a file: rows, raw rounds, and where and when they were made.

A file has one entry for each measurement; measuring one again replaces it and leaves
the others.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.rows import Row


class Record:
    """One measurement.

    Args:
        name: Of the measurement.
        is_short: Whether it is in the short form.

    Attributes:
        rows: What came of it.
    """

    def __init__(self, name: str, is_short: bool) -> None:
        self.name = name
        self.rows: list[Row] = []
        self._is_short = is_short
        self._raw: list[dict[str, Any]] = []

    def note(self, what: str, who: str, turn: int, reply: Mapping[str, float]) -> None:
        """Keep a raw figure."""
        figures = {name: float(f"{value:.6g}") for name, value in reply.items()}
        self._raw.append({"what": what, "who": who, "round": turn, **figures})

    def save(self, file: Path) -> None:
        """Put it into the file, in place of an earlier one of this name."""
        kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        kept[self.name] = {
            "made": datetime.now(UTC).isoformat(timespec="minutes"),
            "python": platform.python_version(),
            "twisted": version("Twisted"),
            "machine": f"{platform.system()} {platform.machine()}",
            "is_short": self._is_short,
            "rows": [asdict(row) for row in self.rows],
            "rounds": self._raw,
        }
        lines = json.dumps(kept, indent=1)
        file.write_text(lines + "\n")


def rows_in(file: Path) -> dict[str, list[Row]]:
    """The rows of each measurement in a file."""
    kept = json.loads(file.read_text())
    return {name: [Row(**row) for row in entry["rows"]] for name, entry in kept.items()}
