"""Parsing and rendering compared with other libraries, as ratios.

All that are compared take turns in one process, each round in another order; what
counts is the processor time of the process, so that other load on the machine disturbs
little. Every answer is checked before it is measured. What `sipuac, checked` does is
`route` with all that the transport makes sure of, `sipuac, split` is `full` with the
parts of all Vias and addresses.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import text
from benchmarks.cores import pin
from benchmarks.messages import CASES
from benchmarks.peers import installed
from benchmarks.processes import OUR_CORE
from benchmarks.rows import Row, Settings
from benchmarks.text_peers import AiosipuaParser, Route, TwistedParser
from sipuac.syntax.parser import parse_message

Work = Callable[[], int]
#: Microseconds of processor time for one message, a figure for each round.
Rounds = dict[str, list[float]]

#: What the ratio to a peer should reach at least.
TARGETS = {
    ("183", "route"): 3.5,
    ("200", "route"): 3.0,
    ("big", "route"): 3.5,
    ("183", "full"): 2.5,
    ("200", "full"): 2.5,
    ("INVITE", "render"): 4.0,
}


def take_turns(works: dict[str, Work], rounds: int, seconds: float) -> Rounds:
    """Let all do their work in turns."""
    turns = {name: _turns(work, seconds) for name, work in works.items()}
    figures: Rounds = {name: [] for name in works}
    order = list(works)
    shuffle = random.Random(1).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            work, count = works[name], 0
            start = time.process_time()
            for _ in range(turns[name]):
                count += work()
            spent = time.process_time() - start
            figures[name].append(spent / count * 1e6)
    return figures


def _turns(work: Work, seconds: float) -> int:
    start = time.process_time()
    work()
    return max(1, int(seconds / (time.process_time() - start)))


def _own_route(octets: bytes) -> Route:
    message = parse_message(octets)
    cseq = message.cseq
    return (
        message.branch or "",
        message.call_id,
        cseq.number,
        cseq.method,
        message.from_tag or "",
        message.to_tag or "",
    )


def _all(read: Callable[[bytes], object], messages: list[bytes]) -> int:
    for octets in messages:
        read(octets)
    return len(messages)


def _check_answers(
    peers: list[Callable[[bytes], Route]], messages: list[bytes]
) -> None:
    for octets in messages:
        for route in peers:
            if route(octets) != _own_route(octets):
                raise ValueError(f"another answer: {route(octets)}")


def comparisons(
    aiosipua: AiosipuaParser | None,
) -> dict[tuple[str, str], dict[str, Work]]:
    """What is measured, by case and depth; "sipuac" is ours."""
    twisted = TwistedParser()
    found: dict[tuple[str, str], dict[str, Work]] = {}
    for case, messages in CASES.items():
        peers = {"twisted": twisted.route, "twisted, find": twisted.route_by_find}
        if aiosipua is not None:
            peers["aiosipua"] = aiosipua.route
        _check_answers(list(peers.values()), messages)
        found[case, "route"] = {
            "sipuac": partial(_all, _own_route, messages),
            "sipuac, checked": partial(text.check_and_route, messages),
            "split and a dictionary": partial(text.floor, messages),
            **{name: partial(_all, route, messages) for name, route in peers.items()},
        }
        if case != "big":
            # The lists of the big one are beyond twisted.protocols.sip.
            found[case, "full"] = {
                "sipuac": partial(text.full, messages),
                "sipuac, split": partial(text.split, messages),
                "twisted": partial(_all, twisted.full, messages),
            }
    found["INVITE", "render"] = {"sipuac": text.render, "12 pairs joined": text.join}
    if aiosipua is not None:
        found["INVITE", "render"]["aiosipua"] = aiosipua.render
    return found


def measure(settings: Settings, *, is_rendering: bool) -> Iterator[Row]:
    """Rendering, or else parsing, against each."""
    aiosipua = None
    if "aiosipua" in installed(settings.peers):
        assert settings.peers is not None
        aiosipua = AiosipuaParser(settings.peers)
    else:
        print("text: without aiosipua, not installed (see benchmarks.peers)")
    pin(0, OUR_CORE)
    seconds = 0.05 if settings.is_short else 0.15
    for (case, depth), works in comparisons(aiosipua).items():
        if (depth == "render") != is_rendering:
            continue
        figures = take_turns(works, settings.rounds, seconds)
        for name, costs in figures.items():
            for turn, cost in enumerate(costs):
                settings.note(f"{depth} {case}", name, turn, {"us": cost})
        yield from rows_of(case, depth, figures)


def rows_of(case: str, depth: str, figures: Rounds) -> Iterator[Row]:
    """What the rounds of a case say; the goal is against one of the peers."""
    goal_against = "aiosipua" if depth == "render" else "twisted"
    what = "render an INVITE" if depth == "render" else f"parse {case}, {depth}"
    speeds = {name: [1e6 / cost for cost in figures[name]] for name in figures}
    for peer in figures:
        if peer != "sipuac":
            goal = TARGETS.get((case, depth)) if peer == goal_against else None
            yield Row(what, peer, "/s", speeds["sipuac"], speeds[peer], goal=goal)
