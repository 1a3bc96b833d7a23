"""What becomes of a request that comes in: whose it is, and who answers it.

RFC 3261 sections 8.2 and 9.2. Retransmissions and ACKs find their transaction; what is
new is offered to the handlers in turn, and what nobody wants is refused.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import TYPE_CHECKING

from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, ParseError, TransportFailed
from sipuac.syntax.message import Request, response_to
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.layer import TransactionLayer
from sipuac.transaction.matching import server_key
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from sipuac.transport.interfaces import IFlow
from sipuac.ua.admission import Admission, AdmissionLimits
from sipuac.ua.interfaces import IRequestHandler
from sipuac.ua.refusal import refusal_of
from sipuac.ua.transaction_driver import Machine, ServerMachine, ServerTransaction

if TYPE_CHECKING:
    from sipuac.ua.endpoint import Endpoint

_log = Logger()

# Seconds that a source which asks too much is told to wait.
_RETRY_AFTER = 5


class RequestIntake:
    """The server transactions of an endpoint.

    Args:
        endpoint: Whose they are.
        transactions: Where requests find their transactions.
        limits: How much strangers may ask.

    Attributes:
        servers: The transactions at work, by their machines.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        transactions: TransactionLayer,
        limits: AdmissionLimits | None,
    ) -> None:
        self.servers: dict[Machine, ServerTransaction] = {}
        self._endpoint = endpoint
        self._transactions = transactions
        self._admission = Admission(endpoint.clock, limits)
        self._handlers: list[IRequestHandler] = []
        # For the To tags of answers without state; made when the first is needed.
        self._secret = b""

    def add_handler(self, handler: IRequestHandler) -> None:
        """Offer new requests to this one after those that were added before."""
        self._handlers.append(handler)

    def receive(self, request: Request, flow: IFlow) -> None:
        """A request came; an input of the endpoint."""
        machine = self._transactions.server_for(request)
        if machine is not None:
            self.servers[machine].receive(request)
            return
        counters = self._endpoint.counters
        if request.method == "ACK":
            if not self._offer_to_all(request, None, flow):
                counters["acks-unmatched"] += 1
            return
        if not self._is_admitted(request, flow):
            counters["requests-over-limit"] += 1
            self._answer_without_state(request, flow)
            return
        is_merged = self._transactions.is_merged(request)
        transaction = self._new_server(request, flow)
        if transaction is None:
            return
        if request.method == "CANCEL":
            self._receive_cancel(request, transaction)
        elif is_merged:
            tag = self._endpoint.identifiers.tag()
            transaction.respond(response_to(request, 482, to_tag=tag))
        elif not self._offer_to_all(request, transaction, flow):
            refusal = refusal_of(request, self._endpoint.identifiers.tag())
            transaction.respond(refusal)

    def _is_admitted(self, request: Request, flow: IFlow) -> bool:
        """Whether it belongs to something of ours, or its source may ask more."""
        if any(handler.knows(request) for handler in self._handlers):
            return True
        return self._admission.admits(flow.remote[0])

    def _new_server(self, request: Request, flow: IFlow) -> ServerTransaction | None:
        kind: type[ServerMachine] = (
            InviteServerTransaction
            if request.method == "INVITE"
            else NonInviteServerTransaction
        )
        endpoint = self._endpoint
        machine = kind(request, is_reliable=flow.is_reliable, timers=endpoint.timers)
        try:
            self._transactions.add_server(machine)
        except LocalProtocolError:
            endpoint.counters["requests-refused-overload"] += 1
            self._answer_without_state(request, flow)
            return None
        transaction = ServerTransaction(endpoint, machine, flow)
        self.servers[machine] = transaction
        transaction.start()
        return transaction

    def _answer_without_state(self, request: Request, flow: IFlow) -> None:
        """Refuse it as a stateless UAS does (RFC 3261 section 8.2.7)."""
        if request.method == "CANCEL":
            return
        endpoint = self._endpoint
        wait = (("Retry-After", str(_RETRY_AFTER)),)
        tag = self._stateless_tag(request)
        response = response_to(request, 503, to_tag=tag, headers=wait)
        found = endpoint.transport.reply_flow(request, flow)

        def undeliverable(failure: Failure) -> None:
            failure.trap(TransportFailed)
            endpoint.counters["responses-undeliverable"] += 1

        found.addCallback(lambda way: endpoint.write(response, way))
        found.addErrback(undeliverable)

    def _stateless_tag(self, request: Request) -> str:
        """The same tag for the same request, and one that nobody can guess."""
        if not self._secret:
            self._secret = self._endpoint.identifiers.tag().encode()
        key = repr(server_key(request, request.method)).encode("utf-8", "replace")
        return blake2s(key, key=self._secret[:32], digest_size=10).hexdigest()

    def _receive_cancel(self, cancel: Request, transaction: ServerTransaction) -> None:
        """RFC 3261 9.2: 200 where it matches an INVITE, and 487 to that; else 481."""
        machine = self._transactions.invite_for_cancel(cancel)
        if machine is None:
            tag = self._endpoint.identifiers.tag()
            transaction.respond(response_to(cancel, 481, to_tag=tag))
            return
        # "the To tag of the response to the CANCEL and the To tag in the response to
        # the original request SHOULD be the same."
        tag = machine.to_tag or self._endpoint.identifiers.tag()
        transaction.respond(response_to(cancel, 200, to_tag=tag))
        invite = self.servers[machine]
        if not self._offer_to_all(cancel, None, invite.flow):
            invite.respond(response_to(invite.request, 487, to_tag=tag))

    def _offer_to_all(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        for handler in self._handlers:
            if self.offer(handler, request, transaction, flow):
                if transaction is not None:
                    transaction.handler = handler
                return True
        return False

    def offer(
        self,
        handler: IRequestHandler,
        request: Request,
        transaction: ServerTransaction | None,
        flow: IFlow,
    ) -> bool:
        """Whether this handler takes the request; its faults are answered for it."""
        endpoint = self._endpoint
        try:
            return handler.request_received(request, transaction, flow)
        except ParseError as error:
            endpoint.counters["requests-malformed"] += 1
            status = error.status_hint
        except Exception:
            _log.failure("a request handler failed on {method}", method=request.method)
            status = 500
        if transaction is not None:
            tag = endpoint.identifiers.tag()
            transaction.respond(response_to(request, status, to_tag=tag))
        return True
