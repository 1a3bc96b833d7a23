"""Requests too large for a datagram (RFC 3261 section 18.1.1)."""

from __future__ import annotations

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Request
from sipuac.testing.packets import Packet
from sipuac.ua.endpoint import ClientTransaction
from sipuac.ua.large_requests import CONNECT_TIMEOUT, MAX_PAYLOAD, MEMORY
from tests.ua.peer import HOST, Peer, PeerTestCase
from tests.ua.transaction_users import User, make


def large(method: str, size: int = 1300) -> Request:
    """A request that is larger than this."""
    return make(method, ("Subject", "x" * size))


def is_large(packet: Packet) -> bool:
    """Whether a packet is larger than a datagram should be."""
    return len(packet.octets) > 1300


class LargeCase(PeerTestCase):
    """Requests over UDP to a peer that takes TCP too."""

    def start(self, request: Request) -> tuple[User, ClientTransaction]:
        """Send a request; it has arrived."""
        user = User()
        transaction = self.endpoint.start_client(request, self.flow(), user)
        self.advance()
        return user, transaction

    def sent(self) -> list[tuple[str, str]]:
        """Transport and method of every request that the caller sent."""
        return [
            (packet.transport, packet.first_line.partition(" ")[0])
            for packet in self.network.log
            if packet.source[0] == "caller.invalid"
        ]


class TcpTests(LargeCase):
    """The server takes TCP."""

    def test_a_large_request_goes_over_tcp(self) -> None:
        """If a request is larger than 1300 bytes and the path MTU is unknown, the
        request MUST be sent using TCP, and the value in the top Via MUST be changed
        (3261-18.1.1-a).
        """
        for method in ("INVITE", "OPTIONS"):
            user, _ = self.start(large(method))
            request = self.peer.last(method)
            self.assertEqual(request.top_via.transport, "TCP")
            self.assertEqual(request.top_via.sent_by, ("caller.invalid", 5060))
            self.assertFalse(request.top_via.has_rport)
            self.assertEqual(len(request.vias), 1)
            self.peer.answer(request, 404)
            self.advance(40)
            self.assertEqual(user.heard, [404, "terminated"])
        self.assertEqual(
            self.sent(),
            [("TCP", "INVITE"), ("TCP", "ACK"), ("TCP", "OPTIONS")],
        )
        self.assert_nothing_left()

    def test_the_branch_is_one_and_the_same(self) -> None:
        """It is the same transaction, only its Via is changed."""
        _, transaction = self.start(large("OPTIONS"))
        self.assertEqual(self.peer.last("OPTIONS").branch, "z9hG4bK-caller-branch1")
        self.assertEqual(transaction.flow.transport, "TCP")

    def test_the_limit_is_1300_bytes(self) -> None:
        """A request of 1300 bytes goes over UDP, one of 1301 over TCP
        (3261-18.1.1-a).
        """
        self.start(make("OPTIONS", ("Subject", "")))
        room = 1300 - len(self.network.log[0].octets)
        for size, transport in ((room, "UDP"), (room + 1, "TCP")):
            self.network.log.clear()
            self.start(make("OPTIONS", ("Subject", "x" * size)))
            [packet] = self.network.log
            self.assertEqual(packet.transport, transport)
            rport = len(";rport") if transport == "TCP" else 0
            self.assertEqual(len(packet.octets) + rport, 1300 - room + size)

    def test_cancel_takes_the_way_of_the_invite(self) -> None:
        """CANCEL is sent to the very server, by the very transport, of its INVITE,
        whichever flow its user believes that to be.
        """
        udp = self.flow()
        user, transaction = self.start(large("INVITE"))
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        transaction.cancel(flow=udp)
        self.advance()
        cancel = self.peer.last("CANCEL")
        self.assertEqual(cancel.top_via, self.peer.last("INVITE").top_via)
        self.assertEqual(self.sent(), [("TCP", "INVITE"), ("TCP", "CANCEL")])
        self.peer.answer(cancel, 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.advance(40)
        self.assertEqual(user.heard, [180, 487, "terminated"])
        self.assert_nothing_left()

    def test_reliable_timers(self) -> None:
        """Over TCP nothing is repeated."""
        self.start(large("INVITE"))
        self.advance(10)
        self.assertEqual(self.sent(), [("TCP", "INVITE")])

    def test_a_broken_connection_fails_it(self) -> None:
        """It waits on the connection, not on the UDP socket (3261-18.4-a)."""
        user, _ = self.start(large("OPTIONS"))
        self.network.reset(HOST)
        self.advance()
        self.assertEqual(user.heard, [TransportFailed, "terminated"])
        self.assert_nothing_left()

    def test_a_large_ack(self) -> None:
        """The ACK of a 2xx is a request as any other, and so are its
        retransmissions (3261-18.1.1-a).
        """
        sent = self.endpoint.send_ack(large("ACK"), self.flow())
        self.advance()
        self.endpoint.repeat_ack(sent, self.flow())
        self.advance()
        first, second = self.peer.requests("ACK")
        self.assertEqual(first, second)
        self.assertEqual(first.top_via.transport, "TCP")
        self.assertEqual(self.sent(), [("TCP", "ACK")] * 2)

    def test_large_requests_of_a_call(self) -> None:
        """A call whose INVITE is large begins over TCP; its small requests go where
        the peer's Contact says (3261-18.1.1-a).
        """
        invitation = self.invite(headers=[("Subject", "x" * 1300)])
        self.assertEqual(self.peer.last("INVITE").top_via.transport, "TCP")
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        invitation.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance(40)
        self.assertEqual(
            self.sent(), [("TCP", "INVITE"), ("UDP", "ACK"), ("UDP", "BYE")]
        )
        self.assert_nothing_left()

    def test_abandoned_while_connecting(self) -> None:
        """What is given up before the connection stands is never sent."""
        user = User()
        transaction = self.endpoint.start_client(large("OPTIONS"), self.flow(), user)
        transaction.abandon()
        self.advance(40)
        self.assertEqual((user.heard, self.sent()), ([], []))
        self.assert_nothing_left()

    def test_the_endpoint_stops_while_connecting(self) -> None:
        """Nothing is left of it either."""
        waiting = self.endpoint.request(large("OPTIONS"), self.flow())
        self.successResultOf(self.endpoint.stop())
        self.failureResultOf(waiting, TransportFailed)
        self.advance(40)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NoTcpTests(LargeCase):
    """The server takes UDP only."""

    def setUp(self) -> None:
        """Another peer in its place."""
        super().setUp()
        self.peer.transport.stop()
        self.peer = Peer(self.network, HOST, "UDP")

    def test_it_falls_back_to_udp(self) -> None:
        """If the attempt to establish the connection results in a TCP reset, the
        element SHOULD retry the request, using UDP (3261-18.1.1-a).
        """
        user, _ = self.start(large("INVITE"))
        request = self.peer.last("INVITE")
        self.assertEqual(request.top_via.transport, "UDP")
        self.assertTrue(request.top_via.has_rport)
        self.peer.answer(request, 404)
        self.advance(40)
        self.assertEqual(user.heard, [404, "terminated"])
        self.assertEqual(self.sent(), [("UDP", "INVITE"), ("UDP", "ACK")])
        self.assert_nothing_left()

    def test_a_large_ack_falls_back_too(self) -> None:
        """An ACK that TCP does not take goes over UDP."""
        self.endpoint.send_ack(large("ACK"), self.flow())
        self.advance()
        self.assertEqual(self.peer.last("ACK").top_via.transport, "UDP")

    def test_an_ack_that_nothing_takes(self) -> None:
        """It goes again with the next 2xx; nothing breaks."""
        self.network.refuse_if(is_large)
        self.endpoint.send_ack(large("ACK"), self.flow())
        self.advance()
        self.assertEqual(self.peer.received, [])

    def test_what_no_datagram_can_hold_fails(self) -> None:
        """For UDP the maximum is 65,535 bytes, including IP and UDP headers
        (3261-18.1.1-a).
        """
        user, _ = self.start(large("OPTIONS", MAX_PAYLOAD))
        self.advance()
        self.assertEqual(user.heard, [TransportFailed, "terminated"])
        self.assertEqual(self.sent(), [])
        self.assert_nothing_left()

    def test_a_server_without_tcp_is_remembered(self) -> None:
        """TCP is not tried for each request again, but again after a while."""
        self.start(large("OPTIONS"))
        tries: list[object] = []
        connect = self.network.connect

        def counted(*arguments: object) -> object:
            tries.append(arguments)
            return connect(*arguments)  # type: ignore[arg-type]  # passed on

        self.patch(self.network, "connect", counted)
        user = User()
        self.endpoint.start_client(large("OPTIONS"), self.flow(), user)
        self.assertEqual(self.sent()[-1], ("UDP", "OPTIONS"))
        self.assertEqual(tries, [])
        self.advance(MEMORY)
        self.start(large("OPTIONS"))
        self.assertEqual(len(tries), 1)

    def test_a_silent_firewall_costs_little(self) -> None:
        """A connection that is neither made nor refused is given up soon."""
        self.network.partition(["caller.invalid"], [HOST])
        user = User()
        self.endpoint.start_client(large("OPTIONS"), self.flow(), user)
        self.advance(CONNECT_TIMEOUT - 0.1)
        self.assertEqual(self.sent(), [])
        self.network.heal()
        self.advance(0.2)
        self.assertEqual(self.sent(), [("UDP", "OPTIONS")])
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance(40)
        self.assertEqual(user.heard, [200, "terminated"])
        self.assert_nothing_left()
