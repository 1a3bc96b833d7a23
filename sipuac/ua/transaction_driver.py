"""One transaction at work: its machine, its flow, its timers and its user.

A machine only says what is to be done; the drivers here do it, in order. The endpoint
has them all, and hands them their inputs one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.effects import Deliver, Effect, Fail, Send, StartTimer, StopTimer
from sipuac.errors import LocalProtocolError, TransportFailed, Unreachable
from sipuac.syntax.message import Message, Request, Response
from sipuac.transaction.derived import cancel_of
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_client import State as InviteClientState
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transport.interfaces import IFlow
from sipuac.ua.interfaces import IClientTransactionUser, IRequestHandler
from sipuac.ua.large_requests import fits_a_datagram
from sipuac.ua.timer_queue import QueuedTimer

if TYPE_CHECKING:
    from sipuac.ua.endpoint import Endpoint

_log = Logger()

# The timer that sends an INVITE again although somebody has it.
_REPEAT = "repeat"

ClientMachine = InviteClientTransaction | NonInviteClientTransaction
ServerMachine = InviteServerTransaction | NonInviteServerTransaction
Machine = ClientMachine | ServerMachine


class TransactionDriver:
    """What both sides have in common.

    Attributes:
        flow: Where its messages go.
        is_over: Whether the machine has ended, or was made to.
    """

    __slots__ = ("_endpoint", "_timers", "flow", "is_over")

    def __init__(self, endpoint: Endpoint, flow: IFlow) -> None:
        self._endpoint = endpoint
        self.flow = flow
        self.is_over = False
        self._timers: dict[str, QueuedTimer] = {}

    @property
    def machine(self) -> Machine:
        """The machine that says what is to be done."""
        raise NotImplementedError

    @property
    def request(self) -> Request:
        """The request of the transaction, with all its Via values."""
        return self.machine.request

    def start(self) -> None:
        """Begin; an input, as the three that follow."""
        self._perform(self.machine.start())

    def fire(self, name: str) -> None:
        """A timer has run out."""
        self._timers.pop(name, None)
        self._perform(self.machine.fire(name))

    def flow_failed(self, error: Unreachable) -> None:
        """What was to be sent could not be, or what was awaited cannot come."""
        self._perform(self.machine.transport_failed(error))

    def terminate(self) -> None:
        """End the transaction now, whatever its machine waits for."""
        raise NotImplementedError

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if self.is_over:
                return
            if isinstance(effect, Send):
                self._send(effect.message)
            elif isinstance(effect, StartTimer):
                self._start_timer(effect.timer, effect.seconds)
            elif isinstance(effect, StopTimer):
                self._stop_timer(effect.timer)
            elif isinstance(effect, Deliver):
                self._deliver(effect.message)
            elif isinstance(effect, Fail):
                self._fail(effect.error)
            else:
                self.terminate()

    def _start_timer(self, name: str, seconds: float) -> None:
        if name in self._timers:
            self._stop_timer(name)
        self._timers[name] = self._endpoint.start_timer(seconds, _fire, self, name)

    def _stop_timer(self, name: str) -> None:
        running = self._timers.pop(name, None)
        if running is not None:
            running.stop()

    def _stop_everything(self) -> None:
        self.is_over = True
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()

    def _send(self, message: Message) -> None:
        try:
            self._endpoint.write(message, self.flow)
        except TransportFailed as error:
            self._endpoint.submit(self.flow_failed, error)
        except LocalProtocolError as error:
            # It cannot be written, so nobody will ever answer it.
            failed = TransportFailed(f"{message.start_line!r} cannot be sent: {error}")
            self._endpoint.submit(self.flow_failed, failed)

    def _deliver(self, message: Message) -> None:
        raise NotImplementedError

    def _fail(self, error: Unreachable) -> None:
        raise NotImplementedError


def _fire(driver: TransactionDriver, name: str) -> None:
    """A timer has run out; a bound method for each would have to stay as long."""
    driver.fire(name)


class ClientTransaction(TransactionDriver):
    """A request of ours on its way, until nothing more can be heard of it."""

    __slots__ = ("_connecting", "_machine", "_user")

    def __init__(
        self,
        endpoint: Endpoint,
        machine: ClientMachine,
        flow: IFlow,
        user: IClientTransactionUser,
    ) -> None:
        super().__init__(endpoint, flow)
        self._machine = machine
        self._user: IClientTransactionUser | None = user
        self._connecting: Deferred[None] | None = None

    @property
    def machine(self) -> ClientMachine:
        """The machine that says what is to be done."""
        return self._machine

    def cancel(
        self, headers: Iterable[tuple[str, str]] = (), flow: IFlow | None = None
    ) -> Deferred[Response]:
        """Send CANCEL for this INVITE (RFC 3261 section 9.1).

        The caller sees to it that a provisional response has come and no final one.

        Args:
            headers: More fields, such as Reason.
            flow: A new connection to the same server, where that of the INVITE is
                closed; the flow of the INVITE is taken as long as it is open.

        Returns:
            A Deferred with the final response to the CANCEL itself, which says nothing
            about the INVITE; fails with `Unreachable`, or with `LocalProtocolError`
            where there can be no CANCEL.
        """
        waiter = FinalResponse()
        answered = waiter.deferred()
        try:
            cancel = cancel_of(self.request, headers)
            if flow is None or self.flow.is_open:
                flow = self.flow
            self._endpoint.start_as_is(cancel, flow, waiter)
        except LocalProtocolError as error:
            answered.errback(error)
        return answered

    def start(self) -> None:
        """See `TransactionDriver`; what is too large for UDP needs a connection."""
        large = self._endpoint.large_requests
        if not large.is_too_large(self.request, self.flow):
            super().start()
            return
        submit = self._endpoint.submit
        self._connecting = large.connection_beside(self.flow).addCallbacks(
            lambda flow: submit(self._start_over, flow),
            lambda failure: submit(self._start_without_tcp, failure),
        )

    def _start_over(self, flow: IFlow) -> None:
        if not self.is_over:
            self._machine = self._endpoint.move(self, flow)
            self.flow = flow
            super().start()

    def _start_without_tcp(self, failure: Failure) -> None:
        if self.is_over:
            return
        if fits_a_datagram(self.request):
            super().start()
            return
        error = failure.value
        if not isinstance(error, TransportFailed):
            error = TransportFailed("the request is too large for UDP")
        self.flow_failed(error)

    def fire(self, name: str) -> None:
        """See `TransactionDriver`."""
        if name != _REPEAT:
            super().fire(name)
        else:
            self._timers.pop(name, None)
            if self._is_ringing():
                self._send(self.request)
                self._hold_binding()

    def _is_ringing(self) -> bool:
        return (
            isinstance(self._machine, InviteClientTransaction)
            and self._machine.state == InviteClientState.PROCEEDING
        )

    def _hold_binding(self) -> None:
        """See to it that a NAT does not forget an INVITE that waits for long.

        RFC 3581 section 3: "To keep the binding fresh, the client SHOULD retransmit its
        INVITE every 20 seconds or so. These retransmissions will need to take place
        even after receiving a provisional response."
        """
        seconds = self._endpoint.repeat_invite
        if seconds is not None and not self.flow.is_reliable:
            if _REPEAT not in self._timers:
                self._start_timer(_REPEAT, seconds)

    def hand_over(self, user: IClientTransactionUser) -> None:
        """Tell this one what comes from now on."""
        self._user = user

    def abandon(self) -> None:
        """End the transaction now, without a word to its user."""
        self._user = None
        self.terminate()

    def receive(self, response: Response) -> None:
        """A response came that matches; an input."""
        self._perform(self._machine.receive(response))

    def terminate(self) -> None:
        """See `TransactionDriver`; the user hears of it."""
        if not self.is_over:
            self._stop_everything()
            if self._connecting is not None:
                self._connecting.cancel()
            self._endpoint.forget(self)
            self._tell("transaction_terminated")
            self._user = None

    def _deliver(self, message: Message) -> None:
        if self._is_ringing():
            self._hold_binding()
        self._tell("response_received", message)

    def _fail(self, error: Unreachable) -> None:
        self._tell("transaction_failed", error)

    def _tell(self, method: str, *arguments: object) -> None:
        if self._user is None:
            return
        try:
            getattr(self._user, method)(*arguments)
        except Exception:
            # The fault of one user must not leave the machine of another half-driven.
            _log.failure("a transaction user failed in {method}", method=method)


class ServerTransaction(TransactionDriver):
    """A request of somebody else, until its response is certainly there.

    Attributes:
        handler: Whose request it is; None as long as nobody wanted it.
    """

    __slots__ = ("_is_way_known", "_machine", "handler")

    def __init__(self, endpoint: Endpoint, machine: ServerMachine, flow: IFlow) -> None:
        super().__init__(endpoint, flow)
        self._machine = machine
        self.handler: IRequestHandler | None = None
        # RFC 3261 18.2.2: over UDP the response goes where Via says, which may differ
        # from where the request came from.
        self._is_way_known = flow.is_reliable

    @property
    def machine(self) -> ServerMachine:
        """The machine that says what is to be done."""
        return self._machine

    def respond(self, response: Response) -> None:
        """Send this response, and see to it that it arrives.

        It leaves once all effects of the inputs before are performed.
        """
        self._endpoint.submit(self._respond, response)

    def receive(self, request: Request) -> None:
        """The request came again, or the ACK for its response; an input."""
        self._perform(self._machine.receive(request))

    def terminate(self) -> None:
        """See `TransactionDriver`."""
        if not self.is_over:
            self._stop_everything()
            self._endpoint.forget(self)
            self.handler = None

    def _respond(self, response: Response) -> None:
        self._perform(self._machine.respond(response))

    def _send(self, message: Message) -> None:
        if self._is_way_known and self.flow.is_open:
            super()._send(message)
            return
        # RFC 3261 18.2.2: "If that connection is no longer open, the server SHOULD open
        # a connection to the IP address in the received parameter".
        found = self._endpoint.transport.reply_flow(self.request, self.flow)
        found.addCallback(self._send_over, message)
        found.addErrback(self._reply_failed)

    def _send_over(self, flow: IFlow, message: Message) -> None:
        self.flow = flow
        self._is_way_known = True
        super()._send(message)

    def _reply_failed(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, TransportFailed):
            _log.failure("a way for a response could not be found", failure)
            error = TransportFailed("no way for the response could be found")
        self._endpoint.counters["responses-undeliverable"] += 1
        self._endpoint.submit(self.flow_failed, error)

    def _deliver(self, message: Message) -> None:
        if self.handler is not None and isinstance(message, Request):
            self._endpoint.offer(self.handler, message, self.flow)

    def _fail(self, error: Unreachable) -> None:
        self._endpoint.counters["responses-unconfirmed"] += 1


@implementer(IClientTransactionUser)
class FinalResponse:
    """A transaction user that wants nothing but the final response.

    Its transaction keeps it for as long as it absorbs repeated responses; the Deferred,
    and what hangs on it, goes when it has fired.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: Deferred[Response] | None = None

    def deferred(self) -> Deferred[Response]:
        """To be asked for once, before the request is sent.

        Returns:
            A Deferred that fires with the final response, or fails with `Unreachable`;
            cancelling it stops the waiting, not the transaction.
        """
        self._waiting = Deferred(self._stop_waiting)
        return self._waiting

    def _stop_waiting(self, deferred: Deferred[Response]) -> None:
        self._waiting = None

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        waiting = self._waiting
        if waiting is not None and response.is_final:
            self._waiting = None
            waiting.callback(response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self.transaction_failed(TransportFailed("the endpoint was stopped"))


def has_our_via(response: Response, request: Request) -> bool:
    """Whether a response has one Via, and with the sent-by of our request.

    RFC 3261 8.1.3.3: "If more than one Via header field value is present in a response,
    the UAC SHOULD discard the message"; 18.1.2: if the sent-by "does not correspond to
    a value that the client transport is configured to insert into requests, the
    response MUST be silently discarded."

    Raises:
        ParseError: A Via cannot be read.
    """
    rows = response.get_all("Via")
    if len(rows) != 1:
        return False
    ours, theirs = request.get("Via") or "", rows[0]
    if ours == theirs:
        return True
    sent_by = ours.partition(";")[0] + ";"
    if theirs.startswith(sent_by) and "," not in theirs:
        return True
    if len(response.vias) != 1:
        return False
    (host, port), (their_host, their_port) = (
        request.top_via.sent_by,
        response.top_via.sent_by,
    )
    return (host.lower(), port) == (their_host.lower(), their_port)
