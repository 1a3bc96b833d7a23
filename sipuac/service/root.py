"""The root of the running service: it starts or says why not, and stops in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from sipuac.errors import LocalProtocolError, SipError
from sipuac.service.signals import SignalWatch

_log = Logger()


class CannotStart(SystemExit, Exception):
    """Ends the program with status 1, for a reason that has been logged.

    It is an `Exception` for twistd, which tells the waiting parent of a daemon about
    those only, and removes its pidfile; and a `SystemExit` so that nobody gets to see a
    traceback.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.code = 1


class RootService(MultiService):
    """Starts its children in order, and stops them one after the other, last first.

    Twisted's own stops all at once, and the embedded phones would be gone before they
    have answered the BYE.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self.is_stopping = False
        self._stopped: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """Open the sockets; where one cannot be, say so in a line and exit."""
        _or_exit(super().privilegedStartService)

    def startService(self) -> None:
        """Start all children; where one cannot be started, say so and exit."""
        self.is_stopping = False
        _or_exit(super().startService)

    def stopService(self) -> Deferred[None]:
        """Stop all children; fires when the last one has, or the wait is skipped."""
        Service.stopService(self)
        self.is_stopping = True
        stopped = self._stopped = Deferred()
        self._stop_children().addBoth(lambda _: self.skip_drain())
        return stopped

    def skip_drain(self) -> None:
        """Do not wait any longer for children that are stopping."""
        if self._stopped is not None:
            stopped, self._stopped = self._stopped, None
            stopped.callback(None)

    @inlineCallbacks
    def _stop_children(self) -> Any:
        """Any: what `inlineCallbacks` makes of a generator."""
        for child in reversed(list(self)):
            try:
                yield maybeDeferred(child.stopService)
            except Exception:
                _log.failure("stopping {name}", name=_name_of(child))


class StopSignals(Service):
    """SIGINT and SIGTERM stop the service: the first with its drain.

    So does SIGHUP where a terminal goes that the service was started in. A daemon has
    none: there SIGHUP means to read the certificates again, and calls go on.

    Args:
        reactor: Stopped by the first signal; Any, as it provides many interfaces.
        root: What has the drain to skip.
        reload: Reads certificates again; may raise `LocalProtocolError`. None where
            SIGHUP stops in any case.
        has_terminal: Whether the service was started in a terminal.
    """

    def __init__(
        self,
        reactor: Any,
        root: RootService,
        reload: Callable[[], None] | None = None,
        has_terminal: Callable[[], bool] = lambda: os.isatty(0),
    ) -> None:
        self._root = root
        self._reload = reload
        self._has_terminal = has_terminal
        self._watch = SignalWatch(reactor, self._signalled)

    def startService(self) -> None:
        """Take the signals (see `IService`)."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted
        self._watch.start()

    def stopService(self) -> None:
        """Give the signals back (see `IService`)."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted
        self._watch.stop()

    def _signalled(self, number: int) -> None:
        if self._is_for_reload(number):
            self._reload_certificates()
            return
        if self._root.is_stopping:
            _log.warn("signal {number} again: not waiting any longer", number=number)
            self._root.skip_drain()
            return
        _log.info("signal {number}: stopping", number=number)
        self._watch.pass_on(number)

    def _is_for_reload(self, number: int) -> bool:
        if self._reload is None or self._root.is_stopping:
            return False
        return number == getattr(signal, "SIGHUP", None) and not self._has_terminal()

    def _reload_certificates(self) -> None:
        assert self._reload is not None
        try:
            self._reload()
        except LocalProtocolError as error:
            _log.error("the old certificates stay: {problem}", problem=str(error))
        else:
            _log.info("certificates are read again")


def _or_exit(start: Callable[[], None]) -> None:
    try:
        start()
    except (SipError, CannotListenError, OSError) as error:
        reason = " ".join(str(error).split())
        _log.critical("cannot start: {reason}", reason=reason)
        raise CannotStart(reason) from error


def _name_of(service: IService) -> str:
    return str(getattr(service, "name", None) or type(service).__name__)
