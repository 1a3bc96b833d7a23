"""What the application has asked of its sessions and waits for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import LocalProtocolError, SipError
from sipuac.syntax.fields import check_header
from sipuac.syntax.lexical import is_token
from sipuac.syntax.message import Response
from sipuac.syntax.names import canonical_name

# These have methods of their own in `Session`, or are sent by the dialog itself.
_OWN_METHODS = frozenset(["ACK", "BYE", "CANCEL", "INVITE", "PRACK", "UPDATE"])
# What the dialog writes itself.
_OWN_FIELDS = frozenset(
    (
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Max-Forwards",
        "Route",
        "Record-Route",
        "Content-Length",
        "Supported",
        "User-Agent",
    )
)


def check_request(
    method: str, headers: Iterable[tuple[str, str]], body: bytes
) -> tuple[tuple[str, str], ...]:
    """The fields of a request of the application, if it may be sent in a dialog.

    Raises:
        LocalProtocolError: It may not, or would break the message.
    """
    if not is_token(method):
        raise LocalProtocolError(f"not a method: {method[:40]!r}")
    if method in _OWN_METHODS:
        raise LocalProtocolError(f"{method} is sent by the session itself")
    rows = tuple(headers)
    names = set()
    for name, value in rows:
        check_header(name, value)
        names.add(canonical_name(name))
    own = sorted(names & _OWN_FIELDS)
    if own:
        raise LocalProtocolError(f"{own[0]} is written by the dialog itself")
    if body and "Content-Type" not in names:
        raise LocalProtocolError("a body without Content-Type")
    return rows


class SessionRequests:
    """The Deferreds of what was asked for, by token."""

    __slots__ = ("_last", "_waiting")

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, Deferred[Any]] = {}

    def begin(self) -> tuple[int, Deferred[Any]]:
        """A new token, and the Deferred that ends with it.

        Cancelling the Deferred stops the waiting, and nothing else.
        """
        self._last += 1
        token = self._last
        waiting: Deferred[Any] = Deferred(lambda _: self._forget(token))
        self._waiting[token] = waiting
        return token, waiting

    def _forget(self, token: int) -> None:
        self._waiting.pop(token, None)

    def done(self, token: int, result: Response | SipError | None) -> None:
        """It is done, or is not to be had."""
        waiting = self._waiting.pop(token, None)
        if waiting is None:
            return
        if isinstance(result, SipError):
            waiting.errback(result)
        else:
            waiting.callback(result)

    def fail_all(self, error: SipError) -> None:
        """Nobody will hear of what is left."""
        for token in list(self._waiting):
            self.done(token, error)
