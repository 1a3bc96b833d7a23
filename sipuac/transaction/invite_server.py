"""The INVITE server transaction (RFC 3261 section 17.2.1, figure 7 of RFC 6026).

It absorbs repeated INVITEs and sees to it that a refusal arrives. The user of the
transaction has the INVITE already when it makes one, and repeats a 2xx itself.
"""

from __future__ import annotations

from enum import Enum

from sipuac.effects import Deliver, Effect, Send, StartTimer, StopTimer
from sipuac.errors import TransactionTimeout
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.message import Request, Response, response_to
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.matching import server_key
from sipuac.transaction.timers import USUAL_TIMERS, Timer, Timers


class State(str, Enum):
    """The states of figure 7 of RFC 6026."""

    PROCEEDING = "Proceeding"  # no final response yet
    COMPLETED = "Completed"  # refused, and the ACK is awaited
    CONFIRMED = "Confirmed"  # the ACK is there; repeated ones are absorbed
    ACCEPTED = "Accepted"  # accepted; repeated INVITEs are absorbed
    TERMINATED = "Terminated"


_STOP_TRYING = StopTimer(Timer.TRYING)
_STOP_G = StopTimer(Timer.G)
_STOP_H = StopTimer(Timer.H)


class InviteServerTransaction(Transaction):
    """An INVITE of somebody else; see `Transaction`.

    `Fail` here says that a response did not arrive, or perhaps did not.
    """

    __slots__ = ("_interval", "_last")

    state: State

    def __init__(
        self,
        request: Request,
        is_reliable: bool = False,
        timers: Timers = USUAL_TIMERS,
    ) -> None:
        super().__init__(request, is_reliable, timers)
        self.state = State.PROCEEDING
        self.key = server_key(request, "INVITE")
        self._interval = timers.timer_g
        self._last: Response | None = None

    @property
    def to_tag(self) -> str | None:
        """The To tag of the last response; None before there is one."""
        return None if self._last is None else self._last.to_tag

    def start(self) -> list[Effect]:
        """The INVITE came: it gets a 100 unless its user is quicker."""
        return [StartTimer(Timer.TRYING, self.timers.invite_trying)]

    def receive(self, request: Request) -> list[Effect]:
        """An INVITE came that matches this transaction, or an ACK."""
        event = Event.ACK if request.method == "ACK" else Event.INVITE
        return step(self, event, request)

    def respond(self, response: Response) -> list[Effect]:
        """The user of the transaction answers; what comes too late is ignored."""
        status = response.status
        if status < 200:
            return step(self, Event.R1XX, response)
        if status < 300:
            return step(self, Event.R2XX, response)
        return step(self, Event.R300_699, response)

    def _send_trying(self) -> list[Effect]:
        self._last = response_to(self.request, 100)
        return [Send(self._last)]

    def _send_provisional(self, response: Response) -> list[Effect]:
        self._last = response
        return [_STOP_TRYING, Send(response)]

    def _repeat_response(self, invite: Request) -> list[Effect]:
        # Before the first response there is nothing to repeat; 100 comes soon enough.
        return [] if self._last is None else [Send(self._last)]

    def _refuse(self, response: Response) -> list[Effect]:
        self._last = response
        effects: list[Effect] = [
            _STOP_TRYING,
            Send(response),
            StartTimer(Timer.H, self.timers.timer_h),
        ]
        if not self.is_reliable:
            effects.append(StartTimer(Timer.G, self._interval))
        return effects

    def _resend_refusal(self) -> list[Effect]:
        assert self._last is not None
        self._interval = min(2 * self._interval, self.timers.t2)
        return [Send(self._last), StartTimer(Timer.G, self._interval)]

    def _miss_ack(self) -> list[Effect]:
        seconds = self.timers.timer_h
        return self._fail(TransactionTimeout(f"no ACK in {seconds:g} s"))

    def _confirm(self, ack: Request) -> list[Effect]:
        wait = self.timers.timer_i(self.is_reliable)
        return [_STOP_G, _STOP_H, StartTimer(Timer.I, wait)]

    def _accept(self, response: Response) -> list[Effect]:
        self._last = response
        return [
            _STOP_TRYING,
            Send(response),
            StartTimer(Timer.L, self.timers.timer_l),
        ]

    def _absorb(self, invite: Request) -> list[Effect]:
        return []

    def _pass_up(self, ack: Request) -> list[Effect]:
        return [Deliver(ack)]

    def _send_success(self, response: Response) -> list[Effect]:
        return [Send(response)]

    # fmt: off
    transitions: Transitions = {
        State.PROCEEDING: {
            Timer.TRYING:          (State.PROCEEDING, _send_trying),
            Event.INVITE:          (State.PROCEEDING, _repeat_response),
            Event.R1XX:            (State.PROCEEDING, _send_provisional),
            Event.TRANSPORT_ERROR: (State.PROCEEDING, Transaction._inform_user),
            Event.R300_699:        (State.COMPLETED,  _refuse),
            Event.R2XX:            (State.ACCEPTED,   _accept),
        },
        State.COMPLETED: {
            Event.INVITE:          (State.COMPLETED,  _repeat_response),
            Timer.G:               (State.COMPLETED,  _resend_refusal),
            Event.TRANSPORT_ERROR: (State.COMPLETED,  Transaction._inform_user),
            Timer.H:               (State.TERMINATED, _miss_ack),
            Event.ACK:             (State.CONFIRMED,  _confirm),
        },
        State.CONFIRMED: {
            Timer.I:               (State.TERMINATED, Transaction._end),
        },
        State.ACCEPTED: {
            Event.INVITE:          (State.ACCEPTED,   _absorb),
            Event.TRANSPORT_ERROR: (State.ACCEPTED,   Transaction._inform_user),
            Event.ACK:             (State.ACCEPTED,   _pass_up),
            Event.R2XX:            (State.ACCEPTED,   _send_success),
            Timer.L:               (State.TERMINATED, Transaction._end),
        },
        State.TERMINATED: {},
    }

    ignored: Ignored = {
        State.PROCEEDING: {
            (Event.ACK,):
                "RFC 6026 figure 7: no such arrow; there is no final response yet.",
            (Timer.G, Timer.H, Timer.I, Timer.L):
                "RFC 3261 17.2.1 and RFC 6026 8.7: they start after a final response.",
        },
        State.COMPLETED: {
            (Event.R1XX, Event.R2XX, Event.R300_699):
                "RFC 6026 figure 7: no such arrows; one final response was sent.",
            (Timer.TRYING,):
                "RFC 3261 17.2.1: 100 is for who has got nothing; stopped.",
            (Timer.I, Timer.L):
                "RFC 3261 17.2.1 and RFC 6026 8.7: they start with Confirmed and with "
                "Accepted.",
        },
        State.CONFIRMED: {
            (Event.ACK,):
                "RFC 3261 17.2.1: this is \"to absorb any additional ACK messages\".",
            (Event.INVITE,):
                "RFC 6026 figure 7: no such arrow; who sends ACK has the response.",
            (Event.R1XX, Event.R2XX, Event.R300_699):
                "RFC 6026 figure 7: no such arrows; one final response was sent.",
            (Event.TRANSPORT_ERROR,):
                "RFC 6026 figure 7: no such arrow; the response has arrived.",
            (Timer.G, Timer.H):
                "RFC 3261 17.2.1: \"Timer G is ignored in this state\", and H is for "
                "Completed; both are stopped.",
            (Timer.TRYING,):
                "RFC 3261 17.2.1: 100 is for who has got nothing; stopped.",
            (Timer.L,): "RFC 6026 8.7: it starts with Accepted.",
        },
        State.ACCEPTED: {
            (Event.R1XX, Event.R300_699):
                "RFC 6026 8.7: only a 2xx that its user passes is sent here.",
            (Timer.TRYING,):
                "RFC 3261 17.2.1: 100 is for who has got nothing; stopped.",
            (Timer.G, Timer.H, Timer.I):
                "RFC 6026 8.5: repeating a 2xx is its user's.",
        },
        State.TERMINATED: {
            (
                Event.INVITE, Event.ACK, Event.R1XX, Event.R2XX, Event.R300_699,
                Event.TRANSPORT_ERROR,
                Timer.TRYING, Timer.G, Timer.H, Timer.I, Timer.L,
            ):
                "RFC 6026 8.7: in \"the 'Terminated' state, it MUST be destroyed "
                "immediately\".",
        },
    }
    # fmt: on
