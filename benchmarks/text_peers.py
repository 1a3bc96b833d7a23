"""The other parsers and renderers that ours is compared with.

Those that do not come with Twisted are installed by `benchmarks.peers`. They are pure
Python without dependencies, so that they can be imported into the process that
measures, and take turns with ours.

What a library cannot do itself is done here in the cheapest way that gives the right
answer, so that nothing but its own work counts against it.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
from pathlib import Path
from typing import Any

from twisted.protocols import sip

from benchmarks.messages import INVITE_BODY, INVITE_HEADERS

#: What *route* reads: branch, Call-ID, CSeq number and method, From and To tags.
Route = tuple[str, str, int, str, str, str]


class TwistedParser:
    """`twisted.protocols.sip`, one parser for all datagrams."""

    def __init__(self) -> None:
        self._messages: list[sip.Message] = []
        self._parser = sip.MessagesParser(self._messages.append)

    def parse(self, octets: bytes) -> sip.Message:
        """The message in a datagram."""
        self._parser.dataReceived(octets)
        self._parser.dataDone()
        return self._messages.pop()

    def route(self, octets: bytes) -> Route:
        """Branch and tags by its own functions: what somebody who uses it would do."""
        headers = self.parse(octets).headers
        number, _, method = headers["cseq"][0].partition(" ")
        return (
            _twisted_via(headers["via"][0]),
            headers["call-id"][0],
            int(number),
            method,
            sip.parseAddress(headers["from"][0])[2].get("tag", ""),
            sip.parseAddress(headers["to"][0])[2].get("tag", ""),
        )

    def route_by_find(self, octets: bytes) -> Route:
        """Branch and tags searched as text: the least that gives the right answer."""
        headers = self.parse(octets).headers
        number, _, method = headers["cseq"][0].partition(" ")
        return (
            _behind(headers["via"][0], ";branch="),
            headers["call-id"][0],
            int(number),
            method,
            _behind(headers["from"][0], ">;tag="),
            _behind(headers["to"][0], ">;tag="),
        )

    def full(self, octets: bytes) -> int:
        """Objects of what *full* asks for; how many."""
        message = self.parse(octets)
        headers = message.headers
        headers["call-id"][0]
        number, _, _ = headers["cseq"][0].partition(" ")
        int(number)
        count = 2
        for name, values in headers.items():
            if name == "via":
                for value in values:
                    _twisted_via(value)
                    count += 1
            elif name in ("from", "to", "contact", "record-route", "route"):
                for value in values:
                    sip.parseAddress(value)
                    count += 1
            else:
                headers[name]
        # A Request has parsed its URI when it was made.
        return count


def _twisted_via(value: str) -> str:
    # It cannot read an IPv6 address.
    if "[" in value:
        return _behind(value, ";branch=")
    return str(sip.parseViaHeader(value).branch)


def _behind(text: str, mark: str) -> str:
    return text.partition(mark)[2].partition(";")[0].partition(",")[0]


class AiosipuaParser:
    """aiosipua 0.7.

    Args:
        directory: Where the peers are installed.
    """

    def __init__(self, directory: Path) -> None:
        base = {"base": str(directory / "aiosipua")}
        library = sysconfig.get_path("purelib", "venv", base)
        sys.path.append(library)
        try:
            self._library: Any = importlib.import_module("aiosipua.message")
        finally:
            sys.path.remove(library)
        self._parse = self._library.SipMessage.parse

    def route(self, octets: bytes) -> Route:
        """Branch and tags by its own properties."""
        message = self._parse(octets)
        cseq = message.cseq
        return (
            message.via[0].branch,
            message.call_id,
            cseq.seq,
            cseq.method,
            message.from_addr.tag or "",
            message.to_addr.tag or "",
        )

    def render(self) -> int:
        """Write the INVITEs; how many."""
        request_class = self._library.SipRequest
        for rows in INVITE_HEADERS:
            request = request_class(method="INVITE", uri="sip:callee@example.net")
            for name, value in rows:
                request.set_header(name, value)
            request.body = INVITE_BODY
            bytes(request)
        return len(INVITE_HEADERS)
