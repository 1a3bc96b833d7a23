"""Messages and trace entries for the tests of traces and ladders."""

from __future__ import annotations

from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.reason_phrases import REASON_PHRASES
from sipuac.ua.trace import TraceEntry

CALLER = ("192.0.2.1", 5060)
PROXY = ("192.0.2.2", 5060)
DESK = ("192.0.2.3", 5060)
MOBILE = ("192.0.2.4", 5060)
TABLET = ("192.0.2.5", 5060)
NAMES = {PROXY: "proxy", DESK: "desk", MOBILE: "mobile", TABLET: "tablet"}


def headers(
    branch: str,
    to_tag: str | None,
    cseq: str,
    call_id: str = "call1",
    from_tag: str = "me",
    via: str = "192.0.2.1",
) -> list[tuple[str, str]]:
    """The fields that every message has."""
    tag = f";tag={to_tag}" if to_tag else ""
    return [
        ("Via", f"SIP/2.0/UDP {via};branch=z9hG4bK{branch}"),
        ("From", f"<sip:alice@example.com>;tag={from_tag}"),
        ("To", f"<sip:bob@example.com>{tag}"),
        ("Call-ID", call_id),
        ("CSeq", cseq),
    ]


def request(
    method: str,
    branch: str,
    to_tag: str | None = None,
    number: int = 1,
    *,
    body: bytes = b"",
    **others: str,
) -> Request:
    """A request, with SDP where there is a body."""
    rows = headers(branch, to_tag, f"{number} {method}", **others)
    if body:
        rows.append(("Content-Type", "application/sdp"))
    return Request(method, "sip:bob@example.com", rows, body)


def response(
    status: int,
    branch: str,
    to_tag: str | None = None,
    cseq: str = "1 INVITE",
    *,
    body: bytes = b"",
    **others: str,
) -> Response:
    """A response, with SDP where there is a body."""
    rows = headers(branch, to_tag, cseq, **others)
    if body:
        rows.append(("Content-Type", "application/sdp"))
    return Response(status, REASON_PHRASES[status], rows, body)


class Wire:
    """A trace in the making: what was said, a hundredth of a second a message.

    Args:
        is_seen_twice: Whether the receiver's entry is in the trace beside the sender's.
    """

    def __init__(self, *, is_seen_twice: bool = False) -> None:
        self.entries: list[TraceEntry] = []
        self._is_seen_twice = is_seen_twice
        self._time = 1000.0

    def say(
        self, source: tuple[str, int], destination: tuple[str, int], message: Message
    ) -> None:
        """One message goes over the wire, seen by its sender or by both."""
        self.entries.append(
            TraceEntry(self._time, True, "UDP", source, destination, message)
        )
        self._time += 0.01
        if self._is_seen_twice:
            self.hear(destination, source, message)

    def hear(
        self, receiver: tuple[str, int], source: tuple[str, int], message: Message
    ) -> None:
        """One message came over the wire, seen by its receiver only."""
        self.entries.append(
            TraceEntry(self._time, False, "UDP", receiver, source, message)
        )
        self._time += 0.01
