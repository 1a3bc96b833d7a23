"""The driver: the only place where effects are performed.

It joins transports, the transaction machines and the users of transactions. Every input
(a message, a timer, a request to send) waits until all effects of the one before it are
performed, so that a user who cancels inside a callback never meets a half-changed
machine.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog.capabilities import ALLOW, KNOWN_METHODS
from sipuac.effects import (
    Deliver,
    Effect,
    Fail,
    Send,
    StartTimer,
    StopTimer,
)
from sipuac.errors import LocalProtocolError, ParseError, TransportFailed, Unreachable
from sipuac.resolver import IResolver
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.syntax.uri import Uri
from sipuac.transaction.derived import cancel_of
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_client import State as InviteClientState
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.layer import TransactionLayer
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transaction.timers import Timers
from sipuac.transport.interfaces import (
    IFlow,
    IMessageReceiver,
    ITransportLayer,
)
from sipuac.ua.identifiers import Identifiers, SystemIdentifiers
from sipuac.ua.interfaces import IClientTransactionUser, IRequestHandler
from sipuac.ua.timer_queue import QueuedTimer, TimerQueue
from sipuac.ua.trace import TraceEntry

_log = Logger()

ClientMachine = InviteClientTransaction | NonInviteClientTransaction
ServerMachine = InviteServerTransaction | NonInviteServerTransaction


class _Transaction:
    """A machine, its flow and its running timers: what both sides have in common."""

    __slots__ = ("_endpoint", "_timers", "flow", "machine")

    def __init__(self, endpoint: Endpoint, machine: Any, flow: IFlow) -> None:
        self._endpoint = endpoint
        self.machine = machine
        self.flow = flow
        self._timers: dict[str, QueuedTimer] = {}

    @property
    def request(self) -> Request:
        """The request of the transaction, with all its Via values."""
        request: Request = self.machine.request
        return request

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect.message)
            elif isinstance(effect, StartTimer):
                self._start_timer(effect.timer, effect.seconds)
            elif isinstance(effect, Deliver):
                self._deliver(effect.message)
            elif isinstance(effect, StopTimer):
                self._stop_timer(effect.timer)
            elif isinstance(effect, Fail):
                self._fail(effect.error)
            else:
                self._terminate()

    def _start_timer(self, name: str, seconds: float) -> None:
        running = self._timers.get(name)
        if running is not None:
            running.stop()
        self._timers[name] = self._endpoint._queue.start(
            seconds, lambda: self._endpoint._submit(self._fire, name)
        )

    def _stop_timer(self, name: str) -> None:
        running = self._timers.pop(name, None)
        if running is not None:
            running.stop()

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._perform(self.machine.fire(name))

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()

    def _send(self, message: Message) -> None:
        try:
            self._endpoint._write(message, self.flow)
        except TransportFailed as error:
            self._endpoint._submit(self._flow_failed, error)

    def _flow_failed(self, error: TransportFailed) -> None:
        self._perform(self.machine.transport_failed(error))

    def _deliver(self, message: Message) -> None:
        raise AssertionError("each side has its own")

    def _fail(self, error: Unreachable) -> None:
        raise AssertionError("each side has its own")

    def _terminate(self) -> None:
        raise AssertionError("each side has its own")


class ClientTransaction(_Transaction):
    """A request of ours on its way, until nothing more can be heard of it."""

    __slots__ = ("_user", "_via_start")

    def __init__(
        self,
        endpoint: Endpoint,
        machine: ClientMachine,
        flow: IFlow,
        user: IClientTransactionUser,
    ) -> None:
        super().__init__(endpoint, machine, flow)
        self._user: IClientTransactionUser | None = user

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> Deferred[Response]:
        """Send CANCEL for this INVITE, over the same flow (RFC 3261 section 9.1).

        The caller sees to it that a provisional response has come and no final one.

        Returns:
            A Deferred with the final response to the CANCEL itself, which says nothing
            about the INVITE; fails with `Unreachable`.
        """
        cancel = cancel_of(self.request, headers)
        waiter = _FinalResponse()
        self._endpoint._start(
            NonInviteClientTransaction(
                cancel,
                is_reliable=self.flow.is_reliable,
                timers=self._endpoint.timers,
            ),
            self.flow,
            waiter,
        )
        return waiter.deferred

    def abandon(self) -> None:
        """End the transaction now, without a word to its user."""
        self._user = None
        self._terminate()

    def _receive(self, response: Response) -> None:
        self._perform(self.machine.receive(response))

    def _deliver(self, message: Message) -> None:
        self._tell("response_received", message)

    def _fail(self, error: Unreachable) -> None:
        self._tell("transaction_failed", error)

    def _terminate(self) -> None:
        self._stop_timers()
        self._endpoint._forget(self)
        self._tell("transaction_terminated")
        self._user = None

    def _tell(self, method: str, *arguments: object) -> None:
        if self._user is None:
            return
        try:
            getattr(self._user, method)(*arguments)
        except Exception:
            # The fault of one user must not leave the machine of another half-driven.
            _log.failure("a transaction user failed in {method}", method=method)


class ServerTransaction(_Transaction):
    """A request of somebody else, until its response is certainly there."""

    __slots__ = ("_replying", "handler")

    def __init__(self, endpoint: Endpoint, machine: ServerMachine, flow: IFlow) -> None:
        super().__init__(endpoint, machine, flow)
        self.handler: IRequestHandler | None = None

    def respond(self, response: Response) -> None:
        """Send this response, and see to it that it arrives."""
        self._endpoint._submit(self._respond, response)

    def _respond(self, response: Response) -> None:
        self._perform(self.machine.respond(response))

    def _receive(self, request: Request) -> None:
        self._perform(self.machine.receive(request))

    def _send(self, message: Message) -> None:
        if self.flow.is_open:
            super()._send(message)
            return
        # RFC 3261 18.2.2: "If that connection is no longer open, the server SHOULD open
        # a connection to the IP address in the received parameter".
        reopened = self._endpoint.transport.reply_flow(self.request, self.flow)
        reopened.addCallback(self._send_over, message)
        reopened.addErrback(self._reply_failed)

    def _send_over(self, flow: IFlow, message: Message) -> None:
        self.flow = flow
        super()._send(message)

    def _reply_failed(self, failure: Failure) -> None:
        failure.trap(TransportFailed)
        self._endpoint.counters["responses-undeliverable"] += 1
        self._endpoint._submit(self._flow_failed, failure.value)

    def _deliver(self, message: Message) -> None:
        if self.handler is not None and isinstance(message, Request):
            self._endpoint._offer(self.handler, message, None, self.flow)

    def _fail(self, error: Unreachable) -> None:
        self._endpoint.counters["responses-unconfirmed"] += 1

    def _terminate(self) -> None:
        self._stop_timers()
        self._endpoint._forget(self)
        self.handler = None


@implementer(IClientTransactionUser)
class _FinalResponse:
    """A transaction user that wants nothing but the final response, as a Deferred."""

    __slots__ = ("_is_done", "deferred")

    def __init__(self) -> None:
        self._is_done = False
        self.deferred: Deferred[Response] = Deferred(self._stop_waiting)

    def _stop_waiting(self, deferred: Deferred[Response]) -> None:
        self._is_done = True

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        if response.is_final and not self._is_done:
            self._is_done = True
            self.deferred.callback(response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        if not self._is_done:
            self._is_done = True
            self.deferred.errback(Failure(error))

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self.transaction_failed(TransportFailed("the endpoint was stopped"))


StrayHandler = Callable[[Response, IFlow], bool]


@implementer(IMessageReceiver)
class Endpoint:
    """All transactions of one user agent.

    Args:
        clock: The only source of time.
        transport: Its flows; the endpoint becomes its receiver.
        resolver: Finds the servers for a URI.
        timers: T1, T2 and T4, for tests that must not wait for 32 s.
        identifiers: Branches, tags and Call-IDs.
        max_transactions: More are refused: with 503 to others, `LocalProtocolError` to
        us.
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
    ) -> None:
        self.clock = clock
        self.transport = transport
        self.resolver = resolver
        self.timers = timers or Timers()
        self.identifiers: Identifiers = identifiers or SystemIdentifiers()
        self.counters: Counter[str] = Counter()
        self._transactions = TransactionLayer(max_transactions=max_transactions)
        self._drivers: dict[int, Any] = {}
        self._by_flow: dict[IFlow, set[_Transaction]] = {}
        self._queue = TimerQueue(clock)
        self._handlers: list[IRequestHandler] = []
        self._stray_handlers: list[StrayHandler] = []
        self._tracers: list[Callable[[TraceEntry], None]] = []
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
        """End every transaction at once and close the sockets."""
        self._is_stopped = True
        for driver in list(self._drivers.values()):
            driver._terminate()
        self._queue.stop_all()
        return self.transport.stop()

    def add_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call this with every message in and out."""
        self._tracers.append(tracer)

    def remove_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call it no longer."""
        self._tracers.remove(tracer)

    def add_handler(self, handler: IRequestHandler) -> None:
        """Offer new requests to this one after those that were added before."""
        self._handlers.append(handler)

    def add_stray_handler(self, handler: StrayHandler) -> None:
        """Offer 2xx to INVITE that match no transaction to this one.

        Departs from RFC 6026 7.2, which drops them, because a 2xx that comes after
        timer B, a failover or a non-2xx final response leaves a phone in a call with
        nobody.
        """
        self._stray_handlers.append(handler)

    def start_timer(self, seconds: float, action: Callable[[], None]) -> QueuedTimer:
        """Perform `action` as an input of its own, `seconds` from now."""
        return self._queue.start(seconds, lambda: self._submit(action))

    def submit(self, action: Callable[..., None], *arguments: object) -> None:
        """Perform `action` once all effects of the inputs before it are performed."""
        self._submit(action, *arguments)

    def flow_to(self, uri: Uri, *, is_secure: bool = False) -> Deferred[IFlow]:
        """The flow to the next hop (RFC 3261 section 8.1.2).

        Each address found is tried in turn until one can be reached.

        Args:
            uri: The top Route, or the Request-URI where there is none.
            is_secure: Whether it must be TLS although this URI does not say so.

        Returns:
            A Deferred that fails with `ResolutionFailed` or `TransportFailed`.
        """
        resolved = self.resolver.resolve(uri, is_secure=is_secure)
        return resolved.addCallback(self._connect_first)

    def _connect_first(self, destinations: list[Destination]) -> Deferred[IFlow]:
        connecting = self.transport.connect(destinations[0])
        if len(destinations) > 1:

            def try_next(failure: Failure) -> Deferred[IFlow]:
                failure.trap(TransportFailed)
                return self._connect_first(destinations[1:])

            connecting.addErrback(try_next)
        return connecting

    def start_client(
        self, request: Request, flow: IFlow, user: IClientTransactionUser
    ) -> ClientTransaction:
        """Send a request and tell `user` what comes back.

        Args:
            request: Without the Via of this hop, which is added here.
            flow: Where to send it.
            user: Who is told.

        Raises:
            LocalProtocolError: There are too many transactions.
        """
        sent = request.with_via(self._via(flow))
        kind = (
            InviteClientTransaction
            if request.method == "INVITE"
            else NonInviteClientTransaction
        )
        machine = kind(sent, is_reliable=flow.is_reliable, timers=self.timers)
        return self._start(machine, flow, user)

    def request(self, request: Request, flow: IFlow) -> Deferred[Response]:
        """Send a request that is not an INVITE.

        Returns:
            A Deferred with the final response, whatever its status; fails with
            `Unreachable`. Cancelling it stops the waiting, not the transaction.
        """
        waiter = _FinalResponse()
        try:
            self.start_client(request, flow, waiter)
        except LocalProtocolError:
            waiter.deferred.errback(Failure())
        return waiter.deferred

    def send_ack(self, ack: Request, flow: IFlow) -> Request:
        """Send the ACK of a 2xx straight to the transport (RFC 3261 13.2.2.4).

        Returns:
            The ACK as it was sent, for `repeat_ack`.

        Raises:
            TransportFailed: The flow refuses it.
        """
        sent = ack.with_via(self._via(flow))
        self._write(sent, flow)
        return sent

    def repeat_ack(self, sent: Request, flow: IFlow) -> None:
        """Send the very same ACK again; raises `TransportFailed` as `send_ack` does."""
        self._write(sent, flow)

    # What the transport brings

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        if self._is_stopped:
            return
        if self._tracers:
            self._trace(message, flow, is_sent=False)
        if isinstance(message, Response):
            self._submit(self._receive_response, message, flow)
        elif isinstance(message, Request):
            self._submit(self._receive_request, message, flow)

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""
        for driver in list(self._by_flow.get(flow, ())):
            if isinstance(driver, ClientTransaction):
                self._submit(driver._flow_failed, error)

    def _receive_response(self, response: Response, flow: IFlow) -> None:
        machine = self._transactions.client_for(response)
        driver = None if machine is None else self._drivers.get(id(machine))
        if driver is not None and not self._is_ours(response, driver.request):
            self.counters["responses-not-ours"] += 1
            return
        if self._is_stray(response, machine):
            if any(handler(response, flow) for handler in self._stray_handlers):
                self.counters["responses-stray-2xx"] += 1
                return
        if driver is not None:
            driver._receive(response)
            return
        self.counters["responses-unmatched"] += 1

    @staticmethod
    def _is_stray(response: Response, machine: ClientMachine | None) -> bool:
        """Whether this is a 2xx to an INVITE that no transaction will pass up."""
        if not response.is_success or response.cseq.method != "INVITE":
            return False
        return machine is None or machine.state == InviteClientState.COMPLETED

    @staticmethod
    def _is_ours(response: Response, request: Request) -> bool:
        """Whether the sent-by of the response's top Via is our own (18.1.2)."""
        ours = request.get("Via")
        theirs = response.get("Via")
        if ours == theirs:
            return True
        return response.top_via.sent_by == request.top_via.sent_by

    def _receive_request(self, request: Request, flow: IFlow) -> None:
        machine = self._transactions.server_for(request)
        if machine is not None:
            driver = self._drivers.get(id(machine))
            if driver is not None:
                driver._receive(request)
            return
        if request.method == "ACK":
            if not self._offer_to_all(request, None, flow):
                self.counters["acks-unmatched"] += 1
            return
        transaction = self._new_server(request, flow)
        if transaction is None:
            return
        if request.method == "CANCEL":
            self._receive_cancel(request, transaction)
        elif not self._offer_to_all(request, transaction, flow):
            transaction._respond(self._refusal(request))

    def _new_server(self, request: Request, flow: IFlow) -> ServerTransaction | None:
        kind: type[ServerMachine] = (
            InviteServerTransaction
            if request.method == "INVITE"
            else NonInviteServerTransaction
        )
        machine = kind(request, is_reliable=flow.is_reliable, timers=self.timers)
        try:
            self._transactions.add_server(machine)
        except LocalProtocolError:
            self.counters["requests-refused-overload"] += 1
            self._answer_without_state(request, flow)
            return None
        transaction = ServerTransaction(self, machine, flow)
        self._remember(transaction)
        transaction._perform(machine.start())
        return transaction

    def _answer_without_state(self, request: Request, flow: IFlow) -> None:
        response = response_to(request, 503, to_tag=self.identifiers.tag())
        try:
            self._write(response, flow)
        except TransportFailed:
            self.counters["responses-undeliverable"] += 1

    def _receive_cancel(self, cancel: Request, transaction: ServerTransaction) -> None:
        """RFC 3261 9.2: 200 where it matches an INVITE, and 487 to that; else 481."""
        machine = self._transactions.invite_for_cancel(cancel)
        driver = None if machine is None else self._drivers.get(id(machine))
        if driver is None:
            transaction._respond(
                response_to(cancel, 481, to_tag=self.identifiers.tag())
            )
            return
        transaction._respond(response_to(cancel, 200, to_tag=self.identifiers.tag()))
        if not self._offer_to_all(cancel, None, driver.flow):
            invite = driver.request
            tag = invite.to_tag or self.identifiers.tag()
            driver._respond(response_to(invite, 487, to_tag=tag))

    def _refusal(self, request: Request) -> Response:
        """The answer to a request that nobody here wants."""
        tag = None if request.to_tag else self.identifiers.tag()
        if request.to_tag:
            return response_to(request, 481)
        if request.method not in KNOWN_METHODS:
            return response_to(request, 501, to_tag=tag)
        if request.method == "OPTIONS":
            headers = (("Allow", ALLOW), ("Accept", "application/sdp"))
            return response_to(request, 200, to_tag=tag, headers=headers)
        if request.method == "INVITE":
            return response_to(request, 486, to_tag=tag)
        return response_to(request, 405, to_tag=tag, headers=(("Allow", ALLOW),))

    def _offer_to_all(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        for handler in self._handlers:
            if self._offer(handler, request, transaction, flow):
                if transaction is not None:
                    transaction.handler = handler
                return True
        return False

    def _offer(
        self,
        handler: IRequestHandler,
        request: Request,
        transaction: ServerTransaction | None,
        flow: IFlow,
    ) -> bool:
        try:
            return handler.request_received(request, transaction, flow)
        except ParseError as error:
            self.counters["requests-malformed"] += 1
            if transaction is not None:
                tag = None if request.to_tag else self.identifiers.tag()
                transaction._respond(
                    response_to(request, error.status_hint, to_tag=tag)
                )
            return True
        except Exception:
            _log.failure("a request handler failed on {method}", method=request.method)
            if transaction is not None:
                tag = None if request.to_tag else self.identifiers.tag()
                transaction._respond(response_to(request, 500, to_tag=tag))
            return True

    # The machinery

    def _submit(self, action: Callable[..., None], *arguments: Any) -> None:
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

    def _start(
        self, machine: ClientMachine, flow: IFlow, user: IClientTransactionUser
    ) -> ClientTransaction:
        if self._is_stopped:
            raise LocalProtocolError("the endpoint is stopped")
        self._transactions.add_client(machine)
        transaction = ClientTransaction(self, machine, flow, user)
        self._remember(transaction)
        self._submit(lambda: transaction._perform(machine.start()))
        return transaction

    def _remember(self, driver: _Transaction) -> None:
        self._drivers[id(driver.machine)] = driver
        if driver.flow.is_reliable:
            self._by_flow.setdefault(driver.flow, set()).add(driver)

    def _forget(self, driver: _Transaction) -> None:
        if self._drivers.pop(id(driver.machine), None) is None:
            return
        self._transactions.remove(driver.machine)
        on_flow = self._by_flow.get(driver.flow)
        if on_flow is not None:
            on_flow.discard(driver)
            if not on_flow:
                del self._by_flow[driver.flow]

    def _via(self, flow: IFlow) -> str:
        host, port = flow.sent_by
        if ":" in host:
            host = f"[{host}]"
        branch = self.identifiers.branch()
        # RFC 3581 section 3: rport without a value; it has a use over UDP only.
        rport = "" if flow.is_reliable else ";rport"
        return f"SIP/2.0/{flow.transport} {host}:{port};branch={branch}{rport}"

    def _write(self, message: Message, flow: IFlow) -> None:
        flow.send(message.render())
        if self._tracers:
            self._trace(message, flow, is_sent=True)

    def _trace(self, message: Message, flow: IFlow, *, is_sent: bool) -> None:
        entry = TraceEntry(
            self.clock.seconds(),
            is_sent,
            flow.transport,
            flow.local,
            flow.remote,
            message,
        )
        for tracer in self._tracers:
            try:
                tracer(entry)
            except Exception:
                _log.failure("a tracer failed")
