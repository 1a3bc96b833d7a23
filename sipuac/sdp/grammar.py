"""The grammar of RFC 8866 section 9, for descriptions that we are to send.

A peer's description is read with more patience (`sipuac.sdp.description`); what goes
out keeps to the letter, so that the peer needs none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sipuac.errors import ParseError
from sipuac.sdp.fields import (
    MAX_ORIGIN_NUMBER,
    Attribute,
    Connection,
    Direction,
    Encoding,
    Origin,
    Time,
    is_token,
)

# The order of section 5. Times repeat as a group: t=, its r= lines and its z=.
_SESSION_ORDER = re.compile(r"vosi?u?e*p*c?b*(?:t(?:r+z?)?)+a*")
_MEDIA_ORDER = re.compile(r"mi?c*b*a*")

_BANDWIDTH = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+:[0-9]+")
_TYPED_TIME = r"[0-9]+[dhms]?"
_REPEAT = re.compile(rf"[1-9][0-9]*[dhms]?(?: {_TYPED_TIME}){{2,}}")
_ADJUSTMENT = rf"[1-9][0-9]{{9,}} -?{_TYPED_TIME}"
_ZONE = re.compile(rf"{_ADJUSTMENT}(?: {_ADJUSTMENT})*")
_TIME = re.compile(r"(?:0|[1-9][0-9]{9,}) (?:0|[1-9][0-9]{9,})")
_STREAM = re.compile(r"[^ ]+ [0-9]+(?:/[1-9][0-9]*)? [^ ]+(?: [^ ]+)+")
_PAYLOAD_TYPE = re.compile(r"[0-9]|[1-9][0-9]|1[01][0-9]|12[0-7]")
_RTP_PROFILES = ("AVP", "SAVP", "AVPF", "SAVPF")


def check_grammar(session: Sequence[str], streams: Sequence[Sequence[str]]) -> None:
    """Refuse lines that RFC 8866 does not allow us to send.

    Args:
        session: Lines before the first m= line, each `<letter>=...`.
        streams: Lines of each stream, the m= line first.

    Raises:
        ParseError: Naming the line.
    """
    if any(line[0] == "k" for lines in (session, *streams) for line in lines):
        raise ParseError("k= is not sent any more (RFC 8866 5.12)")
    _check_order(session, _SESSION_ORDER, "session")
    for lines in streams:
        _check_order(lines, _MEDIA_ORDER, "media")
    for line in (line for lines in (session, *streams) for line in lines):
        if not _is_sound(line[0], line[2:]):
            raise ParseError(f"not as RFC 8866 section 9 has it: {line[:60]!r}")
    for lines in (session, *streams):
        directions = [d for d in Direction if f"a={d.value}" in lines]
        if len(directions) > 1:
            raise ParseError(f"a={directions[0].value} and a={directions[1].value}")


def _check_order(lines: Sequence[str], order: re.Pattern[str], section: str) -> None:
    letters = "".join(line[0] for line in lines)
    if not order.fullmatch(letters):
        raise ParseError(
            f"lines of a {section} description that are missing, repeated or out of "
            f"order: {letters[:60]} (RFC 8866 section 5)"
        )


def _is_sound(letter: str, value: str) -> bool:
    """Whether the value is what section 9 says for this letter.

    The e=, p= and u= lines, which nothing in SIP reads, are only asked to be there.
    """
    match letter:
        case "o":
            origin = Origin.parse(value)
            return (
                str(origin) == value
                and origin.session_id <= MAX_ORIGIN_NUMBER
                and origin.version <= MAX_ORIGIN_NUMBER
            )
        case "c":
            return str(Connection.parse(value)) == value
        case "t":
            return str(Time.parse(value)) == value and _matches(_TIME, value)
        case "b":
            return _matches(_BANDWIDTH, value)
        case "r":
            return _matches(_REPEAT, value)
        case "z":
            return _matches(_ZONE, value)
        case "m":
            return _is_sound_stream(value)
        case "a":
            return _is_sound_attribute(Attribute.parse(value))
        case _:
            return value != ""


def _matches(pattern: re.Pattern[str], value: str) -> bool:
    return pattern.fullmatch(value) is not None


def _is_sound_stream(value: str) -> bool:
    if not _matches(_STREAM, value):
        return False
    _, _, protocol, *formats = value.split(" ")
    if protocol.split("/")[-1] not in _RTP_PROFILES:
        return True
    return all(_matches(_PAYLOAD_TYPE, format) for format in formats)


def _is_sound_attribute(attribute: Attribute) -> bool:
    if not is_token(attribute.name) or attribute.value == "":
        return False
    if attribute.name != "rtpmap":
        return True
    payload_type, _, encoding = (attribute.value or "").partition(" ")
    return _matches(_PAYLOAD_TYPE, payload_type) and (
        str(Encoding.parse(encoding)).removesuffix("/1") == encoding.removesuffix("/1")
    )
