"""An endpoint with real sockets: what joins transports, resolver and transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import SystemRandom
from typing import Any

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.resolver import Resolver
from sipuac.syntax.uri import Uri
from sipuac.transaction.timers import Timers
from sipuac.transport.addresses import (
    can_listen_on_ipv6,
    local_address_toward,
    reaches,
)
from sipuac.transport.kept_flow import KeptFlow
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener, default_listeners, parse_listener
from sipuac.transport.tls import OwnCertificate, TlsSettings
from sipuac.ua.endpoint import Endpoint


class SocketSettings:
    """Where an endpoint listens and whom it trusts, checked at once.

    Args:
        bind: Address to place calls from, on a port of the system's choice, where there
            are no listeners; "" for whichever reaches the next hop.
        listen: Endpoint strings such as `udp:5060:interface=127.0.0.1`.
        tls_ca: PEM file with the roots to trust instead of the system's.
        tls_cert: PEM file with the certificate to show servers that ask who we are.
        tls_key: PEM file with its private key, where that is not in the same file.
        advertise: Host to name in Via and Contact instead of our own address.
        learn_address: Whether to name there the address that servers see us at.
        repeat_invite: Seconds between two sendings of an INVITE over UDP that rings;
            None for none.
        hosts: Addresses by name, instead of DNS.
        nameservers: Who is asked about all other names, as address and port; none for
            the name servers of the system.

    Raises:
        LocalProtocolError: One of them cannot be used.
    """

    def __init__(
        self,
        *,
        bind: str = "",
        listen: Sequence[str] = (),
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        advertise: str | None = None,
        learn_address: bool = False,
        repeat_invite: float | None = None,
        hosts: Mapping[str, str] | None = None,
        nameservers: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.listeners: list[Listener] = [parse_listener(text) for text in listen]
        if not self.listeners:
            self.listeners = default_listeners(bind)
        # Departs from RFC 6724 section 6, rule 6, because nobody has asked for IPv6:
        # a name that has IPv4 addresses too, such as "localhost", is called there.
        self._preferred = list(self.listeners)
        if not bind and not listen and can_listen_on_ipv6():
            self.listeners += default_listeners("::")
        certificate = None
        if tls_cert is not None:
            certificate = OwnCertificate(tls_key or tls_cert, tls_cert)
        elif tls_key is not None:
            raise LocalProtocolError("a private key needs its certificate")
        self.tls = TlsSettings(tls_ca, certificate)
        self.advertise = advertise
        self.learn_address = learn_address
        self.repeat_invite = repeat_invite
        self.hosts = dict(hosts or {})
        self.nameservers = tuple(nameservers)
        self.tls.client_context()
        Resolver(self.hosts)

    def make_endpoint(self, reactor: Any, timers: Timers | None = None) -> Endpoint:
        """An endpoint on this reactor, not yet started.

        Args:
            reactor: Has the sockets, the clock and the names; Twisted has no one type
                for that.
            timers: T1, T2 and T4.
        """
        transport = TransportLayer(
            reactor,
            self.listeners,
            tls=self.tls,
            advertise=self.advertise,
            learns_address=self.learn_address,
        )
        resolver = Resolver(
            self.hosts,
            reactor=reactor,
            nameservers=self.nameservers,
            source_toward=self._source_toward,
        )
        return Endpoint(
            reactor,
            transport,
            resolver,
            timers=timers,
            repeat_invite=self.repeat_invite,
        )

    def _source_toward(self, host: str) -> str | None:
        """Our own address toward another, None where there is no way that we prefer."""
        if not any(reaches(listener.interface, host) for listener in self._preferred):
            return None
        try:
            return local_address_toward(host)
        except TransportFailed:
            return None


def keep_flow(
    endpoint: Endpoint, uri: Uri, *, interval: float, expects_pong: bool = False
) -> KeptFlow:
    """The flow to a next hop, held open by keep-alives (RFC 5626), not yet started.

    Args:
        endpoint: Finds and makes the flow.
        uri: The next hop: that of an outbound proxy.
        interval: Seconds between two keep-alives, at most.
        expects_pong: Whether a connection without an answer to them is dead.
    """
    return KeptFlow(
        lambda: endpoint.flow_to(uri),
        endpoint.clock,
        SystemRandom().random,
        interval=interval,
        expects_pong=expects_pong,
    )


__all__ = ["KeptFlow", "SocketSettings", "Timers", "keep_flow"]
