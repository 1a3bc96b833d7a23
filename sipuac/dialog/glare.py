"""How long to wait when requests have crossed (RFC 3261 section 14, RFC 3311 5).

The same waits hold for re-INVITE and UPDATE. Chance comes from outside: each function
takes a number from 0 up to 1, not included, as `random.random()` gives it.
"""

from __future__ import annotations

from sipuac.errors import LocalProtocolError

# In steps of 10 ms, both ends included.
_OWNER_STEPS = (210, 400)
_OTHER_STEPS = (0, 200)
# In seconds, both ends included.
_BUSY_SECONDS = (0, 10)


def retry_delay(chance: float, *, is_call_id_owner: bool) -> float:
    """Seconds after a 491 until the request is tried once more (section 14.1).

    The two sides wait in ranges that do not meet, so that they do not cross again.

    Args:
        chance: A random number, at least 0 and below 1.
        is_call_id_owner: Whether this side made the Call-ID of the dialog.

    Returns:
        2.1 to 4 for the owner, 0 to 2 for the other side, in steps of 0.01.

    Raises:
        LocalProtocolError: The number is out of its range.
    """
    return _pick(chance, _OWNER_STEPS if is_call_id_owner else _OTHER_STEPS) / 100


def busy_retry_after(chance: float) -> int:
    """Seconds for Retry-After in the 500 to a request that came too early (14.2).

    Args:
        chance: A random number, at least 0 and below 1.

    Returns:
        0 to 10, as the field has whole seconds.

    Raises:
        LocalProtocolError: The number is out of its range.
    """
    return _pick(chance, _BUSY_SECONDS)


def _pick(chance: float, ends: tuple[int, int]) -> int:
    if not 0 <= chance < 1:
        raise LocalProtocolError(f"not from 0 up to 1: {chance}")
    first, last = ends
    return first + int(chance * (last - first + 1))
