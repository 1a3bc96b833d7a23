"""One INVITE transaction of ours and the dialogs that it made, at work.

A `DialogSetDriver` feeds a `DialogSet` what happens and performs what it asks for, in
order. It knows one INVITE only; what a call is that may take several of them, one after
the other, stands in `invitation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog import effects
from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.events import Established, ProtocolWarning
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import LocalProtocolError, Unreachable
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.attempts import NextAttempt
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.branch_report import BranchReport, report_of
from sipuac.ua.call_media import CallMedia, Modifiers
from sipuac.ua.call_report import CallReport
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.dialog_requests import DialogRequests
from sipuac.ua.endpoint import ClientTransaction, Endpoint, ServerTransaction
from sipuac.ua.interfaces import IClientTransactionUser, IDialogSetUser
from sipuac.ua.invite_request import is_secure_call, next_hop
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.session import Session
from sipuac.ua.timer_queue import QueuedTimer
from sipuac.ua.transaction_driver import has_our_via

# No To tag, as those are tokens: the way of a CANCEL whose connection broke.
_WAY_OF_CANCEL = " cancel"


@implementer(IClientTransactionUser)
class DialogSetDriver:
    """One INVITE and its dialogs.

    Args:
        endpoint: Carries it.
        attempt: The INVITE, and where it goes.
        options: What was asked of it.
        opener: Opens the media of its branches.
        modifiers: Applied to our answers and to what the callees describe.
        reporter: Told what happens.
        authenticator: Answers challenges in its dialogs; None for nobody.
        user: Told what becomes of it.

    Attributes:
        attempt: The INVITE, and where it goes.
        invite: The INVITE, without Via.
        flow: What it goes over.
        sessions: The calls that stand or stood, by To tag; several under `keep-all`.
        is_resolved: Whether every branch that is known has met its fate.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        attempt: NextAttempt,
        options: InviteOptions,
        opener: MediaOpener,
        modifiers: Modifiers,
        reporter: CallReport,
        authenticator: Authenticator | None,
        user: IDialogSetUser,
    ) -> None:
        self.attempt = attempt
        self.invite = invite = attempt.invite
        self.flow = flow = attempt.flow
        self.sessions: dict[str, Session] = {}
        self.is_resolved = False
        self._endpoint = endpoint
        self._reporter = reporter
        self._user = user
        self._set = DialogSet(invite, options)
        self._flows = DialogFlows(endpoint, flow, is_secure=is_secure_call(invite))
        self._authenticator = authenticator
        self._dialog_requests = DialogRequests(
            endpoint,
            self._flows,
            authenticator,
            reporter.report,
            self._request_finished,
            self._request_challenged,
        )
        self._media = CallMedia(
            opener,
            modifiers,
            made=self._made,
            applied=self._applied,
            refused=self._refused,
        )
        self._transaction: ClientTransaction | None = None
        self._sent: Request | None = None
        self._is_stopped = False
        self._requests: dict[int, ServerTransaction] = {}
        self._timers: dict[str, QueuedTimer] = {}

    # For the invitation and its sessions

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.invite.call_id

    @property
    def state(self) -> SessionState:
        """The state of the session that the INVITE is for."""
        if self._is_stopped:
            return SessionState.TERMINATED
        return self._set.session.state

    @property
    def branches(self) -> list[BranchReport]:
        """Every branch and its fate, in the order in which they showed."""
        return [report_of(branch) for branch in self._set.branches.values()]

    def has_branch(self, to_tag: str) -> bool:
        """Whether this INVITE made a dialog with this tag of the callee."""
        return to_tag in self._set.branches

    def session_state(self, to_tag: str) -> SessionState:
        """The state of the session of this branch."""
        branch = self._set.branches.get(to_tag)
        if branch is None or branch.session is None or self._is_stopped:
            return SessionState.TERMINATED
        return branch.session.state

    def start(self) -> None:
        """Send the INVITE; an input, as the four that follow.

        Raises:
            LocalProtocolError: There are too many transactions.
            TransportFailed: There is no way for the flow.
        """
        self._transaction = self._endpoint.start_client(self.invite, self.flow, self)
        self._sent = self._transaction.request
        self._run(self._set.sent)

    def hang_up(self, message: str) -> None:
        """End everything in whichever way is right."""
        self._run(self._set.hang_up, message)

    def end_branch(self, to_tag: str) -> None:
        """End this one dialog by BYE; on an early one, the INVITE goes on."""
        self._run(self._set.end_branch, to_tag)

    def end_session(self, to_tag: str) -> None:
        """BYE the session of this branch, when the inputs before it are done.

        The last one also ends what still rings.
        """
        self._endpoint.submit(self.end_branch, to_tag)

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
        if sent is None or response.from_tag != sent.from_tag:
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

    def _free(self) -> None:
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()
        self._dialog_requests.stop()
        self._flows.stop()
        self._media.close_all()

    # From the INVITE transaction

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self.attempt.servers.response_received(response)
        if self._authenticator is not None and self._sent is not None:
            self._authenticator.learn(self._sent, response)
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
        self._dialog_requests.send(effect)

    def _request_finished(self, number: int, result: Response | Unreachable) -> None:
        self._endpoint.submit(self._run, self._set.request_finished, number, result)

    def _request_challenged(
        self, number: int, request: Request, credentials: Sequence[tuple[str, str]]
    ) -> None:
        again = self._set.request_challenged
        self._endpoint.submit(self._run, again, number, request, credentials)

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

        if self.flow.is_open:
            send(self.flow)
        else:
            # The connection broke, but the phones go on ringing.
            hop = next_hop(self.invite)
            self._flows.send(_WAY_OF_CANCEL, hop, send, refused)

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
        self._user.call_taken(effect.response)

    def _establish(self, effect: effects.Establish) -> None:
        session = Session(
            self,
            effect.branch,
            self._media.local_sdp(effect.branch),
            str(effect.remote),
            self._media.session_of(effect.branch),
            self._endpoint.clock,
        )
        self.sessions[effect.branch] = session
        self._reporter.report(
            Established(effect.branch, session.local_sdp, session.remote_sdp)
        )
        self._reporter.tell("accept", session)
        self._user.call_stands(session)

    def _end_session(self, effect: effects.EndSession) -> None:
        session = self.sessions.get(effect.branch)
        if session is not None and not session.is_over:
            ended = session.ended_as(effect.by, effect.reason)
            self._reporter.report(ended)
            session.set_ended(ended)

    def _fail_invite(self, effect: effects.FailInvite) -> None:
        self._user.invite_failed(self, effect.error, effect.response)

    def _resolved(self, effect: effects.Resolved) -> None:
        self.is_resolved = True
        self._user.invite_resolved(self)

    def _be_forgotten(self, effect: effects.Forget) -> None:
        self._free()
        self._user.invite_forgotten(self)

    def _progress(self, effect: effects.Progress) -> None:
        method = "trying" if effect.response.status == 100 else "progress"
        self._reporter.tell(method, effect.response)

    def _perform_report(self, effect: effects.Report) -> None:
        self._reporter.report(effect.event)


_PERFORMERS: dict[type, Callable[[DialogSetDriver, Any], None]] = {
    StartTimer: DialogSetDriver._start_timer,
    StopTimer: DialogSetDriver._stop_timer,
    effects.SendAck: DialogSetDriver._send_ack,
    effects.RepeatAck: DialogSetDriver._repeat_ack,
    effects.SendInDialog: DialogSetDriver._send_in_dialog,
    effects.SendCancel: DialogSetDriver._send_cancel,
    effects.AbandonInvite: DialogSetDriver._abandon,
    effects.Reply: DialogSetDriver._reply,
    effects.ApplyAnswer: DialogSetDriver._apply_answer,
    effects.MakeAnswer: DialogSetDriver._make_answer,
    effects.ReplaceAnswer: DialogSetDriver._replace_answer,
    effects.MoveMedia: DialogSetDriver._move_media,
    effects.CloseMedia: DialogSetDriver._close_media,
    effects.Report: DialogSetDriver._perform_report,
    effects.Progress: DialogSetDriver._progress,
    effects.Take: DialogSetDriver._take,
    effects.Establish: DialogSetDriver._establish,
    effects.EndSession: DialogSetDriver._end_session,
    effects.FailInvite: DialogSetDriver._fail_invite,
    effects.Resolved: DialogSetDriver._resolved,
    effects.Forget: DialogSetDriver._be_forgotten,
}
