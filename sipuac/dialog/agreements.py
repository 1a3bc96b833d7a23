"""What follows a completed exchange, and what it means that one is complete.

For changes of a session by either side.
"""

from __future__ import annotations

from sipuac.dialog.branch import Branch
from sipuac.dialog.effects import Modified
from sipuac.dialog.events import SessionModified, SessionRefreshed
from sipuac.dialog.outbox import Outbox
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Agreement
from sipuac.sdp.negotiation import next_offer, revised


def next_description(
    branch: Branch, new: SessionDescription, *, is_answer: bool = False
) -> SessionDescription:
    """What follows our last description in this dialog (RFC 3264 section 8).

    Without a change it is the description in force, o= line and all. A version that was
    sent before, in an offer that was refused, is not used for another one: "If the
    version in the origin line does not increment, the SDP MUST be identical to the SDP
    with that version number."

    Raises:
        NegotiationError: It cannot follow.
    """
    agreed = branch.exchange.agreed
    if agreed is None:
        return new
    current = agreed.local
    wanted = revised(current, new) if is_answer else next_offer(current, new)
    if wanted is current:
        return current
    return revised(branch.under_way.last_sent or current, wanted)


def tell(
    outbox: Outbox, branch: Branch, before: Agreement | None, by: str, method: str
) -> None:
    """An exchange is complete: say what it brought.

    Args:
        outbox: Takes the effects.
        branch: Its dialog.
        before: What was in force until then.
        by: "local" or "remote": who asked for it.
        method: "INVITE" or "UPDATE", which asked.
    """
    agreed = branch.exchange.agreed
    if agreed is None:
        return
    local, remote = agreed.local, agreed.remote
    outbox.emit(Modified(branch.tag, local, remote, branch.under_way.is_held))
    if before is not None and _is_same(before, agreed):
        tell_refreshed(outbox, branch, by, method)
    else:
        outbox.report(SessionModified(branch.tag, by, method, str(local), str(remote)))


def tell_refreshed(outbox: Outbox, branch: Branch, by: str, method: str) -> None:
    """The session goes on unchanged; arguments as of `tell`."""
    interval = None if branch.timer is None else branch.timer.interval
    outbox.report(SessionRefreshed(branch.tag, by, method, interval))


def _is_same(before: Agreement, after: Agreement) -> bool:
    pairs = ((before.local, after.local), (before.remote, after.remote))
    return all(one.lines == other.lines for one, other in pairs)
