"""Identifiers that count, so that a failing test can be read and repeated."""

from __future__ import annotations

from collections import Counter

from sipuac.ua.identifiers import MAGIC_COOKIE


class CountingIdentifiers:
    """Numbers its branches, tags, Call-IDs and cnonces, each from 1.

    They are unique within one test as long as every party has a prefix of its own.
    Never use them on an open network: anybody can guess them.

    Args:
        prefix: Letters and digits that say whose identifiers these are.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._given: Counter[str] = Counter()

    def branch(self) -> str:
        """A branch such as `z9hG4bK-alice-branch1` (RFC 3261 section 8.1.1.7)."""
        return f"{MAGIC_COOKIE}-{self._next('branch')}"

    def tag(self) -> str:
        """A tag such as `alice-tag1`."""
        return self._next("tag")

    def call_id(self) -> str:
        """A Call-ID such as `alice-call1`."""
        return self._next("call")

    def cnonce(self) -> str:
        """A cnonce such as `alice-cnonce1`."""
        return self._next("cnonce")

    def _next(self, kind: str) -> str:
        self._given[kind] += 1
        separator = "-" if self._prefix else ""
        return f"{self._prefix}{separator}{kind}{self._given[kind]}"
