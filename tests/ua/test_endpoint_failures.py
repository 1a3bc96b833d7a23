"""Flows that break, refuse, or never were."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import (
    LocalProtocolError,
    TransportFailed,
)
from sipuac.syntax.destination import Destination
from sipuac.syntax.uri import parse_uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.endpoint import Endpoint
from tests.ua.peer import HOST, TARGET, Peer, PeerTestCase
from tests.ua.transaction_users import User, make


class FailureTests(PeerTestCase):
    """Flows that break, refuse, or never were."""

    def test_a_refused_write_fails_the_transaction(self) -> None:
        """A transport error is reported as TransportFailed (3261-17.1.4-a)."""
        flow = self.flow()
        self.network.refuse_if(lambda packet: True)
        users = [User(), User()]
        for user, method in zip(users, ("INVITE", "OPTIONS"), strict=True):
            self.endpoint.start_client(make(method), flow, user)
            self.assertEqual(user.heard, [TransportFailed, "terminated"])
        self.assert_nothing_left()

    def test_a_refused_ack_fails_nothing_but_the_transaction(self) -> None:
        """In Completed an error of the ACK ends the transaction (6026-8.4-d)."""
        user = User()
        self.endpoint.start_client(make("INVITE"), self.flow(), user)
        self.advance()
        self.network.refuse_if(lambda packet: packet.first_line.startswith("ACK"))
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.assertEqual(user.heard, [486, TransportFailed, "terminated"])
        self.assert_nothing_left()

    def test_the_next_address_is_tried(self) -> None:
        """A UAC tries each address in turn until one can be reached (3261-8.1.2-b)."""
        tried: list[str] = []
        connect = self.endpoint.transport.connect

        def note(destination: Destination) -> Deferred[IFlow]:
            tried.append(destination.host)
            return connect(destination)

        self.endpoint.transport.connect = note  # type: ignore[method-assign]  # a spy
        resolver: Any = self.endpoint.resolver
        resolver._names["many.invalid"] = ("dead.invalid", "dead2.invalid", HOST)
        flow = self.endpoint.flow_to(parse_uri("sip:many.invalid;transport=tcp"))
        self.advance()
        self.assertEqual(self.successResultOf(flow).remote, (HOST, 5060))
        self.assertEqual(tried, ["dead.invalid", "dead2.invalid", HOST])
        resolver._names["many.invalid"] = ("dead.invalid", "dead2.invalid")
        flow = self.endpoint.flow_to(parse_uri("sip:many.invalid;transport=tcp"))
        self.advance()
        self.failureResultOf(flow, TransportFailed)

    def test_overload_refuses_requests_of_ours(self) -> None:
        """With too many transactions ours fail, and say so."""
        endpoint = Endpoint(
            self.clock,
            self.network.transport("small.invalid", 5060, "UDP"),
            self.endpoint.resolver,
            max_transactions=1,
        )
        endpoint.start()
        flow = self.successResultOf(endpoint.flow_to(parse_uri(TARGET)))
        first = endpoint.request(make("OPTIONS"), flow)
        self.failureResultOf(endpoint.request(make("INFO"), flow), LocalProtocolError)
        endpoint.start_client(make("INVITE"), flow, User())
        self.assertRaises(
            LocalProtocolError, endpoint.start_client, make("INVITE"), flow, User()
        )
        endpoint.stop()
        self.failureResultOf(first, TransportFailed)


class TcpFailureTests(PeerTestCase):
    """Connections that break."""

    protocol = "TCP"

    def test_a_broken_connection_fails_what_waits_on_it(self) -> None:
        """A connection failure reaches the transactions (3261-18.4-a)."""
        users = [User(), User(), User()]
        flow = self.flow()
        methods = ("INVITE", "OPTIONS", "INFO")
        for user, method in zip(users, methods, strict=True):
            self.endpoint.start_client(make(method), flow, user)
        self.advance()
        self.peer.answer(self.peer.last("INFO"), 200)
        self.advance()
        self.network.reset(HOST)
        self.advance()
        self.assertEqual(users[0].heard, [TransportFailed, "terminated"])
        self.assertEqual(users[1].heard, [TransportFailed, "terminated"])
        self.assertEqual(users[2].heard, [200, "terminated"])
        self.assert_nothing_left()

    def test_other_connections_are_left_alone(self) -> None:
        """Only the transactions of the broken connection hear of it."""
        other = Peer(self.network, "other.invalid")
        user = User()
        found = self.endpoint.flow_to(parse_uri("sip:other.invalid;transport=tcp"))
        self.advance()
        self.endpoint.start_client(make("OPTIONS"), self.successResultOf(found), user)
        self.flow()
        self.network.reset(HOST)
        self.advance()
        self.assertEqual(user.heard, [])
        other.answer(other.last("OPTIONS"), 200)
        self.advance()
        self.assertEqual(user.heard, [200, "terminated"])

    def test_a_proceeding_invite_waits_on(self) -> None:
        """In Proceeding the INVITE sends nothing that could fail: a response may still
        come over a new connection (RFC 6026 figure 5).
        """
        user = User()
        self.endpoint.start_client(make("INVITE"), self.flow(), user)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        self.network.reset(HOST)
        self.advance()
        self.assertEqual(user.heard, [180])
        again = self.peer.transport.connect(
            Destination("TCP", "caller.invalid", 5060, "caller.invalid")
        )
        self.advance()
        self.peer.flow = self.successResultOf(again)
        self.peer.answer(self.peer.last("INVITE"), 200)
        self.advance()
        self.assertEqual(user.heard, [180, 200])
