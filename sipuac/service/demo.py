"""The embedded peers of `twistd sipuac --demo`, and the service that calls them.

Everybody who is called through them is the same three phones behind a forking proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, fail, inlineCallbacks, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError
from sipuac.service.inviter_service import InviterService
from sipuac.ua.invitation import Invitation

_log = Logger()


class DemoService(MultiService):
    """Starts the peers, and an `InviterService` that has their proxy as its own.

    Args:
        reactor: Any, as it provides many interfaces.
        inviter_arguments: Of the `InviterService`, without `proxy`.
    """

    def __init__(self, reactor: Any, inviter_arguments: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        from sipuac.testing.demo import DemoPeers  # nobody else needs the peers

        self._reactor = reactor
        self._arguments = dict(inviter_arguments)
        self._peers = DemoPeers(reactor)
        self._inviter: InviterService | None = None

    @property
    def target_uri(self) -> str:
        """Whom to call, once the service has started."""
        return self._peers.target_uri

    def startService(self) -> None:
        """Start the peers first: the port of their proxy is not known before."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted
        failures: list[Failure] = []
        self._peers.start().addCallbacks(self._started, failures.append)
        if failures:
            failures[0].raiseException()

    def _started(self, ignored: object) -> None:
        arguments = {**self._arguments, "proxy": self._peers.proxy_uri}
        self._inviter = InviterService(reactor=self._reactor, **arguments)
        self._inviter.setServiceParent(self)  # type: ignore[no-untyped-call]  # Twisted
        _log.info("demo: call {target_uri}", target_uri=self.target_uri)

    @inlineCallbacks
    def stopService(self) -> Any:
        """End the calls, then the peers; Any, as of `inlineCallbacks`."""
        Service.stopService(self)
        inviter, self._inviter = self._inviter, None
        if inviter is not None:
            yield maybeDeferred(inviter.disownServiceParent)
        yield self._peers.stop()

    def reload_certificates(self) -> None:
        """See `InviterService.reload_certificates`."""
        if self._inviter is not None:
            self._inviter.reload_certificates()

    @property
    def load(self) -> dict[str, object]:
        """See `InviterService.load`."""
        return {} if self._inviter is None else self._inviter.load

    def invite(self, target: str, **options: Any) -> Deferred[Invitation]:
        """See `InviterService.invite`."""
        if self._inviter is None:
            return fail(LocalProtocolError("the service is not running"))
        return self._inviter.invite(target, **options)
