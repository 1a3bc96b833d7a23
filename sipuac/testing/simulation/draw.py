"""A scenario from a seed.

Most worlds are odd in a few ways only: where everything goes wrong at once, every call
fails at once, and nothing is learned.
"""

from __future__ import annotations

from random import Random

from sipuac.dialog.fork_policy import POLICIES
from sipuac.dialog.options import InviteOptions, default_policy
from sipuac.errors import LocalProtocolError
from sipuac.testing.simulation.draw_peers import phone_plan, proxy_plans
from sipuac.testing.simulation.draw_races import bent
from sipuac.testing.simulation.scenario import (
    CALLER,
    Act,
    CallPlan,
    Fault,
    Forgery,
    Partition,
    PhonePlan,
    ProxyPlan,
    Reaction,
    Reset,
    Scenario,
    Weather,
)
from sipuac.testing.simulation.times import moment, pick

_FORGED = (
    "BYE",
    "INVITE",
    "UPDATE",
    "CANCEL",
    "ACK",
    "PRACK",
    "OPTIONS",
    "INFO",
    "180 INVITE",
    "183 INVITE",
    "200 INVITE",
    "302 INVITE",
    "487 INVITE",
    "603 INVITE",
    "200 BYE",
    "481 BYE",
    "481 UPDATE",
    "200 CANCEL",
    "200 PRACK",
)

_FAULTY = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "OPTIONS",
    "SIP/2.0 100",
    "SIP/2.0 18",
    "SIP/2.0 199",
    "SIP/2.0 200",
    "SIP/2.0 200",
    "SIP/2.0 4",
)

_ACTS = (
    ("cancel", 4),
    ("hangup", 3),
    ("bye", 2),
    ("end-branch", 2),
    ("drop-final", 1),
    ("drop-established", 1),
)

_EVENTS = (
    "trying",
    "provisional",
    "early-media",
    "forked",
    "probe",
    "extra-ended",
    "early-dialog-ended",
    "answered",
    "session-modified",
    "retrying",
    "cancelling",
    "failed",
    "ended",
    "warning",
)
_METHODS = (
    "offer",
    "apply_answer",
    "replace_answer",
    "make_answer",
    "make_offer",
    "rollback",
)
_CHANGES = ("hold", "hold", "hold", "resume", "modify", "refresh", "info")


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = Random(seed)
    scenario = _any(random, seed)
    return bent(random, scenario) if random.random() < 0.3 else scenario


def _any(random: Random, seed: int) -> Scenario:
    phones = tuple(phone_plan(random, f"u{n}") for n in range(_phone_count(random)))
    names = [phone.name for phone in phones]
    proxies = proxy_plans(random, names)
    if not proxies:
        phones = phones[:1]
    calls = tuple(_call(random, n) for n in range(_call_count(random)))
    transport = "TCP" if random.random() < 0.15 else "UDP"
    is_calm = random.random() < 0.45
    return Scenario(
        seed,
        transport,
        proxies,
        phones,
        calls,
        _weather(random, is_calm, transport),
        () if is_calm else _faults(random, proxies, phones),
        () if random.random() < 0.95 else _partitions(random, proxies, names),
        _resets(random) if transport == "TCP" else (),
        _forgeries(random) if random.random() < 0.2 else (),
        _password(random, proxies),
        random.random() < 0.03,
    )


def _password(random: Random, proxies: tuple[ProxyPlan, ...]) -> str:
    # Who cannot answer for a BYE cannot end the call.
    if any("BYE" in proxy.challenges for proxy in proxies):
        return pick(random, ("right", 70), ("late", 30))
    return pick(random, ("right", 60), ("late", 20), ("none", 20))


def _phone_count(random: Random) -> int:
    return pick(
        random, (1, 28), (2, 36), (3, 18), (4, 9), (5, 4), (6, 2), (7, 2), (8, 1)
    )


def _call_count(random: Random) -> int:
    return pick(random, (1, 92), (2, 6), (3, 2))


# -- what the user wants ---------------------------------------------------------------


def _call(random: Random, number: int) -> CallPlan:
    while True:
        plan = _any_call(random, number)
        policy = POLICIES.get(plan.on_fork)
        options = InviteOptions(
            policy=policy or default_policy(has_early_media=plan.early_media),
            answer=plan.answer,
            is_offerless=plan.without_sdp,
            has_early_media=plan.early_media,
            can_replace_answer=plan.can_replace_answer,
            can_fork_offer=plan.can_fork_offer,
        )
        try:
            options.check()
        except LocalProtocolError:
            continue
        return plan


def _any_call(random: Random, number: int) -> CallPlan:
    chance = random.random
    kind = pick(random, ("early", 45), ("plain", 30), ("offerless", 25))
    can_replace = chance() < 0.5
    plan = CallPlan(
        at=0.0 if number == 0 else moment(random),
        ends_at=_end(random),
        acts=_acts(random),
        on_fork="" if chance() < 0.3 else random.choice(sorted(POLICIES)),
        early_media=kind == "early",
        without_sdp=kind == "offerless",
        answer="final" if chance() < 0.2 else "first",
        reliable="required" if chance() < 0.1 else "supported",
        extra_ringing="keep" if chance() < 0.4 else "end",
        answer_timeout=pick(
            random, (180.0, 70), (1.0, 5), (5.0, 10), (32.0, 10), (60.0, 5)
        ),
        fork_hold=pick(random, (4.0, 80), (0.5, 10), (40.0, 10)),
        fork_grace=pick(random, (4.0, 80), (0.5, 10), (40.0, 10)),
        max_extras=pick(random, (8, 85), (0, 5), (1, 10)),
        follow_redirects=chance() < 0.5,
        session_expires=pick(random, (None, 90), (90, 7), (1800, 3)),
        can_replace_answer=can_replace,
        can_fork_offer=can_replace and chance() < 0.5,
        reactions=_reactions(random) if chance() < 0.3 else (),
    )
    return plan


def _end(random: Random) -> float:
    return pick(
        random,
        (random.uniform(0.0, 3.0), 12),
        (random.uniform(3.0, 15.0), 40),
        (random.uniform(15.0, 70.0), 40),
        (random.uniform(70.0, 250.0), 8),
    )


def _acts(random: Random) -> tuple[Act, ...]:
    acts: list[Act] = []
    while random.random() < 0.35 and len(acts) < 3:
        what = pick(random, *_ACTS)
        since = pick(
            random, ("invite", 50), ("established", 30), (random.choice(_EVENTS), 20)
        )
        at = 0.0 if random.random() < 0.15 else moment(random)
        acts.append(Act(at, what, since))
    while random.random() < 0.3 and len(acts) < 6:
        what = random.choice(_CHANGES)
        at = 0.0 if random.random() < 0.3 else moment(random)
        acts.append(Act(at, what, "established"))
    return tuple(acts)


def _reactions(random: Random) -> tuple[Reaction, ...]:
    reactions = []
    for method in _METHODS:
        while random.random() < 0.4:
            how = pick(random, ("late", 60), ("refuse", 25), ("fail", 5), ("never", 10))
            if (method, how) == ("offer", "never"):
                continue  # the INVITE would never be sent
            if method == "rollback":
                how = "late"  # media that cannot go back is broken for good
            seconds = 0.0 if random.random() < 0.3 else moment(random)
            reactions.append(Reaction(method, how, seconds, random.randint(1, 2)))
    return tuple(reactions)


# -- what the network does -------------------------------------------------------------


def _weather(random: Random, is_calm: bool, transport: str) -> Weather:
    chance = random.random
    delay = pick(random, (0.005, 40), (0.05, 40), (0.2, 15), (0.6, 5))
    segment = None
    if transport == "TCP":
        segment = pick(random, (None, 50), (1, 5), (7, 15), (100, 30))
    if is_calm:
        return Weather(delay=delay, max_segment=segment)
    return Weather(
        delay=delay,
        jitter=0.0 if chance() < 0.5 else random.choice([0.01, 0.1, 1.0]),
        loss=pick(random, (0.0, 30), (0.05, 30), (0.15, 20), (0.25, 12), (0.4, 8)),
        duplication=pick(random, (0.0, 50), (0.1, 40), (0.4, 10)),
        reordering=pick(random, (0.0, 50), (0.1, 40), (0.4, 10)),
        lateness=random.choice([0.05, 0.3, 0.5, 1.0, 4.0, 8.0, 32.0, 33.0]),
        max_segment=segment,
        is_everywhere=chance() < 0.4,
    )


def _faults(
    random: Random, proxies: tuple[ProxyPlan, ...], phones: tuple[PhonePlan, ...]
) -> tuple[Fault, ...]:
    hosts = ["", CALLER, *(one.name for one in proxies), *(one.name for one in phones)]
    faults: list[Fault] = []
    while random.random() < 0.4 and len(faults) < 4:
        verdict = pick(random, ("drop", 50), ("delay", 40), ("duplicate", 10))
        source = random.choice(hosts)
        start = random.choice(_FAULTY)
        times = random.choice([1, 1, 1, 2, 3, 6, 20])
        seconds = moment(random) if verdict == "delay" else 0.0
        faults.append(Fault(verdict, start, source, times, seconds))
    return tuple(faults)


def _partitions(
    random: Random, proxies: tuple[ProxyPlan, ...], phones: list[str]
) -> tuple[Partition, ...]:
    hosts = [CALLER, *(proxy.name for proxy in proxies), *phones]
    chosen = tuple(random.sample(hosts, random.randint(1, max(1, len(hosts) // 2))))
    seconds = pick(random, (moment(random), 60), (40.0, 30), (80.0, 10))
    return (Partition(moment(random), seconds, chosen),)


def _resets(random: Random) -> tuple[Reset, ...]:
    resets: list[Reset] = []
    while random.random() < 0.4 and len(resets) < 3:
        resets.append(Reset(moment(random), random.random() < 0.5))
    return tuple(resets)


def _forgeries(random: Random) -> tuple[Forgery, ...]:
    return tuple(
        Forgery(moment(random), random.choice(_FORGED), random.random() < 0.5)
        for _ in range(random.randint(1, 6))
    )
