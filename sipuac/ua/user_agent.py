"""An endpoint with real sockets: what joins transports, resolver and transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sipuac.errors import TransportFailed
from sipuac.resolver import Resolver
from sipuac.transaction.timers import Timers
from sipuac.transport.addresses import local_address_toward, reaches
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import Listener, default_listeners, parse_listener
from sipuac.transport.tls import TlsSettings
from sipuac.ua.endpoint import Endpoint


class SocketSettings:
    """Where an endpoint listens and whom it trusts, checked at once.

    Args:
        bind: Address to place calls from, on a port of the system's choice, where there
            are no listeners; "" for whichever reaches the next hop.
        listen: Endpoint strings such as `udp:5060:interface=127.0.0.1`.
        tls_ca: PEM file with the roots to trust instead of the system's.
        advertise: Host to name in Via and Contact instead of our own address.
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
        advertise: str | None = None,
        hosts: Mapping[str, str] | None = None,
        nameservers: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.listeners: list[Listener] = [parse_listener(text) for text in listen]
        if not self.listeners:
            self.listeners = default_listeners(bind)
        self.tls = TlsSettings() if tls_ca is None else TlsSettings(ca_file=tls_ca)
        self.advertise = advertise
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
            reactor, self.listeners, tls=self.tls, advertise=self.advertise
        )
        resolver = Resolver(
            self.hosts,
            reactor=reactor,
            nameservers=self.nameservers,
            source_toward=self._source_toward,
        )
        return Endpoint(reactor, transport, resolver, timers=timers)

    def _source_toward(self, host: str) -> str | None:
        """Our own address toward another, None where there is no way."""
        if not any(reaches(listener.interface, host) for listener in self.listeners):
            return None
        try:
            return local_address_toward(host)
        except TransportFailed:
            return None


__all__ = ["SocketSettings", "Timers"]
