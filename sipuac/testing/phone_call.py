"""A call at a scripted phone: one INVITE, and the dialogs that its answers make.

The phone has a small retransmission logic of its own and nothing of the transaction and
dialog layers, so that a mistake there is not mirrored here. Usually a call has one
dialog; it has more where the script says other To tags, as a fork further on would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from sipuac.syntax.message import Request, Response, response_to
from sipuac.testing.phone_dialog import PhoneDialog
from sipuac.testing.repeater import Repeater
from sipuac.testing.script import OWN_SDP, Ask, Respond, Script, Vanish
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.phone import Phone

TransactionKey = tuple[str, tuple[str, int]]


def transaction_key(request: Request) -> TransactionKey:
    """What an INVITE, its CANCEL and the ACK of its failure share (section 17.2.3)."""
    via = request.top_via
    return (via.branch or "", via.sent_by)


class PhoneCall:
    """What a phone does about one INVITE.

    Attributes:
        invite: The INVITE.
        script: What is done about it.
        tag: The To tag, where the script names no other.
        dialogs: The dialogs by To tag; "" is one without.
        final: The first final response that was sent.
        is_cancelled: Whether a CANCEL came before it.
    """

    def __init__(
        self, phone: Phone, invite: Request, flow: IFlow, script: Script
    ) -> None:
        self.phone = phone
        self.invite = invite
        self.flow = flow
        self.script = script
        self.tag = phone.identifiers.tag()
        self.dialogs: dict[str, PhoneDialog] = {}
        self.final: Response | None = None
        self.is_cancelled = False
        self.has_vanished = False
        self._last: Response | None = None
        self._rejection: Repeater | None = None
        self._steps: list[IDelayedCall] = []
        self._meetings = {
            step.meeting
            for step in script.steps
            if isinstance(step, Respond) and step.meeting is not None
        }

    def begin(self) -> None:
        """Start on the script."""
        for step in self.script.steps:
            if isinstance(step, Ask) and step.after_ack:
                continue
            self._do_at(step.at, step)

    @property
    def is_over(self) -> bool:
        """Whether nothing of the call is left: no ringing, no dialog, no repeating."""
        if not self.script.steps:
            return True
        if self.final is None or (self._rejection and self._rejection.is_running):
            return False
        return all(dialog.is_over for dialog in self.dialogs.values())

    # -- what comes -----------------------------------------------------------------

    def invite_repeated(self) -> None:
        """The INVITE came again: so does the response."""
        if self._last is not None and not self.has_vanished:
            self.phone.reply(self.invite, self.flow, self._last)

    def cancel_received(self, cancel: Request, flow: IFlow) -> None:
        """A CANCEL of this INVITE came (RFC 3261 section 9.2)."""
        policy = self.script.on_cancel
        if policy == "ignore" and self.final is None:
            return
        self.phone.answer(cancel, flow, response_to(cancel, 200, to_tag=self.tag))
        if self.final is not None:
            return
        self.is_cancelled = True
        if policy == "answer":
            self._stop_steps()
            self.respond(Respond(0.0, 200, sdp=OWN_SDP))
        elif policy == "terminate":
            self.terminate()

    def ack_received(self, ack: Request) -> bool:
        """An ACK for this INVITE, or one in a dialog of it; False if it is neither."""
        if self._rejection is not None and transaction_key(ack) == transaction_key(
            self.invite
        ):
            self._rejection.stop()
            return True
        dialog = self.dialogs.get(ack.to_tag or "")
        return dialog is not None and dialog.ack_received(ack)

    def first_ack_came(self, dialog: PhoneDialog) -> None:
        """The answer was heard: the steps that count from here begin."""
        for step in self.script.steps:
            if isinstance(step, Ask) and step.after_ack:
                if (step.to_tag or self.tag) == dialog.to_tag:
                    self._do_at(step.at, step)

    # -- what it does ---------------------------------------------------------------

    def respond(self, step: Respond) -> None:
        """Send a response to the INVITE, as far as one can still be sent."""
        if self.has_vanished or not self._may_send(step.status):
            return
        tag = self.tag if step.to_tag is None else step.to_tag
        if 100 < step.status < 300:
            dialog = self.dialogs.get(tag)
            if dialog is None:
                dialog = self.dialogs[tag] = PhoneDialog(self, tag)
            dialog.respond(step)
            return
        answer = response_to(
            self.invite,
            step.status,
            step.phrase,
            to_tag=tag or None,
            headers=(*self.script.headers, *step.headers),
        )
        if step.status == 100:
            self.send(answer)
        else:
            self._send_rejection(answer)

    def send(self, response: Response) -> None:
        """Send this response to the INVITE; the latest one is repeated on demand."""
        self._last = response
        if response.is_final and self.final is None:
            self.final = response
        self.phone.reply(self.invite, self.flow, response)

    def terminate(self, to_tag: str | None = None) -> None:
        """The caller gave up: 487, if there was no final response yet."""
        self._stop_steps()
        self.respond(Respond(0.0, 487, to_tag=to_tag, has_contact=False))

    def dialog_ended(self, dialog: PhoneDialog) -> None:
        """BYE ended this dialog; an early call without another ends with it."""
        if self.final is not None:
            return
        if not any(other.state == "early" for other in self.dialogs.values()):
            self.terminate(dialog.to_tag)

    # -- inside ---------------------------------------------------------------------

    def _may_send(self, status: int) -> bool:
        if self.final is None:
            return True
        return self.final.is_success and 200 <= status < 300

    def _send_rejection(self, response: Response) -> None:
        self._stop_steps()
        self.send(response)
        for dialog in self.dialogs.values():
            dialog.end("final response")
        self._rejection = Repeater(
            self.phone,
            lambda: self.send(response),
            interval=None if self.flow.is_reliable else self.phone.t1,
            longest=self.phone.t2,
            limit=self.phone.limit,
            gave_up=lambda: self.phone.complain("no ACK for", response),
        )

    def _do_at(self, seconds: float, step: Respond | Ask | Vanish) -> None:
        if seconds <= 0:
            self._do(step)
        else:
            self._steps.append(self.phone.later(seconds, lambda: self._do(step)))

    def _do(self, step: Respond | Ask | Vanish) -> None:
        if self.has_vanished:
            return
        if isinstance(step, Vanish):
            self.has_vanished = True
            self._stop_steps()
            for dialog in self.dialogs.values():
                dialog.end("vanished")
        elif isinstance(step, Ask):
            dialog_asked = self.dialogs.get(
                self.tag if step.to_tag is None else step.to_tag
            )
            if dialog_asked is not None and dialog_asked.state != "ended":
                dialog_asked.ask(step)
        elif step.meeting is not None:
            self._meetings.discard(step.meeting)
            step.meeting.arrive(self.invite.call_id, self, lambda: self.respond(step))
        else:
            self.respond(step)

    def _stop_steps(self) -> None:
        for call in self._steps:
            self.phone.forget(call)
        self._steps.clear()
        while self._meetings:
            self._meetings.pop().leave(self.invite.call_id, self)
