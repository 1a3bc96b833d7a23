"""A callee with ready-made texts, in a process of its own, over UDP, TCP and TLS.

It answers quicker than anybody calls, so that the caller is what is measured: as
`plain` with 180 and 200, as `fork` with two early dialogs. There each phone sends a
183 with an answer; when the second has got its BYE, the first answers the call. Each
phone has a socket of its own, and its Contact names it, so that what goes to the wrong
one is seen. What was right is counted, by `counts` on standard input.

python -m benchmarks.callee [CERTIFICATE KEY]
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

from benchmarks.floor import BUFFER_SIZE, HOST, SDP

#: What the certificate is for; the callers are told its address.
NAME = "callee.example.com"

_ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n"

#: Sends a text to where a message came from.
Answer = Callable[[bytes], None]


def _line(message: bytes, name: bytes) -> bytes:
    """The first header line of this name; ours are spelled as the RFC does."""
    start = message.index(b"\r\n" + name + b": ") + 2
    return message[start : message.index(b"\r\n", start) + 2]


class Phone:
    """One of the two phones: makes the texts.

    Args:
        tag: Its tag in To.
        contact: Its Contact, with the parameters of the transport.
    """

    def __init__(self, tag: str, contact: str) -> None:
        self._tag = f";tag={tag}\r\n".encode()
        contact_line = f"Contact: <{contact}>\r\n{_ALLOW}"
        self._bare = f"{contact_line}Content-Length: 0\r\n\r\n".encode()
        self._with_answer = (
            f"{contact_line}Content-Type: application/sdp\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n{SDP}"
        ).encode()

    def lines(self, request: bytes) -> bytes:
        """What every response of this phone to this request has."""
        to = _line(request, b"To")
        if b";tag=" not in to:
            to = to[:-2] + self._tag
        return b"".join(
            (
                _line(request, b"Via"),
                _line(request, b"From"),
                to,
                _line(request, b"Call-ID"),
                _line(request, b"CSeq"),
            )
        )

    def response(self, status: bytes, lines: bytes, has_answer: bool = False) -> bytes:
        """A response, without or with a session description."""
        end = self._with_answer if has_answer else self._bare
        return b"SIP/2.0 " + status + b"\r\n" + lines + end


class Callee:
    """The two phones and what they have seen.

    Attributes:
        counts: How often each thing was right, and "wrong" for all that was not.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        # Forked calls by Call-ID: how to answer them once the second phone has left;
        # None afterwards.
        self._ringing: dict[bytes, tuple[Answer, bytes] | None] = {}

    def take(
        self, message: bytes, phone: Phone, is_first: bool, answer: Answer
    ) -> None:
        """One message to this phone; the second one is another's of a fork only."""
        method = message[: message.index(b" ")]
        if method == b"INVITE":
            self._take_invite(message, phone, answer)
        elif method == b"ACK":
            self._count("acks" if is_first else "wrong")
        elif method == b"SIP/2.0":
            self._count("wrong")
        else:
            answer(phone.response(b"200 OK", phone.lines(message)))
            if method != b"BYE":
                self._count("probes" if is_first else "wrong")
            elif is_first:
                self._count("byes")
            else:
                self._end_extra(_line(message, b"Call-ID"), phone)

    def _count(self, name: str) -> None:
        self.counts[name] += 1

    def _take_invite(self, message: bytes, phone: Phone, answer: Answer) -> None:
        call_id = _line(message, b"Call-ID")
        if call_id in self._ringing:
            # It will hear of it.
            self._count("repeated")
            return
        self._count("invites")
        lines = phone.lines(message)
        if not message.startswith(b"INVITE sip:fork"):
            answer(phone.response(b"180 Ringing", lines))
            answer(phone.response(b"200 OK", lines, True))
            return
        self._ringing[call_id] = (answer, phone.response(b"200 OK", lines, True))
        extra = self.extra
        answer(phone.response(b"183 Session Progress", lines, True))
        answer(extra.response(b"183 Session Progress", extra.lines(message), True))

    def _end_extra(self, call_id: bytes, phone: Phone) -> None:
        if call_id not in self._ringing:
            self._count("wrong")
            return
        found = self._ringing[call_id]
        if found is None:
            self._count("repeated")
            return
        self._count("extra byes")
        self._ringing[call_id] = None
        answer, ok = found
        answer(ok)

    extra: Phone


class Datagrams(DatagramProtocol):
    """The socket of one phone.

    Args:
        callee: Whose it is.
        is_first: Whether it is the first phone.
    """

    noisy = False

    def __init__(self, callee: Callee, is_first: bool) -> None:
        self._callee = callee
        self._is_first = is_first

    def startProtocol(self) -> None:
        """Make room for what comes at once, and the phone."""
        assert self.transport is not None
        # The socket of a port is no part of Twisted's interfaces.
        own_socket: socket.socket = cast(Any, self.transport).socket
        own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_SIZE)
        self.port = self.transport.getHost().port
        letter = "a" if self._is_first else "b"
        self.phone = Phone(letter, f"sip:{letter}@{HOST}:{self.port}")

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """One message."""
        write = self.transport.write  # type: ignore[union-attr]  # it is open
        self._callee.take(
            datagram, self.phone, self._is_first, lambda text: write(text, addr)
        )


class Connections(Factory):
    """All connections to the first phone by one transport.

    Args:
        callee: Whose they are.

    Attributes:
        phone: The phone, as it is reached by this transport.
    """

    noisy = False
    phone: Phone

    def __init__(self, callee: Callee) -> None:
        self._callee = callee

    def buildProtocol(self, addr: object) -> Protocol:
        """One connection."""
        return Stream(self._callee, self.phone)


class Stream(Protocol):
    """A connection to the first phone."""

    def __init__(self, callee: Callee, phone: Phone) -> None:
        self._callee = callee
        self._phone = phone
        self._kept = b""

    def connectionMade(self) -> None:
        """Count it: there should be one."""
        self._callee.counts["connections"] += 1

    def dataReceived(self, data: bytes) -> None:
        """Take out whole messages."""
        data = self._kept + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            at = data.index(b"\r\nContent-Length: ") + 18
            size = end + 4 + int(data[at : data.index(b"\r\n", at)])
            if size > len(data):
                break
            message, data = data[:size], data[size:]
            assert self.transport is not None
            self._callee.take(message, self._phone, True, self.transport.write)
        self._kept = data


def main() -> None:
    """Answer until standard input ends."""
    from twisted.internet import reactor as global_reactor
    from twisted.internet import ssl

    # Twisted's module is its reactor, which it does not say.
    reactor: Any = global_reactor
    callee = Callee()
    sockets = [Datagrams(callee, is_first) for is_first in (True, False)]
    for protocol in sockets:
        reactor.listenUDP(0, protocol, HOST, maxPacketSize=65536)
    callee.extra = sockets[1].phone
    ports = {"udp": sockets[0].port}

    def listen(transport: str, *context: Any) -> None:
        factory = Connections(callee)
        if context:
            port = reactor.listenSSL(0, factory, *context, interface=HOST)
        else:
            port = reactor.listenTCP(0, factory, interface=HOST)
        ports[transport] = port.getHost().port
        contact = f"sip:a@{NAME}:{ports[transport]};transport={transport}"
        factory.phone = Phone("a", contact)

    listen("tcp")
    if len(sys.argv) == 3:
        certificate, key = sys.argv[1:]
        listen("tls", ssl.DefaultOpenSSLContextFactory(key, certificate))

    def read() -> None:
        for _ in sys.stdin:
            reactor.callFromThread(lambda: print(json.dumps(callee.counts), flush=True))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    print(json.dumps(ports), flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
