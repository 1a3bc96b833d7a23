"""Changes of the session that the peer asks for: its re-INVITE and its UPDATE.

RFC 3261 section 14.2 and RFC 3311 section 5.2: what crosses one of ours gets 491, what
comes before an earlier one is done 500 with Retry-After. What the media refuses gets
488, and the session goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.agreements import next_description, tell, tell_refreshed
from sipuac.dialog.branch import Branch, MediaState
from sipuac.dialog.capabilities import ALLOW, SUPPORTED
from sipuac.dialog.dialog import DialogState
from sipuac.dialog.effects import (
    ApplyAnswer,
    MakeAnswer,
    MakeOffer,
    Reply,
    Rollback,
)
from sipuac.dialog.events import ModificationFailed
from sipuac.dialog.glare import busy_retry_after
from sipuac.dialog.modification import PeerModification, PeerStage
from sipuac.dialog.peer_bodies import answer_of, offer_of
from sipuac.dialog.session_interval import Agreed
from sipuac.dialog.timers import DialogTimer, media_timer, timer_of
from sipuac.errors import NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import check_revision
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Request, Response, response_to

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet

_SDP = ("Content-Type", "application/sdp")
_NOT_CHANGED = "The session of this call is not changed"


class PeerModifications:
    """The changes of sessions that the callees ask for."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    # INVITE

    def invite_received(self, branch: Branch, request: Request) -> None:
        """A re-INVITE, with an offer or without."""
        refusal = self._invite_refusal(branch, request)
        offer = offer_of(request) if refusal is None else None
        agreed = self._set.refreshes.answer(branch, request)
        for answer in (refusal, offer, agreed):
            if isinstance(answer, Response):
                self._reply(request, answer)
                return
        assert not isinstance(offer, Response) and not isinstance(agreed, Response)
        modification = self._receive(branch, Carrier.INVITE, request, offer, agreed)
        if modification is None:
            return
        branch.under_way.peer_invite = modification
        if offer is None:
            is_held = branch.under_way.is_held
            self._outbox.emit(MakeOffer(branch.tag, is_held))
        else:
            self._outbox.emit(MakeAnswer(branch.tag, offer))
        self._await_media(branch)

    def _invite_refusal(self, branch: Branch, request: Request) -> Response | None:
        if branch.dialog.state is DialogState.EARLY or branch.owes_ack:
            # RFC 3261 14.2: "A UAS that receives an INVITE on a dialog while an INVITE
            # it had sent on that dialog is in progress MUST return a 491".
            return response_to(request, 491)
        if not branch.has_call:
            return _not_changed(request)
        under_way = branch.under_way
        if under_way.peer_invite is not None or under_way.peer_update is not None:
            return self._busy(request)
        if self._is_ours_in_the_way(branch):
            return response_to(request, 491)
        return None

    def _is_ours_in_the_way(self, branch: Branch) -> bool:
        """Whether an INVITE of ours is in progress, or its media works on it."""
        if not branch.stands or branch.media is not MediaState.APPLIED:
            return True
        own = branch.under_way.own
        return own is not None and own.is_in_the_way

    # UPDATE

    def update_received(self, branch: Branch, request: Request) -> None:
        """An UPDATE, in an early dialog or a confirmed one."""
        if branch.under_way.peer_update is not None:
            self._reply(request, self._busy(request))
            return
        offer = offer_of(request)
        refusal = None
        if offer is not None and not isinstance(offer, Response):
            refusal = self._offer_refusal(branch, request)
        agreed = self._set.refreshes.answer(branch, request)
        for answer in (offer, refusal, agreed):
            if isinstance(answer, Response):
                self._reply(request, answer)
                return
        assert not isinstance(offer, Response) and not isinstance(agreed, Response)
        if offer is None:
            self._reply(request, self._success(branch, request, agreed))
            self._set.refreshes.answered(branch, agreed)
            if branch.stands:
                tell_refreshed(self._outbox, branch, "remote", "UPDATE")
            return
        modification = self._receive(branch, Carrier.UPDATE, request, offer, agreed)
        if modification is not None:
            branch.under_way.peer_update = modification
            self._outbox.emit(MakeAnswer(branch.tag, offer))
            self._await_media(branch)

    def _offer_refusal(self, branch: Branch, request: Request) -> Response | None:
        """Why an UPDATE with an offer cannot be taken now."""
        status = branch.exchange.refusal_status(Carrier.UPDATE)
        if status == 500:
            return self._busy(request)
        if status is not None:
            return response_to(request, status)
        if not branch.has_call:
            # One exchange in each dialog until its 2xx is acknowledged.
            return _not_changed(request)
        peer_invite = branch.under_way.peer_invite
        if peer_invite is not None and peer_invite.stage is not PeerStage.ANSWERED:
            return self._busy(request)
        if self._is_ours_in_the_way(branch):
            return response_to(request, 491)
        return None

    # Both

    def _receive(
        self,
        branch: Branch,
        carrier: Carrier,
        request: Request,
        offer: SessionDescription | None,
        agreed: Agreed | None,
    ) -> PeerModification | None:
        """Begin with it; None, and it is refused, where the exchange forbids it."""
        before = branch.exchange.agreed
        try:
            branch.exchange.received(carrier, offer)
        except NegotiationError as error:
            self._outbox.warn(f"an offer came too early: {error}", branch.tag)
            self._reply(request, self._busy(request))
            return None
        if offer is not None and before is not None:
            try:
                check_revision(before.remote, offer)
            except NegotiationError as error:
                # Many a server between two phones does so, and is understood.
                self._outbox.warn(f"an odd new offer: {error}", branch.tag)
        interval = self._set.options.t1
        return PeerModification(request, offer, agreed, before, interval)

    def _await_media(self, branch: Branch) -> None:
        seconds = self._set.options.media_timeout
        self._outbox.start_timer(media_timer(branch.tag), seconds)

    def _busy(self, request: Request) -> Response:
        wait = busy_retry_after(self._set.chance())
        return response_to(request, 500, headers=(("Retry-After", str(wait)),))

    def _reply(self, request: Request, response: Response) -> None:
        self._outbox.emit(Reply(request, response))

    def _success(
        self,
        branch: Branch,
        request: Request,
        agreed: Agreed | None,
        description: SessionDescription | None = None,
    ) -> Response:
        """Our 2xx; with it the peer's Contact is the new target."""
        branch.dialog.refreshed_by_peer(request)
        branch.learn_allow(request)
        fields = [*branch.dialog.contact_rows, ("Allow", ALLOW)]
        fields.append(("Supported", SUPPORTED))
        fields += () if agreed is None else agreed.fields
        if description is None:
            return response_to(request, 200, headers=fields)
        fields.append(_SDP)
        return response_to(request, 200, headers=fields, body=description.render())

    # What the media says

    def _working(self, branch: Branch) -> PeerModification | None:
        """Whose description the media makes."""
        under_way = branch.under_way
        for modification in (under_way.peer_update, under_way.peer_invite):
            if modification is not None and modification.stage is PeerStage.MAKING:
                return modification
        return None

    def answer_made(self, branch: Branch, answer: SessionDescription) -> None:
        """The media has answered the peer's offer, if it was asked to."""
        modification = self._working(branch)
        if modification is None or modification.offer is None:
            return
        self._outbox.stop_timer(media_timer(branch.tag))
        request = modification.request
        is_update = request.method == "UPDATE"
        try:
            answer = next_description(branch, answer, is_answer=True)
            carrier = Carrier.UPDATE_OK if is_update else Carrier.FINAL
            branch.exchange.sent(carrier, answer)
        except NegotiationError as error:
            self._refuse(branch, modification, str(error), 488)
            return
        self._accept(branch, modification, answer)
        if is_update:
            branch.under_way.peer_update = None
        tell(self._outbox, branch, modification.before, "remote", request.method)
        self._set.modifications.go_on(branch)

    def offer_made(self, branch: Branch, offer: SessionDescription) -> None:
        """The media has made the offer of an answer to an INVITE without one."""
        modification = self._working(branch)
        if modification is None or modification.offer is not None:
            return
        self._outbox.stop_timer(media_timer(branch.tag))
        try:
            offer = next_description(branch, offer)
            branch.exchange.sent(Carrier.FINAL, offer)
        except NegotiationError as error:
            self._refuse(branch, modification, str(error), 488)
            return
        modification.own_offer = offer
        self._accept(branch, modification, offer)

    def _accept(
        self,
        branch: Branch,
        modification: PeerModification,
        description: SessionDescription,
    ) -> None:
        branch.under_way.last_sent = description
        request, agreed = modification.request, modification.agreed
        response = self._success(branch, request, agreed, description)
        modification.response = response
        modification.stage = PeerStage.ANSWERED
        self._reply(request, response)
        self._set.refreshes.answered(branch, agreed)
        if request.method == "INVITE":
            # RFC 3261 13.3.1.4: "an interval that starts at T1 seconds and doubles for
            # each retransmission until it reaches T2 seconds", over any transport.
            options = self._set.options
            repeat = timer_of(DialogTimer.REPEAT, branch.tag)
            self._outbox.start_timer(repeat, modification.interval)
            self._outbox.start_timer(
                timer_of(DialogTimer.ACK, branch.tag), options.linger
            )

    def media_applied(self, branch: Branch) -> bool:
        """The media has taken the answer in an ACK; whether it was ours to hear."""
        modification = branch.under_way.peer_invite
        if modification is None or modification.stage is not PeerStage.APPLYING:
            return False
        self._outbox.stop_timer(media_timer(branch.tag))
        branch.under_way.peer_invite = None
        tell(self._outbox, branch, modification.before, "remote", "INVITE")
        self._set.modifications.go_on(branch)
        return True

    def media_refused(
        self, branch: Branch, message: str, *, is_late: bool = False
    ) -> None:
        """The media has refused, or was too slow."""
        self._outbox.stop_timer(media_timer(branch.tag))
        modification = self._working(branch)
        if modification is not None:
            is_update = modification.request.method == "UPDATE"
            # RFC 3311 5.2: 504 where an UPDATE cannot be answered promptly.
            status = 504 if is_update and is_late else 488
            self._refuse(branch, modification, message, status)
            return
        modification = branch.under_way.peer_invite
        if modification is not None and modification.stage is PeerStage.APPLYING:
            self._disagree(branch, f"the media refused the answer: {message}")

    # Ends

    def _refuse(
        self,
        branch: Branch,
        modification: PeerModification,
        message: str,
        status: int,
    ) -> None:
        """Our final response that is no 2xx: the session goes on as it was."""
        request = modification.request
        method = request.method
        under_way = branch.under_way
        if method == "UPDATE":
            under_way.peer_update = None
            branch.exchange.failed(Carrier.UPDATE)
        else:
            under_way.peer_invite = None
            branch.exchange.failed(Carrier.INVITE)
        self._outbox.emit(Rollback(branch.tag))
        response = response_to(request, status)
        if status == 488:
            response = _not_changed(request)
        self._reply(request, response)
        self._outbox.report(
            ModificationFailed(branch.tag, "remote", method, status, message)
        )
        self._set.modifications.go_on(branch)

    def cancel_received(self, cancel: Request) -> None:
        """The peer gives up its re-INVITE (RFC 3261 section 9.2)."""
        branch = self._set.branches.get(cancel.from_tag or "")
        invite = None if branch is None else branch.under_way.peer_invite
        if branch is None or invite is None or invite.stage is not PeerStage.MAKING:
            return
        if invite.request.cseq.number == cancel.cseq.number:
            self._outbox.stop_timer(media_timer(branch.tag))
            self._refuse(branch, invite, "the peer has cancelled it", 487)

    def ack_received(self, branch: Branch, ack: Request) -> None:
        """The ACK of our 2xx, with the answer where we have made the offer."""
        modification = branch.under_way.peer_invite
        if modification is None or modification.stage is not PeerStage.ANSWERED:
            return
        if modification.request.cseq.number != ack.cseq.number:
            return
        self._stop_repeating(branch)
        if modification.own_offer is None:
            branch.under_way.peer_invite = None
            self._set.modifications.go_on(branch)
            return
        answer, oddity = answer_of(ack)
        try:
            branch.exchange.received(Carrier.ACK, answer)
        except NegotiationError as error:
            self._disagree(branch, oddity or str(error))
            return
        agreed = branch.exchange.agreed
        if answer is None or agreed is None:
            return
        fault = agreed.fault_of_remote()
        if fault is not None:
            self._disagree(branch, f"the answer does not fit our offer: {fault}")
        else:
            modification.stage = PeerStage.APPLYING
            self._outbox.emit(ApplyAnswer(branch.tag, answer))
            self._await_media(branch)

    def repeat(self, branch: Branch) -> None:
        """No ACK so far: send our 2xx again."""
        modification = branch.under_way.peer_invite
        if modification is None or modification.response is None:
            return
        self._reply(modification.request, modification.response)
        modification.interval = min(2 * modification.interval, self._set.options.t2)
        repeat = timer_of(DialogTimer.REPEAT, branch.tag)
        self._outbox.start_timer(repeat, modification.interval)

    def ack_is_missing(self, branch: Branch) -> None:
        """RFC 3261 13.3.1.4: in 64*T1 no ACK: "the session SHOULD be terminated"."""
        if branch.under_way.peer_invite is not None:
            seconds = self._set.options.linger
            message = f"no ACK for our 2xx in {seconds:g} s"
            self._set.modifications.end_call(branch, message, 408)

    def _disagree(self, branch: Branch, message: str) -> None:
        """We have offered, and nothing that can be used was answered."""
        branch.under_way.peer_invite = None
        self._outbox.emit(Rollback(branch.tag))
        self._outbox.report(
            ModificationFailed(branch.tag, "remote", "INVITE", None, message)
        )
        self._set.modifications.end_call(branch, message, 488)

    def _stop_repeating(self, branch: Branch) -> None:
        self._outbox.stop_timer(timer_of(DialogTimer.REPEAT, branch.tag))
        self._outbox.stop_timer(timer_of(DialogTimer.ACK, branch.tag))

    def abandon(self, branch: Branch) -> None:
        """The dialog is over: answer what waits (RFC 3261 section 15.1.2)."""
        under_way = branch.under_way
        for modification in (under_way.peer_invite, under_way.peer_update):
            if modification is not None and modification.stage is PeerStage.MAKING:
                request = modification.request
                self._reply(request, response_to(request, 487))
        under_way.peer_invite = under_way.peer_update = None
        self._stop_repeating(branch)


def _not_changed(request: Request) -> Response:
    warning = f'399 sipuac "{_NOT_CHANGED}"'
    return response_to(request, 488, headers=(("Warning", warning),))
