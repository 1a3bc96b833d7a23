"""The driver: the only place where effects are performed.

It joins transports, the transaction machines and the users of transactions. Every input
(a message, a timer, a request to send) waits until all effects of the one before it are
performed, so that a user who cancels inside a callback never meets a half-changed
machine. What is done for one transaction stands in `transaction_driver`.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from sipuac.errors import (
    LocalProtocolError,
    ParseError,
    SipError,
    TransportFailed,
)
from sipuac.resolver import IResolver
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.uri import Uri
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_client import State as InviteClientState
from sipuac.transaction.layer import TransactionLayer
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.timers import Timers
from sipuac.transport.interfaces import IFlow, IMessageReceiver, ITransportLayer
from sipuac.ua.admission import AdmissionLimits
from sipuac.ua.candidates import ServerFinder
from sipuac.ua.identifiers import Identifiers, SystemIdentifiers
from sipuac.ua.interfaces import IClientTransactionUser, IRequestHandler
from sipuac.ua.large_requests import MAX_UDP_REQUEST, LargeRequests, with_via_of
from sipuac.ua.request_intake import RequestIntake
from sipuac.ua.timer_queue import QueuedTimer, TimerQueue
from sipuac.ua.trace import TraceEntry
from sipuac.ua.transaction_driver import (
    ClientMachine,
    ClientTransaction,
    FinalResponse,
    Machine,
    ServerTransaction,
    TransactionDriver,
    has_our_via,
)

__all__ = ["ClientTransaction", "Endpoint", "ServerTransaction", "StrayHandler"]

_log = Logger()

StrayHandler = Callable[[Response, IFlow], bool]
FlowHandler = Callable[[IFlow, TransportFailed], None]


@implementer(IMessageReceiver)
class Endpoint:
    """All transactions of one user agent.

    Args:
        clock: The only source of time.
        transport: Its flows; the endpoint becomes its receiver.
        resolver: Finds the servers for a URI.
        timers: T1, T2 and T4, for tests that must not wait for 32 s.
        identifiers: Branches, tags and Call-IDs.
        max_transactions: More of each kind are refused: with 503 to others,
            `LocalProtocolError` to us.
        admission: How much strangers may ask; None for the usual.
        max_udp_request: Bytes; larger requests go over TCP where the server takes it
            (RFC 3261 section 18.1.1).
        repeat_invite: Seconds between two sendings of an INVITE over UDP that rings,
            for NATs that forget quickly (RFC 3581 section 3); None for none.
        chance: A random number from 0 up to 1, not included, each time.

    Attributes:
        chance: For waits that must not be the same on both sides.
        counters: How often each thing happened that should be seen.
        servers: Finds servers, and knows which are down.
    """

    def __init__(
        self,
        clock: IReactorTime,
        transport: ITransportLayer,
        resolver: IResolver,
        *,
        timers: Timers | None = None,
        identifiers: Identifiers | None = None,
        max_transactions: int = 200_000,
        admission: AdmissionLimits | None = None,
        max_udp_request: int = MAX_UDP_REQUEST,
        repeat_invite: float | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.chance = chance
        self.clock = clock
        self.transport = transport
        self.resolver = resolver
        self.timers = timers or Timers()
        self.identifiers: Identifiers = identifiers or SystemIdentifiers()
        self.large_requests = LargeRequests(transport, clock, max_udp_request)
        self.repeat_invite = repeat_invite
        self.counters: Counter[str] = Counter()
        self._transactions = TransactionLayer(max_transactions=max_transactions)
        self._clients: dict[Machine, ClientTransaction] = {}
        self._intake = RequestIntake(self, self._transactions, admission)
        # Who waits for what only this connection can bring.
        self._waiting_on: dict[IFlow, set[ClientTransaction]] = {}
        self._queue = TimerQueue(clock, self.submit)
        self.servers = ServerFinder(resolver, transport, clock, self.start_timer)
        self._stray_handlers: list[StrayHandler] = []
        self._stop_handlers: list[Callable[[], None]] = []
        self._flow_handlers: list[FlowHandler] = []
        self._tracers: tuple[Callable[[TraceEntry], None], ...] = ()
        self._inputs: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._is_performing = False
        self._is_stopped = False
        transport.set_receiver(self)

    # What users ask for

    def start(self) -> Deferred[None]:
        """Open the sockets; fails with `TransportFailed`."""
        self._is_stopped = False
        return self.transport.start()

    def stop(self) -> Deferred[None]:
        """End every transaction at once and close the sockets.

        Inside a callback that is done when the effects of its input are performed.
        """
        self._is_stopped = True
        stopped: Deferred[None] = Deferred()
        self.submit(self._end_everything, stopped)
        return stopped

    def _end_everything(self, stopped: Deferred[None]) -> None:
        for handler in self._stop_handlers:
            try:
                handler()
            except Exception:
                _log.failure("a stop handler failed")
        drivers: list[TransactionDriver] = [
            *self._clients.values(),
            *self._intake.servers.values(),
        ]
        for driver in drivers:
            driver.terminate()
        self.servers.stop()
        self._queue.stop_all()
        maybeDeferred(self.transport.stop).chainDeferred(stopped)

    def add_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call this with every message in and out."""
        self._tracers = (*self._tracers, tracer)

    def remove_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call it no longer; no harm where it is not called."""
        self._tracers = tuple(one for one in self._tracers if one != tracer)

    def add_handler(self, handler: IRequestHandler) -> None:
        """Offer new requests to this one after those that were added before."""
        self._intake.add_handler(handler)

    def add_stray_handler(self, handler: StrayHandler) -> None:
        """Offer 2xx to INVITE that match no transaction to this one.

        Departs from RFC 6026 7.2, which drops them, because a 2xx that comes after
        timer B, a failover or a non-2xx final response leaves a phone in a call with
        nobody.
        """
        self._stray_handlers.append(handler)

    def add_stop_handler(self, handler: Callable[[], None]) -> None:
        """Call this when the endpoint is stopped, before its transactions end."""
        self._stop_handlers.append(handler)

    def remove_stop_handler(self, handler: Callable[[], None]) -> None:
        """Call it no longer; no harm where it is not called."""
        self._stop_handlers = [one for one in self._stop_handlers if one != handler]

    def add_flow_handler(self, handler: FlowHandler) -> None:
        """Call this with every flow that has failed."""
        self._flow_handlers = [*self._flow_handlers, handler]

    def remove_flow_handler(self, handler: FlowHandler) -> None:
        """Call it no longer; no harm where it is not called."""
        self._flow_handlers = [one for one in self._flow_handlers if one != handler]

    def start_timer(
        self, seconds: float, action: Callable[..., None], *arguments: object
    ) -> QueuedTimer:
        """Perform `action` as an input of its own, `seconds` from now."""
        return self._queue.start(seconds, action, *arguments)

    def flow_to(
        self, uri: Uri, *, is_secure: bool = False, near: IFlow | None = None
    ) -> Deferred[IFlow]:
        """The flow to the next hop (RFC 3261 section 8.1.2).

        Each server found is tried in turn until one can be reached. A request that may
        be sent to the next server where one fails needs `servers.candidates`.

        Args:
            uri: The top Route, or the Request-URI where there is none.
            is_secure: Whether it must be TLS although this URI does not say so.
            near: The flow of the server that a dialog has so far.

        Returns:
            A Deferred that fails with `ResolutionFailed` or `TransportFailed`.
        """
        candidates = self.servers.candidates(
            uri, is_secure=is_secure, near=near, is_new=False
        )
        return candidates.next_flow()

    def start_client(
        self, request: Request, flow: IFlow, user: IClientTransactionUser
    ) -> ClientTransaction:
        """Send a request and tell `user` what comes back.

        Args:
            request: Without the Via of this hop, which is added here.
            flow: Where to send it.
            user: Who is told; never before this method has returned where it is called
                inside a callback.

        Raises:
            LocalProtocolError: There are too many transactions, or the endpoint is
                stopped.
            TransportFailed: There is no way for the flow.
        """
        return self.start_as_is(request.with_via(self._via(flow)), flow, user)

    def start_as_is(
        self, request: Request, flow: IFlow, user: IClientTransactionUser
    ) -> ClientTransaction:
        """As `start_client`, for a request that has the Via of this hop: a CANCEL."""
        if self._is_stopped:
            raise LocalProtocolError("the endpoint is stopped")
        machine = self._client_machine(request, flow)
        self._transactions.add_client(machine)
        transaction = ClientTransaction(self, machine, flow, user)
        self._clients[machine] = transaction
        self._waiting_on.setdefault(flow, set()).add(transaction)
        self.submit(transaction.start)
        return transaction

    def _client_machine(self, request: Request, flow: IFlow) -> ClientMachine:
        kind: type[ClientMachine] = (
            InviteClientTransaction
            if request.method == "INVITE"
            else NonInviteClientTransaction
        )
        return kind(request, is_reliable=flow.is_reliable, timers=self.timers)

    def request(self, request: Request, flow: IFlow) -> Deferred[Response]:
        """Send a request that is not an INVITE.

        Returns:
            A Deferred with the final response, whatever its status. It fails with
            `Unreachable`, and with `LocalProtocolError` where there are too many
            transactions. Cancelling it stops the waiting, not the transaction.
        """
        waiter = FinalResponse()
        answered = waiter.deferred()
        try:
            self.start_client(request, flow, waiter)
        except SipError as error:
            answered.errback(error)
        return answered

    def send_ack(self, ack: Request, flow: IFlow) -> Request:
        """Send the ACK of a 2xx straight to the transport (RFC 3261 13.2.2.4).

        Returns:
            The ACK as it was sent, for `repeat_ack`.

        Raises:
            TransportFailed: The flow refuses it.
        """
        sent = ack.with_via(self._via(flow))
        self.repeat_ack(sent, flow)
        return sent

    def repeat_ack(self, sent: Request, flow: IFlow) -> None:
        """Send the very same ACK again; raises `TransportFailed` as `send_ack` does."""
        if self.large_requests.is_too_large(sent, flow):
            self.large_requests.send_ack(sent, flow, self.write)
        else:
            self.write(sent, flow)

    # What the transport brings

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        if self._is_stopped:
            return
        if self._tracers:
            self._trace(message, flow, is_sent=False)
        if isinstance(message, Response):
            self.submit(self._receive_response, message, flow)
        elif isinstance(message, Request):
            self.submit(self._intake.receive, message, flow)

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""
        for transaction in list(self._waiting_on.get(flow, ())):
            self.submit(transaction.flow_failed, error)
        for handler in self._flow_handlers:
            self.submit(handler, flow, error)

    def _receive_response(self, response: Response, flow: IFlow) -> None:
        machine = self._transactions.client_for(response)
        transaction = None if machine is None else self._clients.get(machine)
        if transaction is not None and not has_our_via(response, transaction.request):
            self.counters["responses-not-ours"] += 1
            return
        if self._is_stray(response, machine):
            if any(handler(response, flow) for handler in self._stray_handlers):
                self.counters["responses-stray-2xx"] += 1
                return
        if transaction is not None:
            self.transport.learn_address(response, transaction.flow)
            transaction.receive(response)
            return
        self.counters["responses-unmatched"] += 1

    @staticmethod
    def _is_stray(response: Response, machine: ClientMachine | None) -> bool:
        """Whether this is a 2xx to an INVITE that no transaction will pass up."""
        if not response.is_success or response.cseq.method != "INVITE":
            return False
        return machine is None or machine.state == InviteClientState.COMPLETED

    # For the drivers of transactions, and for those who use this one

    def offer(self, handler: IRequestHandler, request: Request, flow: IFlow) -> None:
        """Hand a request that needs no answer, an ACK, to the handler of its INVITE."""
        self._intake.offer(handler, request, None, flow)

    def submit(self, action: Callable[..., None], *arguments: Any) -> None:
        """Perform `action` once all effects of the inputs before it are performed."""
        if self._is_performing:
            self._inputs.append((action, arguments))
            return
        self._is_performing = True
        try:
            self._act(action, arguments)
            while self._inputs:
                self._act(*self._inputs.popleft())
        finally:
            self._is_performing = False

    def _act(self, action: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            action(*arguments)
        except ParseError as error:
            self.counters["messages-malformed"] += 1
            _log.debug("dropped a malformed message: {error}", error=str(error))
        except Exception:
            # A fault of ours must end neither the inputs that wait nor the service.
            self.counters["internal-errors"] += 1
            _log.failure("an input could not be handled")

    def forget(self, transaction: TransactionDriver) -> None:
        """A transaction is over: it gets no further input."""
        machine = transaction.machine
        self._transactions.remove(machine)
        self._intake.servers.pop(machine, None)
        client = self._clients.pop(machine, None)
        if client is not None:
            waiting = self._waiting_on.get(client.flow)
            if waiting is not None:
                waiting.discard(client)
                if not waiting:
                    del self._waiting_on[client.flow]

    def move(self, transaction: ClientTransaction, flow: IFlow) -> ClientMachine:
        """Let a transaction that has not begun go over another flow.

        Returns:
            Its machine from now on: the timers and the Via are those of that flow.
        """
        self.forget(transaction)
        request = with_via_of(transaction.request, flow)
        machine = self._client_machine(request, flow)
        self._transactions.add_client(machine)
        self._clients[machine] = transaction
        self._waiting_on.setdefault(flow, set()).add(transaction)
        return machine

    def write(self, message: Message, flow: IFlow) -> None:
        """Hand a message to its flow.

        Raises:
            TransportFailed: The flow refuses it.
            LocalProtocolError: It cannot be written as one message.
        """
        flow.send(message.render())
        if self._tracers:
            self._trace(message, flow, is_sent=True)

    def _via(self, flow: IFlow) -> str:
        host, port = flow.sent_by
        if ":" in host:
            host = f"[{host}]"
        branch = self.identifiers.branch()
        # RFC 3581 section 3: rport without a value; it has a use over UDP only.
        rport = "" if flow.is_reliable else ";rport"
        return f"SIP/2.0/{flow.transport} {host}:{port};branch={branch}{rport}"

    def _trace(self, message: Message, flow: IFlow, *, is_sent: bool) -> None:
        try:
            local = flow.local
        except TransportFailed:
            # A message came from where we know no way to.
            local = ("", 0)
        entry = TraceEntry(
            self.clock.seconds(), is_sent, flow.transport, local, flow.remote, message
        )
        for tracer in self._tracers:
            try:
                tracer(entry)
            except Exception:
                _log.failure("a tracer failed")
