"""One dialog at a simulated phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sipuac.testing.simulation.peer import Repeater
from sipuac.testing.simulation.scenario import Reply, Say
from sipuac.testing.simulation.sdp import answer_to, offer_of
from sipuac.testing.simulation.wire import (
    SDP_TYPE,
    Row,
    Rows,
    WireMessage,
    host_of,
    response_to,
    uri_of,
)

if TYPE_CHECKING:
    from sipuac.testing.simulation.phone import Phone, PhoneCall

ALLOW: Row = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO")


class PhoneDialog:
    """One dialog, early or not.

    Attributes:
        tag: Our tag.
        state: "early", "answered" (2xx sent), "confirmed" (ACK came) or "ended".
        ended_by: What ended it; "" while it lives.
        has_answered: Whether a 2xx was sent in it.
        acks: How many ACKs came for that.
        bye_came: Whether a BYE came, whatever was answered.
    """

    def __init__(self, phone: Phone, call: PhoneCall, tag: str) -> None:
        self.phone = phone
        self.call = call
        self.tag = tag
        self.state = "early"
        self.ended_by = ""
        self.has_answered = False
        self.acks = 0
        self.bye_came = False
        invite = call.invite
        self.call_id = invite.call_id
        self._target = uri_of(invite.get("Contact"))
        self._routes = invite.get_all("Record-Route")
        self._own_number = 0
        self._caller_number = invite.number
        self._rseq = 0
        # Reliable responses without PRACK, by RSeq.
        self._unpracked: dict[int, Repeater] = {}
        self._waiting: list[Say] = []
        self._unacked: dict[int, Repeater] = {}
        self._reinvite: WireMessage | None = None
        self._ack_vias: dict[str, str] = {}
        self._versions = 0
        self._thinking: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state == "ended"

    def end(self, by: str) -> None:
        """It is over."""
        if self.state == "ended":
            return
        self.state, self.ended_by = "ended", by
        self._waiting.clear()
        for repeater in self._unpracked.values():
            repeater.stop()
        self._unpracked.clear()

    # -- responses to the INVITE ----------------------------------------------------

    def say(self, say: Say) -> None:
        """Send a response to the INVITE that makes or keeps this dialog."""
        is_sure = say.is_reliable or say.status >= 200
        if self._unpracked and is_sure and self.phone.plan.waits_for_prack:
            self._waiting.append(say)  # RFC 3262 section 3
            return
        if say.status >= 200 and self.has_answered:
            return
        rows: Rows = [
            (name, value)
            for name, value in self.call.invite.rows
            if name == "Record-Route"
        ]
        rows.append(ALLOW)
        if say.flaw != "no-contact":
            rows.append(("Contact", f"<sip:{self.phone.name}@{self.phone.name}>"))
        is_reliable = say.is_reliable and say.status < 200
        if is_reliable:
            self._rseq += 1
            rows += [("Require", "100rel"), ("RSeq", str(self._rseq))]
        if say.status >= 200 and self.phone.plan.session_expires:
            rows.append(("Session-Expires", self.phone.plan.session_expires))
            rows.append(("Require", "timer"))
        body = self._description(say)
        if body:
            rows.append(SDP_TYPE)
        response = response_to(self.call.invite, say.status, self.tag, rows, body)
        self.call.send(response)
        if say.status == 199:
            self.end("199")
        elif is_reliable:
            self._unpracked[self._rseq] = Repeater(
                self.phone, lambda: self.phone.respond(response), longest=None
            )
        elif say.status >= 200:
            self._answered(response)

    def _description(self, say: Say) -> bytes:
        if not say.sdp:
            return b""
        if say.sdp == "broken":
            return b"v=0\r\nm=audio\r\n"
        host = self.phone.name if say.sdp == "own" else f"{self.phone.name}-other"
        offer = self.call.invite.body
        return answer_to(offer, host) if offer else offer_of(host, self._version())

    def _version(self) -> int:
        self._versions += 1
        return self._versions

    def _answered(self, response: WireMessage) -> None:
        self.has_answered = True
        if self.state == "early":
            self.state = "answered"
        elif self.state == "ended" and self.ended_by == "199":
            self.state = "answered"  # RFC 6228 7: a 199 is no final response
        self._repeat_success(self.call.invite.number, response)
        self.call.dialog_answered(self, "answer")

    def _repeat_success(self, number: int, response: WireMessage) -> None:
        self._unacked[number] = Repeater(
            self.phone, lambda: self.phone.respond(response), self._ack_is_missing
        )

    def _ack_is_missing(self) -> None:
        """RFC 3261 13.3.1.4: the session "SHOULD be terminated" by BYE."""
        if self.state != "ended":
            self.ask("BYE")
            self.ended_by = "no ACK"

    def ack_received(self, ack: WireMessage) -> None:
        """An ACK for a 2xx of this dialog came."""
        repeater = self._unacked.get(ack.number)
        if repeater is None:
            return
        repeater.stop()
        if ack.number != self.call.invite.number:
            return
        self.acks += 1
        if self.state == "answered":
            self.state = "confirmed"
        if self.acks == 1:
            self.call.dialog_answered(self, "ack")

    # -- requests of the caller -----------------------------------------------------

    def accepts(self, request: WireMessage) -> bool:
        """Whether a request is in order, so that it can get a wrong answer."""
        return self.state != "ended" and request.number > self._caller_number

    def is_thinking(self, request: WireMessage) -> bool:
        """Whether this request came before, and its answer is still to come."""
        return request.branch in self._thinking

    def wrong_reply(self, request: WireMessage, reply: Reply) -> None:
        """Answer not what is right, but what the plan says."""
        self._caller_number = max(self._caller_number, request.number)
        if request.method == "BYE":
            # Whatever it says, it was told that the call is over.
            self.bye_came = True
            self.end("BYE")
        if reply.status < 200 or reply.delay:
            self._thinking.add(request.branch)
        if 100 <= reply.status < 200:
            self.phone.keep_waiting(request, reply.status)
            if reply.delay:
                self.phone.later(reply.delay, lambda: self._answer_late(request))
            return
        if not reply.status:
            return
        response = response_to(request, reply.status, rows=[ALLOW])
        if reply.delay:
            self.phone.later(reply.delay, lambda: self.phone.answer(request, response))
        else:
            self.phone.answer(request, response)

    def _answer_late(self, invite: WireMessage) -> None:
        """Answer a re-INVITE that has only rung so far, if it still waits."""
        if self.phone.waits_no_more(invite):
            return
        if self.state == "ended":
            self._reply(invite, 481)
        else:
            self._take_reinvite(invite)

    def request_received(self, request: WireMessage) -> None:
        """A request other than ACK and CANCEL came in this dialog."""
        method = request.method
        if self.state == "ended" and method == "BYE":
            self.bye_came = True
            self._reply(request, 481)
        elif self.state == "ended":
            self._reply(request, 481)
        elif request.number <= self._caller_number:
            if method == "BYE":
                # It was overtaken, but a phone that is told to hang up hangs up.
                self.bye_came = True
            self._reply(request, 500)
        else:
            self._caller_number = request.number
            self._take(request)

    def _take(self, request: WireMessage) -> None:
        method = request.method
        if method == "BYE":
            self._take_bye(request)
        elif method == "PRACK":
            self._take_prack(request)
        elif method == "INVITE":
            self._take_reinvite(request)
        elif method == "UPDATE":
            self._refresh(request)
            self._reply_described(request)
        else:
            self._reply(request, 200)

    def _take_bye(self, request: WireMessage) -> None:
        self.bye_came = True
        self._reply(request, 200)
        was_early = self.state == "early"
        if was_early and self.phone.plan.on_early_bye == "go on":
            return
        self.end("BYE")
        if was_early:
            self.call.dialog_ended()

    def _take_prack(self, prack: WireMessage) -> None:
        rseq, _, rest = prack.get("RAck").partition(" ")
        repeater = self._unpracked.pop(int(rseq), None)
        if repeater is None or rest != f"{self.call.invite.number} INVITE":
            self._reply(prack, 481)
            return
        repeater.stop()
        if self.call.invite.body:
            self._reply_described(prack)
        else:
            self._reply(prack, 200)
        waiting, self._waiting = self._waiting, []
        for say in waiting:
            self.say(say)

    def _take_reinvite(self, request: WireMessage) -> None:
        if self._reinvite is not None:
            self._reply(request, 491)
            return
        self._refresh(request)
        self._repeat_success(request.number, self._reply_described(request))

    def _refresh(self, request: WireMessage) -> None:
        contact = request.get("Contact")
        if contact:
            self._target = uri_of(contact)

    def _reply_described(self, request: WireMessage) -> WireMessage:
        """200; with an answer to an offer, or the offer that an INVITE asks for."""
        rows = [ALLOW, ("Contact", f"<sip:{self.phone.name}@{self.phone.name}>")]
        if self.phone.plan.session_expires and request.get("Session-Expires"):
            rows.append(("Session-Expires", request.get("Session-Expires")))
        body = b""
        if request.body:
            body = answer_to(request.body, self.phone.name)
        elif request.method == "INVITE":
            body = offer_of(self.phone.name, self._version())
        if body:
            rows.append(SDP_TYPE)
        return self._reply(request, 200, rows, body)

    def _reply(
        self,
        request: WireMessage,
        status: int,
        rows: Rows | None = None,
        body: bytes = b"",
    ) -> WireMessage:
        response = response_to(request, status, rows=rows or [ALLOW], body=body)
        self.phone.answer(request, response)
        return response

    # -- requests of its own --------------------------------------------------------

    def ask(self, method: str, *, has_offer: bool = False) -> None:
        """Send a request in this dialog, if it still is one."""
        if self.state == "ended" or (method == "INVITE" and self._reinvite is not None):
            return
        self._own_number += 1
        rows: Rows = [("Via", self.phone.new_via()), ("Max-Forwards", "70")]
        rows += [("Route", route) for route in self._routes]
        invite = self.call.invite
        rows += [
            ("From", f"<{uri_of(invite.get('To'))}>;tag={self.tag}"),
            ("To", invite.get("From")),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{self._own_number} {method}"),
            ("Contact", f"<sip:{self.phone.name}@{self.phone.name}>"),
            ALLOW,
        ]
        body = b""
        if has_offer:
            rows.append(SDP_TYPE)
            body = offer_of(self.phone.name, self._version())
        request = WireMessage(f"{method} {self._target} SIP/2.0", rows, body)
        if method == "INVITE":
            self._reinvite = request
        if method == "BYE":
            self.end("own BYE")
        self.phone.ask(self, request)

    def request_finished(self, request: WireMessage, status: int) -> None:
        """A request of ours has its final response; 408 where none came."""
        if request is self._reinvite:
            self._reinvite = None
        if status in (408, 481) and request.method == "INVITE":
            # RFC 3261 12.2.1.2: "the UAC SHOULD terminate the dialog" by BYE.
            self.ask("BYE")
        elif status == 491 and request.method == "INVITE":
            # 14.1: not the owner of the Call-ID: between 0 and 2 seconds.
            self.phone.later(1.3, lambda: self.ask("INVITE", has_offer=True))

    def ack_via(self, invite: WireMessage, new_via: Callable[[], str]) -> str:
        """The Via of the ACK of a 2xx to this re-INVITE: the same each time."""
        if invite.branch not in self._ack_vias:
            self._ack_vias[invite.branch] = new_via()
        return self._ack_vias[invite.branch]

    @property
    def next_host(self) -> str:
        """The host that its own requests go to."""
        return host_of(self._routes[0]) if self._routes else host_of(self._target)
