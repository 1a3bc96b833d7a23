"""The non-INVITE server transaction (RFC 3261 section 17.2.2, figure 8, and RFC 4320).

It repeats the response as often as the request is repeated. RFC 4320 forbids what only
does harm there: early or talkative provisional responses, 408, and late responses.
"""

from __future__ import annotations

from enum import Enum

from sipuac.effects import Effect, Send, StartTimer, StopTimer
from sipuac.errors import TransactionTimeout
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.message import Request, Response, response_to
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.matching import server_key
from sipuac.transaction.timers import USUAL_TIMERS, Timer, Timers


class State(str, Enum):
    """The states of figure 8 of RFC 3261."""

    TRYING = "Trying"  # nothing was sent yet
    PROCEEDING = "Proceeding"  # 100 was sent
    COMPLETED = "Completed"  # answered; repeated requests get the response again
    TERMINATED = "Terminated"


_STOP_TRYING = StopTimer(Timer.TRYING)
_STOP_EXPIRY = StopTimer(Timer.EXPIRY)


class NonInviteServerTransaction(Transaction):
    """A request of somebody else, neither INVITE nor ACK; see `Transaction`.

    Figure 8 lets a transaction live for ever that its user does not answer. Here it
    ends when the client's timer F has: "an element that cannot respond before the
    transaction expires will not send a final response at all" (RFC 4320 section 4.2).
    """

    __slots__ = ("_last",)

    state: State

    def __init__(
        self,
        request: Request,
        is_reliable: bool = False,
        timers: Timers = USUAL_TIMERS,
    ) -> None:
        super().__init__(request, is_reliable, timers)
        self.state = State.TRYING
        self.key = server_key(request, request.method)
        self._last: Response | None = None

    def start(self) -> list[Effect]:
        """The request came: a 100 is due when the client's timer E has reached T2."""
        return [StartTimer(Timer.TRYING, self.timers.non_invite_trying)]

    def receive(self, request: Request) -> list[Effect]:
        """The request came again."""
        return step(self, Event.REQUEST, request)

    def respond(self, response: Response) -> list[Effect]:
        """The user of the transaction answers.

        What RFC 4320 forbids is not sent: 101-199, 408, and over an unreliable
        transport a 100 before it is due; it is sent then without being asked for. What
        comes too late is ignored.
        """
        status = response.status
        if status == 408 or 100 < status < 200:
            return []
        if status >= 200:
            return step(self, Event.R200_699, response)
        if self.state is State.TRYING and not self.is_reliable:
            return []
        return step(self, Event.R100, response)

    def _send_trying(self) -> list[Effect]:
        self._last = response_to(self.request, 100)
        return [Send(self._last), *self._await_expiry()]

    def _send_provisional(self, response: Response) -> list[Effect]:
        self._last = response
        return [Send(response)]

    def _await_expiry(self) -> list[Effect]:
        return [StartTimer(Timer.EXPIRY, self.timers.non_invite_expiry)]

    def _expire(self) -> list[Effect]:
        method, seconds = self.request.method, self.timers.timer_f
        return self._fail(
            TransactionTimeout(f"{method} was not answered in {seconds:g} s")
        )

    def _complete(self, response: Response) -> list[Effect]:
        self._last = response
        return [
            _STOP_TRYING,
            _STOP_EXPIRY,
            Send(response),
            StartTimer(Timer.J, self.timers.timer_j(self.is_reliable)),
        ]

    def _repeat_response(self, request: Request) -> list[Effect]:
        assert self._last is not None
        return [Send(self._last)]

    # The transport errors of figure 8 follow RFC 6026 section 8.8: the transaction
    # "SHOULD inform the TU that a failure has occurred, and MUST remain in the current
    # state."
    # fmt: off
    transitions: Transitions = {
        State.TRYING: {
            Timer.TRYING:          (State.PROCEEDING, _send_trying),
            Event.R100:            (State.PROCEEDING, _send_provisional),
            Event.R200_699:        (State.COMPLETED,  _complete),
        },
        State.PROCEEDING: {
            Event.REQUEST:         (State.PROCEEDING, _repeat_response),
            Event.R100:            (State.PROCEEDING, _send_provisional),
            Timer.TRYING:          (State.PROCEEDING, _await_expiry),
            Event.TRANSPORT_ERROR: (State.PROCEEDING, Transaction._inform_user),
            Timer.EXPIRY:          (State.TERMINATED, _expire),
            Event.R200_699:        (State.COMPLETED,  _complete),
        },
        State.COMPLETED: {
            Event.REQUEST:         (State.COMPLETED,  _repeat_response),
            Event.TRANSPORT_ERROR: (State.COMPLETED,  Transaction._inform_user),
            Timer.J:               (State.TERMINATED, Transaction._end),
        },
        State.TERMINATED: {},
    }

    ignored: Ignored = {
        State.TRYING: {
            (Event.REQUEST,):
                "RFC 3261 17.2.2: \"any further request retransmissions are "
                "discarded\".",
            (Event.TRANSPORT_ERROR,):
                "RFC 3261 figure 8: no such arrow; nothing is sent here.",
            (Timer.EXPIRY, Timer.J):
                "RFC 4320 4.2 and RFC 3261 17.2.2: they start after the 100 and with "
                "Completed.",
        },
        State.PROCEEDING: {
            (Timer.J,): "RFC 3261 17.2.2: it starts with Completed.",
        },
        State.COMPLETED: {
            (Event.R100, Event.R200_699):
                "RFC 3261 17.2.2: \"Any other final responses passed by the TU to the "
                "server transaction MUST be discarded\".",
            (Timer.TRYING, Timer.EXPIRY):
                "RFC 4320 4.2: both are for who has not answered, and stopped.",
        },
        State.TERMINATED: {
            (
                Event.REQUEST, Event.R100, Event.R200_699, Event.TRANSPORT_ERROR,
                Timer.TRYING, Timer.EXPIRY, Timer.J,
            ):
                "RFC 3261 17.2.2: it \"MUST be destroyed the instant it enters the "
                "'Terminated' state\".",
        },
    }
    # fmt: on
