"""OPTIONS outside of a dialog: who is there, and what they can (RFC 3261 11)."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from sipuac.dialog.capabilities import ACCEPT, ALLOW, SUPPORTED
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invite_request import Caller, contact_of, parse_target
from sipuac.ua.out_of_dialog import Answered, RequestSender


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an OPTIONS brought.

    Attributes:
        response: The final response, whatever its status.
        transport: "UDP", "TCP" or "TLS".
        remote: Address and port that it was sent to.
        seconds: From the first request to the final response.
    """

    response: Response
    transport: str
    remote: tuple[str, int]
    seconds: float

    @property
    def certificate(self) -> str:
        """What TLS has proved: a connection without proof is not used at all."""
        if self.transport == "TLS":
            return "verified (RFC 5922)"
        return "none: the way is not encrypted"

    def tokens(self, name: str) -> tuple[str, ...]:
        """The elements of Allow, Supported and the like."""
        rows = self.response.get_all(name)
        words = (word.strip() for row in rows for word in row.split(","))
        return tuple(word for word in words if word)


@inlineCallbacks
def ask_capabilities(
    endpoint: Endpoint,
    caller: Caller,
    target: str,
    *,
    authenticator: Authenticator | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> Generator[Deferred[Any], Any, Capabilities]:
    """Send OPTIONS and wait for its final response.

    Args:
        endpoint: Carries it.
        caller: Who asks, and through what.
        target: The URI that is asked.
        authenticator: Answers challenges; None for nobody.
        headers: More fields.

    Returns:
        A Deferred that fails with `LocalProtocolError` where the target cannot be
        asked, with `Unreachable` where no response came, and with
        `AuthenticationFailed`.
    """
    uri = parse_target(target, has_proxy=caller.proxy is not None)
    tag = endpoint.identifiers.tag()
    extra = list(headers)
    hop = caller.next_hop(uri)

    def build(flow: IFlow, call_id: str, cseq: int) -> Request:
        rows: list[tuple[str, str]] = []
        if caller.proxy is not None:
            rows.append(("Route", f"<{caller.proxy}>"))
        rows.append(("Max-Forwards", "70"))
        rows.append(("From", str(caller.identity.with_parameter("tag", tag))))
        rows.append(("To", f"<{uri}>"))
        rows.append(("Call-ID", call_id))
        rows.append(("CSeq", f"{cseq} OPTIONS"))
        rows.append(("Contact", contact_of(caller.identity, uri, hop, flow)))
        rows.append(("Accept", ACCEPT))
        rows.append(("Allow", ALLOW))
        rows.append(("Supported", SUPPORTED))
        if caller.user_agent is not None:
            rows.append(("User-Agent", caller.user_agent))
        return Request("OPTIONS", uri, [*rows, *extra])

    asked_at = endpoint.clock.seconds()
    sender = RequestSender(endpoint, authenticator)
    answered: Answered = yield sender.send(hop, build)
    return Capabilities(
        answered.response,
        answered.flow.transport,
        answered.flow.remote,
        endpoint.clock.seconds() - asked_at,
    )
