"""What a monitor complains by."""

from __future__ import annotations


class Violation(AssertionError):
    """A rule was broken."""
