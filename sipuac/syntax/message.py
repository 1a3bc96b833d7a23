"""Requests and responses (RFC 3261 section 7).

What its header fields mean is in `headers`; here are start lines, bodies, copies with
changes, and how a message is written. Messages are immutable by convention: the methods
that change something return a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import NameAddress, Via
from sipuac.syntax.headers import Headers
from sipuac.syntax.lexical import is_token
from sipuac.syntax.names import METHODS, USUAL_SPELLINGS, canonical_name
from sipuac.syntax.reason_phrases import REASON_PHRASES, reason_phrase
from sipuac.syntax.uri import SipUri, Uri, parse_uri

__all__ = ["REASON_PHRASES", "Message", "Request", "Response", "response_to"]

# "No unescaped spaces or control characters are allowed, and the Request-URI MUST NOT
# be enclosed in <>" (RFC 3261 section 7.1).
_REQUEST_URI = re.compile(r'[^\x00-\x20\x7F<>"]++')

_COPIED_TO_RESPONSES = frozenset(["Via", "From", "To", "Call-ID", "CSeq"])
_DIALOG_MAKING = frozenset(["INVITE", "SUBSCRIBE", "REFER"])


class Message(Headers):
    """What requests and responses have in common: header fields and a body.

    All typed properties but `reasons`, `warnings` and `error_infos` raise `ParseError`
    where the field is malformed, and where it is mandatory and absent. The lists that
    they return are kept: do not change them.

    Attributes:
        body: The body, b"" where there is none.
    """

    __slots__ = ("body",)

    def __init__(self, headers: Iterable[tuple[str, str]], body: bytes = b"") -> None:
        """Take rows in order, in any spelling of their names, and a body."""
        Headers.__init__(self, headers)
        self.body = body

    @property
    def start_line(self) -> str:
        """The Request-Line or Status-Line, without its CRLF."""
        raise NotImplementedError

    def _copy(self, names: list[str], values: list[str]) -> Self:
        """This message with other rows."""
        raise NotImplementedError

    def render(self) -> bytes:
        """The message as it goes out, with Content-Length and long names.

        Raises:
            LocalProtocolError: A name, a value or the start line holds CR or LF, or is
                no Unicode text.
        """
        names, values = self._names, self._values
        if "Content-Length" in names:
            rest = self.without("Content-Length")
            names, values = rest._names, rest._values
        start_line = self.start_line
        content = f"{start_line}{''.join(names)}{''.join(values)}"
        # Whatever was put into this message, it leaves as one message.
        if "\r" in content or "\n" in content:
            raise LocalProtocolError("a header field or start line holds CR or LF")
        # Half the time of an f-string for each row.
        pieces = ["", ": ", "", "\r\n"] * len(names)
        pieces[::4] = names
        pieces[2::4] = values
        body = self.body
        head = f"{start_line}\r\n{''.join(pieces)}Content-Length: {len(body)}\r\n\r\n"
        try:
            return head.encode("utf-8", "surrogateescape") + body
        except UnicodeEncodeError as error:
            raise LocalProtocolError("a header field is no Unicode text") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self.start_line == other.start_line
            and self.body == other.body
            and self._compared_rows() == other._compared_rows()
        )

    def __hash__(self) -> int:
        return hash((self.start_line, self.body))

    def __repr__(self) -> str:
        return f"<{self.start_line} {self._first('Call-ID')}>"

    def _compared_rows(self) -> list[tuple[str, str]]:
        return [
            (name if name in USUAL_SPELLINGS else name.lower(), value)
            for name, value in zip(self._names, self._values, strict=True)
            if name != "Content-Length"
        ]

    def with_via(self, via: str | Via) -> Self:
        """A copy with one more Via on top."""
        return self._copy(["Via", *self._names], [str(via), *self._values])

    def with_top_via(self, via: str | Via) -> Self:
        """A copy whose top Via is replaced.

        Raises:
            ParseError: There is no Via.
        """
        index, rest = self._locate_top_via()
        values = list(self._values)
        values[index] = f"{via}, {rest}" if rest else str(via)
        return self._copy(self._names, values)

    def without_top_via(self) -> Self:
        """A copy without the top Via.

        Raises:
            ParseError: There is no Via.
        """
        index, rest = self._locate_top_via()
        names, values = list(self._names), list(self._values)
        if rest:
            values[index] = rest
        else:
            del names[index], values[index]
        return self._copy(names, values)

    def with_headers(self, extra: Iterable[tuple[str, str]]) -> Self:
        """A copy with these rows at the end."""
        names, values = list(self._names), list(self._values)
        for name, value in extra:
            names.append(canonical_name(name))
            values.append(value)
        return self._copy(names, values)

    def without(self, name: str) -> Self:
        """A copy without any row of that field."""
        indexes = set(self._indexes(name))
        return self._copy(
            [key for i, key in enumerate(self._names) if i not in indexes],
            [value for i, value in enumerate(self._values) if i not in indexes],
        )

    def replacing(self, name: str, value: str) -> Self:
        """A copy with one row of that field, where its first one stood."""
        indexes = self._indexes(name)
        if not indexes:
            return self.with_headers([(name, value)])
        names, values = list(self._names), list(self._values)
        values[indexes[0]] = value
        for index in reversed(indexes[1:]):
            del names[index], values[index]
        return self._copy(names, values)

    def with_body(self, body: bytes, content_type: str | None = None) -> Self:
        """A copy with another body and the Content-Type that says what it is.

        Raises:
            LocalProtocolError: There is a body and no type (section 7.4.1).
        """
        if body and content_type is None:
            raise LocalProtocolError("a body without Content-Type")
        copy = self.without("Content-Type")
        if content_type is not None:
            copy = copy.with_headers([("Content-Type", content_type)])
        copy.body = body
        return copy


class Request(Message):
    """A request (RFC 3261 section 7.1).

    Attributes:
        method: The method, compared with regard to case.
        uri_text: The Request-URI as written.
    """

    __slots__ = ("method", "uri_text")

    def __init__(
        self,
        method: str,
        uri: Uri | str,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
    ) -> None:
        """Make a request.

        Args:
            method: A token.
            uri: The Request-URI; of a `SipUri` the headers and the `method` parameter
                are left out (section 19.1.5).
            headers: Rows in order, any spelling of the names.
            body: The body; `render` writes its Content-Length.

        Raises:
            LocalProtocolError: The method is no token, or the URI cannot stand in a
                Request-Line.
        """
        # `super()` and another step between take a tenth of the time to make a request.
        Headers.__init__(self, headers)
        self.body = body
        if isinstance(uri, str):
            uri_text = uri
        else:
            if isinstance(uri, SipUri):
                uri = uri.request_target()
            self._parsed["uri"] = uri
            uri_text = str(uri)
        if _REQUEST_URI.fullmatch(uri_text) is None:
            raise LocalProtocolError(f"not a Request-URI: {uri_text[:80]!r}")
        if method not in METHODS and not is_token(method):
            raise LocalProtocolError(f"not a method: {method[:40]!r}")
        self.method = method
        self.uri_text = uri_text

    @classmethod
    def from_rows(
        cls,
        method: str,
        uri_text: str,
        names: list[str],
        values: list[str],
        body: bytes,
    ) -> Request:
        """A request from what is known to be well-formed; the lists are kept."""
        request = object.__new__(cls)
        request.method = method
        request.uri_text = uri_text
        request._keep(names, values)
        request.body = body
        return request

    def _copy(self, names: list[str], values: list[str]) -> Self:
        copy = object.__new__(type(self))
        copy.method = self.method
        copy.uri_text = self.uri_text
        copy._keep(names, values)
        copy.body = self.body
        return copy

    @property
    def start_line(self) -> str:
        """The Request-Line, without its CRLF."""
        return f"{self.method} {self.uri_text} SIP/2.0"

    @property
    def uri(self) -> Uri:
        """The Request-URI, without components that may not stand there.

        "Implementations ... SHOULD ignore" those, such as headers (section 19.1.1).
        """
        return self._once("uri", self._read_uri)

    def _read_uri(self) -> Uri:
        uri = parse_uri(self.uri_text)
        return uri.request_target() if isinstance(uri, SipUri) else uri


class Response(Message):
    """A response (RFC 3261 section 7.2).

    Attributes:
        status: 100 to 699.
        reason: The phrase, for people only; may be empty.
    """

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
    ) -> None:
        """Make a response.

        Args:
            status: 100 to 699.
            reason: The phrase; None for the usual one.
            headers: Rows in order, any spelling of the names.
            body: The body; `render` writes its Content-Length.

        Raises:
            LocalProtocolError: There is no such status.
        """
        if not 100 <= status <= 699:
            raise LocalProtocolError(f"not a status: {status}")
        super().__init__(headers, body)
        self.status = status
        self.reason = reason_phrase(status) if reason is None else reason

    @classmethod
    def from_rows(
        cls,
        status: int,
        reason: str,
        names: list[str],
        values: list[str],
        body: bytes,
    ) -> Response:
        """A response from what is known to be well-formed; the lists are kept."""
        response = object.__new__(cls)
        response.status = status
        response.reason = reason
        response._keep(names, values)
        response.body = body
        return response

    def _copy(self, names: list[str], values: list[str]) -> Self:
        copy = object.__new__(type(self))
        copy.status = self.status
        copy.reason = self.reason
        copy._keep(names, values)
        copy.body = self.body
        return copy

    @property
    def start_line(self) -> str:
        """The Status-Line, without its CRLF."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def _read_contacts(self) -> list[NameAddress]:
        """All Contact values that can be read.

        A final response must get its ACK whatever its Contact is, so that what cannot
        be read counts as absent here, unlike in requests.
        """
        try:
            return self._read_list("Contact", NameAddress.parse)
        except ParseError:
            return self._readable("Contact", NameAddress.parse)

    @property
    def is_provisional(self) -> bool:
        """Whether the status is 1xx."""
        return self.status < 200

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether the status is 200 or more."""
        return self.status >= 200


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """A response with what has to be copied from its request (RFC 3261 8.2.6).

    That is Via, From, To, Call-ID and CSeq; Timestamp into a 100; Record-Route into
    what can make a dialog (12.1.1).

    Args:
        request: What is answered.
        status: 100 to 699.
        reason: The phrase; None for the usual one.
        to_tag: The tag for To; not used where the request has one already.
        headers: Further rows.
        body: The body; its Content-Type is the caller's to give.
    """
    copied = _COPIED_TO_RESPONSES
    if status == 100:
        copied |= {"Timestamp"}
    elif status < 300 and request.method in _DIALOG_MAKING:
        copied |= {"Record-Route"}
    rows = [row for row in request.header_items() if row[0] in copied]
    if to_tag is not None and not _has_to_tag(request):
        rows = [
            (name, f"{value};tag={to_tag}") if name == "To" else (name, value)
            for name, value in rows
        ]
    return Response(status, reason, [*rows, *headers], body)


def _has_to_tag(request: Request) -> bool:
    try:
        return request.to_tag is not None
    except ParseError:
        # This answers a malformed request: a second tag would make it no better.
        return ";tag=" in (request.get("To") or "")
