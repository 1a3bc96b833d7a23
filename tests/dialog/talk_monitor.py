"""Watches what changes the calls of one dialog set; a part of `Monitor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.effects import (
    AbandonReInvite,
    ApplyAnswer,
    CancelReInvite,
    CloseMedia,
    EndSession,
    ForgetAck,
    MakeAnswer,
    MakeFreshOffer,
    MakeOffer,
    Modified,
    Reply,
    RequestDone,
    Rollback,
    SendAck,
    SendReInvite,
)
from sipuac.syntax.message import Request, Response
from tests.dialog.violation import Violation

if TYPE_CHECKING:
    from tests.dialog.monitor import Monitor


class TalkMonitor:
    """The rules of calls that stand.

    Attributes:
        invites: Our re-INVITEs without final response, or with a 2xx that may come
            again, by number.
        acked: Those with a 2xx.
        asked: What the media of a branch works on: "offer", "answer" or "apply".
        open: Requests of the peers without answer.
        unacked: The peers' INVITEs with our 2xx and without their ACK.
        tokens: What the application has asked for, and was not told of.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.invites: dict[int, SendReInvite] = {}
        self.acked: set[int] = set()
        self.asked: dict[str, str] = {}
        self.open: list[Request] = []
        self.unacked: dict[str, Request] = {}
        self.tokens: set[int] = set()
        self._offers: set[str] = set()
        self._fresh: set[str] = set()
        self._ringing: set[int] = set()
        self._cancelled: set[int] = set()
        self._acks: set[tuple[str, int]] = set()
        self._to_ack: tuple[str, int] | None = None
        self._taken: Response | None = None

    def need(self, condition: object, rule: str) -> None:
        """Complain unless this is so."""
        if not condition:
            raise Violation(rule)

    # What goes in

    def request(self, request: Request) -> None:
        """A request of a phone comes."""
        tag = request.from_tag or ""
        if request.method != "ACK":
            self.open.append(request)
        elif self._is_ack_of(request, self.unacked.get(tag)):
            del self.unacked[tag]

    @staticmethod
    def _is_ack_of(ack: Request, invite: Request | None) -> bool:
        return invite is not None and ack.cseq.number == invite.cseq.number

    def request_taken(self, request: Request) -> None:
        """What it has brought is done."""
        if request in self.open:
            may_wait = request.method in ("INVITE", "UPDATE")
            self.need(may_wait, "every other request is answered at once")
            self.need((request.from_tag or "") in self.asked, "the media is waited for")

    def invite_response(self, number: int, response: Response) -> None:
        """A response to a re-INVITE of ours comes."""
        sent = self.invites[number]
        if response.is_provisional:
            self._ringing.add(number)
            return
        if not response.is_success:
            del self.invites[number]
        else:
            self.acked.add(number)
            self._to_ack = (sent.branch, sent.request.cseq.number)

    def invite_taken(self) -> None:
        """What it has brought is done."""
        self.need(self._to_ack is None, "each 2xx to a re-INVITE has its ACK")

    def media_done(self, tag: str, *, is_offer: bool = False) -> None:
        """The media has done what it was asked for, or refuses."""
        del self.asked[tag]
        if is_offer:
            self._offers.add(tag)

    def has_fresh_offer(self, tag: str) -> bool:
        """Whether a branch without media was asked for a fresh offer."""
        return tag in self._fresh

    def has_offer(self, tag: str) -> bool:
        """Whether the media has an offer of ours that waits for its answer."""
        return tag in self._offers

    # What comes out

    def _begin(self, tag: str, work: str) -> None:
        self.need(self._monitor.media.get(tag), "only media that runs is changed")
        self.need(tag not in self.asked, "the media does one thing at a time")
        self.asked[tag] = work

    def _MakeOffer(self, effect: MakeOffer) -> None:
        self.need(effect.branch not in self._offers, "one offer at a time")
        self._begin(effect.branch, "offer")

    def _MakeFreshOffer(self, effect: MakeFreshOffer) -> None:
        tag = effect.branch
        self.need(tag in self._monitor.taken, "a call is adopted")
        self.need(tag not in self._monitor.media, "and has no media")
        self.need(tag not in self.asked, "the media does one thing at a time")
        self._fresh.add(tag)
        self.asked[tag] = "offer"

    def _MakeAnswer(self, effect: MakeAnswer) -> None:
        if effect.branch in self._monitor.established:
            self.need(effect.branch not in self._offers, "our own offer is open")
            self._begin(effect.branch, "answer")

    def _ApplyAnswer(self, effect: ApplyAnswer) -> None:
        if effect.branch in self._fresh:
            self.need(effect.branch in self._offers, "the fresh offer was made")
            self._fresh.discard(effect.branch)
            self._offers.discard(effect.branch)
        elif effect.branch in self._offers:
            self._begin(effect.branch, "apply")
            self._offers.discard(effect.branch)

    def _Rollback(self, effect: Rollback) -> None:
        has_media = effect.branch in {*self._monitor.media, *self._fresh}
        self.need(has_media, "there is media to roll back")
        self._fresh.discard(effect.branch)
        self._forget_media(effect.branch)

    def _CloseMedia(self, effect: CloseMedia) -> None:
        self._forget_media(effect.branch)

    def _forget_media(self, tag: str) -> None:
        self.asked.pop(tag, None)
        self._offers.discard(tag)

    def _SendReInvite(self, effect: SendReInvite) -> None:
        tag = effect.branch
        self.need(tag in self._monitor.acked, "a re-INVITE in a confirmed dialog")
        others = [
            number
            for number, one in self.invites.items()
            if one.branch == tag and number not in self.acked
        ]
        self.need(not others, "one INVITE of ours in a dialog")
        theirs = [
            one for one in self.open if one.method == "INVITE" and one.from_tag == tag
        ]
        self.need(not theirs, "no INVITE of the peer in progress")
        self.need(tag not in self.unacked, "no INVITE of the peer without ACK")
        self.need(effect.request.body, "our re-INVITEs have an offer")
        self.invites[effect.number] = effect

    def _CancelReInvite(self, effect: CancelReInvite) -> None:
        self.need(effect.number in self.invites, "there is something to cancel")
        self.need(effect.number in self._ringing, "CANCEL after a provisional one")
        self.need(effect.number not in self._cancelled, "one CANCEL")
        self._cancelled.add(effect.number)

    def _AbandonReInvite(self, effect: AbandonReInvite) -> None:
        self.need(effect.number in self.invites, "there is something to abandon")
        del self.invites[effect.number]

    def _ForgetAck(self, effect: ForgetAck) -> None:
        key = (effect.branch, effect.cseq)
        self.need(key in self._acks, "there is an ACK to forget")
        for number, sent in list(self.invites.items()):
            if (sent.branch, sent.request.cseq.number) == key:
                del self.invites[number]

    def _SendAck(self, effect: SendAck) -> None:
        if effect.cseq is None:
            return
        key = (effect.branch, effect.cseq)
        self.need(key == self._to_ack, "an ACK for a 2xx")
        self.need(key not in self._acks, "one ACK for a re-INVITE")
        self._to_ack = None
        self._acks.add(key)

    def _Reply(self, effect: Reply) -> None:
        request, response = effect.request, effect.response
        tag = request.from_tag or ""
        if request in self.open:
            self.open.remove(request)
            if request.method == "INVITE" and response.is_success:
                self.unacked[tag] = request
            return
        is_repeated = self.unacked.get(tag) is request and response.is_success
        self.need(is_repeated, "one reply for each request")

    def _Modified(self, effect: Modified) -> None:
        tag = effect.branch
        self.need(tag in self._monitor.established, "a call that stands is changed")
        self.need(tag not in self._monitor.ended, "and is not over")
        self.need(tag not in self._offers, "with no offer open")

    def _RequestDone(self, effect: RequestDone) -> None:
        self.need(effect.token in self.tokens, "the application is told once")
        self.tokens.discard(effect.token)

    def _EndSession(self, effect: EndSession) -> None:
        waiting = [one for one in self.open if one.from_tag == effect.branch]
        self.need(not waiting, "the peer's requests are answered")
        self.unacked.pop(effect.branch, None)

    def forgotten(self) -> None:
        """Nothing must be left, but what the application sent and got no answer to."""
        self.need(not self.invites, "a re-INVITE has no end")
        self.need(not self.open, "a request has no answer")
        self.need(not self.asked, "the media works on")
        self.need(not self._fresh, "a fresh offer waits for its answer")
        waiting = self._monitor.pending.values()
        of_application = [one for one in waiting if one.request.method == "INFO"]
        self.need(len(self.tokens) <= len(of_application), "somebody is not told")
