"""Our user agent in a simulated world, and what is left in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.memory_transport import MemoryTransport
from sipuac.testing.resolver import LiteralResolver
from sipuac.testing.simulation.network import PORT, SimulatedNetwork
from sipuac.testing.simulation.scenario import CALLER, DEAD, DOMAIN, Scenario
from sipuac.ua.credentials import Credentials
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.inviter import Inviter
from sipuac.ua.trace import TraceEntry

_SECRET = Credentials("alice", "secret")


class Agent:
    """Endpoint and inviter, as an application has them.

    Attributes:
        inviter: Places the calls.
        target: Whom it calls.
    """

    def __init__(self, network: SimulatedNetwork, scenario: Scenario) -> None:
        self._clock = network.clock
        self._password = scenario.password
        self._transport: MemoryTransport = network.transport(CALLER, PORT, "UDP", "TCP")
        first = scenario.first_hop
        servers = {first: (DEAD, first)} if scenario.has_dead_server else None
        self._endpoint = Endpoint(
            network.clock,
            self._transport,
            LiteralResolver(servers, "nowhere"),
            identifiers=CountingIdentifiers("c"),
            chance=Random(scenario.seed).random,
        )
        self._endpoint.start()
        way = "" if scenario.transport == "UDP" else ";transport=tcp"
        proxy = None
        self.target = f"sip:bob@{scenario.first_hop}{way}"
        if scenario.proxies:
            proxy = f"sip:{scenario.first_hop}{way}"
            self.target = f"sip:bob@{DOMAIN}"
        self.inviter = Inviter(
            self._endpoint,
            f"sip:alice@{CALLER}",
            proxy=proxy,
            credentials=self._credentials,
        )

    def _credentials(
        self, realm: str, method: str, uri: str
    ) -> Deferred[Credentials | None] | Credentials | None:
        """What answers a challenge, as the scenario says."""
        if self._password == "right":
            return _SECRET
        known = None if self._password == "none" else _SECRET
        return deferLater(self._clock, 1.0, lambda: known)

    def add_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call this with every message in and out."""
        self._endpoint.add_tracer(tracer)

    @property
    def counters(self) -> Counter[str]:
        """What the endpoint counts."""
        return self._endpoint.counters

    def remembers(self, call_id: str) -> bool:
        """Whether the call is known, so that a 2xx of it must be acknowledged."""
        return self.inviter.remembers(call_id)

    def leftovers(self) -> dict[str, int]:
        """How much is left of what should be gone, by what it is."""
        endpoint = self._endpoint
        framers = [one._framer for one in self._transport.connections]
        return {
            "calls": len(self.inviter.invitations),
            "remains": len(self.inviter.remains),
            "transactions": len(endpoint._transactions),
            "client transactions at work": len(endpoint._clients),
            "server transactions at work": len(endpoint._intake.servers),
            "flows that somebody waits on": len(endpoint._waiting_on),
            "timers": len(endpoint._queue),
            "inputs that wait": len(endpoint._inputs),
            "half-read messages": sum(framer.is_mid_message for framer in framers),
        }
