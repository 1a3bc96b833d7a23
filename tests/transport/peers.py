"""What the tests of transports have in common: a receiver, messages, fake sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import (
    FakeDatagramTransport,
    MemoryReactorClock,
    StringTransport,
)
from zope.interface import implementer

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Message, Request, Response
from sipuac.transport.interfaces import IFlow, IMessageReceiver


@implementer(IMessageReceiver)
class Receiver:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.received: list[tuple[Message, IFlow]] = []
        self.failed: list[tuple[IFlow, TransportFailed]] = []
        self._waiting: list[Deferred[Any]] = []

    @property
    def messages(self) -> list[Message]:
        """The messages alone."""
        return [message for message, _ in self.received]

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        self.received.append((message, flow))
        self._wake()

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""
        self.failed.append((flow, error))
        self._wake()

    def something(self) -> Deferred[None]:
        """Fires at the next message or failure."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


def options(
    via: str = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport",
    *,
    cseq: str = "1 OPTIONS",
    body: bytes = b"",
) -> Request:
    """A request as a peer may send it."""
    return Request(
        "OPTIONS",
        "sip:us@192.0.2.1",
        [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", "<sip:peer@example.com>;tag=1"),
            ("To", "<sip:us@192.0.2.1>"),
            ("Call-ID", "call@example.com"),
            ("CSeq", cseq),
        ],
        body,
    )


def ok(via: str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1") -> Response:
    """A response as a peer may send it."""
    return Response(
        200,
        "OK",
        [
            ("Via", via),
            ("From", "<sip:us@192.0.2.1>;tag=1"),
            ("To", "<sip:peer@example.com>;tag=2"),
            ("Call-ID", "call@example.com"),
            ("CSeq", "1 OPTIONS"),
        ],
    )


class FakePort:
    """A listening socket that remembers when it is closed."""

    def __init__(self, host: IPv4Address | IPv6Address) -> None:
        self.host = host
        self.protocol: DatagramProtocol | None = None
        self.is_closed = False

    def getHost(self) -> IPv4Address | IPv6Address:
        """See `IListeningPort`."""
        return self.host

    def stopListening(self) -> Deferred[None]:
        """See `IListeningPort`."""
        self.is_closed = True
        if self.protocol is not None:
            self.protocol.doStop()
        return succeed(None)


class FakeReactor(MemoryReactorClock):
    """Twisted's reactor in memory, with UDP and with ports that may be in use.

    Attributes:
        udp_ports: What listens for UDP, as port, protocol and interface.
        occupied: Transports and ports at which nobody can listen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.udp_ports: list[tuple[int, DatagramProtocol, str]] = []
        self.ports: list[FakePort] = []
        self.occupied: set[tuple[str, int]] = set()
        self.next_port = 40000

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> FakePort:
        """See `IReactorUDP`."""
        fake = self._port("UDP", port, interface)
        fake.protocol = protocol
        self.udp_ports.append((fake.host.port, protocol, interface))
        protocol.makeConnection(FakeDatagramTransport())
        return fake

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> FakePort:
        """See `IReactorTCP`."""
        super().listenTCP(port, factory, backlog, interface)
        return self._port("TCP", port, interface)

    def _port(self, transport: str, port: int, interface: str) -> FakePort:
        if not port:
            port = self.next_port
            self.next_port += 1
        if (transport, port) in self.occupied:
            raise CannotListenError(interface, port, OSError(98, "Address in use"))
        kind = IPv6Address if ":" in interface else IPv4Address
        fake = FakePort(kind("TCP", interface or "0.0.0.0", port))
        self.ports.append(fake)
        return fake


@implementer(ITCPTransport)
class FakeConnection(StringTransport):
    """A connection in memory that can be told what a TCP connection can."""

    options: tuple[str, ...] = ()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See `ITCPTransport`."""
        self.options += ("no-delay",)

    def getTcpNoDelay(self) -> bool:
        """See `ITCPTransport`."""
        return "no-delay" in self.options

    def getTcpKeepAlive(self) -> bool:
        """See `ITCPTransport`."""
        return "keep-alive" in self.options

    def loseWriteConnection(self) -> None:
        """See `ITCPTransport`."""
        raise NotImplementedError

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """See `ITCPTransport`."""
        self.options += ("keep-alive",)


def connected(
    factory: Any,
    *,
    local: tuple[str, int] = ("192.0.2.1", 40000),
    remote: tuple[str, int] = ("192.0.2.9", 5060),
) -> tuple[Any, FakeConnection]:
    """A protocol of the factory, and the fake connection that it is on."""
    protocol = factory.buildProtocol(IPv4Address("TCP", *remote))
    transport = FakeConnection(
        hostAddress=IPv4Address("TCP", *local), peerAddress=IPv4Address("TCP", *remote)
    )
    protocol.makeConnection(transport)
    return protocol, transport
