"""What happens to a call, as the values that everybody gets to see.

These are the bodies of the events: `ua/events.py` stamps them with the time, the
Call-ID and the From tag, and writes them as JSON. One class an event; the attributes
are the keys. `to_tag` names the branch: the To tag of the callee's dialog, "" where it
has none.
"""

from __future__ import annotations

from typing import ClassVar

from sipuac.values import value


@value(frozen=True, slots=True)
class Event:
    """Base of all events of a call."""

    event: ClassVar[str] = ""


@value(frozen=True, slots=True)
class InviteSent(Event):
    """The INVITE was handed to the transport."""

    event: ClassVar[str] = "invite-sent"


@value(frozen=True, slots=True)
class Trying(Event):
    """A 100 came: the next hop has the INVITE."""

    event: ClassVar[str] = "trying"


@value(frozen=True, slots=True)
class Provisional(Event):
    """A 101 to 199 came; `to_tag` is None where the response has none."""

    event: ClassVar[str] = "provisional"
    status: int
    reason: str
    to_tag: str | None
    reliable: bool


@value(frozen=True, slots=True)
class EarlyMedia(Event):
    """Media runs with this branch although nobody has answered yet."""

    event: ClassVar[str] = "early-media"
    to_tag: str


@value(frozen=True, slots=True)
class MediaMoved(Event):
    """The one media session now has the answer of this branch."""

    event: ClassVar[str] = "media-moved"
    to_tag: str
    from_branch: str


@value(frozen=True, slots=True)
class Forked(Event):
    """A further dialog of the INVITE showed, and this is what is done about it.

    Attributes:
        action: What the fork policy decided, such as "cancel-extra", "hold" or "leave".
        contact, record_route, server: Those fields of the dialog's response, so that
            one can tell who forked; None where it has none.
    """

    event: ClassVar[str] = "forked"
    to_tag: str
    action: str
    contact: str | None = None
    record_route: str | None = None
    server: str | None = None


@value(frozen=True, slots=True)
class Probe(Event):
    """The media dialog was asked whether it still lives; `result` once known."""

    event: ClassVar[str] = "probe"
    to_tag: str
    method: str
    result: str


@value(frozen=True, slots=True)
class ExtraEnded(Event):
    """A dialog that nobody wants was ended; `status` is the answer to our BYE.

    `status` is 0 where no answer came, and where no BYE could be sent.
    """

    event: ClassVar[str] = "extra-ended"
    to_tag: str
    by: str
    status: int


@value(frozen=True, slots=True)
class EarlyDialogEnded(Event):
    """An early dialog is over, and not by our BYE.

    `by` is "199", "BYE" (the callee's), "probe" (it was found dead), "final" or
    "timeout".
    """

    event: ClassVar[str] = "early-dialog-ended"
    to_tag: str
    by: str


@value(frozen=True, slots=True)
class Answered(Event):
    """A first 2xx of this branch came."""

    event: ClassVar[str] = "answered"
    status: int
    to_tag: str


@value(frozen=True, slots=True)
class Established(Event):
    """The call stands: ACK sent, media has both descriptions."""

    event: ClassVar[str] = "established"
    to_tag: str
    local_sdp: str
    remote_sdp: str


@value(frozen=True, slots=True)
class SessionModified(Event):
    """The session has changed; `by` is "local" or "remote", `method` what did it."""

    event: ClassVar[str] = "session-modified"
    to_tag: str
    by: str
    method: str
    local_sdp: str
    remote_sdp: str


@value(frozen=True, slots=True)
class ModificationFailed(Event):
    """A change of the session was refused or lost; the session is what it was.

    `status` is that of the response that said so, None where there was none.
    """

    event: ClassVar[str] = "modification-failed"
    to_tag: str
    by: str
    method: str
    status: int | None
    message: str


@value(frozen=True, slots=True)
class SessionRefreshed(Event):
    """The session goes on unchanged.

    `interval` is that of its session timer in seconds, None where it has none.
    """

    event: ClassVar[str] = "session-refreshed"
    to_tag: str
    by: str
    method: str
    interval: int | None


@value(frozen=True, slots=True)
class RequestReceived(Event):
    """The callee sent an INFO, MESSAGE or NOTIFY in its dialog."""

    event: ClassVar[str] = "request-received"
    to_tag: str
    method: str
    content_type: str | None


@value(frozen=True, slots=True)
class RedirectedTo(Event):
    """A 3xx came, with these URIs."""

    event: ClassVar[str] = "redirected"
    status: int
    contacts: tuple[str, ...]


@value(frozen=True, slots=True)
class Retrying(Event):
    """An INVITE failed, and another is sent in its place.

    Attributes:
        status: Of its final response; 408 or 503 where none came (RFC 3261 8.1.3.1).
        reason: The phrase of that response, or why none came.
        action: What is different this time.
    """

    event: ClassVar[str] = "retrying"
    status: int
    reason: str
    action: str


@value(frozen=True, slots=True)
class Cancelling(Event):
    """Our CANCEL is asked for, and sent as soon as the protocol allows."""

    event: ClassVar[str] = "cancelling"
    message: str


@value(frozen=True, slots=True)
class ProtocolWarning(Event):
    """The peer did something odd that we can live with."""

    event: ClassVar[str] = "warning"
    message: str
    to_tag: str | None = None


@value(frozen=True, slots=True)
class Ended(Event):
    """The established call is over; `duration` in seconds, None if it never stood."""

    event: ClassVar[str] = "ended"
    by: str
    duration: float | None = None
    reason: str | None = None
    to_tag: str | None = None


@value(frozen=True, slots=True)
class Failed(Event):
    """The call does not stand.

    Attributes:
        error: The name of the class in `sipuac.errors`.
        status: Of the final response; None where none came.
        message: Why, in words.
        retry_after: Seconds after which the final response says that a call has better
            chances; None where it does not.
    """

    event: ClassVar[str] = "failed"
    error: str
    status: int | None
    message: str
    retry_after: int | None = None
