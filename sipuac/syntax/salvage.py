"""Reads of a malformed request what is needed to refuse it in words."""

from __future__ import annotations

import re

from sipuac.errors import ParseError
from sipuac.syntax.fields import Via
from sipuac.syntax.lexical import WHITE_SPACE, is_token, split_list
from sipuac.syntax.message import Request
from sipuac.syntax.names import canonical_name

#: Bytes that are looked at where no empty line ends the head.
_MAX_HEAD = 64 * 1024

_SINGLE_FIELDS = ("From", "To", "Call-ID", "CSeq")
_VERSION = re.compile(r"SIP[ \t]*+/[ \t]*+[0-9.]++", re.IGNORECASE)


def salvage_request(data: bytes) -> Request | None:
    """What of a malformed request is needed to answer it, as far as it can be read.

    Args:
        data: The datagram, or what `StreamFramer.rejected` holds.

    Returns:
        A request with its Via, From, To, Call-ID and CSeq rows as they came, good for
        `response_to` and nothing else. A top Via that is unreadable only because of its
        version or of empty parameters is put right, so that `top_via` can be read.
        None where no response can or may be made: it is a response or an ACK, one of
        those rows is missing, or no Via tells where to send it.
    """
    lines = _read_lines(data)
    words = lines[0].split()
    if len(words) < 2 or not is_token(words[0]) or words[0] == "ACK":
        return None
    # "INVITE" alone on a line of another protocol is no reason to answer.
    if not words[-1].upper().startswith("SIP/"):
        return None
    names: list[str] = []
    values: list[str] = []
    for line in lines[1:]:
        name, value = _read_row(line)
        if value and (name == "Via" or (name in _SINGLE_FIELDS and name not in names)):
            names.append(name)
            values.append(value)
    if "Via" not in names or not all(key in names for key in _SINGLE_FIELDS):
        return None
    index = names.index("Via")
    via = _salvage_via(values[index])
    if via is None:
        return None
    values[index] = via
    uri_text = words[1] if len(words) > 2 else ""
    return Request.from_rows(words[0], uri_text, names, values, b"")


def _read_lines(data: bytes) -> list[str]:
    """Start line and rows of the head, unfolded; at least one, perhaps empty."""
    data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    head = data[: end if 0 <= end < _MAX_HEAD else _MAX_HEAD]
    pieces: list[list[str]] = [[]]
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
        if line[:1] in (" ", "\t"):
            pieces[-1].append(line.strip(WHITE_SPACE))
        else:
            pieces.append([line])
    rows = [" ".join(row) for row in pieces]
    return rows[1:] if len(rows) > 1 and not rows[0] else rows


def _read_row(line: str) -> tuple[str, str]:
    """Name and value; an empty value where the row cannot be repeated in a response."""
    name, _, value = line.partition(":")
    if "\r" in value or "\n" in value or "\0" in value:
        value = ""
    return canonical_name(name.rstrip(WHITE_SPACE)), value.strip(WHITE_SPACE)


def _salvage_via(row: str) -> str | None:
    """The row if its first value can be read, else that value put right, else None."""
    first = row.split(",")[0]
    try:
        Via.parse(split_list(row)[0])
    except ParseError:
        pieces = [piece.strip(WHITE_SPACE) for piece in first.split(";")]
        pieces[0] = _VERSION.sub("SIP/2.0", pieces[0], count=1)
        try:
            return str(Via.parse(";".join(filter(None, pieces))))
        except ParseError:
            return None
    return row
