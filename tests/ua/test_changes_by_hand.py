"""Changes of a call with a peer that says every word by hand."""

from __future__ import annotations

from sipuac.errors import SessionNotModified
from sipuac.syntax.message import Request
from sipuac.ua.session import Session
from tests.ua.peer import HOST, PeerTestCase
from tests.ua.test_challenged_calls import ChallengeTestCase


class TargetTests(PeerTestCase):
    """Target refresh in both directions."""

    def standing(self) -> Session:
        """A call that stands."""
        call = self.invite()
        allow = [("Allow", "INVITE, UPDATE")]
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True, headers=allow)
        self.advance()
        return self.successResultOf(call.established)

    def hang_up(self, session: Session) -> Request:
        """Hang up; the BYE."""
        session.bye()
        self.advance()
        bye = self.peer.last("BYE")
        self.peer.answer(bye, 200)
        self.assert_nothing_left()
        return bye

    def test_by_the_peer(self) -> None:
        """The Contact of its UPDATE is the target of what we send next, when our 2xx
        goes out; its Route stays (3261-12.2.2-b).
        """
        session = self.standing()
        new = f"sip:new@{HOST}"
        self.peer.ask("UPDATE", cseq=2, headers=[("Contact", f"<{new}>")])
        self.advance()
        self.assertEqual(self.peer.statuses, [200])
        self.assertEqual(self.hang_up(session).uri_text, new)

    def test_by_its_2xx(self) -> None:
        """And so is that of its 2xx to our UPDATE (3261-12.2.1.2-a, 3311-5.1-d)."""
        session = self.standing()
        done = session.refresh()
        self.advance()
        new = f"sip:new@{HOST}"
        update = self.peer.last("UPDATE")
        self.assertIsNotNone(update.get("Contact"))
        self.peer.answer(update, 200, headers=[("Contact", f"<{new}>")])
        self.advance()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.hang_up(session).uri_text, new)

    def test_refused(self) -> None:
        """A refusal brings none."""
        session = self.standing()
        contact = [("Contact", f"<sip:new@{HOST}>"), ("Require", "nothing")]
        self.peer.ask("UPDATE", cseq=2, headers=contact)
        self.advance()
        self.assertEqual(self.peer.statuses, [420])
        self.assertEqual(self.hang_up(session).uri_text, f"sip:bob@{HOST}")


class TimerTests(TargetTests):
    """Session timers that somebody on the way finds too short."""

    def test_too_small(self) -> None:
        """422 to a refresh: again at once with its Min-SE, which all that follow carry
        too (4028-7.3-a, 4028-7.4-a).
        """
        call = self.invite(session_expires=180)
        ours = ("Session-Expires", "180;refresher=uac")
        fields = [("Allow", "INVITE, UPDATE"), ("Require", "timer"), ours]
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True, headers=fields)
        self.advance()
        session = self.successResultOf(call.established)
        self.advance(90)
        update = self.peer.last("UPDATE")
        self.assertEqual(update.get("Min-SE"), None)
        self.peer.answer(update, 422, headers=[("Min-SE", "300")])
        self.advance()
        update = self.peer.last("UPDATE")
        self.assertEqual(update.get("Session-Expires"), "300;refresher=uac")
        self.assertEqual(update.get("Min-SE"), "300")
        longer = ("Session-Expires", "300;refresher=uac")
        self.peer.answer(update, 200, headers=[("Require", "timer"), longer])
        self.advance(150)
        update = self.peer.last("UPDATE")
        self.assertEqual(update.cseq.number, 4)
        self.assertEqual(update.get("Min-SE"), "300")
        self.peer.answer(update, 200, headers=[("Require", "timer"), longer])
        self.advance()
        self.hang_up(session)


class ChallengedTests(ChallengeTestCase):
    """Challenges of what changes a call."""

    def test_a_re_invite(self) -> None:
        """A re-INVITE carries the credentials of the call; where they are stale it is
        sent again with new ones, the next CSeq number and the same offer, and the ACK
        of its 2xx has those (3261-22.2-a, 3261-13.2.2.4-b).
        """
        call = self.standing()
        session = self.successResultOf(call.established)
        done = session.modify()
        self.advance()
        first = self.peer.last("INVITE")
        self.accepted(first, self.proxy)
        fresh = self.proxy.challenges(is_stale=True)
        self.peer.answer(first, self.proxy.status, headers=fresh)
        self.advance()
        second = self.peer.last("INVITE")
        self.assertEqual(second.cseq.number, first.cseq.number + 1)
        self.assertEqual(second.body, first.body)
        self.accepted(second, self.proxy)
        self.peer.answer(second, 200, sdp=True)
        self.advance()
        self.assertIsNone(self.successResultOf(done))
        ack = self.peer.last("ACK")
        self.assertEqual(ack.cseq.number, second.cseq.number)
        name = "Proxy-Authorization"
        self.assertEqual(ack.get_all(name), second.get_all(name))
        self.end(call)

    def test_refused_credentials(self) -> None:
        """Credentials that are refused again end the change, not the call."""
        call = self.standing()
        session = self.successResultOf(call.established)
        done = session.modify()
        for _ in range(3):
            self.advance()
            rows = self.proxy.challenges()
            self.peer.answer(self.peer.last("INVITE"), self.proxy.status, headers=rows)
        self.advance()
        error = self.failureResultOf(done, SessionNotModified).value
        self.assertEqual(error.status, 407)
        self.assertEqual(session.state, "Established")
        self.end(call)
