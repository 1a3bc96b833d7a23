"""How much of a message we are willing to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one message may hold, so that no peer can exhaust us.

    Attributes:
        max_head: Bytes of the start line and all header fields together.
        max_body: Bytes of the body.
        max_header_lines: Lines of header fields, continuation lines included.
    """

    max_head: int = 64 * 1024
    max_body: int = 1024 * 1024
    max_header_lines: int = 256
