"""Session descriptions in multipart bodies of responses (RFC 5621)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.effects import MakeAnswer
from sipuac.dialog.events import ProtocolWarning
from sipuac.dialog.peer_bodies import encoding_refusal
from sipuac.errors import ParseError
from sipuac.syntax.bodies import BodyPart, multipart, parts_of
from sipuac.syntax.fields import MediaType
from sipuac.syntax.message import Request
from tests.dialog.messages import DialogCase, answer, sdp


def part(kind: str, octets: bytes, disposition: str, handling: str) -> BodyPart:
    """A part of a body."""
    return BodyPart(MediaType.parse(kind), disposition, handling, (), octets)


DESCRIPTION = part("application/sdp", sdp(2000), "session", "required")
NOTE = part("text/plain", b"hello", "render", "optional")


class MultipartTests(DialogCase):
    """The SDP part is found wherever it may stand."""

    def test_mixed(self) -> None:
        """Beside other parts, before or after them, in a 1xx and in a 2xx."""
        for parts in ([DESCRIPTION, NOTE], [NOTE, DESCRIPTION]):
            for status in (183, 200):
                kind, body = multipart(parts)
                dialogs = self.begin()
                effects = self.receive(status, body=body, content_type=kind)[1]
                self.assertEqual(dialogs.branches["a"].remote, answer(2000))
                self.assertEqual(self.events(effects, ProtocolWarning), [])

    def test_alternative(self) -> None:
        """The last alternative that is understood counts."""
        unknown = part("application/x-new-sdp", b"?", "session", "required")
        kind, body = multipart([DESCRIPTION, unknown], "alternative")
        dialogs = self.begin()
        self.receive(183, body=body, content_type=kind)
        self.assertEqual(dialogs.branches["a"].remote, answer(2000))

    def test_an_offer(self) -> None:
        """A reliable response may bring its offer so."""
        kind, body = multipart([NOTE, DESCRIPTION])
        self.begin(is_offerless=True)
        effects = self.receive(183, rseq=1, body=body, content_type=kind)[1]
        asked = self.of_kind(effects, MakeAnswer)
        self.assertEqual(asked, [MakeAnswer("a", answer(2000))])

    def test_what_cannot_be_used(self) -> None:
        """No boundary, nested too deep, no SDP, SDP for something else: a warning, and
        nothing that counts.
        """
        nested = DESCRIPTION
        for _ in range(9):
            kind, body = multipart([nested])
            nested = part(kind, body, "render", "required")
        early = part("application/sdp", sdp(2000), "early-session", "optional")
        cases = [
            ("multipart/mixed", b"--x\r\n\r\n--x--\r\n"),
            multipart([nested]),
            multipart([NOTE]),
            multipart([early]),
        ]
        for kind, body in cases:
            dialogs = self.begin()
            effects = self.receive(183, body=body, content_type=kind)[1]
            self.assertIsNone(dialogs.branches["a"].remote)
            self.assertEqual(len(self.events(effects, ProtocolWarning)), 1)


class EncodingTests(SynchronousTestCase):
    """Bodies that the application reads."""

    def test_a_body_that_cannot_be_taken_apart(self) -> None:
        """It is the application's to refuse: only an encoding is looked at."""
        rows = [("Content-Type", "multipart/mixed")]
        broken = Request("INFO", "sip:me@me.example", rows, b"hello")
        self.assertRaises(ParseError, parts_of, broken)
        self.assertIsNone(encoding_refusal(broken))
