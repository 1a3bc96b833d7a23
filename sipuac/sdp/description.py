"""A session description that keeps its lines (RFC 8866).

Parsed, a description gives typed views of what the offer/answer model reads and keeps
all the rest as it came: rendering gives the same octets back. To change one, take its
lines and make another.

`parse` has two measures. What a peer sent is taken as well as it can be understood:
only what the offer/answer model needs must be right. What we are to send ourselves
(`is_strict`) must be what section 9 of RFC 8866 allows; `sipuac.sdp.grammar` holds
those checks.

Departs from RFC 8866 section 5 because deployed peers do: in descriptions received,
optional lines may stand in any order within their section, s= may be empty, and more
than one space between subfields and empty lines at the end do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.sdp.attributes import attributes_of
from sipuac.sdp.fields import (
    Attribute,
    Connection,
    Direction,
    Encoding,
    Origin,
    Time,
    is_token,
    number,
    subfields,
)
from sipuac.sdp.grammar import check_grammar
from sipuac.sdp.payload_types import STATIC_ENCODINGS
from sipuac.values import value

_SESSION_LETTERS = frozenset("vosiuepcbtrzka")
_MEDIA_LETTERS = frozenset("micbka")
_ONCE_IN_SESSION = "vosiuck"
_ONCE_IN_MEDIA = "ik"

# Characters of an m= line whose tokens are remembered as right.
_MAX_KEPT = 256

# Lines with their ends as they should be, which most descriptions have.
_PLAIN = re.compile(r"(?:[^\r\n]=[^\r\n]*\r\n)+")


@value(frozen=True, slots=True)
class Limits:
    """How large a description may be before it is refused unread.

    Attributes:
        max_size: Octets of the whole description.
        max_lines: Lines of the whole description.
        max_streams: m= lines.
    """

    max_size: int = 65_536
    max_lines: int = 2_000
    max_streams: int = 64


DEFAULT_LIMITS = Limits()

# What we make repeats some of what a peer sent beside what is ours, and is never
# refused for it.
_LIMITS_OF_OURS = Limits(max_size=262_144, max_lines=8_000, max_streams=128)


@value(frozen=True, slots=True)
class MediaDescription:
    """One stream: an m= line and the lines that belong to it (5.14).

    Attributes:
        lines: All of them, the m= line first, without line ends.
        media: "audio", "video" and the like.
        port: Transport port; 0 means that the stream is refused or removed.
        port_count: Number of ports, behind the slash of the port; 1 where there is
            none.
        protocol: Such as "RTP/AVP".
        formats: As on the m= line, the most wanted first.
        connection: Own c= line, the first where there are several, else the session's.
        direction: Own attribute, else the session's, else sendrecv.
        attributes: Own attributes in their order.
        encodings: Payload type to encoding, of the rtpmap lines.
        parameters: Format to its parameters, of the fmtp lines.
    """

    lines: tuple[str, ...]
    media: str
    port: int
    port_count: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection
    direction: Direction
    attributes: tuple[Attribute, ...] = field(repr=False)
    encodings: Mapping[str, Encoding] = field(repr=False, hash=False)
    parameters: Mapping[str, str] = field(repr=False, hash=False)

    @property
    def is_disabled(self) -> bool:
        """Whether the port is zero: refused, removed, not to be used (RFC 3264 5.1)."""
        return self.port == 0

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are RTP payload types."""
        return "RTP" in self.protocol.upper().split("/")

    @property
    def rtcp_port(self) -> int:
        """Port for RTCP: that of a=rtcp (RFC 3605), else the one after the RTP port."""
        for port in self.values("rtcp"):
            try:
                return number(port.partition(" ")[0], "port in a=rtcp", 65_535)
            except ParseError:
                continue  # as an attribute that is not understood (5.13)
        return self.port + 1

    def values(self, name: str) -> list[str]:
        """Values of all own attributes of this name; "" for one without a value."""
        return [a.value or "" for a in self.attributes if a.name == name]

    def has(self, name: str) -> bool:
        """Whether an own attribute of this name is there."""
        return any(attribute.name == name for attribute in self.attributes)

    def encoding(self, payload_type: str) -> Encoding | None:
        """What the payload type stands for, by rtpmap or RFC 3551; None if unknown."""
        if not self.is_rtp:
            return None
        return self.encodings.get(payload_type) or STATIC_ENCODINGS.get(payload_type)

    def format_key(self, format: str) -> tuple[str, int, int]:
        """A value that is equal for formats that mean the same, in whatever stream.

        For RTP it is made of the encoding, because the payload type numbers of the two
        sides may differ (RFC 3264 section 5.1).
        """
        encoding = self.encoding(format)
        if encoding is None:
            return (format, 0, 0)
        return (encoding.name.lower(), encoding.clock_rate, encoding.channels)


@value(frozen=True, slots=True)
class SessionDescription:
    """A whole session description; two are equal when their text is.

    Attributes:
        text: As received or made, with its line ends.
        session_lines: The lines before the first m= line, without line ends.
        origin: The o= line.
        name: The s= line.
        connection: The c= line of the session, None where each stream has its own.
        times: The t= lines.
        attributes: Attributes of the session in their order.
        media: The streams.
    """

    text: str
    session_lines: tuple[str, ...] = field(compare=False, repr=False)
    origin: Origin = field(compare=False, repr=False)
    name: str = field(compare=False, repr=False)
    connection: Connection | None = field(compare=False, repr=False)
    times: tuple[Time, ...] = field(compare=False, repr=False)
    attributes: tuple[Attribute, ...] = field(compare=False, repr=False)
    media: tuple[MediaDescription, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(
        cls,
        source: bytes | str,
        *,
        limits: Limits = DEFAULT_LIMITS,
        is_strict: bool = False,
    ) -> SessionDescription:
        """Read a description.

        Args:
            source: The body of a message, or its text.
            limits: What is refused unread.
            is_strict: Whether to ask for all that we must keep to when sending.

        Raises:
            ParseError: Not a usable description; its text says which line and why.
        """
        text = _decoded(source, limits)
        lines = _split(text, limits)
        starts = [index for index, line in enumerate(lines) if line[0] == "m"]
        if len(starts) > limits.max_streams:
            raise ParseError(f"SDP with {len(starts)} streams", 488)
        sections = [
            tuple(lines[start:stop])
            for start, stop in zip([0, *starts], [*starts, len(lines)], strict=True)
        ]
        if is_strict:
            check_grammar(sections[0], sections[1:])
        return _built(text, sections[0], sections[1:])

    @classmethod
    def of_lines(cls, lines: Iterable[str]) -> SessionDescription:
        """A description of these lines, each ended by CRLF (section 5).

        Raises:
            LocalProtocolError: A line holds a line end of its own.
            ParseError: The lines are no description.
        """
        chosen = tuple(lines)
        for line in chosen:
            if "\r" in line or "\n" in line:
                raise LocalProtocolError(f"line end inside the SDP line {line[:60]!r}")
        text = "".join(f"{line}\r\n" for line in chosen)
        return cls.parse(text, limits=_LIMITS_OF_OURS)

    @classmethod
    def of_sections(
        cls, session: Sequence[str], media: Iterable[Sequence[str]]
    ) -> SessionDescription:
        """As `of_lines`, of the session's lines and those of each stream."""
        return cls.of_lines([*session, *(line for lines in media for line in lines)])

    def render(self) -> bytes:
        """The octets of the description, those that were parsed where it was parsed."""
        return self.text.encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        return self.text

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines without their ends."""
        return (*self.session_lines, *(line for m in self.media for line in m.lines))

    def values(self, name: str) -> list[str]:
        """Values of all session attributes of this name; "" for one without a value."""
        return [a.value or "" for a in self.attributes if a.name == name]

    def has(self, name: str) -> bool:
        """Whether a session attribute of this name is there."""
        return any(attribute.name == name for attribute in self.attributes)

    def with_origin(self, origin: Origin) -> SessionDescription:
        """The same description with another o= line."""
        session = [
            f"o={origin}" if line[0] == "o" else line for line in self.session_lines
        ]
        return SessionDescription.of_sections(session, [m.lines for m in self.media])


def _decoded(source: bytes | str, limits: Limits) -> str:
    """The text of the source, checked for size and for what no line may hold."""
    try:
        octets = (
            source
            if isinstance(source, bytes)
            else source.encode("utf-8", "surrogateescape")
        )
    except UnicodeEncodeError:
        raise ParseError("SDP holds a character that has no octets") from None
    if len(octets) > limits.max_size:
        raise ParseError(f"SDP of {len(octets)} octets", 488)
    if b"\0" in octets:
        raise ParseError("SDP holds a NUL")
    return octets.decode("utf-8", "surrogateescape")


def _split(text: str, limits: Limits) -> list[str]:
    """The lines without their ends, each checked to be `<letter>=...`."""
    if _PLAIN.fullmatch(text) and text.startswith("v=0\r"):
        lines = text[:-2].split("\r\n")
        if len(lines) <= limits.max_lines:
            return lines
    # RFC 8866 5: "parsers SHOULD be tolerant and also accept lines terminated with a
    # single newline character".
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > limits.max_lines:
        raise ParseError(f"SDP of {len(lines)} lines", 488)
    if not lines:
        raise ParseError("SDP is empty")
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise ParseError(f"not an SDP line: {line[:60]!r}")
        if "\r" in line:
            raise ParseError(f"carriage return inside the SDP line {line[:60]!r}")
    if lines[0] != "v=0":
        raise ParseError(f"SDP does not start with v=0 but with {lines[0][:60]!r}")
    return lines


def _built(
    text: str, session: tuple[str, ...], streams: Sequence[tuple[str, ...]]
) -> SessionDescription:
    """The description of lines that are already taken apart."""
    _check_letters(_letters(session), _SESSION_LETTERS, _ONCE_IN_SESSION, "session")
    by_letter: dict[str, list[str]] = {letter: [] for letter in "osct"}
    for line in session:
        by_letter.setdefault(line[0], []).append(line[2:])
    for letter in "ost":
        if not by_letter[letter]:
            raise ParseError(f"SDP without {letter}=")
    connection = Connection.parse(by_letter["c"][0]) if by_letter["c"] else None
    attributes = attributes_of(session)
    direction = attributes.direction or Direction.SENDRECV
    return SessionDescription(
        text=text,
        session_lines=session,
        origin=Origin.parse(by_letter["o"][0]),
        name=by_letter["s"][0],
        connection=connection,
        times=tuple(Time.parse(value) for value in by_letter["t"]),
        attributes=attributes.all,
        media=tuple(_stream(lines, connection, direction) for lines in streams),
    )


def _stream(
    lines: tuple[str, ...], connection: Connection | None, direction: Direction
) -> MediaDescription:
    """One stream, which takes from the session what it does not say itself."""
    _check_letters(_letters(lines), _MEDIA_LETTERS, _ONCE_IN_MEDIA, "media")
    parts = subfields(lines[0][2:])
    if len(parts) < 4:
        raise ParseError(f"m= has {len(parts)} subfields instead of 4 or more")
    media, port_text, protocol, *formats = parts
    check_tokens = _check_tokens if len(lines[0]) <= _MAX_KEPT else _look_at_tokens
    check_tokens(media, protocol, tuple(formats))
    port, slash, count = port_text.partition("/")
    connections = [Connection.parse(line[2:]) for line in lines if line[0] == "c"]
    if connections:
        connection = connections[0]
    if connection is None:
        raise ParseError(f"no c= for the {media} stream (RFC 8866 5.7)", 488)
    attributes = attributes_of(lines)
    return MediaDescription(
        lines=lines,
        media=media,
        port=number(port, "port in m=", 65_535),
        port_count=number(count, "number of ports in m=") if slash else 1,
        protocol=protocol,
        formats=tuple(formats),
        connection=connection,
        direction=attributes.direction or direction,
        attributes=attributes.all,
        encodings=attributes.encodings,
        parameters=attributes.parameters,
    )


def _look_at_tokens(media: str, protocol: str, formats: tuple[str, ...]) -> None:
    for token in (media, *protocol.split("/"), *formats):
        if not is_token(token):
            raise ParseError(f"m= with {token[:60]!r}, which is not a token")


_check_tokens = lru_cache(maxsize=256)(_look_at_tokens)


def _letters(lines: Sequence[str]) -> str:
    return "".join([line[0] for line in lines])


# Descriptions of the same phones have the same letters; the longer ones are others.
@lru_cache(maxsize=256)
def _check_letters(
    letters: str, allowed: frozenset[str], once: str, section: str
) -> None:
    """Refuse unknown letters, misplaced ones and repeated ones (section 5)."""
    seen: set[str] = set()
    for letter in letters:
        if letter not in allowed:
            # "An SDP parser MUST completely ignore or reject any session description
            # that contains a type letter that it does not understand."
            raise ParseError(f"{letter!r}= in a {section} description")
        if letter in seen and letter in once:
            raise ParseError(f"more than one {letter}= in a {section} description")
        seen.add(letter)
