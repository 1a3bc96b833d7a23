"""Requests that a scripted phone sends, until each has its final response."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from sipuac.syntax.fields_routing import Via
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import Uri
from sipuac.testing.repeater import Repeater
from sipuac.transport.interfaces import IFlow

if TYPE_CHECKING:
    from sipuac.testing.phone import Phone

#: Told of the final response; returns the body of the ACK to a 2xx.
Answered = Callable[[Response], bytes]

_SDP = ("Content-Type", "application/sdp")
# ACKs kept for repeated 2xx.
_MAX_ACKS = 100


class _Asked:
    """A request that waits."""

    __slots__ = ("answered", "flow", "repeater", "request")

    def __init__(
        self, request: Request, flow: IFlow, answered: Answered | None
    ) -> None:
        self.request = request
        self.flow = flow
        self.answered = answered
        self.repeater: Repeater | None = None


class PhoneRequests:
    """The requests of one phone, by branch and method."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._acks: OrderedDict[str, tuple[Request, Uri]] = OrderedDict()

    @property
    def is_idle(self) -> bool:
        """Whether none waits for its final response."""
        return not self._asked

    def send(
        self, request: Request, next_hop: Uri, answered: Answered | None = None
    ) -> None:
        """Send a request, repeated until its final response comes."""
        sent = self._phone.flow_to(next_hop)
        sent.addCallback(lambda flow: self._send_over(request, flow, answered))
        sent.addErrback(self._phone.note)

    def cancel(self, call_id: str) -> None:
        """Send a CANCEL for the INVITE of this call that waits, if one does."""
        for (branch, method), asked in list(self._asked.items()):
            request = asked.request
            is_cancelled = (branch, "CANCEL") in self._asked
            if method == "INVITE" and request.call_id == call_id and not is_cancelled:
                headers = [("Via", request.get("Via") or ""), ("Max-Forwards", "70")]
                headers += [("Route", route) for route in request.get_all("Route")]
                headers += [
                    (name, request.get(name) or "")
                    for name in ("From", "To", "Call-ID")
                ]
                headers.append(("CSeq", f"{request.cseq.number} CANCEL"))
                cancel = Request("CANCEL", request.uri, headers)
                self._start(branch, _Asked(cancel, asked.flow, None))

    def response_received(self, response: Response) -> None:
        """A response came, perhaps again."""
        branch, method = response.branch or "", response.cseq.method
        asked = self._asked.get((branch, method))
        if response.is_provisional:
            return
        if asked is None:
            kept = self._acks.get(branch)
            if kept is not None and response.is_success:
                self.send(*kept)
            return
        if asked.repeater is not None:
            asked.repeater.stop()
        del self._asked[branch, method]
        body = b"" if asked.answered is None else asked.answered(response)
        if method == "INVITE":
            self._acknowledge(branch, asked, response, body)

    def _send_over(
        self, request: Request, flow: IFlow, answered: Answered | None
    ) -> None:
        branch = self._phone.identifiers.branch()
        host, port = flow.sent_by
        via = Via(flow.transport, host, port, (("branch", branch),))
        request = request.with_via(via)
        if request.method == "ACK":
            self._phone.send_over(request, flow)
        else:
            self._start(branch, _Asked(request, flow, answered))

    def _start(self, branch: str, asked: _Asked) -> None:
        phone, request = self._phone, asked.request
        key = (branch, request.method)

        def gave_up() -> None:
            del self._asked[key]
            phone.complain("no answer to our", request)

        self._asked[key] = asked
        asked.repeater = Repeater(
            phone,
            lambda: phone.send_over(request, asked.flow),
            interval=None if asked.flow.is_reliable else phone.t1,
            longest=phone.t2,
            limit=phone.limit,
            gave_up=gave_up,
        )
        phone.send_over(request, asked.flow)

    def _acknowledge(
        self, branch: str, asked: _Asked, response: Response, body: bytes
    ) -> None:
        """ACK the answer to a re-INVITE of its own (sections 13.2.2.4, 17.1.1.3)."""
        invite = asked.request
        headers = [("Max-Forwards", "70")]
        headers += [("Route", route) for route in invite.get_all("Route")]
        headers += [
            ("From", invite.get("From") or ""),
            ("To", response.get("To") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq.number} ACK"),
        ]
        if not response.is_success:
            ack = Request("ACK", invite.uri, headers).with_via(invite.top_via)
            self._phone.send_over(ack, asked.flow)
            return
        if body:
            headers.append(_SDP)
        target = response.contacts[0].uri if response.contacts else invite.uri
        ack = Request("ACK", target, headers, body)
        next_hop = ack.routes[0].uri if ack.routes else target
        self._acks[branch] = (ack, next_hop)
        while len(self._acks) > _MAX_ACKS:
            self._acks.popitem(last=False)
        self.send(ack, next_hop)
