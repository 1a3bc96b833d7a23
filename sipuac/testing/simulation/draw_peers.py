"""Phones and proxies from a seed."""

from __future__ import annotations

from random import Random

from sipuac.testing.simulation.scenario import Ask, PhonePlan, ProxyPlan, Reply, Say
from sipuac.testing.simulation.times import moment, pick

# -- phones ----------------------------------------------------------------------------


def phone_plan(random: Random, name: str) -> PhonePlan:
    """What a phone will do."""
    kind = pick(
        random,
        ("answers", 58),
        ("refuses", 15),
        ("rings", 14),
        ("redirects", 4),
        ("is dead", 2),
        ("answers at once", 8),
    )
    if kind == "is dead":
        return PhonePlan(name)
    chance = random.random
    says = [] if kind == "answers at once" else _provisionals(random)
    last = max((say.at for say in says), default=0.0)
    at = round(last + (moment(random) if kind != "answers at once" else 0.0), 3)
    if kind.startswith("answers"):
        says += _answers(random, at)
    elif kind == "refuses":
        status = random.choice([404, 480, 486, 487, 488, 500, 503, 600, 603])
        says.append(Say(at, status))
    elif kind == "redirects":
        contacts = random.sample(["sip:u0@u0", "sip:u9@u9", f"sip:x@{name}"], 2)
        says.append(Say(at, 302, contacts=tuple(contacts)))
    return PhonePlan(
        name,
        tuple(says),
        asks=_asks(random) if chance() < 0.45 else (),
        replies=_replies(random) if chance() < 0.2 else (),
        on_cancel=pick(
            random, ("terminate", 76), ("answer", 8), ("go on", 9), ("ignore", 7)
        ),
        on_early_bye="terminate" if chance() < 0.7 else "go on",
        patience=round(random.uniform(5.0, 200.0), 1),
        vanishes_at=moment(random) if chance() < 0.04 else None,
        waits_for_prack=chance() < 0.93,
        session_expires=pick(
            random, ("", 94), ("90;refresher=uac", 3), ("90;refresher=uas", 3)
        ),
        garbage_at=(moment(random),) if chance() < 0.03 else (),
    )


def _provisionals(random: Random) -> list[Say]:
    says: list[Say] = []
    at = 0.0
    if random.random() < 0.3:
        says.append(Say(0.0, 100))
    for _ in range(pick(random, (0, 8), (1, 45), (2, 32), (3, 10), (4, 5))):
        at = round(at + moment(random) * 0.5, 3)
        status = pick(random, (180, 45), (183, 45), (181, 5), (199, 5))
        says.append(
            Say(
                at,
                status,
                _sdp(random, 0.1 if status == 199 else 0.6),
                is_reliable=random.random() < 0.45,
                tag=1 if random.random() < 0.04 else 0,
                flaw=pick(random, ("", 96), ("no-contact", 2), ("no-tag", 2)),
            )
        )
    return says


def _sdp(random: Random, likely: float) -> str:
    if random.random() > likely:
        return ""
    return pick(random, ("own", 88), ("other", 9), ("broken", 3))


def _answers(random: Random, at: float) -> list[Say]:
    says = [Say(at, 200, _answer_sdp(random), flaw=_answer_flaw(random))]
    while random.random() < 0.06:
        # The same phone again, or another one behind a fork further on.
        tag = random.choice([0, 1, 1, 2])
        after = round(at + moment(random), 3)
        says.append(Say(after, 200, _answer_sdp(random), tag=tag))
    return says


def _answer_sdp(random: Random) -> str:
    return pick(random, ("own", 90), ("other", 4), ("broken", 3), ("", 3))


def _answer_flaw(random: Random) -> str:
    return pick(random, ("", 97), ("no-contact", 2), ("no-tag", 1))


def _asks(random: Random) -> tuple[Ask, ...]:
    asks: list[Ask] = []
    while not asks or random.random() < 0.3:
        method = pick(
            random,
            ("BYE", 50),
            ("UPDATE", 15),
            ("OPTIONS", 8),
            ("INFO", 7),
            ("INVITE", 15),
            ("NONSENSE", 3),
            ("PRACK", 2),
        )
        since = pick(random, ("ack", 55), ("answer", 25), ("invite", 20))
        at = 0.0 if random.random() < 0.25 else moment(random)
        has_offer = method in ("UPDATE", "INVITE") and random.random() < 0.7
        tag = 1 if random.random() < 0.05 else 0
        asks.append(Ask(at, method, since, has_offer, tag))
    return tuple(asks)


def _replies(random: Random) -> tuple[Reply, ...]:
    replies: list[Reply] = []
    while not replies or random.random() < 0.4:
        method = random.choice(["BYE", "PRACK", "UPDATE", "OPTIONS", "INVITE"])
        status = random.choice([0, 200, 408, 481, 488, 491, 500, 503])
        if method == "INVITE":
            status = random.choice([0, 100, 180, 408, 481, 488, 491, 500, 503])
        delay = 0.0 if random.random() < 0.5 else moment(random)
        replies.append(Reply(method, status, delay, random.choice([1, 1, 2, 100])))
    return tuple(replies)


# -- proxies ---------------------------------------------------------------------------


def proxy_plans(random: Random, phones: list[str]) -> tuple[ProxyPlan, ...]:
    """The proxies before these phones; the first one is the first hop."""
    if len(phones) == 1 and random.random() < 0.3:
        return ()
    depth = pick(random, (1, 65), (2, 25), (3, 10))
    plans: list[ProxyPlan] = []
    _add_proxy(random, plans, phones, depth)
    return tuple(plans)


def _add_proxy(
    random: Random, plans: list[ProxyPlan], phones: list[str], depth: int
) -> str:
    """A proxy before these phones, with proxies of its own before some of them."""
    name = f"p{len(plans)}"
    at = len(plans)
    plans.append(ProxyPlan(name))  # its place
    targets = list(phones)
    if depth > 1:
        kept = random.randint(0, len(phones) - 1)
        below = _add_proxy(random, plans, phones[kept:], depth - 1)
        targets = [*phones[:kept], below]
    random.shuffle(targets)
    plans[at] = _proxy(random, name, _groups(random, targets))
    return name


def _groups(random: Random, targets: list[str]) -> tuple[tuple[str, ...], ...]:
    kind = pick(random, ("parallel", 60), ("serial", 25), ("mixed", 15))
    if kind == "parallel" or len(targets) == 1:
        return (tuple(targets),)
    if kind == "serial":
        return tuple((target,) for target in targets)
    cut = random.randint(1, len(targets) - 1)
    return (tuple(targets[:cut]), tuple(targets[cut:]))


def _challenges(random: Random) -> tuple[str, ...]:
    others = ["BYE", "PRACK", "UPDATE", "INFO", "OPTIONS"]
    return ("INVITE", *random.sample(others, random.randint(0, 3)))


def _proxy(random: Random, name: str, groups: tuple[tuple[str, ...], ...]) -> ProxyPlan:
    chance = random.random
    ring_time = None
    if len(groups) > 1 or chance() < 0.1:
        ring_time = pick(random, (None, 30), (2.0, 20), (5.0, 30), (20.0, 20))
    is_honest = chance() < 0.7
    if is_honest:
        return ProxyPlan(
            name,
            groups,
            record_routes=chance() < 0.75,
            sends_199=chance() < 0.4,
            ring_time=ring_time,
            challenges=_challenges(random) if chance() < 0.08 else (),
            nonce_lasts=random.choice([1, 2, 100]),
        )
    return ProxyPlan(
        name,
        groups,
        record_routes=chance() < 0.75,
        trying=pick(random, ("own", 60), ("none", 25), ("tagged", 15)),
        sends_199=chance() < 0.4,
        ring_time=ring_time,
        on_cancel=pick(random, ("cancel", 75), ("ignore", 12), ("refuse", 13)),
        cancels_losers=chance() < 0.6,
        is_hasty=chance() < 0.2,
        success="first" if chance() < 0.15 else "all",
        late_success="relay" if chance() < 0.4 else "drop",
        relays_trying=chance() < 0.2,
        vanishes_at=moment(random) if chance() < 0.08 else None,
        hides_forks=name == "p0" and chance() < 0.15,
    )
