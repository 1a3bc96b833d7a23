"""Places calls with aiosipua 0.7, in its own environment (see `benchmarks.peers`)."""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from typing import Any

from benchmarks.orders import Caller, Order, Turn, Worker

_HOST = "127.0.0.1"
_BUFFER_SIZE = 4 * 1024 * 1024
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)

# Any: the library is not there when types are checked.
aiosipua: Any = importlib.import_module("aiosipua")


class AiosipuaCaller:
    """Places calls.

    Args:
        uac: What places them.
        uas: What gets all messages; it passes responses on.
        order: Whom to call.
    """

    def __init__(self, uac: Any, uas: Any, order: Order) -> None:
        self._uac = uac
        self._uas = uas
        self._address = (_HOST, order.port)
        self._target = f"sip:{order.user}@{_HOST}:{order.port}"
        self._offer = aiosipua.parse_sdp(_SDP)
        self._turn: Turn | None = None
        uac.transport.on_message = self._take

    def place(self, turn: Turn, token: float) -> None:
        """See `Caller`."""
        self._turn = turn
        call = self._uac.send_invite(
            f"sip:benchmark@{_HOST}", self._target, self._address, self._offer
        )
        call.on_answer = lambda call: turn.answered(call, token)
        call.on_rejected = lambda call, status, reason: turn.failed(reason)

    def hang_up(self, call: Any, turn: Turn) -> None:
        """See `Caller`."""
        call.hangup(self._uac)

    def _take(self, message: Any, address: Any) -> None:
        """The library does not tell when a BYE is answered."""
        self._uas._on_message(message, address)
        if isinstance(message, aiosipua.SipResponse) and message.status_code == 200:
            turn = self._turn
            if turn is not None and message.headers.get_first("cseq").endswith("BYE"):
                turn.ended()


async def work() -> None:
    """Take orders until standard input ends."""
    logging.disable(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_HOST, 0))
        own = probe.getsockname()
    transport = aiosipua.UdpSipTransport(local_addr=own)
    uac = aiosipua.SipUAC(transport)
    uas = aiosipua.SipUAS(transport, uac=uac)
    await uas.start()
    own_socket = transport._udp_transport.get_extra_info("socket")
    own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_SIZE)

    def make(order: Order) -> Caller:
        return AiosipuaCaller(uac, uas, order)

    Worker(make, loop.call_later).listen(loop.call_soon_threadsafe)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work())
