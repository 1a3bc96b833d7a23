"""Calls through three servers that answer at random, late, twice, or not at all."""

from __future__ import annotations

import random
from typing import Any

from sipuac.dialog.events import Ended, Failed, InviteSent, Retrying
from sipuac.syntax.message import Request
from sipuac.testing.digest_server import DigestServer
from sipuac.testing.resolver import LiteralResolver
from sipuac.ua.credentials import Credentials, fixed_credentials
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from tests.ua.peer import Peer
from tests.ua.test_retries import RetryTestCase

LIVES = 300
NAMES = {"a.example": ("one.invalid", "two.invalid"), "b.example": ("three.invalid",)}
STATUSES = (100, 180, 183, 200, 302, 401, 407, 420, 422, 484, 487, 503, 603)


class RandomRefusalTests(RetryTestCase):
    """Whatever the servers do, each call has one end and nothing is left."""

    def prepare(self, seed: int) -> None:
        """A new network, and a caller who can do everything."""
        self.setUp()
        self.random = random.Random(seed)
        transport = self.random.choice(("", ";transport=tcp"))
        self.where = f"sip:bob@a.example{transport}"
        self.endpoint.servers.resolver = LiteralResolver(NAMES)
        self.servers = [
            Peer(self.network, f"{name}.invalid") for name in ("one", "two", "three")
        ]
        self.realm = DigestServer("realm", {"alice": "secret"})
        self.inviter = Inviter(
            self.endpoint,
            "sip:alice@example.invalid",
            media=self.media,
            credentials=fixed_credentials(Credentials("alice", "secret")),
        )

    def fields(self, status: int) -> list[tuple[str, str]]:
        """What a response of this status brings along."""
        if status == 302:
            names = self.random.sample(("bob", "carol", "dave", "eve"), 2)
            domain = self.random.choice(("a.example", "b.example"))
            return [("Contact", f"<sip:{name}@{domain}>") for name in names]
        if status in (401, 407):
            rows = self.realm.challenges(is_stale=self.random.random() < 0.3)
            if status == 407:
                return [("Proxy-Authenticate", row) for _, row in rows]
            return rows
        if status == 420:
            return [("Unsupported", self.random.choice(("199", "timer", "foo")))]
        if status == 422:
            return [("Min-SE", str(self.random.choice((90, 200, 300, 400))))]
        if status == 503 and self.random.random() < 0.3:
            return [("Retry-After", "30")]
        return []

    def respond(self, peer: Peer, request: Request) -> None:
        """Answer this request somehow; where a connection broke, not at all."""
        assert peer.flow is not None
        if not peer.flow.is_open:
            return
        contact = f"<sip:bob@{peer.host}>"
        if request.method != "INVITE":
            status = self.random.choice((200, 200, 200, 401, 481, 500))
            peer.answer(request, status, headers=self.fields(status))
            return
        status = self.random.choice(STATUSES)
        tag = self.random.choice(("x", "y"))
        has_sdp = status in (183, 200) and self.random.random() < 0.9
        peer.answer(
            request,
            status,
            tag,
            sdp=has_sdp,
            contact=contact,
            headers=self.fields(status),
        )

    def live(self, seed: int) -> None:
        """One call, from the INVITE until nothing is left."""
        self.prepare(seed)
        asked = self.inviter.invite(
            self.where,
            early_media=self.random.random() < 0.5,
            follow_redirects=True,
            session_expires=90,
            answer_timeout=self.random.choice((20.0, 180.0)),
        )
        self.advance()
        call = self.successResultOf(asked)
        ends: list[Any] = []
        call.established.addErrback(lambda failure: None)
        call.done.addCallback(ends.append)
        for _ in range(self.random.randint(3, 25)):
            peer = self.random.choice(self.servers)
            requests = [
                message
                for message in peer.received
                if isinstance(message, Request) and message.method != "ACK"
            ]
            if requests and self.random.random() < 0.8:
                self.respond(peer, self.random.choice(requests[-3:]))
            chance = self.random.random()
            if chance < 0.04:
                call.cancel()
            elif chance < 0.08:
                self.network.reset(peer.host)
            self.advance(self.random.choice((0, 0, 0, 0.5, 3, 40)))
        call.hangup()
        self.finish(call)
        self.assertEqual(ends, [None])
        self.check(call)

    def finish(self, call: Invitation) -> None:
        """Let every INVITE that is open end, and everything else time out."""
        for _ in range(4):
            for peer in self.servers:
                if peer.flow is None or not peer.flow.is_open:
                    continue
                for request in peer.requests("INVITE")[-1:]:
                    peer.answer(request, 487, "end")
            self.advance(40)
        self.assert_nothing_left()

    def check(self, call: Invitation) -> None:
        """One end, and no INVITE that was not announced."""
        bodies = [event.body for event in call.events]
        failed = [body for body in bodies if isinstance(body, Failed)]
        ended = [body for body in bodies if isinstance(body, Ended)]
        self.assertEqual(len(failed) + len(ended), 1, bodies)
        sent = sum(isinstance(body, InviteSent) for body in bodies)
        retried = sum(isinstance(body, Retrying) for body in bodies)
        self.assertLessEqual(sent, retried + 1)
        self.assertEqual(call.state, "Terminated")
        self.assertTrue(all(one.is_closed for one in self.media.sessions))

    def test_lives(self) -> None:
        """Each of them by a seed of its own."""
        for seed in range(LIVES):
            try:
                self.live(seed)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error}") from error
