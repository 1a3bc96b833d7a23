"""Registering over the network in memory, message by message."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, RequestRejected
from sipuac.registration.options import RegistrationOptions
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.uri import SipUri, parse_uri
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.registrar import Registrar
from sipuac.testing.resolver import LiteralResolver
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.credentials import Credentials, fixed_credentials
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.registerer import Registerer, RegistrationEvent

AOR = "sip:caller@registrar.invalid"
INSTANCE = "urn:uuid:00000000-0000-1000-8000-000A95A0E128"


class RegistererTests(SynchronousTestCase):
    """A user agent and a registrar."""

    def setUp(self) -> None:
        """Put both into a new network."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.transport = self.network.transport("caller.invalid", 5060, "UDP", "TCP")
        self.endpoint = Endpoint(
            self.clock,
            self.transport,
            LiteralResolver(
                {"pair.invalid": ("registrar.invalid", "second.invalid")},
                "nowhere.invalid",
            ),
            identifiers=CountingIdentifiers("caller"),
        )
        self.successResultOf(self.endpoint.start())
        self.registrar = Registrar(
            self.network.transport("registrar.invalid", 5060, "UDP", "TCP"), self.clock
        )
        self.successResultOf(self.registrar.start())
        self.events: list[RegistrationEvent] = []

    def tearDown(self) -> None:
        """Nothing is left: no transaction, no timer, no error in a log."""
        self.network.settle(2_000)
        self.assertEqual(len(self.endpoint._transactions), 0)
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.endpoint.counters["internal-errors"], 0)
        self.assertEqual(self.endpoint._stop_handlers, [])

    def register(
        self,
        address: str = AOR,
        *,
        proxy: str | None = None,
        authenticator: Authenticator | None = None,
        **options: Any,
    ) -> Registerer:
        """Begin to register."""
        loose = None if proxy is None else parse_uri(proxy)
        assert loose is None or isinstance(loose, SipUri)
        registerer = Registerer(
            self.endpoint,
            RegistrationOptions(NameAddress.parse(f"<{address}>"), **options),
            proxy=loose,
            authenticator=authenticator,
            user_agent="test",
            chance=lambda: 0.0,
        )
        registerer.add_observer(self.events.append)
        registerer.start()
        self.network.advance(1)
        return registerer

    def stop(self, registerer: Registerer) -> None:
        """Unregister."""
        stopped = registerer.stop()
        self.network.advance(1)
        self.successResultOf(stopped)

    def told(self) -> list[str]:
        """The names of the events so far."""
        return [event.body.event for event in self.events]

    def test_request(self) -> None:
        """The Request-URI is a domain, To and From the address-of-record
        (3261-10.2-a, 3261-10.2-b, 3261-10.2.6-a).
        """
        registerer = self.register()
        (request,) = self.registrar.requests
        self.assertEqual(request.uri_text, "sip:registrar.invalid")
        self.assertEqual(str(request.to), f"<{AOR}>")
        self.assertEqual(str(request.from_.uri), AOR)
        self.assertEqual(request.get("Supported"), "path, timer")
        self.assertEqual(
            request.get("Contact"), "<sip:caller@caller.invalid:5060>;expires=3600"
        )
        self.assertEqual(
            self.registrar.contacts(AOR), ["sip:caller@caller.invalid:5060"]
        )
        self.assertEqual(self.events[0].as_dict()["expires"], 3600)
        self.stop(registerer)
        self.assertEqual(self.registrar.contacts(AOR), [])
        self.assertEqual(self.told(), ["registered", "unregistered"])

    def test_refresh(self) -> None:
        """One Call-ID, and CSeq rises by one for each REGISTER (3261-10.2-c)."""
        registerer = self.register()
        self.network.advance(3 * 3600)
        self.assertEqual(
            [request.cseq.number for request in self.registrar.requests], [1, 2, 3, 4]
        )
        self.assertEqual(
            {request.call_id for request in self.registrar.requests},
            {registerer.call_id},
        )
        self.assertTrue(registerer.is_registered)
        self.stop(registerer)

    def test_short_grant(self) -> None:
        """What the registrar grants counts, not what was asked for."""
        self.registrar.max_expires = 120
        registerer = self.register()
        self.network.advance(80)
        self.assertEqual(len(self.registrar.requests), 2)
        self.stop(registerer)

    def test_secure_contact(self) -> None:
        """SIPS Contacts where the address-of-record is SIPS (3261-10.2.1-a)."""
        network = self.network
        secure = Registrar(
            network.transport("secure.invalid", 5061, "TLS"), self.clock, name="secure"
        )
        self.successResultOf(secure.start())
        endpoint = Endpoint(
            self.clock,
            network.transport("tls.invalid", 5061, "TLS"),
            LiteralResolver(None, "nowhere.invalid"),
            identifiers=CountingIdentifiers("tls"),
        )
        self.successResultOf(endpoint.start())
        self.addCleanup(endpoint.stop)
        self.endpoint = endpoint
        registerer = self.register("sips:caller@secure.invalid")
        (request,) = secure.requests
        self.assertEqual(str(request.contacts[0].uri.scheme), "sips")
        self.stop(registerer)

    def test_several_contacts(self) -> None:
        """Further addresses are registered and removed with ours."""
        others = (NameAddress.parse("<sip:desk@192.0.2.7>"),)
        registerer = self.register(contacts=others)
        self.assertEqual(
            self.registrar.contacts(AOR),
            ["sip:caller@caller.invalid:5060", "sip:desk@192.0.2.7"],
        )
        self.stop(registerer)
        self.assertEqual(self.registrar.contacts(AOR), [])

    def test_others_stay(self) -> None:
        """What others have bound is neither refreshed nor removed (3261-10.2.4-b,
        3261-10.2.2-a).
        """
        self.registrar.bind(AOR, "<sip:other@192.0.2.9>", 1_000_000)
        registerer = self.register()
        self.network.advance(5000)
        self.stop(registerer)
        self.assertEqual(self.registrar.contacts(AOR), ["sip:other@192.0.2.9"])
        contacts = {request.get("Contact") for request in self.registrar.requests}
        self.assertEqual(
            contacts,
            {
                "<sip:caller@caller.invalid:5060>;expires=3600",
                "<sip:caller@caller.invalid:5060>;expires=0",
            },
        )

    def test_interval_too_brief(self) -> None:
        """423: it asks for more at once (3261-10.2.8-a)."""
        self.registrar.min_expires = 900
        registerer = self.register(expires=60)
        self.assertEqual(self.told(), ["registered"])
        self.assertEqual(self.events[0].as_dict()["expires"], 900)
        self.stop(registerer)

    def test_failure_in_words(self) -> None:
        """A failure is told in words, with the time of the next attempt."""
        self.registrar.answers.append((503, (("Retry-After", "100"),)))
        registerer = self.register()
        told = self.events[0].as_dict()
        self.assertEqual(
            (told["error"], told["status"], told["retry"]),
            ("RequestRejected", 503, 100.0),
        )
        self.assertEqual(
            told["message"], "the registrar answered 503 Service Unavailable"
        )
        self.network.advance(98)
        self.assertEqual(len(self.registrar.requests), 1)
        self.network.advance(2)
        self.assertTrue(registerer.is_registered)
        self.stop(registerer)

    def test_silence(self) -> None:
        """A registrar that is silent is not asked again at once (3261-10.2.7-a)."""
        self.registrar.answers.append((0, ()))
        registerer = self.register()
        self.network.advance(32)
        self.assertEqual(self.told(), ["registration-failed"])
        self.assertEqual(self.events[0].as_dict()["error"], "TransactionTimeout")
        self.network.advance(28)
        self.assertEqual(len(self.registrar.requests), 1)
        self.network.advance(3)
        self.assertEqual(len(self.registrar.requests), 2)
        self.stop(registerer)

    def test_next_server(self) -> None:
        """Where one server of the registrar says 503, the next one is asked
        (3263-4.3-a).
        """
        second = Registrar(
            self.network.transport("second.invalid", 5060, "UDP"), self.clock
        )
        self.successResultOf(second.start())
        self.registrar.answers.append((503, ()))
        registerer = self.register("sip:caller@pair.invalid")
        self.assertTrue(registerer.is_registered)
        self.assertEqual(len(self.registrar.requests), 1)
        first, other = self.registrar.requests[0], second.requests[0]
        self.assertEqual(first.get("CSeq"), other.get("CSeq"))
        self.assertNotEqual(first.branch, other.branch)
        self.stop(registerer)

    def test_challenge(self) -> None:
        """A challenge is answered with the next CSeq; later requests need none."""
        challenge = 'Digest realm="here", nonce="n1", algorithm=SHA-256, qop="auth"'
        self.registrar.answers.append((401, (("WWW-Authenticate", challenge),)))
        authenticator = self.authenticator()
        registerer = self.register(authenticator=authenticator)
        first, second = self.registrar.requests
        self.assertIsNone(first.get("Authorization"))
        self.assertIn('username="caller"', second.get("Authorization") or "")
        self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
        self.stop(registerer)
        self.assertIn(
            "nc=00000002", self.registrar.requests[2].get("Authorization") or ""
        )

    def test_closed_after_challenge(self) -> None:
        """A registrar that closes the connection of its challenge gets the answer over
        another one.
        """
        challenge = 'Digest realm="here", nonce="n1", qop="auth"'
        self.registrar.answers.append((401, (("WWW-Authenticate", challenge),)))
        waiting: Deferred[Credentials | None] = Deferred()
        authenticator = Authenticator(
            lambda *_: waiting, self.endpoint.identifiers.cnonce
        )
        uri = "sip:registrar.invalid;transport=tcp"
        registerer = self.register(proxy=uri, authenticator=authenticator)
        self.network.reset("caller.invalid", "registrar.invalid")
        self.network.advance(1)
        waiting.callback(Credentials("caller", "secret"))
        self.network.advance(1)
        self.assertTrue(registerer.is_registered)
        self.assertEqual(self.told(), ["registered"])
        self.stop(registerer)

    def authenticator(self) -> Authenticator:
        """Knows a password for every realm."""
        source = fixed_credentials(Credentials("caller", "secret"))
        return Authenticator(source, self.endpoint.identifiers.cnonce)

    def test_wrong_password(self) -> None:
        """A wrong password is tried once, and then after a wait."""
        challenge = 'Digest realm="here", nonce="n1", qop="auth"'
        for _ in range(2):
            self.registrar.answers.append((401, (("WWW-Authenticate", challenge),)))
        registerer = self.register(authenticator=self.authenticator())
        told = self.events[0].as_dict()
        self.assertEqual(told["error"], "AuthenticationFailed")
        self.assertNotIn("secret", str(told))
        self.assertEqual(len(self.registrar.requests), 2)
        self.assertEqual(told["retry"], 30.0)
        self.stop(registerer)

    def test_no_route_set(self) -> None:
        """Record-Route in a response to REGISTER makes no route set (3261-10.2-e)."""
        self.registrar.fields.append(("Record-Route", "<sip:trap.invalid;lr>"))
        registerer = self.register()
        self.network.advance(3600)
        self.assertGreater(len(self.registrar.requests), 1)
        for request in self.registrar.requests:
            self.assertEqual(request.routes, [])
        self.stop(registerer)

    def test_service_route(self) -> None:
        """Service-Route is kept, replaced at each 2xx, and dropped (3608-6.1-a)."""
        self.registrar.fields.append(("Service-Route", "<sip:s1.invalid;lr>"))
        registerer = self.register()
        self.assertEqual(
            [str(route) for route in registerer.service_routes], ["<sip:s1.invalid;lr>"]
        )
        self.registrar.fields[:] = []
        self.network.advance(3600)
        self.assertEqual(registerer.service_routes, ())
        self.stop(registerer)

    def test_outbound(self) -> None:
        """Outbound sends outbound and path, the instance and a reg-id
        (5626-4.2.1-a, 3327-5.1-a, 5626-4.1-a).
        """
        registerer = self.register(instance=INSTANCE, reg_id=1)
        (request,) = self.registrar.requests
        self.assertEqual(request.get("Supported"), "outbound, path, timer")
        self.assertEqual(
            request.get("Contact"),
            f'<sip:caller@caller.invalid:5060>;+sip.instance="<{INSTANCE}>";'
            "reg-id=1;expires=3600",
        )
        self.stop(registerer)

    def test_flow_is_kept(self) -> None:
        """Over TCP the refresh takes the connection of the registration; where that
        broke, a new one, with the same reg-id (5626-4.5-a).
        """
        uri = "sip:registrar.invalid;transport=tcp"
        registerer = self.register(proxy=uri, instance=INSTANCE, reg_id=1)
        self.network.advance(3600)
        ends = {packet.source for packet in self.network.packets("REGISTER")}
        self.assertEqual(len(ends), 1)
        self.network.reset("caller.invalid", "registrar.invalid")
        self.network.advance(2)
        self.assertEqual(len(self.registrar.requests), 3)
        self.assertIn("reg-id=1", self.registrar.requests[-1].get("Contact") or "")
        self.assertTrue(registerer.is_registered)
        self.stop(registerer)

    def pings(self) -> list[float]:
        """When the caller sent keep-alives."""
        return [
            packet.time
            for packet in self.network.log
            if packet.octets == b"\r\n\r\n" and packet.source[0] == "caller.invalid"
        ]

    def test_flow_timer(self) -> None:
        """The UA MUST send keep-alives at least as often as Flow-Timer says
        (5626-4.4-a).
        """
        self.registrar.fields[:] = [("Require", "outbound"), ("Flow-Timer", "50")]
        uri = "sip:registrar.invalid;transport=tcp"
        registerer = self.register(proxy=uri, instance=INSTANCE, reg_id=1)
        self.network.advance(200)
        gaps = [b - a for a, b in itertools.pairwise(self.pings())]
        self.assertEqual(gaps, [40.0] * 4)
        self.network.log.clear()
        # After a refresh that says otherwise, it is as that says.
        self.registrar.fields[1:] = []
        self.network.advance(3600)
        gaps = [b - a for a, b in itertools.pairwise(self.pings())]
        self.assertTrue(95 <= gaps[-1] <= 120, gaps)
        self.stop(registerer)
        self.network.log.clear()
        self.network.advance(600)
        self.assertEqual(self.pings(), [])

    def test_dead_flow(self) -> None:
        """A flow without pong is failed, and the UA forms a new one to replace it
        (5626-4.4.1-a).
        """
        self.registrar.fields[:] = [("Require", "outbound"), ("Flow-Timer", "50")]
        uri = "sip:registrar.invalid;transport=tcp"
        registerer = self.register(proxy=uri, instance=INSTANCE, reg_id=1)
        self.network.partition(["caller.invalid"], ["registrar.invalid"])
        self.network.advance(52)
        self.assertFalse(self.transport.connections)
        self.network.heal()
        self.network.advance(200)
        self.assertEqual(len(self.registrar.requests), 2)
        self.assertTrue(registerer.is_registered)
        self.stop(registerer)

    def test_flow_lost_soon(self) -> None:
        """A registrar that closes each connection after its 2xx is not asked again at
        once: "the UA MUST wait for at least the value of the retry delay time"
        (5626-4.5-a).
        """
        for fields in ([("Require", "outbound")], []):
            self.registrar.fields[:] = fields
            self.registrar.requests.clear()
            uri = "sip:registrar.invalid;transport=tcp"
            registerer = self.register(proxy=uri, instance=INSTANCE, reg_id=1)
            for count in range(1, 5):
                self.assertEqual(len(self.registrar.requests), count)
                self.network.reset("caller.invalid", "registrar.invalid")
                wait = 30 * 2 ** (count - 1)
                self.network.advance(wait - 2)
                self.assertEqual(len(self.registrar.requests), count)
                self.network.advance(4)
            self.assertEqual(
                self.told(), ["registered", *["registration-failed", "registered"] * 4]
            )
            self.stop(registerer)
            self.events.clear()

    def test_no_keepalives_unasked(self) -> None:
        """A UA that did not register using outbound cannot expect a pong, and over UDP
        CRLF MUST NOT be used (5626-4.4.1-a).
        """
        for uri, fields in (
            ("sip:registrar.invalid;transport=tcp", [("Flow-Timer", "50")]),
            ("sip:registrar.invalid", [("Require", "outbound"), ("Flow-Timer", "50")]),
        ):
            self.registrar.fields[:] = fields
            registerer = self.register(proxy=uri, instance=INSTANCE, reg_id=1)
            self.network.advance(600)
            self.assertEqual(self.pings(), [])
            self.stop(registerer)

    def test_fetch(self) -> None:
        """Bindings are fetched by a REGISTER without Contact (3261-10.2.3-a)."""
        self.registrar.bind(AOR, "<sip:other@192.0.2.9>", 500)
        registerer = self.register()
        fetching = registerer.fetch()
        self.network.advance(1)
        found = self.successResultOf(fetching)
        self.assertEqual(
            [str(binding.contact.uri) for binding in found],
            ["sip:other@192.0.2.9", "sip:caller@caller.invalid:5060"],
        )
        self.assertIsNone(self.registrar.requests[-1].get("Contact"))
        self.registrar.answers.append((403, ()))
        fetching = registerer.fetch()
        self.network.advance(1)
        self.failureResultOf(fetching, RequestRejected)
        self.stop(registerer)

    def test_loss(self) -> None:
        """Lost packets delay and change nothing."""
        self.network.drop_if(lambda packet: packet.octets.startswith(b"SIP/2"), times=2)
        registerer = self.register()
        self.network.advance(10)
        self.assertEqual(self.told(), ["registered"])
        self.stop(registerer)

    def test_stop_handler(self) -> None:
        """When the endpoint stops, a registration ends at once and sends nothing."""
        self.registrar.answers.append((0, ()))
        registerer = self.register()
        waiting, over = registerer.registered, registerer.stop()
        self.successResultOf(self.endpoint.stop())
        self.failureResultOf(waiting, LocalProtocolError)
        self.successResultOf(over)

    def test_bad_observer(self) -> None:
        """An observer that fails is logged, and the registration goes on."""

        def fail(event: RegistrationEvent) -> None:
            raise ValueError(event)

        registerer = self.register()
        registerer.add_observer(fail)
        self.stop(registerer)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_options_are_checked(self) -> None:
        """What cannot be registered is refused at once."""
        options = RegistrationOptions(NameAddress.parse("<tel:+1>"))
        self.assertRaises(LocalProtocolError, Registerer, self.endpoint, options)

    def test_unreadable_routes(self) -> None:
        """Fields of the 2xx that cannot be read do no harm."""
        self.registrar.fields.extend(
            [("Service-Route", "<<"), ("Expires", "x"), ("Path", "<<")]
        )
        registerer = self.register()
        self.assertTrue(registerer.is_registered)
        self.assertEqual(registerer.service_routes, ())
        self.stop(registerer)
