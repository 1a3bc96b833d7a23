"""The non-INVITE client transaction (RFC 3261 section 17.1.2, figure 6).

It sends a request until its final response comes; CANCEL is such a request too.
"""

from __future__ import annotations

from enum import Enum

from sipuac.effects import Deliver, Effect, Send, StartTimer, StopTimer
from sipuac.errors import TransactionTimeout
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.message import Request, Response
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.matching import client_key
from sipuac.transaction.timers import USUAL_TIMERS, Timer, Timers


class State(str, Enum):
    """The states of figure 6 of RFC 3261."""

    TRYING = "Trying"  # nobody has answered
    PROCEEDING = "Proceeding"  # the next hop has the request
    COMPLETED = "Completed"  # answered; repeated responses are absorbed
    TERMINATED = "Terminated"


_STOP_E = StopTimer(Timer.E)
_STOP_F = StopTimer(Timer.F)


class NonInviteClientTransaction(Transaction):
    """A request of ours, neither INVITE nor ACK, on its way; see `Transaction`."""

    __slots__ = ("_interval",)

    state: State

    def __init__(
        self,
        request: Request,
        is_reliable: bool = False,
        timers: Timers = USUAL_TIMERS,
    ) -> None:
        super().__init__(request, is_reliable, timers)
        self.state = State.TRYING
        self.key = client_key(request)
        self._interval = timers.timer_e

    def start(self) -> list[Effect]:
        """Send the request for the first time."""
        effects: list[Effect] = [
            Send(self.request),
            StartTimer(Timer.F, self.timers.timer_f),
        ]
        if not self.is_reliable:
            effects.append(StartTimer(Timer.E, self._interval))
        return effects

    def receive(self, response: Response) -> list[Effect]:
        """A response came that matches this transaction."""
        event = Event.R1XX if response.status < 200 else Event.R200_699
        return step(self, event, response)

    def _resend(self) -> list[Effect]:
        self._interval = min(2 * self._interval, self.timers.t2)
        return [Send(self.request), StartTimer(Timer.E, self._interval)]

    def _resend_slowly(self) -> list[Effect]:
        # A 100 may be lost as well: the server that is slow hears of us every T2.
        return [Send(self.request), StartTimer(Timer.E, self.timers.t2)]

    def _time_out(self) -> list[Effect]:
        method, seconds = self.request.method, self.timers.timer_f
        return self._fail(
            TransactionTimeout(f"no final response to {method} in {seconds:g} s")
        )

    def _pass_up(self, response: Response) -> list[Effect]:
        return [Deliver(response)]

    def _complete(self, response: Response) -> list[Effect]:
        return [
            _STOP_E,
            _STOP_F,
            StartTimer(Timer.K, self.timers.timer_k(self.is_reliable)),
            Deliver(response),
        ]

    # fmt: off
    transitions: Transitions = {
        State.TRYING: {
            Timer.E:               (State.TRYING,     _resend),
            Timer.F:               (State.TERMINATED, _time_out),
            Event.TRANSPORT_ERROR: (State.TERMINATED, Transaction._fail),
            Event.R200_699:        (State.COMPLETED,  _complete),
            Event.R1XX:            (State.PROCEEDING, _pass_up),
        },
        State.PROCEEDING: {
            Timer.E:               (State.PROCEEDING, _resend_slowly),
            Timer.F:               (State.TERMINATED, _time_out),
            Event.TRANSPORT_ERROR: (State.TERMINATED, Transaction._fail),
            Event.R1XX:            (State.PROCEEDING, _pass_up),
            Event.R200_699:        (State.COMPLETED,  _complete),
        },
        State.COMPLETED: {
            Timer.K:               (State.TERMINATED, Transaction._end),
        },
        State.TERMINATED: {},
    }

    ignored: Ignored = {
        State.TRYING: {
            (Timer.K,): "RFC 3261 17.1.2.2: it starts with Completed.",
        },
        State.PROCEEDING: {
            (Timer.K,): "RFC 3261 17.1.2.2: it starts with Completed.",
        },
        State.COMPLETED: {
            (Event.R1XX, Event.R200_699):
                "RFC 3261 17.1.2.2: it is there \"to buffer any additional response "
                "retransmissions\".",
            (Event.TRANSPORT_ERROR,):
                "RFC 3261 figure 6: no such arrow; nothing is sent here.",
            (Timer.E, Timer.F):
                "RFC 3261 17.1.2.2: both are for Trying and Proceeding, and stopped.",
        },
        State.TERMINATED: {
            (
                Event.R1XX, Event.R200_699, Event.TRANSPORT_ERROR,
                Timer.E, Timer.F, Timer.K,
            ):
                "RFC 3261 17.1.2.2: \"in the terminated state, it MUST be destroyed "
                "immediately\".",
        },
    }
    # fmt: on
