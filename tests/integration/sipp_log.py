"""Reads SIPp's message log: what a phone received and sent, with its own eyes."""

from __future__ import annotations

import re

from tests.integration.wire_log import LoggedMessage, read_message

_HEADING = re.compile(
    r"^-{20,} (?P<when>\S+ \S+)\n\w+ message (?P<way>received|sent)\b.*\n\n", re.M
)


def parse_log(text: str) -> list[LoggedMessage]:
    """All messages of a log, in order; one that is not yet written out is left away."""
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings] + [len(text)]
    messages = []
    for heading, end in zip(headings, ends[1:], strict=True):
        message = read_message(
            text[heading.end() : end],
            is_received=heading["way"] == "received",
            when=heading["when"],
        )
        if message is not None:
            messages.append(message)
    return messages
