"""Fields that only inform: handed over as they came, and never acted upon."""

from __future__ import annotations

from sipuac.errors import Busy, RequestRejected
from sipuac.syntax.message import Response
from tests.ua.peer import PeerTestCase


class InformingFieldTests(PeerTestCase):
    """The application reads them in the response; we do not."""

    def fail_with(self, status: int, *fields: tuple[str, str]) -> RequestRejected:
        """What a call fails with that is answered so."""
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), status, headers=fields)
        self.advance()
        error = self.failureResultOf(call.final, RequestRejected).value
        assert isinstance(error, RequestRejected)
        return error

    def response_of(self, error: RequestRejected) -> Response:
        """The response that says so."""
        assert error.response is not None
        return error.response

    def assert_nothing_was_done(self) -> None:
        """One INVITE and its ACK, to the peer and nobody else, then silence."""
        self.assert_nothing_left()
        ours = self.network.packets(source="caller.invalid")
        self.assertEqual({packet.destination[0] for packet in ours}, {"peer.invalid"})
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])

    def test_error_info(self) -> None:
        """Error-Info URIs are handed to the application and not followed
        (3261-20.18-a).
        """
        error = self.fail_with(
            404,
            ("Error-Info", "<sip:not-in-service@elsewhere.invalid>;x=y, x"),
            ("Error-Info", "<http://elsewhere.invalid/a,b>"),
        )
        uris = [str(info.uri) for info in self.response_of(error).error_infos]
        self.assertEqual(uris[0], "sip:not-in-service@elsewhere.invalid")
        self.assertEqual(uris[1:], ["http://elsewhere.invalid/a,b"])
        self.assert_nothing_was_done()

    def test_warning_399(self) -> None:
        """On a Warning of code 399 nothing is done, whatever it says (3261-20.43-a)."""
        value = '399 peer.invalid "Call sip:other@elsewhere.invalid instead"'
        error = self.fail_with(486, ("Warning", value))
        self.assertIsInstance(error, Busy)
        self.assertEqual(error.warning, (value,))
        (warning,) = self.response_of(error).warnings
        self.assertEqual(warning.code, 399)
        self.assert_nothing_was_done()

    def test_retry_after(self) -> None:
        """Retry-After is reported with all its parts; nothing is tried again by itself,
        before it has passed or after (3261-20.33-a).
        """
        error = self.fail_with(480, ("Retry-After", "60 (in a meeting);duration=600"))
        after = self.response_of(error).retry_after
        assert after is not None
        self.assertEqual(
            (after.seconds, after.comment, after.duration), (60, "in a meeting", 600)
        )
        self.assert_nothing_was_done()

    def test_alert_info(self) -> None:
        """Alert-Info and Call-Info are handed over as text, never fetched
        (3261-20.4-a).
        """
        fields = [
            ("Alert-Info", "<http://elsewhere.invalid/ring.wav>"),
            ("Call-Info", "<http://elsewhere.invalid/photo.jpg>;purpose=icon"),
        ]
        call = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 180, headers=fields)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.failureResultOf(call.final, Busy)
        self.assert_nothing_was_done()
