"""Reads the messages of a flow as RFC 3665 prints them.

The files in `tests/data/rfc3665` have the figure of each flow and those of its messages
that Alice, the caller, sends or receives, as they stand in the RFC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sipuac.syntax.message import Message
from sipuac.syntax.parser import parse_message

DATA = Path(__file__).resolve().parent.parent / "data" / "rfc3665"

_PARTY = r"(?:Alice|Bob|Redirect Server|Redirect Proxy|Proxy \d|Proxy)"
_HEADING = re.compile(
    rf"^F(?P<number>\d+) .*?(?P<source>{_PARTY}) -> (?P<destination>{_PARTY})\n\n", re.M
)


@dataclass(frozen=True, slots=True)
class ScriptedMessage:
    """One message of a flow.

    Attributes:
        label: Such as "F1".
        source, destination: Who sends it to whom, in the RFC's words.
        octets: The message itself.
    """

    label: str
    source: str
    destination: str
    octets: bytes

    @property
    def is_ours(self) -> bool:
        """Whether Alice sends it."""
        return self.source == "Alice"

    @property
    def message(self) -> Message:
        """It, parsed."""
        return parse_message(self.octets)


def read_flow(section: str) -> list[ScriptedMessage]:
    """The messages of the flow in this section, in order."""
    text = (DATA / f"{section}.txt").read_text("ascii")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings] + [len(text)]
    return [
        ScriptedMessage(
            f"F{heading['number']}",
            heading["source"],
            heading["destination"],
            _octets(text[heading.end() : end]),
        )
        for heading, end in zip(headings, ends[1:], strict=True)
    ]


def _octets(text: str) -> bytes:
    """A message as it goes over the wire: a body follows one empty line, or none."""
    head, _, body = text.rstrip("\n").partition("\n\n")
    if body:
        body += "\n"
    return f"{head}\n\n{body}".replace("\n", "\r\n").encode("ascii")
