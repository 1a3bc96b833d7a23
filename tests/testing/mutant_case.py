"""Callers that break a rule on purpose, and whether the invariants see it.

The caller is made to misbehave between itself and the network, so that nothing of it
has to be known here; where no message tells, its own parts are exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.network import PORT, SimulatedNetwork
from sipuac.testing.simulation.scenario import CALLER, Scenario
from sipuac.testing.simulation.wire import WireMessage, read
from sipuac.testing.simulation.world import World

Tamper = Callable[[World, WireMessage], list[WireMessage]]

# Every fault here is found in far fewer worlds.
MOST_WORLDS = 400


def another(message: WireMessage, method: str, number: int) -> WireMessage:
    """Another request in the same dialog, with a branch of its own."""
    rows = []
    for name, value in message.rows:
        if name == "Via":
            value = value.replace(message.branch, f"{message.branch}-{method}{number}")
        if name == "CSeq":
            value = f"{number} {method}"
        rows.append((name, value))
    return WireMessage(f"{method} {message.uri} SIP/2.0", rows)


def changed(message: WireMessage, field: str, value: str) -> WireMessage:
    """The message with another value of a field, and the same branch."""
    rows = [(name, value if name == field else old) for name, old in message.rows]
    return WireMessage(message.start, rows, message.body)


def started(message: WireMessage, start: str, body: bytes = b"") -> WireMessage:
    """The message with another start line."""
    return WireMessage(start, message.rows, body)


def send_later(world: World, seconds: float, message: WireMessage) -> None:
    """Send the first hop this after some seconds."""
    ends = (CALLER, PORT), (world.scenario.first_hop, PORT)
    send = SimulatedNetwork.send_datagram
    world.clock.callLater(seconds, send, world.network, *ends, message.octets)


def is_ack_of_success(world: World, message: WireMessage) -> bool:
    """Whether this is the ACK of a 2xx."""
    is_ack = message.method == "ACK" and not message.status
    return is_ack and message.branch not in world.ledger.invites


class MutantCase(SynchronousTestCase):
    """Looks for the violations of a caller that breaks the rules."""

    def broken_in(self, scenario: Scenario, tamper: Tamper | None) -> list[str]:
        """The violations in a world with this caller."""
        world = World(scenario)
        network = world.network
        send = network.send_datagram

        def tampered(
            source: tuple[str, int], destination: tuple[str, int], octets: bytes
        ) -> None:
            assert tamper is not None
            for message in tamper(world, read(octets)):
                send(source, destination, message.octets)

        if tamper is not None:
            network.send_datagram = tampered  # type: ignore[method-assign]
        return world.run().violations

    def assertFound(
        self,
        rule: str,
        tamper: Tamper | None = None,
        *,
        without_sdp: bool = False,
        worlds: int = MOST_WORLDS,
    ) -> None:
        """A violation with these words is found in one of some worlds."""
        others = set()
        for seed in range(worlds):
            scenario = draw(seed)
            if scenario.transport != "UDP":
                continue
            if without_sdp:
                call = replace(scenario.calls[0], without_sdp=True, early_media=False)
                scenario = replace(scenario, calls=(replace(call, on_fork=""),))
            found = self.broken_in(scenario, tamper)
            if any(rule in violation for violation in found):
                return
            others.update(found[:1])
        self.fail(f"{rule!r} was never said, but {sorted(others)[:20]}")
