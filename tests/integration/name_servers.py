"""Real DNS servers on loopback, made with `twisted.names.server`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns, server
from twisted.names.authority import FileAuthority

ORIGIN = "example"
"""Everything below it is ours, and nothing else is."""


class MemoryAuthority(FileAuthority):
    """A zone whose records are given instead of read."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        self._given = records
        super().__init__(None)

    def loadFile(self, filename: object) -> None:
        """Take the records that were given."""
        soa = dns.Record_SOA(b"ns", b"root", 1, 60, 60, 60, 60, 60)
        records = {
            name.lower().encode(): records for name, records in self._given.items()
        }
        records[ORIGIN.encode()] = [soa]
        # Twisted says that both are None.
        self.soa = (ORIGIN.encode(), soa)  # type: ignore[assignment]
        self.records = records  # type: ignore[assignment]


class Factory(server.DNSServerFactory):
    """Answers, writes down what it was asked, and cuts datagrams at 512 octets.

    Attributes:
        asked: Type and name of each question, and the protocol it came over.
        response_code: What all questions are answered with; None for the truth.
    """

    noisy = False

    def __init__(self, records: dict[str, list[Any]]) -> None:
        super().__init__(authorities=[MemoryAuthority(records)])
        self.asked: list[str] = []
        self.response_code: int | None = None

    def handleQuery(self, message: Any, protocol: Any, address: Any) -> Any:
        """See `DNSServerFactory`."""
        over = "TCP" if address is None else "UDP"
        for query in message.queries:
            kind = dns.QUERY_TYPES.get(query.type, str(query.type))
            self.asked.append(f"{kind} {query.name.name.decode()} {over}")
        if self.response_code is None:
            return super().handleQuery(message, protocol, address)
        response = self._responseFromMessage(message, rCode=self.response_code)
        return self.sendReply(protocol, response, address)

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        """See `DNSServerFactory`."""
        message.maxSize = 0
        if address is not None and len(message.toStr()) > 512:
            message.trunc = 1
            message.answers = message.authority = message.additional = []
        super().sendReply(protocol, message, address)


class LocalNameServer:
    """A DNS server on loopback.

    Attributes:
        factory: What answers.
        address: Where it listens.
    """

    def __init__(
        self, reactor: Any, records: dict[str, list[Any]], host: str = "127.0.0.1"
    ) -> None:
        self.factory = Factory(records)
        for _ in range(20):
            stream = reactor.listenTCP(0, self.factory, interface=host)
            self._ports = [stream]
            self.address = (host, stream.getHost().port)
            protocol = dns.DNSDatagramProtocol(self.factory, reactor)
            try:
                datagrams = reactor.listenUDP(self.address[1], protocol, interface=host)
            except CannotListenError:
                stream.stopListening()
                continue
            self._ports.append(datagrams)
            return
        raise AssertionError("no port is free for UDP and TCP")

    @property
    def asked(self) -> list[str]:
        """Type and name of each question, and the protocol it came over."""
        return self.factory.asked

    def stop(self) -> Any:
        """Close its sockets."""
        return DeferredList([port.stopListening() for port in self._ports])


class SilentNameServer(DatagramProtocol):
    """A server that never answers, or with what it is told to."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.received = 0
        self._answer = answer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """A question came."""
        self.received += 1
        if self._answer is not None and self.transport is not None:
            # The number of the question, so that the rest is looked at.
            self.transport.write(datagram[:2] + self._answer, addr)
