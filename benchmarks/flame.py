"""Draws where the time of a call goes: a flame graph of sipuac's process, as SVG.

python -m benchmarks.flame FILE        (py-spy must be installed, and may need root)

Prints the share of each package as well: of the time in its own functions, and not in
those that they call. What the garbage collector takes is in the share of whoever made
the object that was one too many.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.orders import Order
from benchmarks.processes import CallerProcess, sipp_callee

_SECONDS = 10
# Samples a second; not a divisor of anything that happens regularly.
_RATE = 211

_PACKAGE = re.compile(r".*\((?:.*/)?(sipuac|twisted|benchmarks)/(\w+)[^()]*\)")


def draw(file: str) -> None:
    """Place calls at window 50, warm, and look into the process all the while."""
    with sipp_callee() as port, CallerProcess("sipuac") as caller:
        caller.do(Order("dial", port=port, calls=500, window=50))
        endless = Order("dial", port=port, calls=10**9, window=50)
        caller.tell(json.dumps(asdict(endless)))
        _spy(caller.pid, file, "flamegraph", "--function")
        with TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            _spy(caller.pid, str(raw), "raw")
            for package, part in shares(raw.read_text().splitlines()):
                print(f"{part:6.1%}  {package}")


def _spy(process: int, file: str, form: str, *options: str) -> None:
    spy = ["py-spy", "record", "--output", file, "--duration", str(_SECONDS)]
    spy += ["--rate", str(_RATE), "--format", form, *options, "--pid", str(process)]
    subprocess.run(spy, check=True, stdout=subprocess.DEVNULL)


def shares(stacks: Iterable[str]) -> list[tuple[str, float]]:
    """The part of each package, the greatest first.

    Args:
        stacks: Each with its frames between semicolons, and how often it was seen.
    """
    counts: Counter[str] = Counter()
    for stack in stacks:
        frames, _, count = stack.rpartition(" ")
        found = _PACKAGE.fullmatch(frames.rpartition(";")[2])
        counts["/".join(found.groups()) if found else "all else"] += int(count)
    whole = sum(counts.values())
    return [(package, count / whole) for package, count in counts.most_common()]


if __name__ == "__main__":
    draw(sys.argv[1])
