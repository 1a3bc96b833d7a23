"""A caller made by hand, for tests of phones and proxy: it does what it is told.

It has no transactions and no dialogs of the package, and sends everything once.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime

from sipuac.syntax.fields import Via
from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import SipUri, Uri, parse_uri
from sipuac.testing.bodies import audio_offer
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.station import Station
from sipuac.transport.interfaces import IFlow, ITransportLayer

OFFER = audio_offer("caller", "192.0.2.100")


class Caller(Station):
    """Sends requests, keeps what comes back."""

    def __init__(
        self,
        network: MemoryNetwork | ITransportLayer,
        clock: IReactorTime,
        next_hop: str,
        host: str = "192.0.2.100",
        protocol: str = "UDP",
    ) -> None:
        self._network: MemoryNetwork | None = None
        if isinstance(network, MemoryNetwork):
            self._network = network
            network = network.transport(host, 5060, protocol)
        super().__init__(network, clock, "caller")
        self.next_hop = parse_uri(next_hop)
        self.identifiers = CountingIdentifiers("caller")
        self._local_cseq = 0
        self.start()

    def invite(
        self,
        target: str,
        sdp: str = OFFER,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """Send an INVITE of a new call; the request as it was sent."""
        body = [("Content-Type", "application/sdp")] if sdp else []
        rows = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:caller@192.0.2.100>;tag={self.identifiers.tag()}"),
            ("To", f"<{target}>"),
            ("Call-ID", self.identifiers.call_id()),
            ("CSeq", "1 INVITE"),
            ("Contact", "<sip:caller@192.0.2.100>"),
            *headers,
            *body,
        ]
        self._local_cseq = 1
        return self.send("INVITE", parse_uri(target), rows, sdp.encode())

    def send(
        self,
        method: str,
        target: Uri,
        rows: list[tuple[str, str]],
        body: bytes = b"",
        via: Via | None = None,
        next_hop: Uri | None = None,
    ) -> Request:
        """Send a request; it gets a Via unless there is one already."""
        requests: list[Request] = []

        def send(flow: IFlow) -> None:
            host, port = flow.sent_by
            branch = ("branch", self.identifiers.branch())
            top = via or Via(flow.transport, host, port, (branch, ("rport", None)))
            requests.append(Request(method, target, rows, body).with_via(top))
            self.send_over(requests[0], flow)

        self.flow_to(next_hop or self.next_hop).addCallback(send)
        if not requests and self._network is not None:
            self._network.advance()  # a connection has to be opened first
        return requests[0]

    def again(self, request: Request) -> None:
        """Send this request once more, as it was."""
        self.flow_to(self.next_hop).addCallback(
            lambda flow: self.send_over(request, flow)
        )

    def cancel(self, invite: Request) -> None:
        """Send CANCEL for this INVITE."""
        rows = [("Max-Forwards", "70")]
        rows += [(n, invite.get(n) or "") for n in ("From", "To", "Call-ID")]
        rows.append(("CSeq", "1 CANCEL"))
        self.send("CANCEL", invite.uri, rows, via=invite.top_via)

    def ack(self, invite: Request, response: Response, sdp: str = "") -> None:
        """Acknowledge a final response."""
        if response.is_success:
            self.ask("ACK", invite, response, cseq=1, sdp=sdp)
            return
        rows = [("Max-Forwards", "70")]
        rows += [("From", invite.get("From") or ""), ("To", response.get("To") or "")]
        rows += [("Call-ID", invite.call_id), ("CSeq", "1 ACK")]
        self.send("ACK", invite.uri, rows, via=invite.top_via)

    def ask(
        self,
        method: str,
        invite: Request,
        response: Response,
        *,
        cseq: int | None = None,
        sdp: str = "",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """Send a request in the dialog that this response made."""
        if cseq is None:
            self._local_cseq += 1
            cseq = self._local_cseq
        routes = [str(route) for route in reversed(response.record_routes)]
        rows = [("Max-Forwards", "70")]
        rows += [("Route", route) for route in routes]
        rows += [
            ("From", invite.get("From") or ""),
            ("To", response.get("To") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        if not any(name == "Contact" for name, _ in rows):
            rows.append(("Contact", "<sip:caller@192.0.2.100>"))
        if sdp:
            rows.append(("Content-Type", "application/sdp"))
        target = response.contacts[0].uri if response.contacts else invite.uri
        next_hop: Uri = self.next_hop
        if routes:
            next_hop = response.record_routes[-1].uri
        elif isinstance(target, SipUri):
            next_hop = target
        return self.send(method, target, rows, sdp.encode(), next_hop=next_hop)

    def answer(
        self, request: Request, status: int, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer a request of somebody else."""
        entry = next(entry for entry in self.trace if entry.message is request)
        host, port = entry.remote
        response = response_to(request, status, headers=headers)
        self.flow_to(SipUri("sip", None, None, host, port)).addCallback(
            lambda flow: self.send_over(response, flow)
        )

    def responses(self, method: str = "INVITE") -> list[Response]:
        """What came back to requests of this method."""
        return [
            message
            for message in self.received
            if isinstance(message, Response) and message.cseq.method == method
        ]

    def statuses(self, method: str = "INVITE") -> list[int]:
        """The statuses of what came back."""
        return [response.status for response in self.responses(method)]

    def requests(self, method: str) -> list[Request]:
        """What others asked of it."""
        return [
            message
            for message in self.received
            if isinstance(message, Request) and message.method == method
        ]
