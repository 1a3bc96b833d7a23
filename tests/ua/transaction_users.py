"""Users of transactions, handlers of requests, and requests for the tests."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from sipuac.errors import (
    Unreachable,
)
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import ServerTransaction
from sipuac.ua.interfaces import IClientTransactionUser, IRequestHandler
from tests.ua.peer import HOST, TARGET


def make(method: str, *headers: tuple[str, str], cseq: int = 1) -> Request:
    """A request without Via, as users hand it to the endpoint."""
    rows = [
        ("Max-Forwards", "70"),
        ("From", "<sip:caller@example.invalid>;tag=f"),
        ("To", f"<{TARGET}>"),
        ("Call-ID", "c1"),
        ("CSeq", f"{cseq} {method}"),
        *headers,
    ]
    return Request(method, TARGET, rows)


def foreign(
    method: str,
    branch: str = "z9hG4bKforeign",
    to_tag: str = "",
    via: str = f"SIP/2.0/UDP {HOST}",
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A request that the peer sends.

    Its Call-ID is one for each branch and Via: requests that differ in these alone are
    copies of one that was forked.
    """
    rows = [
        ("Via", f"{via};branch={branch}"),
        ("Max-Forwards", "70"),
        ("From", "<sip:bob@peer.invalid>;tag=p"),
        ("To", f"<sip:caller@caller.invalid>{to_tag}"),
        ("Call-ID", f"theirs-{via.split()[-1]}-{branch}"),
        ("CSeq", f"1 {'INVITE' if method == 'ACK' else method}"),
        *headers,
    ]
    if method == "ACK":
        rows[5] = ("CSeq", "1 ACK")
    return Request(method, "sip:caller@caller.invalid", rows)


@implementer(IClientTransactionUser)
class User:
    """Writes down what it is told; `react` is called with each word of it."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.react: Callable[[object], object] = lambda word: None

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self.heard.append(response.status)
        self.react(response.status)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        self.heard.append(type(error))
        self.react(type(error))

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self.heard.append("terminated")
        self.react("terminated")


@implementer(IRequestHandler)
class Handler:
    """Takes requests of some methods."""

    def __init__(self, *methods: str) -> None:
        self.methods = methods
        self.offered: list[str] = []
        self.transactions: list[ServerTransaction | None] = []
        self.error: Exception | None = None

    def knows(self, request: Request) -> bool:
        """See `IRequestHandler`."""
        return False

    def request_received(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        """See `IRequestHandler`."""
        self.offered.append(request.method)
        if request.method not in self.methods:
            return False
        if self.error is not None:
            raise self.error
        self.transactions.append(transaction)
        return True
