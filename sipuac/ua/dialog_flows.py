"""How ACKs and requests inside the dialogs of one INVITE find their way.

The next hop of a dialog may need a lookup and a connection. What is sent in one dialog
leaves in the order in which it was asked for, so that no BYE overtakes an ACK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, TransportFailed, Unreachable
from sipuac.syntax.destination import DEFAULT_PORTS
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri, Uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import Endpoint

_log = Logger()

Sender = Callable[[IFlow], None]
Refused = Callable[[Unreachable], None]

# Where to, who sends, who is told that there is no way, and whether it is an ACK.
_Waiting = tuple[Uri, Sender, Refused, bool]


class _Way:
    """The way of one dialog: its flow, or who waits for one."""

    __slots__ = ("connecting", "flow", "next_hop", "unsent", "waiting")

    def __init__(self) -> None:
        self.next_hop: Uri | None = None
        self.flow: IFlow | None = None
        self.connecting: Deferred[Any] | None = None
        # Hardly ever more than an ACK and a BYE; an empty deque takes 600 octets.
        self.waiting: list[_Waiting] = []
        # ACKs that there was no way for.
        self.unsent: tuple[_Ack, ...] = ()

    def refuse(self, error: Unreachable) -> None:
        """There is no way for the first one that waits."""
        self.waiting.pop(0)[2](error)


class _Ack:
    """The ACK of one 2xx: as it was made, and from when it has left, as it was sent."""

    __slots__ = ("ack", "is_sent", "is_waiting", "next_hop")

    def __init__(self, ack: Request, next_hop: Uri) -> None:
        self.ack = ack
        self.next_hop = next_hop
        self.is_sent = False
        self.is_waiting = False


class DialogFlows:
    """The flows of all dialogs of one INVITE.

    Args:
        endpoint: Finds flows.
        first: The flow that the INVITE went over.
        is_secure: Whether everything must go over TLS: the target is a SIPS URI.
    """

    __slots__ = ("_acks", "_endpoint", "_first", "_is_secure", "_is_stopped", "_ways")

    def __init__(self, endpoint: Endpoint, first: IFlow, *, is_secure: bool) -> None:
        self._endpoint = endpoint
        self._first = first
        self._is_secure = is_secure
        self._is_stopped = False
        self._ways: dict[str, _Way] = {}
        # By branch, and by the CSeq number of the re-INVITE; None: the initial one.
        self._acks: dict[tuple[str, int | None], _Ack] = {}

    def send_ack(
        self,
        branch: str,
        ack: Request,
        next_hop: Uri,
        refused: Refused,
        *,
        cseq: int | None = None,
    ) -> None:
        """Send the ACK of a 2xx, and keep it for its retransmissions.

        Args:
            branch: Whose dialog it is.
            ack: The ACK.
            next_hop: Where the dialog's requests go now.
            refused: Called where there is no way.
            cseq: Of the re-INVITE; None for the initial INVITE.
        """
        kept = self._acks[branch, cseq] = _Ack(ack, next_hop)
        self._send_kept_ack(branch, kept, refused)

    def repeat_ack(
        self, branch: str, refused: Refused, *, cseq: int | None = None
    ) -> None:
        """Send the very same ACK again.

        Where it could not be sent so far it is tried again; nothing is done while it
        still waits for its connection.
        """
        kept = self._acks.get((branch, cseq))
        if kept is not None and not kept.is_waiting:
            self._send_kept_ack(branch, kept, refused)

    @property
    def has_acks(self) -> bool:
        """Whether any 2xx was acknowledged so far."""
        return bool(self._acks)

    def has_ack(self, branch: str) -> bool:
        """Whether the 2xx of the initial INVITE was acknowledged in this branch."""
        return (branch, None) in self._acks

    def forget_ack(self, branch: str, cseq: int) -> None:
        """The 2xx to this re-INVITE will not come again."""
        self._acks.pop((branch, cseq), None)

    def _send_kept_ack(self, branch: str, kept: _Ack, refused: Refused) -> None:
        def send(flow: IFlow) -> None:
            kept.is_waiting = False
            if kept.is_sent:
                self._endpoint.repeat_ack(kept.ack, flow)
            else:
                kept.ack = self._endpoint.send_ack(kept.ack, flow)
                kept.is_sent = True

        def not_sent(error: Unreachable) -> None:
            kept.is_waiting = False
            way = self._ways[branch]
            way.unsent = (*way.unsent, kept)
            refused(error)

        kept.is_waiting = True
        self._send(branch, (kept.next_hop, send, not_sent, True))

    def send(
        self, branch: str, next_hop: Uri, sender: Sender, refused: Refused
    ) -> None:
        """Call `sender` with the flow to the next hop, after all senders before it.

        Args:
            branch: Whose dialog it is.
            next_hop: Where the dialog's requests go now.
            sender: Called once with an open flow; may raise `TransportFailed`, or
                `LocalProtocolError` for what cannot be written.
            refused: Called instead where there is no way.
        """
        self._send(branch, (next_hop, sender, refused, False))

    def _send(self, branch: str, waiting: _Waiting) -> None:
        if self._is_stopped:
            return
        way = self._ways.get(branch)
        if way is None:
            way = self._ways[branch] = _Way()
        way.waiting.append(waiting)
        self._advance(way)

    def _advance(self, way: _Way) -> None:
        while way.waiting and way.connecting is None:
            next_hop, sender, refused, _ = way.waiting[0]
            flow = self._known_flow(way, next_hop)
            if flow is None:
                self._connect(way, next_hop)
                continue
            way.waiting.pop(0)
            if way.unsent:
                self._send_unsent(way, flow)
            try:
                sender(flow)
            except Unreachable as error:
                refused(error)
            except LocalProtocolError as error:
                refused(TransportFailed(str(error)))

    def _send_unsent(self, way: _Way, flow: IFlow) -> None:
        """Now there is a way: a BYE must not go before the ACK that had none."""
        unsent, way.unsent = way.unsent, ()
        for kept in unsent:
            if kept.is_sent or kept.is_waiting:
                continue
            try:
                kept.ack = self._endpoint.send_ack(kept.ack, flow)
                kept.is_sent = True
            except (Unreachable, LocalProtocolError):
                # Its 2xx comes again, or the next request goes.
                way.unsent = (*way.unsent, kept)

    def _known_flow(self, way: _Way, next_hop: Uri) -> IFlow | None:
        flow = way.flow
        if flow is not None and flow.is_open and way.next_hop == next_hop:
            return flow
        if self._first.is_open and self._leads_to(self._first, next_hop):
            way.flow, way.next_hop = self._first, next_hop
            return self._first
        return None

    def _leads_to(self, flow: IFlow, uri: Uri) -> bool:
        """Whether this is the very server that the URI names by its address.

        A proxy that was verified by its name writes its address into Record-Route; the
        connection to it is the one that we have (RFC 5923 section 8.1).
        """
        if not isinstance(uri, SipUri):
            return False
        transport = uri.transport or ("TLS" if uri.is_secure else "UDP")
        if uri.is_secure or self._is_secure:
            transport = "TLS"
        port = uri.port or DEFAULT_PORTS.get(transport)
        return flow.transport == transport and flow.remote == (uri.host, port)

    def _connect(self, way: _Way, next_hop: Uri) -> None:
        """Find the flow; where that is done at once, `_advance` goes on with it."""

        def connected(flow: IFlow) -> None:
            way.connecting = None
            if flow.is_open:
                way.flow, way.next_hop = flow, next_hop
            elif self._is_stopped:
                self._give_up(way)
            else:
                way.refuse(TransportFailed("the connection closed at once"))

        def failed(failure: Failure) -> None:
            way.connecting = None
            if self._is_stopped:
                self._give_up(way)
                return
            error = failure.value
            if not isinstance(error, Unreachable):
                _log.failure("a way could not be found", failure)
                error = TransportFailed(f"no way to {next_hop} could be found")
            way.refuse(error)

        def go_on(ignored: object) -> None:
            self._endpoint.submit(self._advance, way)

        connecting: Deferred[Any] = maybeDeferred(
            self._endpoint.flow_to,
            next_hop,
            is_secure=self._is_secure,
            near=self._first,
        )
        way.connecting = connecting
        connecting.addCallbacks(connected, failed)
        if way.connecting is not None:
            connecting.addCallback(go_on)

    def _give_up(self, way: _Way) -> None:
        """There is no way for the last ACKs, and nobody to tell it."""
        self._endpoint.counters["acks-undeliverable"] += len(way.waiting)
        way.waiting.clear()

    def finish(self) -> None:
        """Send nothing more but the ACKs that wait for their connections already.

        Their 2xx came in time: "The UAC core MUST generate an ACK request for each 2xx"
        (RFC 3261 section 13.2.2.4).
        """
        self._is_stopped = True
        for way in self._ways.values():
            way.waiting = [one for one in way.waiting if one[3]]
            if way.connecting is not None and not way.waiting:
                way.connecting.cancel()

    def stop(self) -> None:
        """Send nothing more; give up connecting."""
        self._is_stopped = True
        for way in self._ways.values():
            way.waiting.clear()
            if way.connecting is not None:
                way.connecting.cancel()
        self._ways.clear()
