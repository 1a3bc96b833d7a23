"""The service that places calls: a child of any `MultiService`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.media.interfaces import IMediaFactory
from sipuac.media.static import StaticMedia
from sipuac.service.pacing import MAX_WAITING, Pacer, check_pace
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.capability_query import Capabilities, ask_capabilities
from sipuac.ua.credentials import CredentialsSource
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.incoming import IncomingInvites, Policy
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import (
    DEFAULT_USER_AGENT,
    Inviter,
    parse_identity,
    parse_proxy,
)
from sipuac.ua.session import Session
from sipuac.ua.user_agent import KeptFlow, SocketSettings, Timers, keep_flow


class InviterService(MultiService):
    """Opens the sockets, places calls, and ends what is left when it stops.

    Its children, such as a `RegistererService`, run while the sockets are open.

    Args:
        identity: Who calls: a URI, or `"Name" <URI>`.
        proxy: URI of the outbound proxy; None for none.
        reactor: Where the sockets are; None for the global one, when it is started.
        bind: Address to place calls from where `listen` names no other; "" for
            whichever reaches the next hop.
        listen: Endpoint strings such as `udp:5060:interface=127.0.0.1`.
        media: Makes the media of calls that bring none of their own; None for a plain
            audio offer that nothing stands behind.
        user_agent: The User-Agent field; None leaves it out.
        hosts: Addresses by name, instead of DNS.
        nameservers: Who is asked about all other names, as address and port; none for
            the name servers of the system.
        tls_ca: PEM file with the roots to trust instead of the system's.
        tls_cert: PEM file with the certificate to show servers that ask who we are.
        tls_key: PEM file with its private key, where that is not in the same file.
        advertise: Host to name in Via and Contact instead of our own address.
        credentials: Answers challenges; None for nobody.
        learn_address: Whether to name there the address that servers see us at.
        repeat_invite: Seconds between two sendings of an INVITE over UDP that rings,
            for NATs that forget quickly; None for none.
        keepalive: Seconds between two keep-alives on the flow to the proxy, which is
            then held open, and opened anew when it fails; None for no such flow.
        keepalive_pong: Whether the proxy answers them over TCP and TLS (RFC 5626), so
            that a connection without an answer is dead.
        incoming: Answers INVITEs of others; None refuses them with 486.
        drain: Seconds that stopping may take to CANCEL and BYE what is left.
        rate: Calls that leave in a second at most, evenly; those beyond wait for their
            turn. None for no such limit: then they wait only while we are overloaded
            (see `sipuac.service.pacing`).
        max_waiting: How many may wait; more fail with `TooManyCalls`.
        timers: T1, T2 and T4.

    Attributes:
        identity: Who calls, as it was given.
        endpoint, inviter: None while the service is stopped.

    Raises:
        LocalProtocolError: One of the arguments cannot be used.
    """

    def __init__(
        self,
        identity: str,
        proxy: str | None = None,
        *,
        reactor: Any = None,
        bind: str = "",
        listen: Sequence[str] = (),
        media: IMediaFactory | None = None,
        user_agent: str | None = DEFAULT_USER_AGENT,
        hosts: Mapping[str, str] | None = None,
        nameservers: Sequence[tuple[str, int]] = (),
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        advertise: str | None = None,
        credentials: CredentialsSource | None = None,
        learn_address: bool = False,
        repeat_invite: float | None = None,
        keepalive: float | None = None,
        keepalive_pong: bool = False,
        incoming: Policy | None = None,
        drain: float = 10.0,
        rate: float | None = None,
        max_waiting: int = MAX_WAITING,
        timers: Timers | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        parse_identity(identity)
        if proxy is not None:
            parse_proxy(proxy)
        elif keepalive is not None:
            raise LocalProtocolError("keep-alives go to a proxy, and there is none")
        check_pace(rate, max_waiting)
        self.identity = identity
        self._proxy = proxy
        self._reactor = reactor
        self._sockets = SocketSettings(
            bind=bind,
            listen=listen,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            advertise=advertise,
            learn_address=learn_address,
            repeat_invite=repeat_invite,
            hosts=hosts,
            nameservers=nameservers,
        )
        self._keepalive = keepalive
        self._keepalive_pong = keepalive_pong
        if media is None:
            media = StaticMedia(address=bind or "127.0.0.1")
        self._media = media
        self._user_agent = user_agent
        self._credentials = credentials
        self._incoming = incoming
        self._drain = drain
        self._rate = rate
        self._max_waiting = max_waiting
        self._pacer: Pacer | None = None
        self._timers = timers
        self._kept_flow: KeptFlow | None = None
        self.endpoint: Endpoint | None = None
        self.inviter: Inviter | None = None

    def privilegedStartService(self) -> None:
        """Open the sockets.

        Raises:
            TransportFailed: One of them cannot be opened.
        """
        if self.endpoint is None:
            self._open()

    def startService(self) -> None:
        """See `IService`; opens the sockets where that was not done before."""
        self.privilegedStartService()
        # Twisted does not annotate its services.
        super().startService()  # type: ignore[no-untyped-call]

    def _open(self) -> None:
        reactor = self._reactor
        if reactor is None:
            from twisted.internet import reactor
        endpoint = self._sockets.make_endpoint(reactor, self._timers)
        failures: list[Failure] = []
        opened = endpoint.start()
        opened.addErrback(failures.append)
        if not opened.called:
            # Listening is a matter of this very moment: what takes longer is the
            # closing of the sockets that were opened before one could not be.
            failures.append(Failure(TransportFailed("a socket could not be opened")))
        if failures:
            failures[0].raiseException()
        self.endpoint = endpoint
        self._pacer = Pacer(
            reactor,
            rate=self._rate,
            max_waiting=self._max_waiting,
            lost=self._lost_datagrams,
        )
        if self._incoming is not None:
            IncomingInvites(endpoint, self._incoming)
        self.inviter = Inviter(
            endpoint,
            self.identity,
            proxy=self._proxy,
            media=self._media,
            user_agent=self._user_agent,
            credentials=self._credentials,
        )
        if self._keepalive is not None and self.inviter.proxy is not None:
            self._kept_flow = keep_flow(
                endpoint,
                self.inviter.proxy,
                interval=self._keepalive,
                expects_pong=self._keepalive_pong,
            )
            self._kept_flow.start()

    def reload_certificates(self) -> None:
        """Read certificates, keys and roots again, for connections from now on.

        Raises:
            LocalProtocolError: A file cannot be used; then the old ones stay.
        """
        if self.endpoint is not None:
            self.endpoint.transport.reload_certificates()

    def stopService(self) -> Deferred[None] | None:
        """CANCEL and BYE what is left, for `drain` seconds at most, and close all."""
        children = maybeDeferred(super().stopService)
        endpoint, inviter = self.endpoint, self.inviter
        self.endpoint = self.inviter = None
        if endpoint is None or inviter is None:
            return None
        if self._pacer is not None:
            self._pacer.stop()
        drained = inviter.drain(self._drain)
        drained.addCallback(lambda _: children)
        return drained.addCallback(lambda _: self._close(endpoint))

    def _close(self, endpoint: Endpoint) -> Deferred[None]:
        kept, self._kept_flow = self._kept_flow, None
        if kept is not None:
            kept.stop()
        return endpoint.stop()

    def invite(self, target: str, **options: Any) -> Deferred[Invitation]:
        """Send an INVITE; see `Inviter.invite` for the options and the result."""
        if self.inviter is None or self._pacer is None:
            return fail(LocalProtocolError("the service is not running"))
        turn = self._pacer.turn()
        if turn is None:
            return self.inviter.invite(target, **options)
        return turn.addCallback(lambda _: self._inviter_now().invite(target, **options))

    def call(self, target: str, **options: Any) -> Deferred[Session]:
        """Place a call and wait until it stands; see `Inviter.call`."""
        if self.inviter is None or self._pacer is None:
            return fail(LocalProtocolError("the service is not running"))
        turn = self._pacer.turn()
        if turn is None:
            return self.inviter.call(target, **options)
        return turn.addCallback(lambda _: self._inviter_now().call(target, **options))

    def _inviter_now(self) -> Inviter:
        """The inviter of a call that has waited; those that wait fail at the end."""
        assert self.inviter is not None
        return self.inviter

    @property
    def load(self) -> dict[str, object]:
        """How calls are let go, and how the sockets cope, for whoever watches that.

        Returns:
            `waiting`, `rate`, `lag` and `reductions`, as `Pace` has them, and under
            `sockets` those of each UDP socket as `SocketLoad` has them.
        """
        if self.endpoint is None or self._pacer is None:
            return {}
        sockets = [asdict(load) for load in self.endpoint.transport.socket_loads()]
        return {**asdict(self._pacer.pace), "sockets": sockets}

    def _lost_datagrams(self) -> int | None:
        """How many the system has thrown away; None where no socket tells."""
        if self.endpoint is None:
            return None
        lost = [load.lost for load in self.endpoint.transport.socket_loads()]
        known = [count for count in lost if count is not None]
        return sum(known) if known else None

    def options(self, target: str) -> Deferred[Capabilities]:
        """Ask with OPTIONS who is there; see `ask_capabilities`."""
        if self.endpoint is None or self.inviter is None:
            return fail(LocalProtocolError("the service is not running"))
        authenticator = None
        if self._credentials is not None:
            identifiers = self.endpoint.identifiers
            authenticator = Authenticator(self._credentials, identifiers.cnonce)
        return ask_capabilities(
            self.endpoint, self.inviter.caller, target, authenticator=authenticator
        )
