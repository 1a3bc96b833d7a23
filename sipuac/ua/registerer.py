"""Keeps one address-of-record registered: the driver of a `Registration`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import CallFailed, LocalProtocolError, SipError, TransportFailed
from sipuac.registration.bindings import Binding, bindings_of
from sipuac.registration.events import (
    Registered,
    RegistrationChange,
    RegistrationFailed,
    Unregistered,
)
from sipuac.registration.options import RegistrationOptions
from sipuac.registration.registration import (
    Bound,
    Missed,
    Registration,
    SendRegister,
    Unbound,
    failure_of,
)
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.out_of_dialog import Answered, RequestSender
from sipuac.ua.outcome import Outcome
from sipuac.ua.register_request import build_register, contacts_for
from sipuac.ua.registration_flow import RegistrationFlow
from sipuac.ua.timer_queue import QueuedTimer

_log = Logger()

# The timer that ends a registration which takes too long to end.
_STOP = "stop"


@dataclass(frozen=True, slots=True)
class RegistrationEvent:
    """An event of a registration, and when it happened.

    Attributes:
        time: Seconds since the registration was asked for.
        call_id: Call-ID of its requests.
        body: What happened.
    """

    time: float
    call_id: str
    body: RegistrationChange

    def as_dict(self) -> dict[str, object]:
        """The event as the JSON object that every reader of events gets."""
        entries: dict[str, object] = {
            "event": self.body.event,
            "time": round(self.time, 6),
            "call_id": self.call_id,
        }
        for field in fields(self.body):
            entries[field.name] = getattr(self.body, field.name)
        return entries

    def as_json(self) -> str:
        """The event as one line of JSON, without the newline."""
        return json.dumps(self.as_dict(), ensure_ascii=True)


Observer = Callable[[RegistrationEvent], None]


class Registerer:
    """Registers, refreshes, tries again, and removes what it bound.

    Args:
        endpoint: Carries the requests.
        options: What is to be registered.
        proxy: Outbound proxy, a loose router; None sends to the registrar.
        authenticator: Answers challenges; None for nobody.
        user_agent: The User-Agent field; None leaves it out.
        chance: A random number from 0 up to 1, not included, each time.

    Attributes:
        service_routes: The way of later requests of this address-of-record, as the
            last 2xx gave it (RFC 3608); empty while nothing is bound.

    Raises:
        LocalProtocolError: The options cannot be.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: RegistrationOptions,
        *,
        proxy: SipUri | None = None,
        authenticator: Authenticator | None = None,
        user_agent: str | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        options.check()
        self.service_routes: tuple[NameAddress, ...] = ()
        self._endpoint = endpoint
        self._options = options
        self._proxy = proxy
        self._user_agent = user_agent
        self._from_tag = endpoint.identifiers.tag()
        self._sender = RequestSender(endpoint, authenticator)
        self._registration = Registration(options, chance)
        self._asked_at = endpoint.clock.seconds()
        self._way = RegistrationFlow(endpoint.clock, chance)
        self._contacts: tuple[NameAddress, ...] = ()
        self._sending: Deferred[Any] | None = None
        self._timers: dict[str, QueuedTimer] = {}
        self._observers: list[Observer] = []
        self._bound: Outcome[Registered] = Outcome()
        self._over: Outcome[None] = Outcome()
        self._is_stopped = False
        endpoint.add_stop_handler(self.abandon)
        endpoint.add_flow_handler(self._flow_failed)

    def __repr__(self) -> str:
        return f"<Registerer {self._options.identity.uri} {self.state}>"

    # For the application

    @property
    def state(self) -> str:
        """Whether it is bound, and whether a REGISTER is on its way."""
        return self._registration.state.value

    @property
    def is_registered(self) -> bool:
        """Whether the registrar has our addresses, as far as we know."""
        return self._registration.is_bound

    @property
    def call_id(self) -> str:
        """The Call-ID of all its requests (RFC 3261 section 10.2.4)."""
        return self._sender.call_id

    @property
    def registered(self) -> Deferred[Registered]:
        """Fires when it is registered for the first time.

        It fails with `LocalProtocolError` where it was stopped before.
        """
        return self._bound.deferred()

    def add_observer(self, observer: Observer) -> None:
        """Call this with every event from now on."""
        self._observers = [*self._observers, observer]

    def start(self) -> None:
        """Register, and stay so."""
        self._endpoint.submit(self._run, self._registration.start)

    def stop(self, seconds: float | None = None) -> Deferred[None]:
        """Remove what is bound and end.

        Args:
            seconds: At most so long; None for as long as the transactions take.

        Returns:
            A Deferred that fires when the registrar has answered; it never fails.
        """
        over = self._over.deferred()
        if seconds is not None and not self._is_stopped:
            self._stop_timer(_STOP)
            self._timers[_STOP] = self._endpoint.start_timer(seconds, self.abandon)
        self._endpoint.submit(self._run, self._registration.stop)
        return over

    def fetch(self) -> Deferred[list[Binding]]:
        """What is bound to the address-of-record (RFC 3261 section 10.2.3).

        Asked with a Call-ID of its own, so that it does not disturb the registration.
        Fails with a `SipError`.
        """
        sender = RequestSender(self._endpoint, self._sender.authenticator)

        def build(flow: IFlow, call_id: str, cseq: int) -> Request:
            return self._request(call_id, cseq, ())

        def answered(found: Answered) -> list[Binding]:
            if not found.response.is_success:
                raise failure_of(found.response)
            return bindings_of(found.response)

        return sender.send(self._next_hop, build).addCallback(answered)

    def abandon(self) -> None:
        """The endpoint is going: end at once, send nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
        self._way.leave()
        self.service_routes = ()
        self._endpoint.remove_stop_handler(self.abandon)
        self._endpoint.remove_flow_handler(self._flow_failed)
        self._bound.fail(LocalProtocolError("the registration was stopped"))
        self._over.succeed(None)

    # Performing

    @property
    def _next_hop(self) -> SipUri:
        return self._proxy or self._options.request_uri

    def _run(self, method: Callable[..., list[Any]], *arguments: object) -> None:
        if self._is_stopped:
            return
        for effect in method(*arguments):
            self._perform(effect)

    def _perform(self, effect: object) -> None:
        if isinstance(effect, StartTimer):
            self._stop_timer(effect.timer)
            self._timers[effect.timer] = self._endpoint.start_timer(
                effect.seconds, self._fire, effect.timer
            )
        elif isinstance(effect, StopTimer):
            self._stop_timer(effect.timer)
        elif isinstance(effect, SendRegister):
            self._send(effect)
        elif isinstance(effect, Bound):
            self._tell_bound(effect)
        elif isinstance(effect, Missed):
            self._tell_missed(effect)
        elif isinstance(effect, Unbound):
            self._tell_unbound(effect)

    def _stop_timer(self, name: str) -> None:
        running = self._timers.pop(name, None)
        if running is not None:
            running.stop()

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._run(self._registration.fire, name)

    def _send(self, effect: SendRegister) -> None:
        next_hop = self._next_hop

        def build(flow: IFlow, call_id: str, cseq: int) -> Request:
            self._contacts = contacts_for(
                self._options,
                flow,
                effect.expires,
                is_outbound=effect.is_outbound,
                is_secure_hop=next_hop.is_secure,
            )
            return self._request(call_id, cseq, self._contacts)

        sending = self._sender.send(next_hop, build, flow=self._way.flow)
        self._sending = sending
        sending.addCallbacks(self._answered, self._failed)

    def _request(
        self, call_id: str, cseq: int, contacts: Sequence[NameAddress]
    ) -> Request:
        return build_register(
            self._options,
            call_id,
            cseq,
            self._from_tag,
            contacts,
            proxy=self._proxy,
            user_agent=self._user_agent,
        )

    def _answered(self, answered: Answered) -> None:
        self._sending = None
        if not self._is_stopped:
            self._way.answered(answered.response, answered.flow)
        self._endpoint.submit(
            self._run, self._registration.finished, answered.response, self._contacts
        )

    def _failed(self, failure: Failure) -> None:
        self._sending = None
        if self._is_stopped:
            return
        error = failure.value
        if not isinstance(error, SipError):
            _log.failure("a REGISTER could not be sent", failure)
            error = LocalProtocolError(f"{type(error).__name__}: {error}")
        self._way.leave()
        self._endpoint.submit(self._run, self._registration.finished, error, ())

    def _flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        if flow is self._way.flow:
            was_successful = self._way.is_successful
            self._way.leave()
            lost = partial(self._registration.flow_lost, was_successful=was_successful)
            self._run(lost, error)

    # Telling

    @property
    def _identity(self) -> str:
        return str(self._options.identity.uri)

    def _report(self, body: RegistrationChange) -> None:
        time = self._endpoint.clock.seconds() - self._asked_at
        event = RegistrationEvent(time, self.call_id, body)
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                _log.failure("an observer of a registration failed")

    def _tell_bound(self, effect: Bound) -> None:
        self.service_routes = effect.service_routes
        body = Registered(
            self._identity,
            tuple(str(binding.contact.uri) for binding in effect.bindings),
            effect.expires,
            effect.refresh,
            tuple(str(route) for route in effect.service_routes),
            "" if self._way.flow is None else self._way.flow.transport,
        )
        self._report(body)
        self._bound.succeed(body)

    def _tell_missed(self, effect: Missed) -> None:
        error = effect.error
        status = error.status if isinstance(error, CallFailed) else None
        if isinstance(error, CallFailed) and error.response is not None:
            # RFC 3608 6.1: dropped when the registration is refused.
            self.service_routes = ()
        self._report(
            RegistrationFailed(
                self._identity,
                type(error).__name__,
                status,
                str(error),
                self.is_registered,
                effect.wait,
            )
        )

    def _tell_unbound(self, effect: Unbound) -> None:
        self.service_routes = ()
        self._report(Unregistered(self._identity, effect.is_over))
        if effect.is_over:
            self.abandon()
