"""All that one INVITE forked into: every dialog, and the one call that comes of it.

Events go in by the methods of `DialogSet`, each of which returns the effects to
perform. This file knows what each response means for the attempt as a whole; `forks`
knows which dialog has the media and what is done about the others; `branch` is one
dialog.
"""

from __future__ import annotations

from enum import Enum

from sipuac.dialog import outcome
from sipuac.dialog.branch import Branch, BranchEvent, BranchState, MediaState
from sipuac.dialog.dialog import Dialog
from sipuac.dialog.effects import (
    AbandonInvite,
    ApplyAnswer,
    CloseMedia,
    Effect,
    EndSession,
    Establish,
    FailInvite,
    Forget,
    Progress,
    RepeatAck,
    Reply,
    Report,
    Resolved,
    SendAck,
    SendCancel,
    SendInDialog,
    Take,
)
from sipuac.dialog.events import (
    Answered,
    Cancelling,
    EarlyDialogEnded,
    Event,
    ExtraEnded,
    InviteSent,
    ProtocolWarning,
    Provisional,
    RedirectedTo,
    Trying,
)
from sipuac.dialog.forks import Forks
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.peer_requests import answer_to
from sipuac.dialog.session_state import SessionEvent, SessionMachine, SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    CallFailed,
    Cancelled,
    MediaRefused,
    ParseError,
    RemoteProtocolError,
    SipError,
    TransactionTimeout,
    Unreachable,
)
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.difference import difference
from sipuac.syntax.message import Request, Response, response_to


class Phase(str, Enum):
    """How far the INVITE is."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    """A 2xx came; more may come for 64*T1."""
    COMPLETED = "completed"
    """It failed; a 2xx that still comes is acknowledged and ended."""
    FORGOTTEN = "forgotten"


class DialogSet:
    """The dialogs of one INVITE client transaction.

    Attributes:
        branches: Every dialog by its To tag, in the order in which they showed.
        phase: How far the INVITE is.
        session: The state of the session that comes of it.
        taken: The branch whose call was taken; None so far.
    """

    __slots__ = (
        "_closing",
        "_effects",
        "_failure",
        "_forks",
        "_has_failed",
        "_is_cancel_sent",
        "_is_resolved",
        "_linger_is_over",
        "_next_number",
        "_pending",
        "branches",
        "invite",
        "options",
        "phase",
        "session",
        "taken",
    )

    def __init__(self, invite: Request, options: InviteOptions) -> None:
        self.invite = invite
        self.options = options
        self.branches: dict[str, Branch] = {}
        self.phase = Phase.CALLING
        self.session = SessionMachine()
        self.taken: Branch | None = None
        self._forks = Forks(self)
        self._effects: list[Effect] = []
        self._closing: SipError | None = None
        self._failure: CallFailed | None = None
        self._has_failed = False
        self._is_cancel_sent = False
        self._is_resolved = False
        self._linger_is_over = False
        self._next_number = 0
        self._pending: dict[int, tuple[Branch, str]] = {}

    # What happens to it

    def sent(self) -> list[Effect]:
        """The INVITE was handed to the transport."""
        self.session.handle(SessionEvent.SENT)
        self.report(InviteSent())
        self.emit(StartTimer(DialogTimer.ANSWER, self.options.answer_timeout))
        return self._finish()

    def response_received(self, response: Response) -> list[Effect]:
        """A response that the INVITE transaction passes up, or a stray 2xx."""
        status = response.status
        if status == 100:
            self.report(Trying())
            self.emit(Progress(response))
            self._proceed()
        elif status < 200:
            self._provisional(response)
        elif status < 300:
            self._success(response)
        elif self.phase in (Phase.CALLING, Phase.PROCEEDING):
            self._rejected(response)
        return self._finish()

    def failed(self, error: Unreachable) -> list[Effect]:
        """The INVITE transaction has ended without a final response."""
        if self.phase in (Phase.CALLING, Phase.PROCEEDING):
            self._complete("timeout")
            self._fail(self._closing or error)
        return self._finish()

    def fire(self, timer: str) -> list[Effect]:
        """A timer that was asked for has run out."""
        if timer == DialogTimer.ANSWER:
            if self.phase in (Phase.CALLING, Phase.PROCEEDING):
                self._close(outcome.answer_timeout(self.options.answer_timeout))
        elif timer == DialogTimer.CANCEL:
            self._give_up_waiting()
        elif timer == DialogTimer.LINGER:
            self._linger_over()
        elif timer == DialogTimer.HOLD:
            self._forks.hold_is_over()
        elif timer == DialogTimer.GRACE:
            self._forks.grace_is_over()
        return self._finish()

    def hang_up(self, message: str = "cancelled by the caller") -> list[Effect]:
        """End the call in whichever way is right (RFC 3261 section 15).

        Before a 2xx that is CANCEL, sent once a provisional response has come; after
        one it is BYE on the call and on every other early dialog.
        """
        error = Cancelled(message)
        if self.phase in (Phase.CALLING, Phase.PROCEEDING):
            self._close(error)
        elif self.phase is Phase.ACCEPTED:
            if self.taken is not None:
                self._end_taken(self.taken, error)
                self._end_early_branches("The caller has hung up")
            elif not self._has_failed:
                self.fail_everything(error)
        return self._finish()

    def end_branch(self, tag: str) -> list[Effect]:
        """End this one dialog by BYE, as the application asks (RFC 3261 section 15).

        Before its 2xx that is BYE on the early dialog; the INVITE goes on.
        """
        branch = self.branches.get(tag)
        if branch is not None:
            if branch.state is BranchState.STANDING:
                self._end_taken(branch, Cancelled("cancelled by the caller"))
            elif branch.is_early:
                self.end_early(branch, "Ended by the caller")
                self._forks.lost(branch)
        return self._finish()

    def request_received(self, request: Request) -> list[Effect]:
        """The callee sends a request in one of the dialogs."""
        branch = self.branches.get(request.from_tag or "")
        if branch is None or request.to_tag != branch.dialog.local_tag:
            self.emit(Reply(request, response_to(request, 481)))
        elif request.method != "ACK":
            response = answer_to(branch.dialog, request)
            self.emit(Reply(request, response))
            if request.method == "BYE" and response.is_success:
                self._peer_ended(branch, request)
        return self._finish()

    def request_finished(self, number: int, response: Response | None) -> list[Effect]:
        """A request of ours in a dialog has its final response; None: it has none."""
        pending = self._pending.pop(number, None)
        if pending is not None:
            branch, method = pending
            if method == "BYE":
                self._bye_finished(branch, number, response)
            else:
                self._forks.probe_finished(branch, number, method, response)
        return self._finish()

    def media_applied(self, tag: str) -> list[Effect]:
        """The media of this branch has its answer."""
        branch = self.branches.get(tag)
        if branch is not None and branch.media is MediaState.APPLYING:
            branch.media = MediaState.APPLIED
            if branch.state is BranchState.STANDING:
                self._establish(branch)
            else:
                self._forks.early_media_runs(branch)
        return self._finish()

    def media_refused(self, tag: str, message: str) -> list[Effect]:
        """The media of this branch cannot take its answer."""
        branch = self.branches.get(tag)
        if branch is not None and branch.media is MediaState.APPLYING:
            self.close_media(branch)
            error = MediaRefused(f"the media refused the answer: {message}")
            branch.fate = "its answer was refused by the media"
            if branch.state is BranchState.STANDING:
                self._undo(branch, error, 488)
            else:
                self._failure = error
                self.report(ProtocolWarning(str(error), tag))
                self.end_early(branch, "Not acceptable here", 488)
                self._forks.lost(branch)
        return self._finish()

    # Provisional responses

    def _proceed(self) -> None:
        if self.phase is Phase.CALLING:
            self.phase = Phase.PROCEEDING
            if self._closing is not None:
                self._send_cancel()

    def _provisional(self, response: Response) -> None:
        tag = response.to_tag
        is_reliable = response.has_token("Require", "100rel")
        self.report(
            Provisional(response.status, response.reason, tag, reliable=is_reliable)
        )
        if is_reliable:
            message = "a reliable provisional response although 100rel was not offered"
            self.report(ProtocolWarning(message, tag))
        self.emit(Progress(response))
        self._proceed()
        if tag is None or self.phase is not Phase.PROCEEDING:
            return
        if response.status == 199:
            self._early_dialog_terminated(tag, response)
            return
        branch = self.branches.get(tag)
        is_new = branch is None
        if branch is None:
            branch = self._new_branch(tag)
            self._learn(branch, response)
        elif not branch.is_early:
            return
        else:
            self._learn(branch, response, is_known=True)
        branch.status = response.status
        if response.get("Allow") is not None:
            branch.allows_update = response.has_token("Allow", "UPDATE")
        has_brought = self._take_answer(branch, response)
        if self._closing is None:
            self._forks.progressed(branch, response, is_new, has_brought)

    def _new_branch(self, tag: str) -> Branch:
        dialog = Dialog(self.invite, tag or None)
        branch = Branch(tag, len(self.branches) + 1, dialog)
        self.branches[tag] = branch
        return branch

    def _learn(
        self, branch: Branch, response: Response, *, is_known: bool = False
    ) -> None:
        try:
            if is_known:
                branch.dialog.fill_target(response)
            else:
                branch.dialog.learn(response)
        except ParseError as error:
            message = f"Contact or Record-Route cannot be read: {error}"
            self.report(ProtocolWarning(message, branch.tag))
        branch.contact = response.get("Contact") or branch.contact

    def _early_dialog_terminated(self, tag: str, response: Response) -> None:
        """A 199: that early dialog ends, no other (RFC 6228 section 4)."""
        branch = self.branches.get(tag)
        if branch is not None and branch.is_early:
            code = next((str(r.cause) for r in response.reasons if r.cause), "unknown")
            branch.fate = f"ended by 199, status {code}"
            self._early_branch_gone(branch, "199")
            self._forks.lost(branch)

    def _take_answer(self, branch: Branch, response: Response) -> bool:
        """Take the first session description of a dialog as its answer (13.2.1).

        Returns:
            Whether this response brought it.
        """
        body = response.body
        content_type = response.content_type
        if not body or content_type is None or str(content_type) != "application/sdp":
            if body:
                self.report(
                    ProtocolWarning(f"a body of {content_type} is ignored", branch.tag)
                )
            return False
        try:
            description = SessionDescription.parse(body)
        except ParseError as error:
            message = f"the session description cannot be read: {error}"
            self.report(ProtocolWarning(message, branch.tag))
            return False
        if branch.answer is None:
            branch.answer = description
            return True
        changed = difference(branch.answer, description)
        if changed:
            # RFC 3261 13.2.1: the UAC "MUST treat the first session description it
            # receives as the answer, and MUST ignore any session descriptions in
            # subsequent responses to the initial INVITE."
            message = f"a later session description is ignored: {changed}"
            self.report(ProtocolWarning(message, branch.tag))
        return False

    # 2xx

    def _success(self, response: Response) -> None:
        tag = response.to_tag or ""
        branch = self.branches.get(tag)
        if branch is not None and branch.is_acked:
            self.emit(RepeatAck(tag))
            return
        is_new = branch is None
        if branch is None:
            branch = self._new_branch(tag)
        is_unwanted = branch.is_unwanted or self._closing is not None
        if self.phase is Phase.COMPLETED or self.phase is Phase.FORGOTTEN:
            is_unwanted = True
        self._accepted()
        has_target = branch.dialog.confirm(response)
        branch.contact = response.get("Contact") or branch.contact
        branch.status = response.status
        self._acknowledge(branch)
        if is_unwanted:
            self.release(branch, "The call is no longer wanted")
            if self._closing is not None:
                self._fail(self._closing)
            return
        self._take_answer(branch, response)
        if not has_target:
            error = RemoteProtocolError("the 2xx has no usable Contact")
            self._undo(branch, error, 400)
        elif branch.answer is None:
            self._undo(branch, outcome.no_description(response), 488)
        else:
            self._forks.answered(branch, response, is_new)

    def _accepted(self) -> None:
        if self.phase in (Phase.CALLING, Phase.PROCEEDING):
            self.phase = Phase.ACCEPTED
            self.emit(StopTimer(DialogTimer.ANSWER))
            self.emit(StopTimer(DialogTimer.CANCEL))
            self.emit(StartTimer(DialogTimer.LINGER, self.options.linger))

    def _acknowledge(self, branch: Branch) -> None:
        branch.handle(BranchEvent.CONFIRMED)
        dialog = branch.dialog
        self.emit(SendAck(branch.tag, dialog.ack(), dialog.next_hop()))

    def take(self, branch: Branch, response: Response) -> None:
        """The call is this one (a further one under `keep-all`)."""
        if self.taken is None:
            self.taken = branch
            branch.session = self.session
        else:
            branch.session = SessionMachine(SessionState.ESTABLISHING)
        branch.fate = "answered"
        self.report(Answered(response.status, branch.tag))
        self.emit(Take(branch.tag, response))

    def apply_answer(self, branch: Branch) -> None:
        """Give the branch's answer to the media, or go on if it has it already."""
        if branch.media is MediaState.APPLIED:
            if branch.state is BranchState.STANDING:
                self._establish(branch)
        elif branch.media is MediaState.NONE and branch.answer is not None:
            branch.media = MediaState.APPLYING
            self.emit(ApplyAnswer(branch.tag, branch.answer))

    def _establish(self, branch: Branch) -> None:
        if branch.session is not None and branch.answer is not None:
            branch.session.handle(SessionEvent.STANDS)
            branch.fate = "established"
            self.emit(Establish(branch.tag, branch.answer))

    def _undo(self, branch: Branch, error: SipError, cause: int) -> None:
        """A 2xx that cannot become a call: end it, and fail if no other can win."""
        was_kept = branch.session is not None and branch is not self.taken
        branch.fate = str(error)
        branch.session = None
        self.release(branch, "Not acceptable here", cause)
        if was_kept or (self.taken is not None and branch is not self.taken):
            self.report(ProtocolWarning(str(error), branch.tag))
            return
        self.taken = None
        self._forks.lost(branch)
        self._forks.fail_unless_another_can_win(error)

    # Failures and endings

    def _rejected(self, response: Response) -> None:
        self._complete("final")
        if response.status < 400:
            contacts = outcome.contacts_of(response)
            self.report(RedirectedTo(response.status, contacts))
        fates = "; ".join(f"{b.tag}: {b.fate}" for b in self.branches.values())
        error = outcome.failure(response, self._closing, self._failure, fates)
        self._fail(error, response)

    def _complete(self, by: str) -> None:
        """The INVITE is over without a 2xx: so is every early dialog (12.3)."""
        self.phase = Phase.COMPLETED
        for timer in (DialogTimer.ANSWER, DialogTimer.CANCEL):
            self.emit(StopTimer(timer))
        self._forks.stop()
        for branch in self.branches.values():
            if branch.is_early:
                branch.fate = f"{branch.fate}, over with the INVITE"
                self._early_branch_gone(branch, by)
        self.emit(StartTimer(DialogTimer.LINGER, self.options.linger))

    def _close(self, error: SipError) -> None:
        """End the whole attempt before any 2xx: CANCEL, now or at the first 1xx."""
        if self._closing is not None:
            return
        self._closing = error
        self._forks.stop()
        self.session.handle(SessionEvent.ENDING)
        for branch in self.branches.values():
            self.close_media(branch)
        self.report(Cancelling(str(error)))
        self.emit(StopTimer(DialogTimer.ANSWER))
        if self.phase is Phase.PROCEEDING:
            self._send_cancel()

    def _send_cancel(self) -> None:
        if self._is_cancel_sent or self._closing is None:
            return
        self._is_cancel_sent = True
        self.emit(SendCancel((outcome.cancel_reason(self._closing),)))
        # RFC 3261 9.1: "If there is no final response for the original request in
        # 64*T1 seconds [...], the client SHOULD then consider the original transaction
        # cancelled and SHOULD destroy the client transaction".
        self.emit(StartTimer(DialogTimer.CANCEL, self.options.linger))

    def _give_up_waiting(self) -> None:
        if self.phase is Phase.PROCEEDING and self._closing is not None:
            self.emit(AbandonInvite())
            self._complete("timeout")
            self._fail(self._closing)

    def fail_everything(self, error: SipError) -> None:
        """End every dialog and the attempt (fork policy `fail`, grace over, cancel)."""
        if self.phase is not Phase.ACCEPTED:
            self._close(error)
            return
        self._closing = error
        self._forks.stop()
        self._end_early_branches("The call has failed")
        self._fail(error)

    def _end_early_branches(self, text: str) -> None:
        for branch in list(self.branches.values()):
            if branch.is_early:
                self.end_early(branch, text)

    def _fail(self, error: SipError, response: Response | None = None) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        self._closing = error
        self.session.handle(SessionEvent.OVER)
        for branch in self.branches.values():
            self.close_media(branch)
        self.emit(FailInvite(error, response))

    def _end_taken(self, branch: Branch, error: SipError) -> None:
        session = branch.session
        if branch.state is not BranchState.STANDING or session is None:
            return
        was_established = session.state is SessionState.ESTABLISHED
        session.handle(SessionEvent.ENDING)
        branch.fate = "ended by us"
        self._bye(branch, None)
        if not was_established and branch is self.taken:
            self._fail(error)

    def _peer_ended(self, branch: Branch, bye: Request) -> None:
        reason = bye.get("Reason")
        if branch.state is BranchState.STANDING:
            was = branch.session.state if branch.session else SessionState.TERMINATED
            branch.fate = "ended by the callee"
            branch.handle(BranchEvent.LOST)
            self.close_media(branch)
            if branch.session is not None:
                branch.session.handle(SessionEvent.OVER)
            if was is SessionState.ESTABLISHED:
                self.emit(EndSession(branch.tag, "remote", reason))
            elif branch is self.taken:
                message = "the callee hung up before the call stood"
                self._fail(CallFailed(message))
        elif branch.is_early:
            branch.fate = "the callee ended the early dialog"
            branch.is_unwanted = True
            self._early_branch_gone(branch, "BYE")
            self._forks.lost(branch)

    def _early_branch_gone(self, branch: Branch, by: str) -> None:
        branch.handle(BranchEvent.LOST)
        self.close_media(branch)
        self.report(EarlyDialogEnded(branch.tag, by))

    def branch_is_dead(self, branch: Branch) -> None:
        """The probe found nobody in this early dialog."""
        branch.fate = "found dead by a probe"
        self._early_branch_gone(branch, "probe")

    def end_early(self, branch: Branch, text: str, cause: int = 487) -> None:
        """End an early dialog by BYE (RFC 3261 section 15).

        Where it has no target, no request can be sent in it: it is remembered, and its
        2xx gets ACK and BYE.
        """
        branch.is_unwanted = True
        self.close_media(branch)
        if branch.dialog.remote_target is None:
            branch.fate = "unwanted, but it cannot be told so: it sent no Contact"
            branch.handle(BranchEvent.LOST)
            self.report(ProtocolWarning(branch.fate, branch.tag))
            self.report(ExtraEnded(branch.tag, "none", 0))
            return
        branch.fate = "ended as an extra"
        self._bye(branch, outcome.reason_field(cause, text))

    def release(self, branch: Branch, text: str, cause: int = 487) -> None:
        """End a dialog whose 2xx was acknowledged and which nobody wants."""
        branch.is_unwanted = True
        self.close_media(branch)
        if branch.is_bye_confirmed:
            branch.handle(BranchEvent.LOST)
            return
        if branch.session is None and branch.fate in ("ringing", "ended as an extra"):
            branch.fate = "answered, and released"
        self._bye(branch, outcome.reason_field(cause, text))

    def _bye(self, branch: Branch, reason: tuple[str, str] | None) -> None:
        self.close_media(branch)
        branch.handle(BranchEvent.BYE_SENT)
        headers = () if reason is None else (reason,)
        branch.bye_number = self.send_in_dialog(branch, "BYE", headers)

    def send_in_dialog(
        self,
        branch: Branch,
        method: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        has_contact: bool = False,
    ) -> int:
        """Send a request in this branch; its result comes to `request_finished`."""
        self._next_number += 1
        number = self._next_number
        dialog = branch.dialog
        request = dialog.request(method, headers=headers, has_contact=has_contact)
        self._pending[number] = (branch, method)
        self.emit(SendInDialog(branch.tag, number, request, dialog.next_hop()))
        return number

    def _bye_finished(
        self, branch: Branch, number: int, response: Response | None
    ) -> None:
        status = 0 if response is None else response.status
        if 200 <= status < 300:
            branch.is_bye_confirmed = True
        if number != branch.bye_number:
            return
        # RFC 3261 15.1.1: a BYE that is answered 481 or 408 or not at all ends the
        # dialog as a 2xx does.
        branch.handle(BranchEvent.BYE_FINISHED)
        session = branch.session
        if session is None:
            self.report(ExtraEnded(branch.tag, "BYE", status))
            return
        was_terminating = session.state is SessionState.TERMINATING
        session.handle(SessionEvent.OVER)
        if was_terminating:
            self.emit(EndSession(branch.tag, "local"))

    def close_media(self, branch: Branch) -> None:
        """Stop and free the media of this branch, if it has any."""
        if branch.media is not MediaState.NONE:
            branch.media = MediaState.NONE
            self.emit(CloseMedia(branch.tag))

    # The end

    def _linger_over(self) -> None:
        self._linger_is_over = True
        for branch in self.branches.values():
            if branch.is_early:
                # RFC 3261 13.2.2.4: 64*T1 after the first 2xx "all the early dialogs
                # are terminated", with no message.
                branch.fate = f"{branch.fate}, no final response"
                self._early_branch_gone(branch, "timeout")
        if self.taken is None and not self._has_failed:
            self._fail(self._failure or TransactionTimeout("nobody else answered"))

    def _is_settled(self) -> bool:
        if self.phase in (Phase.CALLING, Phase.PROCEEDING):
            return False
        if not self._has_failed and self.taken is None:
            return False
        return all(branch.is_resolved for branch in self.branches.values())

    def _finish(self) -> list[Effect]:
        if self._is_settled():
            if not self._is_resolved:
                self._is_resolved = True
                self.emit(Resolved())
            if self._linger_is_over and self.phase is not Phase.FORGOTTEN:
                self.phase = Phase.FORGOTTEN
                self.emit(Forget())
        effects = self._effects
        self._effects = []
        return effects

    # For `forks`

    @property
    def is_closing(self) -> bool:
        """Whether the whole attempt is being ended, or has failed."""
        return self._closing is not None

    def emit(self, effect: Effect) -> None:
        """Ask for this after what was asked for before."""
        self._effects.append(effect)

    def report(self, event: Event) -> None:
        """Tell the observers."""
        self._effects.append(Report(event))
