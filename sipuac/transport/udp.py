"""SIP over UDP: one datagram, one message (RFC 3261 section 18)."""

from __future__ import annotations

from errno import ENOBUFS

from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import ISystemHandle
from twisted.internet.protocol import DatagramProtocol
from zope.interface import implementer

from sipuac.errors import TransportFailed
from sipuac.transport.addresses import (
    LocalAddress,
    is_wildcard,
    plain_address,
    socket_address,
)
from sipuac.transport.advertised import NOTHING_ADVERTISED, Advertised
from sipuac.transport.intake import Intake
from sipuac.transport.interfaces import IFlow
from sipuac.transport.socket_load import SocketLoad, ask_for_room, socket_load
from sipuac.transport.tally import Tally
from sipuac.transport.watchers import Watchers

#: Bytes to read at once. RFC 3261 section 18.1.1: "implementations MUST be able to
#: handle messages up to the maximum datagram packet size".
MAX_DATAGRAM = 65535

#: Bytes above which a request should go over TCP (RFC 3261 section 18.1.1).
MAX_REQUEST = 1300

#: Flows that are kept for peers that were met; beyond it the oldest are forgotten,
#: which costs them only the time to make another.
MAX_FLOWS = 4096

_RESPONSE_START = b"SIP/2.0 "
_KEEPALIVE = b"\r\n\r\n"
_KEEPALIVE_OCTETS = b"\r\n\0"

# RFC 5626 section 8: "the first octet of a STUN packet has a value of 0 or 1", and no
# SIP message begins so.
_STUN_STARTS = (0, 1)


@implementer(IFlow)
class UdpFlow:
    """A listening UDP socket, and one address that it talks to.

    Attributes:
        remote: Address and port of the peer.
        pongs: Keep-alives that came from there.
        watchers: Who is told when the peer cannot be reached, beside the receiver.
        seen_as: Our address and port as the peer has seen them, None where that is not
            known.
    """

    __slots__ = (
        "_destination",
        "_local_host",
        "_protocol",
        "pongs",
        "remote",
        "seen_as",
        "watchers",
    )

    transport = "UDP"
    is_reliable = False
    is_receiving = False

    def __init__(self, protocol: UdpProtocol, destination: tuple[str, int]) -> None:
        self._protocol = protocol
        self._destination = destination
        self._local_host: str | None = None
        self.remote = (plain_address(destination[0]), destination[1])
        self.pongs = 0
        self.watchers = Watchers()
        self.seen_as: tuple[str, int] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
        return self._protocol.is_open

    @property
    def local(self) -> tuple[str, int]:
        """Our own address on the way to this peer, and the port of the socket.

        Raises:
            TransportFailed: There is no way to this peer.
        """
        return self.find_way(), self._protocol.port

    @property
    def sent_by(self) -> tuple[str, int]:
        """See `IFlow`.

        Raises:
            TransportFailed: There is no way to this peer.
        """
        local = self.local
        host = self._protocol.advertised.host_for(local[0])
        if host is not None:
            return host, local[1]
        return self.seen_as or local

    def keep_alive(self) -> None:
        """See `IFlow`."""
        self._write(_KEEPALIVE)
        self._protocol.tally.count("keepalives-sent")

    def fail(self, error: TransportFailed) -> None:
        """See `IFlow`; the socket and the flow stay."""
        self._protocol.report(self, error)

    def send(self, data: bytes) -> None:
        """See `IFlow`."""
        if not self._write(data):
            return
        counters = self._protocol.tally.counters
        counters["datagrams-sent"] += 1
        if len(data) > MAX_REQUEST and not data.startswith(_RESPONSE_START):
            counters["requests-over-1300"] += 1

    def _write(self, data: bytes) -> bool:
        """Send a datagram; False where the system has no room for it now."""
        protocol = self._protocol
        transport = protocol.transport
        if transport is None:
            raise TransportFailed("the UDP socket is closed")
        try:
            transport.write(data, self._destination)
        except BlockingIOError:
            # Lost on the way, like any datagram: it is sent again.
            protocol.tally.count("datagrams-unsent")
            return False
        except OSError as error:
            if error.errno == ENOBUFS:
                protocol.tally.count("datagrams-unsent")
                return False
            raise self.failure(error.strerror) from error
        except (MessageLengthError, InvalidAddressError) as error:
            raise self.failure(error) from error
        return True

    def find_way(self) -> str:
        """Our own address on the way to this peer, looked for once.

        Raises:
            TransportFailed: There is no way to this peer.
        """
        host = self._local_host
        if host is None:
            host = self._local_host = self._protocol.host_toward(self.remote[0])
        return host

    def toward(self, host: str, port: int) -> UdpFlow:
        """The flow of the same socket to another address (RFC 3581 section 4)."""
        return self._protocol.flow_to(host, port)

    def failure(self, problem: object) -> TransportFailed:
        """What to say when this peer cannot be sent to."""
        host, port = self.remote
        return TransportFailed(f"cannot send to {host} port {port}: {problem}")


class UdpProtocol(DatagramProtocol):
    """One UDP socket: makes flows, and feeds the intake.

    Args:
        interface: Address the socket is bound to, "" or "::" for all.
        intake: Gets each datagram that may be a message.
        tally: Where things are counted.
        local_address: Finds our address toward a peer, for a socket bound to all.
        advertised: What to name in Via and Contact instead of our own address.

    Attributes:
        port: Port of the socket, set when it is open.
    """

    noisy = False

    def __init__(
        self,
        interface: str,
        intake: Intake,
        tally: Tally,
        local_address: LocalAddress,
        advertised: Advertised = NOTHING_ADVERTISED,
    ) -> None:
        self.interface = interface
        self.tally = tally
        self.advertised = advertised
        self.port = 0
        self._intake = intake
        self._local_address = local_address
        self._flows: dict[tuple[str, int], UdpFlow] = {}

    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
        return self.transport is not None

    def startProtocol(self) -> None:
        """Ask the system for room for bursts."""
        if not ISystemHandle.providedBy(self.transport):
            return
        try:
            is_enough = ask_for_room(self.transport.getHandle())
        except OSError:
            is_enough = False
        if not is_enough:
            # Less room is no reason not to listen; the system's own limit is normal.
            self.tally.count("small-receive-buffers")

    @property
    def load(self) -> SocketLoad | None:
        """How the socket copes; None where there is none, or only one in memory."""
        if not ISystemHandle.providedBy(self.transport):
            return None
        try:
            return socket_load(self.transport.getHandle())
        except OSError:
            return None

    def flow_to(self, host: str, port: int) -> UdpFlow:
        """The flow to this address; the same one while it is remembered."""
        return self._flow_of((socket_address(host, self.interface), port))

    def host_toward(self, host: str) -> str:
        """Our own address on the way to this one.

        Raises:
            TransportFailed: There is no way there.
        """
        if is_wildcard(self.interface):
            return self._local_address(host)
        return plain_address(self.interface)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """One datagram from anybody."""
        self.tally.counters["datagrams-received"] += 1
        if datagram[:1] in b"\r\n\0" and not datagram.strip(_KEEPALIVE_OCTETS):
            self.tally.count("keepalives")
            self._flow_of(addr).pongs += 1
            return
        if datagram[0] in _STUN_STARTS:
            self.tally.count("stun-packets")
            return
        self._intake.take_octets(datagram, self._flow_of(addr))

    def peer_unreachable(self, address: tuple[str, int], problem: str) -> None:
        """See `UnreachableListener`: who waits on the flow to this peer waits in vain.

        The flow itself stays usable; the peer may be back at the next request.
        """
        self.tally.count("peers-unreachable")
        flow = self._flows.get(address)
        if flow is not None:
            self.report(flow, flow.failure(problem))

    def report(self, flow: UdpFlow, error: TransportFailed) -> None:
        """Tell who waits on a flow that nothing will come."""
        self._intake.report_failed_flow(flow, error)

    def _flow_of(self, address: tuple[str, int]) -> UdpFlow:
        flow = self._flows.get(address)
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self._forget_oldest()
            flow = self._flows[address] = UdpFlow(self, address)
        return flow

    def _forget_oldest(self) -> None:
        """Forget the oldest flow that nobody watches."""
        for address, flow in self._flows.items():
            if not flow.watchers:
                del self._flows[address]
                return
