"""Starts the processes of the soak: Kamailio, the relay, the phones and the caller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType

from tests.integration.peers import free_port, is_bound, program_path
from tests.integration.processes import ROOT
from tests.soak.caller import Plan

_FOLDER = Path(__file__).resolve().parent


def end_in_order() -> None:
    """Let SIGTERM end this program as it would end by itself, its children first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Peers:
    """All that the caller needs, while the context lasts.

    Args:
        folder: For their logs.
        loss: The part of the datagrams that the relay drops.
        seed: Of its dice.
        has_relay: Whether the relay is between the caller and Kamailio at all.
        t1: Seconds (RFC 3261 section 17), of Kamailio and the phones.
    """

    def __init__(
        self,
        folder: Path,
        loss: float,
        seed: int,
        *,
        has_relay: bool = True,
        t1: float = 0.5,
    ) -> None:
        self.folder = folder.resolve()
        self._loss = loss
        self._seed = seed
        self._has_relay = has_relay
        self._t1 = t1
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ports = {name: free_port() for name in ("phone", "relay", "inner")}
        self.ports["outer"] = free_port() if has_relay else self.ports["relay"]

    def __enter__(self) -> Peers:
        """Start them, and wait until they can be called.

        Raises:
            RuntimeError: They cannot.
        """
        try:
            self._start_all()
        except BaseException:
            self._stop_all()
            raise
        return self

    def _start_all(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = (_FOLDER / "kamailio.cfg").read_text("utf-8")
        times = {"t1": self._t1, "t2": 8 * self._t1, "limit": 64 * self._t1}
        milliseconds = {name: round(1000 * time) for name, time in times.items()}
        for name, port in {**self.ports, **milliseconds}.items():
            text = text.replace(f"@{name.upper()}@", str(port))
        (self.folder / "kamailio.cfg").write_text(text, "utf-8")
        folder = str(self.folder)
        self._start(
            "kamailio",
            [program_path("kamailio"), "-f", f"{folder}/kamailio.cfg", "-DD", "-E"]
            + ["-Y", folder, "-w", folder, "-m", "512", "-M", "32"],
        )
        ports = {name: str(port) for name, port in self.ports.items()}
        self._start_ours("phone", ports["phone"], str(self._t1), folder)
        if self._has_relay:
            dice = [str(self._loss), str(self._seed)]
            self._start_ours("relay", ports["relay"], ports["outer"], *dice, folder)
        deadline = time.monotonic() + 60
        while not all(is_bound(port, "udp") for port in self.ports.values()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the peers do not start; see {folder}/*.log")
            time.sleep(0.05)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End them: they write what they have seen."""
        self._stop_all()

    def _stop_all(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    @property
    def proxy(self) -> int:
        """The port at which the caller finds the proxy."""
        return self.ports["relay"]

    def start_caller(self, plan: Plan) -> subprocess.Popen[bytes]:
        """Start the caller, at our proxy; it ends by itself."""
        plan = replace(plan, proxy=self.proxy)
        return self._start_ours("caller", json.dumps(asdict(plan)), str(self.folder))

    def check(self) -> None:
        """Make sure that none has ended.

        Raises:
            RuntimeError: One has.
        """
        for process in self._processes:
            if process.poll() not in (None, 0):
                raise RuntimeError(f"a peer has ended; see {self.folder}/*.log")

    def _start_ours(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self._start(
            module, [sys.executable, "-m", f"tests.soak.{module}", *arguments]
        )

    def _start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(
                arguments,
                cwd=self.folder if name == "kamailio" else ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process
