"""The service: it opens sockets, places calls, and ends what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipuac.errors import (
    Busy,
    CallFailed,
    LocalProtocolError,
    TooManyCalls,
    TransportFailed,
)
from sipuac.service.inviter_service import InviterService
from sipuac.service.pacing import INTERVAL
from sipuac.syntax.message import Request, response_to
from sipuac.syntax.parser import parse_message
from sipuac.testing.media import ScriptedMedia
from sipuac.transport.socket_load import SocketLoad
from sipuac.ua.incoming import Refusal
from tests.transport.certificates import dns, issue
from tests.transport.peers import FakePort, FakeReactor, connected
from tests.ua.transaction_users import foreign

PROXY = ("192.0.2.5", 5060)


class LateClosingReactor(FakeReactor):
    """Its ports take their time to close, as those of real reactors do."""

    def listenUDP(self, *arguments: Any, **options: Any) -> Any:
        """A port that closes in the next round."""
        port: FakePort = super().listenUDP(*arguments, **options)
        port.stopListening = Deferred  # type: ignore[method-assign]  # never fires
        return port


class ServiceCase(SynchronousTestCase):
    """A service on a reactor in memory."""

    def setUp(self) -> None:
        """A service that is not started."""
        self.reactor = FakeReactor()
        self.media = ScriptedMedia(self.reactor)
        self.service = self.make()

    def make(self, **options: Any) -> InviterService:
        """A service through a proxy."""
        return InviterService(
            "sip:caller@example.com",
            f"sip:{PROXY[0]}",
            reactor=self.reactor,
            bind="192.0.2.1",
            media=self.media,
            **options,
        )

    @property
    def protocol(self) -> Any:
        """The UDP socket that was opened last."""
        return self.reactor.udp_ports[-1][1]

    def sent(self) -> list[Any]:
        """All messages that were sent."""
        return [parse_message(octets) for octets, _ in self.protocol.transport.written]

    def answer(self, status: int) -> None:
        """The proxy answers the last request."""
        request = [m for m in self.sent() if isinstance(m, Request)][-1]
        response = response_to(request, status, to_tag="t")
        self.protocol.datagramReceived(response.render(), PROXY)


class InviterServiceTests(ServiceCase):
    """Its life."""

    def test_it_is_a_service(self) -> None:
        """It is an IService, and may be the child of any MultiService."""
        verifyObject(IService, self.service)
        parent = MultiService()
        self.service.setServiceParent(parent)
        parent.startService()
        self.assertTrue(self.service.running)
        self.successResultOf(parent.stopService())
        self.assertFalse(self.service.running)

    def test_sockets_are_opened_once(self) -> None:
        """By `privilegedStartService` where that is called, else by `startService`."""
        self.service.privilegedStartService()
        endpoint = self.service.endpoint
        self.assertIsNotNone(endpoint)
        self.service.startService()
        self.assertIs(self.service.endpoint, endpoint)

    def test_unusable_arguments(self) -> None:
        """They are refused before anything is opened."""
        for identity, options in (
            ("", {}),
            ("sip:a@b", {"proxy": "nonsense"}),
            ("sip:a@b", {"listen": ["carrier-pigeon:1"]}),
            ("sip:a@b", {"hosts": {"name": "no address"}}),
            ("sip:a@b", {"tls_ca": "/there/is/no/such/file"}),
            ("sip:a@b", {"tls_cert": "/there/is/no/such/file"}),
            ("sip:a@b", {"tls_key": "/there/is/no/such/file"}),
            ("sip:a@b", {"keepalive": 30.0}),
            ("sip:a@b", {"rate": 0.0}),
            ("sip:a@b", {"max_waiting": -1}),
        ):
            arguments: dict[str, Any] = options
            with self.assertRaises(LocalProtocolError):
                InviterService(identity, **arguments)

    def test_a_stopped_service_places_no_calls(self) -> None:
        """Before it is started, and after it was stopped."""
        for place in (self.service.invite, self.service.call):
            self.failureResultOf(place("sip:bob@example.com"), LocalProtocolError)
        self.service.startService()
        stopped = self.service.stopService()
        assert stopped is not None
        self.successResultOf(stopped)
        self.assertIsNone(self.service.endpoint)
        self.failureResultOf(self.service.invite("sip:b@c"), LocalProtocolError)
        self.assertIsNone(self.service.stopService())

    def test_a_port_in_use(self) -> None:
        """`startService` raises, also where closing the others takes its time."""
        for reactor in (FakeReactor(), LateClosingReactor()):
            self.reactor = reactor
            reactor.occupied.add(("TCP", 5070))
            service = self.make(listen=["udp:5070:interface=192.0.2.1"])
            self.assertRaises(TransportFailed, service.startService)
            self.assertIsNone(service.endpoint)
            self.assertFalse(service.running)
            self.flushLoggedErrors()

    def test_stopping_cancels_what_rings(self) -> None:
        """Stopping waits for the end of the calls, and closes the sockets."""
        self.service.startService()
        call = self.successResultOf(self.service.invite("sip:bob@example.com"))
        self.answer(180)
        stopped = self.service.stopService()
        assert stopped is not None
        self.assertNoResult(stopped)
        self.assertEqual(self.sent()[-1].method, "CANCEL")
        invite = self.sent()[0]
        self.protocol.datagramReceived(
            response_to(invite, 487, to_tag="t").render(), PROXY
        )
        self.successResultOf(stopped)
        self.failureResultOf(call.final, CallFailed)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopping_is_bounded(self) -> None:
        """After `drain` seconds everything is closed."""
        self.service = self.make(drain=3.0)
        self.service.startService()
        call = self.successResultOf(self.service.invite("sip:bob@example.com"))
        stopped = self.service.stopService()
        assert stopped is not None
        self.reactor.advance(2.9)
        self.assertNoResult(stopped)
        self.reactor.advance(0.2)
        self.successResultOf(stopped)
        self.failureResultOf(call.final, CallFailed)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.media.check()

    def test_started_again_while_it_stops(self) -> None:
        """A new endpoint serves new calls; the old one ends by itself."""
        self.service.startService()
        self.successResultOf(self.service.invite("sip:bob@example.com"))
        old = self.service.endpoint
        stopped = self.service.stopService()
        assert stopped is not None
        self.service.startService()
        self.assertIsNot(self.service.endpoint, old)
        self.reactor.advance(11)
        self.successResultOf(stopped)
        self.successResultOf(self.service.invite("sip:bob@example.com"))
        again = self.service.stopService()
        assert again is not None
        self.reactor.advance(11)
        self.successResultOf(again)

    def test_incoming(self) -> None:
        """INVITEs of others are answered as the application says."""
        service = self.make(incoming=lambda request: Refusal(480))
        service.startService()
        invite = foreign("INVITE")
        self.protocol.datagramReceived(invite.render(), PROXY)
        written = self.protocol.transport.written[-1][0]
        self.assertTrue(written.startswith(b"SIP/2.0 480 "), written)
        stopping = service.stopService()
        assert stopping is not None
        self.successResultOf(stopping)


class PaceTests(ServiceCase):
    """Calls that leave one after the other."""

    def setUp(self) -> None:
        """A service that places a call a second."""
        super().setUp()
        self.service = self.make(rate=1.0, max_waiting=2, drain=1.0)
        self.service.startService()

    def stop(self) -> None:
        """Stop the service; nothing is left."""
        stopped = self.service.stopService()
        assert stopped is not None
        self.reactor.advance(1.1)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_calls_wait_for_their_turn(self) -> None:
        """The second INVITE leaves a second after the first; too many are refused."""
        self.successResultOf(self.service.invite("sip:bob@example.com"))
        second = self.service.invite("sip:bob@example.com")
        third = self.service.call("sip:bob@example.com")
        self.failureResultOf(self.service.invite("sip:bob@example.com"), TooManyCalls)
        self.assertNoResult(second)
        self.assertEqual(self.service.load["waiting"], 2)
        self.assertEqual(len(self.sent()), 1)
        self.reactor.advance(1.0)
        self.successResultOf(second)
        self.assertEqual(len({message.call_id for message in self.sent()}), 2)
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.assertEqual(self.service.load["waiting"], 0)
        self.stop()

    def test_a_call_that_waited_stands_in_the_end(self) -> None:
        """`call()` gives the session, whenever its INVITE has left."""
        self.successResultOf(self.service.invite("sip:bob@example.com"))
        self.answer(486)
        waiting = self.service.call("sip:bob@example.com")
        self.reactor.advance(1.0)
        self.assertNoResult(waiting)
        self.answer(486)
        self.failureResultOf(waiting, Busy)
        self.stop()

    def test_calls_that_wait_when_the_service_stops(self) -> None:
        """They are told, and nothing is sent for them."""
        self.successResultOf(self.service.invite("sip:bob@example.com"))
        second = self.service.invite("sip:bob@example.com")
        written = self.protocol.transport.written
        self.stop()
        self.failureResultOf(second, LocalProtocolError)
        calls = {parse_message(octets).call_id for octets, _ in written}
        self.assertEqual(len(calls), 1)

    def test_the_load_can_be_seen(self) -> None:
        """The pace, and each socket; nothing of a service that is stopped."""
        self.assertEqual(
            self.service.load,
            {"waiting": 0, "rate": 1.0, "lag": 0.0, "reductions": 0, "sockets": []},
        )
        self.stop()
        self.assertEqual(self.service.load, {})

    def test_lost_datagrams_slow_new_calls_down(self) -> None:
        """What a socket of the service has lost counts."""
        service = self.make(drain=1.0)
        service.startService()
        assert service.endpoint is not None
        lost = [3, None]
        self.patch(
            service.endpoint.transport,
            "socket_loads",
            lambda: [SocketLoad(1, 1, 0, count) for count in lost],
        )
        self.successResultOf(service.invite("sip:bob@example.com"))
        lost[0] = 4
        self.reactor.advance(INTERVAL)
        self.assertEqual(service.load["reductions"], 1)
        self.service = service
        self.stop()


class WireTests(ServiceCase):
    """What the service asks of its transports."""

    @property
    def attempts(self) -> list[tuple[Any, ...]]:
        """The connections that were begun."""
        attempts: list[tuple[Any, ...]] = self.reactor.tcpClients
        return attempts

    def test_keepalives_over_udp(self) -> None:
        """The way to the proxy is held open, and the service stops all the same."""
        service = self.make(keepalive=25.0)
        service.startService()
        self.reactor.pump([1.0] * 60)
        sent = self.protocol.transport.written
        self.assertIn(len(sent), (2, 3))
        self.assertEqual(set(sent), {(b"\r\n\r\n", PROXY)})
        stopped = service.stopService()
        assert stopped is not None
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_kept_connection(self) -> None:
        """A connection to the proxy is made at the start, and again when it is lost or
        no pong comes; calls go over it (5626-4.4.1-a).
        """
        service = InviterService(
            "sip:caller@example.com",
            f"sip:{PROXY[0]};transport=tcp",
            reactor=self.reactor,
            bind="192.0.2.1",
            media=self.media,
            keepalive=20.0,
            keepalive_pong=True,
        )
        service.startService()
        [(host, port, factory, _, _)] = self.attempts
        self.assertEqual((host, port), PROXY)
        protocol, transport = connected(factory, remote=PROXY)
        self.successResultOf(service.invite("sip:bob@example.com"))
        self.assertTrue(transport.value().startswith(b"INVITE"))
        transport.clear()
        self.reactor.pump([1.0] * 20)
        self.assertEqual(transport.value(), b"\r\n\r\n")
        protocol.dataReceived(b"\r\n")
        self.reactor.pump([1.0] * 15)
        self.assertFalse(transport.disconnected)
        self.reactor.pump([1.0] * 20)
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.attempts), 1)
        self.reactor.pump([1.0] * 60)
        self.assertEqual(len(self.attempts), 2)
        protocol, transport = connected(self.attempts[1][2], remote=PROXY)
        stopped = service.stopService()
        assert stopped is not None
        self.reactor.advance(11)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_address_is_learned(self) -> None:
        """The second call names the address that the first has been seen at
        (3581-3-a).
        """
        service = self.make(learn_address=True)
        service.startService()
        self.successResultOf(service.invite("sip:bob@example.com"))
        invite = self.sent()[0]
        self.assertEqual(invite.top_via.host, "192.0.2.1")
        self.assertTrue(invite.top_via.has_rport)
        self.assertIsNone(invite.top_via.rport)
        seen = invite.top_via.with_parameter("received", "203.0.113.7")
        seen = seen.with_parameter("rport", "41000")
        answer = response_to(invite.with_top_via(seen), 486, to_tag="t")
        # An answer to nothing of ours teaches nothing.
        forged = seen.with_parameter("branch", "z9hG4bKforged")
        self.protocol.datagramReceived(
            response_to(invite.with_top_via(forged), 486).render(), PROXY
        )
        self.successResultOf(service.invite("sip:bob@example.com"))
        self.assertEqual(self.sent()[-1].top_via.host, "192.0.2.1")
        self.protocol.datagramReceived(answer.render(), PROXY)
        self.successResultOf(service.invite("sip:bob@example.com"))
        invite = self.sent()[-1]
        self.assertEqual(invite.top_via.sent_by, ("203.0.113.7", 41000))
        self.assertIn("@203.0.113.7:41000", invite.get("Contact"))
        service.stopService()
        self.reactor.advance(11)

    def test_certificates_are_read_again(self) -> None:
        """While it runs, and with an error where they cannot be used."""
        files = issue([dns("example.com")]).write(self.mktemp())
        service = self.make(tls_cert=files.certificate, tls_key=files.private_key)
        service.reload_certificates()
        service.startService()
        service.reload_certificates()
        Path(files.private_key).write_text("rubbish")
        self.assertRaises(LocalProtocolError, service.reload_certificates)
        service.stopService()
