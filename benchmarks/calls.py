"""Calls a second against `sipp -sn uas`: INVITE, 180, 200, ACK, BYE, 200 over UDP."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from benchmarks.floor import BUFFER_SIZE, HOST
from benchmarks.timing import Comparison, comparison, pin

Figures = dict[str, float]


def is_available() -> bool:
    """Whether there is a SIPp to call."""
    return shutil.which("sipp") is not None


@contextmanager
def callee() -> Iterator[int]:
    """A SIPp that answers, on the other core; the value is its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    arguments = ["sipp", "-sn", "uas", "-i", HOST, "-p", str(port), "-nostdin"]
    # Its own choice of buffers is too small for 500 calls at once.
    arguments += ["-buff_size", str(BUFFER_SIZE)]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        pin(process.pid, 1)
        # It says nothing when it is ready; what comes before that would be repeated by
        # sipuac and lost to the floor.
        time.sleep(0.5)
        try:
            yield port
        finally:
            process.kill()
            process.wait()


def measure(kind: str, calls: int, window: int) -> Figures:
    """Place calls in a process of its own, to a callee of its own.

    Raises:
        RuntimeError: It failed, or lost more than one call in fifty.
    """
    with callee() as port:
        arguments = [sys.executable, "-m", "benchmarks.caller", kind, str(port)]
        finished = subprocess.run(
            [*arguments, str(calls), str(window)], capture_output=True, text=True
        )
    if finished.returncode:
        raise RuntimeError(f"{kind} failed: {finished.stderr[-2000:]}")
    figures = cast(Figures, json.loads(finished.stdout))
    if figures["lost"] > calls / 50:
        raise RuntimeError(f"{kind} lost calls: {figures} {finished.stderr[-2000:]}")
    return figures


def results(rounds: int, calls: int) -> Iterator[tuple[str, Comparison, float]]:
    """Measure all; names, calls a second, and our CPU seconds per 1000 calls."""
    for window in (50, 500):
        pairs = []
        cpu = []
        for _ in range(rounds):
            floor = measure("floor", calls, window)
            ours = measure("sipuac", calls, window)
            pairs.append((floor["calls_per_second"], ours["calls_per_second"]))
            cpu.append(ours["cpu_seconds_per_1000"])
        yield f"calls, window {window}", comparison(pairs), sorted(cpu)[len(cpu) // 2]
