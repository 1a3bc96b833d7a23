"""A peer that does nothing by itself: the test says every word of it."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.syntax.uri import parse_uri
from sipuac.testing.bodies import answer_to
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.media import ScriptedMedia
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.resolver import LiteralResolver
from sipuac.transaction.timers import Timers
from sipuac.transport.interfaces import IFlow, IMessageReceiver
from sipuac.ua.admission import AdmissionLimits
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter

HOST = "peer.invalid"
TARGET = f"sip:bob@{HOST}"


@implementer(IMessageReceiver)
class Peer:
    """Receives, and sends what it is told to.

    Attributes:
        received: Every message that came, retransmissions included.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        host: str = HOST,
        *protocols: str,
        port: int = 5060,
    ) -> None:
        self.host = host
        self.transport = network.transport(host, port, *(protocols or ("UDP", "TCP")))
        self.transport.set_receiver(self)
        self.transport.start()
        self.received: list[Message] = []
        self.flow: IFlow | None = None
        self._branches = 0

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        self.received.append(message)
        self.flow = flow

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""

    @property
    def methods(self) -> list[str]:
        """The methods of all requests that came, in order, without retransmissions."""
        requests = [m for m in self.received if isinstance(m, Request)]
        return [
            method
            for _, method in dict.fromkeys((m.branch, m.method) for m in requests)
        ]

    @property
    def statuses(self) -> list[int]:
        """The statuses of all responses that came, in order."""
        return [m.status for m in self.received if isinstance(m, Response)]

    def requests(self, method: str) -> list[Request]:
        """All requests of one method, retransmissions included."""
        return [
            message
            for message in self.received
            if isinstance(message, Request) and message.method == method
        ]

    def last(self, method: str) -> Request:
        """The last request of this method."""
        return self.requests(method)[-1]

    def send(self, message: Message) -> None:
        """Send a message over the flow that brought the last one."""
        assert self.flow is not None
        self.flow.send(message.render())

    def answer(
        self,
        request: Request,
        status: int,
        tag: str | None = "a",
        *,
        sdp: bool = False,
        contact: str | None = f"<sip:bob@{HOST}>",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Send a response to a request of theirs, with what usually is in it."""
        fields = [*headers]
        body = b""
        if contact is not None and request.method == "INVITE" and status < 300:
            fields.append(("Contact", contact))
        if sdp:
            fields.append(("Content-Type", "application/sdp"))
            offer = self.requests("INVITE")[0].body.decode()
            body = answer_to(offer, "bob", "192.0.2.9").encode()
        response = response_to(request, status, to_tag=tag, headers=fields, body=body)
        self.send(response)
        return response

    def ask(
        self,
        method: str,
        tag: str = "a",
        cseq: int = 1,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        """Send a request in the dialog that this tag made with the last INVITE."""
        assert self.flow is not None
        invite = self.last("INVITE")
        self._branches += 1
        transport = self.flow.transport
        request = Request(
            method,
            invite.contacts[0].uri,
            [
                ("Via", f"SIP/2.0/{transport} {HOST};branch=z9hG4bKp{self._branches}"),
                ("Max-Forwards", "70"),
                ("From", f"{invite.get('To')};tag={tag}"),
                ("To", invite.get("From") or ""),
                ("Call-ID", invite.call_id),
                ("CSeq", f"{cseq} {method}"),
                *headers,
            ],
            body,
        )
        self.send(request)
        return request


def instances_of(*classes: type) -> list[object]:
    """All objects of these classes that are alive after a collection."""
    gc.collect()
    return [one for one in gc.get_objects() if type(one) in classes]


class PeerTestCase(SynchronousTestCase):
    """Tests of a caller whose next hop is a `Peer`."""

    protocol = "UDP"
    max_transactions = 1_000
    admission: AdmissionLimits | None = None

    def setUp(self) -> None:
        """Put a caller and a peer into a new network."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.identifiers = CountingIdentifiers("caller")
        self.endpoint = Endpoint(
            self.clock,
            self.network.transport("caller.invalid", 5060, "UDP", "TCP"),
            LiteralResolver(None, "nowhere.invalid"),
            identifiers=self.identifiers,
            timers=Timers(),
            max_transactions=self.max_transactions,
            chance=lambda: 0.0,
            admission=self.admission,
        )
        self.successResultOf(self.endpoint.start())
        self.media = ScriptedMedia(self.clock)
        self.inviter = Inviter(
            self.endpoint, "Caller <sip:caller@example.invalid>", media=self.media
        )
        self.peer = Peer(self.network)
        self.advance()

    @property
    def target(self) -> str:
        """Bob, over the transport of this test case."""
        return TARGET if self.protocol == "UDP" else f"{TARGET};transport=tcp"

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass, and what is on its way arrive."""
        self.network.advance(seconds)
        for _ in range(6):
            self.network.advance(0.0)

    def invite(self, **options: Any) -> Invitation:
        """Call Bob; the INVITE has arrived when this returns."""
        asked = self.inviter.invite(self.target, **options)
        self.advance()
        return self.successResultOf(asked)

    def flow(self) -> IFlow:
        """A flow from the caller to the peer."""
        found = self.endpoint.flow_to(parse_uri(self.target))
        self.advance()
        return self.successResultOf(found)

    def assert_nothing_left(self) -> None:
        """No call, no transaction, no timer, no media session, no error in a log."""
        self.network.settle(2_000)
        endpoint = self.endpoint
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])
        self.assertEqual(len(endpoint._transactions), 0)
        self.assertEqual((endpoint._clients, endpoint._intake.servers), ({}, {}))
        self.assertEqual(endpoint._waiting_on, {})
        self.assertEqual(len(endpoint._queue), 0)
        self.assertEqual(endpoint.counters["internal-errors"], 0)
        self.media.check()
        self.assertEqual(self.flushLoggedErrors(), [])
