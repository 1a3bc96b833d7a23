"""Scripted phones: they ring, answer, refuse and vanish as told, and watch the caller.

A `Phone` behaves as a real one does where its script does not say otherwise: it answers
OPTIONS and UPDATE in early dialogs, repeats its 200 until the ACK comes, answers a
CANCEL with 200 and the INVITE with 487. What it received is its verdict on the caller:
`acked`, `byed`, `is_idle`, and `complaints` for what no caller should do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from sipuac.errors import TransportFailed
from sipuac.resolver import IResolver
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.syntax.uri import SipUri, Uri
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.phone_call import PhoneCall, TransactionKey, transaction_key
from sipuac.testing.phone_dialog import PhoneDialog
from sipuac.testing.phone_requests import Answered, PhoneRequests
from sipuac.testing.script import DEFAULT_ALLOW, Script, Step
from sipuac.testing.station import Station
from sipuac.transport.interfaces import IFlow, ITransportLayer
from sipuac.ua.identifiers import Identifiers

# Answers kept for retransmitted requests.
_MAX_ANSWERS = 1000


class Phone(Station):
    """A phone that does what its script says.

    Args:
        transport: Where it listens; it becomes its receiver.
        clock: The only source of time.
        script: A script, or just its steps; may be changed between calls.
        name: Its user part, and the prefix of its identifiers: unique among phones.
        identifiers: Its tags and branches; counted ones by default.
        t1: The estimate of the round-trip time, seconds (RFC 3261 section 17).
        t2: The longest interval of repeated responses, seconds.
        resolver: Finds the next hop of its own requests.

    Attributes:
        calls: The calls that it got, one for each INVITE transaction.
        complaints: What the caller did wrong, in words; empty where all was well.
    """

    def __init__(
        self,
        transport: ITransportLayer,
        clock: IReactorTime,
        script: Script | Sequence[Step] = (),
        *,
        name: str = "phone",
        identifiers: Identifiers | None = None,
        t1: float = 0.5,
        t2: float = 4.0,
        resolver: IResolver | None = None,
    ) -> None:
        super().__init__(transport, clock, name, resolver)
        self.script = script if isinstance(script, Script) else Script(*script)
        self.identifiers: Identifiers = identifiers or CountingIdentifiers(name)
        self.t1 = t1
        self.t2 = t2
        self.media_host = "192.0.2.1"
        self.calls: list[PhoneCall] = []
        self.complaints: list[str] = []
        self._answers: OrderedDict[tuple[TransactionKey, str], Response] = OrderedDict()
        self._own_requests = PhoneRequests(self)

    # -- the verdict ----------------------------------------------------------------

    @property
    def dialogs(self) -> list[PhoneDialog]:
        """All dialogs of all calls."""
        return [dialog for call in self.calls for dialog in call.dialogs.values()]

    @property
    def invites(self) -> list[Request]:
        """The INVITEs that began a call, without retransmissions."""
        return [call.invite for call in self.calls]

    @property
    def is_idle(self) -> bool:
        """Whether it neither rings, nor talks, nor waits for anything."""
        return self._own_requests.is_idle and all(
            call.is_over or call.has_vanished for call in self.calls
        )

    @property
    def acked(self) -> bool:
        """Whether it answered, and an ACK came for each dialog that it answered in."""
        answered = [dialog for dialog in self.dialogs if dialog.has_answered]
        return bool(answered) and all(dialog.acks for dialog in answered)

    @property
    def byed(self) -> bool:
        """Whether a BYE ended a dialog of it, answered or early."""
        return any(dialog.ended_by == "BYE" for dialog in self.dialogs)

    @property
    def byed_early(self) -> bool:
        """Whether a BYE came on an early dialog."""
        return any(dialog.was_byed_early for dialog in self.dialogs)

    @property
    def cancelled(self) -> bool:
        """Whether a CANCEL came while it had not answered yet."""
        return any(call.is_cancelled for call in self.calls)

    @property
    def in_call(self) -> bool:
        """Whether it has a dialog that was answered, ACKed and not ended."""
        return any(dialog.state == "confirmed" for dialog in self.dialogs)

    def requests(self, method: str = "") -> list[Request]:
        """The requests that came, of one method or all, without retransmissions."""
        seen: dict[tuple[TransactionKey, str], Request] = {}
        for message in self.received:
            if isinstance(message, Request) and method in ("", message.method):
                key = (transaction_key(message), message.method)
                seen.setdefault(key, message)
        return list(seen.values())

    def responses(self, method: str = "") -> list[Response]:
        """The responses that came to its own requests, of one method or all."""
        return [
            message
            for message in self.received
            if isinstance(message, Response) and method in ("", message.cseq.method)
        ]

    # -- what comes -----------------------------------------------------------------

    def request_received(self, request: Request, flow: IFlow) -> None:
        """See `Station`."""
        key = (transaction_key(request), request.method)
        if request.method != "ACK" and key in self._answers:
            self.reply(request, flow, self._answers[key])
            return
        if request.method == "ACK":
            calls = self._calls_of(request)
            # Several INVITEs of one Call-ID: the ACK finds the one that it is for.
            if not any(call.ack_received(request) for call in calls):
                self.complain("nothing to acknowledge for", request)
        elif request.method == "CANCEL":
            self._cancel_received(request, flow)
        elif request.method == "INVITE" and request.to_tag is None:
            self._invite_received(request, flow)
        else:
            self._other_received(request, flow)

    def response_received(self, response: Response, flow: IFlow) -> None:
        """See `Station`."""
        self._own_requests.response_received(response)

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `Station`."""
        self.trouble.append(error)

    def _invite_received(self, invite: Request, flow: IFlow) -> None:
        key = transaction_key(invite)
        for call in self.calls:
            if transaction_key(call.invite) == key:
                call.invite_repeated()
                return
        call = PhoneCall(self, invite, flow, self.script)
        self.calls.append(call)
        call.begin()

    def _cancel_received(self, cancel: Request, flow: IFlow) -> None:
        key = transaction_key(cancel)
        for call in self.calls:
            if transaction_key(call.invite) == key:
                if not call.has_vanished:
                    call.cancel_received(cancel, flow)
                return
        for dialog in self.dialogs:
            if dialog.cancel_received(cancel, flow):
                return
        self.complain("nothing to cancel for", cancel)
        self.answer(cancel, flow, response_to(cancel, 481, to_tag=self._tag()))

    def _other_received(self, request: Request, flow: IFlow) -> None:
        for call in self._calls_of(request):
            dialog = call.dialogs.get(request.to_tag or "")
            if dialog is not None:
                if not call.has_vanished:
                    dialog.request_received(request, flow)
                return
        if request.to_tag is None and request.method == "OPTIONS":
            allow = [("Allow", ", ".join(self.script.allow or DEFAULT_ALLOW))]
            response = response_to(request, 200, to_tag=self._tag(), headers=allow)
        else:
            self.complain("no dialog for", request)
            tag = None if request.to_tag else self._tag()
            response = response_to(request, 481, to_tag=tag)
        self.answer(request, flow, response)

    def _calls_of(self, request: Request) -> list[PhoneCall]:
        return [
            call
            for call in self.calls
            if call.invite.call_id == request.call_id
            and call.invite.from_tag == request.from_tag
        ]

    # -- for its calls --------------------------------------------------------------

    @property
    def limit(self) -> float:
        """How long it waits for an ACK or a response: 64*T1 seconds."""
        return 64 * self.t1

    def contact(self, flow: IFlow) -> SipUri:
        """Its Contact URI for peers on this flow."""
        host, port = flow.sent_by
        uri = SipUri("sip", self.name, None, host, port)
        if flow.transport == "UDP":
            return uri
        return uri.with_parameter("transport", flow.transport.lower())

    def complain(self, what: str, message: Message) -> None:
        """Note something that the caller should not have done."""
        start_line = message.render().split(b"\r\n", 1)[0].decode("utf-8", "replace")
        self.complaints.append(f"{self.name}: {what} {start_line} ({message.cseq})")

    def answer(self, request: Request, flow: IFlow, response: Response) -> None:
        """Send the final response to a request, now and whenever it is repeated."""
        self._answers[transaction_key(request), request.method] = response
        while len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)
        self.reply(request, flow, response)

    def send_request(
        self, request: Request, next_hop: Uri, answered: Answered | None = None
    ) -> None:
        """Send a request of its own, repeated until its final response comes.

        Args:
            request: The request, without Via.
            next_hop: Where it goes.
            answered: Told of the final response; returns the body of the ACK.
        """
        self._own_requests.send(request, next_hop, answered)

    def cancel_request(self, call_id: str) -> None:
        """Cancel the INVITE of its own that waits in this call."""
        self._own_requests.cancel(call_id)

    # -- inside ---------------------------------------------------------------------

    def _tag(self) -> str:
        return self.identifiers.tag()
