"""One call as the application asked for it, and all that comes of it.

An `Invitation` is what the application holds: Deferreds, events, branches, sessions.
Each INVITE that is sent for it has a `DialogSetDriver` of its own. Dialogs belong to
one INVITE: those of an earlier attempt are dead, but they still find their driver here
when a late 2xx or a request of theirs comes in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog import outcome
from sipuac.dialog.events import Cancelling, Failed
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.errors import (
    CallFailed,
    Cancelled,
    LocalProtocolError,
    Redirected,
    SipError,
    TransportFailed,
)
from sipuac.on_demand import OnDemand
from sipuac.syntax.message import Request, Response
from sipuac.ua.attempts import FailedAttempt, NextAttempt
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.branch_report import BranchReport
from sipuac.ua.call_report import CallReport
from sipuac.ua.dialog_set_driver import DialogSetDriver
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IDialogSetUser
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.media_work import Modifiers
from sipuac.ua.outcome import Outcome
from sipuac.ua.remains import Keeper
from sipuac.ua.retries import Retries
from sipuac.ua.session import Session
from sipuac.ua.timer_queue import QueuedTimer

_log = Logger()


class RetryPlanner(Protocol):
    """Who knows what is tried where an INVITE fails: the setup of the call."""

    def retries(self, reporter: CallReport, authenticator: Authenticator) -> Retries:
        """All that is tried for one call."""
        ...


@implementer(IDialogSetUser)
class Invitation:
    """A call that was asked for, and what comes of it; made by `Inviter.invite`.

    Attributes:
        target: The URI that is called, as text.
        call_id, from_tag: The identity of the call, the same in every attempt.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        first: NextAttempt,
        options: InviteOptions,
        opener: MediaOpener,
        modifiers: Modifiers,
        reporter: CallReport,
        authenticator: Authenticator,
        planner: RetryPlanner,
        keeper: Keeper,
    ) -> None:
        """Prepare the call.

        Args:
            endpoint: Carries it.
            first: The INVITE to begin with.
            options: What was asked of it.
            opener: Opens the media of its branches.
            modifiers: Applied to our answers and to what the callees describe.
            reporter: Tells the application what happens.
            authenticator: Answers challenges.
            planner: Says what is tried where an INVITE fails.
            keeper: Hands it what comes, and is told when nothing more is expected.
        """
        self.target = first.invite.uri_text
        self.call_id = first.invite.call_id
        self.from_tag = first.invite.from_tag or ""
        self._endpoint = endpoint
        self._options = options
        self._opener = opener
        self._modifiers = modifiers
        self._reporter = reporter
        self._authenticator = authenticator
        self._planner = planner
        self._keeper = keeper
        self._is_stopped = False
        self._started_at = 0.0
        self._final: Outcome[Response] = Outcome(self.cancel)
        self._established: Outcome[Session] = Outcome(self.cancel)
        self._done: Outcome[None] = Outcome()
        self._attempt = self._make(first, options)
        # All of them in order, and those of which something may still come.
        self._attempts = [self._attempt]
        self._lingering = [self._attempt]
        # What happens between two attempts, and how long it may take.
        self._retrying: Deferred[NextAttempt | FailedAttempt] | None = None
        self._limit: QueuedTimer | None = None

    def _make(self, attempt: NextAttempt, options: InviteOptions) -> DialogSetDriver:
        return DialogSetDriver(
            self._endpoint,
            attempt,
            options,
            self._opener,
            self._modifiers,
            self._reporter,
            self._authenticator,
            self,
        )

    def _make_retries(self) -> Retries:
        return self._planner.retries(self._reporter, self._authenticator)

    retries = OnDemand(_make_retries)

    # For the application

    def __repr__(self) -> str:
        return f"<Invitation {self.call_id} to {self.target} {self.state}>"

    @property
    def state(self) -> str:
        """One of the five states of `sipuac.dialog.session_state`."""
        if self._retrying is not None:
            return SessionState.ESTABLISHING.value
        return self._attempt.state.value

    @property
    def sessions(self) -> dict[str, Session]:
        """The calls that stand or stood, by To tag; several under `keep-all`."""
        return self._attempt.sessions

    @property
    def events(self) -> list[CallEvent]:
        """What has happened so far, the latest thousand."""
        return self._reporter.events

    @property
    def final(self) -> Deferred[Response]:
        """The 2xx whose call was taken, or a typed failure; cancelling it cancels."""
        return self._final.deferred()

    @property
    def established(self) -> Deferred[Session]:
        """The call once it stands, or a typed failure; cancelling it hangs up."""
        return self._established.deferred()

    @property
    def done(self) -> Deferred[None]:
        """Fires when every branch that is known has met its fate; never fails."""
        return self._done.deferred()

    @property
    def session(self) -> Session | None:
        """The call; None until it stands, and the first one under `keep-all`."""
        return next(iter(self.sessions.values()), None)

    @property
    def branches(self) -> list[BranchReport]:
        """Every branch and its fate, attempt by attempt, as they showed."""
        return [report for one in self._attempts for report in one.branches]

    def cancel(self, message: str = "cancelled by the caller") -> None:
        """End the attempt or the call in whichever way is right, and do not wait.

        Before the 2xx: one CANCEL, as soon as a provisional response has come. After
        it: BYE, on the call and on every early dialog that is left. Between two
        attempts: nothing is sent, and no further one is made.
        """
        self._endpoint.submit(self._cancel, message)

    def _cancel(self, message: str) -> None:
        if self._retrying is None:
            self._attempt.hang_up(message)
        else:
            self._give_up(Cancelled(message))

    def hangup(self) -> Deferred[None]:
        """As `cancel`; fires when every branch has met its fate."""
        self.cancel()
        return self.done

    def bye(self, to_tag: str) -> None:
        """End this one dialog by BYE; on an early one, the INVITE goes on."""
        self._endpoint.submit(self._attempt.end_branch, to_tag)

    # For the inviter

    def start(self) -> Deferred[None]:
        """Send the INVITE.

        Returns:
            A Deferred that fires when it is sent; cancelled before that, nothing is.
            It fails with `LocalProtocolError` or `TransportFailed` where it cannot.
        """
        started: Deferred[None] = Deferred()
        self._endpoint.submit(self._begin, started)
        return started

    def _begin(self, started: Deferred[None]) -> None:
        if started.called:
            return
        self._started_at = self._endpoint.clock.seconds()
        try:
            self._attempt.start()
        except (LocalProtocolError, TransportFailed) as error:
            started.errback(error)
            return
        started.callback(None)

    def request_received(
        self, request: Request, transaction: ServerTransaction | None
    ) -> bool:
        """The callee sends a request in one of the dialogs, or an ACK or CANCEL.

        Returns:
            Whether somebody is left who answers it.
        """
        tag = request.from_tag or ""
        latest_first = self._lingering[::-1]
        known = [one for one in latest_first if one.has_branch(tag)]
        for attempt in known or latest_first:
            attempt.request_received(request, transaction)
            return True
        return False

    def stray_success(self, response: Response) -> bool:
        """A 2xx came that no transaction passes up any more.

        Returns:
            Whether it answers an INVITE of this call.

        Raises:
            ParseError: Its Via cannot be read.
        """
        return any(attempt.stray_success(response) for attempt in self._lingering)

    def stop(self) -> None:
        """The endpoint is going: close and free everything, send nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._stop_retrying()
        for attempt in self._lingering:
            attempt.stop()
        self._opener.close()
        if not self._established.is_set:
            self._fail(CallFailed("the service was stopped"), None)
        self._done.succeed(None)

    # From its attempts

    def call_taken(self, response: Response) -> None:
        """See `IDialogSetUser`."""
        self._final.succeed(response)

    def call_stands(self, session: Session) -> None:
        """See `IDialogSetUser`."""
        self._established.succeed(session)

    def invite_failed(
        self, attempt: DialogSetDriver, error: SipError, response: Response | None
    ) -> None:
        """See `IDialogSetUser`."""
        self._go_on_after(attempt.attempt.failed(error, response))

    def invite_resolved(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""
        self._look_whether_done()

    def invite_left(self, attempt: DialogSetDriver, seconds: float) -> None:
        """See `IDialogSetUser`."""
        self._keeper.keep_remains(attempt.remains(seconds, self._keeper))
        self._lingering.remove(attempt)
        self._look_whether_over()

    def invite_forgotten(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""
        self._lingering.remove(attempt)
        self._look_whether_over()

    # Between two attempts

    def _go_on_after(self, failed: FailedAttempt) -> None:
        """Find out what follows a failed attempt."""
        retrying = self._retrying = self.retries.after(failed)
        # Where that is known at once, no time may pass before the application is told.
        is_now = retrying.called

        def decided(result: NextAttempt | FailedAttempt) -> None:
            if is_now and isinstance(result, FailedAttempt):
                self._decided(retrying, result)
            else:
                self._endpoint.submit(self._decided, retrying, result)

        def broken(failure: Failure) -> None:
            # Whoever was asked what follows may give up by itself, too.
            if not failure.check(CancelledError) or self._retrying is retrying:
                _log.failure("what follows a failed INVITE", failure)
                decided(failed)

        self._limit = self._endpoint.start_timer(
            max(0.0, self._options.answer_timeout - self._waited), self._time_out
        )
        retrying.addCallback(decided)
        retrying.addErrback(broken)

    @property
    def _waited(self) -> float:
        """Seconds since the first INVITE."""
        return self._endpoint.clock.seconds() - self._started_at

    def _decided(
        self,
        retrying: Deferred[NextAttempt | FailedAttempt],
        result: NextAttempt | FailedAttempt,
    ) -> None:
        if self._retrying is not retrying:
            # The call was given up before this could be begun.
            return
        self._stop_retrying()
        if isinstance(result, NextAttempt):
            self._begin_next(result)
        else:
            self._fail(result.error, result.response)

    def _begin_next(self, attempt: NextAttempt) -> None:
        """Send the INVITE that follows; those that failed linger."""
        waited = self._waited
        remaining = max(1, round(self._options.answer_timeout - waited))
        invite = attempt.invite.replacing("Expires", str(remaining))
        attempt = replace(attempt, invite=invite)
        driver = self._make(attempt, replace(self._options, waited=waited))
        try:
            driver.start()
        except TransportFailed as error:
            self._go_on_after(attempt.failed(error, None))
        except LocalProtocolError as error:
            self._fail(error, None)
        else:
            self._attempt = driver
            self._attempts.append(driver)
            self._lingering.append(driver)

    def _time_out(self) -> None:
        self._give_up(outcome.answer_timeout(self._options.answer_timeout))

    def _give_up(self, error: CallFailed) -> None:
        """End the call between two attempts: nothing is on its way."""
        self._reporter.report(Cancelling(str(error)))
        self._stop_retrying()
        self._fail(error, None)

    def _stop_retrying(self) -> None:
        retrying, self._retrying = self._retrying, None
        if self._limit is not None:
            self._limit.stop()
            self._limit = None
        if retrying is not None:
            retrying.cancel()

    # Ends

    def _fail(self, error: SipError, response: Response | None) -> None:
        self._opener.close()
        final = response
        if final is None and isinstance(error, CallFailed):
            final = error.response
        status = None if final is None else final.status
        later = error.retry_after if isinstance(error, CallFailed) else None
        seconds = None if later is None else later.seconds
        name = type(error).__name__
        self._reporter.report(Failed(name, status, str(error), seconds))
        if isinstance(error, Redirected) and response is not None:
            self._reporter.tell("redirect", response, error.contacts)
        else:
            self._reporter.tell("reject", error)
        self._final.fail(error)
        self._established.fail(error)

        self._look_whether_done()
        self._look_whether_over()

    def _look_whether_done(self) -> None:
        if self._retrying is None and all(one.is_resolved for one in self._attempts):
            self._done.succeed(None)

    def _look_whether_over(self) -> None:
        if self._retrying is None and not self._lingering:
            self._opener.close()
            self._keeper.forget(self)
