"""`sipuac register`: register, stay registered, remove the binding at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.cli.output import Lines
from sipuac.cli.status import OK, OTHER_FAILURE, SIGNAL, UNREACHABLE, USAGE, status_of
from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.registration.events import Registered, RegistrationFailed, Unregistered
from sipuac.service.inviter_service import InviterService
from sipuac.service.registerer_service import RegistererService
from sipuac.ua.registerer import RegistrationEvent

_log = Logger()


class OneShotRegistration:
    """Registers and tells what happens.

    Args:
        clock: The reactor.
        service: Has the sockets; started and stopped here, with its child.
        registration: The child that registers.
        output: Where the events go.
        duration: Seconds after the first 2xx to end; None for until a signal.
        retries: Whether to go on where the first attempt fails.
    """

    def __init__(
        self,
        clock: Any,
        service: InviterService,
        registration: RegistererService,
        output: Lines,
        *,
        duration: float | None = None,
        retries: bool = False,
    ) -> None:
        self._clock = clock
        self._service = service
        self._output = output
        self._duration = duration
        self._retries = retries
        self._status = OK
        self._was_registered = False
        self._end: IDelayedCall | None = None
        self._signal: int | None = None
        self._is_ending = False
        self._finished: Deferred[int] = Deferred()
        self.refusal: str | None = None
        registration.add_observer(self._told)

    def run(self) -> Deferred[int]:
        """Register; fires with the exit status when all is over.

        `refusal` then says in one line why nothing was sent, where the status is 2.
        """
        started = maybeDeferred(self._service.startService)
        started.addErrback(self._could_not_start)
        return self._finished

    def interrupt(self, number: int) -> None:
        """A signal came: the first removes the binding, the second leaves."""
        if self._signal is not None:
            self._finish()
            return
        self._signal = number
        self._stop()

    def _could_not_start(self, failure: Failure) -> None:
        if failure.check(LocalProtocolError):
            self.refusal = failure.getErrorMessage()
            self._status = USAGE
        elif failure.check(TransportFailed):
            self._output.line(failure.getErrorMessage())
            self._status = UNREACHABLE
        else:
            _log.failure("registering", failure)
            self._status = OTHER_FAILURE
        self._stop()

    def _told(self, event: RegistrationEvent) -> None:
        body = event.body
        is_last = not self._was_registered and not self._retries
        if isinstance(body, RegistrationFailed) and is_last:
            # We end here: the attempt that the registration has in mind never comes.
            event = replace(event, body=replace(body, retry=None))
        # What never was bound is not removed, whatever the registration says of it.
        is_news = not isinstance(body, Unregistered) or self._was_registered
        if is_news and not self._is_printed(event):
            return
        if isinstance(body, Registered):
            if not self._was_registered and self._duration is not None:
                self._end = self._clock.callLater(self._duration, self._stop)
            self._was_registered = True
            self._status = OK
        elif isinstance(body, RegistrationFailed) and not self._was_registered:
            self._status = status_of(body.error)
            if not self._retries:
                self._stop()

    def _is_printed(self, event: RegistrationEvent) -> bool:
        """Print the event; False where nobody reads that."""
        try:
            self._output.event(event.as_dict(), describe(event))
        except OSError:
            # Remove the binding, do not just die.
            self._status = OTHER_FAILURE
            self._stop()
            return False
        return True

    def _stop(self) -> None:
        if self._is_ending:
            return
        self._is_ending = True
        if self._end is not None and self._end.active():
            self._end.cancel()
        stopped = maybeDeferred(self._service.stopService)
        stopped.addErrback(lambda failure: _log.failure("closing", failure))
        stopped.addCallback(lambda _: self._finish())

    def _finish(self) -> None:
        if not self._finished.called:
            status = self._status if self._signal is None else SIGNAL + self._signal
            self._finished.callback(status)


def describe(event: RegistrationEvent) -> str:
    """An event in words."""
    body = event.body
    if isinstance(body, Registered):
        words = f"registered as {', '.join(body.contacts)} over {body.transport}"
        words += f" for {body.expires} s, to be refreshed in {body.refresh:.0f} s"
        if body.service_route:
            words += f"; calls go by {', '.join(body.service_route)}"
    elif isinstance(body, RegistrationFailed):
        words = f"not registered: {body.message}"
        if body.is_registered:
            words = f"not refreshed: {body.message}; the binding stands for now"
        if body.retry is not None:
            words += f"; next attempt in {body.retry:.0f} s"
    else:
        assert isinstance(body, Unregistered)
        words = "no longer registered"
    return f"{event.time:8.3f}  {words}"
