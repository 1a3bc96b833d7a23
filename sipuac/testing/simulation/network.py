"""The in-memory network, with peers that need no octets, and cuts inside messages."""

from __future__ import annotations

from collections.abc import Callable

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Message
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.memory_transport import Connection, MemoryTransport
from sipuac.testing.packets import Address, Packet
from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.scenario import CALLER
from sipuac.testing.simulation.wire import WireMessage, read
from sipuac.transport.interfaces import IFlow

PORT = 5060


class WirePacket(Packet):
    """A packet that also has its message as peers read it.

    Attributes:
        wire: The message; None for octets that are none.
        is_forged: Whether somebody sent it who has no part in the call.
    """

    __slots__ = ("is_forged", "wire")

    def __init__(
        self,
        time: float,
        transport: str,
        source: Address,
        destination: Address,
        octets: bytes,
        wire: WireMessage | None,
    ) -> None:
        super().__init__(time, transport, source, destination, octets)
        self.wire = wire
        self.is_forged = False

    @property
    def first_line(self) -> str:
        """See `Packet`."""
        return super().first_line if self.wire is None else self.wire.start

    def __str__(self) -> str:
        what = self.first_line if self.wire is None else str(self.wire)
        source, destination = self.source[0], self.destination[0]
        forged = " FORGED" if self.is_forged else ""
        return (
            f"{self.time:9.3f} {self.transport} {source:>6} -> {destination:<6} "
            f"{what}  [{self.fate}]{forged}"
        )


class Edge:
    """What is told of the caller's messages; a base class that does nothing."""

    def sent(self, message: WireMessage) -> None:
        """The caller has written this."""

    def comes(self, message: WireMessage, *, is_forged: bool) -> None:
        """This is about to be handed to the caller."""

    def was_handled(self, message: WireMessage, *, is_forged: bool) -> None:
        """The caller has had it, and all that it does at once is done."""


class SimulatedNetwork(MemoryNetwork):
    """The network of one world.

    Attributes:
        edge: Told of what the caller sends and gets.
        dead: Hosts of peers that are gone for ever.
    """

    clock: SimulationClock

    def __init__(self, clock: SimulationClock, seed: int) -> None:
        super().__init__(clock, seed)
        self.edge = Edge()
        self.dead: set[str] = set()
        self._stations: dict[str, PeerTransport] = {}
        self._cuts: list[float] = []

    def cut_at(self, time: float) -> None:
        """Break the first connection that is written to at this time or after it."""
        self._cuts.append(time)
        self._cuts.sort()

    def add_station(self, transport: PeerTransport) -> None:
        """Let a peer be found by its host."""
        self._stations[transport.host] = transport

    def forget_stations(self) -> None:
        """Let nobody but the caller be there, and forget all packets."""
        self._stations.clear()
        self._transports.clear()
        self._rules.clear()
        self.log.clear()

    # -- datagrams ------------------------------------------------------------------

    def send_datagram(
        self, source: Address, destination: Address, octets: bytes
    ) -> None:
        """See `MemoryNetwork`; for the caller."""
        wire = None if octets == b"\r\n\r\n" else read(octets)
        if wire is not None:
            self.edge.sent(wire)
        now = self.clock.rightNow
        packet = WirePacket(now, "UDP", source, destination, octets, wire)
        self.log.append(packet)
        self._send(packet, self._deliver_datagram, is_reliable=False)

    def send_wire(self, source: str, destination: str, wire: WireMessage) -> None:
        """Send a message of a peer, to a peer or to the caller."""
        octets = wire.octets if destination == CALLER else b""
        ends = (source, PORT), (destination, PORT)
        packet = WirePacket(self.clock.rightNow, "UDP", *ends, octets, wire)
        self.log.append(packet)
        self._send(packet, self._deliver_datagram, is_reliable=False)

    def send_octets(self, source: str, octets: bytes) -> None:
        """Send the caller something that is no message."""
        ends = (source, PORT), (CALLER, PORT)
        packet = WirePacket(self.clock.rightNow, "UDP", *ends, octets, None)
        self.log.append(packet)
        self._send(packet, self._deliver_datagram, is_reliable=False)

    def forge(self, source: str, wire: WireMessage) -> None:
        """Hand the caller a message in somebody's name, at once."""
        ends = (source, PORT), (CALLER, PORT)
        packet = WirePacket(self.clock.rightNow, "UDP", *ends, wire.octets, wire)
        packet.is_forged = True
        self.log.append(packet)
        self._deliver_datagram(packet)

    def _send(
        self,
        packet: Packet,
        deliver: Callable[[Packet], None],
        *,
        is_reliable: bool,
        connection: Connection | None = None,
    ) -> None:
        """See `MemoryNetwork`: the same without detours where nothing is special."""
        if is_reliable or self._rules or self._partitions:
            super()._send(
                packet, deliver, is_reliable=is_reliable, connection=connection
            )
            return
        conditions, random = self._conditions_of(packet), self._random.random
        if conditions.loss and random() < conditions.loss:
            packet.fate = "lost"
            return
        delay = conditions.delay
        if conditions.jitter:
            delay += conditions.jitter * random()
        if conditions.reordering and random() < conditions.reordering:
            delay += conditions.lateness
        self.clock.callLater(delay, deliver, packet)
        if conditions.duplication and random() < conditions.duplication:
            again = delay + conditions.jitter * random()
            self.clock.callLater(again, deliver, packet)

    def _deliver_datagram(self, packet: Packet) -> None:
        assert isinstance(packet, WirePacket)
        host = packet.destination[0]
        wire = packet.wire
        station = self._stations.get(host)
        if station is not None:
            if host in self.dead:
                packet.fate = "lost"
                return
            packet.fate = "arrived"
            if wire is not None:
                station.receive(wire, packet.source[0])
            return
        if wire is None or host != CALLER:
            super()._deliver_datagram(packet)
            return
        self.edge.comes(wire, is_forged=packet.is_forged)
        super()._deliver_datagram(packet)
        self.edge.was_handled(wire, is_forged=packet.is_forged)

    # -- connections ----------------------------------------------------------------

    def send_stream(self, connection: Connection, octets: bytes) -> None:
        """See `MemoryNetwork`; a connection may break in the middle of it."""
        is_callers = connection.local[0] == CALLER
        wire = read(octets) if len(octets) > 4 else None
        if wire is not None and is_callers:
            self.edge.sent(wire)
        is_cut = bool(self._cuts) and self._cuts[0] <= self.clock.rightNow
        if is_cut and len(octets) > 4:
            del self._cuts[0]
            octets = octets[: len(octets) // 2]
        ends = connection.local, connection.remote
        now = self.clock.rightNow
        packet = WirePacket(now, connection.transport, *ends, octets, wire)
        self.log.append(packet)
        segment = self._conditions_of(packet).max_segment

        def deliver(packet: Packet) -> None:
            peer = connection.peer
            if peer is None or not peer.is_open:
                packet.fate = "reset"
                return
            is_lost = connection.remote[0] in self.dead
            packet.fate = "cut" if is_cut else "lost" if is_lost else "arrived"
            is_told = wire is not None and not is_cut and not is_callers
            if wire is not None and is_told:
                self.edge.comes(wire, is_forged=False)
            peer.octets_received(octets, segment)
            if wire is not None and is_told:
                self.edge.was_handled(wire, is_forged=False)
            if is_cut:
                connection.close(TransportFailed("connection reset inside a message"))

        self._send(packet, deliver, is_reliable=True, connection=connection)


class PeerTransport(MemoryTransport):
    """The transport of a peer: datagrams as wire messages, streams as real octets.

    Args:
        network: Its network.
        host: Its host.
        receive: Called with each message and the host that it came from.
    """

    network: SimulatedNetwork

    def __init__(
        self,
        network: SimulatedNetwork,
        host: str,
        receive: Callable[[WireMessage, str], None],
    ) -> None:
        super().__init__(network, host, PORT, ("UDP", "TCP"))
        self.receive = receive
        network.add_station(self)

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `MemoryTransport`."""
        if self.host not in self.network.dead:
            self.receive(read(message.render()), flow.remote[0])

    def connection_to(self, host: str) -> Connection | None:
        """An open connection with this host, whoever opened it."""
        for connection in self.connections:
            if connection.remote[0] == host and connection.is_open:
                return connection
        return None
