"""The calls of the running service: those that stand, and the last ones that ended.

A `CallRecord` outlives its call: it keeps the events, and the fate of every branch, for
whoever asks later. Placing the call is left to the `InviterService`.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, ParseError, SipError, TooManyCalls
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation

_log = Logger()

MAX_ENDED = 1_000
MAX_ACTIVE = 1_000
MAX_EVENTS = 1_000


# What `invite()` says of something that cannot be, before anything is sent.
_REFUSALS = (LocalProtocolError, ParseError, TooManyCalls)


# As `InviterService.invite`, whose options are of many types.
Invite = Callable[..., Deferred[Invitation]]


class CallRecord(InviteDelegate):
    """One call, from the moment it was asked for.

    Attributes:
        id: What the HTTP API calls it; not its Call-ID, which a retry may not share.
        to: The target, as it was asked for.
        created: When, in seconds since 1970.
        invitation: The call itself, None until its INVITE was sent.
        error: Why there is none, where it could not be sent.
    """

    def __init__(self, id: str, to: str, created: float) -> None:
        self.id = id
        self.to = to
        self.created = created
        self.invitation: Invitation | None = None
        self.error: SipError | None = None
        self.is_over = False
        self._events: deque[CallEvent] = deque(maxlen=MAX_EVENTS)
        self._attempt: Deferred[Invitation] | None = None
        self._tell_over: Callable[[CallRecord], None] | None = None

    @property
    def events(self) -> list[CallEvent]:
        """What happened, in order; of a very long call the latest."""
        return list(self._events)

    @property
    def state(self) -> str:
        """The state of the call, as DESIGN's session states name it."""
        if self.is_over:
            return "Terminated"
        return "Initial" if self.invitation is None else str(self.invitation.state)

    def event(self, event: CallEvent) -> None:
        """Keep the event (see `IInviteDelegate`)."""
        self._events.append(event)
        self._log_event(event)

    def start(
        self,
        place: Callable[[], Deferred[Invitation]],
        tell_over: Callable[[CallRecord], None],
    ) -> None:
        """Place the call.

        Args:
            place: Sends the INVITE.
            tell_over: Called once, when the call and all its branches are over.

        Raises:
            LocalProtocolError, ParseError: What was asked for cannot be.
        """
        self._tell_over = tell_over
        attempt = self._attempt = maybeDeferred(place)
        refusals: list[SipError] = []
        is_starting = True

        def refuse_or_note(failure: Failure) -> None:
            self._attempt = None
            if is_starting and isinstance(failure.value, _REFUSALS):
                refusals.append(failure.value)
                return
            self._note_failure(failure)

        attempt.addCallbacks(self._note_invitation, refuse_or_note)
        is_starting = False
        if refusals:
            raise refusals[0]

    def hang_up(self) -> None:
        """End the call: CANCEL, BYE or nothing at all, whichever is right."""
        if self._attempt is not None:
            self._attempt.cancel()
        elif self.invitation is not None and not self.is_over:
            self.invitation.cancel()

    def _note_invitation(self, invitation: Invitation) -> None:
        self._attempt = None
        self.invitation = invitation
        invitation.done.addCallback(self._note_over)

    def _note_failure(self, failure: Failure) -> None:
        if isinstance(failure.value, SipError):
            self.error = failure.value
        elif failure.check(CancelledError):
            self.error = SipError("cancelled before the INVITE was sent")
        else:
            self._log_failure(failure)
            self.error = SipError("internal error, see the log")
        self._note_over(None)

    def _note_over(self, ignored: object) -> None:
        """Every branch has met its fate, or none ever was."""
        self.is_over = True
        if self._tell_over is not None:
            self._tell_over(self)

    def _log_event(self, event: CallEvent) -> None:
        fields = event.as_dict()
        # Names that logs have a use of their own for.
        fields["call_time"] = fields.pop("time")
        fields["text"] = fields.pop("message", None)
        _log.info("call {call}: {event}", call=self.id, **fields)

    def _log_failure(self, failure: Failure) -> None:
        _log.failure("call {call} to {to}", failure, call=self.id, to=self.to)

    def summary(self) -> dict[str, object]:
        """The call in a few keys, as JSON has it."""
        last = self._events[-1] if self._events else None
        return {
            "id": self.id,
            "to": self.to,
            "state": self.state,
            "created": datetime.fromtimestamp(self.created, UTC).isoformat(),
            "call_id": last.call_id if last else None,
            "from_tag": last.from_tag if last else None,
            "outcome": self._outcome(),
        }

    def details(self) -> dict[str, object]:
        """All that is known of the call, as JSON has it: branches and events too."""
        return {
            **self.summary(),
            "branches": [
                {
                    "to_tag": branch.to_tag,
                    "state": str(branch.state),
                    "fate": str(branch.fate),
                    "contact": None if branch.contact is None else str(branch.contact),
                    "status": branch.status,
                    "has_media": branch.has_media,
                }
                for branch in (self.invitation.branches if self.invitation else ())
            ],
            "events": [event.as_dict() for event in self._events],
        }

    def _outcome(self) -> dict[str, object] | None:
        """How the call ended: its last `ended` or `failed` event, without the stamp."""
        if self.error is not None:
            return {
                "event": "failed",
                "error": type(self.error).__name__,
                "status": None,
                "message": str(self.error),
            }
        if not self.is_over:
            return None
        for event in reversed(self._events):
            if event.body.event in ("ended", "failed"):
                entries = event.as_dict()
                for stamp in ("time", "call_id", "from_tag"):
                    del entries[stamp]
                return entries
        return None


def _random_id() -> str:
    return secrets.token_hex(8)


class Calls:
    """All calls that the service knows.

    Args:
        invite: Places them: `InviterService.invite`.
        clock: Tells the time, in seconds since 1970.
        max_ended: How many are kept after their end; the oldest go first.
        max_active: How many may stand at a time.
        new_id: Makes the name of a call.
    """

    def __init__(
        self,
        invite: Invite,
        clock: IReactorTime,
        *,
        max_ended: int = MAX_ENDED,
        max_active: int = MAX_ACTIVE,
        new_id: Callable[[], str] = _random_id,
    ) -> None:
        self._invite = invite
        self._clock = clock
        self._max_ended = max_ended
        self._max_active = max_active
        self._new_id = new_id
        self._active: OrderedDict[str, CallRecord] = OrderedDict()
        self._ended: OrderedDict[str, CallRecord] = OrderedDict()

    @property
    def active_count(self) -> int:
        """How many calls stand or are on their way."""
        return len(self._active)

    def __len__(self) -> int:
        return len(self._active) + len(self._ended)

    def __iter__(self) -> Iterator[CallRecord]:
        """All calls: those that ended first, in the order in which they ended."""
        return iter([*self._ended.values(), *self._active.values()])

    def get(self, id: str) -> CallRecord | None:
        """The call of this name, None where there is none (any more)."""
        return self._active.get(id) or self._ended.get(id)

    def place(self, to: str, **options: Any) -> CallRecord:
        """Place a call; the record is there before the INVITE leaves.

        Args:
            to: The target, a URI.
            options: As of `InviterService.invite`.

        Raises:
            LocalProtocolError, ParseError: What was asked for cannot be.
            TooManyCalls: The service has as many calls as it may have, or as many wait
                for their turn as may.
        """
        if len(self._active) >= self._max_active:
            raise TooManyCalls(f"{self._max_active} calls stand already")
        record = CallRecord(self._new_id(), to, self._clock.seconds())
        self._active[record.id] = record
        try:
            record.start(
                lambda: self._invite(to, delegate=record, **options),
                self._note_over,
            )
        except SipError:
            del self._active[record.id]
            raise
        return record

    def _note_over(self, record: CallRecord) -> None:
        self._active.pop(record.id, None)
        self._ended[record.id] = record
        while len(self._ended) > self._max_ended:
            self._ended.popitem(last=False)
