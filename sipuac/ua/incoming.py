"""INVITEs of others: we are a caller and take no calls, but can say where to go.

Without a policy such an INVITE gets 486 from the endpoint itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.errors import LocalProtocolError
from sipuac.syntax.fields import check_header
from sipuac.syntax.message import Request, Response, response_to
from sipuac.transaction.matching import Key, server_key
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.interfaces import IRequestHandler

_log = Logger()

#: Seconds that a policy has; whoever called has given up by then (RFC 3261 timer C).
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to an INVITE that we do not take.

    Attributes:
        status: 300 to 699.
        headers: More fields, such as Contact of a 302 or Retry-After.
        reason: The phrase; None for the usual one.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if not 300 <= self.status <= 699:
            raise LocalProtocolError(f"{self.status} does not refuse a call")
        for name, value in self.headers:
            check_header(name, value)
        if self.reason is not None:
            check_header("Reason-Phrase", self.reason)


Policy = Callable[[Request], Refusal | Deferred[Refusal]]
"""Decides on an INVITE; a `Refusal`, now or later."""


@implementer(IRequestHandler)
class IncomingInvites:
    """Answers each initial INVITE of others as a policy says.

    While the policy thinks, the other side is told 180 at once and may cancel. A policy
    that fails means 500, and is logged.

    Args:
        endpoint: Whose requests these are.
        policy: Decides.
    """

    def __init__(self, endpoint: Endpoint, policy: Policy) -> None:
        self._endpoint = endpoint
        self._policy = policy
        # By their transactions: others may use the same branch.
        self._thinking: dict[Key, Deferred[Refusal]] = {}
        endpoint.add_handler(self)
        endpoint.add_stop_handler(self._stop)

    def knows(self, request: Request) -> bool:
        """See `IRequestHandler`: all are strangers."""
        return False

    def request_received(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        """See `IRequestHandler`."""
        key = server_key(request, "INVITE")
        if request.method == "CANCEL" and transaction is None:
            # The endpoint answers both; the policy need not think any more.
            thinking = self._thinking.pop(key, None)
            if thinking is not None:
                thinking.cancel()
            return False
        if request.method != "INVITE" or request.to_tag or transaction is None:
            return False
        tag = self._endpoint.identifiers.tag()
        deciding: Deferred[Any] = maybeDeferred(self._policy, request)
        if not deciding.called:
            self._thinking[key] = deciding
            deciding.addTimeout(PATIENCE, self._endpoint.clock)
            transaction.respond(response_to(request, 180, to_tag=tag))
        is_later = not deciding.called
        deciding.addBoth(self._decided, request, transaction, tag, is_later=is_later)
        return True

    def _decided(
        self,
        result: Any,
        request: Request,
        transaction: ServerTransaction,
        tag: str,
        *,
        is_later: bool,
    ) -> None:
        thinking = self._thinking.pop(server_key(request, "INVITE"), None)
        if is_later and thinking is None:
            return  # cancelled: the endpoint has answered
        transaction.respond(self._response(request, tag, result))

    @staticmethod
    def _response(request: Request, tag: str, result: Any) -> Response:
        if isinstance(result, Failure) and result.check(TookTooLong):
            return response_to(request, 480, to_tag=tag)
        if isinstance(result, Failure):
            _log.failure("the policy for incoming calls failed", result)
            return response_to(request, 500, to_tag=tag)
        if not isinstance(result, Refusal):
            # The policy is the application's own, and may be untyped.
            _log.error("no Refusal but {result!r} for a call", result=result)
            return response_to(request, 500, to_tag=tag)
        return response_to(
            request, result.status, result.reason, to_tag=tag, headers=result.headers
        )

    def _stop(self) -> None:
        thinking, self._thinking = self._thinking, {}
        for deciding in thinking.values():
            deciding.cancel()
