"""Branches, tags, Call-IDs and cnonces that nobody can guess.

They are what keeps strangers from answering for the peer: a response counts only with
the branch of its request, a request only with both tags of its dialog.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

MAGIC_COOKIE = "z9hG4bK"


class Identifiers(Protocol):
    """Where an endpoint takes its identifiers from; tests pass counted ones."""

    def branch(self) -> str:
        """A new branch, which begins with the magic cookie (RFC 3261 8.1.1.7)."""

    def tag(self) -> str:
        """A new tag of at least 32 random bits (RFC 3261 section 19.3)."""

    def call_id(self) -> str:
        """A new Call-ID (RFC 3261 section 8.1.1.4)."""

    def cnonce(self) -> str:
        """A new cnonce, which no server can have foreseen (RFC 7616 section 3.4)."""


class SystemIdentifiers:
    """Identifiers from the system's cryptographic random source.

    The source is read in blocks: a system call for each branch costs more than the rest
    of making it.
    """

    _BLOCK = 4096

    def __init__(self, random_octets: Callable[[int], bytes] = secrets.token_bytes):
        self._random_octets = random_octets
        self._digits = ""
        self._position = 0

    def branch(self) -> str:
        """See `Identifiers`; 80 random bits."""
        return MAGIC_COOKIE + self._next(20)

    def tag(self) -> str:
        """See `Identifiers`; 64 random bits."""
        return self._next(16)

    def call_id(self) -> str:
        """See `Identifiers`; 128 random bits and no host part."""
        return self._next(32)

    def cnonce(self) -> str:
        """See `Identifiers`; 128 random bits."""
        return self._next(32)

    def _next(self, digits: int) -> str:
        start = self._position
        end = start + digits
        if end > len(self._digits):
            self._digits = self._random_octets(self._BLOCK).hex()
            start, end = 0, digits
        self._position = end
        return self._digits[start:end]
