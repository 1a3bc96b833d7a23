"""Plays a flow of RFC 3665: the others say the RFC's own words, octet for octet.

Alice is sipuac. She is given the identifiers that the RFC gave her, so that the words
of the others fit; what she sends is compared with what the RFC has her say.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sipuac.errors import ResolutionFailed, TransportFailed
from sipuac.media.static import StaticMedia
from sipuac.resolver import IResolver
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.uri import SipUri, Uri
from sipuac.testing.memory import MemoryNetwork
from sipuac.transport.interfaces import IFlow, IMessageReceiver
from sipuac.ua.credentials import CredentialsSource
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from tests.flows.script import ScriptedMessage, read_flow

ALICE = "client.atlanta.example.com"
TARGET = "sip:bob@biloxi.example.com"


class GivenIdentifiers:
    """The identifiers that stand in the messages of a flow, in their order."""

    def __init__(self, flow: list[ScriptedMessage]) -> None:
        first = flow[0].message
        self._tag = first.from_tag or ""
        self._call_id = first.call_id
        branches = [
            step.message.branch
            for step in flow
            if step.is_ours and isinstance(step.message, Request)
        ]
        self._branches = deque(dict.fromkeys(filter(None, branches)))

    def branch(self) -> str:
        """See `Identifiers`."""
        return self._branches.popleft()

    def tag(self) -> str:
        """See `Identifiers`."""
        return self._tag

    def call_id(self) -> str:
        """See `Identifiers`."""
        return self._call_id

    def cnonce(self) -> str:
        """See `Identifiers`; any will do, for the RFC prints none."""
        return "0a4f113b"


@implementer(IResolver)
class Zone:
    """What DNS says in a flow.

    Args:
        servers: By host name: transport and host of its one server.
    """

    def __init__(self, servers: Mapping[str, tuple[str, str]]) -> None:
        self._servers = servers

    def resolve(
        self, uri: object, *, is_secure: bool = False
    ) -> Deferred[list[Destination]]:
        """See `IResolver`."""
        if not isinstance(uri, SipUri) or uri.host not in self._servers:
            return fail(ResolutionFailed(f"{uri} is in no flow"))
        transport, host = self._servers[uri.host]
        return succeed([Destination(transport, host, uri.port or 5060, uri.host)])


@implementer(IMessageReceiver)
class Party:
    """One of the others: hears what comes, and says what it is told to.

    Attributes:
        heard: What came and was not looked at yet.
    """

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.transport = network.transport(host, 5060, "UDP", "TCP")
        self.transport.set_receiver(self)
        self.transport.start()
        self.heard: deque[Message] = deque()
        self._flow: IFlow | None = None

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        self.heard.append(message)
        self._flow = flow

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""

    def say(self, octets: bytes, transport: str) -> None:
        """Send this to Alice, over the connection that she opened if there is one."""
        if self._flow is not None and self._flow.transport == transport:
            self._flow.send(octets)
            return
        where = Destination(transport, ALICE, 5060, ALICE)
        self.transport.connect(where).addCallback(lambda flow: flow.send(octets))


class FlowCase(SynchronousTestCase):
    """Tests of flows."""

    def play(
        self,
        section: str,
        servers: Mapping[str, tuple[str, str]],
        hosts: Mapping[str, str],
        *,
        moves: Mapping[str, tuple[str, str]] | None = None,
        actions: Mapping[str, Callable[[Invitation], Any]] | None = None,
        proxy: str | None = None,
        credentials: CredentialsSource | None = None,
        **options: Any,
    ) -> Invitation:
        """Play a whole flow.

        Args:
            section: The section of RFC 3665.
            servers: What DNS says; see `Zone`.
            hosts: Where those are who speak to Alice, by the RFC's names of them.
            moves: Who is somewhere else from the message of this label on.
            actions: What Alice's user does before the message of this label.
            proxy: Alice's outbound proxy.
            credentials: Who Alice is, for those who ask.
            options: Of her call.
        """
        flow = read_flow(section)
        self._has_credentials = credentials is not None
        self._invite_routes: dict[str | None, list[str]] = {}
        clock = Clock()
        network = MemoryNetwork(clock)
        moves = moves or {}
        places = {*hosts.values(), *(host for _, host in moves.values())}
        parties = {host: Party(network, host) for host in places}
        where = dict(hosts)
        offer = next(s.message.body for s in flow if s.is_ours and s.message.body)
        self.endpoint = Endpoint(
            clock,
            network.transport(ALICE, 5060, "UDP", "TCP"),
            Zone(servers),
            identifiers=GivenIdentifiers(flow),
        )
        self.successResultOf(self.endpoint.start())
        inviter = Inviter(
            self.endpoint,
            "Alice <sip:alice@atlanta.example.com>",
            proxy=proxy,
            credentials=credentials,
            media=StaticMedia(SessionDescription.parse(offer)),
        )
        asked = inviter.invite(TARGET, **options)
        network.advance()
        invitation = self.successResultOf(asked)
        for step in flow:
            action = (actions or {}).get(step.label)
            if action is not None:
                action(invitation)
            network.advance()
            if step.label in moves:
                where.update([moves[step.label]])
            with_whom = step.destination if step.is_ours else step.source
            party = parties[where[with_whom]]
            if step.is_ours:
                self.assertTrue(party.heard, f"{step.label} was not sent")
                self.compare(step, party.heard.popleft())
            else:
                party.say(step.octets, step.message.vias[0].transport)
            network.advance()
        unexpected = [party.heard for party in parties.values() if party.heard]
        self.assertEqual(unexpected, [])
        network.settle(2_000)
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.endpoint.counters["internal-errors"], 0)
        self.assertEqual(self.flushLoggedErrors(), [])
        return invitation

    def compare(self, step: ScriptedMessage, said: Message) -> None:
        """What Alice says is what the RFC has her say; other fields are her own."""
        expected = step.message
        self.assertEqual(type(said), type(expected), step.label)
        if isinstance(said, Request) and isinstance(expected, Request):
            self.assertEqual(said.method, expected.method, step.label)
            self.assertEqual(_place(said.uri), _place(expected.uri), step.label)
            self.assertEqual(said.max_forwards, expected.max_forwards, step.label)
        if isinstance(said, Response) and isinstance(expected, Response):
            self.assertEqual(said.status, expected.status, step.label)
        for read in (_vias, _parties, _contacts, _session):
            self.assertEqual(read(said), read(expected), step.label)
        # RFC 3261 17.1.1.3, on the ACK of a refusal: "If the INVITE request whose
        # response is being acknowledged had Route header fields, those header fields
        # MUST appear in the ACK." RFC 3665 leaves them away.
        if said.cseq.method == "INVITE":
            self._invite_routes[said.branch] = _routes(expected)
        routes = self._invite_routes.get(said.branch, _routes(expected))
        self.assertEqual(_routes(said), routes, step.label)
        challenged = expected.get("Proxy-Authorization")
        if challenged is not None and self._has_credentials:
            self.assertEqual(
                _digest(said.get("Proxy-Authorization") or ""), _digest(challenged)
            )
        for field in ("Call-ID", "CSeq", "Content-Type"):
            self.assertEqual(said.get(field), expected.get(field), step.label)


def _place(uri: Uri) -> str:
    """A URI without its transport, which the RFC leaves away in Request-URIs."""
    if not isinstance(uri, SipUri):
        return str(uri)
    others = tuple(p for p in uri.parameters if p[0] != "transport")
    return f"{uri.user}@{uri.host}:{uri.port or 5060}{others}"


def _vias(message: Message) -> list[tuple[str, str, int, str | None]]:
    # Without `received`: in memory the names are the addresses.
    return [
        (via.transport, via.host, via.port or 5060, via.branch) for via in message.vias
    ]


def _routes(message: Message) -> list[str]:
    return [_place(route.uri) for route in message.routes]


def _parties(message: Message) -> list[tuple[str, str | None]]:
    return [(_place(end.uri), end.tag) for end in (message.from_, message.to)]


def _contacts(message: Message) -> list[str]:
    # A BYE and its answer may have one or not.
    return [
        f"{_place(contact.uri)} {getattr(contact.uri, 'transport', None) or 'UDP'}"
        for contact in message.contacts
        if message.cseq.method == "INVITE"
    ]


def _session(message: Message) -> list[tuple[str, tuple[str, ...]]]:
    """The streams of a session description, with their formats; [] for none."""
    if not message.body:
        return []
    description = SessionDescription.parse(message.body)
    return [(stream.media, stream.formats) for stream in description.media]


def _digest(credentials: str) -> list[str]:
    """What is the same whatever nonce and password are."""
    return re.findall(r'(?:username|realm|uri)="[^"]*"', credentials)
