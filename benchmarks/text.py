"""Parsing and rendering against the least that can be done in Python.

- *parse, route*: start line, top Via branch, Call-ID, CSeq, From and To tags: what the
  transaction layer needs.
- *parse, check*: the same of a message that was checked, as the transport does before
  it hands one up.
- *parse, full*: Via, From, To, Contact, Record-Route, Route, CSeq and the Request-URI
  as objects, all other fields by name. Objects are checked, but split into their parts
  when somebody asks for one.
- *parse, split*: the same, and all of them are split.
- *render*: an INVITE with 12 header fields and a session description.

The floor of parsing is `split` and a dictionary, which knows neither folding nor
compact names nor lists; that of rendering joins the same pairs.
"""

from __future__ import annotations

from benchmarks.messages import INVITE_BODY, INVITE_HEADERS
from sipuac.syntax.message import Message, Request
from sipuac.syntax.parser import check_received, parse_message

_TYPED = frozenset("Via From To Contact Record-Route Route CSeq Content-Length".split())


def _split(message: bytes) -> dict[str, str]:
    head, _, _ = message.partition(b"\r\n\r\n")
    fields = {}
    for line in head.decode().split("\r\n")[1:]:
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    return fields


def floor(messages: list[bytes]) -> int:
    """Split and make a dictionary; how many messages."""
    for message in messages:
        _split(message)
    return len(messages)


def _route_of(message: Message) -> None:
    _ = message.branch
    _ = message.call_id
    _ = message.cseq
    _ = message.from_tag
    _ = message.to_tag


def check_and_route(messages: list[bytes]) -> int:
    """Read what the transport and transaction layers do; how many messages."""
    for octets in messages:
        message = parse_message(octets)
        check_received(message)
        _route_of(message)
    return len(messages)


def full(messages: list[bytes]) -> int:
    """Read all that the user agent may ask for; how many messages."""
    for octets in messages:
        _full_of(parse_message(octets))
    return len(messages)


def _full_of(message: Message) -> None:
    _ = message.cseq
    _ = message.vias
    _ = message.from_
    _ = message.to
    _ = message.contacts
    _ = message.record_routes
    _ = message.routes
    if isinstance(message, Request):
        _ = message.uri
    for name in message.header_names():
        if name not in _TYPED:
            message.get(name)


def split(messages: list[bytes]) -> int:
    """Read all, and the parts of each; how many messages."""
    for octets in messages:
        message = parse_message(octets)
        _full_of(message)
        for via in message.vias:
            _ = via.branch
        _ = message.from_.tag
        _ = message.to.tag
        for addresses in (message.contacts, message.record_routes, message.routes):
            for address in addresses:
                _ = address.uri
    return len(messages)


def join() -> int:
    """Join the pairs of INVITEs; how many."""
    for rows in INVITE_HEADERS:
        head = "\r\n".join(f"{name}: {value}" for name, value in rows)
        text = f"INVITE sip:callee@example.net SIP/2.0\r\n{head}\r\n"
        f"{text}Content-Length: {len(INVITE_BODY)}\r\n\r\n".encode() + INVITE_BODY
    return len(INVITE_HEADERS)


def render() -> int:
    """Write INVITEs from their rows; how many."""
    for rows in INVITE_HEADERS:
        Request("INVITE", "sip:callee@example.net", rows, INVITE_BODY).render()
    return len(INVITE_HEADERS)
