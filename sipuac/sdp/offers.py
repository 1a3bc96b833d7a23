"""Making offers: the first, later ones, hold and resume (RFC 3264 5 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sipuac.errors import LocalProtocolError, NegotiationError, ParseError
from sipuac.sdp.checks import check_formats
from sipuac.sdp.description import MediaDescription, SessionDescription
from sipuac.sdp.fields import MAX_ORIGIN_NUMBER, Direction, Origin, address_type

#: The even port that IANA keeps for RTP (RFC 3551 section 8).
RTP_PORT = 5004

_HOLD = {
    Direction.SENDRECV: Direction.SENDONLY,
    Direction.RECVONLY: Direction.INACTIVE,
}
_RESUME = {held: usual for usual, held in _HOLD.items()}


def plain_audio_offer(
    address: str,
    port: int = RTP_PORT,
    *,
    session_id: int = 1,
    version: int = 1,
    username: str = "-",
) -> SessionDescription:
    """A telephone: one stream with G.711 in both laws and DTMF (RFC 4733).

    Args:
        address: Where we would receive: an IP address or a host name.
        port: Where RTP would be received. Nothing here listens.
        session_id: Tells this session from others of the same user and address.
        version: First version of the description.
        username: For the o= line.

    Raises:
        LocalProtocolError: An argument that no description can hold.
    """
    if not 0 < port < 65_536:
        raise LocalProtocolError(f"port {port} for media")
    # RFC 3264 5: the first version "MUST be less than (2**62)-1, to avoid rollovers".
    if not (0 <= session_id <= MAX_ORIGIN_NUMBER and 0 <= version < 2**62 - 1):
        raise LocalProtocolError(f"session id {session_id}, version {version} in o=")
    try:
        kind = address_type(address)
        origin = Origin(username, session_id, version, "IN", kind, address)
        lines = [
            "v=0",
            f"o={origin}",
            "s=-",
            f"c=IN {kind} {address}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 0 8 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
        ]
        if port % 2:
            # RFC 8866 5.14: where ports "don't follow the parity rule of even RTP ports
            # and odd RTCP ports, the a=rtcp: attribute MUST be used".
            lines.append(f"a=rtcp:{port + 1 if port < 65_535 else port - 1}")
        return SessionDescription.of_lines([*lines, "a=sendrecv"])
    except ParseError as error:
        raise LocalProtocolError(f"no offer can be made: {error}") from error


def next_offer(
    previous: SessionDescription, new: SessionDescription
) -> SessionDescription:
    """The offer to send where `new` is wanted and `previous` was sent last (8).

    The o= line stays but for its version, which goes up by one; where nothing else
    differs `previous` itself is the offer, its version unchanged. Streams that `new`
    has no more stay in place with port 0.

    Args:
        previous: The last description that we sent in this dialog, offer or answer.
        new: What is wanted now, stream by stream in the same places.

    Raises:
        NegotiationError: A payload type would change its meaning (8.3.2), or the
            version cannot be raised any more.
    """
    streams = [stream.lines for stream in new.media]
    for stream in previous.media[len(streams) :]:
        streams.append(_removed(stream))
    for index, (before, now) in enumerate(
        zip(previous.media, new.media, strict=False), 1
    ):
        check_formats(index, before, now)
    return revised(previous, SessionDescription.of_sections(new.session_lines, streams))


def revised(
    previous: SessionDescription, new: SessionDescription
) -> SessionDescription:
    """`new` as the version after `previous`; `previous` where they are the same."""
    same_version = new.with_origin(previous.origin)
    if same_version.lines == previous.lines:
        return previous
    version = previous.origin.version + 1
    if version > MAX_ORIGIN_NUMBER:
        raise NegotiationError("the version in o= cannot be raised", "RFC 3264 5")
    return new.with_origin(previous.origin.with_version(version))


def held(current: SessionDescription) -> SessionDescription:
    """The offer that puts every stream on hold (8.4).

    A stream that was sendrecv gets sendonly, one that was recvonly inactive, the others
    stay. One that was held before is held again by the same description.
    """
    return _redirected(
        current,
        {
            index: _HOLD.get(stream.direction, stream.direction)
            for index, stream in enumerate(current.media)
        },
    )


def is_holding(description: SessionDescription) -> bool:
    """Whether its sender wants to receive no stream: it holds the session (8.4).

    A connection address of 0.0.0.0 is the older way to say so.
    """
    streams = [stream for stream in description.media if not stream.is_disabled]
    return bool(streams) and not any(
        stream.direction.receives and not stream.connection.is_unspecified
        for stream in streams
    )


def resumed(
    current: SessionDescription, before: SessionDescription | None = None
) -> SessionDescription:
    """The offer that takes every stream off hold.

    Args:
        current: The last description that we sent in this dialog.
        before: What we wanted before the hold. Its directions are restored; a stream
            that it does not have, or all without it, is taken to have been sendrecv
            where it is sendonly now and recvonly where it is inactive.
    """
    directions = {
        index: _RESUME.get(stream.direction, stream.direction)
        for index, stream in enumerate(current.media)
    }
    for index, stream in enumerate(() if before is None else before.media):
        if index in directions and not stream.is_disabled:
            directions[index] = stream.direction
    return _redirected(current, directions)


def _redirected(
    current: SessionDescription, directions: Mapping[int, Direction]
) -> SessionDescription:
    """The next offer with these directions, each on its stream, all else untouched."""
    streams = [
        stream.lines
        if stream.is_disabled or stream.direction is directions[index]
        else (*_without_direction(stream.lines), f"a={directions[index].value}")
        for index, stream in enumerate(current.media)
    ]
    new = SessionDescription.of_sections(current.session_lines, streams)
    return revised(current, new)


def _without_direction(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line not in _DIRECTION_LINES]


_DIRECTION_LINES = frozenset(f"a={direction.value}" for direction in Direction)


def _removed(stream: MediaDescription) -> tuple[str, ...]:
    """The lines of a stream that is removed (8.2)."""
    line = f"m={stream.media} 0 {stream.protocol} {stream.formats[0]}"
    own = [line for line in stream.lines if line.startswith("c=")]
    return (line, *(own or [f"c={stream.connection}"]))
