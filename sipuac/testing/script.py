"""What a scripted phone does with a call: a few steps, each with its time.

    Script(
        ring(0.1),
        early_media(0.4, reliable=True),
        answer(2.0),
        hang_up(after=5.0),
        on_cancel="answer",
    )

Times (`at`) are seconds since the INVITE came. Steps are values: make your own
`Respond` or `Ask` where no function here fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sipuac.syntax.message import REASON_PHRASES

#: Session description that the phone makes by itself: the answer to the offer it was
#: sent, or its own offer where it was sent none.
OWN_SDP = "own"
#: The same, held: what the phone sends of itself, and it receives nothing.
HELD_SDP = "held"

Headers = tuple[tuple[str, str], ...]

#: What the phone does about a CANCEL for a call that it has not answered:
#: "terminate": 200 to the CANCEL, 487 to the INVITE, as RFC 3261 section 9.2 says;
#: "answer": 200 to the CANCEL, and then 200 to the INVITE all the same;
#: "go on": 200 to the CANCEL, and the script goes on;
#: "ignore": nothing at all.
OnCancel = Literal["terminate", "answer", "go on", "ignore"]

#: What it does about a BYE on an early dialog: "terminate": 200 to the BYE, 487 to the
#: INVITE, as RFC 3261 section 15.1.2 says; "go on": 200, and the script goes on, so
#: that it may answer a dialog that was ended (an answer that crosses the BYE).
OnEarlyBye = Literal["terminate", "go on"]

DEFAULT_ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK", "INFO")


class Meeting:
    """Lets steps of several phones in one call happen at the same instant.

    Each step that is given the meeting waits for the others; when the last one is
    there, all happen one after the other, in the order of arrival, before anything else
    can. Nobody waits for a phone whose part in the call is over.

    Args:
        parties: How many phones meet.
    """

    def __init__(self, parties: int) -> None:
        self._parties = parties
        self._waiting: dict[str, dict[object, Callable[[], None]]] = {}

    def arrive(self, call_id: str, who: object, action: Callable[[], None]) -> None:
        """Do the action when everybody is there."""
        self._waiting.setdefault(call_id, {})[who] = action
        self._begin(call_id)

    def leave(self, call_id: str, who: object) -> None:
        """Wait no longer for this one; no harm where it was there already."""
        self._waiting.setdefault(call_id, {})[who] = _do_nothing
        self._begin(call_id)

    def _begin(self, call_id: str) -> None:
        if len(self._waiting[call_id]) >= self._parties:
            for action in self._waiting.pop(call_id).values():
                action()


def _do_nothing() -> None:
    """In place of what somebody who left would have done."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Send a response to the INVITE.

    Attributes:
        at: Seconds since the INVITE.
        status: 100 to 699.
        reason: Reason phrase; None: the usual one.
        sdp: Session description, `OWN_SDP`, or None for no body.
        is_reliable: Send a provisional response reliably (RFC 3262), asked or not.
        to_tag: None: the tag of this call; "": no To tag; else this tag, as of another
            phone behind a fork further on.
        has_contact: Whether dialog-making responses bear a Contact.
        headers: Further header fields.
        meeting: Wait there for others.
    """

    at: float
    status: int
    reason: str | None = None
    sdp: str | None = None
    is_reliable: bool = False
    to_tag: str | None = None
    has_contact: bool = True
    headers: Headers = ()
    meeting: Meeting | None = None

    @property
    def phrase(self) -> str:
        """The reason phrase."""
        return self.reason or REASON_PHRASES.get(self.status, "Unnamed")


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request inside a dialog of the call.

    Attributes:
        at: Seconds since the INVITE; or since the ACK, if `after_ack`.
        method: Its method; "CANCEL" for its own re-INVITE that waits.
        sdp: Session description to offer, `OWN_SDP`, `HELD_SDP` or None; after
            `HELD_SDP` the phone holds until it offers `OWN_SDP`.
        to_tag: Which dialog, by the To tag of its responses; None: this call's tag.
        headers: Further header fields.
        after_ack: Count from the ACK of the 2xx.
        may_retry: Whether a re-INVITE is tried once more, a second after a 491.
    """

    at: float
    method: str
    sdp: str | None = None
    to_tag: str | None = None
    headers: Headers = ()
    after_ack: bool = False
    may_retry: bool = True


@dataclass(frozen=True, slots=True)
class Vanish:
    """From now on send nothing in this call, and answer nothing.

    Attributes:
        at: Seconds since the INVITE.
    """

    at: float


Step = Respond | Ask | Vanish


@dataclass(frozen=True, slots=True, init=False)
class Script:
    """What a phone does with each call that it gets.

    Without steps it is dead to INVITEs: no response at all.

    Attributes:
        steps: What it does by itself.
        on_cancel: See `OnCancel`.
        on_early_bye: See `OnEarlyBye`.
        early_replies: Statuses that it answers requests inside an early dialog with, by
            method, in place of what it would do, which it then does not; None: silence.
        replies: The same once the dialog is answered.
        allow: Methods that it takes; the Allow of its responses, none where empty.
        headers: Header fields of every dialog-making response, such as Server.
        refresh_headers: Header fields of its 2xx to re-INVITE and UPDATE, such as
            Session-Expires.
        reinvite_delay: Seconds that it rings before it accepts a re-INVITE.
    """

    steps: tuple[Step, ...]
    on_cancel: OnCancel
    on_early_bye: OnEarlyBye
    early_replies: Mapping[str, int | None] = field(hash=False)
    replies: Mapping[str, int | None] = field(hash=False)
    allow: tuple[str, ...]
    headers: Headers
    refresh_headers: Headers
    reinvite_delay: float

    def __init__(
        self,
        *steps: Step,
        on_cancel: OnCancel = "terminate",
        on_early_bye: OnEarlyBye = "terminate",
        early_replies: Mapping[str, int | None] | None = None,
        replies: Mapping[str, int | None] | None = None,
        allow: Iterable[str] = DEFAULT_ALLOW,
        headers: Iterable[tuple[str, str]] = (),
        refresh_headers: Iterable[tuple[str, str]] = (),
        reinvite_delay: float = 0.0,
    ) -> None:
        set_field = object.__setattr__  # the way a frozen dataclass fills itself
        set_field(self, "steps", steps)
        set_field(self, "on_cancel", on_cancel)
        set_field(self, "on_early_bye", on_early_bye)
        set_field(self, "early_replies", dict(early_replies or {}))
        set_field(self, "replies", dict(replies or {}))
        set_field(self, "allow", tuple(allow))
        set_field(self, "headers", tuple(headers))
        set_field(self, "refresh_headers", tuple(refresh_headers))
        set_field(self, "reinvite_delay", reinvite_delay)


def trying(at: float = 0.0, *, to_tag: str = "") -> Respond:
    """100 Trying, oddly with a To tag if one is given."""
    return Respond(at, 100, to_tag=to_tag)


def ring(
    at: float = 0.0,
    status: int = 180,
    *,
    reliable: bool = False,
    to_tag: str | None = None,
    has_contact: bool = True,
    headers: Iterable[tuple[str, str]] = (),
) -> Respond:
    """A provisional response without session description; 180 Ringing by default."""
    return Respond(
        at,
        status,
        is_reliable=reliable,
        to_tag=to_tag,
        has_contact=has_contact,
        headers=tuple(headers),
    )


def early_media(
    at: float = 0.0,
    sdp: str = OWN_SDP,
    status: int = 183,
    *,
    reliable: bool = False,
    to_tag: str | None = None,
    has_contact: bool = True,
    headers: Iterable[tuple[str, str]] = (),
) -> Respond:
    """A provisional response with a session description; 183 by default."""
    return Respond(
        at,
        status,
        sdp=sdp,
        is_reliable=reliable,
        to_tag=to_tag,
        has_contact=has_contact,
        headers=tuple(headers),
    )


def early_dialog_ended(at: float, *, to_tag: str | None = None) -> Respond:
    """199 Early Dialog Terminated (RFC 6228), without Contact as proxies send it."""
    return Respond(at, 199, to_tag=to_tag, has_contact=False)


def answer(
    at: float = 0.0,
    sdp: str | None = OWN_SDP,
    *,
    to_tag: str | None = None,
    has_contact: bool = True,
    headers: Iterable[tuple[str, str]] = (),
    meeting: Meeting | None = None,
) -> Respond:
    """200 OK, repeated until its ACK comes.

    Answer twice with two of these, the second with a `to_tag` of its own.
    """
    return Respond(
        at,
        200,
        sdp=sdp,
        to_tag=to_tag,
        has_contact=has_contact,
        headers=tuple(headers),
        meeting=meeting,
    )


def reject(
    at: float = 0.0, status: int = 486, *, headers: Iterable[tuple[str, str]] = ()
) -> Respond:
    """A final response of 400 to 699; 486 Busy Here by default."""
    return Respond(at, status, has_contact=False, headers=tuple(headers))


def redirect(at: float, *contacts: str, status: int = 302) -> Respond:
    """A 3xx with these Contact values, such as `<sip:bob@192.0.2.9>;q=0.5`."""
    headers = tuple(("Contact", contact) for contact in contacts)
    return Respond(at, status, has_contact=False, headers=headers)


def ask(
    at: float,
    method: str,
    *,
    sdp: str | None = None,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    after_ack: bool = False,
) -> Ask:
    """A request of the phone inside its dialog, such as UPDATE or BYE."""
    return Ask(at, method, sdp, to_tag, tuple(headers), after_ack)


def hang_up(after: float) -> Ask:
    """BYE so many seconds after the ACK of the answer."""
    return Ask(after, "BYE", after_ack=True)


def vanish(at: float) -> Vanish:
    """From then on the phone is dead to this call."""
    return Vanish(at)
