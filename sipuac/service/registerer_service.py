"""Keeps an address-of-record registered: a child of an `InviterService`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from sipuac.errors import LocalProtocolError
from sipuac.service.inviter_service import InviterService
from sipuac.syntax.challenges import Algorithm
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.credentials import CredentialsSource, no_credentials
from sipuac.ua.inviter import Inviter
from sipuac.ua.registerer import Registerer, RegistrationEvent
from sipuac.ua.registration_options import registration_options


class RegistererService(Service):
    """Registers as soon as its parent has sockets, and unregisters when it stops.

    Calls of the parent go the way that the registrar wants (RFC 3608) while the
    address-of-record is that of the calls.

    Args:
        address: The address-of-record, with the port of its registrar where that is no
            usual one; None for the identity of the parent.
        registrar: URI of the registrar; None for the domain of the address, at the port
            that its URI may name.
        contacts: Further addresses to register.
        expires: Seconds that a binding is to last.
        instance: The URN of this device (RFC 5626); None to send none.
        reg_id: Which of its flows this is; None without outbound.
        credentials: Where passwords come from; None for none.
        algorithms: The digest algorithms that are allowed.
        drain: Seconds that stopping may take to remove what is bound.

    Attributes:
        registerer: None while the service is stopped.

    Raises:
        LocalProtocolError: The arguments cannot be.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        registrar: str | None = None,
        contacts: Collection[str] = (),
        expires: int = 3600,
        instance: str | None = None,
        reg_id: int | None = None,
        credentials: CredentialsSource | None = None,
        algorithms: Collection[str] = tuple(Algorithm),
        drain: float = 10.0,
    ) -> None:
        self._address = address
        self._arguments: dict[str, Any] = {
            "registrar": registrar,
            "contacts": tuple(contacts),
            "expires": expires,
            "instance": instance,
            "reg_id": reg_id,
        }
        self._credentials = credentials
        self._algorithms = tuple(algorithms)
        self._drain = drain
        self._observers: list[Callable[[RegistrationEvent], None]] = []
        # Whose calls take the way that the registrar wants; None for nobody's.
        self._inviter: Inviter | None = None
        self.registerer: Registerer | None = None
        if address is not None:
            registration_options(address, **self._arguments)

    def add_observer(self, observer: Callable[[RegistrationEvent], None]) -> None:
        """Call this with every event from the next start on."""
        self._observers.append(observer)

    def startService(self) -> None:
        """Register.

        Raises:
            LocalProtocolError: The parent is no `InviterService`, or not started.
        """
        super().startService()  # type: ignore[no-untyped-call]  # Twisted
        service = self.parent
        if not isinstance(service, InviterService):
            raise LocalProtocolError("a RegistererService needs an InviterService")
        endpoint, inviter = service.endpoint, service.inviter
        if endpoint is None or inviter is None:
            raise LocalProtocolError("the InviterService is not running")
        # Its text, and not what To and From say of it: that has no port.
        address = self._address or service.identity
        options = registration_options(address, **self._arguments)
        authenticator = Authenticator(
            self._credentials or no_credentials,
            endpoint.identifiers.cnonce,
            algorithms=self._algorithms,
        )
        registerer = self.registerer = Registerer(
            endpoint,
            options,
            proxy=inviter.proxy,
            authenticator=authenticator,
            user_agent=inviter.user_agent,
        )
        if inviter.identity.uri.is_equivalent(options.identity.uri):
            self._inviter = inviter

            def take_routes(event: RegistrationEvent) -> None:
                if self.registerer is registerer:
                    inviter.service_routes = registerer.service_routes

            registerer.add_observer(take_routes)
        for observer in self._observers:
            registerer.add_observer(observer)
        registerer.start()

    def stopService(self) -> Deferred[None] | None:
        """Remove what is bound, for `drain` seconds at most."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted
        registerer, self.registerer = self.registerer, None
        inviter, self._inviter = self._inviter, None
        if inviter is not None:
            # Whatever the registrar answers, nothing of ours is to be bound any more.
            inviter.service_routes = ()
        return None if registerer is None else registerer.stop(self._drain)
