"""By what a message finds its transaction (RFC 3261 sections 17.1.3 and 17.2.3)."""

from __future__ import annotations

from sipuac.errors import ParseError
from sipuac.syntax.fields import Via
from sipuac.syntax.message import Request, Response

#: Compared without regard to case, as parameter values are (RFC 3261 section 7.3.1).
_MAGIC_COOKIE = "z9hg4bk"

#: What a table of transactions is indexed by; equal keys, same transaction.
Key = tuple[object, ...]


def client_key(message: Request | Response) -> Key:
    """The key of a client transaction: of its request, and of all responses to it.

    The branch alone would hand a response to CANCEL to the INVITE, which has the same
    (RFC 3261 section 17.1.3).

    Raises:
        ParseError: The top Via has no branch, or the CSeq cannot be read.
    """
    branch = message.branch
    if branch is None:
        raise ParseError("the top Via has no branch")
    return branch.lower(), message.cseq.method


def server_key(request: Request, method: str) -> Key:
    """The key of the server transaction of this method that a request belongs to.

    Args:
        request: Any request that was received.
        method: Its method, but "INVITE" for ACK and for what a CANCEL cancels.

    Raises:
        ParseError: A field that the key is made of cannot be read.
    """
    via = request.top_via
    if has_unique_branch(via):
        host, port = via.sent_by
        return _branch(via), host.lower(), port, method
    # RFC 3261 17.2.3: "the Request-URI, To tag, From tag, Call-ID, CSeq, and top Via
    # header field match those of the request that created the transaction."
    return *_old_key(request, via, method), request.to_tag


def old_ack_key(request: Request) -> Key | None:
    """What an ACK of an RFC 2543 client has in common with its INVITE.

    The To tag is not among it: that must be the one of the response.

    Returns:
        The key, equal for both; None where the branch is unique, as it should be.
    """
    via = request.top_via
    return None if has_unique_branch(via) else _old_key(request, via, "INVITE")


def origin_key(request: Request) -> Key | None:
    """What all copies of a request have in common that its proxies forked.

    Returns:
        None where no copy is of interest: within a dialog, and for ACK and CANCEL,
        which follow the INVITE along its path.

    Raises:
        ParseError: A field that the key is made of cannot be read.
    """
    if request.method in ("ACK", "CANCEL") or request.to_tag is not None:
        return None
    # Without From tag nothing tells two requests of an RFC 2543 client apart for sure.
    if request.from_tag is None:
        return None
    return request.from_tag, request.call_id, request.cseq.number, request.method


def has_unique_branch(via: Via) -> bool:
    """Whether its branch alone tells all transactions of that client apart.

    It begins with the magic cookie and something follows; nothing does in a message of
    RFC 4475 section 3.2.1, which "could fall back" to the older rule.
    """
    branch = _branch(via)
    return branch.startswith(_MAGIC_COOKIE) and len(branch) > len(_MAGIC_COOKIE)


def _branch(via: Via) -> str:
    return (via.branch or "").lower()


def _old_key(request: Request, via: Via, method: str) -> Key:
    return (
        request.uri_text,
        request.call_id,
        request.cseq.number,
        request.from_tag,
        via.transport,
        via.sent_by,
        via.branch,
        method,
    )
