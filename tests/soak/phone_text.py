"""SIP as the phones of the soak read and write it: text, and nothing of sipuac's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

HOST = "127.0.0.1"

_TAG = re.compile(r";tag=([^;\s]+)")
_BRANCH = re.compile(r";branch=([^;,\s]+)")
_ADDRESS = re.compile(r"sip:(?:[^@>]*@)?([^:;>]+):(\d+)")
_URI = re.compile(r"<([^>]*)>|([^;\s]+)")


class Text:
    """A received message, read as far as a phone needs it.

    Attributes:
        first: The start line.
        rows: The fields as (name, value), in order.
        body: What follows them.
    """

    def __init__(self, datagram: bytes) -> None:
        head, _, body = datagram.decode("utf-8", "replace").partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.rows = [
            (name.strip(), value.strip())
            for name, _, value in (line.partition(":") for line in lines)
        ]
        self.body = body

    def all(self, name: str) -> list[str]:
        """The values of all fields of this name."""
        return [value for known, value in self.rows if known == name]

    def get(self, name: str) -> str:
        """The value of the first of them; "" without."""
        return next(iter(self.all(name)), "")

    @cached_property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        return int(self.first[8:11]) if self.first.startswith("SIP/2.0 ") else 0

    @cached_property
    def method(self) -> str:
        """The method of a request."""
        return self.first.split(" ", 1)[0]

    @cached_property
    def user(self) -> str:
        """The user part of the Request-URI."""
        uri = self.first.split(" ")[1]
        return uri.partition(":")[2].partition("@")[0]

    @cached_property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("Call-ID")

    @cached_property
    def cseq(self) -> int:
        """The number in CSeq."""
        return int(self.get("CSeq").split()[0])

    @cached_property
    def branch(self) -> str:
        """The branch of the top Via."""
        found = _BRANCH.search(self.get("Via"))
        return found[1] if found else ""

    @cached_property
    def to_tag(self) -> str:
        """The tag in To; "" without."""
        found = _TAG.search(self.get("To"))
        return found[1] if found else ""


def response(
    request: Text,
    status: str,
    tag: str,
    fields: Iterable[tuple[str, str]] = (),
    body: str = "",
) -> bytes:
    """A response, with a To tag where the request had none."""
    repeated = [
        (name, value)
        for name, value in request.rows
        if name in ("Via", "From", "Call-ID", "CSeq", "Record-Route")
    ]
    to = request.get("To")
    if not request.to_tag:
        to += f";tag={tag}"
    return written(f"SIP/2.0 {status}", [*repeated, ("To", to), *fields], body)


def written(first: str, rows: Iterable[tuple[str, str]], body: str = "") -> bytes:
    """A message as octets."""
    lines = [first, *(f"{name}: {value}" for name, value in rows)]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def description(port: int, direction: str = "sendrecv") -> str:
    """A session description: one audio stream."""
    return (
        f"v=0\r\no=phone {port} 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
    )


def answer_to(body: str, port: int) -> str:
    """The answer to an offer of one stream: held where the offer holds."""
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
    for offered, answered in mirrored.items():
        if f"a={offered}" in body:
            return description(port, answered)
    return description(port)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where the requests of a phone go within a dialog.

    Attributes:
        target: The Request-URI.
        routes: The values of Route.
        address: Host and port of the next hop.
        local, remote: From and To.
        call_id: The Call-ID.
    """

    target: str
    routes: tuple[str, ...]
    address: tuple[str, int]
    local: str
    remote: str
    call_id: str

    @classmethod
    def of(cls, invite: Text, tag: str) -> Peer:
        """The peer that sent this INVITE, to which we answer with this tag."""
        found = _URI.search(invite.get("Contact"))
        target = (found[1] or found[2]) if found else ""
        routes = tuple(invite.all("Record-Route"))
        hop = _ADDRESS.search(routes[0] if routes else target)
        address = (hop[1], int(hop[2])) if hop else (HOST, 9)
        local = f"{invite.get('To')};tag={tag}"
        return cls(target, routes, address, local, invite.get("From"), invite.call_id)

    def request(self, method: str, number: int, branch: str, port: int) -> bytes:
        """A request without a body."""
        via = f"SIP/2.0/UDP {HOST}:{port};branch={branch};rport"
        rows = [("Via", via), ("Max-Forwards", "70")]
        rows += [("Route", route) for route in self.routes]
        rows += [("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        rows.append(("CSeq", f"{number} {method}"))
        return written(f"{method} {self.target} SIP/2.0", rows)
