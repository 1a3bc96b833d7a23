"""Reads SIPp's message log: what a phone received and sent, with its own eyes.

Parsed here by a few plain lines and not by sipuac's parser, which is under test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADING = re.compile(
    r"^-{20,} (?P<when>\S+ \S+)\n\w+ message (?P<way>received|sent)\b.*\n\n", re.M
)


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """One message as the log has it.

    Attributes:
        is_received: Whether the phone received it; otherwise it sent it.
        when: Date and time, which sort as text.
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


def _tag(value: str) -> str:
    _, _, parameters = value.partition(">")
    found = re.search(r";\s*tag=([^;\s]+)", parameters or value)
    return found.group(1) if found else ""


def parse_log(text: str) -> list[LoggedMessage]:
    """All messages of a log, in order; one that is not yet written out is left away."""
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings] + [len(text)]
    messages = []
    for heading, end in zip(headings, ends[1:], strict=True):
        raw = text[heading.end() : end].replace("\r\n", "\n").lstrip("\n")
        head, has_ended, body = raw.partition("\n\n")
        if has_ended:
            start_line, *lines = head.split("\n")
            fields = (line.partition(":") for line in lines)
            headers = tuple((name.lower(), value.strip()) for name, _, value in fields)
            is_received = heading["way"] == "received"
            when = heading["when"]
            # The log ends each message in empty lines of its own.
            content = body.rstrip("\n")
            message = LoggedMessage(is_received, when, start_line, headers, content)
            messages.append(message)
    return messages
