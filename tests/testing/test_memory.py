"""The network in memory and its transports."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import parse_uri
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.memory_transport import MemoryTransport
from sipuac.testing.packets import Conditions, Packet
from sipuac.testing.station import Station
from sipuac.transport.interfaces import IFlow


class Host(Station):
    """Keeps what it receives, and which flows have failed."""

    transport: MemoryTransport

    def __init__(self, network: MemoryNetwork, host: str, *protocols: str) -> None:
        transport = network.transport(host, 5060, *(protocols or ("UDP",)))
        super().__init__(transport, network.clock, host)
        self.failed: list[IFlow] = []
        self.start()

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""
        self.failed.append(flow)

    def numbers(self) -> list[int]:
        """The CSeq numbers of what came, in order."""
        return [message.cseq.number for message in self.received]


class NetworkCase(SynchronousTestCase):
    """Two hosts, a and b, for UDP and TCP."""

    def setUp(self) -> None:
        """A network without delay."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, seed=7)
        self.a = Host(self.network, "192.0.2.1", "UDP", "TCP")
        self.b = Host(self.network, "192.0.2.2", "UDP", "TCP")

    def flow(self, protocol: str = "UDP") -> IFlow:
        """A flow from a to b."""
        connecting = self.a.transport.connect(
            Destination(protocol, "192.0.2.2", 5060, "192.0.2.2")
        )
        self.network.advance()
        return self.successResultOf(connecting)

    def message(
        self, number: int = 1, via: str | None = None, protocol: str = "UDP"
    ) -> Request:
        """A request to b."""
        top = via or f"SIP/2.0/{protocol} 192.0.2.1:5060;branch=z9hG4bK{number}"
        rows = [
            ("Via", top),
            ("Max-Forwards", "70"),
            ("From", "<sip:a@192.0.2.1>;tag=a"),
            ("To", "<sip:b@192.0.2.2>"),
            ("Call-ID", "c"),
            ("CSeq", f"{number} OPTIONS"),
        ]
        return Request("OPTIONS", parse_uri("sip:b@192.0.2.2"), rows)

    def send(self, flow: IFlow, *numbers: int) -> None:
        """Send requests of these numbers, and let them arrive."""
        for number in numbers:
            self.a.send_over(self.message(number), flow)
        self.network.advance()

    def assert_quiet(self) -> None:
        """Nothing is left on the clock."""
        self.assertEqual(self.clock.getDelayedCalls(), [])


def is_number(number: int, packet: Packet) -> bool:
    """Whether a packet holds the request of this number."""
    return packet.message is not None and packet.message.cseq.number == number


class DatagramTests(NetworkCase):
    """UDP-like flows."""

    def test_arrives(self) -> None:
        """A message arrives as octets that were parsed again, in a later call."""
        message = self.message()
        self.a.send_over(message, self.flow())
        self.assertEqual(self.b.received, [])
        self.network.advance()
        self.assertEqual(self.b.received, [message])
        self.assertIsNot(self.b.received[0], message)
        self.assert_quiet()

    def test_log(self) -> None:
        """The log has time, source, destination, octets and what became of them."""
        self.network.conditions = Conditions(delay=0.2)
        self.clock.advance(1.0)
        self.send(self.flow(), 1)
        packet = self.network.log[0]
        self.assertEqual(packet.time, 1.0)
        self.assertEqual(packet.source, ("192.0.2.1", 5060))
        self.assertEqual(packet.destination, ("192.0.2.2", 5060))
        self.assertEqual(packet.octets, self.message().render())
        self.assertEqual(packet.fate, "under way")
        self.network.advance(0.2)
        self.assertEqual((packet.fate, packet.arrivals), ("arrived", [1.2]))
        self.assertIn("OPTIONS sip:b@192.0.2.2", self.network.transcript())

    def test_received_and_rport(self) -> None:
        """Via gets received and rport where it asks for them (RFC 3581 section 4)."""
        flow = self.flow()
        via = "SIP/2.0/UDP a.example:5070;rport;branch=z9hG4bK1"
        self.a.send_over(self.message(via=via), flow)
        self.network.advance()
        top = self.b.received[0].top_via
        self.assertEqual((top.received, top.rport), ("192.0.2.1", 5060))

    def test_received_for_a_name(self) -> None:
        """A sent-by that is not the source gets received, asked or not (18.2.1)."""
        self.a.send_over(self.message(via="SIP/2.0/UDP a.example"), self.flow())
        self.network.advance()
        top = self.b.received[0].top_via
        self.assertEqual((top.received, top.has_rport), ("192.0.2.1", False))

    def test_untouched_via(self) -> None:
        """A sent-by that is the source is left alone."""
        self.send(self.flow(), 1)
        self.assertIsNone(self.b.received[0].top_via.received)

    def reply_address(self, via: str) -> tuple[str, int]:
        """Where the response to a request with this Via goes."""
        replying = self.b.transport.reply_flow(self.message(via=via), self.flow())
        return self.successResultOf(replying).remote

    def test_reply_address(self) -> None:
        """Responses go to maddr, received and rport, or sent-by (18.2.2, RFC 3581)."""
        top = "SIP/2.0/UDP 192.0.2.1:5070"
        self.assertEqual(self.reply_address(top), ("192.0.2.1", 5070))
        name = "SIP/2.0/UDP a.example;received=192.0.2.9"
        self.assertEqual(self.reply_address(name), ("192.0.2.9", 5060))
        self.assertEqual(self.reply_address(f"{name};rport=99"), ("192.0.2.9", 99))
        self.assertEqual(
            self.reply_address(f"{top};maddr=10.0.0.1"), ("10.0.0.1", 5070)
        )

    def test_malformed_request(self) -> None:
        """A request that cannot be handed up gets 400, and is counted."""
        data = self.message().render().replace(b"CSeq: 1", b"CSeq: x")
        self.network.inject(data, ("192.0.2.1", 5060), ("192.0.2.2", 5060))
        self.network.advance()
        self.assertEqual(self.b.received, [])
        self.assertEqual(self.b.transport.counters["malformed"], 1)
        answer = self.network.log[-1]
        self.assertEqual(answer.destination, ("192.0.2.1", 5060))
        self.assertTrue(answer.first_line.startswith("SIP/2.0 400"))

    def test_garbage(self) -> None:
        """What is no message is dropped and counted."""
        self.network.inject(b"hello", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
        self.network.advance()
        self.assertEqual(self.b.transport.counters["malformed"], 1)
        self.assertEqual(len(self.network.log), 1)

    def test_keep_alive(self) -> None:
        """A datagram of CRLFs is passed over."""
        self.network.inject(b"\r\n\r\n", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
        self.network.advance()
        self.assertEqual(self.b.transport.counters["malformed"], 0)

    def test_nobody_there(self) -> None:
        """A datagram for nobody is lost without a sound."""
        self.b.stop()
        self.send(self.flow(), 1)
        self.assertEqual(self.network.log[0].fate, "unreachable")
        self.assertEqual(self.a.failed, [])

    def test_stopped(self) -> None:
        """A stopped transport cannot send."""
        flow = self.flow()
        self.a.transport.stop()
        self.assertFalse(flow.is_open)
        self.assertRaises(TransportFailed, flow.send, b"")
        destination = Destination("UDP", "192.0.2.2", 5060, "192.0.2.2")
        connecting = self.a.transport.connect(destination)
        self.failureResultOf(connecting, TransportFailed)

    def test_address_in_use(self) -> None:
        """Two transports cannot have one address."""
        starting = self.network.transport("192.0.2.1").start()
        self.failureResultOf(starting, TransportFailed)


class ChanceTests(NetworkCase):
    """What chance and rules do to datagrams."""

    def test_delay(self) -> None:
        """A direction can have conditions of its own."""
        self.network.set_conditions(Conditions(delay=0.5), source="192.0.2.1")
        self.network.set_conditions(Conditions(delay=0.1))
        self.send(self.flow(), 1)
        self.network.advance(0.49)
        self.assertEqual(self.b.received, [])
        self.network.advance(0.01)
        self.assertEqual(self.b.numbers(), [1])
        self.network.set_conditions(Conditions(delay=9.0), "192.0.2.1", "192.0.2.9")
        self.network.set_conditions(Conditions(delay=0.2), "192.0.2.1", "192.0.2.2")
        self.send(self.flow(), 2)
        self.network.advance(0.2)
        self.assertEqual(self.b.numbers(), [1, 2])

    def arrivals(self, conditions: Conditions, seed: int) -> list[int]:
        """In which order 100 requests arrive."""
        network = MemoryNetwork(self.clock, seed)
        network.conditions = conditions
        a, b = Host(network, "192.0.2.1"), Host(network, "192.0.2.2")
        there = Destination("UDP", "192.0.2.2", 5060, "")
        flow = self.successResultOf(a.transport.connect(there))
        for number in range(100):
            a.send_over(self.message(number), flow)
        network.advance(10.0)
        return b.numbers()

    def test_loss(self) -> None:
        """About so many datagrams are lost."""
        arrived = self.arrivals(Conditions(loss=0.3), 1)
        self.assertTrue(50 < len(arrived) < 90, len(arrived))
        self.assertEqual(arrived, sorted(arrived))

    def test_duplication(self) -> None:
        """About so many arrive twice."""
        arrived = self.arrivals(Conditions(duplication=0.3), 1)
        self.assertTrue(110 < len(arrived) < 150, len(arrived))
        self.assertEqual(set(arrived), set(range(100)))

    def test_reordering(self) -> None:
        """About so many come late, and none is lost."""
        arrived = self.arrivals(Conditions(reordering=0.3, lateness=0.5), 1)
        self.assertNotEqual(arrived, sorted(arrived))
        self.assertEqual(sorted(arrived), [*range(100)])

    def test_seed(self) -> None:
        """The same seed gives the same chances, another one others."""
        rough = Conditions(loss=0.2, jitter=0.5, duplication=0.2, reordering=0.2)
        self.assertEqual(self.arrivals(rough, 5), self.arrivals(rough, 5))
        self.assertNotEqual(self.arrivals(rough, 5), self.arrivals(rough, 6))

    def test_drop_if(self) -> None:
        """Chosen packets are dropped, so many times, until the rule is removed."""
        rule = self.network.drop_if(lambda packet: is_number(2, packet), times=1)
        self.send(self.flow(), 1, 2, 2, 3)
        self.assertEqual(self.b.numbers(), [1, 2, 3])
        self.assertEqual(rule.applied, 1)
        everything = self.network.drop_if(lambda packet: True)
        self.send(self.flow(), 4)
        everything.remove()
        self.send(self.flow(), 5)
        self.assertEqual(self.b.numbers(), [1, 2, 3, 5])
        self.assertEqual(self.network.log[-2].fate, "dropped")

    def test_delay_if(self) -> None:
        """Chosen packets are overtaken."""
        self.network.delay_if(lambda packet: is_number(1, packet), 1.0)
        self.send(self.flow(), 1, 2)
        self.network.advance(1.0)
        self.assertEqual(self.b.numbers(), [2, 1])

    def test_duplicate_if(self) -> None:
        """Chosen packets arrive twice."""
        self.network.duplicate_if(lambda packet: is_number(1, packet))
        self.send(self.flow(), 1, 2)
        self.assertEqual(self.b.numbers(), [1, 1, 2])

    def test_hold_if(self) -> None:
        """Held packets arrive, in their order, when they are released."""
        rule = self.network.hold_if(lambda packet: not is_number(3, packet))
        self.send(self.flow(), 1, 2, 3)
        self.assertEqual(self.b.numbers(), [3])
        rule.remove()
        self.network.release()
        self.network.advance()
        self.assertEqual(self.b.numbers(), [3, 1, 2])

    def test_refuse_if(self) -> None:
        """Refused packets raise in `send`."""
        self.network.refuse_if(lambda packet: True, times=1)
        flow = self.flow()
        self.assertRaises(TransportFailed, flow.send, b"x")
        self.send(flow, 2)
        self.assertEqual(self.b.numbers(), [2])

    def test_partition(self) -> None:
        """Nothing passes a partition until it heals."""
        self.network.partition(["192.0.2.1"], ["192.0.2.2"])
        self.send(self.flow(), 1)
        self.network.heal()
        self.send(self.flow(), 2)
        self.assertEqual(self.b.numbers(), [2])
        self.assertEqual(self.network.log[0].fate, "partitioned")

    def test_release_and_partition(self) -> None:
        """What a partition holds back too is not released before it heals."""
        self.network.hold_if(lambda packet: True, times=1)
        self.send(self.flow(), 1)
        self.network.partition(["192.0.2.1"], ["192.0.2.2"])
        self.network.release()
        self.network.advance()
        self.assertEqual(self.b.numbers(), [])
        self.network.heal()
        self.network.advance()
        self.assertEqual(self.b.numbers(), [1])

    def test_close(self) -> None:
        """After `close` nothing is under way, held, or connecting."""
        self.network.hold_if(lambda packet: is_number(2, packet))
        self.send(self.flow(), 0)
        self.network.conditions = Conditions(delay=1.0)
        self.send(self.flow(), 1, 2)
        there = Destination("TCP", "192.0.2.2", 5060, "")
        connecting = self.a.transport.connect(there)
        self.network.close()
        self.network.close()
        self.assert_quiet()
        self.network.release()
        self.assert_quiet()
        self.assertNoResult(connecting)


class StreamTests(NetworkCase):
    """TCP-like flows."""

    def test_connects(self) -> None:
        """A connection opens, carries both ways, and is used again."""
        flow = self.flow("TCP")
        self.assertTrue(flow.is_reliable)
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5060))
        self.assertNotEqual(flow.local, flow.sent_by)
        self.assertIs(self.flow("TCP"), flow)
        request = self.message(protocol="TCP")
        self.a.send_over(request, flow)
        self.network.advance()
        [entry] = self.b.trace
        self.assertEqual(entry.remote, flow.local)
        back = self.b.transport.connections[0]
        replying = self.b.transport.reply_flow(request, back)
        self.assertIs(self.successResultOf(replying), back)
        self.b.reply(request, back, Response(200, None, request.header_items()))
        self.network.advance()
        self.assertEqual(len(self.a.received), 1)

    def test_order(self) -> None:
        """Whatever chance holds, a stream loses nothing and keeps its order."""
        self.network.conditions = Conditions(
            jitter=1.0, loss=0.5, duplication=0.5, reordering=0.5
        )
        flow = self.flow("TCP")
        self.send(flow, *range(50))
        self.network.advance(2.0)
        self.assertEqual(self.b.numbers(), [*range(50)])

    def test_segments(self) -> None:
        """Messages survive being cut into segments of any size."""
        for size in (1, 7, 100):
            self.network.conditions = Conditions(max_segment=size)
            self.send(self.flow("TCP"), size)
        self.assertEqual(self.b.numbers(), [1, 7, 100])

    def test_refused(self) -> None:
        """Nobody listens: connecting fails."""
        self.b.stop()
        there = Destination("TCP", "192.0.2.2", 5060, "")
        connecting = self.a.transport.connect(there)
        self.network.advance()
        self.failureResultOf(connecting, TransportFailed)

    def test_timeout(self) -> None:
        """Connecting across a partition fails, after a while."""
        self.network.partition(["192.0.2.1"], ["192.0.2.2"])
        there = Destination("TCP", "192.0.2.2", 5060, "")
        connecting = self.a.transport.connect(there)
        self.network.advance(29.0)
        self.assertNoResult(connecting)
        self.network.advance(1.0)
        self.failureResultOf(connecting, TransportFailed)

    def test_giving_up(self) -> None:
        """Connecting can be given up."""
        there = Destination("TCP", "192.0.2.2", 5060, "")
        connecting = self.a.transport.connect(there)
        connecting.addErrback(lambda failure: None)
        connecting.cancel()
        self.assert_quiet()
        self.assertEqual(self.b.transport.connections, [])

    def test_partition(self) -> None:
        """A partition holds a stream back; healed, it goes on in order."""
        flow = self.flow("TCP")
        self.network.partition(["192.0.2.1"], ["192.0.2.2"])
        self.send(flow, 1, 2)
        self.assertEqual(self.b.numbers(), [])
        self.network.heal()
        self.send(flow, 3)
        self.assertEqual(self.b.numbers(), [1, 2, 3])

    def test_reset(self) -> None:
        """A reset closes both ends, and both receivers hear of it."""
        flow = self.flow("TCP")
        self.network.reset("192.0.2.1", "192.0.2.2")
        self.assertFalse(flow.is_open)
        self.assertRaises(TransportFailed, flow.send, b"x")
        self.assertEqual(self.a.failed, [])
        self.network.advance()
        self.assertEqual(self.a.failed, [flow])
        self.assertEqual(len(self.b.failed), 1)
        self.assertIsNot(self.flow("TCP"), flow)

    def test_reset_elsewhere(self) -> None:
        """A reset of others leaves a connection alone."""
        flow = self.flow("TCP")
        self.network.reset("192.0.2.1", "192.0.2.9")
        self.assertTrue(flow.is_open)

    def test_lost_under_way(self) -> None:
        """What is under way when the connection breaks never arrives."""
        flow = self.flow("TCP")
        flow.send(self.message().render())
        self.network.reset("192.0.2.2")
        self.network.advance()
        self.assertEqual(self.b.received, [])
        self.assertEqual(self.network.log[-1].fate, "reset")

    def test_reply_over_new_connection(self) -> None:
        """A response whose connection is closed takes a new one to sent-by (18.2.2)."""
        self.a.send_over(self.message(protocol="TCP"), self.flow("TCP"))
        self.network.advance()
        back = self.b.transport.connections[0]
        self.network.reset("192.0.2.1")
        replying = self.b.transport.reply_flow(self.message(protocol="TCP"), back)
        self.network.advance()
        self.assertEqual(self.successResultOf(replying).remote, ("192.0.2.1", 5060))

    def test_framing_lost(self) -> None:
        """Garbage on a stream closes it."""
        flow = self.flow("TCP")
        flow.send(b"GET / HTTP/1.1\r\n\r\n")
        self.network.advance()
        self.assertFalse(flow.is_open)
        self.assertEqual(self.b.transport.counters["framing lost"], 1)

    def test_ping(self) -> None:
        """A double CRLF is answered by a single one (RFC 5626 section 3.5.1)."""
        self.flow("TCP").send(b"\r\n\r\n")
        self.network.advance()
        self.assertEqual(self.network.log[-1].octets, b"\r\n")
        self.assertEqual(self.a.received, [])

    def test_stop(self) -> None:
        """Stopping closes the connections; only the peer is told."""
        self.flow("TCP")
        self.a.transport.stop()
        self.network.advance()
        self.assertEqual(len(self.b.failed), 1)
        self.assertEqual(self.a.failed, [])
