"""What is mutated: the torture messages, and all messages of calls.

The calls are placed in memory, with counted identifiers, so that they are the same each
time; what came to the caller can be brought to another caller in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from twisted.internet.task import Clock

from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.media import ScriptedMedia
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.packets import Conditions
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, parallel
from sipuac.testing.resolver import LiteralResolver
from sipuac.testing.script import (
    Script,
    Step,
    answer,
    early_dialog_ended,
    early_media,
    hang_up,
    redirect,
    reject,
    ring,
)
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.inviter import Inviter
from tests.syntax.test_torture import DATA, load_manifest

CALLER = ("caller.invalid", 5060)
DOMAIN = "example.invalid"
HOP = 0.01

_SCRIPTS: dict[str, tuple[dict[str, Any], tuple[tuple[Step, ...], ...]]] = {
    "refused": ({}, ((ring(0.1), reject(0.3, 486)),)),
    "redirected": ({}, ((redirect(0.1, "sip:b@x.invalid", "sip:c@y.invalid"),),)),
    "early media": (
        {"early_media": True},
        (
            (ring(0.1), early_media(0.3), answer(1.0), hang_up(2.0)),
            (early_media(0.5), early_dialog_ended(0.8)),
        ),
    ),
    "offerless": (
        {"without_sdp": True},
        (
            (ring(0.1), early_media(0.3, reliable=True), answer(1.0)),
            (early_media(0.5, reliable=True),),
        ),
    ),
}
#: Names of the calls.
CALLS = tuple(_SCRIPTS)


class CallingSide:
    """A caller in a network of its own, without anybody to call."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.network.conditions = Conditions(delay=HOP)
        self.endpoint = Endpoint(
            self.clock,
            self.network.transport(*CALLER, "UDP"),
            LiteralResolver(None, "nowhere.invalid"),
            identifiers=CountingIdentifiers("caller"),
        )
        self.endpoint.start()
        self.media = ScriptedMedia(self.clock)
        self.inviter = Inviter(
            self.endpoint,
            f"Caller <sip:caller@{DOMAIN}>",
            proxy="sip:proxy.invalid",
            media=self.media,
        )

    def call(self, name: str) -> None:
        """Place the call of that name; it is hung up after 4 s whatever comes."""
        options, _ = _SCRIPTS[name]
        asked = self.inviter.invite(f"sip:bob@{DOMAIN}", **options)
        asked.addCallback(
            lambda call: [
                one.addErrback(lambda _: None)
                for one in (call.final, call.established, call.done)
            ]
        )

        def hang_up_all() -> None:
            for call in self.inviter.invitations:
                call.hangup().addErrback(lambda _: None)

        self.clock.callLater(4.0, hang_up_all)

    def leftovers(self) -> list[str]:
        """What is wrong when all has ended."""
        endpoint = self.endpoint
        found = {
            "invitations": len(self.inviter.invitations),
            "remains": len(self.inviter.remains),
            "transactions": len(endpoint._transactions),
            "drivers": len(endpoint._clients) + len(endpoint._intake.servers),
            "waiting": len(endpoint._waiting_on),
            "timers": len(endpoint._queue),
            "internal errors": endpoint.counters["internal-errors"],
            "open media": sum(not one.is_closed for one in self.media.sessions),
        }
        return [f"{count} {what}" for what, count in found.items() if count]


@dataclass(frozen=True)
class Arrival:
    """What came to the caller in a call.

    Attributes:
        time: Seconds since the call was placed.
        octets: The datagram.
        source: Address and port that it came from.
    """

    time: float
    octets: bytes
    source: tuple[str, int]


@cache
def recorded(name: str) -> tuple[tuple[Arrival, ...], tuple[bytes, ...]]:
    """A call as it goes without mutations: what came to the caller, and all octets."""
    side = CallingSide()
    network = side.network
    _, scripts = _SCRIPTS[name]
    proxy = ForkingProxy(
        network.transport("proxy.invalid", 5060, "UDP"),
        side.clock,
        {},
        domains=[DOMAIN],
    )
    proxy.start()
    targets = []
    for number, steps in enumerate(scripts):
        host = f"phone{number}.invalid"
        phone = Phone(
            network.transport(host, 5060, "UDP"),
            side.clock,
            Script(*steps),
            name=f"phone{number}",
        )
        phone.start()
        targets.append(f"sip:phone{number}@{host}")
    proxy.location["bob"] = parallel(*targets)
    side.call(name)
    network.settle(2_000)
    assert side.leftovers() == [], side.leftovers()
    arrivals = tuple(
        Arrival(packet.arrivals[0], packet.octets, packet.source)
        for packet in network.log
        if packet.destination == CALLER and packet.arrivals
    )
    return arrivals, tuple(dict.fromkeys(packet.octets for packet in network.log))


def torture_messages() -> dict[str, bytes]:
    """The messages of RFC 4475 and RFC 5118 by name."""
    return {
        entry["name"]: (DATA / entry["file"]).read_bytes() for entry in load_manifest()
    }


@cache
def corpus() -> dict[str, bytes]:
    """All messages by name."""
    messages = torture_messages()
    for name in CALLS:
        _, octets = recorded(name)
        for number, one in enumerate(octets):
            messages[f"{name} call, message {number}"] = one
    return messages
