"""Cuts a stream into messages (RFC 3261 section 18.3) and keep-alives (RFC 5626)."""

from __future__ import annotations

from dataclasses import dataclass

from sipuac.errors import ParseError
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message
from sipuac.syntax.parser import read_head

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF between messages: the peer wants a single one (RFC 5626 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """A single CRLF between messages: the answer to our ping, or nothing at all."""


Frame = Message | Ping | Pong


class StreamFramer:
    """Takes what a connection delivers, in whatever pieces, and returns whole frames.

    A loss of framing is final: the connection has to be closed.

    Attributes:
        is_pong_due: Whether a ping of ours is not answered yet. Then the next single
            CRLF is its pong, and no half of a ping that comes in two pieces.
        error: What made the framing fail, None while it works. It is set at once, and
            raised at once where no frame came before it in the same octets.
        rejected: The octets of the message that made it fail, as far as they have come,
            for `salvage_request`.
    """

    __slots__ = (
        "_body_length",
        "_buffer",
        "_head",
        "_limits",
        "_searched",
        "_was_crlf",
        "error",
        "is_pong_due",
        "rejected",
    )

    def __init__(self, limits: Limits = _DEFAULT_LIMITS) -> None:
        self.is_pong_due = False
        self.error: ParseError | None = None
        self.rejected = b""
        self._limits = limits
        self._buffer = bytearray()
        # How much of the buffer is known not to hold the end of a head.
        self._searched = 0
        # The message whose body we wait for.
        self._head: Message | None = None
        self._body_length = 0
        # Whether the last octets were a single CRLF, already reported as a pong.
        self._was_crlf = False

    @property
    def is_mid_message(self) -> bool:
        """Whether a message has begun and is not whole yet."""
        return self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take octets and return the frames that they complete, in order.

        A CRLF that ends what was fed is a pong at once; if the next octets make it a
        double CRLF, the ping follows.

        Raises:
            ParseError: The framing is lost, now or by an earlier call.
        """
        frames: list[Frame] = []
        if self.error is None:
            self._buffer += data
            try:
                while (frame := self._next_frame()) is not None:
                    frames.append(frame)
            except ParseError as error:
                self.error = error
                self.rejected = bytes(self._buffer)
                self._buffer.clear()
        if self.error is not None and not frames:
            raise self.error
        return frames

    def _next_frame(self) -> Frame | None:
        if self._head is None:
            keep_alive = self._take_keep_alive()
            if keep_alive is not None:
                return keep_alive
            self._read_head()
        return self._take_message()

    def _take_keep_alive(self) -> Frame | None:
        buffer = self._buffer
        if not buffer.startswith(b"\r\n"):
            if buffer and buffer != b"\r":
                self._was_crlf = False
            return None
        is_double = buffer.startswith(b"\r\n\r")
        if self.is_pong_due and not is_double:
            self.is_pong_due = False
            del buffer[:2]
            return Pong()
        if self._was_crlf:
            self._was_crlf = False
            del buffer[:2]
            return Ping()
        if buffer.startswith(b"\r\n\r\n"):
            del buffer[:4]
            return Ping()
        if buffer == b"\r\n\r":
            return None
        del buffer[:2]
        self._was_crlf = True
        return Pong()

    def _read_head(self) -> None:
        buffer = self._buffer
        limits = self._limits
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - 3)
            if len(buffer) > limits.max_head + 3:
                raise ParseError("the head does not end", 513)
            return
        self._searched = 0
        head, length = read_head(buffer[:end], limits)
        if length is None:
            raise ParseError("no Content-Length on a stream")
        if length > limits.max_body:
            raise ParseError(f"a body of {length} octets", 513)
        self._head = head
        self._body_length = length
        del buffer[: end + 4]

    def _take_message(self) -> Message | None:
        head = self._head
        if head is None or len(self._buffer) < self._body_length:
            return None
        head.body = bytes(self._buffer[: self._body_length])
        del self._buffer[: self._body_length]
        self._head = None
        return head
