"""A network in memory, on a clock that the test moves.

Every message really becomes octets and is parsed again at the other end, so that what
works here has been through renderer and parser. What the network does to a packet is
decided in this order: rules that refuse, drop, hold, delay or double chosen packets;
partitions; then chance, by the `Conditions` of its direction and the network's seed.

A UDP-like flow can lose, double and reorder. A TCP-like one repairs all that, as TCP
does: it keeps its order, only waits longer, and a partition holds its octets back until
it heals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from sipuac.errors import TransportFailed
from sipuac.testing import clock as testing_clock
from sipuac.testing.memory_transport import Connection, MemoryTransport
from sipuac.testing.packets import (
    Address,
    Conditions,
    Packet,
    Predicate,
    Rule,
    written,
)

if TYPE_CHECKING:
    from sipuac.syntax.destination import Destination

__all__ = ["Conditions", "MemoryNetwork", "Packet", "Rule"]

# How long connecting across a partition takes to fail (seconds).
_CONNECT_TIMEOUT = 30.0


class MemoryNetwork:
    """Joins `MemoryTransport`s.

    Args:
        clock: The only source of time. Without a delay a packet still takes one call of
            the clock: nothing arrives before `advance`.
        seed: Of all chances that the network takes.

    Attributes:
        conditions: What holds where `set_conditions` said nothing else.
        log: Every packet ever sent, in order.
    """

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.conditions = Conditions()
        self.log: list[Packet] = []
        self._random = Random(seed)
        self._transports: dict[tuple[str, str, int], MemoryTransport] = {}
        self._directions: dict[tuple[str | None, str | None], Conditions] = {}
        self._rules: list[Rule] = []
        self._partitions: list[tuple[frozenset[str], frozenset[str]]] = []
        self._held: list[tuple[Packet, Callable[[Packet], None]]] = []
        self._under_way: set[IDelayedCall] = set()
        self._last_arrival: dict[Connection, float] = {}
        self._ephemeral = 49152

    def transport(
        self, host: str, port: int = 5060, protocol: str = "UDP", *more: str
    ) -> MemoryTransport:
        """A transport layer that listens, once started, at this address.

        Args:
            host: Its address; any text will do that fits into a SIP URI.
            port: Its port.
            protocol: "UDP", "TCP" or "TLS".
            more: Further protocols, on the same port.
        """
        return MemoryTransport(self, host, port, (protocol, *more))

    # -- what is done to packets ----------------------------------------------------

    def set_conditions(
        self,
        conditions: Conditions,
        source: str | None = None,
        destination: str | None = None,
    ) -> None:
        """Let these conditions hold for one direction; None stands for every host."""
        if source is None and destination is None:
            self.conditions = conditions
        else:
            self._directions[source, destination] = conditions

    def drop_if(self, predicate: Predicate, times: int | None = None) -> Rule:
        """Drop the packets that the predicate is true of, at most `times` of them.

        On a stream whole writes are dropped, though no real network could.
        """
        return Rule(self._rules, "drop", predicate, times)

    def delay_if(
        self, predicate: Predicate, seconds: float, times: int | None = None
    ) -> Rule:
        """Let these packets take so many seconds more."""
        return Rule(self._rules, "delay", predicate, times, seconds)

    def duplicate_if(self, predicate: Predicate, times: int | None = None) -> Rule:
        """Let these datagrams arrive twice."""
        return Rule(self._rules, "duplicate", predicate, times)

    def hold_if(self, predicate: Predicate, times: int | None = None) -> Rule:
        """Keep these packets until `release`: the way to stage a crossing."""
        return Rule(self._rules, "hold", predicate, times)

    def refuse_if(self, predicate: Predicate, times: int | None = None) -> Rule:
        """Let `send` raise `TransportFailed` for these packets, as a system may."""
        return Rule(self._rules, "refuse", predicate, times)

    def release(self) -> None:
        """Send on, in their order, all held packets that no partition holds back."""
        held, self._held = self._held, []
        for packet, deliver in held:
            if self._is_parted(packet):
                self._held.append((packet, deliver))
            else:
                self._schedule(packet, deliver, self._conditions_of(packet).delay)

    def partition(self, hosts: Iterable[str], others: Iterable[str]) -> None:
        """Let nothing pass between these hosts and the others until `heal`."""
        self._partitions.append((frozenset(hosts), frozenset(others)))

    def heal(self) -> None:
        """End all partitions; what streams held back arrives now."""
        self._partitions.clear()
        self.release()

    def reset(self, host: str, other: str | None = None) -> None:
        """Break every connection of this host, or only those to the other host."""
        for transport in set(self._transports.values()):
            for connection in transport.connections:
                ends = (connection.local[0], connection.remote[0])
                if host in ends and (other is None or other in ends):
                    connection.close(TransportFailed("connection reset"))

    def inject(
        self,
        octets: bytes,
        source: Address,
        destination: Address,
        transport: str = "UDP",
    ) -> None:
        """Send a datagram in somebody's name; no rule and no chance touches it."""
        packet = self._logged(transport, source, destination, octets)
        self._schedule(packet, self._deliver_datagram, 0.0)

    # -- time -----------------------------------------------------------------------

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass, event by event (see `sipuac.testing.clock`)."""
        testing_clock.advance(self.clock, seconds)

    def settle(self, limit: float = 600.0) -> None:
        """Let time pass until nothing is left to happen."""
        testing_clock.settle(self.clock, limit)

    def close(self) -> None:
        """Forget all packets that are under way or held, so that a test can end."""
        for call in self._under_way:
            call.cancel()
        self._under_way.clear()
        self._held.clear()

    # -- looking at it --------------------------------------------------------------

    def packets(
        self,
        start: str = "",
        source: str | None = None,
        destination: str | None = None,
    ) -> Sequence[Packet]:
        """The logged packets whose first line starts so, of this direction."""
        return [
            packet
            for packet in self.log
            if packet.first_line.startswith(start)
            and source in (None, packet.source[0])
            and destination in (None, packet.destination[0])
        ]

    def transcript(self) -> str:
        """All packets, one a line: print it when a test fails."""
        return "\n".join(map(str, self.log))

    # -- for MemoryTransport --------------------------------------------------------

    def open(self, transport: MemoryTransport) -> None:
        """Let the transport be found at its address.

        Raises:
            TransportFailed: Somebody else listens there.
        """
        keys = [(name, transport.host, transport.port) for name in transport.protocols]
        for key in keys:
            if key in self._transports:
                address = written((transport.host, transport.port))
                raise TransportFailed(f"{address} is in use for {key[0]}")
        for key in keys:
            self._transports[key] = transport

    def remove(self, transport: MemoryTransport) -> None:
        """Let the transport be found no more."""
        for key in [k for k, value in self._transports.items() if value is transport]:
            del self._transports[key]

    def send_datagram(
        self, source: Address, destination: Address, octets: bytes
    ) -> None:
        """Send a datagram.

        Raises:
            TransportFailed: A rule refuses it.
        """
        packet = self._logged("UDP", source, destination, octets)
        self._send(packet, self._deliver_datagram, is_reliable=False)

    def send_stream(self, connection: Connection, octets: bytes) -> None:
        """Write to a connection.

        Raises:
            TransportFailed: A rule refuses it.
        """
        packet = self._logged(
            connection.transport, connection.local, connection.remote, octets
        )
        segment = self._conditions_of(packet).max_segment

        def deliver(packet: Packet) -> None:
            peer = connection.peer
            if peer is None or not peer.is_open:
                packet.fate = "reset"
                return
            packet.fate = "arrived"
            packet.arrivals.append(self.clock.seconds())
            peer.octets_received(packet.octets, segment)

        self._send(packet, deliver, is_reliable=True, connection=connection)

    def connect(
        self, client: MemoryTransport, destination: Destination
    ) -> Deferred[Connection]:
        """Open a connection; the Deferred fails with `TransportFailed`."""
        local = (client.host, self._ephemeral)
        self._ephemeral += 1
        remote = (destination.host, destination.port)
        probe = Packet(self.clock.seconds(), destination.transport, local, remote, b"")
        is_parted = self._is_parted(probe)
        delay = _CONNECT_TIMEOUT if is_parted else 2 * self._conditions_of(probe).delay

        def canceller(_: Deferred[Connection]) -> None:
            self._under_way.discard(call)
            call.cancel()

        connected: Deferred[Connection] = Deferred(canceller)

        def connect() -> None:
            self._under_way.discard(call)
            key = (destination.transport, *remote)
            server = None if is_parted else self._transports.get(key)
            if server is None:
                why = "timed out" if is_parted else "was refused"
                error = TransportFailed(f"connection to {written(remote)} {why}")
                connected.errback(error)
                return
            near = Connection(client, destination.transport, local, remote)
            far = Connection(server, destination.transport, remote, local)
            near.peer, far.peer = far, near
            server.connection_made(far)
            client.connection_made(near)
            connected.callback(near)

        call = self.clock.callLater(delay, connect)
        self._under_way.add(call)
        return connected

    # -- inside ---------------------------------------------------------------------

    def _logged(
        self, transport: str, source: Address, destination: Address, octets: bytes
    ) -> Packet:
        packet = Packet(self.clock.seconds(), transport, source, destination, octets)
        self.log.append(packet)
        return packet

    def _send(
        self,
        packet: Packet,
        deliver: Callable[[Packet], None],
        *,
        is_reliable: bool,
        connection: Connection | None = None,
    ) -> None:
        conditions = self._conditions_of(packet)
        verdicts = [rule for rule in list(self._rules) if rule.takes(packet)]
        names = {rule.verdict for rule in verdicts}
        if "refuse" in names:
            packet.fate = "refused"
            raise TransportFailed(f"{written(packet.destination)} refused a packet")
        if "drop" in names:
            packet.fate = "dropped"
            return
        is_parted = self._is_parted(packet)
        if is_parted and not is_reliable:
            packet.fate = "partitioned"
            return
        if is_parted or "hold" in names:
            packet.fate = "held"
            self._held.append((packet, deliver))
            return
        delay = conditions.delay + self._random.uniform(0.0, conditions.jitter)
        delay += sum(rule.seconds for rule in verdicts)
        if connection is not None:
            delay = self._in_order(connection, delay)
            self._schedule(packet, deliver, delay)
            return
        if self._random.random() < conditions.loss:
            packet.fate = "lost"
            return
        if self._random.random() < conditions.reordering:
            delay += conditions.lateness
        self._schedule(packet, deliver, delay)
        if "duplicate" in names or self._random.random() < conditions.duplication:
            again = delay + self._random.uniform(0.0, conditions.jitter)
            self._schedule(packet, deliver, again)

    def _in_order(self, connection: Connection, delay: float) -> float:
        """The delay that keeps this write behind those before it."""
        now = self.clock.seconds()
        arrival = max(now + delay, self._last_arrival.get(connection, 0.0))
        self._last_arrival[connection] = arrival
        return arrival - now

    def _schedule(
        self, packet: Packet, deliver: Callable[[Packet], None], delay: float
    ) -> None:
        def arrive() -> None:
            self._under_way.discard(call)
            deliver(packet)

        call = self.clock.callLater(delay, arrive)
        self._under_way.add(call)

    def _deliver_datagram(self, packet: Packet) -> None:
        transport = self._transports.get((packet.transport, *packet.destination))
        if transport is None:
            packet.fate = "unreachable"
            return
        packet.fate = "arrived"
        packet.arrivals.append(self.clock.seconds())
        transport.datagram_received(packet.octets, packet.source)

    def _is_parted(self, packet: Packet) -> bool:
        source, destination = packet.source[0], packet.destination[0]
        return any(
            (source in hosts and destination in others)
            or (source in others and destination in hosts)
            for hosts, others in self._partitions
        )

    def _conditions_of(self, packet: Packet) -> Conditions:
        source, destination = packet.source[0], packet.destination[0]
        for key in ((source, destination), (source, None), (None, destination)):
            if key in self._directions:
                return self._directions[key]
        return self.conditions
