"""How long a registration waits: for its refresh, and after a failure.

Chance comes from outside: each function takes a number from 0 up to 1, not included.
"""

from __future__ import annotations

from sipuac.errors import ParseError
from sipuac.syntax.message import Response

# A refresh leaves time for a REGISTER whose every transmission but the last is lost.
_MARGIN = 40.0
# Jitter: clients that started together must not come back together.
_SPREAD = 0.2
# A registrar that grants a second or two must not make us flood it.
_LEAST_DELAY = 1.0


def refresh_delay(granted: int, chance: float) -> float:
    """Seconds after a 2xx until the binding is refreshed (RFC 3261 section 10.2.4).

    Args:
        granted: Seconds that the binding lasts.
        chance: A random number, at least 0 and below 1.

    Returns:
        Always well before its end: 40 s, or half of a short interval, are left; and up
        to a fifth earlier than that by chance.
    """
    latest = granted - min(_MARGIN, granted / 2)
    return max(latest * (1 - _SPREAD * chance), min(_LEAST_DELAY, granted / 2))


def retry_delay(failures: int, chance: float, *, base: float, limit: float) -> float:
    """Seconds until the attempt after a failed one (RFC 5626 section 4.5).

    Args:
        failures: How many in a row have failed, at least 1.
        chance: A random number, at least 0 and below 1.
        base: Seconds; half of the longest wait after the first failure.
        limit: Seconds; no wait is longer.

    Returns:
        50 to 100 % of `min(limit, base * 2**failures)`.
    """
    longest = min(limit, base * 2.0 ** min(failures, 32))
    return longest * (0.5 + 0.5 * chance)


def retry_after_of(response: Response) -> float:
    """Seconds that a response asks us to wait; 0 where it does not, readably."""
    try:
        field = response.retry_after
    except ParseError:
        return 0.0
    # A day: a registrar that has gone mad must not keep us away for ever.
    return 0.0 if field is None else min(float(field.seconds), 86_400.0)
