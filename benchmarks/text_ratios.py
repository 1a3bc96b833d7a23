"""Parsing and rendering compared with other libraries, as ratios.

::

    python -m benchmarks.text_peers build/peers      # once
    python -m benchmarks.text_ratios --peers build/peers

Without `--peers` only what comes with Twisted takes part. All that are compared take
turns in one process, each round in another order; what counts is the processor time of
the process, so that other load on the machine disturbs little. Every answer is checked
before it is measured.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import text
from benchmarks.messages import CASES
from benchmarks.text_peers import AiosipuaParser, Route, TwistedParser
from benchmarks.timing import pin
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


def measure(works: dict[str, Work], rounds: int, seconds: float) -> Rounds:
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


def ratio(figures: Rounds, peer: str, own: str) -> float:
    """How many times as fast as the peer: the median over the rounds."""
    pairs = zip(figures[peer], figures[own], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


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
            **{name: partial(_all, route, messages) for name, route in peers.items()},
        }
        if case != "big":
            # The lists of the big one are beyond twisted.protocols.sip.
            found[case, "full"] = {
                "sipuac": partial(text.full, messages),
                "twisted": partial(_all, twisted.full, messages),
            }
    found["INVITE", "render"] = {"sipuac": text.render, "join": text.join}
    if aiosipua is not None:
        found["INVITE", "render"]["aiosipua"] = aiosipua.render
    return found


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.text_ratios",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--peers", type=Path, help="where they were installed")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.15, help="of one turn")
    parser.add_argument("--json", type=Path, help="where to write all rounds")
    options = parser.parse_args()
    aiosipua = AiosipuaParser(options.peers) if options.peers else None
    pin(0, 0)
    print(f"{'what':16} {'against':16} {'ratio':>6} {'goal':>5}     ours   theirs, µs")
    kept = {}
    for (case, depth), works in comparisons(aiosipua).items():
        figures = measure(works, options.rounds, options.seconds)
        kept[f"{depth} {case}"] = figures
        ours = statistics.median(figures["sipuac"])
        for peer in works:
            if peer != "sipuac":
                is_goal = peer in ("twisted", "aiosipua") and (
                    (depth == "render") == (peer == "aiosipua")
                )
                goal = TARGETS[case, depth] if is_goal else ""
                theirs = statistics.median(figures[peer])
                print(
                    f"{depth + ' ' + case:16} {peer:16}"
                    f" {ratio(figures, peer, 'sipuac'):6.2f} {goal!s:>5}"
                    f" {ours:8.1f} {theirs:8.1f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
