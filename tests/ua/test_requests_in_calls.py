"""INFO, MESSAGE and the like in a call that stands, from both sides."""

from __future__ import annotations

from sipuac.errors import LocalProtocolError, TransactionTimeout
from sipuac.syntax.message import Response
from sipuac.testing.script import Script, answer, ask, early_media
from tests.ua.talk import TalkCase, TalkListener


class RequestTests(TalkCase):
    """INFO, MESSAGE and the like, in both directions."""

    def test_ours(self) -> None:
        """A request of the application reaches the phone, and its answer comes back."""
        self.talk()
        rows = [("Content-Type", "application/dtmf-relay")]
        waiting = self.session.request("INFO", rows, b"Signal=5\r\n")
        self.advance(0.5)
        response = self.successResultOf(waiting)
        assert isinstance(response, Response)
        self.assertEqual(response.status, 200)
        (info,) = self.desk.requests("INFO")
        self.assertEqual(info.body, b"Signal=5\r\n")
        self.assertEqual(info.get("Content-Type"), "application/dtmf-relay")
        waiting = self.session.request("MESSAGE")
        self.advance(0.5)
        self.assertEqual(self.successResultOf(waiting).status, 405)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_what_must_not_be_sent(self) -> None:
        """What the dialog sends itself is refused, and what would break the message."""
        self.talk()
        for method in ("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "a b"):
            waiting = self.session.request(method)
            self.failureResultOf(waiting, LocalProtocolError)
        rows: list[tuple[list[tuple[str, str]], bytes]] = [
            ([("CSeq", "9 INFO")], b""),
            ([("X", "a\r\nY: b")], b""),
            ([], b"x"),
        ]
        for headers, body in rows:
            waiting = self.session.request("INFO", headers, body)
            self.failureResultOf(waiting, LocalProtocolError)
        self.assertEqual(self.desk.requests("INFO"), [])
        self.hang_up()

    def test_no_answer(self) -> None:
        """No response to an INFO ends the call, to an OPTIONS it does not (RFC 5057
        5.3).
        """
        self.talk(Script(answer(0.1), replies={"INFO": None, "OPTIONS": None}))
        waiting = self.session.request("OPTIONS")
        self.advance(33)
        self.failureResultOf(waiting, TransactionTimeout)
        self.assertEqual(self.session.state, "Established")
        waiting = self.session.request("INFO")
        self.advance(33)
        self.failureResultOf(waiting, TransactionTimeout)
        self.assertIn("408", self.successResultOf(self.session.ended).reason or "")
        self.settle()

    def test_theirs(self) -> None:
        """INFO, MESSAGE and NOTIFY get 200, and the delegate hears of them."""
        self.talk()
        for method in ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "REFER"):
            self.desk_asks(method, sdp="hello")
            self.advance(0.5)
        self.assertEqual(self.dialog.statuses, [200, 200, 200, 200, 405])
        self.assertEqual(
            self.listener.requests,
            [(self.session, one, b"hello") for one in ("INFO", "MESSAGE", "NOTIFY")],
        )
        received = self.events(self.call, "request-received")
        self.assertEqual(
            [one["method"] for one in received], ["INFO", "MESSAGE", "NOTIFY"]
        )
        self.hang_up()

    def test_before_the_call_stands(self) -> None:
        """In an early dialog too; there is no session then."""
        self.desk = self.phone("desk", early_media(0.1), ask(0.3, "INFO"), answer(1.0))
        self.ring()
        self.listener = TalkListener()
        self.call = self.invite(delegate=self.listener)
        self.advance(2)
        self.session = self.successResultOf(self.call.established)
        self.assertEqual(self.listener.requests, [(None, "INFO", b"")])
        self.hang_up()
