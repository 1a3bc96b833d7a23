"""Typed values of header fields (RFC 3261 section 20 and extensions).

Each is a value with `parse`, which reads one value of the field, and `str()`, which
writes it. Via and the address fields live in `fields_routing` and are named here too.
"""

from __future__ import annotations

import re

from sipuac.errors import ParseError
from sipuac.syntax.fields_routing import NameAddress, Via
from sipuac.syntax.lexical import (
    QUOTED_STRING,
    TOKEN,
    Parameters,
    check_header,
    comment_end,
    find_parameter,
    is_token,
    parse_integer,
    parse_parameters,
    parse_seconds,
    quote,
    render_parameters,
    split_list,
    unquote,
)
from sipuac.syntax.names import METHODS
from sipuac.syntax.values import value

__all__ = [
    "CSeq",
    "Challenge",
    "MediaType",
    "NameAddress",
    "RAck",
    "Reason",
    "RequestDisposition",
    "RetryAfter",
    "Via",
    "Warning",
    "check_header",
    "is_token",
    "parse_expires",
    "parse_max_breadth",
    "parse_max_forwards",
    "parse_rseq",
    "quote",
    "split_list",
    "unquote",
]

_CSEQ = re.compile(rf"([0-9]++)[ \t]++({TOKEN})")
_RACK = re.compile(rf"([0-9]++)[ \t]++([0-9]++)[ \t]++({TOKEN})")
_REASON = re.compile(rf"({TOKEN})[ \t]*+(;.*)?", re.DOTALL)
_WARNING = re.compile(
    rf'([0-9]{{3}})[ \t]++([^\x00-\x20\x7F"]++)[ \t]++({QUOTED_STRING})', re.DOTALL
)
_SECONDS = re.compile(r"([0-9]++)[ \t]*+")
_MEDIA_TYPE = re.compile(rf"({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+(;.*)?", re.DOTALL)
_CHALLENGE = re.compile(rf"({TOKEN})[ \t]++(.+)", re.DOTALL)
_CHALLENGE_PARAMETER = re.compile(
    rf'({TOKEN})[ \t]*+=[ \t]*+({QUOTED_STRING}|[^\x00-\x20\x7F,"]++)', re.DOTALL
)


@value(frozen=True, slots=True)
class CSeq:
    """The number and method of a request (RFC 3261 section 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """The value of a CSeq field.

        Raises:
            ParseError: It is malformed, or the number is beyond 2**32-1.
        """
        number, _, method = text.partition(" ")
        # Nearly all are so plain; this is twice as fast.
        if method in METHODS and len(number) < 10 and number.isdigit():
            if number.isascii():
                return cls(int(number), method)
        parts = _CSEQ.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable CSeq: {text[:80]!r}")
        return cls(parse_integer(parts[1], "CSeq number"), parts[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@value(frozen=True, slots=True)
class RAck:
    """Which reliable provisional response a PRACK acknowledges (RFC 3262 7.2).

    Attributes:
        rseq: The RSeq number of that response.
        cseq: The CSeq number of that response.
        method: The CSeq method of that response.
    """

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        """The value of a RAck field.

        Raises:
            ParseError: It is malformed, or a number is beyond its range.
        """
        parts = _RACK.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable RAck: {text[:80]!r}")
        return cls(
            parse_rseq(parts[1]), parse_integer(parts[2], "CSeq number"), parts[3]
        )

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@value(frozen=True, slots=True)
class Reason:
    """Why a request was sent (RFC 3326).

    Attributes:
        protocol: "SIP", "Q.850" or another, as written.
        cause: The number of the cause, None where it is absent or no number.
        text: Words for people, unquoted; None where absent.
        parameters: All parameters but cause and text, as written.
    """

    protocol: str
    cause: int | None = None
    text: str | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Reason:
        """One value of a Reason field.

        Raises:
            ParseError: It is malformed, or the cause is beyond 2**32-1.
        """
        parts = _REASON.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable Reason: {text[:80]!r}")
        parameters = parse_parameters(parts[2] or "")
        cause = find_parameter(parameters, "cause")
        words = find_parameter(parameters, "text")
        return cls(
            parts[1],
            None if cause is None else parse_integer(cause, "cause of Reason"),
            None if words is None else unquote(words),
            tuple([p for p in parameters if p[0].lower() not in ("cause", "text")]),
        )

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        words = "" if self.text is None else f";text={quote(self.text)}"
        return f"{self.protocol}{cause}{words}{render_parameters(self.parameters)}"


@value(frozen=True, slots=True)
class Warning:
    """What somebody on the way could not do (RFC 3261 section 20.43).

    Attributes:
        code: Three digits.
        agent: Who says so, host or pseudonym.
        text: Words for people, unquoted.
    """

    code: int
    agent: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Warning:
        """One value of a Warning field.

        Raises:
            ParseError: It is malformed.
        """
        parts = _WARNING.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable Warning: {text[:80]!r}")
        return cls(int(parts[1]), parts[2], unquote(parts[3]))

    def __str__(self) -> str:
        return f"{self.code:03} {self.agent} {quote(self.text)}"


@value(frozen=True, slots=True)
class RetryAfter:
    """When to try again (RFC 3261 section 20.33).

    Attributes:
        seconds: How long to wait; a number beyond 2**32-1 is read as that.
        comment: What stands in parentheses, as written; None where absent.
        duration: Seconds that the callee will be reachable then; None where absent.
    """

    seconds: int
    comment: str | None = None
    duration: int | None = None

    @classmethod
    def parse(cls, text: str) -> RetryAfter:
        """The value of a Retry-After field.

        Raises:
            ParseError: It is malformed.
        """
        seconds = _SECONDS.match(text)
        if seconds is None:
            raise ParseError(f"unreadable Retry-After: {text[:80]!r}")
        comment = None
        rest = text[seconds.end() :]
        if rest.startswith("("):
            end = comment_end(rest, 0)
            comment = rest[1 : end - 1]
            rest = rest[end:]
        duration = find_parameter(parse_parameters(rest), "duration")
        return cls(
            parse_seconds(seconds[1], "Retry-After"),
            comment,
            None if duration is None else parse_seconds(duration, "duration"),
        )

    def __str__(self) -> str:
        comment = "" if self.comment is None else f" ({self.comment})"
        duration = "" if self.duration is None else f";duration={self.duration}"
        return f"{self.seconds}{comment}{duration}"


@value(frozen=True, slots=True)
class RequestDisposition:
    """How the caller wants proxies to treat a request (RFC 3841 section 9.1).

    Attributes:
        directives: As written, in order, such as ("no-fork", "queue").
    """

    directives: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> RequestDisposition:
        """The value of a Request-Disposition field.

        Raises:
            ParseError: It is empty, or a directive is no token.
        """
        directives = split_list(text)
        if not directives or not all(map(is_token, directives)):
            raise ParseError(f"unreadable Request-Disposition: {text[:80]!r}")
        return cls(tuple(directives))

    def __str__(self) -> str:
        return ", ".join(self.directives)


@value(frozen=True, slots=True)
class MediaType:
    """The type of a body (RFC 3261 section 20.15).

    Attributes:
        type: In lower case.
        subtype: In lower case.
        parameters: Names and values as written.
    """

    type: str
    subtype: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """The value of a Content-Type field, or one of Accept.

        Raises:
            ParseError: It is malformed.
        """
        parts = _MEDIA_TYPE.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable media type: {text[:80]!r}")
        return cls(parts[1].lower(), parts[2].lower(), parse_parameters(parts[3] or ""))

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{render_parameters(self.parameters)}"

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unquoted; "" if it has none, None if it is absent."""
        found = find_parameter(self.parameters, name.lower())
        return None if found is None else unquote(found)


@value(frozen=True, slots=True)
class Challenge:
    """A challenge or credentials: a scheme and its parameters (sections 20.7, 20.44).

    Attributes:
        scheme: As written; compared without regard to case.
        parameters: Names and values as written, quotes included.
    """

    scheme: str
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """The value of one row; such rows hold one value each (section 7.3.1).

        Raises:
            ParseError: It is malformed.
        """
        parts = _CHALLENGE.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable challenge: {text[:80]!r}")
        parameters: list[tuple[str, str | None]] = []
        for element in split_list(parts[2]):
            parameter = _CHALLENGE_PARAMETER.fullmatch(element)
            if parameter is None:
                raise ParseError(f"unreadable in a challenge: {element[:80]!r}")
            parameters.append((parameter[1], parameter[2]))
        return cls(parts[1], tuple(parameters))

    def __str__(self) -> str:
        pairs = ", ".join([f"{name}={text}" for name, text in self.parameters])
        return f"{self.scheme} {pairs}"

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unquoted; None if it is absent."""
        found = find_parameter(self.parameters, name.lower())
        return None if found is None else unquote(found)


def parse_max_forwards(text: str) -> int:
    """The value of Max-Forwards, 0 to 255 (RFC 3261 section 20.22).

    Raises:
        ParseError: It is no such number.
    """
    return parse_integer(text, "Max-Forwards", 255)


def parse_max_breadth(text: str) -> int:
    """The value of Max-Breadth, 1 or more (RFC 5393 section 5.3.1).

    Raises:
        ParseError: It is no such number.
    """
    return _parse_positive(text, "Max-Breadth")


def parse_expires(text: str) -> int:
    """Seconds of Expires, Min-Expires and the like; beyond 2**32-1 is read as that.

    Raises:
        ParseError: It is no number.
    """
    return parse_seconds(text, "number of seconds")


def parse_rseq(text: str) -> int:
    """A number of RSeq or RAck, 1 to 2**32-1 (RFC 3262 section 7.1).

    Raises:
        ParseError: It is no such number.
    """
    return _parse_positive(text, "RSeq")


def _parse_positive(text: str, what: str) -> int:
    number = parse_integer(text, what)
    if not number:
        raise ParseError(f"{what} is 0")
    return number
