"""Whether what failed in a soak failed because the relay had lost all of something."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak import memory
from tests.soak.ledger import Step

# How often a request is sent before it is given up: by timers A and B, by E and F
# (RFC 3261 section 17.1). The proxy's own timers are as long and a little less exact.
TRANSMISSIONS = {"INVITE": 7}
OTHER_TRANSMISSIONS = 10
# How often an answer is repeated that no ACK comes to.
ANSWERS = 10

Account = Mapping[Step, tuple[int, int]]


@dataclass(slots=True)
class Verdict:
    """What a soak came to.

    Attributes:
        figures: What was counted and measured, by name.
        violations: What should not be, in words.
        lost: What failed because the relay lost every transmission, in words.
    """

    figures: dict[str, Any]
    violations: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """All of it, as text; the last line is the number of violations."""
        lines = [f"{name}: {value}" for name, value in self.figures.items()]
        lines += [f"lost by every retransmission: {line}" for line in self.lost]
        lines += [f"VIOLATION: {line}" for line in self.violations]
        lines.append(f"lost by every retransmission: {len(self.lost)}")
        lines.append(f"violations: {len(self.violations)}")
        return "\n".join(lines)


def lost_requests(account: Account) -> list[str]:
    """The requests of a call of which no transmission came to an answer.

    Each was sent as often as the RFC says, and each time it was dropped, or whatever
    came back to it was.
    """
    found = []
    for step, (sent, dropped) in account.items():
        if step.status or step.method == "ACK":
            continue
        needed = OTHER_TRANSMISSIONS
        if step.is_outward:
            needed = TRANSMISSIONS.get(step.method, OTHER_TRANSMISSIONS)
        if sent < needed:
            continue
        back = [
            figures
            for other, figures in account.items()
            if other.status
            and other.is_outward != step.is_outward
            and (other.method, other.number) == (step.method, step.number)
            and step.tag in ("", other.tag)
        ]
        came_back = sum(sent for sent, _ in back)
        lost_back = sum(lost for _, lost in back)
        if came_back == lost_back and (dropped == sent or came_back):
            found.append(f"{step.method} {dropped}/{sent}, answers {came_back}")
    return found


def lost_acknowledgements(account: Account, tag: str) -> list[str]:
    """The 2xx of a phone to which no ACK came through, although it was repeated."""
    found = []
    for step, (sent, dropped) in account.items():
        is_answer = step.method == "INVITE" and step.status.startswith("2")
        if not is_answer or step.tag != tag or sent < ANSWERS:
            continue
        acks = [
            figures
            for other, figures in account.items()
            if other.method == "ACK" and (other.number, other.tag) == (step.number, tag)
        ]
        tried = sum(sent for sent, _ in acks)
        if tried == sum(lost for _, lost in acks):
            found.append(f"200 {dropped}/{sent}, ACKs {tried}/{tried}")
    return found


def judge(folder: Path, warm_up: float, *, has_memory: bool = True) -> Verdict:
    """The verdict on the soak whose files are in this folder.

    Args:
        folder: What the processes have written.
        warm_up: Seconds at the beginning that do not count for the memory.
        has_memory: Whether growth of memory is a violation: a short run says nothing.
    """
    caller = json.loads((folder / "caller.json").read_text())
    phones = json.loads((folder / "phones.json").read_text())
    relay = json.loads((folder / "relay.json").read_text())
    verdict = Verdict({"caller": caller, "phones": phones, "relay": relay})
    _judge_ends(verdict, folder)
    for fault in caller.get("faults", []):
        verdict.violations.append(f"logged as an error: {fault}")
    if "broken" in caller:
        verdict.violations.append(f"the caller broke: {caller['broken']}")
    if caller.get("left"):
        verdict.violations.append(f"calls left in memory: {caller['left']}")
    for counters, name in (
        ("endpoint", "internal-errors"),
        ("transport", "receiver-errors"),
    ):
        if caller.get(counters, {}).get(name):
            verdict.violations.append(f"{name}: {caller[counters][name]}")
    _judge_memory(verdict, folder, warm_up, has_memory)
    return verdict


def _judge_ends(verdict: Verdict, folder: Path) -> None:
    """Find for each call that failed, here or at a phone, what was lost of it."""
    failures = list(_lines(folder / "failures.jsonl"))
    troubles = list(_lines(folder / "phones.jsonl"))
    wanted = {line["call_id"] for line in failures + troubles}
    accounts = _accounts(folder / "accounts.jsonl", wanted)
    verdict.figures["failed at the caller"] = len(failures)
    verdict.figures["trouble at the phones"] = dict(
        Counter(line["what"] for line in troubles)
    )
    for line in failures:
        words = f"{line['kind']}: {line['error']}: {line['message']}"
        _sort(verdict, words, line, lost_requests(accounts[line["call_id"]]))
    for line in troubles:
        account = accounts[line["call_id"]]
        found = lost_requests(account) + lost_acknowledgements(account, line["tag"])
        _sort(verdict, f"{line['kind']} at the phone: {line['what']}", line, found)


def _sort(verdict: Verdict, words: str, line: Any, found: list[str]) -> None:
    words = f"{line['call_id']} {words}"
    if found:
        verdict.lost.append(f"{words} ({'; '.join(found)})")
    else:
        verdict.violations.append(words)


def _accounts(path: Path, wanted: set[str]) -> dict[str, dict[Step, tuple[int, int]]]:
    accounts: dict[str, dict[Step, tuple[int, int]]] = defaultdict(dict)
    if not wanted:
        return accounts
    for call_id, rows in _lines(path):
        if call_id not in wanted:
            continue
        for *step, sent, dropped in rows:
            before = accounts[call_id].get(Step(*step), (0, 0))
            accounts[call_id][Step(*step)] = (before[0] + sent, before[1] + dropped)
    return accounts


def _judge_memory(
    verdict: Verdict, folder: Path, warm_up: float, is_judged: bool
) -> None:
    samples = list(_lines(folder / "samples.jsonl"))
    warm = [one for one in samples if one["time"] >= warm_up]
    if not warm:
        return
    times = [one["time"] for one in warm]
    for name in ("rss", "objects", "blocks", "invitations"):
        values = [one[name] for one in warm]
        grown = memory.growth(times, values)
        verdict.figures[f"{name}, least median most"] = (
            min(values),
            sorted(values)[len(values) // 2],
            max(values),
        )
        verdict.figures[f"{name}, growth after warm-up"] = f"{100 * grown:+.2f} %"
        if is_judged and grown >= 0.01:
            verdict.violations.append(f"{name} grew by {100 * grown:.2f} %")


def _lines(path: Path) -> Iterable[Any]:
    with path.open() as lines:
        for line in lines:
            yield json.loads(line)
