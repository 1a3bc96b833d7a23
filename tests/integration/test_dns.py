"""Servers found by real DNS on loopback, and real failover between them.

No question leaves this machine: each test asks name servers of its own.
"""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.names import dns
from twisted.trial.unittest import TestCase

from sipuac.errors import ResolutionFailed
from sipuac.resolver import Resolver
from sipuac.resolver.system import HostsFile
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request
from sipuac.syntax.uri import parse_uri
from sipuac.testing.script import answer, hang_up
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.failover import request_any
from sipuac.ua.user_agent import SocketSettings
from tests.integration.loopback import has_ipv6
from tests.integration.name_servers import LocalNameServer, SilentNameServer
from tests.integration.test_commands import ProgramTestCase
from tests.resolver.zone import alias, naptr, srv, v4, v6

reactor: Any = _reactor

RECORDS: dict[str, list[Any]] = {
    "naptr.example": [
        naptr("SIP+D2U", "_sip._udp.naptr.example", 20),
        naptr("SIPS+D2T", "_sips._tcp.naptr.example", 10),
    ],
    "_sips._tcp.naptr.example": [
        srv("two.example", 5071, priority=2),
        srv("one.example", 5061, priority=1),
    ],
    "one.example": [v4("127.0.0.1"), v6("::1")],
    "two.example": [v4("127.0.0.2")],
    "srv.example": [v4("127.0.0.9")],
    "_sip._udp.srv.example": [srv("two.example", 5070)],
    "plain.example": [v4("127.0.0.3", ttl=0)],
    "alias.example": [alias("plain.example")],
    "loop.example": [alias("pool.example")],
    "pool.example": [alias("loop.example")],
    "none.example": [srv("", 0)],
    "_sip._udp.none.example": [srv("", 0)],
    "many.example": [v4("127.0.0.4")],
    "_sip._udp.many.example": [
        srv(f"s{number}.many.example", priority=number) for number in range(500)
    ],
    **{
        f"s{number}.many.example": [v4(f"127.0.1.{number % 250 + 1}")]
        for number in range(500)
    },
}


class NameServerCase(TestCase):
    """A test with a DNS server."""

    timeout = 20

    def setUp(self) -> None:
        """Start it."""
        self.server = self.start()
        self.hosts = HostsFile(self.mktemp())

    def start(
        self, records: dict[str, list[Any]] | None = None, host: str = "127.0.0.1"
    ) -> LocalNameServer:
        """One more DNS server."""
        server = LocalNameServer(reactor, RECORDS if records is None else records, host)
        self.addCleanup(server.stop)
        return server

    def resolver(self, *servers: tuple[str, int]) -> Resolver:
        """A resolver that asks these servers, else the first one."""
        return Resolver(
            reactor=reactor,
            nameservers=servers or [self.server.address],
            hosts=self.hosts,
        )

    def listen(self, protocol: SilentNameServer) -> tuple[str, int]:
        """Where this protocol gets datagrams."""
        port = reactor.listenUDP(0, protocol, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return "127.0.0.1", port.getHost().port

    def closed_port(self) -> tuple[str, int]:
        """Where nobody listens."""
        port = reactor.listenUDP(0, SilentNameServer(), interface="127.0.0.1")
        where = "127.0.0.1", port.getHost().port
        # It is closed once the reactor comes round.
        self.addCleanup(port.stopListening)
        port.stopListening()
        return where


class ResolverTests(NameServerCase):
    """Searches over real sockets."""

    async def servers(
        self, uri: str, resolver: Resolver | None = None
    ) -> list[Destination]:
        """What is found."""
        found = (resolver or self.resolver()).resolve(parse_uri(uri))
        servers: list[Destination] = await found
        return servers

    async def test_naptr(self) -> None:
        """NAPTR leads to SRV, and SRV to addresses of both families (3263-4.1-b,
        3263-4.2-a).
        """
        found = await self.servers("sip:naptr.example")
        self.assertEqual(
            [(one.transport, one.port, one.domain, one.target) for one in found],
            [
                ("TLS", 5061, "naptr.example", "one.example"),
                ("TLS", 5061, "naptr.example", "one.example"),
                ("TLS", 5071, "naptr.example", "two.example"),
            ],
        )
        self.assertEqual({one.host for one in found[:2]}, {"127.0.0.1", "::1"})
        self.assertEqual(self.server.asked[0], "NAPTR naptr.example UDP")

    async def test_srv(self) -> None:
        """Without NAPTR, SRV is asked (3263-4.1-c)."""
        found = await self.servers("sip:srv.example")
        expected = Destination("UDP", "127.0.0.2", 5070, "srv.example")
        self.assertEqual(found, [expected])

    async def test_addresses(self) -> None:
        """Without SRV, addresses are; an alias leads where it leads (3263-4.2-a)."""
        for name in ("plain.example", "alias.example", "Plain.Example."):
            [found] = await self.servers(f"sip:{name}")
            self.assertEqual((found.transport, found.host), ("UDP", "127.0.0.3"))

    async def test_unknown(self) -> None:
        """What does not exist, or loops, is not found; that it does not exist is not
        asked twice (3263-4-b).
        """
        for uri in ("sip:gone.example", "sip:loop.example", "sip:none.example"):
            resolver = self.resolver()
            for _ in range(2):
                with self.assertRaises(ResolutionFailed):
                    await self.servers(uri, resolver)
        self.assertLess(len(self.server.asked), 60)

    async def test_many_records(self) -> None:
        """Five hundred records come over TCP, and are bounded (3263-4-b)."""
        found = await self.servers("sip:many.example;transport=udp")
        self.assertEqual(found[0].target, "s0.many.example")
        self.assertLessEqual(len(found), 32)
        asked = [one for one in self.server.asked if one.startswith("SRV")]
        self.assertEqual(
            asked,
            [
                "SRV _sip._udp.many.example UDP",
                "SRV _sip._udp.many.example TCP",
            ],
        )

    async def test_shared_questions(self) -> None:
        """Many who look for the same ask once; what may not be kept is asked again."""
        resolver = self.resolver()
        uri = parse_uri("sip:plain.example:5060")
        for times in (1, 2):
            await gatherResults([resolver.resolve(uri) for _ in range(50)])
            asked = self.server.asked.count("A plain.example UDP")
            self.assertEqual(asked, times)

    async def test_second_server(self) -> None:
        """A name server that is not there, cannot tell, says nothing, or rubbish, is no
        end.
        """
        cannot_tell = self.start()
        cannot_tell.factory.response_code = dns.ESERVER
        silent, rubbish = SilentNameServer(), SilentNameServer(b"\x80\x00\x00\x01")
        for bad in (
            self.closed_port(),
            cannot_tell.address,
            self.listen(silent),
            self.listen(rubbish),
        ):
            resolver = self.resolver(bad, self.server.address)
            [found] = await self.servers("sip:plain.example:5060", resolver)
            self.assertEqual(found.host, "127.0.0.3")
        self.assertEqual((silent.received, rubbish.received), (2, 2))
        self.assertGreater(resolver.counters["dns-answers-ignored"], 0)

    async def test_silence(self) -> None:
        """Silence has an end, and leaves no socket behind (3263-4-b)."""
        resolver = self.resolver(self.listen(SilentNameServer()))
        started = reactor.seconds()
        with self.assertRaises(ResolutionFailed):
            await self.servers("sip:plain.example:5060", resolver)
        self.assertLess(reactor.seconds() - started, 5)

    async def test_cancelling(self) -> None:
        """A search that is given up leaves no socket behind."""
        silent = SilentNameServer()
        searching = self.resolver(self.listen(silent)).resolve(
            parse_uri("sip:plain.example")
        )
        searching.cancel()
        with self.assertRaises(CancelledError):
            await searching

    async def test_ipv6(self) -> None:
        """A name server may have an IPv6 address."""
        if not has_ipv6():
            raise SkipTest("no IPv6 on this machine")
        server = self.start(host="::1")
        resolver = self.resolver(server.address)
        [found] = await self.servers("sip:plain.example:5060", resolver)
        self.assertEqual(found.host, "127.0.0.3")
        found_too = await self.servers("sip:many.example;transport=udp", resolver)
        self.assertEqual(found_too[0].target, "s0.many.example")


class FailoverTests(NameServerCase):
    """Requests that find a living server among dead ones."""

    async def endpoint(self, **settings: Any) -> Endpoint:
        """An endpoint on loopback."""
        endpoint = SocketSettings(bind="127.0.0.1", **settings).make_endpoint(reactor)
        await endpoint.start()
        self.addCleanup(endpoint.stop)
        return endpoint

    async def living(self) -> int:
        """The port of a server that answers whatever comes."""
        endpoint = await self.endpoint()
        to = Destination("UDP", "127.0.0.1", 9, "127.0.0.1")
        flow: IFlow = await endpoint.transport.connect(to)
        return flow.sent_by[1]

    async def test_next_server(self) -> None:
        """Where nobody listens at the first server the request goes to the second, and
        the next request there at once (3263-4.3-a).
        """
        alive = await self.living()
        for transport in ("udp", "tcp"):
            dead = self.closed_port()[1]
            name = f"_sip._{transport}.cluster.example"
            server = self.start(
                {
                    name: [
                        srv("host.example", dead, priority=1),
                        srv("host.example", alive, priority=2),
                    ],
                    "host.example": [v4("127.0.0.1")],
                }
            )
            client = await self.endpoint(nameservers=[server.address])
            uri = parse_uri(f"sip:cluster.example;transport={transport}")

            def build(flow: IFlow, transport: str = transport) -> Request:
                rows = [
                    ("Max-Forwards", "70"),
                    ("From", "<sip:caller@example.invalid>;tag=f"),
                    ("To", "<sip:cluster.example>"),
                    ("Call-ID", transport),
                    ("CSeq", "1 OPTIONS"),
                ]
                return Request("OPTIONS", "sip:cluster.example", rows)

            for _ in range(2):
                candidates = client.servers.candidates(uri)
                delivered = await request_any(client, candidates, build)
                self.assertEqual(delivered.flow.remote, ("127.0.0.1", alive))
                self.assertNotEqual(delivered.response.status, 503)
            self.assertEqual(candidates.current, _server(transport, alive))
            self.assertTrue(candidates.has_more)

    async def test_addresses_of_one_name(self) -> None:
        """Of the addresses of a name the one that answers is taken (7984-3.1-a)."""
        alive = await self.living()
        server = self.start({"both.example": [v6("::1"), v4("127.0.0.1")]})
        client = await self.endpoint(nameservers=[server.address])
        uri = parse_uri(f"sip:both.example:{alive};transport=tcp")
        found: list[Destination] = await client.resolver.resolve(uri)
        # We listen on IPv4 only: an address of the other family comes last.
        self.assertEqual([one.host for one in found], ["127.0.0.1", "::1"])
        flow: IFlow = await client.flow_to(uri)
        self.assertEqual(flow.remote, ("127.0.0.1", alive))


def _server(transport: str, port: int) -> Destination:
    return Destination(transport.upper(), "127.0.0.1", port, "cluster.example")


class CommandTests(NameServerCase, ProgramTestCase):
    """`sipuac call --nameserver`."""

    async def test_call(self) -> None:
        """A name is called by its NAPTR and SRV records; the first server is dead."""
        phone, uri = await self.phone(answer(0.1), hang_up(0.2))
        alive = int(uri.rpartition(":")[2])
        dead = self.closed_port()[1]
        server = self.start(
            {
                "office.example": [naptr("SIP+D2T", "_sip._tcp.office.example")],
                "_sip._tcp.office.example": [
                    srv("host.example", dead, priority=1),
                    srv("host.example", alive, priority=2),
                ],
                "host.example": [v4("127.0.0.1")],
            }
        )
        where = f"127.0.0.1:{server.address[1]}"
        call = self.sipuac(
            "call", "--bind=127.0.0.1", "--nameserver", where, "sip:desk@office.example"
        )
        self.assertEqual(await call.ended, 0, call.stderr)
        self.assertEqual(
            [request.method for request in phone.requests()][:2], ["INVITE", "ACK"]
        )
        self.assertIn("NAPTR office.example UDP", server.asked)

    async def test_unknown_name(self) -> None:
        """A name that does not exist is unreachable, and says so in words."""
        where = f"127.0.0.1:{self.server.address[1]}"
        call = self.sipuac("call", "--nameserver", where, "sip:desk@gone.example")
        self.assertEqual(await call.ended, 6)
        self.assertIn("gone.example", call.stdout + call.stderr)
        self.assertEqual(self.server.asked[0], "NAPTR gone.example UDP")
