"""The session timer of one dialog (RFC 4028), whoever refreshes.

It says what session refresh requests and their responses carry, when to refresh, and
when the session is over. Every INVITE and UPDATE of the dialog that carries its fields
is a session refresh request, "for purposes other than session refreshes" too (section
7.2), so all of their outcomes are told to it. Which method refreshes, and how, is its
user's: UPDATE without an offer where the peer allows it, else a re-INVITE with an
offer that has not changed (section 7.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from sipuac.dialog.session_interval import (
    ABSOLUTE_MINIMUM,
    OPTION_TAG,
    Agreed,
    Rows,
    SessionAsk,
    TooShort,
    answer_to,
    checked_minimum,
    demanded_minimum,
    min_se_of,
    session_expires_of,
    session_fields,
)
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import ParseError
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.fields_session import UAC, UAS, SessionExpires
from sipuac.syntax.message import Request, Response

# "The minimum of 32 seconds and one third of the session interval" (section 10).
_LONGEST_MARGIN = 32.0
# How many 422 one refresh follows: each proxy on the way may have a minimum.
_MAX_RAISES = 8
# A refused refresh is tried again after this part of the interval: three times fit
# between half of it and its end.
_RETRY_PART = 8


class SessionTimerName(str, Enum):
    """The timers of a dialog's session timer."""

    REFRESH = "session-refresh"
    """Half of the interval is over: refresh."""
    EXPIRY = "session-expiry"
    """Nobody has refreshed the session: it is over."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a session refresh request with these rows.

    Its outcome goes to `accepted`, `refused` or `postpone`.
    """

    fields: Rows


@dataclass(frozen=True, slots=True)
class Expire:
    """End the session by BYE.

    Attributes:
        cause: The status that says why, for Reason (RFC 3326).
        text: Why, in words.
    """

    cause: int
    text: str


Effect = StartTimer | StopTimer | Refresh | Expire


class State(str, Enum):
    """Who refreshes, and whether a refresh is on its way."""

    OFF = "Off"  # no session timer
    REFRESHER = "Refresher"  # we refresh; none is on its way
    REFRESHING = "Refreshing"  # our refresh has no final response
    WATCHING = "Watching"  # the peer refreshes
    OVER = "Over"  # the session has ended


class Event(str, Enum):
    """What moves the machine, beside its timers."""

    OURS = "2xx: we refresh"
    PEERS = "2xx: the peer refreshes"
    NO_TIMER = "2xx: no session timer"
    TOO_SMALL = "422 that demands more"
    REFUSED = "refused"
    REFUSED_AGAIN = "refused again with the same status"
    POSTPONED = "the refresh has to wait"
    LOST = "408, 481 or no response"
    ENDED = "the dialog has ended"


_STOP_REFRESH = StopTimer(SessionTimerName.REFRESH)
_STOP_EXPIRY = StopTimer(SessionTimerName.EXPIRY)


class SessionTimer:
    """The session timer of one dialog, of which we are the caller.

    Forks of one INVITE have one each, and may agree on different intervals or none
    (section 7.2). What 422 demanded of the initial INVITE is not kept: "the maximum
    value of the Min-SE is effectively 'cleared' once the dialog is established"
    (section 7.4).

    Attributes:
        state: See `State`.
        interval: Seconds from the last 2xx on; None while there is no session timer.
    """

    __slots__ = (
        "_memory",
        "_minimum",
        "_raises",
        "_statuses",
        "_wanted",
        "interval",
        "state",
    )

    def __init__(self, ask: SessionAsk, *, minimum: int = ABSOLUTE_MINIMUM) -> None:
        """Begin without a session timer; the 2xx to the INVITE goes to `accepted`.

        Args:
            ask: What the INVITE asked for when it got its 2xx.
            minimum: Seconds below which the peer's requests get 422, 90 or more.

        Raises:
            LocalProtocolError: The minimum is below 90.
        """
        self.state = State.OFF
        self.interval: int | None = None
        self._wanted = ask.interval
        self._minimum = checked_minimum(minimum)
        # The highest Min-SE of this dialog, None before the first.
        self._memory: int | None = None
        self._raises = 0
        # What refreshes were refused with since the last 2xx.
        self._statuses: set[int] = set()

    # Requests of ours

    def request_fields(self) -> Rows:
        """The rows for the next INVITE or UPDATE of ours in this dialog (7.4).

        The interval stays as it is, and so do the roles; Min-SE is the highest value
        that the peer or a 422 has named in this dialog.
        """
        interval = self._asked_interval()
        if interval is None:
            return session_fields(None, self._memory)
        refresher = None
        if self.state is State.WATCHING:
            refresher = UAS
        elif self.state in (State.REFRESHER, State.REFRESHING):
            refresher = UAC
        return session_fields(SessionExpires(interval, refresher), self._memory)

    def accepted(self, response: Response) -> list[Effect]:
        """A 2xx came to an INVITE or UPDATE of ours (section 7.2).

        What cannot be read in it counts as absent: a 2xx cannot be refused.
        """
        try:
            found = session_expires_of(response)
        except ParseError:
            found = None
        if found is not None:
            # A shorter one is against section 4, and would make us flood the peer.
            interval = max(found.seconds, ABSOLUTE_MINIMUM)
            return self._run(interval, is_refresher=found.refresher != UAS)
        interval_asked = self._asked_interval() if self._wanted is not None else None
        if interval_asked is None or response.has_token("Require", OPTION_TAG):
            return self._stop_running()
        # "As if the Session-Expires header field were in the 2xx response, and its
        # value was the same as that in the request, but with a refresher parameter of
        # 'uac'."
        return self._run(interval_asked, is_refresher=True)

    def raise_minimum(self, response: Response) -> bool:
        """Keep what a 422 to an INVITE or UPDATE of ours demands (section 7.3).

        Returns:
            Whether `request_fields` offer more than before, so that the request may be
            tried again.
        """
        demanded = demanded_minimum(response)
        if demanded is None or demanded <= (self._memory or ABSOLUTE_MINIMUM):
            return False
        self._memory = demanded
        return True

    def refused(self, response: Response | None) -> list[Effect]:
        """A refresh got a final response that is no 2xx, or none (section 10).

        Challenges, and 491, are not for here: answer the one with a new request, and
        `postpone` after the other.

        Args:
            response: The response; None where the transaction failed.
        """
        status = 408 if response is None else response.status
        if response is None or status in (408, 481):
            return step(self, Event.LOST, status)
        if (
            status == 422
            and self._raises < _MAX_RAISES
            and self.raise_minimum(response)
        ):
            return step(self, Event.TOO_SMALL)
        # "The UAC SHOULD NOT continuously retry the request if the server indicates the
        # same error response."
        if status in self._statuses:
            return step(self, Event.REFUSED_AGAIN)
        return step(self, Event.REFUSED, status, _retry_after(response))

    def postpone(self, seconds: float) -> list[Effect]:
        """Refresh later, if a refresh is due: another request is in its way."""
        return step(self, Event.POSTPONED, seconds)

    # Requests of the peer

    def answer(self, request: Request) -> Agreed | TooShort:
        """How to answer the session timer of an INVITE or UPDATE of the peer (9).

        The timer runs on as it was until `answered` says that the 2xx is out.

        Raises:
            ParseError: Session-Expires or Min-SE is malformed.
        """
        answer = answer_to(
            request,
            wanted=None if self._wanted is None else self._asked_interval(),
            minimum=self._minimum,
            is_refresher=self.state in (State.REFRESHER, State.REFRESHING),
        )
        demanded = min_se_of(request)
        if demanded is not None:
            self._memory = max(self._memory or 0, demanded)
        return answer

    def answered(self, agreed: Agreed) -> list[Effect]:
        """Our 2xx to the peer's INVITE or UPDATE is out, with the agreed rows."""
        if agreed.interval is None:
            return self._stop_running()
        return self._run(agreed.interval, is_refresher=agreed.is_refresher)

    # Time and the end

    def fire(self, timer: str) -> list[Effect]:
        """A timer of ours has run out."""
        return step(self, timer)

    def end(self) -> list[Effect]:
        """The dialog has ended."""
        return step(self, Event.ENDED)

    def _asked_interval(self) -> int | None:
        """Seconds that a request of ours asks for.

        "The maximum of the Min-SE header field ... and the current session interval"
        (section 7.4).
        """
        interval = self._wanted if self.interval is None else self.interval
        return None if interval is None else max(interval, self._memory or 0)

    def _run(self, interval: int, *, is_refresher: bool) -> list[Effect]:
        return step(self, Event.OURS if is_refresher else Event.PEERS, interval)

    def _stop_running(self) -> list[Effect]:
        return step(self, Event.NO_TIMER)

    def _renew(self, interval: int) -> None:
        self.interval = interval
        self._raises = 0
        self._statuses.clear()

    def _plan_refresh(self, interval: int) -> list[Effect]:
        # Our own expiry is the whole interval: at half of 90 s a refresh that gets no
        # response takes all but 13 s of what is left.
        self._renew(interval)
        return [
            StartTimer(SessionTimerName.REFRESH, interval / 2),
            StartTimer(SessionTimerName.EXPIRY, float(interval)),
        ]

    def _watch(self, interval: int) -> list[Effect]:
        self._renew(interval)
        margin = min(_LONGEST_MARGIN, interval / 3)
        return [_STOP_REFRESH, StartTimer(SessionTimerName.EXPIRY, interval - margin)]

    def _turn_off(self) -> list[Effect]:
        self.interval = None
        return [_STOP_REFRESH, _STOP_EXPIRY]

    def _refresh(self) -> list[Effect]:
        return [Refresh(self.request_fields())]

    def _refresh_raised(self) -> list[Effect]:
        self._raises += 1
        return self._refresh()

    def _retry(self, status: int, seconds: float | None) -> list[Effect]:
        assert self.interval is not None
        self._statuses.add(status)
        wait = self.interval / _RETRY_PART if seconds is None else seconds
        return [StartTimer(SessionTimerName.REFRESH, wait)]

    def _wait(self) -> list[Effect]:
        return []

    def _postpone(self, seconds: float) -> list[Effect]:
        return [StartTimer(SessionTimerName.REFRESH, seconds)]

    def _expire(self) -> list[Effect]:
        return [_STOP_REFRESH, Expire(408, "Session expired")]

    def _lose(self, status: int) -> list[Effect]:
        return [_STOP_EXPIRY, Expire(status, "Session refresh failed")]

    # fmt: off
    transitions: ClassVar[Transitions] = {
        State.OFF: {
            Event.OURS:               (State.REFRESHER,  _plan_refresh),
            Event.PEERS:              (State.WATCHING,   _watch),
            Event.ENDED:              (State.OVER,       _wait),
        },
        State.REFRESHER: {
            Event.OURS:               (State.REFRESHER,  _plan_refresh),
            Event.PEERS:              (State.WATCHING,   _watch),
            Event.NO_TIMER:           (State.OFF,        _turn_off),
            SessionTimerName.REFRESH: (State.REFRESHING, _refresh),
            SessionTimerName.EXPIRY:  (State.OVER,       _expire),
            Event.ENDED:              (State.OVER,       _turn_off),
        },
        State.REFRESHING: {
            Event.OURS:               (State.REFRESHER,  _plan_refresh),
            Event.PEERS:              (State.WATCHING,   _watch),
            Event.NO_TIMER:           (State.OFF,        _turn_off),
            Event.TOO_SMALL:          (State.REFRESHING, _refresh_raised),
            Event.REFUSED:            (State.REFRESHER,  _retry),
            Event.REFUSED_AGAIN:      (State.REFRESHER,  _wait),
            Event.POSTPONED:          (State.REFRESHER,  _postpone),
            Event.LOST:               (State.OVER,       _lose),
            SessionTimerName.EXPIRY:  (State.OVER,       _expire),
            Event.ENDED:              (State.OVER,       _turn_off),
        },
        State.WATCHING: {
            Event.OURS:               (State.REFRESHER,  _plan_refresh),
            Event.PEERS:              (State.WATCHING,   _watch),
            Event.NO_TIMER:           (State.OFF,        _turn_off),
            SessionTimerName.EXPIRY:  (State.OVER,       _expire),
            Event.ENDED:              (State.OVER,       _turn_off),
        },
        State.OVER: {},
    }

    ignored: ClassVar[Ignored] = {
        State.OFF: {
            (Event.NO_TIMER,): "RFC 4028 7.2: there is none to turn off.",
            (
                Event.TOO_SMALL, Event.REFUSED, Event.REFUSED_AGAIN, Event.POSTPONED,
                Event.LOST,
            ):
                "RFC 4028 10: no refresh is on its way; another request was refused.",
            (SessionTimerName.REFRESH, SessionTimerName.EXPIRY):
                "RFC 4028 7.2: without a session timer none runs; stopped.",
        },
        State.REFRESHER: {
            (
                Event.TOO_SMALL, Event.REFUSED, Event.REFUSED_AGAIN, Event.POSTPONED,
                Event.LOST,
            ):
                "RFC 4028 10: no refresh is on its way; another request was refused.",
        },
        State.REFRESHING: {
            (SessionTimerName.REFRESH,):
                "RFC 4028 10: the refresh is on its way, and its timer has fired.",
        },
        State.WATCHING: {
            (
                Event.TOO_SMALL, Event.REFUSED, Event.REFUSED_AGAIN, Event.POSTPONED,
                Event.LOST,
            ):
                "RFC 4028 10: no refresh is on its way; another request was refused.",
            (SessionTimerName.REFRESH,): "RFC 4028 7.2: the peer refreshes; stopped.",
        },
        State.OVER: {
            (
                Event.OURS, Event.PEERS, Event.NO_TIMER, Event.TOO_SMALL, Event.REFUSED,
                Event.REFUSED_AGAIN, Event.POSTPONED, Event.LOST, Event.ENDED,
                SessionTimerName.REFRESH, SessionTimerName.EXPIRY,
            ):
                "RFC 4028 10: BYE ends the session; nothing is left to refresh.",
        },
    }
    # fmt: on


def _retry_after(response: Response) -> float | None:
    """Seconds that the response asks us to wait, if that can be read."""
    try:
        field = response.retry_after
    except ParseError:
        return None
    return None if field is None else float(field.seconds)
