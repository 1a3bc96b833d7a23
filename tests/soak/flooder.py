"""Floods one process, as fast as that takes it, and ends.

python -m tests.soak.flooder KIND PORT COUNT SEED

Datagrams come from thousands of addresses of loopback; what the system could not keep
for the process is not thrown at it, since it would never see it.
"""

from __future__ import annotations

import random
import resource
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.soak.relay import HOST

# Octets that wait for the process; beyond it we wait.
_MOST_WAITING = 512 * 1024
_BURST = 50
# Datagrams of one source address in a row.
_OF_ONE_SOURCE = 20
# Connections at a time.
_MOST_OPEN = 2000

_FIELDS = (
    "From: <sip:stranger@example.net>;tag=f{n}\r\nTo: <sip:nobody@example.com>{to}\r\n"
    "Call-ID: stranger-{n}-{salt}\r\nCSeq: {n} {method}\r\nMax-Forwards: 70\r\n"
    "Contact: <sip:stranger@{host}>\r\nContent-Length: 0\r\n\r\n"
)
_METHODS = ("OPTIONS", "INVITE", "BYE", "CANCEL", "ACK", "REGISTER", "UPDATE", "ODD")
_STATUSES = (100, 180, 200, 302, 401, 486, 503, 699)


def garbage(chance: random.Random) -> bytes:
    """Octets that are no SIP, or were SIP once."""
    octets = bytearray(chance.randbytes(chance.randrange(1, 1400)))
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(octets)
    if kind == 1:
        return b"INVITE sip:a@b SIP/2.0\r\n" + bytes(octets)
    whole = bytearray(request(chance) if kind == 2 else response(chance))
    for _ in range(chance.randrange(1, 8)):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole[: chance.randrange(1, len(whole) + 1)])


def request(chance: random.Random) -> bytes:
    """A request of a stranger, or of a dialog that is not there."""
    method = chance.choice(_METHODS)
    number = chance.randrange(1, 2**31)
    salt = chance.randrange(2**32)
    to = f";tag=t{salt}" if chance.randrange(2) else ""
    via = f"Via: SIP/2.0/UDP 127.1.2.3;branch=z9hG4bK{number}{salt};rport\r\n"
    fields = _FIELDS.format(n=number, salt=salt, method=method, to=to, host=HOST)
    return f"{method} sip:nobody@{HOST} SIP/2.0\r\n{via}{fields}".encode()


def response(chance: random.Random) -> bytes:
    """A response to nothing that was ever asked."""
    number = chance.randrange(1, 2**31)
    salt = chance.randrange(2**32)
    via = f"Via: SIP/2.0/UDP {HOST}:5060;branch=z9hG4bK{number}{salt};rport\r\n"
    method = chance.choice(("INVITE", "INVITE", "BYE", "OPTIONS"))
    fields = _FIELDS.format(
        n=number, salt=salt, method=method, to=f";tag=t{salt}", host=HOST
    )
    return f"SIP/2.0 {chance.choice(_STATUSES)} Odd\r\n{via}{fields}".encode()


DATAGRAMS: dict[str, Callable[[random.Random], bytes]] = {
    "garbage": garbage,
    "responses": response,
    "requests": request,
}


def waiting(port: int) -> int:
    """Octets that the system keeps for a UDP socket of loopback."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1] == wanted:
            return int(columns[4].partition(":")[2], 16)
    return 0


def flood_datagrams(kind: str, port: int, count: int, seed: int) -> None:
    """Send so many of a kind, from one address in 6,000 after the other."""
    chance = random.Random(seed)
    make = DATAGRAMS[kind]
    sources = _sources()
    sent = 0
    while sent < count:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
            source.bind((next(sources), 0))
            for _ in range(min(_OF_ONE_SOURCE, count - sent)):
                # From the address of the peers themselves, too: see `_sources`.
                source.sendto(make(chance), (HOST, port))
                sent += 1
        if sent % _BURST < _OF_ONE_SOURCE:
            while waiting(port) > _MOST_WAITING:
                time.sleep(0.001)


def _sources() -> Iterator[str]:
    """Each second one is the peers' own address."""
    while True:
        for number in range(6000):
            yield HOST
            yield f"127.9.{number // 200}.{number % 200 + 1}"


def flood_connections(kind: str, port: int, count: int, seed: int) -> None:
    """Make so many connections, and do with them what the kind says.

    All of them stay open as long as there is room for them here.
    """
    chance = random.Random(seed)
    sources = _sources()
    begun: list[socket.socket] = []
    for _ in range(count):
        try:
            begun.append(_connect(kind, port, next(sources), chance))
        except OSError:
            # Refused: a flood that is not let in.
            continue
        if len(begun) >= _MOST_OPEN:
            begun.pop(chance.randrange(len(begun))).close()
    for connection in begun:
        connection.close()


def _connect(kind: str, port: int, source: str, chance: random.Random) -> socket.socket:
    connection = socket.create_connection((HOST, port), 5, (source, 0))
    try:
        if kind == "half-messages" and chance.randrange(2):
            octets = request(chance)
            connection.sendall(octets[: chance.randrange(1, len(octets) - 1)])
        elif kind == "half-handshakes" and chance.randrange(2):
            connection.sendall(_hello()[: chance.randrange(1, 100)])
        elif kind == "handshakes":
            return _CONTEXT.wrap_socket(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    beginning = _CONTEXT.wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        beginning.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE

CONNECTIONS = ("half-messages", "half-handshakes", "handshakes")


def main() -> None:
    """Flood once."""
    kind = sys.argv[1]
    # Whoever is flooded may have few descriptors; the flood has as many as it can.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port, count, seed = (int(text) for text in sys.argv[2:])
    flood = flood_datagrams if kind in DATAGRAMS else flood_connections
    flood(kind, port, count, seed)


if __name__ == "__main__":
    main()
