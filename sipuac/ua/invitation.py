"""One call as the application asked for it, and all that comes of it.

An `Invitation` is what the application holds: Deferreds, events, branches, sessions.
Each INVITE that is sent for it has a `DialogSetDriver` of its own. Dialogs belong to
one INVITE: those of an earlier attempt are dead, but they still find their driver here
when a late 2xx or a request of theirs comes in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from sipuac.dialog.events import Failed
from sipuac.dialog.options import InviteOptions
from sipuac.errors import (
    CallFailed,
    LocalProtocolError,
    Redirected,
    SipError,
    TransportFailed,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.branch_report import BranchReport
from sipuac.ua.call_media import Modifiers
from sipuac.ua.call_report import CallReport, Observer
from sipuac.ua.dialog_set_driver import DialogSetDriver
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IDialogSetUser, IInviteDelegate
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.outcome import Outcome
from sipuac.ua.session import Session


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
        invite: Request,
        flow: IFlow,
        options: InviteOptions,
        offer: ILocalOffer | None,
        factory: IMediaFactory,
        *,
        modifiers: Modifiers,
        delegate: IInviteDelegate | None = None,
        observers: Sequence[Observer] = (),
        asked_at: float | None = None,
        forget: Callable[[Invitation], None],
    ) -> None:
        self.target = invite.uri_text
        self.call_id = invite.call_id
        self.from_tag = invite.from_tag or ""
        self._endpoint = endpoint
        self._reporter = CallReport(
            endpoint.clock,
            self.call_id,
            self.from_tag,
            endpoint.clock.seconds() if asked_at is None else asked_at,
            observers,
            delegate,
        )
        self._opener = MediaOpener(offer, factory)
        self._modifiers = modifiers
        self._forget = forget
        self._is_stopped = False
        self._final: Outcome[Response] = Outcome(self.cancel)
        self._established: Outcome[Session] = Outcome(self.cancel)
        self._done: Outcome[None] = Outcome()
        self._attempt = self._new_attempt(invite, flow, options)
        # Every attempt of which something may still come, the last one at the end.
        self._attempts = [self._attempt]

    def _new_attempt(
        self, invite: Request, flow: IFlow, options: InviteOptions
    ) -> DialogSetDriver:
        return DialogSetDriver(
            self._endpoint,
            invite,
            flow,
            options,
            self._opener,
            self._modifiers,
            self._reporter,
            self,
        )

    # For the application

    def __repr__(self) -> str:
        return f"<Invitation {self.call_id} to {self.target} {self.state}>"

    @property
    def state(self) -> str:
        """One of the five states of `sipuac.dialog.session_state`."""
        return self._attempt.state.value

    @property
    def sessions(self) -> dict[str, Session]:
        """The calls that stand or stood, by To tag; several under `keep-all`."""
        return self._attempt.sessions

    @property
    def events(self) -> deque[CallEvent]:
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
        """Every branch and its fate, in the order in which they showed."""
        return self._attempt.branches

    def cancel(self, message: str = "cancelled by the caller") -> None:
        """End the attempt or the call in whichever way is right, and do not wait.

        Before the 2xx: one CANCEL, as soon as a provisional response has come. After
        it: BYE, on the call and on every early dialog that is left.
        """
        self._endpoint.submit(self._cancel, message)

    def _cancel(self, message: str) -> None:
        self._attempt.hang_up(message)

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
        try:
            self._attempt.start()
        except (LocalProtocolError, TransportFailed) as error:
            started.errback(error)
            return
        started.callback(None)

    def request_received(
        self, request: Request, transaction: ServerTransaction
    ) -> None:
        """The callee sends a request in one of the dialogs."""
        tag = request.from_tag or ""
        known = (one for one in reversed(self._attempts) if one.has_branch(tag))
        attempt = next(known, self._attempt)
        attempt.request_received(request, transaction)

    def stray_success(self, response: Response) -> bool:
        """A 2xx came that no transaction passes up any more.

        Returns:
            Whether it answers an INVITE of this call.

        Raises:
            ParseError: Its Via cannot be read.
        """
        return any(attempt.stray_success(response) for attempt in self._attempts)

    def stop(self) -> None:
        """The endpoint is going: close and free everything, send nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        for attempt in self._attempts:
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
        self._opener.close()
        self._fail(error, response)

    def _fail(self, error: SipError, response: Response | None) -> None:
        final = response
        if final is None and isinstance(error, CallFailed):
            final = error.response
        status = None if final is None else final.status
        self._reporter.report(Failed(type(error).__name__, status, str(error)))
        if isinstance(error, Redirected) and response is not None:
            self._reporter.tell("redirect", response, error.contacts)
        else:
            self._reporter.tell("reject", error)
        self._final.fail(error)
        self._established.fail(error)

    def invite_resolved(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""
        if all(one.is_resolved for one in self._attempts):
            self._done.succeed(None)

    def invite_forgotten(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""
        self._attempts.remove(attempt)
        if not self._attempts:
            self._opener.close()
            self._forget(self)
