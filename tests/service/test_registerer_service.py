"""A registration as a service beside the calls."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.service.inviter_service import InviterService
from sipuac.service.registerer_service import RegistererService
from sipuac.syntax.message import Request, response_to
from sipuac.syntax.parser import parse_message
from sipuac.ua.credentials import Credentials, fixed_credentials
from tests.transport.peers import FakeReactor

REGISTRAR = ("192.0.2.5", 5060)


class RegistererServiceTests(SynchronousTestCase):
    """Tests on a reactor in memory."""

    def setUp(self) -> None:
        """A service with a registration, not started."""
        self.reactor = FakeReactor()
        self.service = InviterService(
            "sip:caller@192.0.2.5", reactor=self.reactor, bind="192.0.2.1"
        )
        self.told: list[str] = []

    def add(self, *arguments: Any, **options: Any) -> RegistererService:
        """Add a registration."""
        child = RegistererService(*arguments, **options)
        child.add_observer(lambda event: self.told.append(event.body.event))
        child.setServiceParent(self.service)
        return child

    @property
    def protocol(self) -> Any:
        """The UDP socket that was opened last."""
        return self.reactor.udp_ports[-1][1]

    def sent(self) -> list[Any]:
        """All messages that were sent."""
        return [parse_message(octets) for octets, _ in self.protocol.transport.written]

    def answer(self, status: int = 200, *fields: tuple[str, str]) -> Request:
        """Answer the last request that was sent; a 200 binds what it asked for."""
        request = self.sent()[-1]
        assert isinstance(request, Request)
        rows = [*fields, ("Contact", request.get("Contact") or "")]
        response = response_to(request, status, to_tag="r", headers=rows)
        self.protocol.datagramReceived(response.render(), REGISTRAR)
        return request

    def test_life(self) -> None:
        """It registers when the parent starts and removes the binding when it stops."""
        child = self.add()
        self.service.startService()
        request = self.answer()
        self.assertEqual(
            (request.method, request.uri_text), ("REGISTER", "sip:192.0.2.5")
        )
        registerer = child.registerer
        assert registerer is not None
        self.assertTrue(registerer.is_registered)
        stopping = self.service.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        removal = self.answer()
        self.assertIn("expires=0", removal.get("Contact") or "")
        self.successResultOf(stopping)
        self.assertEqual(self.told, ["registered", "unregistered"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_silent_registrar(self) -> None:
        """A registrar that is silent holds nobody up for longer than asked for."""
        self.add(drain=3.0)
        self.service.startService()
        self.answer()
        stopping: Deferred[None] | None = self.service.stopService()
        assert stopping is not None
        self.reactor.advance(2.9)
        self.assertNoResult(stopping)
        self.reactor.advance(0.2)
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_port_of_the_address(self) -> None:
        """The port of the address says where its registrar is; in To and From it does
        not stand (3261-10.2-a).
        """
        service = InviterService(
            "sip:caller@192.0.2.5:5070", reactor=self.reactor, bind="192.0.2.1"
        )
        for address, port in ((None, 5070), ("sip:other@192.0.2.5:5080", 5080)):
            RegistererService(address).setServiceParent(service)
            service.startService()
            request = self.sent()[-1]
            self.assertEqual(request.uri_text, f"sip:192.0.2.5:{port}")
            self.assertNotIn(str(port), request.get("To") + request.get("From"))
            written = self.protocol.transport.written[-1]
            self.assertEqual(written[1], ("192.0.2.5", port))
            stopping = service.stopService()
            assert stopping is not None
            self.reactor.pump([1] * 60)
            self.successResultOf(stopping)

    def test_restart(self) -> None:
        """A service that was stopped registers again when it is started again."""
        self.add()
        for _ in range(2):
            self.service.startService()
            self.answer()
            stopping = self.service.stopService()
            assert stopping is not None
            self.answer()
            self.successResultOf(stopping)
        self.assertEqual(self.told, ["registered", "unregistered"] * 2)

    def test_service_route(self) -> None:
        """Calls take the way that the registrar wants, in its order (3608-6.1-a)."""
        self.add()
        self.service.startService()
        self.answer(200, ("Service-Route", "<sip:192.0.2.7;lr>, <sip:192.0.2.8;lr>"))
        self.service.invite("sip:bob@example.com")
        invite = self.sent()[-1]
        self.assertEqual(
            invite.get_all("Route"), ["<sip:192.0.2.7;lr>", "<sip:192.0.2.8;lr>"]
        )
        written = self.protocol.transport.written[-1]
        self.assertEqual(written[1], ("192.0.2.7", 5060))
        stopping = self.service.stopService()
        assert stopping is not None
        self.reactor.pump([1] * 60)
        self.successResultOf(stopping)

    def test_service_route_is_dropped(self) -> None:
        """Calls no longer take it "if the re-registration request is refused"
        (3608-6.1-a).
        """
        child = self.add()
        self.service.startService()
        self.answer(200, ("Service-Route", "<sip:192.0.2.7;lr>"))
        inviter, registerer = self.service.inviter, child.registerer
        assert inviter is not None and registerer is not None
        self.assertEqual(len(inviter.service_routes), 1)
        while len(self.sent()) == 1:
            self.reactor.pump([1])
        self.answer(403)
        self.assertEqual(self.told, ["registered", "registration-failed"])
        self.assertEqual(registerer.service_routes, ())
        self.assertEqual(inviter.service_routes, ())
        stopping = self.service.stopService()
        assert stopping is not None
        self.reactor.pump([1] * 60)
        self.successResultOf(stopping)

    def test_service_route_ends_with_it(self) -> None:
        """Calls that go on when the registration is stopped do not take its way, also
        where the registrar is silent (3608-6.1-a).
        """
        child = self.add(drain=3.0)
        self.service.startService()
        self.answer(200, ("Service-Route", "<sip:192.0.2.7;lr>"))
        inviter = self.service.inviter
        assert inviter is not None
        self.assertEqual(len(inviter.service_routes), 1)
        stopping = child.stopService()
        assert stopping is not None
        self.reactor.pump([1] * 4)
        self.successResultOf(stopping)
        self.assertEqual(inviter.service_routes, ())
        self.service.stopService()

    def test_service_route_of_another(self) -> None:
        """The way of another address-of-record is not that of our calls."""
        self.add("sip:other@192.0.2.5")
        self.service.startService()
        self.answer(200, ("Service-Route", "<sip:192.0.2.7;lr>"))
        inviter = self.service.inviter
        assert inviter is not None
        self.assertEqual(inviter.service_routes, ())
        stopping = self.service.stopService()
        assert stopping is not None
        self.answer()
        self.successResultOf(stopping)

    def test_credentials(self) -> None:
        """A challenge is answered with the credentials given."""
        source = fixed_credentials(Credentials("caller", "secret"))
        self.add(credentials=source)
        self.service.startService()
        challenge = 'Digest realm="here", nonce="n", qop="auth"'
        self.answer(401, ("WWW-Authenticate", challenge))
        request = self.answer()
        self.assertIn('username="caller"', request.get("Authorization") or "")
        stopping = self.service.stopService()
        assert stopping is not None
        self.answer()
        self.successResultOf(stopping)

    def test_port(self) -> None:
        """An address with a port says where its registrar is; To and From have none
        (RFC 3261 table 1).
        """
        self.add("sip:caller@192.0.2.5:5070")
        self.service.startService()
        (request,) = self.sent()
        self.assertEqual(request.uri_text, "sip:192.0.2.5:5070")
        self.assertEqual(str(request.to.uri), "sip:caller@192.0.2.5")
        written = self.protocol.transport.written[-1]
        self.assertEqual(written[1], ("192.0.2.5", 5070))
        stopping = self.service.stopService()
        assert stopping is not None
        self.reactor.pump([1] * 60)
        self.successResultOf(stopping)

    def test_what_cannot_be(self) -> None:
        """It refuses at once what cannot be registered, and a wrong parent."""
        for options in (
            {"address": "tel:+1"},
            {"address": "sip:a@b", "registrar": "tel:+1"},
            {"address": "sip:a@b", "registrar": "sip:["},
            {"address": "sip:a@b", "contacts": ["<<"]},
            {"address": "sip:a@b", "expires": 0},
        ):
            self.assertRaises(LocalProtocolError, RegistererService, **options)
        alone = RegistererService()
        self.assertRaises(LocalProtocolError, alone.startService)
        stopped = InviterService("sip:caller@192.0.2.5", reactor=self.reactor)
        alone.setServiceParent(stopped)
        self.assertRaises(LocalProtocolError, alone.startService)
