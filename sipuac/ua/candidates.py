"""The servers for one request, one after another (RFC 3263 section 4.3).

Whoever sends a request asks for the flow to its first server; if that server fails, he
asks whether he may go on, and for the flow to the next one. What to send there is his
business: "a new request, which is identical to the previous, but has a different value
of the Via branch ID".
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from sipuac.errors import ParseError, ResolutionFailed, TransportFailed, Unreachable
from sipuac.resolver import IResolver
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Response
from sipuac.syntax.uri import Uri
from sipuac.transport.interfaces import IFlow, ITransportLayer
from sipuac.ua.connect_race import ConnectRace, StartTimer
from sipuac.ua.server_health import ServerHealth


class ServerFinder:
    """Finds servers, and the flows to them.

    Args:
        resolver: Finds the servers for a URI.
        transport: Makes the flows.
        clock: The only source of time.
        start_timer: Calls something after so many seconds.

    Attributes:
        health: Which servers are down.
        is_stopping: Whether every search is being given up.
    """

    def __init__(
        self,
        resolver: IResolver,
        transport: ITransportLayer,
        clock: IReactorTime,
        start_timer: StartTimer,
    ) -> None:
        self.resolver = resolver
        self.transport = transport
        self.start_timer = start_timer
        self.health = ServerHealth(clock)
        self._searching: list[Deferred[IFlow]] = []
        self.is_stopping = False

    def candidates(
        self,
        uri: Uri,
        *,
        is_secure: bool = False,
        near: IFlow | None = None,
        is_new: bool = True,
    ) -> Candidates:
        """The servers for a request; nothing is looked up before the first is wanted.

        Args:
            uri: The top Route, or the Request-URI where there is none.
            is_secure: Whether it must be TLS although this URI does not say so.
            near: The flow of the server that the dialog has so far: while it is up it
                comes first.
            is_new: Whether servers that have asked to be left alone are left out; not
                so in a dialog, which has nobody else.
        """
        return Candidates(self, uri, is_secure=is_secure, near=near, is_new=is_new)

    def watch(self, searching: Deferred[IFlow]) -> Deferred[IFlow]:
        """Give this search up when all is stopped."""
        if searching.called and not searching.paused:
            return searching
        self._searching.append(searching)

        def done(result: IFlow | Failure) -> IFlow | Failure:
            self._searching.remove(searching)
            is_ours = isinstance(result, Failure) and result.check(CancelledError)
            if is_ours and self.is_stopping:
                return Failure(TransportFailed("the endpoint was stopped"))
            return result

        searching.addBoth(done)
        return searching

    def stop(self) -> None:
        """Give up every search; each fails with `TransportFailed`."""
        self.is_stopping = True
        for searching in list(self._searching):
            searching.cancel()
        self.is_stopping = False


class Candidates:
    """The servers for one request; made by `ServerFinder.candidates`."""

    def __init__(
        self,
        finder: ServerFinder,
        uri: Uri,
        *,
        is_secure: bool,
        near: IFlow | None,
        is_new: bool,
    ) -> None:
        self._finder = finder
        self._uri = uri
        self._is_secure = is_secure
        self._near = near
        self._is_new = is_new
        self._is_asked = False
        self._left: list[Destination] = []
        self._current: Destination | None = None
        self._has_response = False
        self._failure: Failure | None = None

    @property
    def current(self) -> Destination | None:
        """The server that the last flow leads to, None before there is one."""
        return self._current

    @property
    def has_more(self) -> bool:
        """Whether there may be another server to try."""
        return bool(self._left) or not self._is_asked

    def next_flow(self) -> Deferred[IFlow]:
        """The flow to the next server that can be reached.

        Returns:
            A Deferred that fails with `ResolutionFailed`, or with `TransportFailed`
            where no server is left. Cancelling it gives up.
        """
        self._current = None
        self._has_response = False
        if self._finder.is_stopping:
            # Who goes on to the next server when one fails is to find none.
            self._is_asked = True
            self._left = []
            return fail(TransportFailed("the endpoint was stopped"))
        if self._is_asked:
            return self._finder.watch(self._connect_next())
        # Once for each transaction (section 4), whatever comes of it.
        self._is_asked = True
        resolved = self._finder.resolver.resolve(self._uri, is_secure=self._is_secure)
        return self._finder.watch(resolved.addCallback(self._connect_first))

    def _connect_first(self, found: Sequence[Destination]) -> Deferred[IFlow]:
        self._take_all(found)
        return self._connect_next()

    def sent_again(self) -> None:
        """The current server gets another request: it has not answered that so far."""
        self._has_response = False

    def response_received(self, response: Response) -> None:
        """The current server has sent this, a provisional or a final response."""
        if response.status != 503 and self._current is not None:
            self._has_response = True
            self._finder.health.note_answer(self._current)

    def may_go_on(self, outcome: Response | Unreachable) -> bool:
        """Whether the request is to be sent to the next server as well.

        "failure occurs if the transaction layer reports a 503 error response or a
        transport failure of some sort"; "Failure also occurs if the transaction layer
        times out without ever having received any response, provisional or final".

        After a provisional response only 503 counts: a callee who rings is not made to
        ring twice because a connection broke.

        Args:
            outcome: What became of it at the current server.
        """
        server = self._current
        if server is None:
            return self.has_more
        health = self._finder.health
        if isinstance(outcome, Response):
            if outcome.status != 503:
                self.response_received(outcome)
                return False
            health.note_unavailable(server, _retry_after(outcome))
            return self.has_more
        health.note_failure(server)
        return self.has_more and not self._has_response

    def _take_all(self, found: Sequence[Destination]) -> None:
        if not found:
            # A resolver of the application's own; ours fails instead.
            raise ResolutionFailed("the resolver found no server")
        health = self._finder.health
        near = self._near
        if near is not None:
            here = (near.transport, *near.remote)
            found = sorted(
                found, key=lambda one: (one.transport, one.host, one.port) != here
            )
        ordered = health.ordered(found)
        if self._is_new:
            ready = [one for one in ordered if not health.is_resting(one)]
            if not ready:
                seconds = min(health.rest_of(one) for one in ordered)
                raise TransportFailed(
                    f"{self._uri} has asked to be left alone for {seconds:.0f} s more"
                )
            ordered = ready
        self._left = ordered

    def _connect_next(self) -> Deferred[IFlow]:
        group = self._take_group()
        if not group:
            return fail(self._failure or TransportFailed("there is no other server"))
        transport = self._finder.transport
        if len(group) == 1:
            return self._connect_to(group[0])
        race = ConnectRace(
            group, lambda one: transport.connect(one), self._finder.start_timer
        )

        def won(result: tuple[Destination, IFlow]) -> IFlow:
            self._note_failed(race)
            self._current, flow = result
            # Those that were only slower are servers still.
            slower = [one for one in group if one not in (self._current, *race.failed)]
            self._left = [*slower, *self._left]
            return flow

        def lost(failure: Failure) -> Deferred[IFlow]:
            failure.trap(TransportFailed)
            self._note_failed(race)
            self._failure = failure
            return self._connect_next()

        winner = race.start()
        flow: Deferred[IFlow] = winner.addCallbacks(won, lost)
        return flow

    def _connect_to(self, server: Destination) -> Deferred[IFlow]:
        """Nobody races with the only address of a server."""

        def reached(flow: IFlow) -> IFlow:
            self._current = server
            return flow

        def lost(failure: Failure) -> Deferred[IFlow]:
            failure.trap(TransportFailed)
            self._finder.health.note_failure(server)
            self._failure = failure
            return self._connect_next()

        connecting = self._finder.transport.connect(server)
        flow: Deferred[IFlow] = connecting.addCallbacks(reached, lost)
        return flow

    def _note_failed(self, race: ConnectRace) -> None:
        for one in race.failed:
            self._finder.health.note_failure(one)

    def _take_group(self) -> list[Destination]:
        """The next server, with all addresses that may be tried together.

        Those of one target only: "the address records of two target DNS names are never
        interleaved" (RFC 7984 section 4).
        """
        left = self._left
        count = 1
        while count < len(left) and _is_same_server(left[0], left[count]):
            count += 1
        group, self._left = left[:count], left[count:]
        return group


def _is_same_server(one: Destination, other: Destination) -> bool:
    return (
        one.transport != "UDP"
        and bool(one.target)
        and (one.transport, one.port, one.domain, one.target)
        == (other.transport, other.port, other.domain, other.target)
    )


def _retry_after(response: Response) -> float | None:
    try:
        field = response.retry_after
    except ParseError:
        return None
    return None if field is None else field.seconds
