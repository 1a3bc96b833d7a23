"""One simulated world: everybody in it, and the one who watches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from weakref import ref

from sipuac.testing.packets import Conditions
from sipuac.testing.simulation.agent import Agent
from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.forger import Forger
from sipuac.testing.simulation.invariants import ALL, View
from sipuac.testing.simulation.ledger import Ledger
from sipuac.testing.simulation.network import Edge, SimulatedNetwork, WirePacket
from sipuac.testing.simulation.phone import Phone
from sipuac.testing.simulation.proxy import Proxy
from sipuac.testing.simulation.races import COUNTERS
from sipuac.testing.simulation.scenario import CALLER, Fault, Forgery, Scenario
from sipuac.testing.simulation.user import User

# Seconds and steps after which a world that still goes on is a violation by itself.
_LONGEST = 3_000.0
_MOST_STEPS = 50_000


@dataclass
class Verdict:
    """What came of a world.

    Attributes:
        violations: Of invariants, in words.
        figures: What was counted.
        calls: How many calls were placed.
        remains: What must be gone once the world is, as weak references.
    """

    violations: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    remains: list[tuple[str, ref[object]]] = field(default_factory=list)


class World:
    """Builds what a scenario says, and lets it happen.

    Attributes:
        clock: Its time.
        proxies: All proxies.
        violations: What was broken so far.
        others: As of `View`.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.clock = SimulationClock()
        self.network = SimulatedNetwork(self.clock, scenario.seed)
        self.figures: Counter[str] = Counter()
        self.violations: list[str] = []
        self.ledger = Ledger(self.clock)
        self.network.edge = self.ledger
        self.agent = Agent(self.network, scenario)
        is_stream = scenario.transport == "TCP"
        self.proxies = [
            Proxy(self.network, plan, is_next_to_stream=is_stream and index == 0)
            for index, plan in enumerate(scenario.proxies)
        ]
        self.phones = [Phone(self.network, plan) for plan in scenario.phones]
        self.users = [
            User(index, plan, self.agent, self.clock)
            for index, plan in enumerate(scenario.calls)
        ]
        self._prepare_network()
        self._forger = Forger(self.network, scenario.first_hop)
        for forgery in scenario.forgeries:
            self.clock.callLater(forgery.at, self._forge, forgery)
        hider = self.proxies[0].hider if self.proxies else None
        view = View(
            scenario,
            self.ledger,
            self.network,
            self.phones,
            hider.hidden if hider is not None else {},
            self.users,
            self.agent,
            self.figures,
        )
        invariants = [kind(view, self.violations.append) for kind in ALL]
        races = [kind(view) for kind in COUNTERS]
        self.ledger.watchers = [*invariants, *races]
        self._stepping = [one.stepped for one in invariants if one.watches_steps]

    # -- what happens to packets ----------------------------------------------------

    def _prepare_network(self) -> None:
        weather, network = self.scenario.weather, self.network
        conditions = Conditions(
            weather.delay,
            weather.jitter,
            weather.loss,
            weather.duplication,
            weather.reordering,
            weather.lateness,
            weather.max_segment,
        )
        if weather.is_everywhere:
            network.set_conditions(conditions)
        else:
            network.set_conditions(Conditions(delay=weather.delay))
            network.set_conditions(conditions, source=CALLER)
            network.set_conditions(conditions, destination=CALLER)
        for fault in self.scenario.faults:
            self._add_fault(fault)
        for part in self.scenario.partitions:
            others = self._hosts() - set(part.hosts)
            self.clock.callLater(part.at, network.partition, part.hosts, others)
            self.clock.callLater(part.at + part.seconds, network.heal)
        for reset in self.scenario.resets:
            if reset.is_inside:
                network.cut_at(reset.at)
            else:
                self.clock.callLater(reset.at, self._reset)

    def _hosts(self) -> set[str]:
        proxies, phones = self.scenario.proxies, self.scenario.phones
        names = [proxy.name for proxy in proxies] + [phone.name for phone in phones]
        return {CALLER, *names}

    def _add_fault(self, fault: Fault) -> None:
        def is_it(packet: object) -> bool:
            return (
                isinstance(packet, WirePacket)
                and packet.first_line.startswith(fault.start)
                and fault.source in ("", packet.source[0])
            )

        if fault.verdict == "drop":
            if self.scenario.transport == "UDP":
                self.network.drop_if(is_it, fault.times)
        elif fault.verdict == "delay":
            self.network.delay_if(is_it, fault.seconds, fault.times)
        else:
            self.network.duplicate_if(is_it, fault.times)

    def _reset(self) -> None:
        self.figures["connections reset"] += 1
        self.network.reset(CALLER)

    def _forge(self, forgery: Forgery) -> None:
        for user in self.users:
            if user.invitation is not None:
                self._forger.forge(forgery, user.invitation.call_id)

    # -- running --------------------------------------------------------------------

    def run(self) -> Verdict:
        """Let everything happen, until nothing is left to happen."""
        steps = 0
        clock, violations = self.clock, self.violations
        while clock.step(_LONGEST) and steps < _MOST_STEPS:
            steps += 1
            for stepped in self._stepping:
                stepped()
            if violations:
                break
        else:
            self._end(steps)
        return self._verdict(steps)

    def leave(self) -> None:
        """Tear down all but the user agent, so that it alone can hold what is left."""
        network = self.network
        network.edge = Edge()
        network.forget_stations()
        self.ledger.watchers.clear()
        for user in self.users:
            user.leave()

    def _end(self, steps: int) -> None:
        if self.clock.alive:
            what = f"{self.clock.alive} delayed calls after {self.clock.rightNow:g} s"
            self.violations.append(f"Ending: {what} and {steps} steps")
            return
        for watcher in self.ledger.watchers:
            watcher.ended()

    def _verdict(self, steps: int) -> Verdict:
        figures = self.figures
        figures["steps"] += steps
        figures["packets"] += len(self.network.log)
        for proxy in self.proxies:
            figures["challenges"] += proxy.challenger.challenged
        figures["dialogs"] += len(self.ledger.dialogs)
        for invites in self.ledger.first_invites.values():
            for facts in invites:
                figures[f"INVITEs with {min(len(facts.tags), 9)} dialogs"] += 1
        verdict = Verdict(self.violations, figures, len(self.users))
        for user in self.users:
            for promise in user.promises:
                if promise.name == "established" and promise.count:
                    error = type(promise.error).__name__
                    how = "stands" if promise.error is None else error
                    figures[f"call: {how}"] += 1
            if user.invitation is not None:
                call = user.invitation
                for name in {event.body.event for event in call.events}:
                    figures[f"calls with the event {name}"] += 1
                verdict.remains.append(("invitation", ref(call)))
                for session in call.sessions.values():
                    verdict.remains.append(("media session", ref(session.media)))
        return verdict
