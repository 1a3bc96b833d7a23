"""What is in a body: its parts, and the session description among them (RFC 5621).

A body of one part and a multipart one are read alike. Which parts count is decided by
their Content-Type, Content-Disposition and `handling` (RFC 3261 section 20.11). What a
session description says is not looked at here, nor who may send one and when.

All of it runs in linear time: every octet is looked at once for each level of nesting,
and levels, parts and header rows are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import MediaType
from sipuac.syntax.lexical import (
    TOKEN,
    WHITE_SPACE,
    check_header,
    find_parameter,
    is_token,
    parse_parameters,
)
from sipuac.syntax.message import Message, Response
from sipuac.syntax.names import read_name

Rows = tuple[tuple[str, str], ...]

REQUIRED = "required"
OPTIONAL = "optional"

_DISPOSITION = re.compile(rf"({TOKEN})[ \t]*+(;.*)?", re.DOTALL)
_FOLD = re.compile(r"\r\n[ \t]++")
# RFC 2046 section 5.1.1: 1 to 70 characters.
_MAX_BOUNDARY = 70
# All boundaries that we make are of one length, so that none begins another one.
_OUR_BOUNDARY = re.compile(rb"sipuac-([0-9]{8})")

# RFC 2046 section 5.1: what a part without Content-Type holds.
_PLAIN_TEXT = MediaType("text", "plain")
# Names of their own in `BodyPart`, or said anew by whoever sends the part.
_NAMED_ROWS = frozenset(["Content-Type", "Content-Disposition", "Content-Length"])
# RFC 2045 section 6.2: these three leave the octets as they are.
_PLAIN_ENCODINGS = {
    "content-encoding": frozenset(["identity"]),
    "content-transfer-encoding": frozenset(["7bit", "8bit", "binary"]),
}


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bounds on what one body may hold, so that no peer can exhaust us.

    Attributes:
        max_parts: Parts of all levels together.
        max_nesting: How many multiparts may be within one another.
        max_rows: Header rows of one part.
    """

    max_parts: int = 32
    max_nesting: int = 4
    max_rows: int = 32


_DEFAULT_LIMITS = BodyLimits()


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A body, or one part of a multipart body.

    Attributes:
        content_type: Its type; that of plain text where none is given.
        disposition: What it is for, in lower case: "session", "render" or another.
        handling: `REQUIRED` or `OPTIONAL`.
        headers: Its other header rows.
        octets: The content, as it came.
    """

    content_type: MediaType
    disposition: str
    handling: str
    headers: Rows
    octets: bytes

    @property
    def is_optional(self) -> bool:
        """Whether it may be ignored where it is not understood."""
        return self.handling == OPTIONAL

    @property
    def is_multipart(self) -> bool:
        """Whether it is made of parts."""
        return self.content_type.type == "multipart"

    @property
    def is_encoded(self) -> bool:
        """Whether its octets must be decoded first; we know no such encoding."""
        for name, value in self.headers:
            plain = _PLAIN_ENCODINGS.get(name.lower())
            if plain is not None:
                for coding in value.split(","):
                    if coding.strip(WHITE_SPACE).lower() not in plain:
                        return True
        return False

    @property
    def is_session_description(self) -> bool:
        """Whether it is SDP that describes the session."""
        return _is_sdp(self.content_type) and self.disposition == "session"


def body_part(
    content_type: str,
    octets: bytes,
    *,
    disposition: str | None = None,
    is_optional: bool = False,
    headers: Iterable[tuple[str, str]] = (),
) -> BodyPart:
    """A part to send.

    Args:
        content_type: The value of its Content-Type.
        octets: The content.
        disposition: What it is for; None for what RFC 3261 section 20.11 assumes:
            "session" for SDP, "render" for the rest.
        is_optional: Whether a peer that does not understand it may ignore it.
        headers: Further rows, such as Content-ID.

    Raises:
        LocalProtocolError: A value cannot stand in a header field.
    """
    rows = tuple(headers)
    for name, value in (("Content-Type", content_type), *rows):
        check_header(name, value)
    if disposition is not None and not is_token(disposition):
        raise LocalProtocolError(f"not a disposition: {disposition[:40]!r}")
    try:
        media_type = MediaType.parse(content_type)
    except ParseError as error:
        raise LocalProtocolError(str(error)) from error
    return BodyPart(
        media_type,
        (disposition or _usual_disposition(media_type)).lower(),
        OPTIONAL if is_optional else REQUIRED,
        rows,
        octets,
    )


def multipart(parts: Sequence[BodyPart], subtype: str = "mixed") -> tuple[str, bytes]:
    """One body of several parts (RFC 2046 section 5.1).

    The same parts give the same octets. The boundary occurs nowhere in the parts.

    Args:
        parts: One or more, in order; of alternatives the best one last.
        subtype: "mixed" or "alternative".

    Returns:
        The value for Content-Type, and the body.

    Raises:
        LocalProtocolError: There are no parts, the subtype is no token, or a header row
            cannot be sent.
    """
    if not is_token(subtype):
        raise LocalProtocolError(f"not a subtype: {subtype[:40]!r}")
    if not parts:
        raise LocalProtocolError("a multipart body has at least one part")
    rendered = [_render(part) for part in parts]
    boundary = _unused_boundary(rendered)
    delimiter = b"--" + boundary
    lines = []
    for octets in rendered:
        lines += [delimiter, octets]
    body = b"\r\n".join([*lines, delimiter + b"--", b""])
    return f"multipart/{subtype};boundary={boundary.decode('ascii')}", body


def parts_of(
    message: Message, limits: BodyLimits = _DEFAULT_LIMITS
) -> tuple[BodyPart, ...]:
    """All parts of a body that hold something, in order; none where it is empty.

    A multipart itself is not among them: its parts are, at any depth. All of several
    alternatives are there, and the optional parts too.

    Raises:
        ParseError: The body cannot be taken apart; see `session_description`.
    """
    whole = _whole_of(message)
    if whole is None:
        return ()
    return tuple(_Reader(limits, is_response=False).leaves(whole, 0))


def session_description(
    message: Message, limits: BodyLimits = _DEFAULT_LIMITS
) -> bytes | None:
    """The one session description in a message, if it has one (RFC 5621).

    That is the first SDP whose disposition is "session"; of alternatives the last one
    that is understood. What is optional and not understood is ignored. In a response
    nothing is lost by a part that is not understood as long as there is a description
    beside it: handling says "how the UAS should react" (RFC 3261 section 20.11), and a
    response cannot be refused (RFC 5621 section 10).

    Returns:
        Its octets; None where the body is empty or needs no attention.

    Raises:
        ParseError: A part that is required is not understood, or the body is larger in
            parts or deeper than the limits allow (415), or it is malformed (400).
    """
    whole = _whole_of(message)
    if whole is None:
        return None
    reader = _Reader(limits, is_response=isinstance(message, Response))
    try:
        return reader.description(whole, 0)
    except ParseError:
        if whole.is_optional:
            return None
        raise


class _Reader:
    """Reads one body; knows how many parts it may still have."""

    __slots__ = ("_is_response", "_limits", "_parts_left")

    def __init__(self, limits: BodyLimits, *, is_response: bool) -> None:
        self._limits = limits
        self._parts_left = limits.max_parts
        self._is_response = is_response

    def leaves(self, part: BodyPart, depth: int) -> Iterator[BodyPart]:
        """The parts of it that are no multiparts, or itself."""
        if not part.is_multipart:
            yield part
            return
        for child in self._children(part, depth):
            yield from self.leaves(child, depth + 1)

    def description(self, part: BodyPart, depth: int) -> bytes | None:
        """The session description in it.

        Raises:
            ParseError: It is not understood.
        """
        if part.is_encoded:
            raise ParseError("a body in an encoding that is not known", 415)
        if part.is_session_description:
            return part.octets
        if not part.is_multipart:
            kind = f"{part.content_type.type}/{part.content_type.subtype}"
            what = f"{kind} for {part.disposition}"
            raise ParseError(f"a body that is not understood: {what[:80]}", 415)
        if part.content_type.subtype == "alternative":
            return self._choose(part, depth)
        return self._combine(part, depth)

    def _choose(self, part: BodyPart, depth: int) -> bytes | None:
        """The last alternative that is understood and describes the session."""
        # "The UA MUST use the same disposition type for the multipart/alternative body
        # and all its top-level body parts" (RFC 5621 section 8.2).
        if part.disposition not in ("render", "session"):
            raise ParseError(f"alternatives for {part.disposition[:40]}", 415)
        failures = []
        children = self._children(part, depth)
        for child in reversed(children):
            # "The receiver SHOULD ignore the handling parameters of the body parts
            # within the multipart/alternative" (section 8.3).
            try:
                found = self.description(child, depth + 1)
            except ParseError as failure:
                failures.append(failure)
                continue
            if found is not None:
                return found
        if len(failures) == len(children):
            raise failures[0]
        return None

    def _combine(self, part: BodyPart, depth: int) -> bytes | None:
        """The first description among parts that stand beside one another.

        "By default, unknown multipart subtypes are treated as multipart/mixed" (RFC
        5621 section 4.2), whose own disposition "is irrelevant" (section 8.2).
        """
        # "A recipient ... that cannot find any reference ... MUST NOT process the body
        # part" (section 9.4): none of the fields that we read refers to bodies.
        if part.disposition == "by-reference":
            raise ParseError("a body for a reference that is not known", 415)
        description = None
        failure = None
        for child in self._children(part, depth):
            try:
                found = self.description(child, depth + 1)
            except ParseError as error:
                if child.is_optional:
                    continue
                if not self._is_response:
                    raise
                failure = failure or error
                continue
            if description is None:
                description = found
        if description is None and failure is not None:
            raise failure
        return description

    def _children(self, part: BodyPart, depth: int) -> list[BodyPart]:
        if depth >= self._limits.max_nesting:
            raise ParseError("multiparts nested too deep", 415)
        children = []
        for octets in _split(part.octets, _boundary_of(part.content_type)):
            if not self._parts_left:
                raise ParseError(f"more than {self._limits.max_parts} parts", 415)
            self._parts_left -= 1
            children.append(_read_part(octets, self._limits))
        return children


def _whole_of(message: Message) -> BodyPart | None:
    """The body of a message as one part."""
    if not message.body:
        return None
    content_type = message.content_type
    if content_type is None:
        # "The Content-Type header field MUST be present if the body is not empty"
        # (RFC 3261 section 20.15).
        raise ParseError("a body without Content-Type")
    items = message.header_items()
    rows = [row for row in items if row[0].lower().startswith("content-")]
    return _make_part(content_type, rows, message.body)


def _read_part(octets: bytes, limits: BodyLimits) -> BodyPart:
    """A part, from its first header row to its last octet."""
    if octets.startswith(b"\r\n"):
        head, content = b"", octets[2:]
    else:
        head, _, content = octets.partition(b"\r\n\r\n")
    rows = _read_rows(head, limits)
    content_type = _first(rows, "Content-Type")
    media_type = _PLAIN_TEXT if content_type is None else MediaType.parse(content_type)
    return _make_part(media_type, rows, content)


def _make_part(
    content_type: MediaType, rows: list[tuple[str, str]], octets: bytes
) -> BodyPart:
    disposition, handling = _usual_disposition(content_type), REQUIRED
    field = _first(rows, "Content-Disposition")
    if field is not None:
        parts = _DISPOSITION.fullmatch(field)
        if parts is None:
            raise ParseError(f"unreadable Content-Disposition: {field[:80]!r}")
        disposition = parts[1].lower()
        found = find_parameter(parse_parameters(parts[2] or ""), "handling")
        # A value that is not known must not let a part go unread.
        handling = OPTIONAL if (found or "").lower() == OPTIONAL else REQUIRED
    others = tuple([row for row in rows if row[0] not in _NAMED_ROWS])
    return BodyPart(content_type, disposition, handling, others, octets)


def _read_rows(head: bytes, limits: BodyLimits) -> list[tuple[str, str]]:
    """The header rows of a part, with canonical names."""
    if not head:
        return []
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    lines = text.split("\r\n")
    if len(lines) > limits.max_rows:
        raise ParseError(f"a body part of {len(lines)} header rows", 415)
    rows = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or "\r" in line or "\n" in line or "\0" in line:
            raise ParseError(f"not a header row of a body part: {line[:60]!r}")
        rows.append((read_name(name), value.strip(WHITE_SPACE)))
    return rows


def _first(rows: list[tuple[str, str]], name: str) -> str | None:
    for key, value in rows:
        if key == name:
            return value
    return None


def _boundary_of(content_type: MediaType) -> bytes:
    boundary = content_type.parameter("boundary")
    if not boundary:
        raise ParseError("a multipart body without boundary")
    is_printable = boundary.isascii() and boundary.isprintable()
    if len(boundary) > _MAX_BOUNDARY or not is_printable:
        raise ParseError(f"not a boundary: {boundary[:80]!r}")
    return boundary.encode("ascii")


def _split(octets: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the delimiter lines (RFC 2046 section 5.1.1).

    What is before the first and after the last one is passed over.
    """
    # The first line may be a delimiter too; the CRLF in front belongs to each of them.
    octets = b"\r\n" + octets
    delimiter = b"\r\n--" + boundary
    start = position = -1
    while (found := octets.find(delimiter, position + 1)) >= 0:
        position = octets.find(b"\r\n", found + len(delimiter))
        end = len(octets) if position < 0 else position
        rest = octets[found + len(delimiter) : end].rstrip(b" \t")
        if rest in (b"", b"--"):
            if start >= 0:
                yield octets[start:found]
            if rest:
                if start < 0:
                    raise ParseError("a multipart body without parts")
                return
            start = end + 2
        if position < 0:
            break
        position -= 1
    raise ParseError("no delimiter ends the multipart body")


def _usual_disposition(content_type: MediaType) -> str:
    """What RFC 3261 section 20.11 assumes."""
    return "session" if _is_sdp(content_type) else "render"


def _is_sdp(content_type: MediaType) -> bool:
    return content_type.type == "application" and content_type.subtype == "sdp"


def _render(part: BodyPart) -> bytes:
    disposition = part.disposition
    if part.handling != REQUIRED:
        disposition += f";handling={part.handling}"
    rows = [
        ("Content-Type", str(part.content_type)),
        ("Content-Disposition", disposition),
        *part.headers,
    ]
    for name, value in rows:
        check_header(name, value)
    head = "".join([f"{name}: {value}\r\n" for name, value in rows])
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + part.octets


def _unused_boundary(rendered: list[bytes]) -> bytes:
    """The first of our boundaries that occurs in none of these."""
    used = {match[1] for octets in rendered for match in _OUR_BOUNDARY.finditer(octets)}
    number = 0
    while b"%08d" % number in used:
        number += 1
    return b"sipuac-%08d" % number
