"""The servers for a request, one after another (RFC 3263 section 4.3)."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from zope.interface import implementer

from sipuac.errors import (
    ResolutionFailed,
    TransactionTimeout,
    TransportFailed,
    Unreachable,
)
from sipuac.resolver import IResolver
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Response, response_to
from sipuac.syntax.uri import parse_uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.candidates import Candidates
from sipuac.ua.connect_race import ATTEMPT_DELAY
from sipuac.ua.failover import Delivered, request_any
from sipuac.ua.server_health import DOWN_TIME
from tests.ua.peer import Peer, PeerTestCase
from tests.ua.transaction_users import make

URI = parse_uri("sip:a.example")


@implementer(IResolver)
class Servers:
    """A resolver that knows one list of servers."""

    def __init__(self) -> None:
        self.found: list[Destination] = []
        self.asked = 0
        self.waiting: Deferred[list[Destination]] | None = None

    def resolve(
        self, uri: object, *, is_secure: bool = False
    ) -> Deferred[list[Destination]]:
        """See `IResolver`."""
        self.asked += 1
        if self.waiting is not None:
            return self.waiting
        if not self.found:
            return fail(ResolutionFailed("no such name"))
        return succeed(list(self.found))


class CandidatesCase(PeerTestCase):
    """A caller, and servers one, two and three."""

    def setUp(self) -> None:
        """Put three servers into the network."""
        super().setUp()
        self.servers = Servers()
        self.endpoint.servers.resolver = self.servers
        self.health = self.endpoint.servers.health
        self.peers = {
            name: Peer(self.network, f"{name}.invalid")
            for name in ("one", "two", "three")
        }
        self.know("UDP one", "UDP two", "UDP three")

    def server(self, text: str) -> Destination:
        """A server by transport and name, and the name whose address it is."""
        transport, name, *target = text.split()
        host = f"{name}.invalid" if ":" not in name else name
        return Destination(transport, host, 5060, "a.example", "".join(target))

    def know(self, *servers: str) -> None:
        """Let these be the servers of a.example."""
        self.servers.found = [self.server(text) for text in servers]

    def candidates(
        self, *, is_new: bool = True, near: IFlow | None = None
    ) -> Candidates:
        """The servers for one request."""
        return self.endpoint.servers.candidates(URI, is_new=is_new, near=near)

    def next_of(self, candidates: Candidates) -> str:
        """The name of the next server that can be reached."""
        found = candidates.next_flow()
        self.advance(3)
        flow = self.successResultOf(found)
        assert candidates.current is not None
        self.assertEqual(flow.remote[0], candidates.current.host)
        return flow.remote[0].partition(".")[0]

    def response(self, status: int, retry_after: str | None = None) -> Response:
        """A response of this status."""
        request = make("OPTIONS").with_via("SIP/2.0/UDP caller.invalid;branch=z9hG4bKx")
        fields = [] if retry_after is None else [("Retry-After", retry_after)]
        return response_to(request, status, to_tag="a", headers=fields)


class OrderTests(CandidatesCase):
    """Which server is next."""

    def test_one_after_another(self) -> None:
        """If a failure occurs, the request is sent to the next element in the list; the
        lookup is done once (3263-4.3-a, 3263-4-a).
        """
        candidates = self.candidates()
        self.assertTrue(candidates.has_more)
        for name, error in (
            ("one", TransactionTimeout("timer B")),
            ("two", TransportFailed("refused")),
        ):
            self.assertEqual(self.next_of(candidates), name)
            self.assertTrue(candidates.may_go_on(error))
        self.assertEqual(self.next_of(candidates), "three")
        self.assertFalse(candidates.has_more)
        self.assertFalse(candidates.may_go_on(self.response(503)))
        self.failureResultOf(candidates.next_flow(), TransportFailed)
        self.assertEqual(self.servers.asked, 1)

    def test_servers_that_cannot_be_reached(self) -> None:
        """A server to which there is no connection is passed over, and down."""
        self.know("TCP dead", "TCP two", "TCP dead2")
        candidates = self.candidates()
        self.assertEqual(self.next_of(candidates), "two")
        self.assertTrue(self.health.is_down(self.server("TCP dead")))
        found = candidates.next_flow()
        self.advance()
        self.failureResultOf(found, TransportFailed)
        self.assertIsNone(candidates.current)
        self.assertTrue(self.health.is_down(self.server("TCP dead2")))

    def test_no_servers(self) -> None:
        """Where there are no servers there is nothing to go on with."""
        self.servers.found = []
        candidates = self.candidates()
        self.failureResultOf(candidates.next_flow(), ResolutionFailed)
        self.assertFalse(candidates.has_more)
        self.assertFalse(candidates.may_go_on(ResolutionFailed("no such name")))
        self.failureResultOf(candidates.next_flow(), TransportFailed)
        self.assertEqual(self.servers.asked, 1)

    def test_a_resolver_that_finds_nothing_and_says_so_by_a_list(self) -> None:
        """A resolver of the application's own may give no server at all."""
        self.servers.waiting = succeed([])
        candidates = self.candidates()
        self.failureResultOf(candidates.next_flow(), ResolutionFailed)

    def test_servers_that_are_down(self) -> None:
        """A server that failed is tried last by those who come after, for a while."""
        candidates = self.candidates()
        self.next_of(candidates)
        candidates.may_go_on(TransactionTimeout("timer B"))
        again = self.candidates()
        order = [self.next_of(again) for _ in range(3)]
        self.assertEqual(order, ["two", "three", "one"])
        self.advance(DOWN_TIME)
        self.assertEqual(self.next_of(self.candidates()), "one")

    def test_retry_after(self) -> None:
        """A server that says 503 gets no new request for the time of Retry-After
        (3261-21.5.4-a).
        """
        self.know("UDP one", "UDP two")
        candidates = self.candidates()
        self.next_of(candidates)
        self.assertTrue(candidates.may_go_on(self.response(503, "120")))
        again = self.candidates()
        self.assertEqual(self.next_of(again), "two")
        self.assertFalse(again.has_more)
        again.may_go_on(self.response(503, "60 (busy)"))
        error = self.failureResultOf(self.candidates().next_flow(), TransportFailed)
        self.assertIn("left alone for 60 s", str(error.value))
        self.advance(120)
        self.assertEqual(self.next_of(self.candidates()), "one")

    def test_unreadable_retry_after(self) -> None:
        """A 503 whose Retry-After cannot be read is one without."""
        self.know("UDP one")
        candidates = self.candidates()
        self.next_of(candidates)
        candidates.may_go_on(self.response(503, "tomorrow"))
        self.assertTrue(self.health.is_down(self.server("UDP one")))
        self.assertEqual(self.next_of(self.candidates()), "one")

    def test_dialogs_have_nobody_else(self) -> None:
        """What belongs to a dialog is sent to a server that rests all the same."""
        self.know("UDP one")
        candidates = self.candidates()
        self.next_of(candidates)
        candidates.may_go_on(self.response(503, "120"))
        self.assertEqual(self.next_of(self.candidates(is_new=False)), "one")

    def test_near(self) -> None:
        """A dialog goes on with the server it has, unless that is down."""
        flow = self.successResultOf(
            self.endpoint.transport.connect(self.server("UDP three"))
        )
        candidates = self.candidates(near=flow)
        order = [self.next_of(candidates) for _ in range(3)]
        self.assertEqual(order, ["three", "one", "two"])
        self.health.note_failure(self.server("UDP three"))
        self.assertEqual(self.next_of(self.candidates(near=flow)), "one")
        near = self.endpoint.flow_to(URI, near=flow)
        self.assertEqual(self.successResultOf(near).remote[0], "one.invalid")


class OutcomeTests(CandidatesCase):
    """What a failure is, and what is none."""

    def assertGoesOn(
        self,
        outcome: Response | Unreachable,
        *before: int,
        is_allowed: bool = True,
        is_down: bool = True,
    ) -> None:
        """Whether the next server may be tried after these responses."""
        self.health.note_answer(self.server("UDP one"))
        candidates = self.candidates()
        self.assertEqual(self.next_of(candidates), "one")
        for status in before:
            candidates.response_received(self.response(status))
        self.assertEqual(candidates.may_go_on(outcome), is_allowed)
        self.assertEqual(self.health.is_down(self.server("UDP one")), is_down)

    def test_failures(self) -> None:
        """Failure occurs if the transaction layer reports a 503, a transport failure,
        or a timeout without any response (3263-4.3-a).
        """
        self.assertGoesOn(self.response(503))
        self.assertGoesOn(TransportFailed("ICMP"))
        self.assertGoesOn(TransactionTimeout("timer F"))

    def test_responses(self) -> None:
        """Any response but 503 ends the search (3263-4.3-b)."""
        for status in (200, 302, 401, 404, 408, 480, 486, 500, 502, 504, 603):
            self.assertGoesOn(self.response(status), is_allowed=False, is_down=False)

    def test_timeout_after_a_provisional(self) -> None:
        """Who has answered at all is not given up: no callee rings twice because a
        connection broke (3263-4.3-b).
        """
        for error in (TransactionTimeout("timer F"), TransportFailed("reset")):
            self.assertGoesOn(error, 100, is_allowed=False)

    def test_503_after_a_provisional(self) -> None:
        """A 503 is a failure whatever came before it (3263-4.3-a)."""
        self.assertGoesOn(self.response(503), 100)

    def test_before_the_first_flow(self) -> None:
        """Before there is a server, nothing is known of any."""
        candidates = self.candidates()
        candidates.response_received(self.response(180))
        self.assertTrue(candidates.may_go_on(TransportFailed("no")))
        self.assertEqual(len(self.health), 0)


class RaceTests(CandidatesCase):
    """Connections to the addresses of one server."""

    def setUp(self) -> None:
        """Servers with addresses of both families."""
        super().setUp()
        for name in ("v6::1", "v4"):
            self.peers[name] = Peer(
                self.network, name if ":" in name else f"{name}.invalid"
            )
        self.network.partition(["caller.invalid"], ["v6::1"])

    def test_addresses_of_one_target(self) -> None:
        """Connections to the addresses of one target are raced; who was only slower is
        a server still.
        """
        self.know("TCP v6::1 t1", "TCP v4 t1", "TCP two t2")
        candidates = self.candidates()
        found = candidates.next_flow()
        self.advance(ATTEMPT_DELAY - 0.01)
        self.assertNoResult(found)
        self.advance(0.02)
        self.assertEqual(self.successResultOf(found).remote[0], "v4.invalid")
        self.assertFalse(self.health.is_down(self.server("TCP v6::1")))
        self.network.heal()
        flow = candidates.next_flow()
        self.advance(1)
        self.assertEqual(self.successResultOf(flow).remote[0], "v6::1")
        self.assertEqual(self.next_of(candidates), "two")

    def test_addresses_of_two_targets(self) -> None:
        """The addresses of two targets are not: SRV order comes first (7984-4-a)."""
        for servers in (
            ("TCP v6::1 t1", "TCP v4 t2"),
            ("TCP v6::1", "TCP v4"),
        ):
            self.know(*servers)
            candidates = self.candidates()
            found = candidates.next_flow()
            self.advance(5)
            self.assertNoResult(found)
            found.cancel()
            self.failureResultOf(found, CancelledError)

    def test_order_of_datagrams(self) -> None:
        """Over UDP the addresses keep their order: they are not raced (7984-4-a)."""
        self.know("UDP v6::1 t1", "UDP v6::2 t1", "UDP v4 t1")
        candidates = self.candidates()
        order = [self.next_of(candidates) for _ in range(3)]
        self.assertEqual(order, ["v6::1", "v6::2", "v4"])

    def test_datagrams_are_not_raced(self) -> None:
        """One request is never sent to two addresses at the same time (7984-3.2-a)."""
        self.know("UDP one t1", "UDP two t1")
        candidates = self.candidates()
        sent = request_any(self.endpoint, candidates, lambda flow: make("OPTIONS"))
        self.advance(31)
        self.assertEqual(self.peers["one"].methods, ["OPTIONS"])
        self.assertEqual(self.peers["two"].methods, [])
        self.advance(2)
        self.assertEqual(self.peers["two"].methods, ["OPTIONS"])
        self.peers["two"].answer(self.peers["two"].last("OPTIONS"), 200)
        self.advance()
        self.successResultOf(sent)
        self.assert_nothing_left()


class StopTests(CandidatesCase):
    """Searches end with the endpoint."""

    def test_while_looking_up(self) -> None:
        """A lookup that is under way is given up."""
        cancelled: list[object] = []
        self.servers.waiting = Deferred(cancelled.append)
        found = self.candidates().next_flow()
        self.assertNoResult(found)
        self.endpoint.stop()
        self.failureResultOf(found, TransportFailed)
        self.assertEqual(len(cancelled), 1)

    def test_while_connecting(self) -> None:
        """So are connections."""
        self.know("TCP one t", "TCP two t")
        self.network.partition(["caller.invalid"], ["one.invalid", "two.invalid"])
        found = self.candidates().next_flow()
        self.advance(1)
        self.assertNoResult(found)
        self.endpoint.stop()
        self.failureResultOf(found, TransportFailed)
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling(self) -> None:
        """Who gives up by himself hears that he did."""
        self.servers.waiting = Deferred()
        found = self.candidates().next_flow()
        found.cancel()
        self.failureResultOf(found, CancelledError)


class RequestTests(CandidatesCase):
    """Requests that go to the next server."""

    def ask(self) -> Deferred[Delivered]:
        """Send an OPTIONS."""
        return request_any(
            self.endpoint, self.candidates(), lambda flow: make("OPTIONS")
        )

    def reply(self, name: str, status: int) -> None:
        """Let a server answer the request it has."""
        peer = self.peers[name]
        peer.answer(peer.last("OPTIONS"), status)
        self.advance()

    def test_first_server(self) -> None:
        """Where the first server answers no other one is asked."""
        sent = self.ask()
        self.advance()
        self.reply("one", 404)
        delivered = self.successResultOf(sent)
        self.assertEqual(delivered.response.status, 404)
        self.assertEqual(delivered.flow.remote[0], "one.invalid")
        self.assertEqual(self.peers["two"].received, [])
        self.assert_nothing_left()

    def test_next_server(self) -> None:
        """The client SHOULD create a new request, which is identical to the previous,
        but has a different value of the Via branch ID (3263-4.3-a).
        """
        sent = self.ask()
        self.advance()
        self.reply("one", 503)
        self.advance(33)
        self.reply("three", 200)
        self.assertEqual(self.successResultOf(sent).response.status, 200)
        requests = [
            self.peers[name].last("OPTIONS") for name in ("one", "two", "three")
        ]
        self.assertEqual(len({request.branch for request in requests}), 3)
        others = {request.without_top_via() for request in requests}
        self.assertEqual(len(others), 1)
        self.assert_nothing_left()

    def test_retransmissions(self) -> None:
        """All retransmissions MUST be sent to the same host (3263-4-a)."""
        sent = self.ask()
        self.advance(20)
        self.assertGreater(len(self.peers["one"].received), 3)
        self.assertEqual(self.peers["two"].received, [])
        self.reply("one", 200)
        self.successResultOf(sent)
        self.assert_nothing_left()

    def test_cancel_and_ack(self) -> None:
        """A CANCEL MUST be sent to the same server that the request was delivered to,
        and so MUST the ACK of a non-2xx (3263-4-a).
        """
        call = self.successResultOf(self.inviter.invite("sip:bob@a.example"))
        self.advance()
        one = self.peers["one"]
        one.answer(one.last("INVITE"), 180)
        self.advance()
        self.health.note_failure(self.server("UDP one"))
        call.cancel()
        self.advance()
        one.answer(one.last("CANCEL"), 200)
        one.answer(one.last("INVITE"), 487)
        self.advance()
        self.assertEqual(one.methods, ["INVITE", "CANCEL", "ACK"])
        self.assertEqual(self.peers["two"].received, [])
        self.assert_nothing_left()

    def test_dialog(self) -> None:
        """A dialog goes on with the server it has, whatever the name of its route leads
        to now.
        """
        asked = self.inviter.invite("sip:bob@a.example")
        self.advance()
        self.know("UDP two", "UDP one", "UDP three")
        one = self.peers["one"]
        route = [("Record-Route", "<sip:a.example;lr>")]
        one.answer(one.last("INVITE"), 200, sdp=True, headers=route)
        self.advance()
        self.assertEqual(one.methods, ["INVITE", "ACK"])
        self.successResultOf(asked).hangup()
        self.advance()
        one.answer(one.last("BYE"), 200)
        self.advance()
        self.assertEqual(self.peers["two"].received, [])
        self.assert_nothing_left()

    def test_provisional(self) -> None:
        """A server that has said 100 and nothing more is not given up (3263-4.3-b)."""
        sent = self.ask()
        self.advance()
        self.reply("one", 100)
        self.advance(40)
        self.failureResultOf(sent, TransactionTimeout)
        self.assertEqual(self.peers["two"].received, [])
        self.assert_nothing_left()

    def test_all_unavailable(self) -> None:
        """Where all servers say 503 that is the answer; where the others say nothing,
        too.
        """
        sent = self.ask()
        self.advance()
        self.reply("one", 503)
        self.advance(33)
        self.advance(33)
        delivered = self.successResultOf(sent)
        self.assertEqual(delivered.response.status, 503)
        self.assertEqual(delivered.flow.remote[0], "one.invalid")
        self.assert_nothing_left()

    def test_nobody_answers(self) -> None:
        """Where nobody answers the last failure is told."""
        sent = self.ask()
        self.advance(100)
        self.failureResultOf(sent, TransactionTimeout)
        self.assert_nothing_left()

    def test_no_servers(self) -> None:
        """Where there is no server, that is told."""
        self.servers.found = []
        self.failureResultOf(self.ask(), ResolutionFailed)

    def test_refused_write(self) -> None:
        """A server that nothing can be written to is a server that failed."""
        self.network.refuse_if(lambda packet: packet.destination[0] == "one.invalid")
        sent = self.ask()
        self.advance()
        self.reply("two", 200)
        self.successResultOf(sent)
        self.assert_nothing_left()

    def test_cancelling(self) -> None:
        """Cancelling stops the waiting, not the transaction."""
        sent = self.ask()
        self.advance()
        sent.cancel()
        self.failureResultOf(sent, CancelledError)
        self.advance(40)
        self.assertEqual(self.peers["two"].received, [])
        self.assert_nothing_left()

    def test_stopped(self) -> None:
        """A request that waits for a connection ends with the endpoint: no other server
        is tried then.
        """
        self.know("TCP one", "TCP two", "TCP three")
        self.network.partition(
            ["caller.invalid"], [f"{name}.invalid" for name in self.peers]
        )
        candidates = self.candidates()
        sent = request_any(self.endpoint, candidates, lambda flow: make("OPTIONS"))
        self.advance(0.01)
        tried: list[Destination] = []
        connect = self.endpoint.transport.connect

        def note(destination: Destination) -> Deferred[IFlow]:
            tried.append(destination)
            return connect(destination)

        self.endpoint.transport.connect = note  # type: ignore[method-assign]  # a spy
        self.endpoint.stop()
        self.failureResultOf(sent, TransportFailed)
        self.assertEqual(tried, [])
        self.assert_nothing_left()
