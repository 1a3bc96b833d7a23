"""All transactions of one endpoint, and which of them a message belongs to.

It finds and counts; it feeds no machine and performs no effect.
"""

from __future__ import annotations

from sipuac.errors import LocalProtocolError
from sipuac.syntax.message import Request, Response
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.matching import (
    Key,
    client_key,
    old_ack_key,
    origin_key,
    server_key,
)
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction

ClientTransaction = InviteClientTransaction | NonInviteClientTransaction
ServerTransaction = InviteServerTransaction | NonInviteServerTransaction


class TransactionLayer:
    """The transactions that are not over yet.

    Args:
        max_transactions: How many of each of three kinds there may be: INVITEs of ours,
            other requests of ours, requests of others. So neither a flood from outside
            nor many calls of our own keep us from sending CANCEL and BYE.
    """

    def __init__(self, max_transactions: int = 200_000) -> None:
        self._max_transactions = max_transactions
        self._invite_clients: dict[Key, ClientTransaction] = {}
        self._other_clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        # INVITEs of RFC 2543 clients, by what their ACKs have in common with them.
        self._by_old_ack: dict[Key, InviteServerTransaction] = {}
        # Requests of others outside a dialog, by what the copies of one request that
        # took several paths have in common.
        self._by_origin: dict[Key, ServerTransaction] = {}

    def __len__(self) -> int:
        """How many transactions there are, of all kinds."""
        return len(self._invite_clients) + len(self._other_clients) + len(self._servers)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind that is bounded."""
        return {
            "invite-clients": len(self._invite_clients),
            "other-clients": len(self._other_clients),
            "servers": len(self._servers),
        }

    def add_client(self, transaction: ClientTransaction) -> None:
        """Take in a request of ours.

        Raises:
            LocalProtocolError: There are too many, or its branch is in use.
        """
        table = self._clients_of(transaction.request.method)
        if transaction.key in table:
            raise LocalProtocolError("the branch of this request is in use already")
        if len(table) >= self._max_transactions:
            raise LocalProtocolError(
                f"there are {len(table)} transactions of this kind already"
            )
        table[transaction.key] = transaction

    def add_server(self, transaction: ServerTransaction) -> None:
        """Take in a request of somebody else that matches no transaction.

        Raises:
            LocalProtocolError: There are too many (answer it with 503 without one), or
                it does match one.
        """
        if transaction.key in self._servers:
            raise LocalProtocolError("this request has a transaction already")
        if len(self._servers) >= self._max_transactions:
            raise LocalProtocolError(
                f"there are {len(self._servers)} transactions of others already"
            )
        self._servers[transaction.key] = transaction
        if isinstance(transaction, InviteServerTransaction):
            old_key = old_ack_key(transaction.request)
            if old_key is not None:
                self._by_old_ack[old_key] = transaction
        origin = origin_key(transaction.request)
        if origin is not None:
            self._by_origin.setdefault(origin, transaction)

    def remove(self, transaction: ClientTransaction | ServerTransaction) -> None:
        """Forget a transaction that has terminated; no harm where it is not here."""
        key = transaction.key
        if isinstance(
            transaction, InviteClientTransaction | NonInviteClientTransaction
        ):
            clients = self._clients_of(transaction.request.method)
            if clients.get(key) is transaction:
                del clients[key]
            return
        if self._servers.get(key) is transaction:
            del self._servers[key]
        origin = origin_key(transaction.request)
        if origin is not None and self._by_origin.get(origin) is transaction:
            del self._by_origin[origin]
        if isinstance(transaction, InviteServerTransaction) and self._by_old_ack:
            old_key = old_ack_key(transaction.request)
            if old_key is not None and self._by_old_ack.get(old_key) is transaction:
                del self._by_old_ack[old_key]

    def client_for(self, response: Response) -> ClientTransaction | None:
        """The transaction of ours that a response answers (RFC 3261 section 17.1.3).

        Returns:
            None where nothing matches: drop the response (RFC 6026 section 8.9).

        Raises:
            ParseError: The response has no branch or no CSeq that could be read.
        """
        key = client_key(response)
        return self._clients_of(response.cseq.method).get(key)

    def server_for(self, request: Request) -> ServerTransaction | None:
        """The transaction that a request repeats, or whose response it acknowledges.

        The ACK of a 2xx is a request of its own and matches none (RFC 3261 section
        17.2.3); so does a CANCEL, unless it is repeated: see `invite_for_cancel`.

        Raises:
            ParseError: A field that it is matched by cannot be read.
        """
        method = request.method
        if method != "ACK":
            return self._servers.get(server_key(request, method))
        old_key = old_ack_key(request)
        if old_key is None:
            return self._servers.get(server_key(request, "INVITE"))
        # RFC 3261 17.2.3: "and the To tag of the ACK matches the To tag of the response
        # sent by the server transaction."
        transaction = self._by_old_ack.get(old_key)
        if transaction is None or transaction.to_tag != request.to_tag:
            return None
        return transaction

    def is_merged(self, request: Request) -> bool:
        """Whether a request came before, by another path (RFC 3261 section 8.2.2.2).

        "If the From tag, Call-ID, and CSeq exactly match those associated with an
        ongoing transaction, but the request does not match that transaction ... the UAS
        core SHOULD generate a 482 (Loop Detected) response".

        Args:
            request: One that matches no transaction and has none yet.

        Raises:
            ParseError: A field that it is matched by cannot be read.
        """
        return origin_key(request) in self._by_origin

    def invite_for_cancel(self, cancel: Request) -> InviteServerTransaction | None:
        """The INVITE that a CANCEL is for (RFC 3261 section 9.2).

        Raises:
            ParseError: A field that it is matched by cannot be read.
        """
        transaction = self._servers.get(server_key(cancel, "INVITE"))
        if isinstance(transaction, InviteServerTransaction):
            return transaction
        return None

    def _clients_of(self, method: str) -> dict[Key, ClientTransaction]:
        return self._invite_clients if method == "INVITE" else self._other_clients
