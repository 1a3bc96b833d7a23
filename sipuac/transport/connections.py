"""All connections of a transport layer: made once, used by everybody, bounded.

RFC 3261 section 18: "These connections are indexed by the tuple formed from the
address, port, and transport protocol at the far end of the connection"; over TLS also
by the domain that the server has proved to speak for, and for no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from OpenSSL import SSL
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.limits import Limits
from sipuac.transport.attempt import Attempt, Key
from sipuac.transport.backoff import Backoff
from sipuac.transport.bounds import ConnectionBounds, peer_of
from sipuac.transport.intake import Intake
from sipuac.transport.interfaces import IFlow
from sipuac.transport.stream import StreamConnection, StreamFlow
from sipuac.transport.tally import Tally
from sipuac.transport.tls import ClientTls, ServerContext, ServerTls

if TYPE_CHECKING:
    _Factory = Factory[StreamConnection]
else:
    # The factory of the oldest Twisted that we run on takes no type.
    _Factory = Factory


#: Seconds between two looks for connections that nobody uses.
SWEEP_INTERVAL = 10.0


class Connections:
    """Makes, accepts, remembers and closes connections.

    Args:
        reactor: Makes connections.
        clock: The only source of time.
        intake: Gets the messages of all connections.
        tally: Where things are counted.
        limits: How large a message may be.
        bounds: How many connections there may be.
        backoff: Which servers to leave alone for a while.
        client_context: Makes the context of TLS connections; called when one is needed.
        sent_by_of: Tells what goes into Via and Contact over a flow.
        source_toward: The interface to connect from to an address, None for any.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        clock: IReactorTime,
        intake: Intake,
        tally: Tally,
        limits: Limits,
        bounds: ConnectionBounds,
        backoff: Backoff,
        *,
        client_context: Callable[[], SSL.Context],
        sent_by_of: Callable[[StreamFlow], tuple[str, int]],
        source_toward: Callable[[str], str | None],
    ) -> None:
        self.reactor = reactor
        self.clock = clock
        self.bounds = bounds
        self.backoff = backoff
        self.tally = tally
        self.sent_by_of = sent_by_of
        self.source_toward = source_toward
        self._client_context = client_context
        self._intake = intake
        self._limits = limits
        self._made: set[StreamConnection] = set()
        # With whom each is, of those that were let in; None for the others.
        self._accepted: dict[StreamConnection, str | None] = {}
        self._accepted_by_peer: Counter[str] = Counter()
        # The open ones, with what they are found by; None for one that is not reused.
        self._open: dict[StreamConnection, Key | None] = {}
        self._flows: dict[Key, StreamFlow] = {}
        self._attempts: dict[Key, Attempt] = {}
        self._attempt_of: dict[StreamConnection, Attempt] = {}
        self._sweep_call: IDelayedCall | None = None
        self._is_closing = False
        self._all_closed: Deferred[None] | None = None

    def connect(self, destination: Destination) -> Deferred[IFlow]:
        """The flow to a server: an open one, one being made, or a new one.

        Returns:
            A Deferred that fails with `TransportFailed`. Cancelling it gives up the
            attempt when nobody else waits for it.
        """
        key = _key_of(destination)
        flow = self._flows.get(key)
        if flow is not None and flow.is_open:
            return succeed(flow)
        if self._is_closing:
            return fail(TransportFailed("the transports are stopped"))
        attempt = self._attempts.get(key)
        if attempt is not None:
            return attempt.wait()
        rest = self.backoff.wait(key)
        if rest:
            self.tally.count("connections-put-off")
            return fail(
                TransportFailed(
                    f"{destination.host} port {destination.port} is left alone for "
                    f"{rest:.1f} s: {self.backoff.reason(key)}"
                )
            )
        if len(self._made) + len(self._attempts) >= self.bounds.max_made:
            self.tally.count("connections-refused")
            return fail(TransportFailed("there are too many connections"))
        attempt = self._attempts[key] = Attempt(self, key, destination)
        waiting = attempt.wait()
        attempt.start()
        return waiting

    def client_tls(self, domain: str) -> ClientTls:
        """The judge for one connection to the server of this domain.

        Raises:
            LocalProtocolError: The roots to trust cannot be read.
        """
        return ClientTls(self._client_context(), domain)

    def made_connection(
        self, attempt: Attempt, transport: str, tls: ClientTls | None
    ) -> StreamConnection:
        """The protocol for a connection that an attempt has made."""
        connection = self._new_connection(transport, is_client=True, tls=tls)
        self._attempt_of[connection] = attempt
        return connection

    def server_factory(
        self, transport: str, context: ServerContext | None = None
    ) -> IProtocolFactory:
        """What a listening socket makes its connections with."""
        accepting = _AcceptingFactory(
            lambda: self._new_connection(transport, is_client=False, tls=None)
        )
        if context is None:
            return accepting
        return TLSMemoryBIOFactory(ServerTls(context), False, accepting, self.clock)

    def attempt_over(self, key: Key) -> None:
        """An attempt has ended, with a connection or without."""
        self._attempts.pop(key, None)

    def close_all(self) -> Deferred[None]:
        """Close every connection and give up every attempt; fires when all are gone."""
        self._is_closing = True
        stopped = TransportFailed("the transports are stopped")
        for attempt in list(self._attempts.values()):
            attempt.give_up(stopped)
        for connection in [*self._made, *self._accepted]:
            connection.close(stopped)
        if self._all_closed is None:
            self._all_closed = Deferred()
            self._note_all_closed()
        return self._all_closed

    # What connections report (see `ConnectionOwner`)

    def admit(self, connection: StreamConnection) -> bool:
        """Whether there is room for one more connection."""
        if connection in self._attempt_of:
            self._made.add(connection)
            return not self._is_closing
        assert connection.flow is not None
        peer = peer_of(connection.flow.remote[0])
        bounds = self.bounds
        is_room = (
            not self._is_closing
            and len(self._accepted) < bounds.max_accepted
            and self._accepted_by_peer[peer] < bounds.max_accepted_per_peer
        )
        self._accepted[connection] = peer if is_room else None
        if is_room:
            self._accepted_by_peer[peer] += 1
        self.tally.count("connections-accepted" if is_room else "connections-refused")
        return is_room

    def connection_opened(self, connection: StreamConnection) -> None:
        """The connection can be used from now on."""
        flow = connection.flow
        assert flow is not None
        attempt = self._attempt_of.pop(connection, None)
        key: Key | None = None
        if attempt is not None:
            self.tally.count("connections-opened")
            key = attempt.key
        elif flow.transport == "TCP":
            # A TLS peer that has connected to us has not proved who it is, and is never
            # the next hop of a request (RFC 5626 section 4.3, RFC 5923 section 8.1).
            key = (flow.transport, *flow.remote, "")
        self._open[connection] = key
        if key is not None:
            self._flows[key] = flow
        if self._sweep_call is None:
            self._sweep_call = self.clock.callLater(SWEEP_INTERVAL, self._sweep)
        if attempt is not None:
            attempt.succeed(flow)

    def connection_ended(
        self, connection: StreamConnection, error: TransportFailed
    ) -> None:
        """Nothing more comes or goes; it may never have been open."""
        attempt = self._attempt_of.pop(connection, None)
        if attempt is not None:
            attempt.fail(error)
        flow = connection.flow
        if connection in self._open and flow is not None:
            self._forget(flow, self._open.pop(connection), error)
        if not self._open and self._sweep_call is not None:
            self._sweep_call.cancel()
            self._sweep_call = None

    def connection_closed(self, connection: StreamConnection) -> None:
        """The socket is closed."""
        self._made.discard(connection)
        peer = self._accepted.pop(connection, None)
        if peer is not None:
            self._accepted_by_peer[peer] -= 1
            if not self._accepted_by_peer[peer]:
                del self._accepted_by_peer[peer]
        self._note_all_closed()

    # Inside

    def _sweep(self) -> None:
        """Close the connections that nobody uses."""
        self._sweep_call = self.clock.callLater(SWEEP_INTERVAL, self._sweep)
        for connection in list(self._open):
            why = self._why_close(connection)
            if why:
                self.tally.count("connections-idle")
                connection.close(TransportFailed(why))

    def _why_close(self, connection: StreamConnection) -> str:
        """Why nobody needs this connection; "" where it may stay."""
        bounds, now = self.bounds, self.clock.seconds()
        idle = now - connection.last_active
        is_client = connection.is_client
        if idle >= (bounds.idle_timeout_made if is_client else bounds.idle_timeout):
            return f"nothing was said for {idle:.0f} s"
        age = now - connection.opened_at
        is_new = not is_client and not connection.has_spoken
        if is_new and age >= bounds.first_message_timeout:
            return f"no message came within {age:.0f} s"
        return ""

    def _forget(
        self, flow: StreamFlow, key: Key | None, error: TransportFailed
    ) -> None:
        if key is not None and self._flows.get(key) is flow:
            del self._flows[key]
        if self._is_closing:
            return
        self.tally.count("connections-lost")
        self._intake.report_failed_flow(flow, error)

    def _note_all_closed(self) -> None:
        done = self._all_closed
        if done is not None and not done.called:
            if not self._made and not self._accepted:
                done.callback(None)

    def _new_connection(
        self, transport: str, *, is_client: bool, tls: ClientTls | None
    ) -> StreamConnection:
        return StreamConnection(
            self,
            self._intake,
            self.tally,
            self.clock,
            self._limits,
            transport,
            is_client=is_client,
            tls=tls,
            handshake_timeout=self.bounds.connect_timeout,
            message_timeout=self.bounds.message_timeout,
        )


class _AcceptingFactory(_Factory):
    """Makes the protocols of accepted connections."""

    noisy = False

    def __init__(self, new_connection: Callable[[], StreamConnection]) -> None:
        self._new_connection = new_connection

    def buildProtocol(self, addr: IAddress | None) -> StreamConnection:
        """Somebody has connected."""
        return self._new_connection()


def _key_of(destination: Destination) -> Key:
    domain = destination.domain.lower() if destination.transport == "TLS" else ""
    return destination.transport, destination.host, destination.port, domain
