"""Transport layers with real sockets on loopback: what their tests have in common."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sipuac.syntax.message import Request
from sipuac.transport.interfaces import IFlow
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from tests.transport.peers import Receiver, options

Steps = Generator[Deferred[Any], Any, None]


class LoopbackCase(TestCase):
    """A test with transport layers that are stopped after it."""

    timeout = 20

    @inlineCallbacks
    def started(self, *listeners: Listener, **arguments: Any) -> Any:
        """A layer that listens, with a receiver of its own as `receiver`."""
        from twisted.internet import reactor

        layer = TransportLayer(reactor, listeners, **arguments)
        receiver = Receiver()
        layer.set_receiver(receiver)
        yield layer.start()
        self.addCleanup(layer.stop)
        return layer, receiver

    def port_of(self, layer: TransportLayer, transport: str) -> int:
        """Where the layer listens for this transport."""
        for listener in layer.listening:
            if listener.transport == transport:
                return listener.port
        raise AssertionError(f"not listening for {transport}")


def request_over(flow: IFlow, body: bytes = b"") -> Request:
    """A request with the Via that belongs to this flow."""
    host, port = flow.sent_by
    host = f"[{host}]" if ":" in host else host
    via = f"SIP/2.0/{flow.transport} {host}:{port};branch=z9hG4bK1;rport"
    return options(via, body=body)


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class Collector(Protocol):
    """One end of a plain connection: keeps what comes.

    Attributes:
        octets: All that has come.
        closed: Fires when the connection is closed.
    """

    def __init__(self) -> None:
        self.octets = b""
        self.closed: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        """Something has come."""
        self.octets += data
        for what, waiting in list(self._waiting):
            if what in self.octets:
                self._waiting.remove((what, waiting))
                waiting.callback(None)

    def has(self, what: bytes) -> Deferred[None]:
        """Fires when these octets have come."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((what, waiting))
        self.dataReceived(b"")
        return waiting

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed."""
        self.closed.callback(None)
