"""The service: it opens sockets, places calls, and ends what is left."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipuac.errors import CallFailed, LocalProtocolError, TransportFailed
from sipuac.service.inviter_service import InviterService
from sipuac.syntax.message import Request, response_to
from sipuac.syntax.parser import parse_message
from sipuac.testing.media import ScriptedMedia
from sipuac.ua.incoming import Refusal
from tests.transport.peers import FakePort, FakeReactor
from tests.ua.transaction_users import foreign

PROXY = ("192.0.2.5", 5060)


class LateClosingReactor(FakeReactor):
    """Its ports take their time to close, as those of real reactors do."""

    def listenUDP(self, *arguments: Any, **options: Any) -> Any:
        """A port that closes in the next round."""
        port: FakePort = super().listenUDP(*arguments, **options)
        port.stopListening = Deferred  # type: ignore[method-assign]  # never fires
        return port


class InviterServiceTests(SynchronousTestCase):
    """Tests on a reactor in memory."""

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
