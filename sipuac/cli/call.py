"""`sipuac call`: one call, from the INVITE until nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.cli.output import Output
from sipuac.cli.status import OTHER_FAILURE, SIGNAL, USAGE, exit_status
from sipuac.dialog.events import Ended, Established, Failed
from sipuac.errors import LocalProtocolError, SipError
from sipuac.service.inviter_service import InviterService
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.ladder import branch_letters, draw_ladder
from sipuac.ua.legend import draw_legend
from sipuac.ua.trace import Trace, TraceEntry

_log = Logger()

# 64*T1: how long a branch may stay unresolved after the call itself is over.
LINGER = 32.0


class OneShotCall(InviteDelegate):
    """Places one call and tells what happens to it.

    The `ended` or `failed` of the call is printed last: it waits until every branch is
    resolved, so that whoever reads the lines needs no other sign of the end.

    Args:
        clock: For the durations.
        service: Places the call; started and stopped here.
        output: Where the events go.
        target: Who is called.
        invite_options: As of `InviterService.invite`.
        duration: Seconds after the answer to hang up; None waits for the callee.
        cancel_after: Seconds after which an unanswered call is cancelled; None never.
        wants_ladder: Whether to draw the messages at the end.
    """

    def __init__(
        self,
        clock: IReactorTime,
        service: InviterService,
        output: Output,
        target: str,
        *,
        invite_options: Mapping[str, Any],
        duration: float | None = None,
        cancel_after: float | None = None,
        wants_ladder: bool = False,
    ) -> None:
        self._clock = clock
        self._service = service
        self._output = output
        self._trace = Trace()
        self._target = target
        self._invite_options = dict(invite_options)
        self._duration = duration
        self._cancel_after = cancel_after
        self._wants_ladder = wants_ladder
        self._asked_at = 0.0
        self._events: list[CallEvent] = []
        self._held: list[CallEvent] = []
        self._standing = 0
        self._is_resolved = False
        self._is_cancelled = False
        self._is_broken = False
        self._signal: int | None = None
        self._attempt: Deferred[Invitation] | None = None
        self._invitation: Invitation | None = None
        self._delayed: list[IDelayedCall] = []
        self._finished: Deferred[int] = Deferred()
        self._is_concluding = False
        self.refusal: str | None = None

    def run(self) -> Deferred[int]:
        """Place the call; fires with the exit status when all is over.

        `refusal` then says in one line why nothing was sent, where the status is 2.
        """
        self._asked_at = self._clock.seconds()
        started = maybeDeferred(self._service.startService)
        started.addCallback(lambda _: self._invite())
        started.addErrback(self._fail)
        return self._finished

    def interrupt(self, number: int) -> None:
        """A signal came: the first ends the call as SIP wants it, the second leaves."""
        if self._signal is not None:
            self._leave()
            return
        self._signal = number
        self._end()

    # -- IInviteDelegate ------------------------------------------------------------

    def event(self, event: CallEvent) -> None:
        """Print the event, or hold it where it is an end (see `IInviteDelegate`)."""
        if self._is_concluding:
            # The last line is printed; what closing still brings is not told.
            return
        self._events.append(event)
        if isinstance(event.body, Ended | Failed):
            self._held.append(self._as_asked(event))
            if isinstance(event.body, Ended):
                self._standing = max(0, self._standing - 1)
            self._wait_no_longer_than(LINGER)
            self._look_whether_over()
            return
        self._print(event)
        if isinstance(event.body, Established):
            self._standing += 1
            if self._duration is not None:
                self._later(self._duration, self._end)

    # -- acts -----------------------------------------------------------------------

    def _invite(self) -> Deferred[None]:
        if self._is_cancelled:
            raise CancelledError
        if self._service.endpoint is not None:
            self._service.endpoint.add_tracer(self._trace)
        if self._cancel_after is not None:
            self._later(self._cancel_after, self._cancel_unanswered)
        attempt = self._attempt = maybeDeferred(
            self._service.invite, self._target, delegate=self, **self._invite_options
        )
        return attempt.addCallback(self._note_invitation)

    def _note_invitation(self, invitation: Invitation) -> None:
        self._attempt = None
        self._invitation = invitation
        invitation.done.addBoth(self._note_resolved)
        if self._is_cancelled:
            # Asked for while the INVITE was being sent.
            invitation.cancel()

    def _note_resolved(self, result: object) -> object:
        self._is_resolved = True
        self._look_whether_over()
        # Where the end itself is still to be told, it is told in this turn.
        self._wait_no_longer_than(0)
        return result

    def _cancel_unanswered(self) -> None:
        if not self._standing:
            self._end()

    def _end(self) -> None:
        """End the call as it stands: nothing sent, CANCEL, or BYE."""
        self._is_cancelled = True
        if self._attempt is not None:
            self._attempt.cancel()
        elif self._invitation is not None:
            self._invitation.cancel()

    def _fail(self, failure: Failure) -> None:
        """No INVITE left."""
        self._attempt = None
        if failure.check(LocalProtocolError):
            self.refusal = failure.getErrorMessage()
            self._close(lambda: self._finish(USAGE))
            return
        if not self._held:
            body: Ended | Failed
            if failure.check(CancelledError) and self._is_cancelled:
                body = Ended("local")
            else:
                if not failure.check(SipError):
                    _log.failure("placing the call", failure)
                body = Failed(
                    failure.type.__name__ if failure.type else "SipError",
                    None,  # no response came
                    failure.getErrorMessage(),
                )
            self._held.append(self._stamped(body))
        self._conclude()

    def _leave(self) -> None:
        """Leave at once, whatever is still on its way."""
        if self._is_concluding:
            self._finish(SIGNAL + (self._signal or 0))
            return
        self._held = [self._stamped(Failed("Cancelled", None, "left by a signal"))]
        self._conclude(is_in_haste=True)

    # -- ends -----------------------------------------------------------------------

    def _look_whether_over(self) -> None:
        if self._is_resolved and self._held:
            self._conclude()

    def _wait_no_longer_than(self, seconds: float) -> None:
        def stop_waiting() -> None:
            if not self._standing:
                self._conclude()

        self._later(seconds, stop_waiting)

    def _conclude(self, *, is_in_haste: bool = False) -> None:
        """All is over: close, print the last line and what was asked for, finish."""
        if self._is_concluding:
            return
        self._is_concluding = True
        last = self._print_held()
        if is_in_haste:
            self._report(last)
            return
        self._close(lambda: self._report(last))

    def _close(self, then: Callable[[], None]) -> None:
        self._is_concluding = True
        for call in self._delayed:
            if call.active():
                call.cancel()
        stopped = maybeDeferred(self._service.stopService)
        stopped.addErrback(lambda failure: _log.failure("closing", failure))
        stopped.addCallback(lambda _: then())

    def _print_held(self) -> CallEvent:
        if not self._held:
            body = Failed("SipError", None, "ended without a result")
            self._held.append(self._stamped(body))
        for event in self._held:
            self._print(event)
        return self._held[-1]

    def _report(self, last: CallEvent) -> None:
        if self._wants_ladder:
            self._write_text(self._drawing())
        if self._signal is not None:
            self._finish(SIGNAL + self._signal)
        elif self._is_broken:
            self._finish(OTHER_FAILURE)
        else:
            self._finish(exit_status(last.body))

    def _finish(self, status: int) -> None:
        if not self._finished.called:
            self._finished.callback(status)

    def _as_asked(self, event: CallEvent) -> CallEvent:
        """What a call that we cancelled, and that ended so, has as its end: `ended`."""
        body = event.body
        if (
            self._is_cancelled
            and isinstance(body, Failed)
            and body.error == "Cancelled"
        ):
            return CallEvent(event.time, event.call_id, event.from_tag, Ended("local"))
        return event

    # -- printing -------------------------------------------------------------------

    def _print(self, event: CallEvent) -> None:
        try:
            self._output.event(event, self._seen())
        except OSError:
            self._note_broken()

    def _write_text(self, text: str) -> None:
        try:
            self._output.text(text)
        except OSError:
            self._note_broken()

    def _note_broken(self) -> None:
        """Nobody reads what we print: end the call, do not just die."""
        if not self._is_broken:
            self._is_broken = True
            self._end()

    def _drawing(self) -> str:
        seen = self._seen()
        ends = (Ended, Failed)
        events = [e for e in self._events if not isinstance(e.body, ends)]
        events += self._held
        letters = branch_letters(seen, events)
        ladder = draw_ladder(seen, events=events)
        return f"\n{ladder}\n{draw_legend(events, letters)}"

    def _seen(self) -> list[TraceEntry]:
        return self._trace.of_call(self._events[0].call_id) if self._events else []

    def _stamped(self, body: Ended | Failed) -> CallEvent:
        time = self._clock.seconds() - self._asked_at
        if self._events:
            first = self._events[0]
            return CallEvent(time, first.call_id, first.from_tag, body)
        return CallEvent(time, "", "", body)

    def _later(self, seconds: float, act: Any) -> None:
        self._delayed.append(self._clock.callLater(seconds, act))
