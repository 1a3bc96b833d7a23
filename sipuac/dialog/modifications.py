"""Changes of the session that we ask for, in the dialogs of one INVITE.

A session is changed by re-INVITE (RFC 3261 section 14.1), never by an UPDATE with an
offer: "in a confirmed dialog [...] it is RECOMMENDED that a re-INVITE be used instead"
(RFC 3311 section 5.1), and an early dialog gets no second offer of ours. An UPDATE
without offer refreshes a session where the peer allows it.

One change is under way in a dialog at a time; the others wait in the order in which
they were asked for, and all wait for one of the peer (`peer_modifications`). Where it
fails, media goes back to the last completed exchange and the session goes on, unless
the failure ends the dialog (`usages`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sipuac.dialog import outcome
from sipuac.dialog.agreements import next_description, tell, tell_refreshed
from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.capabilities import ALLOW
from sipuac.dialog.descriptions import description_of
from sipuac.dialog.effects import (
    ApplyAnswer,
    MakeFreshOffer,
    MakeOffer,
    RequestDone,
    Rollback,
)
from sipuac.dialog.events import ModificationFailed
from sipuac.dialog.glare import retry_delay
from sipuac.dialog.modification import (
    Event,
    OwnModification,
    Purpose,
    Stage,
    Wish,
)
from sipuac.dialog.timers import DialogTimer, media_timer, timer_of
from sipuac.dialog.usages import ending_status
from sipuac.errors import (
    CallFailed,
    InviteForked,
    MediaRefused,
    NegotiationError,
    ParseError,
    SessionNotModified,
    Unreachable,
)
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.difference import difference
from sipuac.sdp.negotiation import revised
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

_SDP = ("Content-Type", "application/sdp")
_ALLOW = ("Allow", ALLOW)
_REFRESHES = (Purpose.REFRESH, Purpose.SESSION_TIMER)
_NO_METHOD = (405, 501)
# How many 422 one modification follows: each proxy on the way may have a minimum.
_MAX_RAISES = 8
# Seconds of Retry-After up to which a modification waits.
_MAX_WAIT = 10


class Modifications:
    """The changes of sessions that we ask for."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    # What is wanted

    def ask(self, branch: Branch | None, wish: Wish) -> None:
        """Make this change, or keep it until its turn has come."""
        if branch is None or not branch.has_call:
            self._done(wish, SessionNotModified("there is no call to change"))
            return
        branch.under_way.wishes.append(wish)
        self.go_on(branch)

    def adopt(self, branch: Branch) -> None:
        """Make a call of a 2xx whose answer the media cannot take (re-INVITE).

        The branch has a call whose 2xx is acknowledged, and no media. A fresh offer
        goes into a re-INVITE; its answer opens the media, and the call stands. Where
        that fails, the dialog is ended, and `Calls.undo` says what becomes of the
        attempt.
        """
        self.ask(branch, Wish(Purpose.ADOPT))

    def go_on(self, branch: Branch) -> None:
        """Begin what waits, if its turn has come."""
        under_way = branch.under_way
        while True:
            own = under_way.own
            if own is None:
                if not under_way.wishes or not _is_free(branch, under_way.wishes[0]):
                    return
                own = under_way.own = OwnModification(under_way.wishes.pop(0))
            elif own.stage is not Stage.BEGINNING or not _is_free(branch, own.wish):
                return
            self._begin(branch, own)

    def _begin(self, branch: Branch, own: OwnModification) -> None:
        purpose = own.wish.purpose
        agreed = branch.exchange.agreed
        if purpose is Purpose.SESSION_TIMER and not self._set.refreshes.is_due(branch):
            self._finish(branch, own)
        elif agreed is None:
            self._fail(branch, own, "no offer/answer exchange was completed")
        elif purpose in _REFRESHES:
            if branch.allows_update:
                self._send_update(branch, own)
            else:
                own.begin("INVITE", agreed)
                self._send(branch, own, agreed.local)
        elif purpose is Purpose.RESTORE:
            own.begin("INVITE", agreed)
            last = branch.under_way.last_sent or agreed.local
            self._send(branch, own, revised(last, agreed.local))
        else:
            own.begin("INVITE", agreed)
            self._ask_media(branch, own)

    def _ask_media(self, branch: Branch, own: OwnModification) -> None:
        own.has_asked_media = True
        own.handle(Event.OFFER_WANTED if own.answer is None else Event.OTHER_ANSWER)
        if own.wish.purpose is Purpose.ADOPT:
            self._outbox.emit(MakeFreshOffer(branch.tag))
        else:
            held = own.wish.is_held
            is_held = branch.under_way.is_held if held is None else held
            self._outbox.emit(MakeOffer(branch.tag, is_held))
        self._await_media(branch)

    def _await_media(self, branch: Branch) -> None:
        seconds = self._set.options.media_timeout
        self._outbox.start_timer(media_timer(branch.tag), seconds)

    # What the media says

    def offer_made(self, branch: Branch, offer: SessionDescription) -> bool:
        """The media has made an offer; whether it was for us."""
        own = branch.under_way.own
        if own is None or own.stage is not Stage.MAKING:
            return False
        self._outbox.stop_timer(media_timer(branch.tag))
        if own.answer is not None:
            self._apply(branch, own, own.answer)
            return True
        try:
            self._send(branch, own, next_description(branch, offer))
        except NegotiationError as error:
            self._fail(branch, own, str(error))
        return True

    def media_applied(self, branch: Branch) -> bool:
        """The media has taken an answer; whether it was ours to hear."""
        own = branch.under_way.own
        if own is None or own.stage is not Stage.APPLYING:
            return False
        self._outbox.stop_timer(media_timer(branch.tag))
        under_way = branch.under_way
        if own.wish.is_held is not None:
            under_way.is_held = own.wish.is_held
        if own.wish.purpose is Purpose.ADOPT:
            branch.remote = own.answer
            self._set.calls.answer_applied(branch, own.offer)
        else:
            tell(self._outbox, branch, own.before, "local", own.method)
            self._done(own.wish, None)
        self._finish(branch, own)
        return True

    def media_refused(self, branch: Branch, message: str) -> bool:
        """The media has refused, or was too slow; whether it was ours to hear."""
        own = branch.under_way.own
        if own is None or own.stage not in (Stage.MAKING, Stage.APPLYING):
            return False
        if own.answer is None:
            self._fail(branch, own, f"the media made no offer: {message}")
        else:
            self._disagree(branch, own, f"the media refused the answer: {message}")
        return True

    # Requests and their responses

    def _rows(self, branch: Branch) -> tuple[tuple[str, str], ...]:
        return (_ALLOW, *self._set.refreshes.request_fields(branch))

    def _send_update(self, branch: Branch, own: OwnModification) -> None:
        own.begin("UPDATE", branch.exchange.agreed)
        own.handle(Event.SENT)
        own.number = self._set.requests.send(
            branch, "UPDATE", self._rows(branch), has_contact=True
        )

    def _send(
        self, branch: Branch, own: OwnModification, offer: SessionDescription
    ) -> None:
        try:
            branch.exchange.sent(Carrier.INVITE, offer)
        except NegotiationError as error:
            self._fail(branch, own, str(error))
            return
        own.offer = branch.under_way.last_sent = offer
        own.handle(Event.SENT)
        rows = (*self._rows(branch), _SDP)
        self._set.reinvites.send(branch, own, rows, offer.render())

    def answered(
        self, branch: Branch, own: OwnModification, response: Response
    ) -> None:
        """Our re-INVITE has its final response; a 2xx is acknowledged."""
        if not response.is_success:
            self.refused(branch, own, response)
            return
        self._set.refreshes.accepted(branch, response)
        description, oddity = description_of(response)
        if oddity is not None:
            self._outbox.warn(oddity, branch.tag)
        try:
            branch.exchange.received(Carrier.FINAL, description)
        except NegotiationError as error:
            self._disagree(branch, own, f"the 2xx brought no answer: {error}")
            return
        agreed = branch.exchange.agreed
        if agreed is None:
            return
        fault = agreed.fault_of_remote()
        if fault is None:
            self._take_answer(branch, own, agreed.remote)
        else:
            self._disagree(branch, own, f"the answer does not fit our offer: {fault}")

    def _take_answer(
        self, branch: Branch, own: OwnModification, answer: SessionDescription
    ) -> None:
        own.answer = answer
        if own.has_asked_media:
            self._apply(branch, own, answer)
        elif own.before is not None and difference(own.before.remote, answer):
            # The offer had not changed, but the answer has.
            self._ask_media(branch, own)
        else:
            tell(self._outbox, branch, own.before, "local", "INVITE")
            self._succeed(branch, own)

    def _apply(
        self, branch: Branch, own: OwnModification, answer: SessionDescription
    ) -> None:
        own.handle(Event.ACCEPTED)
        if own.wish.purpose is Purpose.ADOPT:
            branch.media = MediaState.APPLYING
        self._outbox.emit(ApplyAnswer(branch.tag, answer))
        self._await_media(branch)

    def _succeed(self, branch: Branch, own: OwnModification) -> None:
        self._done(own.wish, None)
        self._finish(branch, own)

    def update_finished(
        self, branch: Branch, number: int, result: Response | Unreachable
    ) -> bool:
        """Our UPDATE has its final response, or will have none; whether it was ours."""
        own = branch.under_way.own
        if own is None or own.number != number or own.method != "UPDATE":
            return False
        if isinstance(result, Response) and result.is_success:
            self._set.refreshes.accepted(branch, result)
            tell_refreshed(self._outbox, branch, "local", "UPDATE")
            self._succeed(branch, own)
        else:
            self.refused(branch, own, result)
        return True

    # Failures

    def refused(
        self, branch: Branch, own: OwnModification, result: Response | Unreachable
    ) -> None:
        """The request got no 2xx: the session is what it was (RFC 3261 14.1)."""
        if own.method == "INVITE":
            branch.exchange.failed(Carrier.INVITE)
        self._roll_back(branch, own)
        if isinstance(result, Response) and self._try_again(branch, own, result):
            return
        status = result.status if isinstance(result, Response) else None
        if isinstance(result, Response):
            text = f"was answered {result.status} {result.reason}".rstrip()
        else:
            text = f"was not answered: {result}"
        message = f"the {own.method} {text}"
        self._report_failure(branch, own, message, status, result)
        ended_by = ending_status(own.method, result)
        if ended_by is None and own.is_answered_early:
            if own.wish.purpose is not Purpose.RESTORE:
                # RFC 6141 3.4: the peer had carried out what it had accepted.
                branch.under_way.wishes.insert(0, Wish(Purpose.RESTORE))
        if own.wish.purpose is Purpose.ADOPT:
            self._drop_adopted(branch, own, InviteForked(message), ended_by or 488)
            return
        self._drop(branch, own)
        if own.wish.purpose is Purpose.SESSION_TIMER and ended_by in (None, 408, 481):
            self._set.refreshes.refused(branch, result)
        elif ended_by is not None:
            self.end_call(branch, message, ended_by)
        self.go_on(branch)

    def _try_again(
        self, branch: Branch, own: OwnModification, response: Response
    ) -> bool:
        """Whether the same is tried again, now or later, as the response suggests."""
        status = response.status
        is_of_timer = own.wish.purpose is Purpose.SESSION_TIMER
        delay = self._delay_after(response)
        if own.method == "UPDATE" and status in _NO_METHOD:
            branch.allows_update = False
            own.handle(Event.AGAIN)
        elif status == 422 and not is_of_timer:
            own.raises += 1
            timer = self._set.refreshes.timer_of(branch)
            if own.raises > _MAX_RAISES or timer is None:
                return False
            if not timer.raise_minimum(response):
                return False
            own.handle(Event.AGAIN)
        elif delay is None or not own.wish.may_wait:
            return False
        elif is_of_timer:
            self._set.refreshes.postpone(branch, delay)
            self._drop(branch, own)
        else:
            own.wish = replace(own.wish, may_wait=False)
            own.handle(Event.WAIT)
            timer_name = timer_of(DialogTimer.RETRY, branch.tag)
            self._outbox.start_timer(timer_name, delay)
        self.go_on(branch)
        return True

    def _delay_after(self, response: Response) -> float | None:
        """Seconds after which to try once more; None where that makes no sense."""
        delay = retry_delay(self._set.chance(), is_call_id_owner=True)
        if response.status == 491:
            return delay
        if response.status != 500:
            return None
        # RFC 3261 14.2 and RFC 3311 5.2: what came too early is refused so.
        try:
            field = response.retry_after
        except ParseError:
            return None
        if field is None or field.seconds > _MAX_WAIT:
            return None
        return max(delay, float(field.seconds))

    def retry(self, branch: Branch) -> None:
        """The wait after a 491 is over."""
        own = branch.under_way.own
        if own is not None and own.stage is Stage.WAITING:
            own.handle(Event.AGAIN)
            self.go_on(branch)

    def _fail(self, branch: Branch, own: OwnModification, message: str) -> None:
        """It cannot even be asked for, or nothing was agreed: the session goes on."""
        self._roll_back(branch, own)
        self._report_failure(branch, own, message)
        if own.wish.purpose is Purpose.ADOPT:
            self._drop_adopted(branch, own, MediaRefused(message), 488)
            return
        self._drop(branch, own)
        if own.wish.purpose is Purpose.SESSION_TIMER:
            self._set.refreshes.put_off(branch)
        self.go_on(branch)

    def _disagree(self, branch: Branch, own: OwnModification, message: str) -> None:
        """The peer has accepted, and we cannot: both sides have other sessions now."""
        self._roll_back(branch, own)
        self._report_failure(branch, own, message)
        if own.wish.purpose is Purpose.ADOPT:
            self._drop_adopted(branch, own, MediaRefused(message), 488)
            return
        self._drop(branch, own)
        self.end_call(branch, message, 488)

    def end_call(self, branch: Branch, message: str, cause: int) -> None:
        """End the call of this branch by BYE, for this reason."""
        reason = outcome.reason_field(cause, message)
        self._set.calls.end(branch, CallFailed(message), reason, message)

    def _drop_adopted(
        self, branch: Branch, own: OwnModification, error: CallFailed, cause: int
    ) -> None:
        self._drop(branch, own)
        self._set.calls.undo(branch, error, cause)

    def _roll_back(self, branch: Branch, own: OwnModification) -> None:
        self._outbox.stop_timer(media_timer(branch.tag))
        if own.has_asked_media:
            own.has_asked_media = False
            self._outbox.emit(Rollback(branch.tag))

    def _report_failure(
        self,
        branch: Branch,
        own: OwnModification,
        message: str,
        status: int | None = None,
        result: Response | Unreachable | None = None,
    ) -> None:
        self._outbox.report(
            ModificationFailed(branch.tag, "local", own.method, status, message)
        )
        response = result if isinstance(result, Response) else None
        reason = () if response is None else response.get_all("Reason")
        warning = () if response is None else response.get_all("Warning")
        error = SessionNotModified(message, response, reason=reason, warning=warning)
        self._done(own.wish, error)

    def _done(self, wish: Wish, error: SessionNotModified | None) -> None:
        if wish.token is not None:
            self._outbox.emit(RequestDone(wish.token, error))

    def _drop(self, branch: Branch, own: OwnModification) -> None:
        own.handle(Event.FINISHED)
        branch.under_way.own = None

    def _finish(self, branch: Branch, own: OwnModification) -> None:
        self._drop(branch, own)
        self.go_on(branch)

    def abandon(self, branch: Branch) -> None:
        """The dialog is over, or its media: nothing of it is changed any more."""
        under_way = branch.under_way
        own, under_way.own = under_way.own, None
        wishes, under_way.wishes = under_way.wishes, []
        if own is not None:
            wishes.insert(0, own.wish)
            own.handle(Event.FINISHED)
            self._outbox.stop_timer(timer_of(DialogTimer.RETRY, branch.tag))
            if own.has_asked_media and branch.media is MediaState.NONE:
                # A fresh offer that nobody will answer.
                self._outbox.emit(Rollback(branch.tag))
        for wish in wishes:
            self._done(wish, SessionNotModified("the call is over"))


def _is_free(branch: Branch, wish: Wish) -> bool:
    """Whether nothing of the peer is in the way, and the session can be changed.

    RFC 3261 14.1: "a UAC MUST NOT initiate a new INVITE transaction within a dialog
    while another INVITE transaction is in progress in either direction."
    """
    under_way = branch.under_way
    if under_way.peer_invite is not None or under_way.peer_update is not None:
        return False
    if not branch.has_call or branch.owes_ack:
        return False
    if wish.purpose is Purpose.ADOPT:
        return branch.media is MediaState.NONE
    return branch.stands and branch.media is MediaState.APPLIED
