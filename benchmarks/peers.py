"""The peers that sipuac is compared with.

`python -m benchmarks.peers DIRECTORY` makes a virtual environment for each there, and
installs it from PyPI.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PEERS = {"sippy": "2.5.0", "aiosipua": "0.7.0"}


def python_of(peer: str, directory: Path) -> Path:
    """Where the Python of this peer is."""
    # Absolute without being resolved: it is a link, and what it is called matters.
    return (directory / peer / "bin" / "python").absolute()


def installed(directory: Path | None) -> list[str]:
    """The peers that are there."""
    if directory is None:
        return []
    return [peer for peer in PEERS if python_of(peer, directory).exists()]


def install(directory: Path) -> None:
    """Make the virtual environments."""
    for peer, version in PEERS.items():
        venv.create(directory / peer, with_pip=True)
        pip = [str(python_of(peer, directory)), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"{peer}=={version}"], check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
