"""The lossy network: a UDP relay between the caller and the proxy.

python -m tests.soak.relay FRONT PROXY LOSS SEED FOLDER

It forwards datagrams both ways, drops some of them by chance, and keeps account of what
was dropped. It has two sockets: the front one is what the caller takes for the proxy,
the back one is what the proxy takes for the caller.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from typing import IO, Any

from twisted.internet.protocol import DatagramProtocol

from tests.soak.ledger import Ledger, Step

HOST = "127.0.0.1"
# Bytes that the system keeps for us; what it drops is no loss of ours.
RECEIVE_BUFFER = 4 * 1024 * 1024

_CALL_ID = re.compile(rb"\r\nCall-ID: *([^\r\n]+)", re.I)
_CSEQ = re.compile(rb"\r\nCSeq: *(\d+) +([A-Z]+)", re.I)
_TO_TAG = re.compile(rb"\r\n(?:To|t) *:[^\r\n]*;tag=([^;\r\n]+)", re.I)


def step_of(datagram: bytes, is_outward: bool) -> tuple[str, Step]:
    """The Call-ID of a message, and what it is within its call.

    Args:
        datagram: A message of the caller or the proxy.
        is_outward: Whether it comes from the caller.
    """
    call_id = _CALL_ID.search(datagram)
    cseq = _CSEQ.search(datagram)
    if call_id is None or cseq is None:
        return "", Step(is_outward, "?", 0, "")
    number, method = int(cseq[1]), cseq[2].decode()
    tag = _TO_TAG.search(datagram)
    status = ""
    if datagram.startswith(b"SIP/2.0 "):
        status = datagram[8:11].decode("ascii", "replace")
    step = Step(is_outward, method, number, status, tag[1].decode() if tag else "")
    return call_id[1].decode(), step


class Relay:
    """Both sockets, the dice and the account.

    Args:
        reactor: Where the sockets are.
        proxy: The port of the proxy.
        loss: The part of the datagrams that is dropped, 0 to 1.
        seed: Of the dice.
        drops: Gets a line for each datagram that was dropped.
        ledger: The account.
    """

    def __init__(
        self,
        reactor: Any,
        proxy: int,
        loss: float,
        seed: int,
        drops: IO[str],
        ledger: Ledger,
    ) -> None:
        self._reactor = reactor
        self._loss = loss
        self._chance = random.Random(seed).random
        self._drops = drops
        self._ledger = ledger
        self._proxy = (HOST, proxy)
        self._caller: tuple[str, int] | None = None
        self.front = _Side(self, is_outward=True)
        self.back = _Side(self, is_outward=False)
        self.counts = {"forwarded": 0, "dropped": 0, "unsent": 0}

    def take(self, datagram: bytes, source: tuple[str, int], is_outward: bool) -> None:
        """A datagram from either side: forward it, or not."""
        if is_outward:
            self._caller = source
        call_id, step = step_of(datagram, is_outward)
        is_dropped = self._chance() < self._loss
        number = self._ledger.count(call_id, step, is_dropped, self._reactor.seconds())
        if is_dropped:
            self.counts["dropped"] += 1
            line = [call_id, *step, number]
            self._drops.write(json.dumps(line) + "\n")
            return
        side, address = (
            (self.back, self._proxy) if is_outward else (self.front, self._caller)
        )
        try:
            if address is not None:
                side.transport.write(datagram, address)
        except OSError:
            self.counts["unsent"] += 1
            return
        self.counts["forwarded"] += 1


class _Side(DatagramProtocol):
    """One of the two sockets."""

    noisy = False
    transport: Any

    def __init__(self, relay: Relay, *, is_outward: bool) -> None:
        self._relay = relay
        self._is_outward = is_outward

    def startProtocol(self) -> None:
        """Ask the system for room."""
        make_room(self.transport)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """See `DatagramProtocol`."""
        self._relay.take(datagram, addr, self._is_outward)


def make_room(port: Any) -> None:
    """Let the system keep bursts for this UDP port."""
    import socket

    port.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def main() -> None:
    """Relay until told to end; then write what is left of the account."""
    front, proxy = int(sys.argv[1]), int(sys.argv[2])
    loss, seed, folder = float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])
    from twisted.internet import reactor, task

    the_reactor: Any = reactor
    with (
        (folder / "dropped.jsonl").open("w") as drops,
        (folder / "accounts.jsonl").open("w") as accounts,
    ):
        ledger = Ledger(accounts)
        relay = Relay(the_reactor, proxy, loss, seed, drops, ledger)
        the_reactor.listenUDP(front, relay.front, HOST, maxPacketSize=65535)
        the_reactor.listenUDP(0, relay.back, HOST, maxPacketSize=65535)

        def close_quiet() -> None:
            ledger.close_quiet(the_reactor.seconds())

        task.LoopingCall(close_quiet).start(1.0)
        the_reactor.run()
        ledger.close_all()
    (folder / "relay.json").write_text(json.dumps(relay.counts))


if __name__ == "__main__":
    main()
