"""Calls whose next hop has several servers (RFC 3263 section 4.3)."""

from __future__ import annotations

from dataclasses import replace

from sipuac.errors import (
    Busy,
    Cancelled,
    RequestRejected,
    TransactionTimeout,
    TransportFailed,
)
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request
from sipuac.testing.digest_server import DigestServer, Verdict
from sipuac.testing.resolver import LiteralResolver
from sipuac.ua.credentials import Credentials, fixed_credentials
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from tests.ua.peer import Peer
from tests.ua.test_redirects import contacts
from tests.ua.test_retries import TOO_SMALL, RetryTestCase

NAMES = {
    "a.example": ("one.invalid", "two.invalid", "three.invalid"),
    "b.example": ("four.invalid",),
}


class FailoverTestCase(RetryTestCase):
    """The domain a.example has the servers one, two and three."""

    parameters = ""

    def setUp(self) -> None:
        """Put the servers into the network."""
        super().setUp()
        self.endpoint.servers.resolver = LiteralResolver(NAMES)
        names = ("one", "two", "three", "four")
        self.servers = {name: Peer(self.network, f"{name}.invalid") for name in names}
        self.peer = self.servers["one"]
        self.advance()

    @property
    def target(self) -> str:
        """Somebody at the domain."""
        return f"sip:bob@a.example{self.parameters}"

    def invite_at(self, name: str) -> Request:
        """The last INVITE that this server got."""
        return self.servers[name].last("INVITE")

    def counts(self) -> dict[str, int]:
        """How many INVITEs each server has, without retransmissions."""
        return {
            name: peer.methods.count("INVITE") for name, peer in self.servers.items()
        }

    def answer_at(self, name: str, call: Invitation) -> None:
        """This server takes the call, which is hung up then; nothing is left."""
        self.peer = self.servers[name]
        self.answer(call)
        self.end(call)

    def say(self, name: str, status: int, **options: object) -> None:
        """This server answers its last INVITE."""
        rows = options.get("headers", ())
        assert isinstance(rows, list | tuple)
        self.servers[name].answer(self.invite_at(name), status, name, headers=rows)
        self.advance()


class ServerTests(FailoverTestCase):
    """One server fails, and the next one is asked."""

    def test_unavailable(self) -> None:
        """After 503 the INVITE goes to the next server with a new branch, identical
        otherwise (3263-4.3-a, 3261-21.5.4-a, 3261-8.1.2-b).
        """
        call = self.invite()
        self.say("one", 503)
        first, second = self.invite_at("one"), self.invite_at("two")
        self.assertNotEqual(first.branch, second.branch)
        ours = [row for row in first.header_items() if row[0] != "Via"]
        theirs = [row for row in second.header_items() if row[0] != "Via"]
        self.assertEqual(theirs, ours)
        self.assertEqual(second.body, first.body)
        self.assertEqual(self.servers["one"].methods, ["INVITE", "ACK"])
        self.assertEqual(
            self.retrying(call),
            [
                (
                    503,
                    "Service Unavailable",
                    "at the next server, two.invalid port 5060",
                )
            ],
        )
        self.answer_at("two", call)
        self.assertEqual(self.counts()["three"], 0)

    def test_silence(self) -> None:
        """A server that never answers fails at timer B, as a 408 (3263-4.3-a,
        3261-8.1.3.1-a); never two at the same time (7984-3.2-a).
        """
        call = self.invite()
        self.advance(31)
        self.assertEqual(self.counts()["two"], 0)
        self.advance(2)
        self.assertEqual(self.counts(), {"one": 1, "two": 1, "three": 0, "four": 0})
        self.assertEqual([one[0] for one in self.retrying(call)], [408])
        self.answer_at("two", call)

    def test_all_fail(self) -> None:
        """When none is left, the last refusal is what the application hears."""
        call = self.invite()
        self.say("one", 503, headers=[("Retry-After", "60")])
        self.advance(33)
        self.say("three", 503)
        error = self.failureResultOf(call.established, RequestRejected).value
        self.assertEqual(error.status, 503)
        self.assertEqual(error.response.to_tag, "three")
        self.assert_nothing_left()

    def test_all_are_silent(self) -> None:
        """Without any response it is the timeout of the last one."""
        call = self.invite()
        self.advance(33 * 3)
        self.failureResultOf(call.established, TransactionTimeout)
        self.assertEqual(self.counts(), {"one": 1, "two": 1, "three": 1, "four": 0})
        self.assert_nothing_left()

    def test_any_other_response(self) -> None:
        """Once any response but 503 has come, there is no other server
        (3263-4.3-b).
        """
        for status in (404, 480, 500, 504, 603):
            call = self.invite()
            self.say("one", status)
            self.failureResultOf(call.established, RequestRejected)
        self.assertEqual(self.counts()["two"], 0)
        self.assert_nothing_left()

    def test_silence_after_a_provisional_response(self) -> None:
        """A callee who rings is not made to ring twice."""
        self.parameters = ";transport=tcp"
        call = self.invite()
        self.say("one", 180)
        self.network.reset("one.invalid")
        self.advance(100)
        self.assertEqual(self.counts()["two"], 0)
        call.cancel()
        self.advance()
        self.servers["one"].answer(self.servers["one"].last("CANCEL"), 200)
        self.say("one", 487)
        self.failureResultOf(call.established, Cancelled)
        self.assert_nothing_left()

    def test_a_connection_that_breaks(self) -> None:
        """A fatal transport error before any response is a failure
        (3261-8.1.3.1-a, 3263-4.3-a).
        """
        self.parameters = ";transport=tcp"
        call = self.invite()
        self.assertEqual(self.counts()["one"], 1)
        self.network.reset("one.invalid")
        self.advance()
        self.assertEqual(self.counts()["two"], 1)
        self.assertEqual([one[0] for one in self.retrying(call)], [503])
        self.answer_at("two", call)

    def test_a_late_answer(self) -> None:
        """A 2xx of a server that was given up gets ACK and BYE there."""
        call = self.invite()
        self.advance(33)
        late = self.servers["one"]
        invite, contact = late.last("INVITE"), f"<sip:bob@{late.host}>"
        late.answer(invite, 200, "late", sdp=True, contact=contact)
        self.advance()
        self.assertEqual(late.methods, ["INVITE", "ACK", "BYE"])
        late.answer(late.last("BYE"), 200)
        call.cancel()
        self.servers["two"].answer(self.invite_at("two"), 486, "b")
        self.advance()
        self.failureResultOf(call.established, Cancelled)
        self.assert_nothing_left()

    def test_cancelled(self) -> None:
        """Whoever cancels while a server is silent asks no other one."""
        call = self.invite()
        call.cancel()
        self.advance(33)
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(self.counts()["two"], 0)
        self.assert_nothing_left()


class MixedTests(FailoverTestCase):
    """Failover among other retries."""

    def test_the_same_server_again(self) -> None:
        """A retry goes to the server that has refused, not through the list again;
        from there on the list goes on (3263-4-a).
        """
        call = self.invite(session_expires=90)
        self.say("one", 503)
        self.say("two", 422, headers=TOO_SMALL)
        self.assertEqual(self.counts(), {"one": 1, "two": 2, "three": 0, "four": 0})
        self.say("two", 503)
        self.assertEqual(self.counts(), {"one": 1, "two": 2, "three": 1, "four": 0})
        self.assertEqual(self.invite_at("three").get("CSeq"), "2 INVITE")
        self.assertEqual(self.invite_at("three").get("Session-Expires"), "300")
        self.answer_at("three", call)

    def test_it_dies_after_a_refusal(self) -> None:
        """A server that has asked for a change and is silent then has failed."""
        call = self.invite(session_expires=90)
        self.say("one", 422, headers=TOO_SMALL)
        self.advance(33)
        self.assertEqual(self.counts(), {"one": 2, "two": 1, "three": 0, "four": 0})
        self.answer_at("two", call)

    def test_credentials_at_the_next_server(self) -> None:
        """They are sent there from the start, with the next nonce count, as the servers
        of one domain may know each other's nonces (7616-3.4-c).
        """
        source = fixed_credentials(Credentials("alice", "secret"))
        self.inviter = Inviter(
            self.endpoint,
            "sip:alice@a.example",
            media=self.media,
            credentials=source,
        )
        domain = DigestServer("a.example", {"alice": "secret"}, is_proxy=True)
        call = self.invite()
        self.say("one", 407, headers=domain.challenges())
        self.assertIs(domain.verdict(self.invite_at("one")), Verdict.RIGHT)
        self.say("one", 503)
        self.assertIs(domain.verdict(self.invite_at("two")), Verdict.RIGHT)
        self.assertEqual(self.invite_at("two").get("CSeq"), "2 INVITE")
        self.answer_at("two", call)

    def test_a_redirection(self) -> None:
        """Each target has servers of its own."""
        call = self.invite(follow_redirects=True)
        self.say("one", 503)
        rows = contacts("sip:bob@b.example", "sip:bill@a.example")
        self.say("two", 302, headers=rows)
        self.assertEqual(self.invite_at("four").uri_text, "sip:bob@b.example")
        self.say("four", 503)
        # The first server counts as down, and is asked last.
        self.assertEqual(self.invite_at("two").uri_text, "sip:bill@a.example")
        self.say("two", 486)
        self.failureResultOf(call.established, Busy)
        self.assert_nothing_left()


class HealthTests(FailoverTestCase):
    """What later calls know of servers that failed."""

    def test_retry_after(self) -> None:
        """To a server that has said 503 with Retry-After no other request is sent for
        that time (3261-21.5.4-a).
        """
        call = self.invite()
        self.say("one", 503, headers=[("Retry-After", "60")])
        self.say("two", 486)
        self.failureResultOf(call.established, Busy)
        call = self.invite()
        self.say("two", 486)
        self.failureResultOf(call.established, Busy)
        self.advance(61)
        call = self.invite()
        self.say("one", 486)
        self.failureResultOf(call.established, Busy)
        self.assertEqual(self.counts(), {"one": 2, "two": 2, "three": 0, "four": 0})
        self.assert_nothing_left()

    def test_up_again(self) -> None:
        """A server that failed and answers now is up."""
        health = self.endpoint.servers.health
        one = Destination("UDP", "one.invalid", 5060, "a.example")
        for name in ("one", "two", "three"):
            health.note_failure(replace(one, host=f"{name}.invalid"))
        call = self.invite()
        self.assertTrue(health.is_down(one))
        self.say("one", 180)
        self.assertFalse(health.is_down(one))
        self.say("one", 486)
        self.failureResultOf(call.established, Busy)
        self.assert_nothing_left()

    def test_all_rest(self) -> None:
        """Where all of them have said so, the call is not even tried."""
        for name in ("one", "two", "three"):
            self.servers[name].received.clear()
        call = self.invite()
        for name in ("one", "two", "three"):
            self.say(name, 503, headers=[("Retry-After", "60")])
        self.failureResultOf(call.established, RequestRejected)
        asked = self.inviter.invite(self.target)
        self.advance()
        self.failureResultOf(asked, TransportFailed)
        self.assertEqual(self.counts(), {"one": 1, "two": 1, "three": 1, "four": 0})
        self.assert_nothing_left()
