"""What a scripted phone describes in one dialog: plain audio, held or not."""

from __future__ import annotations

from sipuac.testing.bodies import answer_to, audio_offer

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}
_HELD = {"sendrecv": "sendonly", "recvonly": "inactive"}


class PhoneMedia:
    """The descriptions of one dialog, one after the other.

    Each one that differs from the one before raises the version (RFC 3264 section 8).

    Attributes:
        is_held: Whether the phone holds: it sends only, or nothing.
        last: The last description that it made, "" before the first.
    """

    def __init__(self, name: str, host: str) -> None:
        self.is_held = False
        self.last = ""
        self._name = name
        self._host = host
        self._version = 1

    def offer(self) -> bytes:
        """An offer of its own."""
        return self._made(audio_offer(self._name, self._host), "sendrecv")

    def answer(self, offer: bytes) -> bytes:
        """The answer to this offer, which mirrors its direction."""
        text = offer.decode("utf-8", "replace")
        offered = next(
            (line[2:] for line in text.splitlines() if line[2:] in _DIRECTIONS),
            "sendrecv",
        )
        mirrored = _MIRRORED.get(offered, offered)
        return self._made(answer_to(text, self._name, self._host), mirrored)

    def _made(self, text: str, direction: str) -> bytes:
        if self.is_held:
            direction = _HELD.get(direction, direction)
        if direction != "sendrecv":
            text += f"a={direction}\r\n"
        if self.last and self._numbered(text) != self.last:
            self._version += 1
        self.last = self._numbered(text)
        return self.last.encode()

    def _numbered(self, text: str) -> str:
        """The same with the version of now in its o= line."""
        return text.replace(" 1 1 IN ", f" 1 {self._version} IN ", 1)
