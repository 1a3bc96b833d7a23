"""The requests of the callees that are answered, or wait for it."""

from __future__ import annotations

from sipuac.dialog import effects
from sipuac.syntax.message import Request
from sipuac.ua.endpoint import ServerTransaction


class PeerTransactions:
    """Finds the transaction of a request when its answer is known, which may be late.

    That of an INVITE with a 2xx is kept, since the 2xx is sent again until its ACK.
    """

    __slots__ = ("_transactions",)

    def __init__(self) -> None:
        self._transactions: dict[int, ServerTransaction] = {}

    def keep(self, request: Request, transaction: ServerTransaction) -> None:
        """A request came."""
        for key, kept in list(self._transactions.items()):
            if kept.is_over:
                del self._transactions[key]
        self._transactions[id(request)] = transaction

    def drop(self, request: Request) -> None:
        """Somebody else answers it."""
        self._transactions.pop(id(request), None)

    def reply(self, effect: effects.Reply) -> None:
        """Answer a request, where that can still be done."""
        request, response = effect.request, effect.response
        transaction = self._transactions.get(id(request))
        if transaction is None:
            return
        transaction.respond(response)
        if request.method != "INVITE" or not response.is_success:
            del self._transactions[id(request)]

    def clear(self) -> None:
        """Answer nothing more."""
        self._transactions.clear()
