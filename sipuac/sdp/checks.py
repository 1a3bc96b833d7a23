"""Checking answers and later offers of the peer (RFC 3264 sections 6 to 8).

There are two measures, because the model tells the answerer what it must do and not the
offerer what to do about one who does not. `check_streams` finds what makes an answer
useless: streams that cannot be told apart, or without a format in common.
    `check_answer`
finds every departure.
"""

from __future__ import annotations

from sipuac.errors import NegotiationError
from sipuac.sdp.description import MediaDescription, SessionDescription


def check_answer(offer: SessionDescription, answer: SessionDescription) -> None:
    """Refuse an answer that breaks any rule of the offer/answer model.

    Raises:
        NegotiationError: The first fault found; its `rule` says where it is forbidden.
    """
    check_streams(offer, answer)
    if answer.times != offer.times:
        raise NegotiationError("t= differs from that of the offer", "RFC 3264 6")
    if answer.lines != offer.lines and answer.origin == offer.origin:
        raise NegotiationError("the answer has the o= of the offer", "RFC 3264 6")
    for index, (offered, answered) in enumerate(
        zip(offer.media, answer.media, strict=True), 1
    ):
        if not offered.is_disabled and not answered.is_disabled:
            _check_accepted(f"stream {index}", offered, answered)


def check_streams(offer: SessionDescription, answer: SessionDescription) -> None:
    """Refuse an answer whose streams cannot be used with those of the offer.

    Raises:
        NegotiationError: As for `check_answer`.
    """
    if len(answer.media) != len(offer.media):
        raise NegotiationError(
            f"{len(answer.media)} streams in answer to {len(offer.media)}", "RFC 3264 6"
        )
    for index, (offered, answered) in enumerate(
        zip(offer.media, answer.media, strict=True), 1
    ):
        if answered.media != offered.media:
            raise NegotiationError(
                f"stream {index} is {answered.media} instead of {offered.media}",
                "RFC 3264 6.1",
            )
        if answered.is_disabled:
            continue
        if offered.is_disabled:
            raise NegotiationError(
                f"stream {index} has port {answered.port} in answer to port 0",
                "RFC 3264 8.2",
            )
        if not _has_common_format(offered, answered):
            raise NegotiationError(
                f"stream {index} has no format of the offer", "RFC 3264 6.1"
            )


def check_revision(previous: SessionDescription, new: SessionDescription) -> None:
    """Refuse a description that cannot follow the last one of the same sender (8).

    Raises:
        NegotiationError: The first fault found.
    """
    if not new.origin.is_same_session(previous.origin):
        raise NegotiationError("o= differs in more than its version", "RFC 3264 8")
    raised = new.origin.version - previous.origin.version
    if raised == 0 and new.lines != previous.lines:
        raise NegotiationError("another description in the same version", "RFC 3264 8")
    if raised not in (0, 1):
        raise NegotiationError(f"the version in o= went by {raised}", "RFC 3264 8")
    if len(new.media) < len(previous.media):
        raise NegotiationError(
            f"{len(new.media)} streams after {len(previous.media)}", "RFC 3264 8"
        )
    for index, (before, now) in enumerate(
        zip(previous.media, new.media, strict=False), 1
    ):
        check_formats(index, before, now)


def check_formats(index: int, before: MediaDescription, now: MediaDescription) -> None:
    """Refuse a payload type that has got another meaning in its stream (8.3.2).

    Raises:
        NegotiationError: Naming the payload type.
    """
    for payload_type in now.formats:
        if not keeps_meaning(before, now, payload_type):
            old, new = before.encoding(payload_type), now.encoding(payload_type)
            raise NegotiationError(
                f"payload type {payload_type} of stream {index} was {old} and is {new}",
                "RFC 3264 8.3.2",
            )


def keeps_meaning(
    before: MediaDescription, now: MediaDescription, payload_type: str
) -> bool:
    """Whether a payload type of a stream is what it was, or was nothing (8.3.2)."""
    if before.media != now.media:  # another stream in the slot (8.3.3)
        return True
    old, new = before.encoding(payload_type), now.encoding(payload_type)
    return old is None or new is None or old.is_same(new)


def _has_common_format(offered: MediaDescription, answered: MediaDescription) -> bool:
    """Whether the answer has a format of the offer, by whatever payload type."""
    keys = {offered.format_key(format) for format in offered.formats}
    if any(answered.format_key(format) in keys for format in answered.formats):
        return True
    # An answer without rtpmap can only mean the numbers of the offer.
    numbers = set(offered.formats)
    return any(
        format in numbers and answered.encoding(format) is None
        for format in answered.formats
    )


def _check_accepted(
    name: str, offered: MediaDescription, answered: MediaDescription
) -> None:
    """Refuse a stream that is taken, but not as it may be (6.1, 6.2)."""
    if answered.protocol.upper() != offered.protocol.upper():
        raise NegotiationError(
            f"{name} has {answered.protocol} instead of {offered.protocol}",
            "RFC 3264 6",
        )
    for payload_type in answered.formats:
        if answered.is_rtp and answered.encoding(payload_type) is None:
            raise NegotiationError(
                f"{name} has no rtpmap for {payload_type}", "RFC 3264 6.1"
            )
    if offered.connection.is_multicast:
        _check_multicast(name, offered, answered)
        return
    if answered.connection.is_multicast:
        raise NegotiationError(f"{name} is answered by multicast", "RFC 3264 6.1")
    allowed = offered.direction.mirrored
    given = answered.direction
    if (given.sends and not allowed.sends) or (given.receives and not allowed.receives):
        raise NegotiationError(
            f"{name} is {given.value} in answer to {offered.direction.value}",
            "RFC 3264 6.1",
        )


def _check_multicast(
    name: str, offered: MediaDescription, answered: MediaDescription
) -> None:
    """All who take part in a multicast stream have one view of it (6.2)."""
    if (answered.connection, answered.port) != (offered.connection, offered.port):
        raise NegotiationError(f"{name} has another multicast address", "RFC 3264 6.2")
    if answered.direction is not offered.direction:
        raise NegotiationError(f"{name} has another direction", "RFC 3264 6.2")
    keys = {offered.format_key(format) for format in offered.formats}
    if not keys.issuperset(answered.format_key(f) for f in answered.formats):
        raise NegotiationError(f"{name} has formats not offered", "RFC 3264 6.2")


def is_refused(description: SessionDescription) -> bool:
    """Whether every stream is refused, and there is one."""
    return bool(description.media) and all(m.is_disabled for m in description.media)
