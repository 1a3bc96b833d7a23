"""The INVITE client transaction (RFC 3261 section 17.1.1, figure 5 of RFC 6026).

It sends an INVITE until somebody has it, acknowledges a refusal, and stays after the
first 2xx to pass up all others. ACK for a 2xx, CANCEL and dialogs are its user's.
"""

from __future__ import annotations

from enum import Enum

from sipuac.effects import Deliver, Effect, Send, StartTimer, StopTimer
from sipuac.errors import TransactionTimeout
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.message import Request, Response
from sipuac.transaction.base import Event, Transaction
from sipuac.transaction.derived import ack_of
from sipuac.transaction.matching import client_key
from sipuac.transaction.timers import USUAL_TIMERS, Timer, Timers


class State(str, Enum):
    """The states of figure 5 of RFC 6026."""

    CALLING = "Calling"  # nobody has answered
    PROCEEDING = "Proceeding"  # the next hop has the INVITE
    COMPLETED = "Completed"  # it was refused; repeated refusals get the ACK again
    ACCEPTED = "Accepted"  # it was accepted; others may accept it too
    TERMINATED = "Terminated"


_STOP_A = StopTimer(Timer.A)
_STOP_B = StopTimer(Timer.B)


class InviteClientTransaction(Transaction):
    """An INVITE of ours on its way; see `Transaction`."""

    __slots__ = ("_ack", "_interval")

    state: State

    def __init__(
        self,
        request: Request,
        is_reliable: bool = False,
        timers: Timers = USUAL_TIMERS,
    ) -> None:
        super().__init__(request, is_reliable, timers)
        self.state = State.CALLING
        self.key = client_key(request)
        self._interval = timers.timer_a
        self._ack: Request | None = None

    def start(self) -> list[Effect]:
        """Send the INVITE for the first time."""
        effects: list[Effect] = [
            Send(self.request),
            StartTimer(Timer.B, self.timers.timer_b),
        ]
        if not self.is_reliable:
            effects.append(StartTimer(Timer.A, self._interval))
        return effects

    def receive(self, response: Response) -> list[Effect]:
        """A response came that matches this transaction.

        Raises:
            ParseError: It is a refusal without a To field; nothing has changed.
        """
        status = response.status
        if status < 200:
            return step(self, Event.R1XX, response)
        if status < 300:
            return step(self, Event.R2XX, response)
        return step(self, Event.R300_699, response)

    def _resend_invite(self) -> list[Effect]:
        self._interval *= 2
        return [Send(self.request), StartTimer(Timer.A, self._interval)]

    def _time_out(self) -> list[Effect]:
        seconds = self.timers.timer_b
        return self._fail(TransactionTimeout(f"no response to INVITE in {seconds:g} s"))

    def _stop_resending(self, response: Response) -> list[Effect]:
        return [_STOP_A, _STOP_B, Deliver(response)]

    def _pass_up(self, response: Response) -> list[Effect]:
        return [Deliver(response)]

    def _accept(self, response: Response) -> list[Effect]:
        # No ACK: "its handling is delegated to the TU" (RFC 6026 section 8.4).
        return [
            _STOP_A,
            _STOP_B,
            StartTimer(Timer.M, self.timers.timer_m),
            Deliver(response),
        ]

    def _acknowledge(self, response: Response) -> list[Effect]:
        self._ack = ack_of(self.request, response)
        return [
            _STOP_A,
            _STOP_B,
            Send(self._ack),
            StartTimer(Timer.D, self.timers.timer_d(self.is_reliable)),
            Deliver(response),
        ]

    def _repeat_ack(self, response: Response) -> list[Effect]:
        # "re-passed to the transport layer": the same ACK, even if this response is
        # another one, because the server finds its transaction by the branch alone.
        assert self._ack is not None
        return [Send(self._ack)]

    # fmt: off
    transitions: Transitions = {
        State.CALLING: {
            Timer.A:               (State.CALLING,    _resend_invite),
            Timer.B:               (State.TERMINATED, _time_out),
            Event.TRANSPORT_ERROR: (State.TERMINATED, Transaction._fail),
            Event.R300_699:        (State.COMPLETED,  _acknowledge),
            Event.R1XX:            (State.PROCEEDING, _stop_resending),
            Event.R2XX:            (State.ACCEPTED,   _accept),
        },
        State.PROCEEDING: {
            Event.R1XX:            (State.PROCEEDING, _pass_up),
            Event.R300_699:        (State.COMPLETED,  _acknowledge),
            Event.R2XX:            (State.ACCEPTED,   _accept),
        },
        State.COMPLETED: {
            Event.R300_699:        (State.COMPLETED,  _repeat_ack),
            Event.TRANSPORT_ERROR: (State.TERMINATED, Transaction._fail),
            Timer.D:               (State.TERMINATED, Transaction._end),
        },
        State.ACCEPTED: {
            Event.R2XX:            (State.ACCEPTED,   _pass_up),
            Timer.M:               (State.TERMINATED, Transaction._end),
        },
        State.TERMINATED: {},
    }

    ignored: Ignored = {
        State.CALLING: {
            (Timer.D, Timer.M):
                "RFC 6026 8.4: they start with Completed and with Accepted.",
        },
        State.PROCEEDING: {
            (Timer.A, Timer.B):
                "RFC 3261 17.1.1.2: here it \"SHOULD NOT retransmit the request any "
                "longer\", and B is for one that \"is still in the 'Calling' state\".",
            (Event.TRANSPORT_ERROR,):
                "RFC 6026 figure 5: no such arrow; nothing is sent here, and a server "
                "may make a new connection for its response (RFC 3261 18.2.2).",
            (Timer.D, Timer.M):
                "RFC 6026 8.4: they start with Completed and with Accepted.",
        },
        State.COMPLETED: {
            (Event.R1XX, Event.R2XX):
                "RFC 6026 figure 5: no such arrows; it is refused already, and what a "
                "2xx after that means is not for this transaction to say.",
            (Timer.A, Timer.B):
                "RFC 3261 17.1.1.2: both are for Calling, and stopped.",
            (Timer.M,): "RFC 6026 8.4: it starts with Accepted.",
        },
        State.ACCEPTED: {
            (Event.R1XX, Event.R300_699):
                "RFC 6026 figure 5: no such arrows; the INVITE is accepted.",
            (Event.TRANSPORT_ERROR,):
                "RFC 6026 8.4: nothing is sent here, the ACK is its user's.",
            (Timer.A, Timer.B):
                "RFC 3261 17.1.1.2: both are for Calling, and stopped.",
            (Timer.D,): "RFC 6026 8.4: it starts with Completed.",
        },
        State.TERMINATED: {
            (
                Event.R1XX, Event.R2XX, Event.R300_699, Event.TRANSPORT_ERROR,
                Timer.A, Timer.B, Timer.D, Timer.M,
            ):
                "RFC 6026 8.4: it \"MUST be destroyed the instant it enters the "
                "'Terminated' state\".",
        },
    }
    # fmt: on
