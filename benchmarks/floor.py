"""The limit of Twisted and CPython for calls: ready-made texts and no SIP state.

A bare DatagramProtocol that places calls to `sipp -sn uas` with as little work as gets
them through: it neither parses nor repeats, and would get nothing right in a network
that loses anything.
"""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet.protocol import DatagramProtocol

from benchmarks.orders import Turn

HOST = "127.0.0.1"
# Bytes; a system may grant less.
BUFFER_SIZE = 4 * 1024 * 1024

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)


class ReadyMadeCaller(DatagramProtocol):
    """Places calls and ends them.

    Args:
        port: Port of the callee on loopback.
    """

    noisy = False

    def __init__(self, port: int) -> None:
        self._peer = (HOST, port)
        self._number = 0
        self._turn: Turn | None = None
        # By the number of the call; the one thing that is remembered of it.
        self._tokens: dict[int, float] = {}

    def startProtocol(self) -> None:
        """Make room for what comes at once."""
        assert self.transport is not None
        # The socket of a port is no part of Twisted's interfaces.
        own_socket: socket.socket = cast(Any, self.transport).socket
        own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_SIZE)
        own = self.transport.getHost()
        self._own = f"{own.host}:{own.port}"

    def place(self, turn: Turn, token: float) -> None:
        """See `Caller`."""
        self._turn = turn
        self._number += 1
        self._tokens[self._number] = token
        text = (
            f"{self._head('INVITE', 'i', '', self._number)}"
            f"Contact: <sip:floor@{self._own}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n{SDP}"
        )
        self._write(text)

    def hang_up(self, call: tuple[int, str], turn: Turn) -> None:
        """See `Caller`."""
        number, tag = call
        self._write(f"{self._head('BYE', 'b', tag, number)}Content-Length: 0\r\n\r\n")

    def _head(self, method: str, letter: str, to_parameters: str, number: int) -> str:
        return (
            f"{method} sip:service@{HOST}:{self._peer[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._own};branch=z9hG4bK{letter}{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:floor@{HOST}>;tag=f{number}\r\n"
            f"To: <sip:service@{HOST}>{to_parameters}\r\nCall-ID: {number}@floor\r\n"
            f"CSeq: {2 if method == 'BYE' else 1} {method}\r\n"
        )

    def _write(self, text: str) -> None:
        assert self.transport is not None
        self.transport.write(text.encode(), self._peer)

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """ACK and BYE at the 200 to the INVITE, the next call at the one to the BYE."""
        turn = self._turn
        if turn is None or not datagram.startswith(b"SIP/2.0 200"):
            return
        if b" BYE\r\n" in datagram:
            turn.ended()
            return
        at = datagram.index(b"Call-ID: ") + 9
        number = int(datagram[at : datagram.index(b"@", at)])
        at = datagram.index(b";tag=", datagram.index(b"\nTo:"))
        tag = datagram[at : datagram.index(b"\r", at)].decode()
        self._write(f"{self._head('ACK', 'a', tag, number)}Content-Length: 0\r\n\r\n")
        turn.answered((number, tag), self._tokens.pop(number))
