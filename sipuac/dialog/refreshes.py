"""The session timers of all dialogs of one INVITE (RFC 4028).

`session_timer` knows when to refresh and when a session is over; here it is given the
messages that it wants to see, and what it asks for is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.modification import Purpose, Wish
from sipuac.dialog.session_interval import (
    Agreed,
    Rows,
    SessionAsk,
    TooShort,
    asked_in,
    checked_minimum,
)
from sipuac.dialog.session_timer import (
    Effect,
    Expire,
    Refresh,
    SessionTimer,
    SessionTimerName,
    State,
)
from sipuac.dialog.timers import timer_of
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import LocalProtocolError, ParseError, TransportFailed, Unreachable
from sipuac.syntax.message import Request, Response, response_to

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

# Seconds until a refresh is tried again that could not even be sent.
_NO_WAY = 10.0


class Refreshes:
    """The session timers of a dialog set; forks have one each (section 7.2)."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    def begin(self, branch: Branch, response: Response) -> None:
        """The call of this branch was taken by this 2xx."""
        names = ("Session-Expires", "Min-SE")
        if any(one.get(name) for one in (response, self._set.invite) for name in names):
            self.accepted(branch, response)

    def timer_of(self, branch: Branch) -> SessionTimer | None:
        """The session timer of a branch, off until somebody asks for one.

        None where the branch has no call.
        """
        if branch.timer is None and branch.session is not None:
            try:
                ask = asked_in(self._set.invite)
            except (ParseError, LocalProtocolError):
                ask = SessionAsk()  # fields of the application's own, without sense
            minimum = checked_minimum(ask.minimum)
            branch.timer = SessionTimer(ask, minimum=minimum)
        return branch.timer

    def end(self, branch: Branch) -> None:
        """The dialog is over."""
        if branch.timer is not None:
            self._perform(branch, branch.timer.end())

    def fire(self, branch: Branch, timer: str) -> None:
        """A session timer has run out."""
        if branch.timer is not None:
            name = SessionTimerName(timer)
            self._perform(branch, branch.timer.fire(name))

    # Requests of ours

    def request_fields(self, branch: Branch) -> Rows:
        """The rows of the next INVITE or UPDATE of ours in this dialog."""
        return () if branch.timer is None else branch.timer.request_fields()

    def is_due(self, branch: Branch) -> bool:
        """Whether the refresh that was asked for is still wanted.

        Any other INVITE of ours has refreshed the session as well.
        """
        return branch.timer is not None and branch.timer.state is State.REFRESHING

    def accepted(self, branch: Branch, response: Response) -> None:
        """A 2xx came to an INVITE or UPDATE of ours."""
        timer = self.timer_of(branch)
        if timer is not None:
            self._perform(branch, timer.accepted(response))

    def refused(self, branch: Branch, result: Response | Unreachable) -> None:
        """The refresh that the timer asked for got no 2xx."""
        if branch.timer is None:
            return
        if isinstance(result, TransportFailed):
            # Section 10 ends the session where a refresh times out. A connection that
            # is broken may be made anew before the session expires.
            self.put_off(branch)
            return
        response = result if isinstance(result, Response) else None
        self._perform(branch, branch.timer.refused(response))

    def postpone(self, branch: Branch, seconds: float) -> None:
        """The refresh has met another request: try again so much later."""
        if branch.timer is not None:
            self._perform(branch, branch.timer.postpone(seconds))

    def put_off(self, branch: Branch) -> None:
        """The refresh could not be sent."""
        self.postpone(branch, _NO_WAY)

    # Requests of the peer

    def answer(self, branch: Branch, request: Request) -> Agreed | Response | None:
        """What our 2xx to an INVITE or UPDATE of the peer says, or its refusal."""
        timer = self.timer_of(branch)
        if timer is None:
            return None
        try:
            answer = timer.answer(request)
        except ParseError as error:
            return response_to(request, error.status_hint)
        if isinstance(answer, TooShort):
            return response_to(request, 422, headers=answer.fields)
        return answer

    def answered(self, branch: Branch, agreed: Agreed | None) -> None:
        """Our 2xx to it is out."""
        if branch.timer is not None and agreed is not None:
            self._perform(branch, branch.timer.answered(agreed))

    def _perform(self, branch: Branch, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartTimer):
                name = timer_of(SessionTimerName(effect.timer), branch.tag)
                self._outbox.start_timer(name, effect.seconds)
            elif isinstance(effect, StopTimer):
                name = timer_of(SessionTimerName(effect.timer), branch.tag)
                self._outbox.stop_timer(name)
            elif isinstance(effect, Refresh):
                self._set.modifications.ask(branch, Wish(Purpose.SESSION_TIMER))
            elif isinstance(effect, Expire):
                self._set.modifications.end_call(branch, effect.text, effect.cause)
