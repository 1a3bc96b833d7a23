"""What the layers above know of transports: flows, and who receives from them."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Message, Request


class IFlow(Interface):
    """A way to one peer: a connection, or a UDP socket and the address it talks to."""

    transport: str = Attribute('"UDP", "TCP" or "TLS", as Via writes it.')
    is_reliable: bool = Attribute("Whether the transport repeats what is lost.")
    is_open: bool = Attribute("Whether `send` can still work.")
    sent_by: tuple[str, int] = Attribute(
        "Host (IPv6 without brackets) and port where we listen for what this peer "
        "sends of its own: what goes into Via and Contact (RFC 3261 section 18.1.1)."
    )
    local: tuple[str, int] = Attribute("Address and port of our own end.")
    remote: tuple[str, int] = Attribute("Address and port of the peer's end.")

    def send(data: bytes) -> None:
        """Write one whole message.

        Raises:
            TransportFailed: The flow is closed or the system refuses the datagram.
        """


class IMessageReceiver(Interface):
    """What a transport layer hands its messages to: the endpoint."""

    def message_received(message: Message, flow: IFlow) -> None:
        """A well-framed message came over this flow.

        Of a request the top Via already has `received` and `rport` filled in as RFC
        3261 section 18.2.1 and RFC 3581 section 4 ask.
        """

    def flow_failed(flow: IFlow, error: TransportFailed) -> None:
        """What still waits for an answer on this flow will wait in vain.

        A connection is closed; over UDP the peer is unreachable (RFC 3261 section
        18.4), and the flow may be used again.
        """


class ITransportLayer(Interface):
    """All flows of one endpoint (RFC 3261 section 18)."""

    counters: dict[str, int] = Attribute(
        "How often each thing happened that should be seen, bad input above all."
    )

    def set_receiver(receiver: IMessageReceiver) -> None:
        """Name the one who gets all messages; called once, before `start`."""

    def start() -> Deferred[None]:
        """Open the listening sockets.

        The Deferred fails with `TransportFailed` when a listener cannot be opened.
        """

    def connect(destination: Destination) -> Deferred[IFlow]:
        """The flow to a server: one that is open already, or a new one.

        The Deferred fails with `TransportFailed`; cancelling it gives up.
        """

    def reply_flow(request: Request, flow: IFlow) -> Deferred[IFlow]:
        """The flow for the response to a request that came over `flow`.

        That flow itself while it is open (over UDP: as `received`, `rport` and sent-by
        say), otherwise a new one to the sent-by address (RFC 3261 section 18.2.2).
        """

    def stop() -> Deferred[None]:
        """Close all sockets; fires when the last one is closed."""
