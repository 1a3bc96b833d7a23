"""Measures what it is asked for and prints a table of ratios.

python -m benchmarks [parse|render|calls|forks|tls|memory|held|growth|latency ...]
    [--short] [--rounds N] [--peers DIRECTORY] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks import calls, forks, growth, held, latency, memory, text_ratios, tls
from benchmarks.processes import LostCalls
from benchmarks.record import Record
from benchmarks.rows import Row, Settings, table

MEASUREMENTS: dict[str, Callable[[Settings], Iterable[Row]]] = {
    "parse": partial(text_ratios.measure, is_rendering=False),
    "render": partial(text_ratios.measure, is_rendering=True),
    "calls": calls.measure,
    "forks": forks.measure,
    "tls": tls.measure,
    "memory": memory.measure,
    "held": held.measure,
    "growth": growth.measure,
    "latency": latency.measure,
}
#: Rounds of the long form; the others have five.
_ROUNDS = {"parse": 9, "render": 9}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help=f"{', '.join(MEASUREMENTS)}; all if none is named"
    )
    parser.add_argument("--short", action="store_true", help="a little, for a look")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--peers", type=Path, help="where they were installed")
    parser.add_argument("--json", type=Path, help="file to keep rows and rounds in")
    parser.add_argument(
        "--gc-threshold", type=int, help="of sipuac's processes, see gc.set_threshold"
    )
    options = parser.parse_args()
    for name in options.what:
        if name not in MEASUREMENTS:
            parser.error(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
    threshold = options.gc_threshold
    failed: list[str] = []
    for name in options.what or MEASUREMENTS:
        record = Record(name, options.short)
        settings = Settings(
            options.short,
            options.rounds or (1 if options.short else _ROUNDS.get(name, 5)),
            options.peers,
            () if threshold is None else ("--gc-threshold", str(threshold)),
            record.note,
        )
        try:
            rows = measure(name, settings)
        except LostCalls as error:
            print(f"{name}: no figures: {error}")
            failed.append(name)
            continue
        record.rows = rows
        if rows:
            print(table(rows), flush=True)
        if options.json is not None:
            record.save(options.json)
    if failed:
        raise SystemExit(1)


def measure(name: str, settings: Settings) -> list[Row]:
    """The rows of one measurement."""
    print(f"{name} ...", flush=True)
    return list(MEASUREMENTS[name](settings))


if __name__ == "__main__":
    main()
