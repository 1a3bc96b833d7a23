"""Keeps processes apart, so that what is measured has a core for itself."""

from __future__ import annotations

import os

# As they were before this process was pinned; none where the system cannot pin.
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(process: int, core: int) -> None:
    """Keep a process on one core, where the system can; 0 is this process.

    With one core only, all share it.
    """
    if _CORES:
        os.sched_setaffinity(process, {_CORES[core % len(_CORES)]})
