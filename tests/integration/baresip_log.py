"""Reads the SIP trace that baresip prints with `-s`."""

from __future__ import annotations

import re

from tests.integration.wire_log import LoggedMessage, read_message

# Each message is printed in colour, which the log brings as escape sequences; without
# the closing one the message is not there as a whole yet.
_TRACED = re.compile(r"\x1b\[36;1m#\n\w+ \S+ -> \S+\n(?P<message>.*?)\x1b\[;m\n", re.S)
_VIA = re.compile(r"^(?:Via|v) *: *\S+ [^:;\r\n]+:(?P<port>\d+)", re.M | re.I)


def parse_trace(text: str, ports: frozenset[int]) -> list[LoggedMessage]:
    """All messages of a trace, in order; the trace has no times, so they are numbered.

    Args:
        text: All that baresip has printed so far.
        ports: Where it listens. The addresses in the trace do not tell who sent what,
            because a connection of its own has any port; the top Via does.
    """
    messages = []
    for number, traced in enumerate(_TRACED.finditer(text)):
        raw = traced["message"]
        via = _VIA.search(raw)
        is_own_transaction = via is not None and int(via["port"]) in ports
        is_response = raw.startswith("SIP/2.0 ")
        message = read_message(
            raw, is_received=is_response == is_own_transaction, when=f"{number:06}"
        )
        if message is not None:
            messages.append(message)
    return messages
