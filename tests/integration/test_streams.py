"""Real connections with peers that cut, join, break and stop reading them."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from sipuac.errors import TransportFailed
from sipuac.service.inviter_service import InviterService
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.parser import parse_message
from sipuac.transport.interfaces import IFlow
from sipuac.transport.listener import Listener
from sipuac.transport.stream import MAX_UNSENT
from sipuac.transport.tls import TlsSettings
from tests.integration.loopback import Collector, LoopbackCase, Steps, request_over
from tests.integration.peer_case import PeerTestCase
from tests.integration.peers import ready, require
from tests.integration.scenarios import Behaviour
from tests.integration.segmenter import Segmenter
from tests.transport.certificates import address, authority, issue
from tests.transport.peers import options

HOST = "127.0.0.1"
VIA = f"SIP/2.0/TCP {HOST}:5060;branch=z9hG4bK1"


class PlainPeerCase(LoopbackCase):
    """A layer, and a peer that is a plain connection."""

    @inlineCallbacks
    def peer_of(self, port: int) -> Any:
        """A plain connection to this port."""
        from twisted.internet import reactor

        peer = yield connectProtocol(HostnameEndpoint(reactor, HOST, port), Collector())
        self.addCleanup(peer.transport.abortConnection)
        return peer

    @inlineCallbacks
    def connected_pair(self, **arguments: Any) -> Any:
        """A flow of ours, its layer and receiver, and the plain end of it."""
        from twisted.internet import reactor

        ends: list[Collector] = []

        def accepted(ignored: object) -> Collector:
            ends.append(Collector())
            return ends[-1]

        factory = Factory.forProtocol(Collector)
        self.patch(factory, "buildProtocol", accepted)
        listening = yield TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(factory)
        self.addCleanup(listening.stopListening)
        layer, receiver = yield self.started(Listener("UDP", HOST), **arguments)
        port = listening.getHost().port
        flow = yield layer.connect(Destination("TCP", HOST, port, HOST))
        while not (ends and ends[0].connected):
            yield deferLater(reactor, 0.01)
        return flow, layer, receiver, ends[0]


class SegmentTests(PlainPeerCase):
    """What a stream may do to messages (3261-18.3-d)."""

    @inlineCallbacks
    def test_octet_by_octet(self) -> Steps:
        """A response in segments of one octet is one response (3261-18.3-d)."""
        from twisted.internet import reactor

        flow, _, receiver, peer = yield self.connected_pair()
        request = request_over(flow)
        flow.send(request.render())
        yield peer.has(b"\r\n\r\n")
        peer.transport.setTcpNoDelay(True)
        arrival = receiver.something()
        for octet in response_to(request, 200, to_tag="t").render():
            peer.transport.write(bytes([octet]))
            yield deferLater(reactor, 0.0)
        yield arrival
        [(response, back)] = receiver.received
        self.assertEqual(response.status, 200)
        self.assertIs(back, flow)

    @inlineCallbacks
    def test_several_messages_in_a_segment(self) -> Steps:
        """A segment may hold pings, several messages, and the beginning of another
        (3261-18.3-d).
        """
        flow, layer, receiver, peer = yield self.connected_pair()
        request = request_over(flow)
        responses = [
            response_to(request, status, to_tag="t").render()
            for status in (180, 183, 200)
        ]
        arrival = receiver.something()
        peer.transport.write(
            b"\r\n\r\n" + b"".join(responses) + b"\r\n\r\n" + responses[0][:50]
        )
        yield arrival
        yield peer.has(b"\r\n\r\n")
        self.assertEqual([m.status for m in receiver.messages], [180, 183, 200])
        self.assertEqual(layer.counters["pings"], 2)
        arrival = receiver.something()
        peer.transport.write(responses[0][50:])
        yield arrival
        self.assertEqual(receiver.messages[-1].status, 180)


class EndTests(PlainPeerCase):
    """How peers end connections (3261-18.4-a)."""

    @inlineCallbacks
    def test_half_close(self) -> Steps:
        """Who closes its direction after its requests gets the answers to all of them;
        no more is awaited from it.
        """
        server, receiver = yield self.started(Listener("UDP", HOST))

        def answer(message: Request, flow: IFlow) -> None:
            flow.send(
                response_to(message, 200, to_tag="t", body=b"x" * 50_000).render()
            )

        self.patch(receiver, "message_received", answer)
        peer = yield self.peer_of(self.port_of(server, "TCP"))
        peer.transport.write(options(VIA).render() * 20)
        peer.transport.loseWriteConnection()
        yield peer.closed
        self.assertEqual(peer.octets.count(b"SIP/2.0 200 OK"), 20)
        self.assertGreater(len(peer.octets), 1_000_000)
        self.assertEqual(len(receiver.failed), 1)

    @inlineCallbacks
    def test_reset(self) -> Steps:
        """A reset reaches whoever waits (3261-18.4-a)."""
        flow, layer, receiver, peer = yield self.connected_pair()
        failure = receiver.something()
        handle = peer.transport.getHandle()
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.transport.abortConnection()
        yield failure
        [(failed, error)] = receiver.failed
        self.assertIs(failed, flow)
        self.assertFalse(flow.is_open)
        self.assertEqual(layer.counters["connections-lost"], 1)

    @inlineCallbacks
    def test_peer_that_does_not_read(self) -> Steps:
        """What waits for a peer that does not read is bounded: beyond it the flow
        fails, and is counted.
        """
        flow, layer, receiver, peer = yield self.connected_pair()
        peer.transport.pauseProducing()
        yield self.overrun(flow)
        self.assertEqual(layer.counters["peers-too-slow"], 1)
        self.assertEqual([failed for failed, _ in receiver.failed], [flow])

    @inlineCallbacks
    def test_tls_peer_that_does_not_read(self) -> Steps:
        """So it is over TLS."""
        root = authority()
        shown = issue([address(HOST)], issuer=root).write(self.mktemp())
        server, _ = yield self.started(Listener("TLS", HOST, 0, shown))
        client, receiver = yield self.started(
            Listener("UDP", HOST),
            tls=TlsSettings(root.write(self.mktemp()).certificate),
        )
        port = self.port_of(server, "TLS")
        flow = yield client.connect(Destination("TLS", HOST, port, HOST))
        [accepted] = server._connections._accepted
        accepted.transport.pauseProducing()
        yield self.overrun(flow)
        self.assertEqual(client.counters["peers-too-slow"], 1)
        self.assertEqual([failed for failed, _ in receiver.failed], [flow])
        accepted.transport.abortConnection()

    @inlineCallbacks
    def overrun(self, flow: IFlow) -> Steps:
        """Write until the flow fails; that is soon after it is choked."""
        from twisted.internet import reactor

        piece = request_over(flow, b"x" * 60_000).render()
        written = 0
        # The system and Twisted have buffers of their own.
        while written < 32 * MAX_UNSENT:
            try:
                flow.send(piece)
            except TransportFailed as error:
                self.assertIn("does not read", str(error))
                break
            written += len(piece)
            yield deferLater(reactor, 0.0)
        self.assertFalse(flow.is_open)


class AcceptedTests(PlainPeerCase):
    """Responses that come another way (3261-18.1.1-d)."""

    @inlineCallbacks
    def test_response_over_a_new_connection(self) -> Steps:
        """Responses are accepted on new connections and datagrams at the address and
        port of sent-by (3261-18.1.1-d).
        """
        flow, layer, receiver, peer = yield self.connected_pair()
        request = request_over(flow)
        flow.send(request.render())
        yield peer.has(b"\r\n\r\n")
        sent = parse_message(peer.octets)
        assert isinstance(sent, Request)
        host, port = sent.top_via.sent_by
        response = response_to(sent, 200, to_tag="t").render()
        other = yield self.peer_of(port)
        arrival = receiver.something()
        other.transport.write(response)
        yield arrival
        arrival = receiver.something()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(response, (host, port))
        yield arrival
        self.assertEqual(
            [(type(m), f.transport) for m, f in receiver.received],
            [(Response, "TCP"), (Response, "UDP")],
        )


class SippTests(PeerTestCase):
    """Calls to a SIPp phone over TCP, through a relay that cuts and joins."""

    def setUp(self) -> None:
        """The phone alone is needed."""
        require("sipp")
        super().setUp()

    async def call_through(self, relay: Segmenter) -> None:
        """A call that stands, and is hung up by the phone."""
        phone = self.phones[0]
        service = InviterService(
            "sip:caller@example.com",
            proxy=f"sip:{HOST}:{relay.port};transport=tcp;lr",
            reactor=self.reactor,
            bind=HOST,
            drain=2.0,
        )
        service.startService()
        self.addCleanup(service.stopService)
        call = await service.call(f"sip:bob@{HOST}")
        await call.ended
        self.assertEqual(phone.methods(), ["INVITE", "ACK"])
        assert service.endpoint is not None
        counters = service.endpoint.transport.counters
        self.assertEqual((counters["malformed"], counters["framing-lost"]), (0, 0))

    async def relay_to_phone(self, **arguments: Any) -> Segmenter:
        """A relay to a phone that rings, answers and hangs up."""
        phone = self.phone(
            Behaviour(
                provisionals=("180 Ringing", "183 Session Progress with SDP"),
                after=0.05,
                hangs_up_after=0.2,
            ),
            "tcp",
        )
        await ready(self.clock, phone)
        relay = Segmenter(self.reactor, phone.port, **arguments)
        self.addCleanup(relay.stop)
        return relay

    async def test_one_octet_segments(self) -> None:
        """All responses in segments of one octet (3261-18.3-d)."""
        relay = await self.relay_to_phone(size=1)
        await self.call_through(relay)
        self.assertEqual(set(relay.writes), {1})
        self.assertGreater(len(relay.writes), 800)

    async def test_several_messages_in_a_segment(self) -> None:
        """Ringing, progress and answer in one segment (3261-18.3-d)."""
        relay = await self.relay_to_phone(gather=0.5)
        await self.call_through(relay)
        self.assertLessEqual(len(relay.writes), 2)
