"""Reads messages: from octets to `Request` and `Response`, or `ParseError`.

Whatever the octets are, the result is one or the other, in time linear to their number.
The torture messages that RFC 4475 and RFC 5118 leave to the reader's discretion are
decided so:

- refused with 400: quotbal (a quote never closed), ltgtruri (a Request-URI in angle
  brackets), lwsruri and lwsstart (spaces in the Request-Line), trws (spaces after it),
  regbadct ("?" outside angle brackets), badaspec (spaces within angle brackets), baddn
  (a comma in an unquoted display name);
- escruri is accepted and the headers of its Request-URI are ignored, as section 19.1.1
  of RFC 3261 says of components in the wrong place;
- baddate is accepted: Date is of no use to us;
- badbranch is accepted: a bare magic cookie is a branch that says nothing, and the
  transaction layer matches as for RFC 2543;
- ipv6-bug-abnf-3-colons is accepted: three colons are read as two, so that a URI that
  we write never has three.

Beyond those: CR, LF and NUL are refused everywhere in the head but for NUL in a quoted
pair, so that no two readers can see different messages; a second row of Content-Length,
Call-ID, CSeq, From or To is refused even where it is equal, and in requests of a few
other fields too. docs/leniency.rst lists what is accepted although it is wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sipuac.errors import ParseError
from sipuac.syntax.lexical import WHITE_SPACE, is_token, parse_integer
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.names import METHODS, read_name, spellings
from sipuac.syntax.salvage import salvage_request

__all__ = [
    "METHODS",
    "check_received",
    "parse_message",
    "read_head",
    "salvage_request",
]

_SINGLE_FIELDS = ("Call-ID", "CSeq", "From", "To")
_SINGLE_IN_REQUESTS = ("Max-Forwards", "Content-Type", "RAck", "Expires")
#: Properties that `check_received` reads to see that they can be read.
_READ_ALWAYS = ("top_via", "cseq", "from_", "to")
_READ_IN_REQUESTS = (
    "uri",
    "vias",
    "contacts",
    "record_routes",
    "routes",
    "max_forwards",
)

# A NUL that no backslash quotes.
_BARE_NUL = re.compile(r"(?<!\\)(?:\\\\)*+\0")

#: What a continuation line begins with.
_FOLDING = (" ", "\t")

_LINE_BREAKS = (b"\r", b"\n")

_DEFAULT_LIMITS = Limits()

#: Method and Request-URI, or status and reason phrase.
StartLine = tuple[str, str] | tuple[int, str]


def parse_message(data: bytes, *, limits: Limits = _DEFAULT_LIMITS) -> Message:
    """The message in a datagram (RFC 3261 section 18.3).

    CRLFs in front of it are passed over, octets after its Content-Length are dropped,
    and without Content-Length the body goes to the end of the datagram.

    Raises:
        ParseError: There is no well-framed message; `check_received` is not implied.
    """
    if data[:1] in _LINE_BREAKS:
        data = data.lstrip(b"\r\n")
    octets, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise ParseError("no empty line ends the header fields")
    message, length = read_head(octets, limits)
    if length is not None and length != len(body):
        if length > len(body):
            raise ParseError(f"{len(body)} octets of a body of {length}")
        body = body[:length]
    if len(body) > limits.max_body:
        raise ParseError(f"a body of {len(body)} octets", 513)
    message.body = body
    return message


def read_head(octets: bytes | bytearray, limits: Limits) -> tuple[Message, int | None]:
    """Start line and header rows, from octets up to the empty line, without it.

    Returns:
        The message, still without its body, and its Content-Length, None where that is
        absent.

    Raises:
        ParseError: The rows cannot be told apart, are more than the limits allow, or
            the start line is neither a Request-Line nor a Status-Line of SIP/2.0; or
            Content-Length is no number, or there are two: whoever reads the other one
            sees another message.
    """
    if len(octets) > limits.max_head:
        raise ParseError(f"a head of {len(octets)} octets", 513)
    text = octets.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    # Counting them in the text takes five times as long.
    content = "".join(lines)
    if "\r" in content or "\n" in content:
        raise ParseError("CR or LF alone in the head")
    if "\0" in content and _BARE_NUL.search(text):
        raise ParseError("NUL in the head")
    if len(lines) > limits.max_header_lines + 1:
        raise ParseError(f"{len(lines) - 1} rows of header fields", 513)
    start = _read_start_line(lines[0])
    del lines[0]
    names, values = _read_rows(lines)
    # Without an argument `strip` is four times as fast, but some control characters and
    # some beyond ASCII would be white space to it.
    if _has_other_space(content):
        values = [value.strip(WHITE_SPACE) for value in values]
    else:
        values = [*map(str.strip, values)]
    length = None
    if "Content-Length" in names:
        index = names.index("Content-Length")
        if "Content-Length" in names[index + 1 :]:
            raise ParseError("two Content-Length fields")
        length = parse_integer(values[index], "Content-Length")
    first, second = start
    if isinstance(first, int):
        return Response.from_rows(first, second, names, values, b""), length
    return Request.from_rows(first, second, names, values, b""), length


def _read_rows(lines: list[str]) -> tuple[list[str], list[str]]:
    """Names and values of the rows that the lines behind the start line make.

    A row that is continued on the next lines becomes one with single spaces (7.3.1).

    Args:
        lines: Lines without their CRLF.

    Returns:
        Values have the white space that surrounds them still.
    """
    names: list[str] = []
    values: list[str] = []
    # Pieces of those values that are continued, by their index.
    folded: dict[int, list[str]] = {}
    known_name = spellings.get
    for line in lines:
        # With the space the values need no stripping, which would copy nearly all.
        name, colon, value = line.partition(": ")
        key = known_name(name)
        if key is None:
            if line[:1] in _FOLDING:
                if not values:
                    raise ParseError("white space where a header field has to begin")
                folded.setdefault(len(values) - 1, values[-1:]).append(line)
                continue
            name, colon, value = line.partition(":")
            key = known_name(name) or read_name(name)
        if not colon:
            raise ParseError(f"a header row without colon: {line[:60]!r}")
        names.append(key)
        values.append(value)
    for index, pieces in folded.items():
        stripped = [piece.strip(WHITE_SPACE) for piece in pieces]
        values[index] = " ".join(filter(None, stripped))
    return names, values


def _has_other_space(text: str) -> bool:
    """Whether Python may see white space in it that SIP does not."""
    return (
        not text.isascii()
        or "\x0b" in text
        or "\x0c" in text
        or "\x1c" in text
        or "\x1d" in text
        or "\x1e" in text
        or "\x1f" in text
    )


def _read_start_line(line: str) -> StartLine:
    if line[:4] == "SIP/" or line[:4].upper() == "SIP/":
        # Status-Lines are few and come again; long ones are not kept.
        return _read_short_line(line) if len(line) < 64 else _read_status_line(line)
    return _read_request_line(line)


def _read_request_line(line: str) -> tuple[str, str]:
    """Method and Request-URI (RFC 3261 section 7.1)."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise ParseError(f"not a Request-Line: {line[:80]!r}")
    method, uri_text, version = parts
    if version != "SIP/2.0":
        _check_version(version)
    if method not in METHODS and not is_token(method):
        raise ParseError(f"not a method: {method[:60]!r}")
    if not uri_text:
        raise ParseError("the Request-URI is empty")
    return method, uri_text


def _read_status_line(line: str) -> tuple[int, str]:
    """Status and reason phrase (RFC 3261 section 7.2)."""
    version, _, rest = line.partition(" ")
    if version != "SIP/2.0":
        _check_version(version)
    # The space after the status is forgotten by some who send no phrase.
    status, _, reason = rest.partition(" ")
    if len(status) != 3 or not (status.isascii() and status.isdigit()):
        raise ParseError(f"not a Status-Line: {line[:80]!r}")
    if not "100" <= status <= "699":
        raise ParseError(f"no such status: {status}")
    return int(status), reason


# Otherwise a twentieth of the time that it takes to parse a response.
_read_short_line = lru_cache(maxsize=256)(_read_status_line)


def _check_version(version: str) -> None:
    """Accept SIP/2.0 in any case, and say of what is wrong how to answer it."""
    if version.isascii():
        if version.upper() == "SIP/2.0":
            return
        if version[:4].upper() == "SIP/" and version[4:].replace(".", "").isdigit():
            raise ParseError(f"not version 2.0: {version[:20]!r}", 505)
    raise ParseError(f"not a version of SIP: {version[:20]!r}")


def check_received(message: Message) -> None:
    """Make sure that a received message can be handed up (RFC 3261 section 8.1.1).

    The mandatory fields are there, once and well-formed, and so are the fields that the
    layers above act upon: they can read those without fear. Max-Forwards may be absent,
    as RFC 2543 had none. Fields that only inform are not looked at: "A UAS SHOULD
    ignore any malformed header fields that are not necessary for processing requests"
    (section 8.2.2).

    Raises:
        ParseError: It cannot; `status_hint` says what to answer to a request.
    """
    _check_single(message, _SINGLE_FIELDS)
    if not message.call_id:
        raise ParseError("Call-ID is empty")
    for name in _READ_ALWAYS:
        getattr(message, name)
    if isinstance(message, Request):
        _check_request(message)
    elif isinstance(message, Response):
        _check_response(message)


def _check_single(message: Message, keys: tuple[str, ...]) -> None:
    names = message.header_names()
    for key in keys:
        if names.count(key) > 1:
            raise ParseError(f"{key} stands there twice")


def _check_request(request: Request) -> None:
    _check_single(request, _SINGLE_IN_REQUESTS)
    for name in _READ_IN_REQUESTS:
        getattr(request, name)
    if request.body:
        _ = request.content_type
    if request.cseq.method != request.method:
        hint = 400 if request.method in METHODS else 501
        raise ParseError("CSeq has another method than the request", hint)


def _check_response(response: Response) -> None:
    # A response is refused for nothing that can be lived without: a 2xx that is dropped
    # gets no ACK, and leaves a phone in a call with nobody.
    if response.is_provisional:
        _check_single(response, ("RSeq",))
        _ = response.rseq
