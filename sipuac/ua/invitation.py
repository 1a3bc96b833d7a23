"""One INVITE of ours and all that comes of it.

An `Invitation` drives a `DialogSet`: it feeds it what happens, performs what it asks
for, and tells the application.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog import effects
from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.events import (
    Established,
    Failed,
    ProtocolWarning,
)
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    CallFailed,
    LocalProtocolError,
    Redirected,
    TransportFailed,
    Unreachable,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.branch_report import BranchReport, report_of
from sipuac.ua.call_media import CallMedia, Modifier
from sipuac.ua.call_report import CallReport, Observer
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import ClientTransaction, Endpoint, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IClientTransactionUser, IInviteDelegate
from sipuac.ua.outcome import Outcome
from sipuac.ua.session import Session
from sipuac.ua.timer_queue import QueuedTimer
from sipuac.ua.transaction_driver import has_our_via

# No To tag, as those are tokens: the way of a CANCEL whose connection broke.
_WAY_OF_CANCEL = " cancel"


@implementer(IClientTransactionUser)
class Invitation:
    """One INVITE and the calls that come of it; made by `Inviter.invite`.

    Attributes:
        target: The URI that is called, as text.
        call_id, from_tag: The identity of the attempt.
        sessions: The calls that stand or stood, by To tag; several under `keep-all`.
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
        outgoing: Sequence[Modifier] = (),
        incoming: Sequence[Modifier] = (),
        delegate: IInviteDelegate | None = None,
        observers: Sequence[Observer] = (),
        asked_at: float | None = None,
        forget: Callable[[Invitation], None],
    ) -> None:
        self.target = invite.uri_text
        self.call_id = invite.call_id
        self.from_tag = invite.from_tag or ""
        self.sessions: dict[str, Session] = {}
        self._endpoint = endpoint
        self._clock = endpoint.clock
        self._reporter = CallReport(
            endpoint.clock,
            self.call_id,
            self.from_tag,
            endpoint.clock.seconds() if asked_at is None else asked_at,
            observers,
            delegate,
        )
        self._hop = invite.routes[0].uri if invite.routes else invite.uri
        self._set = DialogSet(invite, options)
        self._flow = flow
        self._flows = DialogFlows(endpoint, flow, is_secure=_is_secure(invite))
        self._media = CallMedia(
            offer,
            factory,
            outgoing,
            incoming,
            made=self._made,
            applied=self._applied,
            refused=self._refused,
        )
        self._forget = forget
        self._transaction: ClientTransaction | None = None
        self._sent: Request | None = None
        self._is_stopped = False
        self._requests: dict[int, ServerTransaction] = {}
        self._timers: dict[str, QueuedTimer] = {}
        self._final: Outcome[Response] = Outcome(self.cancel)
        self._established: Outcome[Session] = Outcome(self.cancel)
        self._done: Outcome[None] = Outcome()

    # For the application

    def __repr__(self) -> str:
        return f"<Invitation {self.call_id} to {self.target} {self.state}>"

    @property
    def state(self) -> str:
        """One of the five states of `sipuac.dialog.session_state`."""
        if self._is_stopped:
            return SessionState.TERMINATED.value
        return self._set.session.state.value

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
        return [report_of(branch) for branch in self._set.branches.values()]

    def cancel(self, message: str = "cancelled by the caller") -> None:
        """End the attempt or the call in whichever way is right, and do not wait.

        Before the 2xx: one CANCEL, as soon as a provisional response has come. After
        it: BYE, on the call and on every early dialog that is left.
        """
        self._endpoint.submit(self._run, self._set.hang_up, message)

    def hangup(self) -> Deferred[None]:
        """As `cancel`; fires when every branch has met its fate."""
        self.cancel()
        return self.done

    def bye(self, to_tag: str) -> None:
        """End this one dialog by BYE; on an early one, the INVITE goes on."""
        self._endpoint.submit(self._run, self._set.end_branch, to_tag)

    # For sessions and the inviter

    def session_state(self, to_tag: str) -> SessionState:
        """The state of the session of this branch."""
        branch = self._set.branches.get(to_tag)
        if branch is None or branch.session is None or self._is_stopped:
            return SessionState.TERMINATED
        return branch.session.state

    def end_session(self, to_tag: str) -> None:
        """BYE the session of this branch; the last one also ends what still rings."""
        self.bye(to_tag)

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
            self._transaction = self._endpoint.start_client(
                self._set.invite, self._flow, self
            )
        except (LocalProtocolError, TransportFailed) as error:
            started.errback(error)
            return
        self._sent = self._transaction.request
        self._run(self._set.sent)
        started.callback(None)

    def request_received(
        self, request: Request, transaction: ServerTransaction
    ) -> None:
        """The callee sends a request in one of the dialogs."""
        self._requests[id(request)] = transaction
        try:
            self._run(self._set.request_received, request)
        finally:
            self._requests.pop(id(request), None)

    def stray_success(self, response: Response) -> bool:
        """A 2xx came that no transaction passes up any more.

        Returns:
            Whether it answers this INVITE.

        Raises:
            ParseError: Its Via cannot be read.
        """
        sent = self._sent
        if sent is None or response.from_tag != self.from_tag:
            return False
        if response.branch != sent.branch or not has_our_via(response, sent):
            return False
        self._run(self._set.response_received, response)
        return True

    def stop(self) -> None:
        """The endpoint is going: close and free everything, send nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None
        self._free()
        for to_tag in list(self.sessions):
            self._end_session(effects.EndSession(to_tag, "local"))
        if not self._established.is_set:
            error = CallFailed("the service was stopped")
            self._reporter.report(Failed(type(error).__name__, None, str(error)))
            self._reporter.tell("reject", error)
            self._final.fail(error)
            self._established.fail(error)
        self._done.succeed(None)

    def _free(self) -> None:
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()
        self._flows.stop()
        self._media.close_all()

    # From the INVITE transaction

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self._run(self._set.response_received, response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        self._run(self._set.failed, error)

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self._transaction = None

    # Performing

    def _run(
        self, method: Callable[..., list[effects.Effect]], *arguments: Any
    ) -> None:
        if self._is_stopped:
            return
        for effect in method(*arguments):
            _PERFORMERS[type(effect)](self, effect)

    def _start_timer(self, effect: StartTimer) -> None:
        self._stop_timer(StopTimer(effect.timer))
        self._timers[effect.timer] = self._endpoint.start_timer(
            effect.seconds, self._fire, effect.timer
        )

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._run(self._set.fire, name)

    def _stop_timer(self, effect: StopTimer) -> None:
        running = self._timers.pop(effect.timer, None)
        if running is not None:
            running.stop()

    def _send_ack(self, effect: effects.SendAck) -> None:
        self._flows.send_ack(
            effect.branch, effect.ack, effect.next_hop, self._ack_refused
        )

    def _repeat_ack(self, effect: effects.RepeatAck) -> None:
        self._flows.repeat_ack(effect.branch, self._ack_refused)

    def _ack_refused(self, error: Unreachable) -> None:
        self._endpoint.counters["acks-undeliverable"] += 1
        self._reporter.report(ProtocolWarning(f"the ACK could not be sent: {error}"))

    def _send_in_dialog(self, effect: effects.SendInDialog) -> None:
        number = effect.number

        def finished(result: Response | Unreachable) -> None:
            self._endpoint.submit(self._run, self._set.request_finished, number, result)

        def send(flow: IFlow) -> None:
            sent = self._endpoint.request(effect.request, flow)
            sent.addCallbacks(finished, failed)

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            error = failure.value
            if not isinstance(error, Unreachable):
                error = TransportFailed(str(error))
            finished(error)

        def refused(error: Unreachable) -> None:
            self._reporter.report(
                ProtocolWarning(f"{effect.request.method} could not be sent: {error}")
            )
            finished(error)

        self._flows.send(effect.branch, effect.next_hop, send, refused)

    def _send_cancel(self, effect: effects.SendCancel) -> None:
        transaction = self._transaction
        if transaction is None:
            return

        def send(flow: IFlow) -> None:
            # Whatever answers the CANCEL, the INVITE ends by its own final response
            # (9.1).
            transaction.cancel(effect.headers, flow).addErrback(failed)

        def failed(failure: Failure) -> None:
            failure.trap(Unreachable, LocalProtocolError)
            refused(failure.value)

        def refused(error: BaseException | None) -> None:
            self._reporter.report(
                ProtocolWarning(f"the CANCEL was not answered: {error}")
            )

        if self._flow.is_open:
            send(self._flow)
        else:
            # The connection broke, but the phones go on ringing.
            self._flows.send(_WAY_OF_CANCEL, self._hop, send, refused)

    def _abandon(self, effect: effects.AbandonInvite) -> None:
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None

    def _reply(self, effect: effects.Reply) -> None:
        self._requests[id(effect.request)].respond(effect.response)

    def _apply_answer(self, effect: effects.ApplyAnswer) -> None:
        self._media.apply(effect.branch, effect.answer)

    def _move_media(self, effect: effects.MoveMedia) -> None:
        self._media.move(effect.from_branch, effect.branch, effect.answer)

    def _replace_answer(self, effect: effects.ReplaceAnswer) -> None:
        self._media.replace(effect.branch, effect.answer)

    def _close_media(self, effect: effects.CloseMedia) -> None:
        self._media.close(effect.branch)

    def _make_answer(self, effect: effects.MakeAnswer) -> None:
        self._media.answer(effect.branch, effect.offer)

    def _made(self, branch: str, answer: SessionDescription) -> None:
        self._endpoint.submit(self._run, self._set.answer_made, branch, answer)

    def _applied(self, branch: str) -> None:
        self._endpoint.submit(self._run, self._set.media_applied, branch)

    def _refused(self, branch: str, message: str) -> None:
        self._endpoint.submit(self._run, self._set.media_refused, branch, message)

    def _take(self, effect: effects.Take) -> None:
        self._final.succeed(effect.response)

    def _establish(self, effect: effects.Establish) -> None:
        session = Session(
            self,
            effect.branch,
            self._media.local_sdp(effect.branch),
            str(effect.remote),
            self._media.session_of(effect.branch),
            self._clock,
        )
        self.sessions[effect.branch] = session
        self._reporter.report(
            Established(effect.branch, session.local_sdp, session.remote_sdp)
        )
        self._reporter.tell("accept", session)
        self._established.succeed(session)

    def _end_session(self, effect: effects.EndSession) -> None:
        session = self.sessions.get(effect.branch)
        if session is not None and not session.is_over:
            ended = session.ended_as(effect.by, effect.reason)
            self._reporter.report(ended)
            session.set_ended(ended)

    def _fail_invite(self, effect: effects.FailInvite) -> None:
        error = effect.error
        response = effect.response
        if response is None and isinstance(error, CallFailed):
            response = error.response
        status = None if response is None else response.status
        self._media.close_offer()
        self._reporter.report(Failed(type(error).__name__, status, str(error)))
        if isinstance(error, Redirected) and effect.response is not None:
            self._reporter.tell("redirect", effect.response, error.contacts)
        else:
            self._reporter.tell("reject", error)
        self._final.fail(error)
        self._established.fail(error)

    def _resolved(self, effect: effects.Resolved) -> None:
        self._done.succeed(None)

    def _be_forgotten(self, effect: effects.Forget) -> None:
        self._free()
        self._forget(self)

    def _progress(self, effect: effects.Progress) -> None:
        method = "trying" if effect.response.status == 100 else "progress"
        self._reporter.tell(method, effect.response)

    def _perform_report(self, effect: effects.Report) -> None:
        self._reporter.report(effect.event)


def _is_secure(invite: Request) -> bool:
    return getattr(invite.uri, "is_secure", False)


_PERFORMERS: dict[type, Callable[[Invitation, Any], None]] = {
    StartTimer: Invitation._start_timer,
    StopTimer: Invitation._stop_timer,
    effects.SendAck: Invitation._send_ack,
    effects.RepeatAck: Invitation._repeat_ack,
    effects.SendInDialog: Invitation._send_in_dialog,
    effects.SendCancel: Invitation._send_cancel,
    effects.AbandonInvite: Invitation._abandon,
    effects.Reply: Invitation._reply,
    effects.ApplyAnswer: Invitation._apply_answer,
    effects.MakeAnswer: Invitation._make_answer,
    effects.ReplaceAnswer: Invitation._replace_answer,
    effects.MoveMedia: Invitation._move_media,
    effects.CloseMedia: Invitation._close_media,
    effects.Report: Invitation._perform_report,
    effects.Progress: Invitation._progress,
    effects.Take: Invitation._take,
    effects.Establish: Invitation._establish,
    effects.EndSession: Invitation._end_session,
    effects.FailInvite: Invitation._fail_invite,
    effects.Resolved: Invitation._resolved,
    effects.Forget: Invitation._be_forgotten,
}
