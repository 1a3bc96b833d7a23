"""Floods a process that has calls, and judges how they fare.

python -m tests.soak.floods --datagrams 100000 --connections 10000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.integration.certificates import make_certificates
from tests.integration.peers import free_port, is_bound
from tests.integration.processes import ROOT
from tests.soak.flooder import DATAGRAMS
from tests.soak.peers import end_in_order
from tests.soak.siege import KINDS, Plan

# Seconds until a new call stands after a flood.
_RECOVERY = 5.0
# Bytes by which a flood may make the process grow: the most requests of strangers that
# are kept, 5,800 of some 10 KiB, and half as much again.
_GROWTH = 96 * 1024 * 1024
# Objects that may be left when nothing lingers any more: the last 4,096 UDP peers and
# 10,000 sources are remembered.
_LEFT = 50_000


def floods(
    folder: Path,
    datagrams: int,
    connections: int,
    *,
    kinds: Sequence[str] = KINDS,
    seed: int = 1,
    t1: float = 0.5,
    descriptors: int = 1024,
    settles: bool = True,
) -> dict[str, Any]:
    """What became of the calls; the key "violations" has what should not be.

    Args:
        folder: For the files; made where it is not there.
        datagrams: How many of each kind.
        connections: How many of each kind.
        kinds: Which ones, in order.
        seed: Of the floods.
        t1: Seconds (RFC 3261 section 17), of the process that is flooded.
        descriptors: Files and sockets that it may have open.
        settles: Whether to wait after each flood until nothing of it lingers; only
            after the last one otherwise.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _, certificate, key = make_certificates(folder, "localhost")
    plan = Plan(
        waits=free_port(),
        hangs_up=free_port(),
        port=free_port(),
        tls_port=free_port(),
        certificate=str(certificate),
        key=str(key),
        datagrams=datagrams,
        connections=connections,
        kinds=kinds,
        seed=seed,
        t1=t1,
        descriptors=descriptors,
        settles=settles,
    )
    ports = (plan.waits, plan.hangs_up)
    phones = _start(folder, "answering", *(str(port) for port in ports))
    try:
        deadline = time.monotonic() + 60
        while not all(is_bound(port, "tcp") for port in ports):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the phones do not start; see {folder}/*.log")
            time.sleep(0.05)
        siege = _start(folder, "siege", json.dumps(asdict(plan)))
        try:
            siege.wait()
        finally:
            siege.kill()
            siege.wait()
    finally:
        phones.terminate()
        phones.wait()
    results: dict[str, Any] = json.loads((folder / "siege.json").read_text())
    results["phones"] = json.loads((folder / "answering.json").read_text())
    results["violations"] = _violations(results, plan)
    return results


def _start(folder: Path, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / f"{module}.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.soak.{module}", *arguments, str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _violations(results: dict[str, Any], plan: Plan) -> list[str]:
    """What should not be, in words."""
    found = [f"logged as an error: {fault}" for fault in results["faults"]]
    if "broken" in results:
        return [*found, f"the siege broke: {results['broken']}"]
    for flood in results["floods"]:
        found += [f"{flood['kind']}: {words}" for words in _wrong_with(flood, plan)]
    if set(results["standing ended by"]) != {"local"}:
        found.append(f"standing calls ended by {results['standing ended by']}")
    before, after = results["objects before"], results["objects after"]
    if after > before + _LEFT:
        found.append(f"{before} objects before all floods, {after} after them")
    if results["left"]:
        found.append(f"calls left in memory: {results['left']}")
    for phone, figures in results["phones"].items():
        for what in ("in calls", "ended otherwise"):
            found += [f"phone that {phone}, {what}: {one}" for one in figures[what]]
    return found


def _wrong_with(flood: dict[str, Any], plan: Plan) -> list[str]:
    found = list(flood["failed"])
    for name in ("INFO", "re-INVITE", "new call", "BYE"):
        if not flood["done"].get(name):
            found.append(f"no {name} meanwhile")
    if flood["recovery"] > _RECOVERY:
        found.append(f"a new call stood only after {flood['recovery']:.1f} s")
    if flood["rss_most"] - flood["rss_before"] > _GROWTH:
        found.append(f"memory grew to {flood['rss_most']} B")
    for counter in ("internal-errors", "receiver-errors"):
        if flood["counted"].get(counter):
            found.append(f"{counter}: {flood['counted'][counter]}")
    came = flood["counted"].get("datagrams-received", 0)
    if flood["kind"] in DATAGRAMS and came < 0.9 * plan.datagrams:
        found.append(f"only {came} datagrams were taken")
    return found


def main() -> int:
    """Do what the arguments say; 1 where something went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.floods", description=__doc__
    )
    parser.add_argument("--datagrams", type=int, default=100_000, help="of each kind")
    parser.add_argument("--connections", type=int, default=10_000, help="of each kind")
    parser.add_argument(
        "--kind", action="append", choices=KINDS, help="only this one; again for more"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--t1", type=float, default=0.5, help="seconds")
    parser.add_argument("--folder", type=Path, help="for logs and figures")
    options = parser.parse_args()
    end_in_order()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sipuac-floods-"))
    results = floods(
        folder,
        options.datagrams,
        options.connections,
        kinds=options.kind or KINDS,
        seed=options.seed,
        t1=options.t1,
    )
    for flood in results["floods"]:
        sys.stdout.write(f"{json.dumps(flood, indent=1)}\n")
    for violation in results["violations"]:
        sys.stdout.write(f"VIOLATION: {violation}\n")
    sys.stdout.write(f"violations: {len(results['violations'])}\n")
    return 1 if results["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
