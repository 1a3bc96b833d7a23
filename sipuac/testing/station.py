"""What phones and the proxy have in common: they send, receive and keep a record.

Neither uses `sipuac.ua.endpoint`, so that no mistake of ours meets its mirror image.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.errors import ResolutionFailed, TransportFailed
from sipuac.resolver import IResolver
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.uri import SipUri, TelUri, Uri
from sipuac.testing.resolver import LiteralResolver
from sipuac.transport.interfaces import (
    IFlow,
    IMessageReceiver,
    ITransportLayer,
)
from sipuac.ua.trace import TraceEntry

_log = Logger()


@implementer(IMessageReceiver)
class Station:
    """One party on a transport layer; a base class.

    Args:
        transport: Where it sends and receives; it becomes its receiver.
        clock: The only source of time.
        name: What it is called in the logs and in its own messages.
        resolver: Finds the next hop of its own requests.

    Attributes:
        trace: Every message that it sent or received, in order.
        trouble: What could not be sent, as errors.
    """

    def __init__(
        self,
        transport: ITransportLayer,
        clock: IReactorTime,
        name: str,
        resolver: IResolver | None = None,
    ) -> None:
        self.transport = transport
        self.clock = clock
        self.name = name
        self.trace: list[TraceEntry] = []
        self.trouble: list[Exception] = []
        self._resolver: IResolver = resolver or LiteralResolver()
        self._tracers: list[Callable[[TraceEntry], None]] = []
        self._calls: set[IDelayedCall] = set()
        self._is_stopped = False
        transport.set_receiver(self)

    def start(self) -> Deferred[None]:
        """Open the transport."""
        return self.transport.start()

    def stop(self) -> Deferred[None]:
        """Close the transport; nothing of the station stays on the clock."""
        self._is_stopped = True
        for call in self._calls:
            call.cancel()
        self._calls.clear()
        return self.transport.stop()

    def add_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call this with every message from now on, sent or received."""
        self._tracers.append(tracer)

    @property
    def received(self) -> list[Message]:
        """Every message that came, retransmissions included, in order."""
        return [entry.message for entry in self.trace if not entry.is_sent]

    @property
    def sent(self) -> list[Message]:
        """Every message that was sent, retransmissions included, in order."""
        return [entry.message for entry in self.trace if entry.is_sent]

    # -- IMessageReceiver -----------------------------------------------------------

    def message_received(self, message: Message, flow: IFlow) -> None:
        """See `IMessageReceiver`."""
        if self._is_stopped:
            return
        self._record(False, message, flow)
        if isinstance(message, Request):
            self.request_received(message, flow)
        elif isinstance(message, Response):
            self.response_received(message, flow)

    def flow_failed(self, flow: IFlow, error: TransportFailed) -> None:
        """See `IMessageReceiver`."""

    def request_received(self, request: Request, flow: IFlow) -> None:
        """A request came, perhaps again."""

    def response_received(self, response: Response, flow: IFlow) -> None:
        """A response came, perhaps again."""

    # -- for subclasses -------------------------------------------------------------

    def later(self, seconds: float, action: Callable[[], None]) -> IDelayedCall:
        """Do this so many seconds from now, unless the station is stopped by then."""

        def act() -> None:
            self._calls.discard(call)
            action()

        call = self.clock.callLater(seconds, act)
        self._calls.add(call)
        return call

    def forget(self, call: IDelayedCall | None) -> None:
        """Cancel what `later` returned; no harm where it has been done."""
        if call is not None and call.active():
            self._calls.discard(call)
            call.cancel()

    def send_over(self, message: Message, flow: IFlow) -> TransportFailed | None:
        """Write a message; the error if it could not be written."""
        if self._is_stopped:
            return TransportFailed("stopped")
        try:
            self._record(True, message, flow)
            flow.send(message.render())
        except TransportFailed as error:
            self.trouble.append(error)
            return error
        return None

    def reply(self, request: Request, flow: IFlow, response: Response) -> None:
        """Send a response the way its request came (RFC 3261 section 18.2.2)."""
        way = self.transport.reply_flow(request, flow)
        way.addCallback(lambda way: self.send_over(response, way))
        way.addErrback(self.note)

    def destinations(self, uri: Uri) -> Deferred[list[Destination]]:
        """The servers for a URI; fails with `ResolutionFailed`."""
        if not isinstance(uri, SipUri):
            kind = "a telephone number" if isinstance(uri, TelUri) else "of no use"
            return fail(ResolutionFailed(f"{uri} is {kind} as a next hop"))
        return self._resolver.resolve(uri)

    def flow_to(self, uri: Uri) -> Deferred[IFlow]:
        """A flow to the first server for a URI."""
        found = self.destinations(uri)
        return found.addCallback(lambda found: self.transport.connect(found[0]))

    def note(self, failure: Failure) -> None:
        """Keep the failure of something that need not succeed."""
        if isinstance(failure.value, (TransportFailed, ResolutionFailed)):
            self.trouble.append(failure.value)
        else:
            _log.failure("{name} made a mistake", failure, name=self.name)

    def _record(self, is_sent: bool, message: Message, flow: IFlow) -> None:
        entry = TraceEntry(
            self.clock.seconds(),
            is_sent,
            flow.transport,
            flow.local,
            flow.remote,
            message,
        )
        self.trace.append(entry)
        for tracer in self._tracers:
            tracer(entry)
