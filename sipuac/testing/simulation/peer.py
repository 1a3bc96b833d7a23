"""What all simulated peers have in common: they send, wait and repeat."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.network import PORT, PeerTransport, SimulatedNetwork
from sipuac.testing.simulation.scenario import CALLER
from sipuac.testing.simulation.wire import WireMessage, host_of, sent_by
from sipuac.transport.interfaces import IFlow

T1 = 0.5
T2 = 4.0
T4 = 5.0
LIMIT = 64 * T1


class Peer:
    """A party in the simulated world; a base class.

    Args:
        network: Where it lives.
        name: Its host.
    """

    def __init__(self, network: SimulatedNetwork, name: str) -> None:
        self.network = network
        self.clock: SimulationClock = network.clock
        self.name = name
        self.transport = PeerTransport(network, name, self.received)
        self.transport.start()
        self._numbers = 0

    @property
    def is_dead(self) -> bool:
        """Whether it is gone for ever."""
        return self.name in self.network.dead

    def received(self, message: WireMessage, source: str) -> None:
        """A message came."""
        raise NotImplementedError

    def number(self) -> int:
        """A number that this peer has not used yet."""
        self._numbers += 1
        return self._numbers

    def die(self) -> None:
        """Be gone: nothing is sent or heard any more."""
        self.network.dead.add(self.name)

    def send(self, message: WireMessage, host: str) -> None:
        """Send a message to a host; to the caller over what the message says."""
        if self.is_dead:
            return
        if host == CALLER and _is_for_stream(message):
            self._send_stream(message)
        else:
            self.network.send_wire(self.name, host, message)

    def respond(self, response: WireMessage) -> None:
        """Send a response the way its Via says (RFC 3261 section 18.2.2)."""
        self.send(response, sent_by(response.get("Via")))

    def later(self, seconds: float, action: Callable[[], None]) -> IDelayedCall:
        """Do this so many seconds from now, unless the peer is gone by then."""

        def act() -> None:
            if not self.is_dead:
                action()

        return self.clock.callLater(seconds, act)

    def _send_stream(self, message: WireMessage) -> None:
        connection = self.transport.connection_to(CALLER)
        if connection is not None:
            connection.send(message.octets)
            return
        opened = self.transport.connect(Destination("TCP", CALLER, PORT, CALLER))
        sent: Deferred[None] = opened.addCallback(_write, message)
        sent.addErrback(lambda failure: failure.trap(TransportFailed))


def _write(flow: IFlow, message: WireMessage) -> None:
    flow.send(message.octets)


def _is_for_stream(message: WireMessage) -> bool:
    if message.status:
        return message.get("Via").startswith("SIP/2.0/TCP")
    return "transport=tcp" in message.start.lower()


class Repeater:
    """Sends something again and again until it is heard.

    Args:
        peer: Who sends.
        send: Sends it; the first time is the caller's.
        gave_up: What to do after 64*T1; None: nothing.
        longest: The longest interval in seconds; None: no bound.
        limit: Seconds until it gives up.

    Attributes:
        is_running: Whether it still repeats.
    """

    __slots__ = (
        "_call",
        "_end",
        "_gave_up",
        "_interval",
        "_longest",
        "_peer",
        "_send",
        "is_running",
    )

    def __init__(
        self,
        peer: Peer,
        send: Callable[[], None],
        gave_up: Callable[[], None] | None = None,
        longest: float | None = T2,
        limit: float = LIMIT,
    ) -> None:
        self.is_running = True
        self._peer = peer
        self._send = send
        self._gave_up = gave_up
        self._longest = longest
        self._interval = T1
        self._end = peer.clock.rightNow + limit
        self._call = peer.clock.callLater(T1, self._tick)

    def stop(self) -> None:
        """It was heard."""
        if self.is_running:
            self.is_running = False
            if self._call.active():
                self._call.cancel()

    def _tick(self) -> None:
        if self._peer.is_dead:
            self.is_running = False
            return
        now = self._peer.clock.rightNow
        if now >= self._end:
            self.is_running = False
            if self._gave_up is not None:
                self._gave_up()
            return
        self._send()
        if not self.is_running:
            return
        self._interval *= 2
        if self._longest is not None and self._interval > self._longest:
            self._interval = self._longest
        wait = min(self._interval, self._end - now)
        self._call = self._peer.clock.callLater(wait, self._tick)


def next_hop(request: WireMessage) -> str:
    """The host that a request goes to: of its top Route, or of its Request-URI."""
    route = request.get("Route")
    return host_of(route) if route else host_of(request.uri)
