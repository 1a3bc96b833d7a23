"""Places calls with sippy 2.5, in its own environment (see `benchmarks.peers`)."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from typing import Any

# It writes every message to standard error unless it is told not to.
os.environ["SIPLOG_BEND"] = "none"

from benchmarks.orders import Caller, Order, Turn, Worker

_HOST = "127.0.0.1"
_BUFFER_SIZE = 4 * 1024 * 1024
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)


def _of(module: str, name: str) -> Any:
    """A name of the library; Any, as it is not there when types are checked."""
    return getattr(importlib.import_module(f"sippy.{module}"), name)


UA = _of("UA", "UA")
CCEventTry = _of("CCEvents", "CCEventTry")
CCEventConnect = _of("CCEvents", "CCEventConnect")
CCEventFail = _of("CCEvents", "CCEventFail")
MsgBody = _of("MsgBody", "MsgBody")
Timeout = _of("Time.Timeout", "Timeout")
ED2 = _of("Core.EventDispatcher", "ED2")


class CountedUA(UA):  # type: ignore[misc, valid-type]  # see `_of`
    """A call of sippy that tells when its BYE is answered, which it keeps to itself."""

    turn: Turn

    def newTransaction(self, req: Any, **options: Any) -> Any:
        """Ask for the response to a BYE."""
        if req.getMethod() == "BYE":
            options["resp_cb"] = self._bye_answered
        return super().newTransaction(req, **options)

    def _bye_answered(self, response: Any) -> None:
        status = response.getSCode()[0]
        if status == 200:
            self.turn.ended()
        elif status > 200:
            self.turn.failed(f"{status} to a BYE")


class SippyCaller:
    """Places calls.

    Args:
        config: sippy's global one.
        order: Whom to call.
    """

    def __init__(self, config: dict[str, Any], order: Order) -> None:
        self._config = config
        self._user = order.user
        self._address = (_HOST, order.port)

    def place(self, turn: Turn, token: float) -> None:
        """See `Caller`."""

        def hear(event: Any, call: Any) -> None:
            if isinstance(event, CCEventConnect):
                # It knows a transport in small letters only, which SIPp does not use.
                call.rAddr = (call.rAddr[0], "udp")
                # It sends the ACK when this has returned; the BYE is for later.
                Timeout(turn.answered, 0, 1, call, token)
            elif isinstance(event, CCEventFail):
                turn.failed(str(event.getData()))

        call = CountedUA(self._config, event_cb=hear, nh_address=self._address)
        call.turn = turn
        body = MsgBody(_SDP)
        call.recvEvent(CCEventTry((None, "benchmark", self._user, body, None, None)))

    def hang_up(self, call: Any, turn: Turn) -> None:
        """See `Caller`."""
        call.disconnect()


def main() -> None:
    """Take orders until standard input ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    config: dict[str, Any] = {"_sip_address": _HOST, "_sip_port": port}
    config["_sip_logger"] = _of("SipLogger", "SipLogger")("benchmark")
    manager = _of("SipTransactionManager", "SipTransactionManager")
    config["_sip_tm"] = manager(config, lambda request: (None, None, None))
    for server in config["_sip_tm"].l4r.cache_l2s.values():
        server.skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_SIZE)

    def call_later(seconds: float, function: Callable[[], None]) -> object:
        return Timeout(function, seconds)

    def make(order: Order) -> Caller:
        return SippyCaller(config, order)

    Worker(make, call_later).listen(ED2.callFromThread)
    ED2.loop()


if __name__ == "__main__":
    main()
