"""What must hold of any octets: each check raises nothing where all is well.

A check reads its input in every way that the package does. `ParseError` is the one
answer to bad input; any other exception, and an invariant that does not hold, comes out
of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.bodies import parts_of, session_description
from sipuac.syntax.challenges import (
    MAX_CHALLENGES,
    read_challenges,
    read_parameters,
)
from sipuac.syntax.digest import DigestSession
from sipuac.syntax.fields import (
    Challenge,
    CSeq,
    MediaType,
    NameAddress,
    RAck,
    Reason,
    RequestDisposition,
    RetryAfter,
    Via,
    Warning,
    parse_expires,
    parse_max_breadth,
    parse_max_forwards,
    parse_rseq,
)
from sipuac.syntax.fields_session import SessionExpires, parse_min_se
from sipuac.syntax.framing import StreamFramer
from sipuac.syntax.limits import Limits
from sipuac.syntax.message import Message, Request, response_to
from sipuac.syntax.parser import check_received, parse_message, salvage_request
from sipuac.syntax.uri import Uri, parse_uri
from sipuac.transport.via import reply_address, with_source

_FORBIDDEN = re.compile(r"[\r\n\0]")
_SOURCE = ("192.0.2.1", 5060)

#: Properties that may raise `ParseError` in a message that was checked.
_OPTIONAL = (
    "content_type",
    "expires",
    "max_breadth",
    "max_forwards",
    "record_routes",
    "retry_after",
    "routes",
    "rseq",
    "vias",
)
#: Properties that nobody expects to raise in a message that was checked.
_ALWAYS = (
    "allow",
    "branch",
    "call_id",
    "contacts",
    "cseq",
    "error_infos",
    "from_",
    "from_tag",
    "reasons",
    "require",
    "supported",
    "to",
    "to_tag",
    "top_via",
    "unsupported",
    "warnings",
)


class _Value(Protocol):
    """A value of a field, with the class method that reads it."""

    @classmethod
    def parse(cls, text: str, /) -> Any:
        """The value; any, as each class returns its own."""


#: Values of fields that are read and written by a class of their own.
_VALUES: tuple[type[_Value], ...] = (
    CSeq,
    Challenge,
    MediaType,
    NameAddress,
    RAck,
    Reason,
    RequestDisposition,
    RetryAfter,
    SessionExpires,
    Via,
    Warning,
)
#: And those that are a number.
_NUMBERS = (
    parse_expires,
    parse_max_breadth,
    parse_max_forwards,
    parse_min_se,
    parse_rseq,
)

_T = TypeVar("_T")


def _read(read: Callable[..., _T], *arguments: object) -> _T | None:
    """What this returns; None where it raises `ParseError`."""
    try:
        return read(*arguments)
    except ParseError as error:
        # What quotes its input quotes a bounded piece of it.
        assert len(str(error)) < 400, "an error as long as its input"
        assert 400 <= error.status_hint <= 699, "an error without a status"
        return None


def datagram(octets: bytes) -> str:
    """A datagram, from parsing to what a user agent reads of it.

    Returns:
        What became of it: "accepted", "refused" or "unreadable".
    """
    message = _read(parse_message, octets)
    if message is None:
        _answer_salvaged(octets)
        return "unreadable"
    # Unless it is one message on the wire, it has been read as one.
    again = parse_message(message.render())
    assert again == message, "written, it is another message"
    try:
        check_received(message)
    except ParseError:
        for name in (*_OPTIONAL, *_ALWAYS):
            _read(getattr, message, name)
        if isinstance(message, Request):
            _answer_salvaged(message.render())
        return "refused"
    for name in _ALWAYS:
        getattr(message, name)
    for name in _OPTIONAL:
        _read(getattr, message, name)
    assert message.branch == message.top_via.branch, "two branches"
    assert message.from_tag == message.from_.tag, "two From tags"
    assert message.to_tag == message.to.tag, "two To tags"
    _read_body(message)
    if isinstance(message, Request):
        marked = _read(with_source, message, _SOURCE)
        if marked is not None:
            _answer(marked)
    return "accepted"


def _read_body(message: Message) -> None:
    description = _read(session_description, message)
    if description is not None:
        sdp(description)
    _read(parts_of, message)


def _answer_salvaged(octets: bytes) -> None:
    request = salvage_request(octets)
    if request is None:
        return
    try:
        _answer(with_source(request, _SOURCE))
    except (ParseError, LocalProtocolError):
        # It is too broken even for that.
        return


def _answer(request: Request) -> None:
    response = response_to(request, 400, to_tag="t")
    octets = response.render()
    assert parse_message(octets) == response, "written, it is another response"
    for is_reliable in (False, True):
        _read(partial(reply_address, is_reliable=is_reliable), request)
    # A request of nobody's making must not become a larger response.
    assert len(octets) < 2 * len(request.render()) + 500, "a response that grows"


def stream(octets: bytes, cuts: tuple[int, ...] = ()) -> None:
    """A stream, at once and in pieces: the frames are the same."""
    limits = Limits(max_head=8192, max_body=16384)
    whole, error = _frames(octets, (), limits)
    if not cuts:
        return
    pieces, piecewise_error = _frames(octets, cuts, limits)
    assert pieces == whole, "frames depend on the pieces"
    assert str(error) == str(piecewise_error), "errors depend on the pieces"


def _frames(
    octets: bytes, cuts: tuple[int, ...], limits: Limits
) -> tuple[list[object], ParseError | None]:
    framer = StreamFramer(limits)
    frames: list[object] = []
    bounds = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    for start, end in zip(bounds, bounds[1:], strict=False):
        try:
            frames += framer.feed(octets[start:end])
        except ParseError:
            break
        kept = len(framer._buffer)
        assert kept <= limits.max_head + limits.max_body + 8, "a buffer that grows"
        if framer.error is not None:
            break
    assert len(framer.rejected) <= len(octets), "more is rejected than came"
    # A single CRLF is told as it comes, so that where it is cut decides between a pong
    # and the first half of a ping.
    messages = [frame for frame in frames if isinstance(frame, Message)]
    return list(messages), framer.error


def uri(text: str) -> None:
    """A URI: what was read is written so that it is read as the same again."""
    found = _read(parse_uri, text)
    if found is None:
        return
    written = str(found)
    assert parse_uri(written) == found, "written, it is another URI"
    assert found.is_equivalent(found), "not equal to itself"
    _assert_one_line(written)
    for change in ("request_target", "logical_identity"):
        if hasattr(found, change):
            changed: Uri = getattr(found, change)()
            assert parse_uri(str(changed)) == changed, change


def field(text: str) -> None:
    """The value of a field, by the rules of every field that is known."""
    for kind in _VALUES:
        found = _read(kind.parse, text)
        if found is not None:
            try:
                written = str(found)
            except LocalProtocolError:
                # No message brings a line end into a field, and none is written.
                assert "\r" in text or "\n" in text
                continue
            assert kind.parse(written) == found, f"{kind.__name__} of {written!r}"
    for parse in _NUMBERS:
        number = _read(parse, text)
        assert number is None or 0 <= number < 2**32, "a number out of range"


def challenges(text: str) -> None:
    """A row of WWW-Authenticate, its answer, and what Authentication-Info says."""
    if _FORBIDDEN.search(text):
        # No message brings these into a field.
        return
    found, ignored = read_challenges([text, text])
    assert len(found) + len(ignored) <= 2 * MAX_CHALLENGES + 2, "too many"
    request = Request("INVITE", "sip:a", [], b"x")
    for challenge in found:
        qop = _read(challenge.choose_qop)
        session = DigestSession(challenge, 'us"er', "secret", "cnonce", qop)
        answer = session.answer(request)
        _assert_one_line(answer)
        given = read_parameters(answer)
        assert given["realm"] == challenge.realm, "another realm"
        assert given["nonce"] == challenge.nonce, "another nonce"
        assert given["username"] == 'us"er' or challenge.has_userhash
        # The form that the value of a field has.
        assert Challenge.parse(answer).scheme == "Digest"
        session.learn(given, text, b"")
        _assert_one_line(session.answer(request))


def sdp(octets: bytes) -> None:
    """A session description."""
    found = _read(SessionDescription.parse, octets)
    if found is None:
        return
    written = found.render()
    assert SessionDescription.parse(written) == found, "written, it is another one"
    strict: Callable[..., object] = SessionDescription.parse
    try:
        strict(written, is_strict=True)
    except ParseError:
        return


def multipart(octets: bytes, content_type: str) -> None:
    """A body of that type."""
    rows = [("Content-Type", content_type)]
    for message in (
        Request("INVITE", "sip:a", rows, octets),
        parse_message(b"SIP/2.0 200 OK\r\n\r\n").with_body(octets, content_type),
    ):
        parts = _read(parts_of, message)
        if parts is not None:
            assert sum(len(part.octets) for part in parts) <= len(octets)
        _read_body(message)


def _assert_one_line(text: str) -> None:
    assert "\r" not in text and "\n" not in text, "more than one line"
