"""The peers of `sipuac demo`: a forking proxy and three phones, on loopback sockets.

The proxy ignores `no-fork`, as most do. Whoever is called there, three phones ring:

- the desk gives early media and answers;
- the mobile gives early media too: one early dialog too many, for media that can match
  its offer with one answer only;
- the third sends only 100, which the proxy keeps to itself, and answers in the same
  instant as the desk: its 200 and the proxy's CANCEL cross.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, FirstError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from sipuac.syntax.destination import Destination
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, parallel
from sipuac.testing.script import Meeting, Script, answer, early_media, trying
from sipuac.testing.station import Station
from sipuac.transport.interfaces import IFlow, ITransportLayer
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import default_listeners
from sipuac.ua.trace import TraceEntry

Address = tuple[str, int]

USER = "bob"
DOMAIN = "demo.invalid"
"""The proxy takes sip:bob@demo.invalid, whatever its port is."""


class DemoPeers:
    """A proxy and three phones that can be called again and again.

    Args:
        reactor: Opens the sockets and gives the time; Any, as Twisted has no type for
            all that a reactor can do.
        host: The address of all peers; each has a port of its own.
        transport: Makes the transport layer of a peer, by its name; loopback sockets by
            default.
        clock: The source of time where it is not the reactor.
        is_offerless: Whether they are called without an offer: early media then needs
            reliable responses, which bring the phones' own.

    Attributes:
        proxy, desk, mobile, third: The peers; what they received is their verdict.
        participants: Names of the peers by address, in the order of the ladder; empty
            before `start`.
    """

    def __init__(
        self,
        reactor: Any,
        host: str = "127.0.0.1",
        *,
        transport: Callable[[str], ITransportLayer] | None = None,
        clock: IReactorTime | None = None,
        is_offerless: bool = False,
    ) -> None:
        self._host = host
        time: IReactorTime = clock or reactor

        def on_loopback(name: str) -> ITransportLayer:
            return TransportLayer(reactor, default_listeners(host))

        make = transport or on_loopback
        answering = Meeting(2)
        self.proxy = ForkingProxy(make("proxy"), time, {}, domains=(DOMAIN,))
        self.desk = Phone(
            make("desk"),
            time,
            # It comes to the meeting first, so that its 200 is the first one.
            _script(
                "desk",
                early_media(0.3, reliable=is_offerless),
                answer(1.9, meeting=answering),
            ),
            name="desk",
        )
        self.mobile = Phone(
            make("mobile"),
            time,
            _script("mobile", early_media(0.45, reliable=is_offerless), answer(10.0)),
            name="mobile",
        )
        self.third = Phone(
            make("third"),
            time,
            _script("third", trying(0.1), answer(2.0, meeting=answering)),
            name="third",
        )
        self._addresses: dict[str, Address] = {}

    @property
    def stations(self) -> tuple[Station, ...]:
        """All peers, in the order of the ladder."""
        return (self.proxy, self.desk, self.mobile, self.third)

    def start(self) -> Deferred[None]:
        """Open all sockets; fails with `TransportFailed`, with none left open."""
        started = DeferredList(
            [station.start() for station in self.stations],
            fireOnOneErrback=True,
            consumeErrors=True,
        )
        return started.addCallbacks(self._started, self._not_started)

    def stop(self) -> Deferred[None]:
        """Close all sockets and leave nothing on the clock."""
        stopped = DeferredList(
            [station.stop() for station in self.stations], consumeErrors=True
        )
        return stopped.addCallback(lambda _: None)

    def add_tracer(self, tracer: Callable[[TraceEntry], None]) -> None:
        """Call this with every message that any peer sends or receives."""
        for station in self.stations:
            station.add_tracer(tracer)

    @property
    def proxy_uri(self) -> str:
        """The proxy as an outbound proxy: a loose route."""
        return f"sip:{self._written('proxy')};lr"

    @property
    def target_uri(self) -> str:
        """Whom to call."""
        return f"sip:{USER}@{self._written('proxy')}"

    @property
    def participants(self) -> Mapping[Address, str]:
        """See the class."""
        return {address: name for name, address in self._addresses.items()}

    # -- inside ---------------------------------------------------------------------

    def _started(self, results: object) -> Deferred[None]:
        finding = DeferredList([self._find(station) for station in self.stations])
        return finding.addCallback(self._locate)

    def _not_started(self, failure: Failure) -> Deferred[None]:
        # The first failure says enough; the list has wrapped it.
        wrapped = failure.value
        first = wrapped.subFailure if isinstance(wrapped, FirstError) else failure
        stopped: Deferred[Any] = self.stop()
        return stopped.addCallback(lambda _: first)

    def _find(self, station: Station) -> Deferred[None]:
        """Learn at which port a peer listens: the one that it writes into its Via."""
        nobody = Destination("UDP", self._host, 9, self._host)
        return station.transport.connect(nobody).addCallback(self._learn, station)

    def _learn(self, flow: IFlow, station: Station) -> None:
        self._addresses[station.name] = flow.sent_by

    def _locate(self, results: object) -> None:
        phones = (self.desk, self.mobile, self.third)
        uris = [f"sip:{phone.name}@{self._written(phone.name)}" for phone in phones]
        self.proxy.location[USER] = parallel(*uris)

    def _written(self, name: str) -> str:
        host, port = self._addresses[name]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _script(name: str, *steps: Any) -> Script:
    return Script(*steps, headers=[("Server", f"demo {name}")])
