"""What each message goes through between the socket and the endpoint.

Whatever arrives ends in one of three ways: it is handed up, it is answered with what
its fault deserves, or it is dropped; and it is counted. Nothing that a peer sends
raises.
"""

from __future__ import annotations

from hashlib import sha256

from twisted.logger import Logger

from sipuac.errors import LocalProtocolError, ParseError, TransportFailed
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message, Request, response_to
from sipuac.syntax.parser import check_received, parse_message, salvage_request
from sipuac.transport.interfaces import IFlow, IMessageReceiver, ITransportLayer
from sipuac.transport.tally import Tally
from sipuac.transport.via import with_source

_log = Logger()


class Intake:
    """Checks and marks what came, and hands it to the receiver.

    Args:
        transport: Finds the flow for an answer.
        tally: Where bad input is counted.
        limits: How large a message may be.

    Attributes:
        receiver: Who gets the messages; None before it is known.
    """

    def __init__(
        self, transport: ITransportLayer, tally: Tally, limits: Limits
    ) -> None:
        self._transport = transport
        self._tally = tally
        self._limits = limits
        self.receiver: IMessageReceiver | None = None

    def take_octets(self, octets: bytes, flow: IFlow) -> None:
        """A whole message that nobody has read yet."""
        try:
            message = parse_message(octets, limits=self._limits)
        except ParseError as error:
            self._tally.report("malformed", flow.remote, error)
            self.refuse(octets, flow, error)
            return
        self.take_message(message, flow)

    def take_message(self, message: Message, flow: IFlow) -> None:
        """A message with a readable head."""
        try:
            check_received(message)
            if isinstance(message, Request):
                message = with_source(message, flow.remote)
        except ParseError as error:
            self._tally.report("malformed", flow.remote, error)
            if isinstance(message, Request):
                self.refuse(message.render(), flow, error)
            return
        self._hand_up(message, flow)

    def refuse(self, octets: bytes, flow: IFlow, error: ParseError) -> None:
        """Answer a request that cannot be read, as far as it can be told who asks."""
        request = salvage_request(octets)
        if request is not None:
            self._answer(request, flow, error.status_hint)

    def report_failed_flow(self, flow: IFlow, error: TransportFailed) -> None:
        """Tell the receiver that nothing will come over this flow any more."""
        if self.receiver is not None:
            try:
                self.receiver.flow_failed(flow, error)
            except Exception:
                self._tally.count("receiver-errors")
                _log.failure("the receiver of failures failed")
        flow.watchers.tell(error)

    def _hand_up(self, message: Message, flow: IFlow) -> None:
        if self.receiver is None:
            return
        try:
            self.receiver.message_received(message, flow)
        except Exception:
            # A fault above us must not cost the connection, nor the other messages of
            # this read.
            self._tally.count("receiver-errors")
            _log.failure("the receiver of messages failed")

    def _answer(self, request: Request, flow: IFlow, status: int) -> None:
        try:
            marked = with_source(request, flow.remote)
            response = response_to(marked, status, to_tag=_stateless_tag(request))
            octets = response.render()
            reply = self._transport.reply_flow(marked, flow)
        except (ParseError, LocalProtocolError):
            # It is too broken even for that; it is counted as malformed already.
            return
        reply.addCallback(_send, octets)
        reply.addCallback(lambda _: self._tally.count("malformed-answered"))
        reply.addErrback(lambda failure: failure.trap(TransportFailed))


def _send(flow: IFlow, octets: bytes) -> None:
    flow.send(octets)


def _stateless_tag(request: Request) -> str:
    """The same tag for every retransmission of a request (RFC 3261 section 8.2.7)."""
    identity = "\n".join(
        [request.get(name) or "" for name in ("Via", "From", "Call-ID", "CSeq")]
    )
    return sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]
