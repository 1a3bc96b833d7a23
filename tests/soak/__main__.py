"""Runs the soak.

python -m tests.soak --minutes 60 --rate 200 --loss 0.1 --seed 1
python -m tests.soak --best
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.peers import require
from tests.soak.caller import Plan
from tests.soak.peers import Peers, end_in_order
from tests.soak.verdict import Verdict, judge

# Calls at a time that keep every process busy, by what is called.
_WINDOWS = {"plain": 300, "": 1000}


def soak(
    plan: Plan, folder: Path, loss: float, warm_up: float, *, has_memory: bool = True
) -> Verdict:
    """Place the calls of a plan through the lossy relay, and judge what came of it.

    Args:
        plan: The plan; its proxy is filled in here.
        folder: For the files; made where it is not there.
        loss: The part of the datagrams that the relay drops.
        warm_up: Seconds at the beginning that do not count for the memory.
        has_memory: Whether growth of memory is a violation.
    """
    with Peers(folder, loss, plan.seed, t1=plan.t1) as peers:
        _watch(peers.start_caller(plan), peers, folder)
    return judge(folder, warm_up, has_memory=has_memory)


def _watch(caller: subprocess.Popen[bytes], peers: Peers, folder: Path) -> None:
    """Wait for the caller; tell once a minute how it goes."""
    told = time.monotonic()
    while caller.poll() is None:
        time.sleep(0.2)
        if time.monotonic() - told < 60:
            continue
        told = time.monotonic()
        peers.check()
        lines = (folder / "samples.jsonl").read_text().splitlines()
        sys.stderr.write(f"{lines[-1] if lines else 'nothing yet'}\n")


def best_rates(folder: Path, seconds: float) -> dict[str, float]:
    """Calls a second through Kamailio without loss, as many as go, by their kind."""
    rates = {}
    for kind, window in _WINDOWS.items():
        for has_relay in (False, True):
            name = f"{kind or 'mix'}, {'with' if has_relay else 'without'} the relay"
            own = folder / name
            with Peers(own, 0.0, 1, has_relay=has_relay) as peers:
                plan = Plan(0, seconds, 0.0, kind=kind, window=window)
                peers.start_caller(plan).wait()
            figures = json.loads((own / "caller.json").read_text())
            rates[name] = round(figures["ended_per_second"], 1)
    return rates


def main() -> int:
    """Do what the arguments say; 1 where something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--loss", type=float, default=0.1, help="0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--standing", type=int, default=10, help="calls all the time")
    parser.add_argument("--warm-up", type=float, default=10.0, help="minutes")
    parser.add_argument("--folder", type=Path, help="for logs and figures")
    parser.add_argument("--best", action="store_true", help="measure the best rate")
    options = parser.parse_args()
    require("kamailio")
    end_in_order()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sipuac-soak-"))
    if options.best:
        for name, rate in best_rates(folder, 20.0).items():
            sys.stdout.write(f"{name}: {rate} calls/s\n")
        return 0
    plan = Plan(
        0,
        60 * options.minutes,
        options.rate,
        seed=options.seed,
        standing=options.standing,
    )
    sys.stderr.write(f"files: {folder}\n")
    verdict = soak(plan, folder, options.loss, 60 * options.warm_up)
    (folder / "verdict.txt").write_text(f"{verdict}\n")
    sys.stdout.write(f"{verdict}\n")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
