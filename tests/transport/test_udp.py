"""UDP: datagrams to messages, and back."""

from __future__ import annotations

import socket
import struct
import sys
from errno import ENETUNREACH, ENOBUFS
from typing import Any

from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import ISystemHandle
from twisted.internet.testing import FakeDatagramTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response
from sipuac.syntax.parser import parse_message
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener
from sipuac.transport.udp import MAX_FLOWS, UdpFlow, UdpProtocol
from tests.transport.peers import FakeReactor, Receiver, ok, options

PEER = ("192.0.2.9", 5060)


class UdpCase(SynchronousTestCase):
    """One UDP socket in memory."""

    def setUp(self) -> None:
        """A layer that listens at 192.0.2.1:5060."""
        self.reactor = FakeReactor()
        self.receiver = Receiver()
        self.layer = self.layer_on(Listener("UDP", "192.0.2.1", 5060))
        self.protocol = self.protocol_of(self.reactor)

    def layer_on(self, *listeners: Listener, **arguments: object) -> TransportLayer:
        """A started layer."""
        layer = TransportLayer(self.reactor, listeners, **arguments)  # type: ignore[arg-type]  # passed on
        layer.set_receiver(self.receiver)
        self.successResultOf(layer.start())
        return layer

    def protocol_of(self, reactor: FakeReactor) -> UdpProtocol:
        """The protocol on the last UDP socket."""
        protocol = reactor.udp_ports[-1][1]
        assert isinstance(protocol, UdpProtocol)
        return protocol

    def sent(self) -> list[tuple[bytes, tuple[str, int]]]:
        """The datagrams that were sent, and to whom."""
        transport: Any = self.protocol.transport
        written: list[tuple[bytes, tuple[str, int]]] = transport.written
        return written

    def flow_to(self, host: str = "192.0.2.9", port: int = 5060) -> UdpFlow:
        """The flow to a peer."""
        flow = self.successResultOf(
            self.layer.connect(Destination("UDP", host, port, host))
        )
        assert isinstance(flow, UdpFlow)
        return flow


class ReceivingTests(UdpCase):
    """What comes in."""

    def test_request(self) -> None:
        """A request is handed up with its source in the top Via (3581-4-a)."""
        self.protocol.datagramReceived(options().render(), ("192.0.2.9", 49152))
        [(request, flow)] = self.receiver.received
        self.assertEqual(request.top_via.rport, 49152)
        self.assertEqual(request.top_via.received, "192.0.2.9")
        self.assertEqual(flow.remote, ("192.0.2.9", 49152))
        self.assertEqual(flow.local, ("192.0.2.1", 5060))
        self.assertEqual(flow.transport, "UDP")
        self.assertFalse(flow.is_reliable)

    def test_response(self) -> None:
        """A response is handed up as it came."""
        self.protocol.datagramReceived(ok().render(), PEER)
        self.assertEqual(self.receiver.messages, [ok()])

    def test_one_flow_for_one_peer(self) -> None:
        """Whoever it was made by, the flow to a peer is one and the same."""
        flow = self.flow_to()
        self.protocol.datagramReceived(ok().render(), PEER)
        self.assertIs(self.receiver.received[0][1], flow)
        self.assertIs(self.flow_to(), flow)

    def test_flows_are_bounded(self) -> None:
        """Datagrams from everywhere cannot fill our memory with flows."""
        for port in range(1, MAX_FLOWS + 100):
            self.protocol.datagramReceived(b"\r\n", ("192.0.2.9", port))
            self.protocol.flow_to("192.0.2.9", port)
        self.assertEqual(len(self.protocol._flows), MAX_FLOWS)

    def test_octets_after_the_body(self) -> None:
        """Additional bytes beyond the end of the body MUST be discarded."""
        self.protocol.datagramReceived(ok().render() + b"more", PEER)
        self.assertEqual(self.receiver.messages[0].body, b"")

    def test_keepalives(self) -> None:
        """Empty lines that only hold a way through a NAT open are no messages."""
        for datagram in (b"", b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0"):
            self.protocol.datagramReceived(datagram, PEER)
        self.assertEqual(self.layer.counters["keepalives"], 5)
        self.assertEqual(self.layer.counters["malformed"], 0)
        self.assertEqual(self.receiver.received, [])

    def test_garbage_is_counted_and_dropped(self) -> None:
        """What is not SIP is counted, and nobody is answered."""
        for datagram in (b"hello", b"\x02\x01\x00\x00!\x12\xa4B", b"\xff" * 65507):
            self.protocol.datagramReceived(datagram, PEER)
        self.assertEqual(self.layer.counters["malformed"], 3)
        self.assertEqual(self.sent(), [])

    def test_stun(self) -> None:
        """The first octet of a STUN packet has a value of 0 or 1, that of a SIP message
        never: what is STUN is counted apart, and not answered (5626-8-a).
        """
        for first in (b"\0", b"\1"):
            self.protocol.datagramReceived(first + b"\x01\x00\x00!\x12\xa4B", PEER)
        self.assertEqual(self.layer.counters["stun-packets"], 2)
        self.assertEqual(self.layer.counters["malformed"], 0)
        self.assertEqual((self.sent(), self.receiver.received), ([], []))

    def test_malformed_request_is_answered(self) -> None:
        """If a request's body is shorter than its Content-Length, the element SHOULD
        generate a 400, sent where its Via says.
        """
        datagram = (
            options().render().replace(b"Content-Length: 0", b"Content-Length: 10")
        )
        for _ in range(2):
            self.protocol.datagramReceived(datagram, ("192.0.2.9", 49152))
        self.assertEqual(self.receiver.received, [])
        first, second = self.sent()
        self.assertEqual(first, second)
        octets, remote = first
        response = parse_message(octets)
        assert isinstance(response, Response)
        self.assertEqual(response.status, 400)
        self.assertEqual(response.cseq, options().cseq)
        self.assertEqual(response.top_via.received, "192.0.2.9")
        self.assertIsNotNone(response.to_tag)
        self.assertEqual(remote, ("192.0.2.9", 49152))
        self.assertEqual(self.layer.counters["malformed"], 2)
        self.assertEqual(self.layer.counters["malformed-answered"], 2)

    def test_malformed_request_says_how_to_answer(self) -> None:
        """A request of another version gets 505, one with a bad field 400."""
        self.protocol.datagramReceived(
            options().render().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n"), PEER
        )
        self.protocol.datagramReceived(options(cseq="1 INVITE").render(), PEER)
        statuses = [parse_message(octets) for octets, _ in self.sent()]
        self.assertEqual(
            [getattr(response, "status", None) for response in statuses], [505, 400]
        )

    def test_malformed_response_is_dropped(self) -> None:
        """If the message is a response, it MUST be discarded."""
        self.protocol.datagramReceived(
            ok().render().replace(b"Content-Length: 0", b"Content-Length: 10"), PEER
        )
        self.protocol.datagramReceived(ok().without("CSeq").render(), PEER)
        self.assertEqual(self.receiver.received, [])
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.layer.counters["malformed"], 2)

    def test_malformed_ack_is_not_answered(self) -> None:
        """An ACK never gets a response."""
        ack = Request("ACK", "sip:us@192.0.2.1", options().header_items())
        self.protocol.datagramReceived(ack.render(), PEER)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.layer.counters["malformed"], 1)

    def test_request_without_a_way_back_is_dropped(self) -> None:
        """Without Via or Call-ID there is nothing to answer with."""
        for name in ("Via", "Call-ID"):
            self.protocol.datagramReceived(options().without(name).render(), PEER)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.layer.counters["malformed"], 2)

    def test_every_cut_of_a_datagram(self) -> None:
        """A datagram cut anywhere never raises and never reaches the receiver."""
        whole = options(body=b"0123456789").render()
        for length in range(len(whole)):
            self.protocol.datagramReceived(whole[:length], PEER)
        self.assertEqual(self.receiver.received, [])

    def test_fault_of_the_receiver(self) -> None:
        """An exception above the transport is logged, and the next message comes."""

        def fail(message: object, flow: object) -> None:
            raise RuntimeError("not foreseen")

        self.patch(self.receiver, "message_received", fail)
        self.protocol.datagramReceived(ok().render(), PEER)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.layer.counters["receiver-errors"], 1)


class BufferTests(UdpCase):
    """The room that the system has for datagrams that we have not read."""

    def buffer_on(
        self, error: Exception | None = None, granted: int = 4 * 1024 * 1024
    ) -> list[tuple[int, ...]]:
        """What a new socket is asked for."""
        asked: list[tuple[int, ...]] = []

        @implementer(ISystemHandle)
        class Transport(FakeDatagramTransport):
            def getHandle(self) -> object:
                return self

            def setsockopt(self, *option: int) -> None:
                asked.append(option)
                if error is not None:
                    raise error

            def getsockopt(self, *option: int) -> int | bytes:
                if error is not None:
                    raise error
                if option[1] not in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                    return struct.pack("=9I", 5000, 0, 0, 0, 0, 0, 0, 0, 7)
                return granted * (2 if sys.platform == "linux" else 1)

        transport: Any = Transport()
        self.protocol.transport = transport
        self.protocol.startProtocol()
        return asked

    def test_room_for_bursts(self) -> None:
        """The system is asked for 4 MiB each way, without which bursts are lost."""
        options = [
            (socket.SOL_SOCKET, name, 4 * 1024 * 1024)
            for name in (socket.SO_RCVBUF, socket.SO_SNDBUF)
        ]
        self.assertEqual(self.buffer_on(), options)
        self.assertEqual(self.layer.counters["small-receive-buffers"], 0)

    def test_less_room(self) -> None:
        """What the system gives is seen, and counted where it is less."""
        self.buffer_on(granted=212_992)
        self.assertEqual(self.layer.counters["small-receive-buffers"], 1)
        (load,) = self.layer.socket_loads()
        self.assertEqual((load.receive_buffer, load.send_buffer), (212_992, 212_992))

    def test_what_was_lost(self) -> None:
        """Linux tells how many datagrams found no room; other systems do not."""
        self.buffer_on()
        (load,) = self.layer.socket_loads()
        self.assertEqual((load.waiting, load.lost), (5000, 7))
        self.patch(sys, "platform", "plan9")
        (load,) = self.layer.socket_loads()
        self.assertEqual((load.waiting, load.lost), (None, None))

    def test_a_socket_that_tells_nothing(self) -> None:
        """One in memory has no load, nor has one that is closed."""
        self.assertEqual(self.layer.socket_loads(), [])
        self.buffer_on(OSError())
        self.assertEqual(self.layer.socket_loads(), [])

    def test_no_room(self) -> None:
        """Less room is no reason not to listen."""
        self.buffer_on(OSError())
        self.assertEqual(self.layer.counters["small-receive-buffers"], 1)


class SendingTests(UdpCase):
    """What goes out."""

    def test_send(self) -> None:
        """A message is one datagram to the peer."""
        self.flow_to().send(b"octets")
        self.assertEqual(self.sent(), [(b"octets", PEER)])

    def test_large_requests_are_counted(self) -> None:
        """A request over 1300 bytes goes by UDP for now, and is counted."""
        flow = self.flow_to()
        flow.send(options(body=b"x" * 1300).render())
        flow.send(ok().with_body(b"x" * 1300, "text/plain").render())
        flow.send(options().render())
        self.assertEqual(self.layer.counters["requests-over-1300"], 1)
        self.assertEqual(self.layer.counters["datagrams-sent"], 3)

    def test_system_refuses(self) -> None:
        """What the system refuses to send is a failure of the transport
        (3261-18.4-a).
        """
        flow = self.flow_to()
        for error in (
            OSError(ENETUNREACH, "Network is unreachable"),
            MessageLengthError(),
        ):

            def refuse(data: bytes, addr: object, error: Exception = error) -> None:
                raise error

            self.patch(self.protocol.transport, "write", refuse)
            self.assertRaises(TransportFailed, flow.send, b"octets")
        self.assertEqual(self.layer.counters["datagrams-sent"], 0)

    def test_full_buffers_lose_datagrams(self) -> None:
        """A datagram for which the system has no room is lost like any other."""
        flow = self.flow_to()
        for error in (BlockingIOError(), OSError(ENOBUFS, "No buffer space")):

            def refuse(data: bytes, addr: object, error: Exception = error) -> None:
                raise error

            self.patch(self.protocol.transport, "write", refuse)
            flow.send(b"octets")
        self.assertEqual(self.layer.counters["datagrams-unsent"], 2)

    def test_closed_socket(self) -> None:
        """Nothing can be sent after the end."""
        flow = self.flow_to()
        self.assertTrue(flow.is_open)
        self.successResultOf(self.layer.stop())
        self.assertFalse(flow.is_open)
        self.assertRaises(TransportFailed, flow.send, b"octets")

    def test_reply_follows_the_via(self) -> None:
        """The response goes where the Via says, from the socket that the request came
        to (3581-4-a).
        """
        self.protocol.datagramReceived(
            options("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1").render(),
            ("192.0.2.9", 49152),
        )
        request, flow = self.receiver.received[0]
        assert isinstance(request, Request)
        reply = self.successResultOf(self.layer.reply_flow(request, flow))
        reply.send(b"octets")
        self.assertEqual(self.sent(), [(b"octets", ("192.0.2.9", 5070))])

    def test_reply_to_rport_is_the_flow_of_the_request(self) -> None:
        """With rport the response goes back the way the request came."""
        self.protocol.datagramReceived(options().render(), ("192.0.2.9", 49152))
        request, flow = self.receiver.received[0]
        assert isinstance(request, Request)
        self.assertIs(self.successResultOf(self.layer.reply_flow(request, flow)), flow)


class KeepAliveTests(UdpCase):
    """Flows that are held open."""

    def test_keep_alive(self) -> None:
        """A double CRLF goes to the peer, and is no message of ours."""
        flow = self.flow_to()
        flow.keep_alive()
        self.assertEqual(self.sent(), [(b"\r\n\r\n", PEER)])
        self.assertEqual(self.layer.counters["keepalives-sent"], 1)
        self.assertEqual(self.layer.counters["datagrams-sent"], 0)
        self.protocol.datagramReceived(b"\r\n", PEER)
        self.assertEqual(flow.pongs, 1)

    def test_failed_flow(self) -> None:
        """Who waits on a flow and who watches it hear that it has failed; it can be
        used again.
        """
        flow, other = self.flow_to(), self.flow_to("192.0.2.8")
        told: list[TransportFailed] = []
        for one in (flow, other):
            one.watchers.add(told.append)
        error = TransportFailed("it is gone")
        flow.fail(error)
        self.assertEqual(told, [error])
        self.assertEqual(self.receiver.failed, [(flow, error)])
        flow.watchers.remove(told.append)
        flow.fail(error)
        self.assertEqual(told, [error])
        flow.send(b"octets")

    def test_watched_flows_are_not_forgotten(self) -> None:
        """Datagrams from everywhere cannot make us forget a flow that is kept."""
        flow = self.flow_to()
        flow.watchers.add(lambda error: None)
        for port in range(1, MAX_FLOWS + 10):
            self.protocol.flow_to("198.51.100.9", port)
        self.assertIs(self.flow_to(), flow)
        self.assertEqual(len(self.protocol._flows), MAX_FLOWS)


class SentByTests(UdpCase):
    """What goes into Via and Contact."""

    def test_bound_address(self) -> None:
        """sent-by is the address and port that we listen on (3261-18.1.1-c)."""
        self.assertEqual(self.flow_to().sent_by, ("192.0.2.1", 5060))

    def test_wildcard(self) -> None:
        """A socket bound to all is named by the address that faces the peer, which is
        looked for once.
        """
        asked: list[str] = []

        def facing(host: str) -> str:
            asked.append(host)
            return "198.51.100.1"

        self.layer = self.layer_on(Listener("UDP", "", 5062), local_address=facing)
        for _ in range(3):
            self.assertEqual(self.flow_to().sent_by, ("198.51.100.1", 5062))
            self.assertEqual(self.flow_to().local, ("198.51.100.1", 5062))
        self.assertEqual(asked, ["192.0.2.9"])

    def test_no_way_to_the_peer(self) -> None:
        """Without a route there is no flow."""

        def nowhere(host: str) -> str:
            raise TransportFailed("no route")

        layer = self.layer_on(Listener("UDP", "", 5062), local_address=nowhere)
        self.failureResultOf(
            layer.connect(Destination("UDP", "192.0.2.9", 5060, "")), TransportFailed
        )

    def test_advertised(self) -> None:
        """The advertised host stands for our own, the port stays."""
        self.layer = self.layer_on(
            Listener("UDP", "192.0.2.1", 5062), advertise="sip.example.com"
        )
        flow = self.flow_to()
        self.assertEqual(flow.sent_by, ("sip.example.com", 5062))
        self.assertEqual(flow.local, ("192.0.2.1", 5062))
