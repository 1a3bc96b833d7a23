"""A registrar: remembers who is where, as RFC 3261 section 10.3 says.

What it does wrong on purpose is asked for by `answers`: responses that come before it
looks at a request at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from sipuac.errors import ParseError
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request, Response, response_to
from sipuac.testing.station import Station
from sipuac.transport.interfaces import IFlow, ITransportLayer

Row = tuple[str, str]


@dataclass(slots=True)
class _Bound:
    contact: NameAddress
    call_id: str
    cseq: int
    ends_at: float


class Registrar(Station):
    """Answers REGISTER.

    Args:
        transport: Where it listens.
        clock: The only source of time.
        min_expires: Seconds; less is answered 423.
        max_expires: Seconds; more is shortened to it.
        fields: Further fields of its 2xx, such as Service-Route.
        name: What it is called in the logs.

    Attributes:
        answers: Statuses with further fields, each given to one request in place of
            the right answer; status 0 is silence.
        requests: Every REGISTER that it got, without retransmissions.
    """

    def __init__(
        self,
        transport: ITransportLayer,
        clock: IReactorTime,
        *,
        min_expires: int = 1,
        max_expires: int = 3600,
        fields: Sequence[Row] = (),
        name: str = "registrar",
    ) -> None:
        super().__init__(transport, clock, name)
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.fields = list(fields)
        self.answers: deque[tuple[int, Sequence[Row]]] = deque()
        self.requests: list[Request] = []
        self._bindings: dict[str, list[_Bound]] = {}
        self._answered: dict[str, Response | None] = {}

    def contacts(self, address: str) -> list[str]:
        """The URIs that are bound to an address-of-record now."""
        return [str(bound.contact.uri) for bound in self._current(address)]

    def bind(self, address: str, contact: str, seconds: int = 3600) -> None:
        """Bind an address as another user agent would."""
        ends_at = self.clock.seconds() + seconds
        bound = _Bound(NameAddress.parse(contact), "of another", 1, ends_at)
        self._bindings.setdefault(address, []).append(bound)

    def request_received(self, request: Request, flow: IFlow) -> None:
        """See `Station`."""
        key = f"{request.branch} {request.method}"
        if key not in self._answered:
            self.requests.append(request)
            self._answered[key] = self._answer(request)
        response = self._answered[key]
        if response is not None:
            self.reply(request, flow, response)

    def _answer(self, request: Request) -> Response | None:
        if self.answers:
            status, fields = self.answers.popleft()
            if not status:
                return None
            return response_to(request, status, to_tag=self.name, headers=fields)
        if request.method != "REGISTER":
            return response_to(request, 405, to_tag=self.name)
        try:
            return self._register(request)
        except ParseError as error:
            return response_to(request, error.status_hint, to_tag=self.name)

    def _current(self, address: str) -> list[_Bound]:
        now = self.clock.seconds()
        kept = [one for one in self._bindings.get(address, ()) if one.ends_at > now]
        self._bindings[address] = kept
        return kept

    def _register(self, request: Request) -> Response:
        address = str(request.to.uri)
        bindings = self._current(address)
        asked: list[tuple[NameAddress, int]] = []
        for contact in request.contacts:
            seconds = contact.expires
            if seconds is None:
                seconds = request.expires
            if seconds is None:
                seconds = self.max_expires
            if 0 < seconds < min(self.min_expires, 3600):
                least = (("Min-Expires", str(self.min_expires)),)
                return response_to(request, 423, to_tag=self.name, headers=least)
            asked.append((contact, min(seconds, self.max_expires)))
        for contact, seconds in asked:
            # Step 7: "the registrar MUST [...] compare" Call-ID and CSeq of a binding.
            for bound in list(bindings):
                if bound.contact.uri.is_equivalent(contact.uri):
                    is_same = bound.call_id == request.call_id
                    if is_same and bound.cseq >= request.cseq.number:
                        return response_to(request, 500, to_tag=self.name)
                    bindings.remove(bound)
            if seconds:
                ends_at = self.clock.seconds() + seconds
                number = request.cseq.number
                bound = _Bound(contact, request.call_id, number, ends_at)
                bindings.append(bound)
        now = self.clock.seconds()
        rows = tuple(
            (
                "Contact",
                str(
                    bound.contact.with_parameter(
                        "expires", str(round(bound.ends_at - now))
                    )
                ),
            )
            for bound in bindings
        )
        return response_to(
            request, 200, to_tag=self.name, headers=(*rows, *self.fields)
        )
