"""What the dialogs of one INVITE can ask of the world.

Beside these they use `StartTimer` and `StopTimer` of `sipuac.effects`. A branch is
named by its To tag, "" where it has none. `ua/dialog_set_driver.py` performs them, in
order.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipuac.dialog.events import Event
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import SipError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import Uri


@dataclass(frozen=True, slots=True)
class SendAck:
    """Send the ACK of this branch's 2xx, straight to the transport."""

    branch: str
    ack: Request
    next_hop: Uri


@dataclass(frozen=True, slots=True)
class RepeatAck:
    """Send the very ACK of this branch again: its 2xx was retransmitted."""

    branch: str


@dataclass(frozen=True, slots=True)
class SendInDialog:
    """Send a request in this branch's dialog, after all that was sent in it before.

    Its final response, or why there is none, goes to `DialogSet.request_finished` with
    the number given here.
    """

    branch: str
    number: int
    request: Request
    next_hop: Uri


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Send the one CANCEL of the INVITE, with these fields added."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AbandonInvite:
    """End the INVITE transaction: no final response came to its CANCEL (9.1)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the peer's request."""

    request: Request
    response: Response


@dataclass(frozen=True, slots=True)
class ApplyAnswer:
    """Give this answer to the media of this branch, opening it first.

    The outcome goes to `DialogSet.media_applied` or `media_refused`.
    """

    branch: str
    answer: SessionDescription


@dataclass(frozen=True, slots=True)
class MakeAnswer:
    """Ask the media of this branch for its answer to the callee's offer.

    It is opened first. The outcome goes to `DialogSet.answer_made` or `media_refused`.
    """

    branch: str
    offer: SessionDescription


@dataclass(frozen=True, slots=True)
class ReplaceAnswer:
    """Give this answer to the media of this branch in place of the one it has.

    The outcome goes to `DialogSet.media_applied` or `media_refused`.
    """

    branch: str
    answer: SessionDescription


@dataclass(frozen=True, slots=True)
class MoveMedia:
    """Give the open media session of one branch to another one, with its answer.

    The outcome goes to `media_applied` or `media_refused` of the new branch.
    """

    from_branch: str
    branch: str
    answer: SessionDescription


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Stop and free the media of this branch."""

    branch: str


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the observers."""

    event: Event


@dataclass(frozen=True, slots=True)
class Progress:
    """Hand a provisional response to the delegate."""

    response: Response


@dataclass(frozen=True, slots=True)
class Take:
    """This 2xx is the one whose call is taken; a further one under `keep-all`."""

    branch: str
    response: Response


@dataclass(frozen=True, slots=True)
class Establish:
    """The call of this branch stands: media has both descriptions.

    `remote` is the callee's: its answer, or its offer.
    """

    branch: str
    remote: SessionDescription


@dataclass(frozen=True, slots=True)
class EndSession:
    """The call of this branch is over; `by` is "local" or "remote"."""

    branch: str
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FailInvite:
    """The attempt has failed; the response is the one that said so, if any."""

    error: SipError
    response: Response | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Every branch that is known has met its fate, for now."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing more is expected: no call stands, and no 2xx can come any more."""


Effect = (
    StartTimer
    | StopTimer
    | SendAck
    | RepeatAck
    | SendInDialog
    | SendCancel
    | AbandonInvite
    | Reply
    | ApplyAnswer
    | MakeAnswer
    | ReplaceAnswer
    | MoveMedia
    | CloseMedia
    | Report
    | Progress
    | Take
    | Establish
    | EndSession
    | FailInvite
    | Resolved
    | Forget
)
