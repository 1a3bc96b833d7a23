"""One INVITE transaction of ours and the dialogs that it made, at work.

A `DialogSetDriver` feeds a `DialogSet` what happens and performs what it asks for, in
order. It knows one INVITE only; what a call is that may take several of them, one after
the other, stands in `invitation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from sipuac.dialog import effects
from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.events import Established, SessionModified
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import ParseError, SessionNotModified, Unreachable
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.ua.attempts import NextAttempt
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.branch_report import BranchReport, report_of
from sipuac.ua.call_report import CallReport
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.dialog_set_parts import DialogSetParts
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.interfaces import IClientTransactionUser, IDialogSetUser
from sipuac.ua.invite_request import is_secure_call
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.media_work import Modifiers
from sipuac.ua.remains import Keeper, Remains
from sipuac.ua.sent_invite import SentInvite
from sipuac.ua.session import Session
from sipuac.ua.timer_queue import QueuedTimer

Rows = tuple[tuple[str, str], ...]


@implementer(IClientTransactionUser)
class DialogSetDriver(DialogSetParts):
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
        late_flows: Where all calls of the INVITE are over, and a fork has answered
            late: the ways of its dialogs. Nothing is wanted then.

    Attributes:
        attempt: The INVITE, and where it goes.
        invite: The INVITE, without Via.
        flow: What it goes over.
        late: Has the dialogs of forks that answered when all calls were over.
        reporter: Told what happens.
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
        late_flows: DialogFlows | None = None,
    ) -> None:
        self.attempt = attempt
        self.invite = invite = attempt.invite
        self.flow = flow = attempt.flow
        self.sessions: dict[str, Session] = {}
        self.is_resolved = False
        self._user = user
        self._options = options
        offer = opener.offer
        description = None if offer is None else offer.description
        self._set = DialogSet(invite, options, endpoint.chance, description)
        flows = late_flows
        if flows is None:
            is_secure = is_secure_call(invite)
            flows = DialogFlows(endpoint, flow, is_secure=is_secure)
        else:
            self._set.be_over()
        super().__init__(endpoint, flows, opener, modifiers, reporter, authenticator)
        self._invite = SentInvite(endpoint, invite, flow, flows, reporter)
        self._is_stopped = False
        self._is_over = False
        self._timers: dict[str, QueuedTimer] = {}
        # Until when a 2xx may come, in seconds of the clock.
        self._lingers_until = 0.0
        self._reports: tuple[BranchReport, ...] | None = None
        self.late: DialogSetDriver | None = None

    # For the invitation and its sessions

    @property
    def state(self) -> SessionState:
        """The state of the session that the INVITE is for."""
        if self._is_stopped:
            return SessionState.TERMINATED
        return self._set.session.state

    @property
    def branches(self) -> list[BranchReport]:
        """Every branch and its fate, in the order in which they showed."""
        reports = self._reports
        if reports is None:
            return [report_of(branch) for branch in self._set.branches.values()]
        if self.late is None:
            return list(reports)
        # A branch that was over may have answered after all.
        found = {report.to_tag: report for report in (*reports, *self.late.branches)}
        return list(found.values())

    def has_branch(self, to_tag: str) -> bool:
        """Whether this INVITE made a dialog with this tag of the callee."""
        return not self._is_stopped and to_tag in self._set.branches

    def session_state(self, to_tag: str) -> SessionState:
        """The state of the session of this branch."""
        branch = None if self._is_stopped else self._set.branches.get(to_tag)
        if branch is None or branch.session is None:
            return SessionState.TERMINATED
        return branch.session.state

    def start(self) -> None:
        """Send the INVITE; an input, as the four that follow.

        Raises:
            LocalProtocolError: There are too many transactions.
            TransportFailed: There is no way for the flow.
        """
        self._invite.start(self)
        self._run(DialogSet.sent)

    def hang_up(self, message: str) -> None:
        """End everything in whichever way is right."""
        self._run(DialogSet.hang_up, message)

    def end_branch(self, to_tag: str) -> None:
        """End this one dialog by BYE; on an early one, the INVITE goes on."""
        self._run(DialogSet.end_branch, to_tag)

    def end_session(self, to_tag: str) -> None:
        """BYE the session of this branch, when the inputs before it are done.

        The last one also ends what still rings.
        """
        self._endpoint.submit(self.end_branch, to_tag)

    def modify_session(self, to_tag: str, is_held: bool | None) -> Deferred[None]:
        """Offer the session of this branch anew; see `Session.hold`."""
        return self._ask(DialogSet.modify, to_tag, is_held)

    def refresh_session(self, to_tag: str) -> Deferred[None]:
        """Refresh the session of this branch; see `Session.refresh`."""
        return self._ask(DialogSet.refresh, to_tag)

    def request_in_session(
        self, to_tag: str, method: str, headers: Rows, body: bytes
    ) -> Deferred[Response]:
        """Send a request in the dialog of this branch; see `Session.request`."""
        return self._ask(DialogSet.send_request, to_tag, method, headers, body)

    def _ask(
        self,
        method: Callable[..., list[effects.Effect]],
        to_tag: str,
        *arguments: object,
    ) -> Deferred[Any]:
        token, waiting = self.asked.begin()
        if self._is_over:
            self.asked.fail_all(SessionNotModified("the call is over"))
        else:
            self._endpoint.submit(self._run, method, to_tag, token, *arguments)
        return waiting

    def request_received(
        self, request: Request, transaction: ServerTransaction | None
    ) -> None:
        """The callee sends a request in one of the dialogs.

        Without a transaction it is an ACK or CANCEL, which are answered already.
        """
        if request.method == "CANCEL":
            self._run(DialogSet.cancel_received, request)
            return
        if transaction is not None:
            self.peer_transactions.keep(request, transaction)
        try:
            self._run(DialogSet.request_received, request)
        except ParseError:
            self.peer_transactions.drop(request)
            raise

    def stray_success(self, response: Response) -> bool:
        """A 2xx came that no transaction passes up any more.

        Returns:
            Whether it answers this INVITE.

        Raises:
            ParseError: Its Via cannot be read.
        """
        if not self._invite.is_answered_by(response):
            return False
        self._run(DialogSet.response_received, response)
        return True

    def late_success(self, response: Response) -> None:
        """A 2xx came of a fork that nobody knew, when all calls were over."""
        self._run(DialogSet.response_received, response)

    def stop(self) -> None:
        """The endpoint is going: close and free everything, send nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._invite.abandon()
        self._flows.stop()
        self._free()
        for to_tag in list(self.sessions):
            self._end_session(effects.EndSession(to_tag, "local"))

    def _free(self) -> None:
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()
        self._is_over = True
        self.stop_parts()

    def _leave(self) -> None:
        """All calls are over: for what may still come, `Remains` are enough."""
        user = self._let_go()
        waiting = self._lingers_until - self._endpoint.clock.seconds()
        user.invite_left(self, max(0.0, waiting))

    def _let_go(self) -> IDialogSetUser:
        """All is over; what is reported of the branches stays.

        Nothing that is left leads back to the rest of the call, so that this goes at
        once, and not when the garbage collector finds it.
        """
        self._reports = tuple(self.branches)
        self._is_stopped = True
        self._free()
        for session in self.sessions.values():
            session.leave()
        user = self._user
        self._set.dissolve()
        del self._user
        self.drop_parts()
        return user

    def remains(self, seconds: float, keeper: Keeper) -> Remains:
        """What a 2xx needs that comes within so many seconds; once, when left."""
        remains = Remains(
            self._endpoint,
            self._invite.sent or self.invite,
            self.flow,
            self._options,
            self,
            self._authenticator,
            self._flows,
            seconds,
            keeper,
        )
        self._invite.hand_over(remains)
        return remains

    # From the INVITE transaction

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        self.attempt.servers.response_received(response)
        if self._authenticator is not None and self._invite.sent is not None:
            self._authenticator.learn(self._invite.sent, response)
        self._run(DialogSet.response_received, response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""
        self._run(DialogSet.failed, error)

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""
        self._invite.terminated()

    # Performing

    def _run(
        self, method: Callable[..., list[effects.Effect]], *arguments: Any
    ) -> None:
        """Tell the dialog set by this method of it, and do as it asks."""
        if self._is_stopped:
            return
        for effect in method(self._set, *arguments):
            _PERFORMERS[type(effect)](self, effect)
        if self.is_resolved and not self._is_stopped and self._set.can_be_left:
            self._leave()

    def _start_timer(self, effect: StartTimer) -> None:
        if effect.timer in self._timers:
            self._stop_timer(effect)
        if effect.timer == DialogTimer.LINGER:
            self._lingers_until = self._endpoint.clock.seconds() + effect.seconds
        self._timers[effect.timer] = self._endpoint.start_timer(
            effect.seconds, self._fire, effect.timer
        )

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._run(DialogSet.fire, name)

    def _stop_timer(self, effect: StartTimer | StopTimer) -> None:
        running = self._timers.pop(effect.timer, None)
        if running is not None:
            running.stop()

    def _request_finished(self, number: int, result: Response | Unreachable) -> None:
        self._endpoint.submit(self._run, DialogSet.request_finished, number, result)

    def _request_challenged(
        self, number: int, request: Request, credentials: Sequence[tuple[str, str]]
    ) -> None:
        again = DialogSet.request_challenged
        self._endpoint.submit(self._run, again, number, request, credentials)

    def _reinvite_responded(self, number: int, response: Response) -> None:
        self._run(DialogSet.reinvite_response, number, response)

    def _reinvite_failed(self, number: int, error: Unreachable) -> None:
        self._run(DialogSet.reinvite_failed, number, error)

    def _apply_answer(
        self, effect: effects.ApplyAnswer | effects.ReplaceAnswer
    ) -> None:
        self.media.apply(effect.branch, effect.answer)

    def _move_media(self, effect: effects.MoveMedia) -> None:
        self.media.move(effect.from_branch, effect.branch, effect.answer)

    def _close_media(self, effect: effects.CloseMedia) -> None:
        self.media.close(effect.branch)

    def _make_answer(self, effect: effects.MakeAnswer) -> None:
        self.media.answer(effect.branch, effect.offer)

    def _make_offer(self, effect: effects.MakeOffer) -> None:
        self.media.offer(effect.branch, effect.is_held)

    def _make_fresh_offer(self, effect: effects.MakeFreshOffer) -> None:
        self.media.fresh_offer(effect.branch)

    def _roll_back(self, effect: effects.Rollback) -> None:
        self.media.rollback(effect.branch)

    # From the media

    def made(self, branch: str, answer: SessionDescription) -> None:
        """See `MediaUser`."""
        self._endpoint.submit(self._run, DialogSet.answer_made, branch, answer)

    def offered(self, branch: str, offer: SessionDescription) -> None:
        """See `MediaUser`."""
        self._endpoint.submit(self._run, DialogSet.offer_made, branch, offer)

    def applied(self, branch: str) -> None:
        """See `MediaUser`."""
        self._endpoint.submit(self._run, DialogSet.media_applied, branch)

    def refused(self, branch: str, message: str) -> None:
        """See `MediaUser`."""
        self._endpoint.submit(self._run, DialogSet.media_refused, branch, message)

    # What becomes of it

    def _take(self, effect: effects.Take) -> None:
        self._user.call_taken(effect.response)

    def _establish(self, effect: effects.Establish) -> None:
        local = effect.local
        session = Session(
            self,
            effect.branch,
            self.media.local_sdp(effect.branch) if local is None else str(local),
            effect.remote,
            self.media.session_of(effect.branch),
            self._endpoint.clock,
        )
        self.sessions[effect.branch] = session
        self.reporter.report(
            Established(effect.branch, session.local_sdp, session.remote_sdp)
        )
        self.reporter.tell("accept", session)
        self._user.call_stands(session)

    def _modified(self, effect: effects.Modified) -> None:
        session = self.sessions.get(effect.branch)
        if session is not None:
            session.set_modified(effect.local, effect.remote, effect.is_held)

    def _deliver(self, effect: effects.DeliverRequest) -> None:
        session = self.sessions.get(effect.branch)
        self.reporter.tell("request_received", session, effect.request)

    def _request_done(self, effect: effects.RequestDone) -> None:
        self.asked.done(effect.token, effect.result)

    def _end_session(self, effect: effects.EndSession) -> None:
        session = self.sessions.get(effect.branch)
        if session is not None and not session.is_over:
            ended = session.ended_as(effect.by, effect.reason)
            self.reporter.report(ended)
            session.set_ended(ended)

    def _fail_invite(self, effect: effects.FailInvite) -> None:
        self._user.invite_failed(self, effect.error, effect.response)

    def _resolved(self, effect: effects.Resolved) -> None:
        self.is_resolved = True
        self._user.invite_resolved(self)

    def _be_forgotten(self, effect: effects.Forget) -> None:
        self._flows.finish()
        self._let_go().invite_forgotten(self)

    def _progress(self, effect: effects.Progress) -> None:
        method = "trying" if effect.response.status == 100 else "progress"
        self.reporter.tell(method, effect.response)

    def _perform_report(self, effect: effects.Report) -> None:
        self.reporter.report(effect.event)
        if isinstance(effect.event, SessionModified):
            session = self.sessions[effect.event.to_tag]
            self.reporter.tell("modified", session, self.reporter.events[-1])


_Performer = Callable[[DialogSetDriver, Any], None]


def _part(path: str) -> _Performer:
    """A method of a part of the driver, which performs the effect."""
    find = attrgetter(path)

    def perform(driver: DialogSetDriver, effect: effects.Effect) -> None:
        find(driver)(effect)

    return perform


_PERFORMERS: dict[type, _Performer] = {
    StartTimer: DialogSetDriver._start_timer,
    StopTimer: DialogSetDriver._stop_timer,
    effects.SendAck: DialogSetDriver.send_ack,
    effects.RepeatAck: DialogSetDriver.repeat_ack,
    effects.ForgetAck: DialogSetDriver.forget_ack,
    effects.SendInDialog: _part("dialog_requests.send"),
    effects.SendReInvite: _part("reinvites.send"),
    effects.CancelReInvite: _part("reinvites.cancel"),
    effects.AbandonReInvite: _part("reinvites.abandon"),
    effects.SendCancel: _part("_invite.cancel"),
    effects.AbandonInvite: _part("_invite.abandon"),
    effects.Reply: _part("peer_transactions.reply"),
    effects.ApplyAnswer: DialogSetDriver._apply_answer,
    effects.MakeAnswer: DialogSetDriver._make_answer,
    effects.ReplaceAnswer: DialogSetDriver._apply_answer,
    effects.MoveMedia: DialogSetDriver._move_media,
    effects.MakeOffer: DialogSetDriver._make_offer,
    effects.MakeFreshOffer: DialogSetDriver._make_fresh_offer,
    effects.Rollback: DialogSetDriver._roll_back,
    effects.CloseMedia: DialogSetDriver._close_media,
    effects.Report: DialogSetDriver._perform_report,
    effects.Progress: DialogSetDriver._progress,
    effects.Take: DialogSetDriver._take,
    effects.Establish: DialogSetDriver._establish,
    effects.Modified: DialogSetDriver._modified,
    effects.DeliverRequest: DialogSetDriver._deliver,
    effects.RequestDone: DialogSetDriver._request_done,
    effects.EndSession: DialogSetDriver._end_session,
    effects.FailInvite: DialogSetDriver._fail_invite,
    effects.Resolved: DialogSetDriver._resolved,
    effects.Forget: DialogSetDriver._be_forgotten,
}
