"""The decorator of our value classes; see `sipuac.values`."""

from sipuac.values import value

__all__ = ["value"]
