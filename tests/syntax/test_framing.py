"""Tests of the cutting of streams into messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax.framing import Frame, Ping, Pong, StreamFramer
from sipuac.syntax.limits import Limits
from sipuac.syntax.parser import parse_message, salvage_request
from tests.syntax.generators import Generator

FIRST = b"BYE sip:a SIP/2.0\r\nTo: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n"
SECOND = b"SIP/2.0 200 OK\r\nl: 0\r\nTo: y\r\n\r\n"
BOTH = [parse_message(FIRST), parse_message(SECOND)]


def without_pongs(frames: list[Frame]) -> list[Frame]:
    """The frames that do not depend on how the octets were cut."""
    return [frame for frame in frames if not isinstance(frame, Pong)]


class CutTests(SynchronousTestCase):
    """Any cutting gives the same frames."""

    def test_two_messages_at_once(self) -> None:
        """Messages follow one another by their Content-Length (3261-18.3-c)."""
        self.assertEqual(StreamFramer().feed(FIRST + SECOND), BOTH)

    def test_octet_by_octet(self) -> None:
        """A message is complete with its last octet."""
        framer = StreamFramer()
        frames: list[Frame] = []
        for index in range(len(FIRST)):
            self.assertEqual(frames, [])
            frames += framer.feed(FIRST[index : index + 1])
        self.assertEqual(frames, BOTH[:1])

    def test_mid_message(self) -> None:
        """It knows whether a message has begun that is not whole."""
        framer = StreamFramer()
        self.assertFalse(framer.is_mid_message)
        for octets in (b"B", FIRST[1:-4], FIRST[-4:-1]):
            framer.feed(octets)
            self.assertTrue(framer.is_mid_message)
        framer.feed(FIRST[-1:])
        self.assertFalse(framer.is_mid_message)

    def test_every_cut_point(self) -> None:
        """Two pieces, cut anywhere, give the same messages and pings."""
        stream = b"\r\n\r\n" + FIRST + b"\r\n\r\n\r\n" + SECOND + b"\r\n" + FIRST
        expected = [Ping(), BOTH[0], Ping(), BOTH[1], BOTH[0]]
        for cut in range(len(stream) + 1):
            framer = StreamFramer()
            frames = framer.feed(stream[:cut]) + framer.feed(stream[cut:])
            self.assertEqual(without_pongs(frames), expected, f"cut at {cut}")

    def test_random_pieces(self) -> None:
        """Random messages in random pieces are what was sent."""
        for seed in range(200):
            generator = Generator(seed)
            messages = [generator.message() for _ in range(4)]
            stream = b"".join([message.render() for message in messages])
            framer = StreamFramer()
            frames: list[Frame] = []
            while stream:
                size = generator.number(1, 700)
                frames += framer.feed(stream[:size])
                stream = stream[size:]
            self.assertEqual(frames, messages, f"seed {seed}")


class KeepAliveTests(SynchronousTestCase):
    """CRLFs between messages (RFC 5626 section 4.4.1)."""

    def test_ping(self) -> None:
        """A double CRLF is a ping."""
        self.assertEqual(StreamFramer().feed(b"\r\n\r\n"), [Ping()])
        self.assertEqual(StreamFramer().feed(b"\r\n\r\n\r\n\r\n"), [Ping(), Ping()])

    def test_pong(self) -> None:
        """A single CRLF is a pong, as soon as it has come."""
        framer = StreamFramer()
        self.assertEqual(framer.feed(b"\r"), [])
        self.assertEqual(framer.feed(b"\n"), [Pong()])

    def test_cut_ping(self) -> None:
        """A ping in two pieces is a pong, which nobody waits for, and a ping."""
        framer = StreamFramer()
        self.assertEqual(framer.feed(b"\r\n"), [Pong()])
        self.assertEqual(framer.feed(b"\r"), [])
        self.assertEqual(framer.feed(b"\n"), [Ping()])
        self.assertEqual(framer.feed(b"\r\n"), [Pong()])

    def test_line_ends_before_a_message(self) -> None:
        """CRLFs before a start line are no part of the message (3261-7.5-a)."""
        frames = StreamFramer().feed(b"\r\n\r\n\r\n" + SECOND)
        self.assertEqual(frames, [Ping(), Pong(), BOTH[1]])

    def test_pong_after_pong(self) -> None:
        """Where each answers a ping of ours, two single CRLFs in a row are two pongs
        (5626-4.4.1-a).
        """
        framer = StreamFramer()
        for piece in (b"\r\n", b"\r\n", b"\r", b"\n"):
            framer.is_pong_due = True
            frames = framer.feed(piece)
            self.assertEqual(frames, [] if piece == b"\r" else [Pong()])
        self.assertFalse(framer.is_pong_due)
        self.assertEqual(framer.feed(b"\r\n"), [Pong()])
        self.assertEqual(framer.feed(b"\r\n"), [Ping()])

    def test_ping_while_a_pong_is_due(self) -> None:
        """A ping of the peer crosses ours: it is one, and the pong still comes."""
        framer = StreamFramer()
        framer.is_pong_due = True
        self.assertEqual(framer.feed(b"\r\n\r\n"), [Ping()])
        self.assertEqual(framer.feed(b"\r\n\r"), [])
        self.assertEqual(framer.feed(b"\n\r\n" + FIRST), [Ping(), Pong(), BOTH[0]])

    def test_pongs_apart(self) -> None:
        """A message between two CRLFs keeps them from being a ping."""
        framer = StreamFramer()
        self.assertEqual(framer.feed(b"\r\n"), [Pong()])
        self.assertEqual(framer.feed(SECOND), [BOTH[1]])
        self.assertEqual(framer.feed(b"\r\n"), [Pong()])


class LossTests(SynchronousTestCase):
    """Loss of framing."""

    def assert_lost(self, data: bytes, limits: Limits | None = None) -> ParseError:
        """The framer refuses these octets, and all that come after them."""
        framer = StreamFramer(limits or Limits())
        error: ParseError = self.assertRaises(ParseError, framer.feed, data)
        self.assertIs(framer.error, error)
        self.assertRaises(ParseError, framer.feed, b"")
        self.assertRaises(ParseError, framer.feed, SECOND)
        return error

    def test_content_length(self) -> None:
        """Without one good Content-Length there is no framing (3261-18.3-c)."""
        for row in (
            b"",
            b"l: -1\r\n",
            b"l: x\r\n",
            b"l: \r\n",
            b"l: 0\r\nl: 1\r\n",
            b"l: 0, 0\r\n",
        ):
            self.assert_lost(b"BYE sip:a SIP/2.0\r\nTo: x\r\n" + row + b"\r\n")

    def test_garbage(self) -> None:
        """What is no message is a loss of framing."""
        self.assert_lost(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        self.assert_lost(b"\r\rBYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n")
        self.assert_lost(b"\nBYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n")
        error = self.assert_lost(b"BYE sip:a SIP/3.0\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(error.status_hint, 505)

    def test_limits(self) -> None:
        """A head or body beyond the limits is refused before it is there."""
        limits = Limits(max_head=100, max_body=10)
        error = self.assert_lost(b"B" * 104, limits)
        self.assertEqual(error.status_hint, 513)
        self.assert_lost(b"BYE sip:a SIP/2.0\r\nl: 11\r\n\r\n", limits)
        self.assert_lost(b"BYE sip:a SIP/2.0\r\nX: " + b"x" * 90 + b"\r\n\r\n", limits)
        framer = StreamFramer(limits)
        self.assertEqual(framer.feed(b"B" * 103), [])
        frames = StreamFramer(limits).feed(
            b"BYE sip:a SIP/2.0\r\nl: 10\r\n\r\n0123456789"
        )
        self.assertEqual(len(frames), 1)

    def test_what_came_before(self) -> None:
        """Frames that came before the loss are returned; the error shows at once."""
        framer = StreamFramer()
        self.assertEqual(framer.feed(FIRST + SECOND + b"x\r\n\r\n"), BOTH)
        self.assertIsInstance(framer.error, ParseError)
        self.assertRaises(ParseError, framer.feed, b"")

    def test_rejected(self) -> None:
        """The message at fault is kept, so that it can be answered."""
        rows = (
            b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=b\r\n"
            b"From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\r\n"
        )
        for faulty in (rows, rows.replace(b"/2.0\r\n", b"/3.0\r\nl: 0\r\n", 1)):
            framer = StreamFramer()
            self.assertEqual(framer.feed(SECOND + faulty), BOTH[1:])
            request = salvage_request(framer.rejected)
            assert request is not None
            self.assertEqual(request.call_id, "x")

    def test_mutations(self) -> None:
        """One octet changed raises nothing but ParseError."""
        for seed in range(500):
            generator = Generator(seed)
            octets = bytearray(generator.message().render() + SECOND)
            position = generator.random.randrange(len(octets))
            octets[position] = generator.random.choice(b'\0\r\n :,;"<0aL\xff')
            framer = StreamFramer()
            try:
                framer.feed(bytes(octets))
            except ParseError:
                self.assertIsNotNone(framer.error, f"seed {seed}")

    def test_linear_time(self) -> None:
        """A head or body that trickles in is not searched from its start each time."""
        framer = StreamFramer(Limits(max_head=10**6, max_body=10**6))
        for _ in range(100_000):
            framer.feed(b"x:\r\ny:\r\n")
        framer = StreamFramer(Limits(max_body=10**7))
        framer.feed(b"BYE sip:a SIP/2.0\r\nl: 1000000\r\n\r\n")
        for _ in range(100_000):
            frames = framer.feed(b"0123456789")
        self.assertEqual(len(frames), 1)
        self.assertEqual(len(StreamFramer().feed(b"\r\n" * 200_000)), 100_000)
