"""What a failed request inside a dialog does to the dialog (RFC 5057 section 5).

Our dialogs have one usage, the session of the INVITE: what ends either ends the call,
by BYE (RFC 3261 section 12.2.1.2).
"""

from __future__ import annotations

from sipuac.errors import TransactionTimeout, Unreachable
from sipuac.syntax.message import Response

# Table 2 of RFC 5057, "Destroys Dialog": whatever was asked.
_ENDS_DIALOG = frozenset([404, 410, 416, 482, 483, 484, 485, 502, 604])

# Table 2, "Destroys Usage": where the request belongs to the usage. 480 is not here,
# as phones refuse a change of the session with it; 405 and 501 concern the method, and
# 489 is "only valid in the context of SUBSCRIBE and NOTIFY".
_ENDS_USAGE = frozenset([408, 481])

# Section 5.3: "any INVITE, UPDATE, PRACK, ACK, CANCEL, BYE, or INFO requests belong to
# it". A failed request of another kind affects the session only where it ends the
# dialog.
_OF_THE_SESSION = frozenset(["INVITE", "UPDATE", "INFO"])


def ending_status(method: str, result: Response | Unreachable) -> int | None:
    """The status that says why the call is over; None where it goes on.

    Args:
        method: What was asked in its dialog: not BYE, nor PRACK, which has rules of its
            own.
        result: The final response, or why there is none.
    """
    if isinstance(result, Response):
        status = result.status
    elif isinstance(result, TransactionTimeout):
        status = result.status
    else:
        # A broken connection counts as 503, which affects the transaction only.
        return None
    if status in _ENDS_DIALOG:
        return status
    is_of_the_session = method in _OF_THE_SESSION
    return status if is_of_the_session and status in _ENDS_USAGE else None
