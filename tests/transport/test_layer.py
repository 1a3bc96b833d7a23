"""The layer as a whole: listeners, ports, and which of them faces a peer."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.transport.interfaces import IFlow, ITransportLayer
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener, default_listeners
from sipuac.transport.tls import OwnCertificate, TlsSettings
from tests.transport.certificates import dns, issue
from tests.transport.peers import FakeReactor, connected, ok


class LayerCase(SynchronousTestCase):
    """Layers in memory."""

    def setUp(self) -> None:
        """A reactor with every port free."""
        self.reactor = FakeReactor()

    def layer_on(self, *listeners: Listener, **arguments: Any) -> TransportLayer:
        """A layer that is started."""
        layer = TransportLayer(self.reactor, listeners, **arguments)
        self.successResultOf(layer.start())
        return layer

    def listening(self, layer: TransportLayer) -> list[tuple[str, str, int]]:
        """Transport, interface and port of each listener."""
        return [(one.transport, one.interface, one.port) for one in layer.listening]

    def connect(self, layer: TransportLayer, destination: Destination) -> IFlow:
        """The flow to a server that is there."""
        connecting = layer.connect(destination)
        if destination.transport != "UDP":
            connected(
                self.reactor.tcpClients[-1][2],
                remote=(destination.host, destination.port),
            )
        flow: IFlow = self.successResultOf(connecting)
        return flow


class ListeningTests(LayerCase):
    """Opening and closing sockets."""

    def test_interface(self) -> None:
        """The layer and its flows are what the layers above expect."""
        layer = self.layer_on(*default_listeners("192.0.2.1"))
        verifyObject(ITransportLayer, layer)
        for transport in ("UDP", "TCP"):
            there = Destination(transport, "192.0.2.9", 5060, "example.com")
            verifyObject(IFlow, self.connect(layer, there))

    def test_udp_brings_tcp(self) -> None:
        """For any port and interface that a server listens on for UDP, it MUST listen
        on that same port and interface for TCP (3261-18-a).
        """
        layer = self.layer_on(Listener("UDP", "192.0.2.1", 5070))
        self.assertEqual(
            self.listening(layer),
            [("UDP", "192.0.2.1", 5070), ("TCP", "192.0.2.1", 5070)],
        )

    def test_each_place_is_opened_once(self) -> None:
        """TCP that is asked for beside UDP is the same listener; the converse is not
        true: TCP alone brings no UDP (3261-18-a).
        """
        layer = self.layer_on(
            Listener("TCP", "192.0.2.1", 5070),
            Listener("UDP", "192.0.2.1", 5070),
            Listener("UDP", "192.0.2.1", 5070),
            Listener("TCP", "192.0.2.1", 5080),
            Listener("TCP", "192.0.2.1", 5080),
        )
        self.assertEqual(
            self.listening(layer),
            [
                ("UDP", "192.0.2.1", 5070),
                ("TCP", "192.0.2.1", 5070),
                ("TCP", "192.0.2.1", 5080),
            ],
        )

    def test_chosen_port_is_the_same_for_both(self) -> None:
        """Where the system chooses the port, UDP and TCP have the same; one that is
        free for one of them only is passed over.
        """
        self.reactor.occupied = {("TCP", 40000), ("TCP", 40001)}
        layer = self.layer_on(*default_listeners("192.0.2.1"))
        self.assertEqual(
            self.listening(layer),
            [("UDP", "192.0.2.1", 40002), ("TCP", "192.0.2.1", 40002)],
        )
        closed = [port.host.port for port in self.reactor.ports if port.is_closed]
        self.assertEqual(closed, [40000, 40001])

    def test_no_common_port(self) -> None:
        """The search for a common port ends."""
        self.reactor.occupied = {("TCP", port) for port in range(40000, 41000)}
        layer = TransportLayer(self.reactor, default_listeners("192.0.2.1"))
        self.failureResultOf(layer.start(), TransportFailed)
        self.assertTrue(all(port.is_closed for port in self.reactor.ports))

    def test_occupied_port(self) -> None:
        """A listener that cannot be opened fails the start, and what was open is
        closed again.
        """
        self.reactor.occupied = {("TCP", 5061)}
        layer = TransportLayer(
            self.reactor,
            [Listener("UDP", "192.0.2.1", 5060), Listener("TCP", "192.0.2.1", 5061)],
        )
        error = self.failureResultOf(layer.start(), TransportFailed).value
        self.assertEqual(
            str(error), "cannot listen on 192.0.2.1 port 5061: Address in use"
        )
        self.assertEqual([port.is_closed for port in self.reactor.ports], [True, True])
        self.assertEqual(layer.listening, [])

    def test_stop(self) -> None:
        """Stopping closes every socket, and may be asked for again."""
        layer = self.layer_on(*default_listeners("192.0.2.1"))
        self.successResultOf(layer.stop())
        self.assertEqual([port.is_closed for port in self.reactor.ports], [True, True])
        self.successResultOf(layer.stop())
        there = Destination("UDP", "192.0.2.9", 5060, "example.com")
        self.failureResultOf(layer.connect(there), TransportFailed)

    def test_stop_before_start(self) -> None:
        """A layer that was never started can be stopped."""
        layer = TransportLayer(self.reactor, default_listeners())
        self.successResultOf(layer.stop())

    def test_bad_files_are_refused_at_once(self) -> None:
        """A file that cannot be used is found before anything is opened."""
        missing = OwnCertificate("/nonexistent/key.pem", "/nonexistent/cert.pem")
        self.assertRaises(
            LocalProtocolError,
            TransportLayer,
            self.reactor,
            [Listener("TLS", "192.0.2.1", 5061, missing)],
        )
        self.assertRaises(
            LocalProtocolError,
            TransportLayer,
            self.reactor,
            [],
            tls=TlsSettings("/nonexistent/roots.pem"),
        )
        self.assertEqual(self.reactor.ports, [])


class SentByTests(LayerCase):
    """What goes into Via and Contact over connections (3261-18.1.1-c)."""

    def test_port_of_the_listener(self) -> None:
        """It is where we listen, not where the connection happens to begin."""
        layer = self.layer_on(*default_listeners("192.0.2.1", 5070))
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.local, ("192.0.2.1", 40000))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5070))

    def test_wildcard_listener(self) -> None:
        """Of a listener on all addresses it is the connection's own address."""
        layer = self.layer_on(*default_listeners("", 5070))
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5070))

    def test_several_listeners(self) -> None:
        """Of several it is the one with the connection's own address, else the one on
        all addresses.
        """
        layer = self.layer_on(
            Listener("TCP", "", 5070),
            Listener("TCP", "192.0.2.1", 5080),
            Listener("TCP", "192.0.2.2", 5090),
        )
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5080))

    def test_listeners_of_both_families(self) -> None:
        """Of listeners on all addresses it is the first that takes the family."""
        layer = self.layer_on(
            *default_listeners("", 5070),
            *default_listeners("::", 5080),
            local_address=lambda host: "::1" if ":" in host else "192.0.2.1",
        )
        for transport, host, port in (
            ("UDP", "192.0.2.9", 5070),
            ("TCP", "192.0.2.9", 5070),
            ("UDP", "2001:db8::9", 5080),
        ):
            flow = self.connect(layer, Destination(transport, host, 5060, ""))
            self.assertEqual(flow.sent_by[1], port)

    def test_no_listener(self) -> None:
        """Without one it is the connection's own end."""
        layer = self.layer_on()
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 40000))

    def test_listener_of_another_transport(self) -> None:
        """A listener for TLS says nothing of where we take TCP."""
        certificate = issue([dns("a.example")]).write(self.mktemp())
        layer = self.layer_on(Listener("TLS", "192.0.2.1", 5061, certificate))
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.sent_by, ("192.0.2.1", 40000))

    def test_advertised(self) -> None:
        """The advertised host stands for our own, the port stays."""
        layer = self.layer_on(
            *default_listeners("192.0.2.1", 5070), advertise="sip.example.com"
        )
        flow = self.connect(layer, Destination("TCP", "192.0.2.9", 5060, ""))
        self.assertEqual(flow.sent_by, ("sip.example.com", 5070))

    def test_advertised_host_cannot_inject(self) -> None:
        """What is to be advertised has to be a host, and nothing around it
        (3261-25.1-c).
        """
        for host in ("", "a b", "a.example\r\nX: y", "a.example:5060", "a;b", "1.2.3"):
            self.assertRaises(
                LocalProtocolError, TransportLayer, self.reactor, [], advertise=host
            )
        layer = self.layer_on(
            *default_listeners("::1", 5070), advertise="[2001:db8::1]"
        )
        flow = self.connect(layer, Destination("UDP", "::1", 5060, ""))
        self.assertEqual(flow.sent_by, ("2001:db8::1", 5070))

    def test_advertised_address_is_for_its_family(self) -> None:
        """An advertised IPv4 address is of no use to a peer that we reach by IPv6."""
        layer = self.layer_on(
            *default_listeners("192.0.2.1", 5070),
            *default_listeners("2001:db8::1", 5070),
            advertise="203.0.113.1",
        )
        four = self.connect(layer, Destination("UDP", "192.0.2.9", 5060, ""))
        six = self.connect(layer, Destination("UDP", "2001:db8::9", 5060, ""))
        self.assertEqual(four.sent_by, ("203.0.113.1", 5070))
        self.assertEqual(six.sent_by, ("2001:db8::1", 5070))


class LearningTests(LayerCase):
    """Our address as others see it (RFC 3581 section 4)."""

    SEEN = "192.0.2.1:5070;received=203.0.113.7;rport=41000"

    def learned(
        self, transport: str, via: str = SEEN, **arguments: Any
    ) -> tuple[TransportLayer, IFlow]:
        """A flow over which a response has come, with this in its top Via."""
        arguments = {"learns_address": True, **arguments}
        layer = self.layer_on(*default_listeners("192.0.2.1", 5070), **arguments)
        flow = self.connect(layer, Destination(transport, "192.0.2.9", 5060, ""))
        layer.learn_address(ok(f"SIP/2.0/{transport} {via};branch=z9hG4bK1"), flow)
        return layer, flow

    def test_udp(self) -> None:
        """`received` and `rport` are what we are called in later requests
        (3581-3-a).
        """
        layer, flow = self.learned("UDP")
        self.assertEqual(flow.sent_by, ("203.0.113.7", 41000))
        self.assertEqual(flow.local, ("192.0.2.1", 5070))
        self.assertEqual(layer.counters["addresses-learned"], 1)
        other = self.connect(layer, Destination("UDP", "192.0.2.8", 5060, ""))
        self.assertEqual(other.sent_by, ("192.0.2.1", 5070))

    def test_it_may_change(self) -> None:
        """A NAT that has forgotten us, or is gone, is noticed."""
        layer, flow = self.learned("UDP")
        for via, sent_by in (
            ("203.0.113.7:41000;received=203.0.113.7;rport=41000", 41000),
            ("203.0.113.7:41000;received=203.0.113.7;rport=42000", 42000),
        ):
            layer.learn_address(ok(f"SIP/2.0/UDP {via};branch=z9hG4bK1"), flow)
            self.assertEqual(flow.sent_by, ("203.0.113.7", sent_by))
        self.assertEqual(layer.counters["addresses-learned"], 2)

    def test_connection(self) -> None:
        """Over a connection it is the address alone: its port is nobody's."""
        _, flow = self.learned("TCP")
        self.assertEqual(flow.sent_by, ("203.0.113.7", 5070))

    def test_only_where_wanted(self) -> None:
        """Without being asked to, we believe nobody; what is advertised goes first."""
        _, flow = self.learned("UDP", learns_address=False)
        self.assertEqual(flow.sent_by, ("192.0.2.1", 5070))
        _, flow = self.learned("UDP", advertise="sip.example.com")
        self.assertEqual(flow.sent_by, ("sip.example.com", 5070))

    def test_nothing_to_learn(self) -> None:
        """A response that says nothing, or nonsense, changes nothing."""
        for via in ("192.0.2.1:5070;rport", "192.0.2.1:5070;received=1;rport=99999"):
            layer, flow = self.learned("UDP", via)
            self.assertEqual(flow.sent_by, ("192.0.2.1", 5070))
            self.assertEqual(layer.counters["addresses-learned"], 0)


class SeveralSocketsTests(LayerCase):
    """Which UDP socket talks to a peer."""

    def test_family(self) -> None:
        """An IPv6 peer is talked to from an IPv6 socket."""
        layer = self.layer_on(
            Listener("UDP", "192.0.2.1", 5060), Listener("UDP", "2001:db8::1", 5070)
        )
        for host, expected in (
            ("192.0.2.9", ("192.0.2.1", 5060)),
            ("2001:db8::9", ("2001:db8::1", 5070)),
        ):
            flow = self.connect(layer, Destination("UDP", host, 5060, ""))
            self.assertEqual(flow.local, expected)

    def test_route(self) -> None:
        """Of several of one family it is the one that the system would use."""
        layer = self.layer_on(
            Listener("UDP", "127.0.0.1", 5060),
            Listener("UDP", "192.0.2.1", 5060),
            local_address=lambda host: "192.0.2.1",
        )
        for _ in range(2):
            flow = self.connect(layer, Destination("UDP", "192.0.2.9", 5060, ""))
            self.assertEqual(flow.local, ("192.0.2.1", 5060))

    def test_none(self) -> None:
        """Without a socket of the family the peer is out of reach."""
        for layer in (self.layer_on(), self.layer_on(Listener("UDP", "192.0.2.1", 1))):
            there = Destination("UDP", "2001:db8::9", 5060, "")
            self.failureResultOf(layer.connect(there), TransportFailed)
