"""Draws where the time of a call goes: a flame graph of sipuac's process, as SVG.

python -m benchmarks.flame FILE        (py-spy must be installed, and may need root)
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

from benchmarks.orders import Order
from benchmarks.processes import CallerProcess, sipp_callee

_SECONDS = 10
# Samples a second; not a divisor of anything that happens regularly.
_RATE = 211


def draw(file: str) -> None:
    """Place calls at window 50, warm, and look into the process all the while."""
    with sipp_callee() as port, CallerProcess("sipuac") as caller:
        caller.do(Order("dial", port=port, calls=500, window=50))
        endless = Order("dial", port=port, calls=10**9, window=50)
        caller.tell(json.dumps(asdict(endless)))
        spy = ["py-spy", "record", "--output", file, "--duration", str(_SECONDS)]
        spy += ["--rate", str(_RATE), "--function", "--pid", str(caller.pid)]
        subprocess.run(spy, check=True)


if __name__ == "__main__":
    draw(sys.argv[1])
