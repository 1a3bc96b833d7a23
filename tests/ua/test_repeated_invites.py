"""INVITEs that are sent again for the sake of a NAT (RFC 3581 section 3)."""

from __future__ import annotations

from sipuac.ua.endpoint import ClientTransaction
from tests.ua.peer import PeerTestCase
from tests.ua.transaction_users import User, make


class RepeatedInviteTests(PeerTestCase):
    """A caller behind a NAT that forgets after half a minute."""

    def start(
        self, method: str = "INVITE", seconds: float | None = 20.0
    ) -> tuple[User, ClientTransaction]:
        """Send a request; it rings."""
        self.endpoint.repeat_invite = seconds
        user = User()
        transaction = self.endpoint.start_client(make(method), self.flow(), user)
        self.advance()
        self.peer.answer(self.peer.last(method), 180)
        self.advance()
        return user, transaction

    def test_it_is_sent_again(self) -> None:
        """To keep the binding fresh, the client SHOULD retransmit its INVITE every 20
        seconds or so, even after receiving a provisional response (3581-3-b).
        """
        user, _ = self.start()
        for number in range(1, 10):
            self.assertEqual(len(self.peer.requests("INVITE")), number)
            self.advance(10)
            self.peer.answer(self.peer.last("INVITE"), 183)
            self.advance(10)
        self.assertEqual(len(set(self.peer.requests("INVITE"))), 1)
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance(60)
        self.assertEqual(len(self.peer.requests("INVITE")), 10)
        self.assertEqual(user.heard[-2:], [486, "terminated"])
        self.assert_nothing_left()

    def test_an_answered_one_is_not(self) -> None:
        """After a 2xx nothing is repeated, while the transaction still stands."""
        self.start()
        self.peer.answer(self.peer.last("INVITE"), 200)
        self.advance(60)
        self.assertEqual(len(self.peer.requests("INVITE")), 1)
        self.assert_nothing_left()

    def test_other_requests_are_not(self) -> None:
        """Other requests do not wait so long, and their own timer repeats them."""
        counts = []
        for seconds in (None, 1.0):
            self.peer.received.clear()
            self.start("OPTIONS", seconds)
            self.advance(30)
            counts.append(len(self.peer.requests("OPTIONS")))
            self.assert_nothing_left()
        self.assertEqual(counts[0], counts[1])

    def test_it_is_an_option(self) -> None:
        """Unasked, an INVITE that rings is not sent again."""
        self.endpoint.repeat_invite = None
        self.endpoint.start_client(make("INVITE"), self.flow(), User())
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance(100)
        self.assertEqual(len(self.peer.requests("INVITE")), 1)
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.assert_nothing_left()


class OverTcpTests(PeerTestCase):
    """A connection needs no such thing."""

    protocol = "TCP"

    def test_nothing_is_repeated(self) -> None:
        """Over a connection nothing is sent twice."""
        self.endpoint.repeat_invite = 20.0
        self.endpoint.start_client(make("INVITE"), self.flow(), User())
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance(100)
        self.assertEqual(len(self.peer.requests("INVITE")), 1)
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.assert_nothing_left()
