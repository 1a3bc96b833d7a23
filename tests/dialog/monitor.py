"""Watches the effects of one dialog set and complains about what must never be.

It performs nothing, and knows only what it was told: the events that went in and the
effects that came out.
"""

from __future__ import annotations

from sipuac.dialog.effects import (
    AbandonInvite,
    ApplyAnswer,
    CloseMedia,
    Effect,
    EndSession,
    Establish,
    FailInvite,
    Forget,
    MakeAnswer,
    MoveMedia,
    RepeatAck,
    ReplaceAnswer,
    Reply,
    RequestDone,
    Resolved,
    SendAck,
    SendCancel,
    SendInDialog,
    SendReInvite,
    Take,
)
from sipuac.effects import StartTimer, StopTimer
from sipuac.syntax.message import Request, Response
from tests.dialog.talk_monitor import TalkMonitor
from tests.dialog.violation import Violation


class Monitor:
    """The rules, and what has happened so far.

    Attributes:
        running: Timers that run.
        pending: Requests in dialogs without a final response, by number.
        media: Open media by branch; True where its answer is applied.
        forgotten: Whether `Forget` was asked for.
    """

    def __init__(self, *, may_fork_media: bool, may_owe_ack: bool = False) -> None:
        self.running: dict[str, float] = {}
        self.pending: dict[int, SendInDialog] = {}
        self.media: dict[str, bool] = {}
        self._adopted: set[str] = set()
        self.acked: set[str] = set()
        self.taken: list[str] = []
        self.established: set[str] = set()
        self.ended: set[str] = set()
        self.failed = False
        self.resolved = False
        self.forgotten = False
        self._may_fork_media = may_fork_media
        self._may_owe_ack = may_owe_ack
        self._owed: set[str] = set()
        self._has_provisional = False
        self._has_final = False
        self._is_lingering_over = False
        self._is_cancelled = False
        self._cseq: dict[str, int] = {}
        self._with_contact: set[str] = set()
        self._bye_after_ack: set[str] = set()
        self._bye_confirmed: set[str] = set()
        self._bye_by_peer: set[str] = set()
        self._numbers = 0
        self._last_bye: dict[str, int] = {}
        self.talks = TalkMonitor(self)

    def need(self, condition: object, rule: str) -> None:
        """Complain unless this is so."""
        if not condition:
            raise Violation(rule)

    # What goes in

    def response(self, response: Response, effects: list[Effect]) -> None:
        """A response came."""
        tag = response.to_tag or ""
        if response.is_provisional:
            self._has_provisional = True
        if response.get("Contact") is not None and response.status < 300:
            self._with_contact.add(tag)
        is_owed = tag in self._owed
        is_first = response.is_success and tag not in self.acked and not is_owed
        is_expected = is_first and not self._is_lingering_over and not self.forgotten
        if response.is_final:
            self._has_final = True
        if response.is_success:
            self._with_contact.add(tag)  # or else the Request-URI serves
        self.effects(effects)
        acks = [e for e in effects if isinstance(e, SendAck)]
        if is_expected and self._may_owe_ack and tag not in self.acked:
            self._owed.add(tag)
            is_expected = False
        if self._may_owe_ack:
            acks = [e for e in acks if is_expected]
        self.need(len(acks) == (1 if is_expected else 0), "one ACK for each new 2xx")
        repeats = [e for e in effects if isinstance(e, RepeatAck)]
        is_repeat = response.is_success and not is_first and not self.forgotten
        is_repeat = is_repeat and not is_owed
        self.need(len(repeats) == (1 if is_repeat else 0), "one ACK for each old 2xx")

    def request(self, request: Request, effects: list[Effect]) -> None:
        """A request of a phone came."""
        self.talks.request(request)
        self.effects(effects)
        self.talks.request_taken(request)

    def finished(self, number: int, status: int, effects: list[Effect]) -> None:
        """A request of ours is over."""
        sent = self.pending.pop(number)
        if sent.request.method == "BYE" and 200 <= status < 300:
            self._bye_confirmed.add(sent.branch)
        self.effects(effects)

    def fired(self, timer: str, effects: list[Effect]) -> None:
        """A timer has run out."""
        if self.running.pop(timer, None) is not None and timer == "linger":
            self._is_lingering_over = True
        self.effects(effects)

    def over(self, effects: list[Effect]) -> None:
        """The INVITE transaction has failed."""
        self._has_final = True
        self.effects(effects)

    # What comes out

    def effects(self, effects: list[Effect]) -> None:
        """Watch what is asked for, in order."""
        for effect in effects:
            if self.forgotten:
                is_late = isinstance(effect, Reply | RequestDone)
                self.need(is_late, f"{effect} after Forget")
            name = f"_{type(effect).__name__}"
            for part in (self, self.talks):
                watch = getattr(part, name, None)
                if watch is not None:
                    watch(effect)

    def _StartTimer(self, effect: StartTimer) -> None:
        self.need(effect.seconds > 0, "timers run for some time")
        self.running[effect.timer] = effect.seconds

    def _StopTimer(self, effect: StopTimer) -> None:
        self.need(effect.timer in self.running, f"{effect.timer} does not run")
        del self.running[effect.timer]

    def _SendAck(self, effect: SendAck) -> None:
        if effect.cseq is not None:
            return
        self.need(effect.branch not in self.acked, "one ACK, the rest are repeats")
        self.need(effect.ack.cseq.number == 1, "the ACK has the INVITE's number")
        self.acked.add(effect.branch)
        self._owed.discard(effect.branch)

    def _RepeatAck(self, effect: RepeatAck) -> None:
        if effect.cseq is None:
            self.need(effect.branch in self.acked, "nothing to repeat")

    def _SendReInvite(self, effect: SendReInvite) -> None:
        self._sent(effect)

    def _SendInDialog(self, effect: SendInDialog) -> None:
        self._sent(effect)
        self.pending[effect.number] = effect
        tag = effect.branch
        if effect.request.method == "BYE":
            self._last_bye[tag] = effect.number
            self.need(tag not in self.media, "media stops before BYE is sent")
            if tag in self.acked:
                self.need(tag not in self._bye_after_ack, "one BYE after the ACK")
                self._bye_after_ack.add(tag)

    def _sent(self, effect: SendInDialog | SendReInvite) -> None:
        tag = effect.branch
        self.need(tag in self._with_contact, "no request without a target")
        number = self._cseq.get(tag, 1) + 1
        self.need(effect.request.cseq.number == number, "CSeq rises by one")
        self._cseq[tag] = number
        self.need(effect.number == self._numbers + 1, "numbers are used once")
        self._numbers = effect.number

    def _SendCancel(self, effect: SendCancel) -> None:
        self.need(self._has_provisional, "no CANCEL before a provisional response")
        self.need(not self._has_final, "no CANCEL after a final response")
        self.need(not self._is_cancelled, "one CANCEL")
        self._is_cancelled = True

    def _AbandonInvite(self, effect: AbandonInvite) -> None:
        self.need(self._is_cancelled and not self._has_final, "nothing to abandon")
        self._has_final = True

    def _Reply(self, effect: Reply) -> None:
        if effect.request.method == "BYE" and effect.response.is_success:
            self._bye_by_peer.add(effect.request.from_tag or "")

    def _ApplyAnswer(self, effect: ApplyAnswer) -> None:
        if self.media.get(effect.branch) and self.talks.has_offer(effect.branch):
            return
        self.need(effect.branch not in self.media, "media is opened once at a time")
        self.media[effect.branch] = False
        if self.talks.has_fresh_offer(effect.branch):
            self._adopted.add(effect.branch)
        elif not self._may_fork_media:
            of_first_offer = self.media.keys() - self._adopted
            self.need(len(of_first_offer) == 1, "one answer at a time")

    def _MakeAnswer(self, effect: MakeAnswer) -> None:
        if effect.branch in self.established:
            return
        self.need(effect.branch not in self.media, "media is opened once at a time")
        self.media[effect.branch] = False

    def _ReplaceAnswer(self, effect: ReplaceAnswer) -> None:
        self.need(effect.branch in self.media, "there is an answer to replace")
        self.media[effect.branch] = False

    def _MoveMedia(self, effect: MoveMedia) -> None:
        self.need(effect.from_branch in self.media, "there is media to move")
        self.need(effect.branch not in self.media, "the other one has none yet")
        del self.media[effect.from_branch]
        self.media[effect.branch] = False

    def _CloseMedia(self, effect: CloseMedia) -> None:
        self.need(effect.branch in self.media, "there is media to close")
        del self.media[effect.branch]

    def _Take(self, effect: Take) -> None:
        self.need(not self.failed, "no call after the failure")
        is_acked = effect.branch in self.acked or self._may_owe_ack
        self.need(is_acked, "a call is acknowledged first")
        self.need(effect.branch not in self.taken, "a call is taken once")
        self.taken.append(effect.branch)

    def _Establish(self, effect: Establish) -> None:
        tag = effect.branch
        self.need(not self.failed, "no call after the failure")
        self.need(tag in self.taken, "only a call that was taken stands")
        self.need(tag in self.acked, "a call that stands is acknowledged")
        self.need(tag not in self.established, "a call stands once")
        self.need(self.media.get(tag), "a call stands when the media has its answer")
        self.established.add(tag)

    def _EndSession(self, effect: EndSession) -> None:
        tag = effect.branch
        self.need(tag in self.established, "only a call that stood is over")
        self.need(tag not in self.ended, "a call is over once")
        self.need(tag not in self.media, "its media is closed")
        self.ended.add(tag)

    def _FailInvite(self, effect: FailInvite) -> None:
        self.need(not self.failed, "one failure")
        self.need(not self.established, "no failure where a call stood")
        self.need(not self.media, "no media after the failure")
        self.failed = True

    def _Resolved(self, effect: Resolved) -> None:
        self.need(not self.resolved, "resolved once")
        self.resolved = True

    def _Forget(self, effect: Forget) -> None:
        self.need(not self.forgotten, "forgotten once")
        self.need(self.resolved, "resolved before it is forgotten")
        self.need(not self.running, f"timers run on: {self.running}")
        waiting = [e for e in self.pending.values() if e.branch in self.acked]
        last = {e.branch: e.number for e in waiting if e.request.method == "BYE"}
        for tag, number in last.items():
            # A first BYE that the 2xx crossed may run on: the second one counts.
            self.need(number < self._last_bye[tag], "a BYE waits for its end")
        self.need(not self.media, "media is open")
        self.need(not self._owed, "an ACK is owed")
        self.talks.forgotten()
        self.need(self.failed or self.established, "it failed or it stood")
        self.need(self.established == self.ended, "calls that stood are over")
        self.need(not self.unended(), "2xx without BYE")
        self.forgotten = True

    def unended(self) -> set[str]:
        """Answered dialogs that neither side has ended, and that are no call."""
        over = self._bye_after_ack | self._bye_confirmed | self._bye_by_peer
        calls = set(self.taken) - self.ended
        return self.acked - over - (calls if not self.forgotten else set())
