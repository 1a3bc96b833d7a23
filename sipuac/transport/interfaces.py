"""What the layers above know of transports: flows, and who receives from them."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Message, Request, Response
from sipuac.transport.socket_load import SocketLoad
from sipuac.transport.watchers import Watchers


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
    pongs: int = Attribute("How many keep-alives the peer has answered.")
    is_receiving: bool = Attribute("Whether a message has come in part and not whole.")
    watchers: Watchers = Attribute(
        "Who else is told when the flow fails, after the receiver."
    )

    def send(data: bytes) -> None:
        """Write one whole message.

        Raises:
            TransportFailed: The flow is closed or the system refuses the datagram.
        """

    def keep_alive() -> None:
        """Send a double CRLF (RFC 5626 section 3.5.1).

        It holds the bindings of NATs, and asks over a connection for a pong.

        Raises:
            TransportFailed: As `send`.
        """

    def fail(error: TransportFailed) -> None:
        """The peer is found to be gone: close the connection, and tell who waits."""


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

    def learn_address(response: Response, flow: IFlow) -> None:
        """Look where a peer has seen us, where that is wanted (RFC 3581 section 4).

        Args:
            response: To a request of ours, of which that is certain.
            flow: What the request went over; its `sent_by` is from now on what the top
                Via has as `received` and `rport`.
        """

    def socket_loads() -> list[SocketLoad]:
        """How each UDP socket copes with what arrives, where the system tells."""

    def reload_certificates() -> None:
        """Read all certificates, keys and roots again, for new connections.

        Connections that stand go on as they are.

        Raises:
            LocalProtocolError: A file cannot be used; then nothing is changed at all.
        """

    def stop() -> Deferred[None]:
        """Close all sockets; fires when the last one is closed."""
