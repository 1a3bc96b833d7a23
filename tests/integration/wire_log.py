"""What a peer received and sent, by its own log: the verdict of the tests.

Parsed by a few plain lines and not by sipuac's parser, which is under test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """One message as the log has it.

    Attributes:
        is_received: Whether the peer received it; otherwise it sent it.
        when: When, as text that sorts.
        start_line: Request line or status line.
        headers: Names in lower case, and values, in order.
        body: What follows the empty line.
    """

    is_received: bool
    when: str
    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def kind(self) -> str:
        """Method of a request; status and method of a response, as "200 INVITE"."""
        first, second, *_ = self.start_line.split()
        if first == "SIP/2.0":
            return f"{second} {self.get('CSeq').split()[-1]}"
        return first

    def get(self, name: str) -> str:
        """The first value of this field, "" where there is none."""
        return next(iter(self.get_all(name)), "")

    def get_all(self, name: str) -> list[str]:
        """All values of this field, a line each."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def to_tag(self) -> str:
        """The To tag, "" where there is none."""
        return _tag(self.get("To"))

    @property
    def from_tag(self) -> str:
        """The From tag, "" where there is none."""
        return _tag(self.get("From"))

    @property
    def cseq(self) -> int:
        """The number in CSeq."""
        return int(self.get("CSeq").split()[0])

    @property
    def seconds(self) -> float:
        """When, in seconds of that day, where the log has a time."""
        hours, minutes, seconds = self.when.split()[-1].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    @property
    def direction(self) -> str:
        """The direction of the one stream in its session description.

        "" where it has no description; without an attribute a stream is sendrecv.
        """
        if "m=" not in self.body:
            return ""
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", self.body, re.M)
        return found[1] if found else "sendrecv"

    @property
    def media_port(self) -> int:
        """The port of the first stream in its session description, 0 without one."""
        found = re.search(r"^m=\w+ (\d+)", self.body, re.M)
        return int(found[1]) if found else 0

    @property
    def sdp_version(self) -> int:
        """The version in the origin of its session description, 0 without one."""
        found = re.search(r"^o=\S+ \S+ (\d+)", self.body, re.M)
        return int(found[1]) if found else 0


def _tag(value: str) -> str:
    _, _, parameters = value.partition(">")
    found = re.search(r";\s*tag=([^;\s]+)", parameters or value)
    return found.group(1) if found else ""


def read_message(raw: str, *, is_received: bool, when: str) -> LoggedMessage | None:
    """One message of a log; None where its head is not there as a whole yet.

    Args:
        raw: The message as text, with what the log puts after it.
        is_received: Whether the owner of the log received it.
        when: When, as text that sorts.
    """
    text = raw.replace("\r\n", "\n").lstrip("\n")
    head, has_ended, body = text.partition("\n\n")
    if not has_ended:
        return None
    start_line, *lines = head.split("\n")
    fields = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in fields)
    # Logs end each message in empty lines of their own.
    return LoggedMessage(is_received, when, start_line, headers, body.rstrip("\n"))


class WireLog:
    """Somebody who wrote down what was received and sent."""

    @property
    def name(self) -> str:
        """How it is called in the words of a failed assertion."""
        raise NotImplementedError

    def messages(self) -> list[LoggedMessage]:
        """All that was received and sent so far, in order."""
        raise NotImplementedError

    def received(self, kind: str = "") -> list[LoggedMessage]:
        """What was received: all, the requests of a method, or as "200 INVITE"."""
        return [
            message
            for message in self.messages()
            if message.is_received and kind in ("", message.kind)
        ]

    def sent(self, kind: str = "") -> list[LoggedMessage]:
        """What was sent: all, the requests of a method, or such as "200 INVITE"."""
        return [
            message
            for message in self.messages()
            if not message.is_received and kind in ("", message.kind)
        ]

    def methods(self) -> list[str]:
        """The kinds of what was received, in order, retransmissions left away."""
        seen: dict[tuple[str, str, str], None] = {}
        for message in self.received():
            seen[(message.kind, message.get("CSeq"), message.get("Via"))] = None
        return [kind for kind, _, _ in seen]

    @property
    def complaints(self) -> str:
        """What it found wrong, in its own words."""
        return ""

    def transcript(self) -> str:
        """One line a message, for the words of a failed assertion."""
        lines = (
            f"  {message.when[-15:]} {'<-' if message.is_received else '->'}"
            f" {message.get('CSeq').split(' ')[0]:>5} {message.kind:12}"
            f" {message.direction} to-tag {message.to_tag}"
            for message in self.messages()
        )
        return "\n".join([f"phone {self.name}:", *lines, self.complaints])
