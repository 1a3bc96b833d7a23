"""The relay's account of each call: what was sent, and what of it was dropped."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import IO, NamedTuple

# Seconds of silence after which an account is closed: longer than any call of the soak
# is silent. A call that speaks after all has two accounts, which are added up.
QUIET = 60.0


class Step(NamedTuple):
    """What a message is within its call: its retransmissions are the same step.

    Attributes:
        is_outward: Whether it goes from the caller to the proxy.
        method, number: Its CSeq.
        status: Of a response; "" for a request.
        tag: Its To tag, "" where it has none.
    """

    is_outward: bool
    method: str
    number: int
    status: str
    tag: str = ""


class Ledger:
    """The accounts of all calls of late.

    Accounts in which something was lost by every transmission are written down when
    they are closed; the others are forgotten.

    Args:
        closed: Gets a line for each such account.
    """

    def __init__(self, closed: IO[str]) -> None:
        self._closed = closed
        # For each call when it last spoke, and sent and dropped by step. The latest to
        # speak is last.
        self._accounts: OrderedDict[str, tuple[list[float], dict[Step, list[int]]]] = (
            OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._accounts)

    def count(self, call_id: str, step: Step, is_dropped: bool, now: float) -> int:
        """One more transmission; which one of this step it is, from 1."""
        account = self._accounts.get(call_id)
        if account is None:
            account = self._accounts[call_id] = ([now], {})
        else:
            self._accounts.move_to_end(call_id)
            account[0][0] = now
        figures = account[1].setdefault(step, [0, 0])
        figures[0] += 1
        figures[1] += is_dropped
        return figures[0]

    def close_quiet(self, now: float) -> None:
        """Close the accounts that were silent for long."""
        while self._accounts:
            call_id, (spoke, _) = next(iter(self._accounts.items()))
            if now - spoke[0] < QUIET:
                return
            self._close(call_id)

    def close_all(self) -> None:
        """Close all of them."""
        while self._accounts:
            self._close(next(iter(self._accounts)))

    def _close(self, call_id: str) -> None:
        _, steps = self._accounts.pop(call_id)
        if any(sent == dropped for sent, dropped in steps.values()):
            rows = [[*step, *figures] for step, figures in steps.items()]
            self._closed.write(json.dumps([call_id, rows]) + "\n")
