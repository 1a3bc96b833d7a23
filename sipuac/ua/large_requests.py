"""Requests that are too large for a datagram go over TCP (RFC 3261 section 18.1.1).

"If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes
and the path MTU is unknown, the request MUST be sent using an RFC 2914 congestion
controlled transport protocol, such as TCP." We never know the path MTU.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.fields import Via
from sipuac.syntax.message import Request
from sipuac.transport.interfaces import IFlow, ITransportLayer

_log = Logger()

#: Bytes of the largest request that goes over UDP.
MAX_UDP_REQUEST = 1300

#: Bytes that a datagram can hold at all, over IPv4.
MAX_PAYLOAD = 65507

#: Seconds for the connection; a firewall that swallows it must not cost the call.
CONNECT_TIMEOUT = 4.0

#: Seconds for which a server is known not to take TCP.
MEMORY = 300.0

_MAX_REMEMBERED = 4096


class LargeRequests:
    """Finds the way of requests that are too large for UDP.

    Args:
        transport: Makes the connections.
        clock: The only source of time.
        limit: Bytes of the largest request that goes over UDP.
    """

    def __init__(
        self,
        transport: ITransportLayer,
        clock: IReactorTime,
        limit: int = MAX_UDP_REQUEST,
    ) -> None:
        self.limit = limit
        self._transport = transport
        self._clock = clock
        # Servers that take no TCP, and until when we remember that.
        self._without_tcp: dict[tuple[str, int], float] = {}

    def is_too_large(self, request: Request, flow: IFlow) -> bool:
        """Whether the request should not go over this flow.

        Args:
            request: With all its Via values.
            flow: The flow that it would take.
        """
        if flow.is_reliable:
            return False
        try:
            return len(request.render()) > self.limit
        except LocalProtocolError:
            # Whoever writes it will say what is wrong.
            return False

    def connection_beside(self, flow: IFlow) -> Deferred[IFlow]:
        """A TCP connection to the server that this UDP flow leads to.

        Returns:
            A Deferred that fails with `TransportFailed`: "the element SHOULD retry the
            request, using UDP".
        """
        host, port = flow.remote
        until = self._without_tcp.get(flow.remote)
        if until is not None and self._clock.seconds() < until:
            return fail(TransportFailed(f"{host} port {port} takes no TCP"))

        def failed(failure: Failure) -> None:
            failure.trap(TransportFailed, ConnectTimeout)
            self._remember(flow.remote)
            raise TransportFailed(failure.getErrorMessage())

        def made(connection: IFlow) -> IFlow:
            self._without_tcp.pop(flow.remote, None)
            return connection

        def in_vain(result: object, seconds: float) -> None:
            raise ConnectTimeout(f"no connection within {seconds:.0f} s")

        connecting = self._transport.connect(Destination("TCP", host, port, host))
        connecting.addTimeout(CONNECT_TIMEOUT, self._clock, in_vain)
        connecting.addCallbacks(made, failed)
        return connecting

    def send_ack(
        self, ack: Request, flow: IFlow, write: Callable[[Request, IFlow], None]
    ) -> None:
        """Send an ACK of a 2xx that is too large for this UDP flow.

        Where neither TCP nor UDP takes it, it goes again when its 2xx comes again.

        Args:
            ack: As it goes over the flow.
            flow: Leads to the server.
            write: Hands a request to a flow.
        """

        def unsent(failure: Failure) -> None:
            failure.trap(TransportFailed, LocalProtocolError)
            _log.warn("an ACK was not sent: {why}", why=failure.getErrorMessage())

        sending = self.connection_beside(flow)
        sending.addCallback(lambda way: write(with_via_of(ack, way), way))
        sending.addErrback(lambda _: write(ack, flow))
        sending.addErrback(unsent)

    def _remember(self, server: tuple[str, int]) -> None:
        if len(self._without_tcp) >= _MAX_REMEMBERED:
            del self._without_tcp[next(iter(self._without_tcp))]
        self._without_tcp[server] = self._clock.seconds() + MEMORY


def fits_a_datagram(request: Request) -> bool:
    """Whether UDP can carry it at all, be it well or badly."""
    return len(request.render()) <= MAX_PAYLOAD


def with_via_of(request: Request, flow: IFlow) -> Request:
    """The request as it goes over this flow, with the branch that it has.

    "If this causes a change in the transport protocol from the one indicated in the top
    Via, the value in the top Via MUST be changed."
    """
    host, port = flow.sent_by
    parameters = tuple(
        (name, value)
        for name, value in request.top_via.parameters
        if name != "rport" or not flow.is_reliable
    )
    return request.with_top_via(Via(flow.transport, host, port, parameters))
