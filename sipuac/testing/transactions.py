"""Drives the transaction machines for the test proxy: a small `ua.endpoint`.

It performs effects as they come and knows nothing of calls. The proxy keeps its own
driver so that it can be made to misbehave, and so that a mistake in the endpoint is not
found in both ends of a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from sipuac.effects import Deliver, Effect, Fail, Send, StartTimer, StopTimer
from sipuac.errors import TransportFailed, Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.layer import (
    ClientTransaction,
    ServerTransaction,
    TransactionLayer,
)
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transaction.timers import Timers
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.station import Station


class Driven:
    """A machine on a flow, with its timers; a base class.

    Attributes:
        request: The request of the transaction.
        flow: What it came over, or goes over.
        is_over: Whether the transaction has terminated.
    """

    machine: ClientTransaction | ServerTransaction

    def __init__(self, transactions: Transactions, flow: IFlow) -> None:
        self.flow = flow
        self.is_over = False
        self._transactions = transactions
        self._station = transactions.station
        self._timers: dict[str, IDelayedCall] = {}

    @property
    def request(self) -> Request:
        """The request, with all its Via values."""
        return self.machine.request

    def perform(self, effects: list[Effect]) -> None:
        """Do what the machine asks for, in order."""
        failed: TransportFailed | None = None
        for effect in effects:
            if isinstance(effect, Send):
                failed = self._send(effect) or failed
            elif isinstance(effect, StartTimer):
                self._start_timer(effect)
            elif isinstance(effect, StopTimer):
                self._station.forget(self._timers.pop(effect.timer, None))
            elif isinstance(effect, Deliver):
                self._deliver(effect)
            elif isinstance(effect, Fail):
                self._fail(effect.error)
            else:
                self.end()
        if failed is not None and not self.is_over:
            self.perform(self.machine.transport_failed(failed))

    def end(self) -> None:
        """Forget the transaction, whatever state it is in."""
        if self.is_over:
            return
        self.is_over = True
        for call in self._timers.values():
            self._station.forget(call)
        self._timers.clear()
        self._transactions.remove(self)

    def _start_timer(self, effect: StartTimer) -> None:
        self._station.forget(self._timers.pop(effect.timer, None))

        def fire() -> None:
            del self._timers[effect.timer]
            self.perform(self.machine.fire(effect.timer))

        self._timers[effect.timer] = self._station.later(effect.seconds, fire)

    def _send(self, effect: Send) -> TransportFailed | None:
        raise NotImplementedError

    def _deliver(self, effect: Deliver) -> None:
        raise NotImplementedError

    def _fail(self, error: Unreachable) -> None:
        raise NotImplementedError


class DrivenServer(Driven):
    """A request of somebody else."""

    machine: ServerTransaction

    def __init__(
        self, transactions: Transactions, machine: ServerTransaction, flow: IFlow
    ) -> None:
        super().__init__(transactions, flow)
        self.machine = machine
        self.on_ack: Callable[[Request, IFlow], None] = lambda ack, flow: None
        self.on_end: Callable[[], None] = lambda: None

    def respond(self, response: Response) -> None:
        """Answer; ignored where the state of the transaction allows none."""
        if not self.is_over:
            self.perform(self.machine.respond(response))

    def end(self) -> None:
        """See `Driven`."""
        was_over = self.is_over
        super().end()
        if not was_over:
            self.on_end()

    def _send(self, effect: Send) -> None:
        if isinstance(effect.message, Response):
            self._station.reply(self.request, self.flow, effect.message)

    def _deliver(self, effect: Deliver) -> None:
        if isinstance(effect.message, Request):
            self.on_ack(effect.message, self.flow)

    def _fail(self, error: Unreachable) -> None:
        self._station.trouble.append(error)


class DrivenClient(Driven):
    """A request of the proxy's own, or one that it forwards."""

    machine: ClientTransaction

    def __init__(
        self,
        transactions: Transactions,
        machine: ClientTransaction,
        flow: IFlow,
        on_response: Callable[[Response], None],
        on_failure: Callable[[Unreachable], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(transactions, flow)
        self.machine = machine
        self._on_response = on_response
        self._on_failure = on_failure
        self._on_end = on_end

    def end(self) -> None:
        """See `Driven`."""
        was_over = self.is_over
        super().end()
        if not was_over:
            self._on_end()

    def _send(self, effect: Send) -> TransportFailed | None:
        return self._station.send_over(effect.message, self.flow)

    def _deliver(self, effect: Deliver) -> None:
        if isinstance(effect.message, Response):
            self._on_response(effect.message)

    def _fail(self, error: Unreachable) -> None:
        self._on_failure(error)


class Transactions:
    """All transactions of one station.

    Args:
        station: Whose messages, time and flows these are.
        timers: T1, T2 and T4.
    """

    def __init__(self, station: Station, timers: Timers) -> None:
        self.station = station
        self._machine_timers = timers
        self._layer = TransactionLayer()
        self._servers: dict[ServerTransaction, DrivenServer] = {}
        self._clients: dict[ClientTransaction, DrivenClient] = {}

    def __len__(self) -> int:
        """How many transactions are not over."""
        return len(self._servers) + len(self._clients)

    def start_server(self, request: Request, flow: IFlow) -> DrivenServer:
        """Take in a request that belongs to no transaction yet."""
        kind = (
            InviteServerTransaction
            if request.method == "INVITE"
            else NonInviteServerTransaction
        )
        machine = kind(request, flow.is_reliable, self._machine_timers)
        driven = DrivenServer(self, machine, flow)
        self._layer.add_server(machine)
        self._servers[machine] = driven
        driven.perform(machine.start())
        return driven

    def start_client(
        self,
        request: Request,
        flow: IFlow,
        on_response: Callable[[Response], None] = lambda response: None,
        on_failure: Callable[[Unreachable], None] = lambda error: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> DrivenClient:
        """Prepare to send a request that has its Via; `begin` sends it."""
        kind = (
            InviteClientTransaction
            if request.method == "INVITE"
            else NonInviteClientTransaction
        )
        machine = kind(request, flow.is_reliable, self._machine_timers)
        driven = DrivenClient(self, machine, flow, on_response, on_failure, on_end)
        self._layer.add_client(machine)
        self._clients[machine] = driven
        return driven

    def begin(self, client: DrivenClient) -> None:
        """Send the request for the first time."""
        client.perform(client.machine.start())

    def is_known(self, request: Request) -> bool:
        """Whether a transaction knows the request; it gets it if so."""
        machine = self._layer.server_for(request)
        if machine is None:
            return False
        self._servers[machine].perform(machine.receive(request))
        return True

    def invite_for_cancel(self, cancel: Request) -> DrivenServer | None:
        """The INVITE that a CANCEL is for."""
        machine = self._layer.invite_for_cancel(cancel)
        return None if machine is None else self._servers[machine]

    def response_received(self, response: Response) -> bool:
        """Give a response to its transaction; False if there is none (RFC 6026 8.2)."""
        machine = self._layer.client_for(response)
        if machine is None:
            return False
        self._clients[machine].perform(machine.receive(response))
        return True

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """Tell the clients that wait for something on this flow."""
        for client in list(self._clients.values()):
            if client.flow is flow:
                client.perform(client.machine.transport_failed(error))

    def remove(self, driven: Driven) -> None:
        """Forget a transaction that is over."""
        self._layer.remove(driven.machine)
        if isinstance(driven, DrivenServer):
            self._servers.pop(driven.machine, None)
        elif isinstance(driven, DrivenClient):
            self._clients.pop(driven.machine, None)
