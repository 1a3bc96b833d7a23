"""Tells the application what happens to one call, and keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sipuac.dialog.events import EarlyMedia, Event, Forked
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IInviteDelegate

_log = Logger()

_MAX_EVENTS = 1_000

Observer = Callable[[CallEvent], None]


class CallReport:
    """The events of one call, its observers and its delegate.

    What an observer or the delegate raises is logged: the call is not to suffer for it.

    Args:
        clock: The only source of time.
        call_id, from_tag: The identity of the call.
        asked_at: When the INVITE was asked for, in seconds of the clock.
        observers: Called with every event.
        delegate: Hears what happens; None for nobody.

    """

    __slots__ = (
        "_asked_at",
        "_call_id",
        "_clock",
        "_delegate",
        "_events",
        "_from_tag",
        "_observers",
    )

    def __init__(
        self,
        clock: IReactorTime,
        call_id: str,
        from_tag: str,
        asked_at: float,
        observers: Sequence[Observer],
        delegate: IInviteDelegate | None,
    ) -> None:
        self._clock = clock
        self._call_id = call_id
        self._from_tag = from_tag
        self._asked_at = asked_at
        self._observers = observers
        self._delegate = delegate
        # Made when something happens; an empty deque takes 600 octets.
        self._events: list[CallEvent] | None = None

    @property
    def events(self) -> list[CallEvent]:
        """What has happened so far, the latest thousand."""
        if self._events is None:
            self._events = []
        return self._events

    def for_remains(self) -> CallReport:
        """A report for what still happens when the call is over; it has no events."""
        return CallReport(
            self._clock,
            self._call_id,
            self._from_tag,
            self._asked_at,
            self._observers,
            self._delegate,
        )

    def report(self, body: Event) -> None:
        """This happened, now: observers hear of it first, then the delegate."""
        time = self._clock.seconds() - self._asked_at
        event = CallEvent(time, self._call_id, self._from_tag, body)
        events = self.events
        events.append(event)
        if len(events) > _MAX_EVENTS:
            del events[0]
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                _log.failure("an observer of {call_id} failed", call_id=self._call_id)
        self.tell("event", event)
        if isinstance(body, Forked):
            self.tell("forked", event)
        elif isinstance(body, EarlyMedia):
            self.tell("early_media", body.to_tag)

    def tell(self, method: str, *arguments: object) -> None:
        """Call this method of the delegate, if there is one."""
        if self._delegate is None:
            return
        try:
            getattr(self._delegate, method)(*arguments)
        except Exception:
            _log.failure(
                "the delegate of {call_id} failed in {method}",
                call_id=self._call_id,
                method=method,
            )
