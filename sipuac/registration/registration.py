"""One address-of-record kept registered (RFC 3261 section 10, RFC 5626 section 4).

It says when to send REGISTER and for how long, and what each result means. At most one
REGISTER is on its way at a time (10.2). Who sends it, over which flow and with which
credentials, is its user's concern; `finished` gets only the result that is left when
all challenges are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    Redirected,
    RemoteProtocolError,
    RequestRejected,
    SipError,
    rejection_class,
)
from sipuac.machine import Ignored, Transitions, step
from sipuac.registration.bindings import (
    Binding,
    bindings_of,
    min_expires_of,
    own_bindings,
    service_routes_of,
)
from sipuac.registration.options import RegistrationOptions
from sipuac.registration.waits import refresh_delay, retry_after_of, retry_delay
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Response

# How many 423 and 439 in a row are followed at once.
_MAX_CORRECTIONS = 4


class RegistrationTimer(str, Enum):
    """The timers of a registration."""

    REFRESH = "registration-refresh"
    """The binding will end soon."""
    RETRY = "registration-retry"
    """The wait after a failure is over."""
    EXPIRY = "registration-expiry"
    """The binding has ended: nobody finds us any more."""


@dataclass(frozen=True, slots=True)
class SendRegister:
    """Send REGISTER; its result goes to `Registration.finished`.

    Attributes:
        expires: Seconds to ask for; 0 removes the bindings.
        is_outbound: Whether our contact bears the reg-id (RFC 5626).
    """

    expires: int
    is_outbound: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """The registrar has our addresses.

    Attributes:
        expires: Seconds until the first of our bindings ends.
        refresh: Seconds until they are refreshed.
        bindings: Everything that is bound to the address-of-record, by whomever.
        service_routes: The way of later requests of the address-of-record (RFC 3608).
    """

    expires: int
    refresh: float
    bindings: tuple[Binding, ...]
    service_routes: tuple[NameAddress, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """An attempt has failed.

    Attributes:
        error: Why.
        wait: Seconds until the next one; None where none follows.
    """

    error: SipError
    wait: float | None


@dataclass(frozen=True, slots=True)
class Unbound:
    """Our bindings are removed, or have run out; `is_over` where no attempt follows."""

    is_over: bool


Effect = StartTimer | StopTimer | SendRegister | Bound | Missed | Unbound


class State(str, Enum):
    """Whether we are bound, and whether a REGISTER is on its way."""

    IDLE = "Idle"
    REGISTERING = "Registering"  # not bound; on its way
    WAITING = "Waiting"  # not bound; another attempt follows
    REGISTERED = "Registered"  # bound
    REFRESHING = "Refreshing"  # bound; on its way
    RETRYING = "Retrying"  # bound; the refresh has failed, another one follows
    STOPPING = "Stopping"  # to be ended when the result is there
    REMOVING = "Removing"  # the removal is on its way
    OVER = "Over"


class Event(str, Enum):
    """What moves a registration, beside its timers."""

    START = "start"
    BOUND = "2xx"
    CORRECTED = "423 or 439"
    FAILED = "failed, and nothing is bound"
    STILL_BOUND = "failed, but the binding stands"
    FLOW_LOST = "the flow is lost"
    FLOW_FAILED = "the flow is lost before it was a success"
    STOP = "stop"


class Registration:
    """The registration of one address-of-record over one way.

    Args:
        options: Checked before.
        chance: A random number from 0 up to 1, not included, each time.

    Attributes:
        state: See `State`.
        is_bound: Whether the registrar has our addresses, as far as we know.
        failures: How many attempts in a row have failed.
    """

    __slots__ = (
        "_chance",
        "_corrections",
        "_expires",
        "_is_outbound",
        "_lost_flows",
        "_options",
        "failures",
        "is_bound",
        "state",
    )

    def __init__(
        self, options: RegistrationOptions, chance: Callable[[], float]
    ) -> None:
        self._options = options
        self._chance = chance
        self._expires = options.expires
        self._is_outbound = options.reg_id is not None
        self._corrections = 0
        # How many flows in a row were lost before they were a success.
        self._lost_flows = 0
        self.state = State.IDLE
        self.is_bound = False
        self.failures = 0

    # Inputs

    def start(self) -> list[Effect]:
        """Register, and stay so."""
        return step(self, Event.START)

    def stop(self) -> list[Effect]:
        """Remove what is bound and end (RFC 3261 section 10.2.2)."""
        return step(self, Event.STOP)

    def flow_lost(
        self, error: SipError, *, was_successful: bool = True
    ) -> list[Effect]:
        """The connection that the registration went over is gone (RFC 5626 4.5).

        Args:
            error: Why.
            was_successful: Whether it had been of use before: then it is replaced at
                once, and otherwise after a wait.
        """
        if was_successful:
            self._lost_flows = 0
            return step(self, Event.FLOW_LOST)
        if self.state is not State.REGISTERED:
            return []
        # A 2xx alone ends no row of failures: else they would never grow rarer.
        self._lost_flows += 1
        self.failures = self._lost_flows
        return step(self, Event.FLOW_FAILED, error)

    def fire(self, timer: str) -> list[Effect]:
        """A timer has run out."""
        return step(self, timer)

    def finished(
        self, result: Response | SipError, contacts: Sequence[NameAddress]
    ) -> list[Effect]:
        """The REGISTER that was asked for last has its result.

        Args:
            result: The final response that no challenge or redirection is behind, or
                why there is none.
            contacts: The addresses that it bore.
        """
        if isinstance(result, SipError):
            return self._fail(result)
        if self.state is State.REMOVING:
            if result.is_success:
                return step(self, Event.BOUND)
            return self._fail(failure_of(result))
        if result.is_success:
            bindings = bindings_of(result)
            ours = own_bindings(bindings, contacts)
            granted = [binding.expires for binding in ours]
            if not granted or min(granted) == 0:
                message = "the registrar says 2xx and has none of our addresses"
                return self._fail(RemoteProtocolError(message))
            self._corrections = self.failures = 0
            return step(self, Event.BOUND, result, tuple(bindings), min(granted))
        if self._corrections < _MAX_CORRECTIONS and self._correct(result):
            self._corrections += 1
            return step(self, Event.CORRECTED)
        return self._fail(failure_of(result), retry_after_of(result))

    def _correct(self, response: Response) -> bool:
        """Whether the same REGISTER can be sent again, otherwise."""
        if response.status == 423:
            # RFC 3261 10.2.8: "it MAY retry the registration after making the
            # expiration interval of all contact addresses [...] equal to or greater
            # than the expiration interval within the Min-Expires".
            least = min_expires_of(response)
            if least is not None and self._expires < least < 2**32:
                self._expires = least
                return True
        elif response.status == 439 and self._is_outbound:
            # RFC 5626 4.2.1: no support for outbound at the first hop.
            self._is_outbound = False
            return True
        return False

    def _fail(self, error: SipError, at_least: float = 0.0) -> list[Effect]:
        event = Event.STILL_BOUND if self.is_bound else Event.FAILED
        self.failures += 1
        return step(self, event, error, at_least)

    # Actions

    def _send(self) -> list[Effect]:
        return [SendRegister(self._expires, self._is_outbound)]

    def _resend(self) -> list[Effect]:
        return [StopTimer(RegistrationTimer.REFRESH), *self._send()]

    def _be_bound(
        self, response: Response, bindings: tuple[Binding, ...], granted: int
    ) -> list[Effect]:
        self.is_bound = True
        delay = refresh_delay(granted, self._chance())
        return [
            StartTimer(RegistrationTimer.REFRESH, delay),
            StartTimer(RegistrationTimer.EXPIRY, float(granted)),
            Bound(granted, delay, bindings, service_routes_of(response)),
        ]

    def _wait(self, error: SipError, at_least: float) -> list[Effect]:
        wait = retry_delay(
            self.failures,
            self._chance(),
            base=self._options.base_wait,
            limit=self._options.max_wait,
        )
        wait = max(wait, at_least)
        return [StartTimer(RegistrationTimer.RETRY, wait), Missed(error, wait)]

    def _wait_for_flow(self, error: SipError) -> list[Effect]:
        return [StopTimer(RegistrationTimer.REFRESH), *self._wait(error, 0.0)]

    def _expire(self) -> list[Effect]:
        self.is_bound = False
        return [Unbound(is_over=False)]

    def _end_later(self) -> list[Effect]:
        return [
            StopTimer(RegistrationTimer.REFRESH),
            StopTimer(RegistrationTimer.EXPIRY),
        ]

    def _remove(self, *ignored: object) -> list[Effect]:
        return [
            StopTimer(RegistrationTimer.REFRESH),
            StopTimer(RegistrationTimer.RETRY),
            StopTimer(RegistrationTimer.EXPIRY),
            SendRegister(0, self._is_outbound),
        ]

    def _end(self, error: SipError | None = None, *ignored: object) -> list[Effect]:
        self.is_bound = False
        effects: list[Effect] = [StopTimer(RegistrationTimer.RETRY)]
        if error is not None:
            effects.append(Missed(error, None))
        return [*effects, Unbound(is_over=True)]

    # fmt: off
    transitions: ClassVar[Transitions] = {
        State.IDLE: {
            Event.START:               (State.REGISTERING, _send),
            Event.STOP:                (State.OVER,        _end),
        },
        State.REGISTERING: {
            Event.BOUND:               (State.REGISTERED,  _be_bound),
            Event.CORRECTED:           (State.REGISTERING, _send),
            Event.FAILED:              (State.WAITING,     _wait),
            Event.STOP:                (State.STOPPING,    _end_later),
        },
        State.WAITING: {
            RegistrationTimer.RETRY:   (State.REGISTERING, _send),
            Event.STOP:                (State.OVER,        _end),
        },
        State.REGISTERED: {
            RegistrationTimer.REFRESH: (State.REFRESHING,  _send),
            Event.FLOW_LOST:           (State.REFRESHING,  _resend),
            Event.FLOW_FAILED:         (State.RETRYING,    _wait_for_flow),
            Event.STOP:                (State.REMOVING,    _remove),
        },
        State.REFRESHING: {
            Event.BOUND:               (State.REGISTERED,  _be_bound),
            Event.CORRECTED:           (State.REFRESHING,  _send),
            Event.STILL_BOUND:         (State.RETRYING,    _wait),
            RegistrationTimer.EXPIRY:  (State.REGISTERING, _expire),
            Event.STOP:                (State.STOPPING,    _end_later),
        },
        State.RETRYING: {
            RegistrationTimer.RETRY:   (State.REFRESHING,  _send),
            RegistrationTimer.EXPIRY:  (State.WAITING,     _expire),
            Event.STOP:                (State.REMOVING,    _remove),
        },
        State.STOPPING: {
            Event.BOUND:               (State.REMOVING,    _remove),
            Event.CORRECTED:           (State.REMOVING,    _remove),
            Event.STILL_BOUND:         (State.REMOVING,    _remove),
            Event.FAILED:              (State.OVER,        _end),
        },
        State.REMOVING: {
            Event.BOUND:               (State.OVER,        _end),
            Event.STILL_BOUND:         (State.OVER,        _end),
            Event.FAILED:              (State.OVER,        _end),
        },
        State.OVER: {},
    }

    ignored: ClassVar[Ignored] = {
        State.IDLE: {
            (
                Event.BOUND, Event.CORRECTED, Event.FAILED, Event.STILL_BOUND,
                Event.FLOW_LOST, Event.FLOW_FAILED,
            ):
                "RFC 3261 10.2: nothing was sent.",
            (
                RegistrationTimer.REFRESH, RegistrationTimer.RETRY,
                RegistrationTimer.EXPIRY,
            ):
                "RFC 3261 10.2.4: nothing is bound, and no timer was started.",
        },
        State.REGISTERING: {
            (Event.START,): "RFC 3261 10.2: no new registration while one is pending.",
            (Event.STILL_BOUND,): "RFC 3261 10.2.1: nothing is bound.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: the REGISTER itself fails with its flow.",
            (
                RegistrationTimer.REFRESH, RegistrationTimer.RETRY,
                RegistrationTimer.EXPIRY,
            ):
                "RFC 3261 10.2.4: nothing is bound; the wait is over.",
        },
        State.WAITING: {
            (Event.START,): "RFC 5626 4.5: it tries again when its wait is over.",
            (Event.BOUND, Event.CORRECTED, Event.FAILED, Event.STILL_BOUND):
                "RFC 3261 10.2: no REGISTER is on its way.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: it makes a new flow when its wait is over.",
            (RegistrationTimer.REFRESH, RegistrationTimer.EXPIRY):
                "RFC 3261 10.2.4: nothing is bound.",
        },
        State.REGISTERED: {
            (Event.START,): "RFC 3261 10.2.4: it is refreshed when that is due.",
            (Event.BOUND, Event.CORRECTED, Event.FAILED, Event.STILL_BOUND):
                "RFC 3261 10.2: no REGISTER is on its way.",
            (RegistrationTimer.RETRY,): "RFC 5626 4.5: the wait is over.",
            (RegistrationTimer.EXPIRY,):
                "RFC 3261 10.2.4: the refresh, which starts with it, is always sooner.",
        },
        State.REFRESHING: {
            (Event.START,): "RFC 3261 10.2: no new registration while one is pending.",
            (Event.FAILED,): "RFC 3261 10.2.4: the binding stands until it expires.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: the REGISTER itself fails with its flow.",
            (RegistrationTimer.REFRESH, RegistrationTimer.RETRY):
                "RFC 3261 10.2.4: it is on its way; one has fired or was stopped.",
        },
        State.RETRYING: {
            (Event.START,): "RFC 5626 4.5: it tries again when its wait is over.",
            (Event.BOUND, Event.CORRECTED, Event.FAILED, Event.STILL_BOUND):
                "RFC 3261 10.2: no REGISTER is on its way.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: it makes a new flow when its wait is over.",
            (RegistrationTimer.REFRESH,): "RFC 5626 4.5: stopped, the wait counts.",
        },
        State.STOPPING: {
            (Event.START, Event.STOP): "RFC 3261 10.2.2: it is to be removed already.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: the REGISTER itself fails with its flow.",
            (
                RegistrationTimer.REFRESH, RegistrationTimer.RETRY,
                RegistrationTimer.EXPIRY,
            ):
                "RFC 3261 10.2.2: nothing is kept any more; stopped.",
        },
        State.REMOVING: {
            (Event.START, Event.STOP): "RFC 3261 10.2.2: it is being removed already.",
            (Event.CORRECTED,): "RFC 3261 10.2.2: zero is never too brief.",
            (Event.FLOW_LOST, Event.FLOW_FAILED):
                "RFC 5626 4.5: the REGISTER itself fails with its flow.",
            (
                RegistrationTimer.REFRESH, RegistrationTimer.RETRY,
                RegistrationTimer.EXPIRY,
            ):
                "RFC 3261 10.2.2: nothing is kept any more; stopped.",
        },
        State.OVER: {
            (
                Event.START, Event.STOP, Event.BOUND, Event.CORRECTED, Event.FAILED,
                Event.STILL_BOUND, Event.FLOW_LOST, Event.FLOW_FAILED,
                RegistrationTimer.REFRESH, RegistrationTimer.RETRY,
                RegistrationTimer.EXPIRY,
            ):
                "RFC 3261 10.2.2: removed; another registration is another machine.",
        },
    }
    # fmt: on


def failure_of(response: Response) -> SipError:
    """The failure that a final response other than 2xx to REGISTER is."""
    text = f"{response.status} {response.reason}".strip()
    message = f"the registrar answered {text}"
    if response.status < 400:
        contacts = tuple(str(contact.uri) for contact in response.contacts)
        return Redirected(message, response, contacts=contacts)
    kind: type[RequestRejected] = rejection_class(response.status)
    return kind(message, response)
