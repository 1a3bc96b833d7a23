"""A dialog at a scripted phone (RFC 3261 section 12, seen from the callee)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from sipuac.errors import ParseError
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import Uri
from sipuac.testing.phone_media import PhoneMedia
from sipuac.testing.repeater import Repeater
from sipuac.testing.script import HELD_SDP, OWN_SDP, Ask, Respond
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.phone_call import PhoneCall

SDP = ("Content-Type", "application/sdp")


class PhoneDialog:
    """One dialog, early or not.

    Attributes:
        to_tag: Our tag; "" without one.
        state: "early", "answered" (2xx sent), "confirmed" (ACK came) or "ended".
        ended_by: "BYE", "own BYE", "199", "final response", "no ACK" or "vanished";
            None while it lives.
        has_answered: Whether a 2xx was sent in it.
        was_byed_early: Whether a BYE came before the answer and was answered 2xx.
        acks: The ACKs that came for its 2xx, repeated ones included.
        descriptions: Session descriptions that came, the INVITE's not counted.
        media: What it describes itself.
        statuses: How its own requests were answered, in order.
    """

    def __init__(self, call: PhoneCall, to_tag: str) -> None:
        self.call = call
        self.phone = call.phone
        self.to_tag = to_tag
        self.state = "early"
        self.ended_by: str | None = None
        self.has_answered = False
        self.was_byed_early = False
        self.acks: list[Request] = []
        self.descriptions: list[str] = []
        self.statuses: list[int] = []
        invite = call.invite
        self._local_cseq = 0
        self._remote_cseq = invite.cseq.number
        contacts = invite.contacts
        self._remote_target: Uri = contacts[0].uri if contacts else invite.uri
        self._route_set = [str(route) for route in invite.record_routes]
        self._contact: Uri | None = None
        self._rseq = 0
        self._unpracked: tuple[int, Repeater] | None = None
        self._waiting: deque[Respond] = deque()
        self._unacked: dict[int, Repeater] = {}
        self._acked: set[int] = set()
        self._refused: set[int] = set()
        self._owes_answer = False
        self._is_exchange_done = False
        self.media = PhoneMedia(self.phone.name, self.phone.media_host)
        # Its own re-INVITE, and the caller's that it thinks about.
        self._own_invite: Ask | None = None
        self._pending: tuple[Request, IFlow, IDelayedCall] | None = None
        self._refusals: dict[int, Repeater] = {}
        self._ignored: set[int] = set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended and nothing is repeated any more."""
        return self.state == "ended" and not any(
            repeater.is_running
            for repeater in (*self._unacked.values(), *self._refusals.values())
        )

    @property
    def is_asking(self) -> bool:
        """Whether a re-INVITE of its own waits for its final response."""
        return self._own_invite is not None

    # -- responses to the INVITE ----------------------------------------------------

    def respond(self, step: Respond) -> None:
        """Send a response that makes or keeps this dialog: 101 to 299.

        While a reliable provisional response waits for its PRACK the next reliable one
        and the answer wait too (RFC 3262 section 3).
        """
        if self._unpracked is not None and (step.is_reliable or step.status >= 200):
            self._waiting.append(step)
            return
        is_sure = step.is_reliable or step.status >= 200
        body = self._body(step.sdp, is_sure)
        headers = list(self.call.script.headers)
        headers += self._capabilities(step.has_contact)
        if step.is_reliable and step.status < 200:
            self._rseq += 1
            headers += [("Require", "100rel"), ("RSeq", str(self._rseq))]
        headers += step.headers
        if body:
            headers.append(SDP)
        response = response_to(
            self.call.invite,
            step.status,
            step.phrase,
            to_tag=self.to_tag or None,
            headers=headers,
            body=body,
        )
        if step.status >= 200:
            self._answer(response)
        elif step.is_reliable:
            self._unpracked = (self._rseq, self._repeat_provisional(response))
        self.call.send(response)
        if step.status == 199:
            self.end("199")

    def ack_received(self, ack: Request) -> bool:
        """An ACK bears the tags of this dialog; False if it is for nothing here."""
        number = ack.cseq.number
        refusal = self._refusals.get(number)
        if refusal is not None:
            refusal.stop()
            return True
        repeater = self._unacked.pop(number, None)
        if repeater is None:
            if number in self._refused:
                return True
            if number in self._acked:
                self.acks.append(ack)
            return number in self._acked
        repeater.stop()
        self._acked.add(number)
        self.acks.append(ack)
        self._take_description(ack)
        if self._owes_answer and not ack.body:
            self.phone.complain("no answer to our offer in", ack)
        self._owes_answer = False
        if self.state == "answered":
            self.state = "confirmed"
            self.call.first_ack_came(self)
        return True

    def end(self, by: str) -> None:
        """The dialog is over; what waits for an ACK goes on waiting."""
        if self.state == "ended":
            return
        self.state = "ended"
        self.ended_by = by
        self._waiting.clear()
        self._answer_pending(487)
        if self._unpracked is not None:
            self._unpracked[1].stop()
            self._unpracked = None
        if by == "vanished":
            for repeater in (*self._unacked.values(), *self._refusals.values()):
                repeater.stop()

    # -- requests of the caller -----------------------------------------------------

    def request_received(self, request: Request, flow: IFlow) -> None:
        """A request other than ACK and CANCEL bears the tags of this dialog."""
        if self.state == "ended" and request.method != "PRACK":
            self._reply(request, flow, 481)
            return
        number = request.cseq.number
        is_pending = self._pending is not None and self._pending[0] == request
        if number in self._ignored or is_pending:
            return  # it came again
        if number <= self._remote_cseq:
            # RFC 3261 12.2.2: lower than the remote sequence number: "the request is
            # out of order and MUST be rejected with a 500".
            self.phone.complain("CSeq not above the one before in", request)
            self._reply(request, flow, 500)
            return
        self._remote_cseq = number
        self._check_target(request)
        script = self.call.script
        replies = script.early_replies if self.state == "early" else script.replies
        if request.method in replies:
            status = replies[request.method]
            if status is None:
                self._ignored.add(number)
            else:
                self._reply(request, flow, status, self._allow())
            return
        self._take(request, flow)

    def _take(self, request: Request, flow: IFlow) -> None:
        method = request.method
        if method == "BYE":
            self._take_bye(request, flow)
        elif method == "PRACK":
            self._take_prack(request, flow)
        elif method == "OPTIONS":
            self._reply(request, flow, 200, self._allow())
        elif method not in self.call.script.allow:
            self._reply(request, flow, 405, self._allow())
        elif method == "INVITE":
            self._take_reinvite(request, flow)
        elif method == "UPDATE":
            self._refresh_target(request)
            self._reply_with_answer(request, flow)
        else:
            self._reply(request, flow, 200)

    def _take_bye(self, request: Request, flow: IFlow) -> None:
        self._reply(request, flow, 200)
        if self.state != "early":
            self.end("BYE")
            return
        self.was_byed_early = True
        if self.call.script.on_early_bye == "terminate":
            self.end("BYE")
            self.call.dialog_ended(self)

    def _take_prack(self, prack: Request, flow: IFlow) -> None:
        acknowledged = (prack.get("RAck") or "").split()
        cseq = self.call.invite.cseq
        if self._unpracked is None or acknowledged != [
            str(self._unpracked[0]),
            str(cseq.number),
            cseq.method,
        ]:
            self._reply(prack, flow, 481)
            return
        self._unpracked[1].stop()
        self._unpracked = None
        if self._owes_answer:
            if not prack.body:
                self.phone.complain("no answer to our offer in", prack)
            self._owes_answer = False
            self._take_description(prack)
            self._reply(prack, flow, 200)
        else:
            self._reply_with_answer(prack, flow)
        while self._waiting and self._unpracked is None:
            self.respond(self._waiting.popleft())

    def _take_reinvite(self, request: Request, flow: IFlow) -> None:
        if self._own_invite is not None:
            self._reply(request, flow, 491)
            return
        if self._pending is not None:
            self.phone.complain(
                "a second INVITE before the answer to the first", request
            )
            self._reply(request, flow, 500, [("Retry-After", "0")])
            return
        delay = self.call.script.reinvite_delay
        if delay <= 0:
            self._accept_reinvite(request, flow)
            return
        ringing = response_to(request, 180, headers=self._capabilities(True))
        self.phone.reply(request, flow, ringing)

        def accept() -> None:
            self._pending = None
            self._accept_reinvite(request, flow)

        self._pending = (request, flow, self.phone.later(delay, accept))

    def cancel_received(self, cancel: Request, flow: IFlow) -> bool:
        """A CANCEL came; whether it is for the re-INVITE that waits here."""
        if self._pending is None:
            return False
        if self._pending[0].branch != cancel.branch:
            return False
        self.phone.answer(cancel, flow, response_to(cancel, 200))
        self._answer_pending(487)
        return True

    def _answer_pending(self, status: int) -> None:
        if self._pending is not None:
            request, flow, call = self._pending
            self._pending = None
            self.phone.forget(call)
            if self.ended_by != "vanished":
                self._reply(request, flow, status)

    def _accept_reinvite(self, request: Request, flow: IFlow) -> None:
        self._refresh_target(request)
        response = self._reply_with_answer(request, flow)
        self._repeat_answer(request, flow, response)

    # -- requests of the phone ------------------------------------------------------

    def ask(self, step: Ask) -> None:
        """Send a request inside this dialog."""
        if step.method == "CANCEL":
            self.phone.cancel_request(self.call.invite.call_id)
            return
        if step.method == "INVITE" and self._pending is not None:
            # RFC 3261 14.1: not while the caller's is in progress.
            self.phone.later(1.0, lambda: self._ask_again(step))
            return
        self._local_cseq += 1
        invite = self.call.invite
        to_tag = f";tag={self.to_tag}" if self.to_tag else ""
        headers = [("Max-Forwards", "70")]
        headers += [("Route", route) for route in self._route_set]
        headers += [
            ("From", f"<{invite.to.uri}>{to_tag}"),
            ("To", invite.get("From") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{self._local_cseq} {step.method}"),
        ]
        headers += self._capabilities(has_contact=True)
        headers += step.headers
        body = b""
        if step.sdp is not None:
            body = self._described(step.sdp)
            headers.append(SDP)
        request = Request(step.method, self._remote_target, headers, body)
        next_hop = self._remote_target
        if self._route_set:
            next_hop = request.routes[0].uri
        if step.method == "INVITE":
            self._own_invite = step
        self.phone.send_request(
            request, next_hop, lambda response: self._answered(step, response)
        )
        if step.method == "BYE":
            self.end("own BYE")

    def _described(self, sdp: str) -> bytes:
        """The offer that a step names."""
        if sdp not in (OWN_SDP, HELD_SDP):
            return sdp.encode()
        self.media.is_held = sdp == HELD_SDP
        return self.media.offer()

    def _answered(self, step: Ask, response: Response) -> bytes:
        """The final response to a request of its own; returns the body of the ACK."""
        self.statuses.append(response.status)
        if step.method != "INVITE":
            return b""
        self._own_invite = None
        if response.status == 491 and step.may_retry:
            # RFC 3261 14.1: one that does not own the Call-ID waits 0 to 2 s.
            self.phone.later(1.0, lambda: self._ask_again(step))
        if not response.is_success or not response.body:
            return b""
        self.descriptions.append(response.body.decode("utf-8", "replace"))
        return b"" if step.sdp is not None else self.media.answer(response.body)

    def _ask_again(self, step: Ask) -> None:
        if self.state == "confirmed":
            self.ask(replace(step, may_retry=False))

    # -- inside ---------------------------------------------------------------------

    def _answer(self, response: Response) -> None:
        self.has_answered = True
        self._repeat_answer(self.call.invite, self.call.flow, response)
        if self.was_byed_early:
            self.end("BYE")
        elif self.state == "early":
            self.state = "answered"

    def _repeat_answer(self, request: Request, flow: IFlow, response: Response) -> None:
        # RFC 3261 13.3.1.4: the 2xx is repeated "independent of whatever transport
        # protocols are used".
        self._unacked[request.cseq.number] = Repeater(
            self.phone,
            lambda: self.phone.reply(request, flow, response),
            interval=self.phone.t1,
            longest=self.phone.t2,
            limit=self.phone.limit,
            gave_up=lambda: self._missed_ack(response),
        )

    def _missed_ack(self, response: Response) -> None:
        self.phone.complain("no ACK for", response)
        if self.state != "ended":
            self.ask(Ask(0.0, "BYE"))
            self.ended_by = "no ACK"

    def _repeat_provisional(self, response: Response) -> Repeater:
        return Repeater(
            self.phone,
            lambda: self.call.send(response),
            interval=self.phone.t1,
            longest=None,
            limit=self.phone.limit,
            gave_up=lambda: self.phone.complain("no PRACK for", response),
        )

    def _body(self, sdp: str | None, is_sure: bool) -> bytes:
        """The body of a response; `is_sure`: it is a reliable one."""
        if sdp is None:
            return b""
        if sdp != OWN_SDP:
            return sdp.encode()
        if self._is_exchange_done:
            return b""
        self._is_exchange_done = is_sure
        if self.call.invite.body:
            return self.media.answer(self.call.invite.body)
        self._owes_answer = is_sure
        return self.media.offer()

    def _reply_with_answer(self, request: Request, flow: IFlow) -> Response:
        """Answer 200; with an answer where there is an offer, as re-INVITE may want."""
        headers = self._capabilities(has_contact=True)
        body = b""
        if request.body:
            self._take_description(request)
            body = self.media.answer(request.body)
        elif request.method == "INVITE":
            body = self.media.offer()
            self._owes_answer = True
        if request.method in ("INVITE", "UPDATE"):
            headers += self.call.script.refresh_headers
        if body:
            headers.append(SDP)
        return self._reply(request, flow, 200, headers, body)

    def _reply(
        self,
        request: Request,
        flow: IFlow,
        status: int,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> Response:
        if request.method == "INVITE" and status >= 300:
            self._refused.add(request.cseq.number)
        response = response_to(request, status, headers=headers or (), body=body)
        self.phone.answer(request, flow, response)
        if request.method == "INVITE" and status >= 300:
            self._refusals[request.cseq.number] = Repeater(
                self.phone,
                lambda: self.phone.reply(request, flow, response),
                interval=None if flow.is_reliable else self.phone.t1,
                longest=self.phone.t2,
                limit=self.phone.limit,
                gave_up=lambda: self.phone.complain("no ACK for", response),
            )
        return response

    def _take_description(self, request: Request) -> None:
        if request.body:
            self.descriptions.append(request.body.decode("utf-8", "replace"))

    def _refresh_target(self, request: Request) -> None:
        if request.contacts:
            self._remote_target = request.contacts[0].uri

    def _check_target(self, request: Request) -> None:
        try:
            is_ours = self._contact is None or self._contact.is_equivalent(request.uri)
        except ParseError:
            is_ours = False
        if not is_ours:
            self.phone.complain("Request-URI is not our Contact in", request)

    def _capabilities(self, has_contact: bool) -> list[tuple[str, str]]:
        fields = self._allow()
        if has_contact:
            self._contact = self.phone.contact(self.call.flow)
            fields.append(("Contact", f"<{self._contact}>"))
        return fields

    def _allow(self) -> list[tuple[str, str]]:
        allow = self.call.script.allow
        return [("Allow", ", ".join(allow))] if allow else []
