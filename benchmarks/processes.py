"""Starts callers and callees, each in a process of its own, and talks to them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self, TypeVar, cast

from benchmarks.certificate import make_certificate
from benchmarks.cores import pin
from benchmarks.floor import BUFFER_SIZE, HOST
from benchmarks.orders import Order, Reply
from benchmarks.peers import python_of

_ROOT = Path(__file__).resolve().parent.parent

OUR_CORE, FAR_CORE = 0, 1


class LostCalls(Exception):
    """Calls failed, so that the figures mean nothing."""


Figures = TypeVar("Figures")


def until_right(measure: Callable[[], Figures]) -> Figures:
    """Measure once more where calls failed, which gives no figures; twice at most.

    Raises:
        LostCalls: They failed each time.
    """
    for _ in range(2):
        try:
            return measure()
        except LostCalls as error:
            print(f"once more: {error}", flush=True)
    return measure()


class Process:
    """A process that answers each line on its standard input with a line.

    Args:
        arguments: What to start.
        core: Where it is kept.
    """

    def __init__(self, arguments: list[str], core: int) -> None:
        self._process = subprocess.Popen(
            arguments,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        pin(self._process.pid, core)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def tell(self, text: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """The next line, when it comes.

        Raises:
            RuntimeError: The process has ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended")
        return cast(dict[str, float], json.loads(line))


class CallerProcess(Process):
    """A caller: sipuac, the floor or a peer.

    Args:
        kind: "sipuac", "floor", "sippy" or "aiosipua".
        peers: Where the peers are installed; None where they are not needed.
        options: For sipuac, as `benchmarks.caller` has them.
    """

    def __init__(self, kind: str, peers: Path | None = None, *options: str) -> None:
        if kind in ("sipuac", "floor"):
            arguments = [sys.executable, "-m", "benchmarks.caller", kind, *options]
        else:
            assert peers is not None
            python = str(python_of(kind, peers))
            arguments = [python, "-m", f"benchmarks.{kind}_caller", *options]
        super().__init__(arguments, OUR_CORE)
        self.kind = kind

    def do(self, order: Order) -> Reply:
        """Have an order done.

        Raises:
            LostCalls: A call failed, or did not end as it should. Of the others a few
                may: the floor repeats nothing, and nobody repeats as SIPp wants it.
        """
        self.tell(json.dumps(asdict(order)))
        reply = self.answer()
        bad = reply.get("failed", 0) + reply.get("lost", 0)
        if bad > (0 if self.kind == "sipuac" else order.calls / 50):
            raise LostCalls(f"{self.kind}: {order} gave {reply}")
        return reply


class CalleeProcess(Process):
    """The callee of ours; its ports are attributes of it.

    Args:
        folder: Where its certificate is made; None for none, and no TLS.

    Attributes:
        ports: By transport.
        authority: File with the certificate to trust.
    """

    def __init__(self, folder: Path | None = None) -> None:
        arguments = [sys.executable, "-m", "benchmarks.callee"]
        self.authority = ""
        if folder is not None:
            certificate, key = make_certificate(folder)
            self.authority = str(certificate)
            arguments += [str(certificate), str(key)]
        super().__init__(arguments, FAR_CORE)
        self.ports = {name: int(port) for name, port in self.answer().items()}

    def counts(self) -> dict[str, int]:
        """What it has seen so far."""
        self.tell("counts")
        return {name: int(count) for name, count in self.answer().items()}


def has_sipp() -> bool:
    """Whether there is a SIPp to call."""
    return shutil.which("sipp") is not None


@contextmanager
def sipp_callee() -> Iterator[int]:
    """A SIPp that answers, `sipp -sn uas`; the value is its port."""
    port = free_port()
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
        pin(process.pid, FAR_CORE)
        try:
            # It says nothing when it is ready; what comes before that would be repeated
            # by sipuac and lost to the floor.
            _wait_for(port)
            time.sleep(0.3)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    """Wait until somebody has this port, for a few seconds at most."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return
        time.sleep(0.1)


def free_port() -> int:
    """A UDP port of loopback that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
