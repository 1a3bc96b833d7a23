"""All that one INVITE forked into: every dialog, and the one call that comes of it.

Events go in by the methods of `DialogSet`, each of which returns the effects to
perform. This file knows what each message means for the dialog that it belongs to.
The rest is in its parts: `attempt` knows how far the INVITE is, `forks` which dialog
has the media and what is done about the others, `calls` what a 2xx becomes; `endings`
ends a single dialog; `branch` is one dialog and what became of it. `exchanges` knows
what a session description is, `reliability` and `acknowledgements` PRACK and ACK.
What happens in a call that stands is in `modifications` and `peer_modifications`, which
change it, in `refreshes`, which keeps it alive, and in `own_requests` and
`peer_requests`. What the responses to the INVITE mean is in `invite_responses`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sipuac.dialog import outcome
from sipuac.dialog.acknowledgements import Acknowledgements
from sipuac.dialog.attempt import Attempt, Phase
from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.calls import Calls
from sipuac.dialog.effects import Effect, Progress
from sipuac.dialog.endings import Endings
from sipuac.dialog.events import InviteSent, Trying
from sipuac.dialog.exchanges import Exchanges
from sipuac.dialog.forks import Forks
from sipuac.dialog.invite_responses import InviteResponses
from sipuac.dialog.modification import Purpose, Wish
from sipuac.dialog.modifications import Modifications
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.outbox import Outbox
from sipuac.dialog.own_requests import OwnRequests
from sipuac.dialog.peer_modifications import PeerModifications
from sipuac.dialog.peer_requests import PeerRequests
from sipuac.dialog.refreshes import Refreshes
from sipuac.dialog.reinvites import ReInvites
from sipuac.dialog.reliability import Reliability
from sipuac.dialog.requests import Requests
from sipuac.dialog.session_state import SessionEvent, SessionMachine
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import Cancelled, TransportFailed, Unreachable
from sipuac.on_demand import OnDemand
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response


class DialogSet:
    """The dialogs of one INVITE client transaction.

    Attributes:
        invite: The INVITE.
        options: What was asked of it.
        chance: Random numbers, at least 0 and below 1.
        offer: What the INVITE offers; None for nothing.
        branches: Every dialog by its To tag, in the order in which they showed.
        outbox, requests, acknowledgements, endings, exchanges, reliability, attempt,
            calls, forks, responses, modifications, reinvites, peer_modifications,
            refreshes, own_requests, peer_requests: Its parts.
    """

    __slots__ = (
        "_modifications",
        "_own_requests",
        "_peer_modifications",
        "_peer_requests",
        "_reinvites",
        "acknowledgements",
        "attempt",
        "branches",
        "calls",
        "chance",
        "endings",
        "exchanges",
        "forks",
        "invite",
        "offer",
        "options",
        "outbox",
        "refreshes",
        "reliability",
        "requests",
        "responses",
    )

    def __init__(
        self,
        invite: Request,
        options: InviteOptions,
        chance: Callable[[], float] = lambda: 0.5,
        offer: SessionDescription | None = None,
    ) -> None:
        """A dialog set without dialogs.

        Args:
            invite: The INVITE.
            options: What was asked of it.
            chance: Random numbers, at least 0 and below 1.
            offer: The description in the INVITE, where it is at hand.
        """
        self.invite = invite
        self.options = options
        self.chance = chance
        if offer is None and invite.body:
            offer = SessionDescription.parse(invite.body)
        self.offer = offer
        self.branches: dict[str, Branch] = {}
        self.outbox = Outbox()
        self.requests = Requests(self.outbox)
        self.acknowledgements = Acknowledgements(self.outbox, self.requests)
        self.endings = Endings(
            self.outbox, self.requests, self.acknowledgements, self._stop_changes
        )
        self.exchanges = Exchanges(self)
        self.reliability = Reliability(self)
        self.attempt = Attempt(self)
        self.calls = Calls(self)
        self.forks = Forks(self)
        self.responses = InviteResponses(self)
        self.refreshes = Refreshes(self)

    # Of most calls none of these is ever needed.
    reinvites = OnDemand(ReInvites)
    modifications = OnDemand(Modifications)
    peer_modifications = OnDemand(PeerModifications)
    own_requests = OnDemand(OwnRequests)
    peer_requests = OnDemand(PeerRequests)

    @property
    def phase(self) -> Phase:
        """How far the INVITE is."""
        return self.attempt.phase

    @property
    def session(self) -> SessionMachine:
        """The state of the session that comes of it."""
        return self.calls.session

    @property
    def taken(self) -> Branch | None:
        """The branch whose call was taken; None so far."""
        return self.calls.taken

    # What happens to it

    def sent(self) -> list[Effect]:
        """The INVITE was handed to the transport."""
        self.session.handle(SessionEvent.SENT)
        self.outbox.report(InviteSent())
        remaining = self.options.answer_timeout - self.options.waited
        self.outbox.start_timer(DialogTimer.ANSWER, max(0.0, remaining))
        return self._finish()

    def response_received(self, response: Response) -> list[Effect]:
        """A response that the INVITE transaction passes up, or a stray 2xx."""
        if response.is_success:
            self.responses.success(response)
        elif not self.attempt.is_open:
            # A second refusal is acknowledged by the transaction alone (13.2.2.3).
            return []
        elif response.status == 100:
            self.outbox.report(Trying())
            self.outbox.emit(Progress(response))
            self.attempt.proceed()
        elif response.is_provisional:
            self.responses.provisional(response)
        else:
            self.attempt.reject(response)
        return self._finish()

    def failed(self, error: Unreachable) -> list[Effect]:
        """The INVITE transaction has ended without a final response."""
        if self.attempt.is_open:
            self.attempt.time_out(error)
        return self._finish()

    def fire(self, timer: str) -> list[Effect]:
        """A timer that was asked for has run out."""
        if not self.outbox.timer_fired(timer):
            return []
        timer, _, name = timer.partition(" ")
        if timer == DialogTimer.ANSWER:
            self.attempt.close(outcome.answer_timeout(self.options.answer_timeout))
        elif timer == DialogTimer.CANCEL:
            self.attempt.cancel_unanswered()
        elif timer == DialogTimer.LINGER:
            self.attempt.linger_is_over()
        elif timer == DialogTimer.HOLD:
            self.forks.hold_is_over()
        elif timer == DialogTimer.GRACE:
            self.forks.grace_is_over()
        elif timer == DialogTimer.REINVITE:
            self.reinvites.limit_is_over(int(name))
        else:
            self._fire_of(self.branches[name], timer)
        return self._finish()

    def _fire_of(self, branch: Branch, timer: str) -> None:
        """A timer of one branch has run out."""
        if timer == DialogTimer.MEDIA:
            seconds = self.options.media_timeout
            self._media_refused(branch, f"not done within {seconds:g} s", is_late=True)
        elif timer == DialogTimer.RETRY:
            self.modifications.retry(branch)
        elif timer == DialogTimer.REPEAT:
            self.peer_modifications.repeat(branch)
        elif timer == DialogTimer.ACK:
            self.peer_modifications.ack_is_missing(branch)
        else:
            self.refreshes.fire(branch, timer)

    def hang_up(self, message: str = "cancelled by the caller") -> list[Effect]:
        """End everything in whichever way is right (RFC 3261 section 15).

        Before a 2xx that is CANCEL, sent once a provisional response has come; after
        one it is BYE on every call and on every other early dialog.
        """
        error = Cancelled(message)
        if self.taken is None:
            self.attempt.fail_everything(error)
        else:
            self.calls.end_all(error)
            self.attempt.end_early_dialogs("The caller has hung up")
        return self._finish()

    def end_branch(self, tag: str) -> list[Effect]:
        """End this one dialog by BYE, as the application asks (RFC 3261 section 15).

        Before its 2xx that is BYE on the early dialog; the INVITE goes on. The last
        call that is ended so takes with it what still rings, as `hang_up` does.
        """
        branch = self.branches.get(tag)
        if branch is None:
            return []
        if branch.has_call:
            if self.calls.other_than(branch) is None:
                return self.hang_up()
            self.calls.end(branch, Cancelled("cancelled by the caller"))
        elif branch.is_early:
            text = "Ended by the caller"
            self.endings.end_early(branch, "ended by us", text)
            self.forks.lost(branch)
        return self._finish()

    def request_received(self, request: Request) -> list[Effect]:
        """The callee sends a request in one of the dialogs, perhaps an ACK.

        Raises:
            ParseError: It cannot be read; its `status_hint` is the answer.
        """
        self.peer_requests.received(request)
        return self._finish()

    def cancel_received(self, cancel: Request) -> list[Effect]:
        """The callee cancels a re-INVITE of its own."""
        self.peer_modifications.cancel_received(cancel)
        return self._finish()

    def request_finished(
        self, number: int, result: Response | Unreachable
    ) -> list[Effect]:
        """A request of ours in a dialog has its final response, or will have none."""
        finished = self.requests.finished(number)
        if finished is not None:
            branch, method = finished
            if method == "BYE":
                self.endings.bye_finished(branch, number, result)
            elif method == "PRACK":
                self.reliability.prack_finished(branch, result)
            else:
                self._other_finished(branch, number, method, result)
        return self._finish()

    def _other_finished(
        self, branch: Branch, number: int, method: str, result: Response | Unreachable
    ) -> None:
        if isinstance(result, Response):
            branch.learn_allow(result)
            if result.is_success:
                branch.dialog.refreshed_by(method, result)
        own = DialogSet.own_requests.made(self)
        if own is not None and own.finished(branch, number, method, result):
            return
        is_change = branch.is_changing and self.modifications.update_finished(
            branch, number, result
        )
        if not is_change:
            self.forks.probe_finished(branch, number, method, result)

    # What the media says

    def request_challenged(
        self, number: int, request: Request, credentials: Sequence[tuple[str, str]]
    ) -> list[Effect]:
        """A request of ours in a dialog is to be sent again, with these credentials."""
        if request.method == "INVITE":
            self.reinvites.again(number, request, tuple(credentials))
        elif self.requests.is_too_late(number):
            error = TransportFailed("its dialog ended before it could be sent again")
            return self.request_finished(number, error)
        else:
            self.requests.again(number, request, tuple(credentials))
        return self._finish()

    def media_applied(self, tag: str) -> list[Effect]:
        """The media of this branch has its answer."""
        branch = self.branches.get(tag)
        if branch is not None and not self._has_changed(branch):
            if branch.media is MediaState.APPLYING:
                self.calls.answer_applied(branch)
        return self._finish()

    def _has_changed(self, branch: Branch) -> bool:
        """Whether what its media has applied was a change of its session."""
        return branch.is_changing and (
            self.modifications.media_applied(branch)
            or self.peer_modifications.media_applied(branch)
        )

    def answer_made(self, tag: str, answer: SessionDescription) -> list[Effect]:
        """The media of this branch has answered the callee's offer."""
        branch = self.branches.get(tag)
        if branch is not None and branch.media is MediaState.APPLYING:
            self.calls.answer_made(branch, answer)
        elif branch is not None:
            self.peer_modifications.answer_made(branch, answer)
        return self._finish()

    def offer_made(self, tag: str, offer: SessionDescription) -> list[Effect]:
        """The media of this branch has made a new offer."""
        branch = self.branches.get(tag)
        if branch is not None and not self.modifications.offer_made(branch, offer):
            self.peer_modifications.offer_made(branch, offer)
        return self._finish()

    def media_refused(self, tag: str, message: str) -> list[Effect]:
        """The media of this branch cannot do what it was asked for."""
        branch = self.branches.get(tag)
        if branch is not None:
            self._media_refused(branch, message)
        return self._finish()

    def _media_refused(
        self, branch: Branch, message: str, *, is_late: bool = False
    ) -> None:
        if self.modifications.media_refused(branch, message):
            return
        if branch.media is MediaState.APPLYING:
            self.calls.refused(branch, message)
        else:
            self.peer_modifications.media_refused(branch, message, is_late=is_late)

    # Changes of a session that stands

    def modify(self, tag: str, token: int, is_held: bool | None = None) -> list[Effect]:
        """Offer the session anew; held or not, or as it is. Ends in `RequestDone`."""
        wish = Wish(Purpose.MODIFY, token, is_held)
        self.modifications.ask(self.branches.get(tag), wish)
        return self._finish()

    def refresh(self, tag: str, token: int) -> list[Effect]:
        """Refresh the session and the target; ends in `RequestDone`."""
        wish = Wish(Purpose.REFRESH, token)
        self.modifications.ask(self.branches.get(tag), wish)
        return self._finish()

    def send_request(
        self,
        tag: str,
        token: int,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> list[Effect]:
        """Send a request of the application in this dialog; ends in `RequestDone`."""
        branch = self.branches.get(tag)
        self.own_requests.send(branch, token, method, tuple(headers), body)
        return self._finish()

    def reinvite_response(self, number: int, response: Response) -> list[Effect]:
        """A response to a re-INVITE of ours, each one that comes."""
        self.reinvites.response_received(number, response)
        return self._finish()

    def reinvite_failed(self, number: int, error: Unreachable) -> list[Effect]:
        """A re-INVITE of ours will have no final response."""
        self.reinvites.failed(number, error)
        return self._finish()

    # When all is over

    @property
    def can_be_left(self) -> bool:
        """Whether all that can still come is a 2xx, again or of a new dialog.

        A dialog that was not answered and in which we have sent something is not to be
        left: were it answered after all, its sequence numbers would have to go on.
        """
        reinvites = DialogSet.reinvites.made(self)
        return (
            self.requests.is_idle
            and (reinvites is None or reinvites.is_idle)
            and all(branch.can_be_left for branch in self.branches.values())
        )

    def be_over(self) -> None:
        """Begin where another one was left: a 2xx gets ACK and BYE, whoever sends it.

        For a new set of the same INVITE.
        """
        self.attempt.be_over(Cancelled("the call is over"))

    def dissolve(self) -> None:
        """Let go of all parts, which lead back here; it cannot be used any more."""
        del self.exchanges, self.reliability, self.attempt, self.calls, self.forks
        del self.responses, self.refreshes, self.endings
        for part in _ON_DEMAND:
            part.drop(self)

    def _stop_changes(self, branch: Branch) -> None:
        """The dialog of this branch is over, or about to be."""
        reinvites = DialogSet.reinvites.made(self)
        if reinvites is not None:
            reinvites.abandon(branch)
        if branch.is_changing:
            self.modifications.abandon(branch)
            self.peer_modifications.abandon(branch)
        self.refreshes.end(branch)

    def _finish(self) -> list[Effect]:
        self.attempt.settle()
        return self.outbox.taken_out()


_ON_DEMAND = (
    DialogSet.reinvites,
    DialogSet.modifications,
    DialogSet.peer_modifications,
    DialogSet.own_requests,
    DialogSet.peer_requests,
)
