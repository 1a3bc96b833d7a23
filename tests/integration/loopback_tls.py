"""TLS on loopback: a server, a client, and the certificates that they show."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import inlineCallbacks

from sipuac.errors import TransportFailed
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import response_to
from sipuac.transport.listener import Listener
from sipuac.transport.tls import TlsSettings
from tests.integration.loopback import LoopbackCase, Steps, request_over
from tests.transport.certificates import Issued, authority


class TlsCase(LoopbackCase):
    """A server that shows a certificate, and a client that judges it."""

    def setUp(self) -> None:
        """One authority that the clients trust."""
        self.root = authority()

    @inlineCallbacks
    def flow_between(
        self,
        certificate: Issued,
        domain: str = "example.com",
        root: Any = None,
        host: str = "127.0.0.1",
    ) -> Any:
        """The flow to a server that shows this certificate, and both receivers."""
        shown = certificate.write(self.mktemp())
        trusted = (root or self.root).write(self.mktemp())
        server, server_receiver = yield self.started(
            Listener("TLS", host, 0, shown), Listener("UDP", host)
        )
        client, client_receiver = yield self.started(
            Listener("UDP", host), tls=TlsSettings(trusted.certificate)
        )
        self.server, self.client = server, client
        self.destination = Destination("TLS", host, self.port_of(server, "TLS"), domain)
        flow = yield client.connect(self.destination)
        return flow, server_receiver, client_receiver

    @inlineCallbacks
    def assertAccepted(self, certificate: Issued, domain: str = "example.com") -> Steps:
        """A request and its response go through."""
        flow, server_receiver, client_receiver = yield self.flow_between(
            certificate, domain
        )
        self.assertEqual(flow.transport, "TLS")
        arrival = server_receiver.something()
        flow.send(request_over(flow).render())
        yield arrival
        request, incoming = server_receiver.received[0]
        reply = yield self.server.reply_flow(request, incoming)
        arrival = client_receiver.something()
        reply.send(response_to(request, 200).render())
        yield arrival
        again = yield self.client.connect(self.destination)
        self.assertIs(again, flow)

    @inlineCallbacks
    def assertRefused(
        self,
        certificate: Issued,
        domain: str = "example.com",
        *,
        because: str,
        root: Any = None,
    ) -> Steps:
        """The connection fails, and the server never gets anything."""
        error = yield self.assertFailure(
            self.flow_between(certificate, domain, root), TransportFailed
        )
        self.assertIn(because, str(error))
        self.assertEqual(self.client.counters["connections-opened"], 0)
