"""Forked calls with early media, as a ratio to plain ones; the same callee for both.

Each forked call is INVITE, 183(A), 183(B), a probe of A with its 200, BYE of B with its
200, 200(A), ACK, BYE of A with its 200: three client transactions more than a plain
one has. The callee counts what arrived where it should.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.orders import Order, Reply
from benchmarks.processes import CalleeProcess, CallerProcess, LostCalls, until_right
from benchmarks.rounds import ratio
from benchmarks.rows import Row, Settings

_GOAL = 0.4
_WARM_UP = 100


def measure(settings: Settings) -> Iterator[Row]:
    """Plain and forked calls at window 50, in turns."""
    count = 300 if settings.is_short else 4000
    rounds: dict[str, list[Reply]] = {"plain": [], "fork": []}
    for turn in range(settings.rounds):
        for user in sorted(rounds, reverse=bool(turn % 2)):
            reply = until_right(partial(dial, settings, user, count))
            settings.note("forks", user, turn, reply)
            rounds[user].append(reply)
    speeds, costs = (
        {user: [reply[figure] for reply in rounds[user]] for user in rounds}
        for figure in ("calls_per_second", "cpu_ms_per_call")
    )
    yield Row(
        "forked calls with early media",
        "plain calls",
        "/s",
        speeds["fork"],
        speeds["plain"],
        goal=_GOAL,
        cpu=ratio(costs["plain"], costs["fork"]),
    )


def dial(settings: Settings, user: str, count: int) -> Reply:
    """Place calls to this user of the callee.

    Raises:
        LostCalls: The callee has not seen what it should.
    """
    with (
        CalleeProcess() as callee,
        CallerProcess("sipuac", None, *settings.options) as caller,
    ):
        order = Order("dial", port=callee.ports["udp"], user=user, calls=_WARM_UP)
        caller.do(order)
        reply = caller.do(
            Order("dial", port=callee.ports["udp"], user=user, calls=count, window=50)
        )
        check(callee.counts(), count + _WARM_UP, user == "fork")
    return reply


def check(counts: dict[str, int], calls: int, is_forked: bool) -> None:
    """Whether the callee has seen each message of each call, and nothing else.

    Raises:
        LostCalls: It has not. What was sent twice may have arrived twice.
    """
    expected = ["invites", "acks", "byes"]
    if is_forked:
        expected += ["probes", "extra byes"]
    short = [name for name in expected if counts.get(name, 0) < calls]
    if short or counts.get("wrong"):
        raise LostCalls(f"the callee has seen {counts} of {calls} calls")
