"""Scenarios bent towards races that chance alone seldom brings.

Each bend changes what one race needs, and leaves all else as it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from sipuac.testing.simulation.scenario import (
    CALLER,
    Act,
    Ask,
    CallPlan,
    Fault,
    PhonePlan,
    Reaction,
    Reply,
    Say,
    Scenario,
    Weather,
)
from sipuac.testing.simulation.times import moment, pick

# Of the weather that leaves time for two messages to cross.
_SLOW = 0.2


def bent(random: Random, scenario: Scenario) -> Scenario:
    """The scenario, bent towards one of these races."""
    bend = random.choice(BENDS)
    return bend(random, scenario)


def _soon(random: Random, most: float = 0.6) -> float:
    return round(random.uniform(0.0, most), 3)


def _answering(random: Random, phone: PhonePlan) -> PhonePlan:
    """A phone that answers as it should, soon."""
    says = (Say(_soon(random), 180), Say(0.6 + _soon(random), 200, "own"))
    return replace(phone, says=says, vanishes_at=None)


def _with_call(scenario: Scenario, call: CallPlan) -> Scenario:
    return replace(scenario, calls=(call, *scenario.calls[1:]))


def _with_fault(scenario: Scenario, *faults: Fault) -> Scenario:
    return replace(scenario, transport="UDP", faults=(*faults, *scenario.faults))


# -- the bends -------------------------------------------------------------------------


def early_requests(random: Random, scenario: Scenario) -> Scenario:
    """Callees ask while our media still makes the answer that goes into the ACK."""
    method = random.choice(["INFO", "OPTIONS", "UPDATE", "INVITE", "BYE"])
    ask = Ask(_soon(random, 1.5), method, "answer", method in ("UPDATE", "INVITE"))
    phones = tuple(
        replace(_answering(random, one), asks=(*one.asks, ask))
        for one in scenario.phones
    )
    late = Reaction("make_answer", "late", random.choice([0.5, 2.0, 7.99, 8.0, 9.0]), 2)
    call = replace(
        scenario.calls[0],
        without_sdp=True,
        early_media=False,
        on_fork="",
        ends_at=random.uniform(1.0, 40.0),
        reactions=(late, *scenario.calls[0].reactions),
    )
    return _with_call(replace(scenario, phones=phones), call)


def waiting_reinvites(random: Random, scenario: Scenario) -> Scenario:
    """A re-INVITE of ours rings until it is cancelled, or is answered just then."""
    # From 64*T1 on, until the CANCEL arrives, the 2xx crosses it.
    crossing = 32.0 + random.choice([-0.1, 0.0, 0.01, 0.05, 0.1, 0.3])
    delay = pick(random, (0.0, 25), (moment(random), 15), (crossing, 60))
    reply = Reply("INVITE", random.choice([100, 180, 183]), delay, 2)
    phones = tuple(
        replace(_answering(random, one), replies=(reply,)) for one in scenario.phones
    )
    held = _soon(random, 2.0)
    ends = pick(random, (held + moment(random), 30), (70.0, 70))
    hold = Act(held, random.choice(["hold", "modify"]), "established")
    call = replace(
        scenario.calls[0],
        acts=(hold, Act(ends, "hangup", "established")),
        ends_at=100.0,
        answer_timeout=180.0,
    )
    return _with_call(replace(scenario, phones=phones, partitions=()), call)


def overtaking(random: Random, scenario: Scenario) -> Scenario:
    """Provisional responses, many of them reliable, that come too late."""
    phones = []
    for phone in scenario.phones:
        at, says = 0.0, []
        for _ in range(random.randint(2, 4)):
            at = round(at + _soon(random, 0.3), 3)
            status = random.choice([180, 183, 183])
            is_reliable = random.random() < 0.8
            says.append(Say(at, status, random.choice(["", "own"]), is_reliable))
        says.append(Say(at + _soon(random, 0.3), 200, "own"))
        says += [say for say in phone.says if say.status >= 300]
        is_strict = random.random() < 0.2
        phones.append(replace(phone, says=tuple(says), waits_for_prack=is_strict))
    start = random.choice(["SIP/2.0 18", "SIP/2.0 180", "SIP/2.0 183"])
    source = scenario.first_hop
    seconds = random.choice([0.1, 0.3, 0.6, moment(random)])
    fault = Fault("delay", start, source, random.choice([1, 1, 2, 3]), seconds)
    return _with_fault(replace(scenario, phones=tuple(phones)), fault)


def late_refusals(random: Random, scenario: Scenario) -> Scenario:
    """A proxy forwards a refusal and a 2xx, and the refusal comes last."""
    if len(scenario.phones) < 2 or not scenario.proxies:
        return crossings(random, scenario)
    refusing = replace(scenario.phones[0], says=(Say(_soon(random), 486),))
    others = [_answering(random, one) for one in scenario.phones[1:]]
    everybody = (tuple(phone.name for phone in scenario.phones),)
    hasty = replace(scenario.proxies[0], groups=everybody, is_hasty=True)
    fault = Fault("delay", "SIP/2.0 4", hasty.name, 20, random.choice([2.0, 4.0, 33.0]))
    phones = (refusing, *others)
    return _with_fault(replace(scenario, proxies=(hasty,), phones=phones), fault)


def challenged_late(random: Random, scenario: Scenario) -> Scenario:
    """The second proxy challenges a call that is given up meanwhile."""
    if len(scenario.proxies) < 2:
        return crossings(random, scenario)
    first, second, *rest = scenario.proxies
    challenging = replace(second, challenges=("INVITE",), vanishes_at=None)
    honest = replace(first, trying="own", on_cancel="cancel", vanishes_at=None)
    act = Act(_soon(random, 0.2), random.choice(["cancel", "hangup"]), "trying")
    call = replace(scenario.calls[0], acts=(act,), ends_at=10.0)
    delay = random.choice([0.05, _SLOW])
    slow = replace(scenario, proxies=(honest, challenging, *rest))
    return _with_call(replace(slow, weather=Weather(delay=delay)), call)


def challenged_requests(random: Random, scenario: Scenario) -> Scenario:
    """The first proxy challenges what we send in dialogs, and each of it anew."""
    if not scenario.proxies:
        return crossings(random, scenario)
    first, *rest = scenario.proxies
    methods = ("INVITE", "BYE", *random.sample(["PRACK", "UPDATE", "INFO"], 2))
    challenging = replace(
        first,
        record_routes=True,
        challenges=methods,
        nonce_lasts=random.choice([1, 1, 2]),
        vanishes_at=None,
    )
    password = pick(random, ("right", 70), ("late", 30))
    challenged = replace(scenario, proxies=(challenging, *rest), password=password)
    bend = random.choice([crossings, answering_extras, waiting_reinvites])
    return bend(random, challenged)


def crossings(random: Random, scenario: Scenario) -> Scenario:
    """Both sides ask in the same moment."""
    at = round(random.uniform(1.0, 4.0), 3)
    method = random.choice(["INVITE", "INVITE", "UPDATE", "BYE"])
    has_offer = method in ("INVITE", "UPDATE") and random.random() < 0.8
    ask = Ask(round(at + random.uniform(-0.6, 0.4), 3), method, "ack", has_offer)
    phones = tuple(
        replace(_answering(random, one), asks=(ask,)) for one in scenario.phones
    )
    what = random.choice(["hangup", "bye", "hold", "modify", "refresh"])
    acts = [Act(at, what, "established")]
    if random.random() < 0.4:
        acts.append(Act(at + _soon(random, 0.4), "hangup", "established"))
    if random.random() < 0.3:
        acts.insert(0, Act(max(0.0, at - _soon(random, 0.4)), "hold", "established"))
    call = replace(scenario.calls[0], acts=tuple(acts), ends_at=at + 30.0)
    weather = replace(scenario.weather, delay=_SLOW)
    return _with_call(replace(scenario, phones=phones, weather=weather), call)


def lost_acks(random: Random, scenario: Scenario) -> Scenario:
    """The ACKs of a callee's re-INVITE are lost, or those of its 2xx."""
    ask = Ask(moment(random), "INVITE", "ack", has_offer=random.random() < 0.8)
    phones = tuple(
        replace(_answering(random, one), asks=(*one.asks, ask))
        for one in scenario.phones
    )
    source = random.choice([CALLER, scenario.phones[0].name, scenario.first_hop])
    fault = Fault("drop", "ACK", source, random.choice([1, 2, 5, 20]))
    call = replace(scenario.calls[0], acts=(), ends_at=random.uniform(5.0, 60.0))
    return _with_call(_with_fault(replace(scenario, phones=phones), fault), call)


def answering_extras(random: Random, scenario: Scenario) -> Scenario:
    """Phones answer just when they are told that another one has the media."""
    phones = []
    for phone in scenario.phones:
        at = _soon(random)
        is_reliable = random.random() < 0.5
        says = (
            Say(at, 183, "own", is_reliable),
            Say(at + _soon(random), 200, "own", flaw=_flaw(random)),
        )
        phones.append(replace(phone, says=says, on_early_bye="go on"))
    call = replace(
        scenario.calls[0],
        early_media=True,
        without_sdp=False,
        answer="first",
        on_fork=random.choice(["cancel-extras", "cancel-extras", "adopt", ""]),
        max_extras=8,
        reliable="supported",
    )
    if call.on_fork == "adopt":
        call = replace(call, extra_ringing="keep")
    return _with_call(replace(scenario, phones=tuple(phones)), call)


def _flaw(random: Random) -> str:
    return "no-contact" if random.random() < 0.1 else ""


Bend = Callable[[Random, Scenario], Scenario]

BENDS: tuple[Bend, ...] = (
    early_requests,
    waiting_reinvites,
    overtaking,
    late_refusals,
    challenged_late,
    challenged_requests,
    crossings,
    lost_acks,
    answering_extras,
)
