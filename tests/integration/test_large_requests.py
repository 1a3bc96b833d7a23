"""Large requests over real sockets, to servers with TCP and without."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol

from sipuac.syntax.message import Request, response_to
from sipuac.syntax.parser import parse_message
from sipuac.transport.listener import Listener
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.user_agent import SocketSettings
from tests.integration.loopback import LoopbackCase, Steps
from tests.transport.peers import options

HOST = "127.0.0.1"
LARGE = options(body=b"x" * 5000).without_top_via()


class UdpServer(DatagramProtocol):
    """A server that has UDP only, and answers everything with 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        request = parse_message(datagram)
        assert isinstance(request, Request)
        assert self.transport is not None
        self.requests.append(request)
        self.transport.write(response_to(request, 200, to_tag="t").render(), addr)


class LargeRequestTests(LoopbackCase):
    """RFC 3261 section 18.1.1, with the system's own words."""

    @inlineCallbacks
    def endpoint(self) -> Any:
        """Our endpoint."""
        from twisted.internet import reactor

        endpoint: Endpoint = SocketSettings(bind=HOST).make_endpoint(reactor)
        yield endpoint.start()
        self.addCleanup(endpoint.stop)
        return endpoint

    @inlineCallbacks
    def answer_to(self, endpoint: Endpoint, port: int) -> Steps:
        """Send a large request; it is answered with 200."""
        from sipuac.syntax.uri import parse_uri

        flow = yield endpoint.flow_to(parse_uri(f"sip:{HOST}:{port}"))
        self.assertEqual(flow.transport, "UDP")
        answered: Deferred[Any] = endpoint.request(LARGE, flow)
        response = yield answered
        self.assertEqual(response.status, 200)

    @inlineCallbacks
    def test_server_with_tcp(self) -> Steps:
        """It goes over TCP, to the same port (3261-18.1.1-a)."""
        endpoint = yield self.endpoint()
        server, receiver = yield self.started(Listener("UDP", HOST))

        def answer(request: Request, flow: Any) -> None:
            receiver.received.append((request, flow))
            flow.send(response_to(request, 200, to_tag="t").render())

        self.patch(receiver, "message_received", answer)
        yield self.answer_to(endpoint, self.port_of(server, "UDP"))
        [(request, flow)] = receiver.received
        self.assertEqual((flow.transport, request.top_via.transport), ("TCP", "TCP"))
        self.assertEqual(request.body, LARGE.body)

    @inlineCallbacks
    def test_server_without_tcp(self) -> Steps:
        """Where TCP is refused it goes over UDP (3261-18.1.1-a)."""
        from twisted.internet import reactor

        server = UdpServer()
        listening: Any = reactor.listenUDP(0, server, HOST, 65535)  # type: ignore[attr-defined]  # of those with UDP
        self.addCleanup(listening.stopListening)
        endpoint = yield self.endpoint()
        yield self.answer_to(endpoint, listening.getHost().port)
        [request] = server.requests
        self.assertEqual(request.top_via.transport, "UDP")
        self.assertEqual(request.body, LARGE.body)
