"""Attributes are read once for all calls of the same phones."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.sdp.attributes import attributes_of
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.fields import Attribute, Direction, Encoding

LINES = ("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendonly")


def description(port: int, lines: tuple[str, ...], formats: str = "0") -> str:
    """A description whose one stream has these lines."""
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    stream = f"m=audio {port} RTP/AVP {formats}\r\n"
    return head + stream + "".join(f"{line}\r\n" for line in lines)


class AttributesTests(SynchronousTestCase):
    """What the a= lines of a section say, and what is kept of them."""

    def test_what_they_say(self) -> None:
        """All of them, the direction, encodings and parameters."""
        read = attributes_of((*LINES, "a=fmtp:0 x=y"))
        self.assertEqual(
            read.all,
            (
                Attribute("rtpmap", "0 PCMU/8000"),
                Attribute("ptime", "20"),
                Attribute("sendonly"),
                Attribute("fmtp", "0 x=y"),
            ),
        )
        self.assertIs(read.direction, Direction.SENDONLY)
        self.assertEqual(read.encodings, {"0": Encoding("PCMU", 8000)})
        self.assertEqual(read.parameters, {"0": "x=y"})

    def test_without_any(self) -> None:
        """No attributes say nothing."""
        read = attributes_of(("m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.1"))
        self.assertEqual((read.all, read.direction), ((), None))

    def test_calls_of_the_same_phone_share_them(self) -> None:
        """The port differs from call to call, and the attributes do not."""
        first, second = (
            SessionDescription.parse(description(port, LINES[1:])).media[0]
            for port in (4000, 4002)
        )
        self.assertNotEqual(first, second)
        self.assertIs(first.attributes, second.attributes)
        self.assertEqual(second.direction, Direction.SENDONLY)

    def test_long_ones_are_not_kept(self) -> None:
        """Nobody fills our memory with what is sent once."""
        lines = (*LINES, "a=x:" + "y" * 1024)
        self.assertIsNot(attributes_of(lines).all, attributes_of(lines).all)

    def test_what_is_wrong_stays_wrong(self) -> None:
        """A line is refused each time, however short or long it is."""
        for formats in ("0 (", "0 " * 200 + "("):
            for _ in range(2):
                text = description(4000, (), formats)
                self.assertRaises(ParseError, SessionDescription.parse, text)
        for _ in range(2):
            text = description(4000, ("s=again",))
            self.assertRaises(ParseError, SessionDescription.parse, text)

    def test_line_ends(self) -> None:
        """CRLF, LF alone and a mixture are the same description (8866-5)."""
        text = description(4000, LINES[1:])
        usual = SessionDescription.parse(text)
        for other in (
            text.replace("\r\n", "\n"),
            text.replace("\r\n", "\n", 3),
            text.removesuffix("\r\n"),
            text + "\r\n",
        ):
            self.assertEqual(SessionDescription.parse(other).lines, usual.lines)
        for wrong in (text.replace("s=-", "s=a\rb"), text.replace("v=0", "v=1")):
            self.assertRaises(ParseError, SessionDescription.parse, wrong)
