"""Simulated phones: each does what its plan says, however odd that is.

A phone keeps what RFC 3261 says where its plan says nothing else: it repeats its 2xx
until the ACK comes and hangs up where none comes; it answers what it is asked.
"""

from __future__ import annotations

from functools import partial

from sipuac.testing.simulation.network import SimulatedNetwork
from sipuac.testing.simulation.peer import T2, Peer, Repeater, next_hop
from sipuac.testing.simulation.phone_dialog import PhoneDialog
from sipuac.testing.simulation.scenario import Ask, PhonePlan, Say
from sipuac.testing.simulation.wire import (
    COOKIE,
    WireMessage,
    response_to,
    uri_of,
)


class Phone(Peer):
    """One phone.

    Attributes:
        plan: What it does.
        calls: Its calls by the branch of their INVITE.
        complaints: What the caller did that no caller should do.
    """

    def __init__(self, network: SimulatedNetwork, plan: PhonePlan) -> None:
        super().__init__(network, plan.name)
        self.plan = plan
        self.calls: dict[str, PhoneCall] = {}
        self.complaints: list[str] = []
        self._asked: dict[str, tuple[PhoneDialog, WireMessage, Repeater]] = {}
        self._answers: dict[tuple[str, str], WireMessage] = {}
        # Re-INVITEs that were answered with a provisional response only.
        self._pending: dict[str, WireMessage] = {}
        self._left = {reply: reply.times for reply in plan.replies}

    @property
    def dialogs(self) -> list[PhoneDialog]:
        """All dialogs of all its calls."""
        return [one for call in self.calls.values() for one in call.dialogs.values()]

    def received(self, message: WireMessage, source: str) -> None:
        """See `Peer`."""
        if message.status:
            self._response_received(message)
        elif message.method == "ACK":
            self._ack_received(message)
        elif (message.branch, message.method) in self._answers:
            self.respond(self._answers[message.branch, message.method])
        elif message.branch in self.calls and message.method == "INVITE":
            self.calls[message.branch].repeat()
        elif message.method == "INVITE" and self._begins_call(message):
            call = self.calls[message.branch] = PhoneCall(self, message)
            call.begin()
        elif message.method == "CANCEL":
            self._cancel_received(message)
        else:
            self._request_received(message)

    def _begins_call(self, invite: WireMessage) -> bool:
        """Whether it belongs to no dialog, not even to one without a tag of ours."""
        return not invite.to_tag and self._dialog_of(invite) is None

    def _cancel_received(self, cancel: WireMessage) -> None:
        call = self.calls.get(cancel.branch)
        invite = self._pending.pop(cancel.branch, None)
        if invite is not None:
            self.answer(cancel, response_to(cancel, 200))
            self.answer(invite, response_to(invite, 487))
        elif call is None:
            self.answer(cancel, response_to(cancel, 481, f"{self.name}-none"))
        else:
            call.cancel_received(cancel)

    def _ack_received(self, ack: WireMessage) -> None:
        call = self.calls.get(ack.branch)
        if call is not None:
            call.failure_acknowledged()
            return
        dialog = self._dialog_of(ack)
        if dialog is not None:
            dialog.ack_received(ack)

    def _request_received(self, request: WireMessage) -> None:
        dialog = self._dialog_of(request)
        if dialog is None:
            tag = "" if request.to_tag else f"{self.name}-none"
            self.answer(request, response_to(request, 481, tag))
            return
        if dialog.is_thinking(request):
            return
        for reply, left in self._left.items():
            if reply.method == request.method and left and dialog.accepts(request):
                self._left[reply] -= 1
                dialog.wrong_reply(request, reply)
                return
        dialog.request_received(request)

    def _response_received(self, response: WireMessage) -> None:
        asked = self._asked.get(response.branch)
        if asked is None:
            return
        dialog, request, repeater = asked
        repeater.stop()
        if response.status < 200:
            return
        if request.method == "INVITE":
            self._acknowledge(dialog, request, response)
            if response.status < 300:
                return  # it may come again, and is acknowledged again
        del self._asked[response.branch]
        dialog.request_finished(request, response.status)

    def _dialog_of(self, request: WireMessage) -> PhoneDialog | None:
        for call in self.calls.values():
            if call.invite.call_id == request.call_id:
                dialog = call.dialogs.get(request.to_tag)
                if dialog is not None:
                    return dialog
        return None

    # -- for its calls and dialogs --------------------------------------------------

    def answer(self, request: WireMessage, response: WireMessage) -> None:
        """Send a final response, now and whenever the request comes again."""
        self._answers[request.branch, request.method] = response
        self.respond(response)

    def keep_waiting(self, invite: WireMessage, status: int) -> None:
        """Send a provisional response to a re-INVITE, and leave it at that."""
        self._pending[invite.branch] = invite
        self.respond(response_to(invite, status))

    def waits_no_more(self, invite: WireMessage) -> bool:
        """Whether such a re-INVITE has been cancelled; from now on it waits no more."""
        return self._pending.pop(invite.branch, None) is None

    def ask(self, dialog: PhoneDialog, request: WireMessage) -> None:
        """Send a request of its own until it is answered."""
        host = next_hop(request)

        def send() -> None:
            self.send(request, host)

        def gave_up() -> None:
            self._asked.pop(request.branch, None)
            dialog.request_finished(request, 408)

        longest = None if request.method == "INVITE" else T2
        repeater = Repeater(self, send, gave_up, longest)
        self._asked[request.branch] = (dialog, request, repeater)
        send()

    def new_via(self) -> str:
        """A Via with a new branch."""
        branch = f"{COOKIE}-{self.name}-{self.number()}"
        return f"SIP/2.0/UDP {self.name}:5060;branch={branch}"

    def _acknowledge(
        self, dialog: PhoneDialog, invite: WireMessage, response: WireMessage
    ) -> None:
        """ACK the final response to a re-INVITE of its own."""
        is_success = response.status < 300
        rows = []
        for name, value in invite.rows:
            if name == "Via" and is_success:
                value = dialog.ack_via(invite, self.new_via)
            if name == "To":
                value = response.get("To")
            if name == "CSeq":
                value = f"{invite.number} ACK"
            if name in ("Via", "Max-Forwards", "Route", "From", "To", "Call-ID"):
                rows.append((name, value))
            elif name == "CSeq":
                rows.append((name, value))
        contact = response.get("Contact")
        uri = uri_of(contact) if is_success and contact else invite.uri
        ack = WireMessage(f"ACK {uri} SIP/2.0", rows)
        self.send(ack, next_hop(ack))
        if is_success:
            dialog.request_finished(invite, response.status)


class PhoneCall:
    """What a phone does about one INVITE.

    Attributes:
        invite: The INVITE.
        dialogs: Its dialogs, by To tag.
        final: The status of its final response; 0 before it.
        is_cancelled: Whether a CANCEL came before that.
    """

    def __init__(self, phone: Phone, invite: WireMessage) -> None:
        self.phone = phone
        self.invite = invite
        self.dialogs: dict[str, PhoneDialog] = {}
        self.final = 0
        self.is_cancelled = False
        self._tag = f"{phone.name}-{phone.number()}"
        self._last: WireMessage | None = None
        self._failure: Repeater | None = None
        self._is_silent = False

    def begin(self) -> None:
        """Start on the plan."""
        plan, later = self.phone.plan, self.phone.later
        for say in plan.says:
            later(say.at, partial(self._say, say))
        for ask in plan.asks:
            if ask.since == "invite":
                self.ask_later(ask)
        for at in plan.garbage_at:
            later(at, lambda: self.phone.network.send_octets(plan.name, b"\0SIP?"))
        if plan.vanishes_at is not None:
            later(plan.vanishes_at, self.phone.die)
        if not any(say.status >= 200 for say in plan.says) and plan.says:
            later(plan.patience, lambda: self._refuse(480))

    def ask_later(self, ask: Ask) -> None:
        """Send a request of the plan when its time has come."""
        self.phone.later(ask.at, lambda: self._ask(ask))

    def _ask(self, ask: Ask) -> None:
        dialog = self.dialogs.get(self._tag_of(ask.tag))
        if dialog is not None:
            dialog.ask(ask.method, has_offer=ask.has_offer)

    def _tag_of(self, number: int) -> str:
        return f"{self._tag}-{number}" if number else self._tag

    # -- what it says ---------------------------------------------------------------

    def _say(self, say: Say) -> None:
        if self._is_silent or (self.final and not 200 <= say.status < 300):
            return
        if self.final >= 300:
            return
        if 300 <= say.status:
            self._refuse(say.status, say.contacts)
        elif say.status == 100:
            self.send(response_to(self.invite, 100))
        else:
            self._dialog(say).say(say)

    def _dialog(self, say: Say) -> PhoneDialog:
        tag = "" if say.flaw == "no-tag" else self._tag_of(say.tag)
        if tag not in self.dialogs:
            self.dialogs[tag] = PhoneDialog(self.phone, self, tag)
        return self.dialogs[tag]

    def _refuse(self, status: int, contacts: tuple[str, ...] = ()) -> None:
        if self.final:
            return
        rows = [("Contact", f"<{contact}>") for contact in contacts]
        response = response_to(self.invite, status, self._tag, rows)
        self.send(response)
        for dialog in self.dialogs.values():
            dialog.end("final response")
        self._failure = Repeater(self.phone, lambda: self.phone.respond(response))

    def send(self, response: WireMessage) -> None:
        """Send a response to the INVITE; the latest one is repeated with it."""
        self._last = response
        if response.status >= 200 and not self.final:
            self.final = response.status
        self.phone.respond(response)

    # -- what comes -----------------------------------------------------------------

    def repeat(self) -> None:
        """The INVITE came again."""
        if self._last is not None:
            self.phone.respond(self._last)

    def failure_acknowledged(self) -> None:
        """The ACK of a refusal came."""
        if self._failure is not None:
            self._failure.stop()

    def cancel_received(self, cancel: WireMessage) -> None:
        """A CANCEL came (RFC 3261 section 9.2)."""
        policy = self.phone.plan.on_cancel
        if policy == "ignore" and not self.final:
            return
        self.phone.answer(cancel, response_to(cancel, 200, self._tag))
        if self.final:
            return
        self.is_cancelled = True
        if policy == "answer":
            self._say(Say(0.0, 200, "own"))
        elif policy == "terminate":
            self._refuse(487)

    def dialog_ended(self) -> None:
        """A BYE has ended an early dialog."""
        if self.phone.plan.on_early_bye == "terminate":
            if all(dialog.is_over for dialog in self.dialogs.values()):
                self._refuse(487)

    def dialog_answered(self, dialog: PhoneDialog, since: str) -> None:
        """A 2xx was sent, or its first ACK came: what counts from there begins."""
        for ask in self.phone.plan.asks:
            if ask.since == since and self._tag_of(ask.tag) == dialog.tag:
                self.ask_later(ask)
