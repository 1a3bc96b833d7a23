"""Alice, who is sipuac, and Bob, who does nothing by himself, with time between them.

What both send in the same instant crosses on the way, as in the figures of RFC 5407.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.media import ScriptedMedia
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.packets import Packet
from sipuac.testing.resolver import LiteralResolver
from sipuac.transport.interfaces import IFlow, IMessageReceiver
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter

ALICE = "client.atlanta.example.com"
BOB = "client.biloxi.example.com"
CONTACT = f"<sip:bob@{BOB}>"
TAG = "8321234356"
HOP = 0.1
"""Seconds that every message takes."""


@implementer(IMessageReceiver)
class Bob:
    """The callee, word by word.

    Attributes:
        heard: All that reached him, in order, retransmissions too.
        tag: His To tag.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self.transport = network.transport(BOB, 5060, "UDP")
        self.transport.set_receiver(self)
        self.transport.start()
        self.heard: list[Message] = []
        self.tag = TAG
        self._flow: IFlow | None = None
        self._branches = 0
        self._version = 2890844527

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        self.heard.append(message)
        self._flow = flow

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""

    def requests(self, method: str) -> list[Request]:
        """The requests of this method that reached him, retransmissions too."""
        return [
            message
            for message in self.heard
            if isinstance(message, Request) and message.method == method
        ]

    def responses(self, method: str) -> list[Response]:
        """The responses to his own requests of this method."""
        return [
            message
            for message in self.heard
            if isinstance(message, Response) and message.cseq.method == method
        ]

    def send(self, message: Message) -> None:
        """Send this, as it is."""
        assert self._flow is not None
        self._flow.send(message.render())

    def sdp(self, direction: str = "sendrecv") -> bytes:
        """His next session description."""
        version = self._version
        self._version += 1
        lines = [
            "v=0",
            f"o=bob 2890844527 {version} IN IP4 {BOB}",
            "s=-",
            "c=IN IP4 192.0.2.201",
            "t=0 0",
            "m=audio 3456 RTP/AVP 0",
            "a=rtpmap:0 PCMU/8000",
            f"a={direction}",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def respond(
        self,
        request: Request,
        status: int,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Send a response to a request of Alice."""
        fields = [*headers]
        if request.method in ("INVITE", "UPDATE") and status < 300:
            fields.append(("Contact", CONTACT))
        if body:
            fields.append(("Content-Type", "application/sdp"))
        response = response_to(
            request, status, to_tag=self.tag, headers=fields, body=body
        )
        self.send(response)
        return response

    def ask(
        self,
        method: str,
        cseq: int,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        branch: str | None = None,
    ) -> Request:
        """Send a request in the dialog that the first INVITE made.

        Args:
            method: Its method.
            cseq: Its number.
            body: A session description.
            headers: More fields.
            branch: Of the INVITE that this is the CANCEL or ACK of.
        """
        invite = self.requests("INVITE")[0]
        if branch is None:
            self._branches += 1
            branch = f"z9hG4bKbob{self._branches}"
        fields = [
            ("Via", f"SIP/2.0/UDP {BOB};branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", f"{invite.get('To')};tag={self.tag}"),
            ("To", invite.get("From") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        if method in ("INVITE", "UPDATE"):
            fields.append(("Contact", CONTACT))
        if body:
            fields.append(("Content-Type", "application/sdp"))
        request = Request(method, invite.contacts[0].uri, fields, body)
        self.send(request)
        return request

    def acknowledge(self, response: Response) -> None:
        """Send the ACK of Alice's response to his INVITE."""
        branch = None if response.is_success else response.branch
        self.ask("ACK", response.cseq.number, branch=branch)


class RaceCase(SynchronousTestCase):
    """Tests of races between Alice and Bob.

    Attributes:
        bob: The callee.
        media: Alice's media.
    """

    def setUp(self) -> None:
        """Put both into a network that takes its time."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.network.conditions = self.network.conditions.__class__(delay=HOP)
        self.media = ScriptedMedia(self.clock)
        self.endpoint = Endpoint(
            self.clock,
            self.network.transport(ALICE, 5060, "UDP"),
            LiteralResolver({"biloxi.example.com": (BOB,)}),
            identifiers=CountingIdentifiers("alice"),
        )
        self.successResultOf(self.endpoint.start())
        self.inviter = Inviter(
            self.endpoint, "Alice <sip:alice@atlanta.example.com>", media=self.media
        )
        self.bob = Bob(self.network)

    # -- what happens ---------------------------------------------------------------

    def invite(self, **options: Any) -> Invitation:
        """Alice calls; her INVITE has reached Bob when this returns."""
        asked = self.inviter.invite("sip:bob@biloxi.example.com", **options)
        self.arrive()
        return self.successResultOf(asked)

    def arrive(self) -> None:
        """What is on its way arrives, and what it makes others say begins its way."""
        self.network.advance(HOP)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def ring(self) -> None:
        """Bob's 180 reaches Alice."""
        self.bob.respond(self.bob.requests("INVITE")[0], 180)
        self.arrive()

    def answer(self, body: bytes | None = None) -> Response:
        """Bob's 200 reaches Alice, whose ACK begins its way.

        Args:
            body: His session description; None for his next one.
        """
        invite = self.bob.requests("INVITE")[0]
        response = self.bob.respond(
            invite, 200, self.bob.sdp() if body is None else body
        )
        self.arrive()
        return response

    def establish(self, **options: Any) -> Invitation:
        """A whole call: F1 to F4 of most figures."""
        invitation = self.invite(**options)
        self.ring()
        self.answer()
        self.arrive()
        return invitation

    def lose(self, start: str, times: int = 1) -> None:
        """Lose the next messages whose start line begins so."""
        self.network.drop_if(
            lambda packet: packet.first_line.startswith(start), times=times
        )

    # -- what was seen --------------------------------------------------------------

    def assert_figure(self, *arrows: str) -> None:
        """All that was sent, in order: an arrow, a method or status, "lost" if it was.

        The arrow -> is Alice's, <- is Bob's, as in the figures.
        """
        self.assertEqual([*map(_arrow, self.network.log)], [*arrows])

    def assert_over(self) -> None:
        """Nothing is left: no call, no transaction, no timer, no media."""
        self.network.settle(2_000)
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])
        self.assertEqual(len(self.endpoint._transactions), 0)
        self.assertEqual(
            (self.endpoint._clients, self.endpoint._intake.servers), ({}, {})
        )
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.endpoint.counters["internal-errors"], 0)
        self.media.check()
        self.assertEqual(self.flushLoggedErrors(), [])


def _arrow(packet: Packet) -> str:
    message = packet.message
    assert message is not None
    if isinstance(message, Response):
        words = f"{message.status} {message.cseq.method}"
    else:
        assert isinstance(message, Request)
        words = message.method
    arrow = "->" if packet.source[0] == ALICE else "<-"
    return f"{arrow} {words}" + (" lost" if packet.fate == "dropped" else "")
