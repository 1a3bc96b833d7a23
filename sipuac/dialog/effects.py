"""What the dialogs of one INVITE can ask of the world.

Beside these they use `StartTimer` and `StopTimer` of `sipuac.effects`. A branch is
named by its To tag, "" where it has none. `ua/dialog_set_driver.py` performs them, in
order.
"""

from __future__ import annotations

from sipuac.dialog.events import Event
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import SipError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import Uri
from sipuac.values import value


@value(frozen=True, slots=True)
class SendAck:
    """Send the ACK of this branch's 2xx, straight to the transport.

    Of a 2xx to a re-INVITE where its CSeq number is given.
    """

    branch: str
    ack: Request
    next_hop: Uri
    cseq: int | None = None


@value(frozen=True, slots=True)
class RepeatAck:
    """Send the very ACK of this branch again: its 2xx was retransmitted.

    `cseq` is as of `SendAck`.
    """

    branch: str
    cseq: int | None = None


@value(frozen=True, slots=True)
class ForgetAck:
    """The 2xx to the re-INVITE with this CSeq number will not come again."""

    branch: str
    cseq: int


@value(frozen=True, slots=True)
class SendInDialog:
    """Send a request in this branch's dialog, after all that was sent in it before.

    Its final response, or why there is none, goes to `DialogSet.request_finished` with
    the number given here.
    """

    branch: str
    number: int
    request: Request
    next_hop: Uri


@value(frozen=True, slots=True)
class SendReInvite:
    """Send a re-INVITE in this branch's dialog, after all that was sent in it before.

    Each response goes to `DialogSet.reinvite_response` with the number given here, and
    why there is none to `DialogSet.reinvite_failed`.
    """

    branch: str
    number: int
    request: Request
    next_hop: Uri


@value(frozen=True, slots=True)
class CancelReInvite:
    """Send a CANCEL of the re-INVITE with this number."""

    number: int


@value(frozen=True, slots=True)
class AbandonReInvite:
    """End the transaction of the re-INVITE with this number: no answer will come."""

    number: int


@value(frozen=True, slots=True)
class SendCancel:
    """Send the one CANCEL of the INVITE, with these fields added."""

    headers: tuple[tuple[str, str], ...]


@value(frozen=True, slots=True)
class AbandonInvite:
    """End the INVITE transaction: no final response came to its CANCEL (9.1)."""


@value(frozen=True, slots=True)
class Reply:
    """Answer the peer's request; a 2xx to an INVITE is sent again by another one."""

    request: Request
    response: Response


@value(frozen=True, slots=True)
class ApplyAnswer:
    """Give this answer to the media of this branch, opening it where it is not open.

    The outcome goes to `DialogSet.media_applied` or `media_refused`.
    """

    branch: str
    answer: SessionDescription


@value(frozen=True, slots=True)
class MakeAnswer:
    """Ask the media of this branch for its answer to the callee's offer.

    It is opened where it is not open. The outcome goes to `DialogSet.answer_made` or
    `media_refused`.
    """

    branch: str
    offer: SessionDescription


@value(frozen=True, slots=True)
class ReplaceAnswer:
    """Give this answer to the media of this branch in place of the one it has.

    The outcome goes to `DialogSet.media_applied` or `media_refused`.
    """

    branch: str
    answer: SessionDescription


@value(frozen=True, slots=True)
class MoveMedia:
    """Give the open media session of one branch to another one, with its answer.

    The outcome goes to `media_applied` or `media_refused` of the new branch.
    """

    from_branch: str
    branch: str
    answer: SessionDescription


@value(frozen=True, slots=True)
class MakeOffer:
    """Ask the open media of this branch for a new offer, held or not.

    The outcome goes to `DialogSet.offer_made` or `media_refused`; then follows
    `ApplyAnswer` or `Rollback`.
    """

    branch: str
    is_held: bool


@value(frozen=True, slots=True)
class MakeFreshOffer:
    """Ask for an offer as of a new call, for a branch whose media is not open.

    As `MakeOffer`; the answer opens it.
    """

    branch: str


@value(frozen=True, slots=True)
class Rollback:
    """The media of this branch goes back to the last completed exchange (RFC 6141).

    What it works on is given up. No harm where nothing was changed since.
    """

    branch: str


@value(frozen=True, slots=True)
class CloseMedia:
    """Stop and free the media of this branch."""

    branch: str


@value(frozen=True, slots=True)
class Report:
    """Tell the observers."""

    event: Event


@value(frozen=True, slots=True)
class Progress:
    """Hand a provisional response to the delegate."""

    response: Response


@value(frozen=True, slots=True)
class Take:
    """This 2xx is the one whose call is taken; a further one under `keep-all`."""

    branch: str
    response: Response


@value(frozen=True, slots=True)
class Establish:
    """The call of this branch stands: media has both descriptions.

    `remote` is the callee's: its answer, or its offer. `local` is ours where it is not
    that of the first exchange.
    """

    branch: str
    remote: SessionDescription
    local: SessionDescription | None = None


@value(frozen=True, slots=True)
class Modified:
    """The session of this branch has other descriptions now, from whichever side."""

    branch: str
    local: SessionDescription
    remote: SessionDescription
    is_held: bool


@value(frozen=True, slots=True)
class DeliverRequest:
    """Hand a request of the peer, which is answered, to the delegate."""

    branch: str
    request: Request


@value(frozen=True, slots=True)
class RequestDone:
    """What the application asked for with this token is done, or is not to be had."""

    token: int
    result: Response | SipError | None


@value(frozen=True, slots=True)
class EndSession:
    """The call of this branch is over; `by` is "local" or "remote"."""

    branch: str
    by: str
    reason: str | None = None


@value(frozen=True, slots=True)
class FailInvite:
    """The attempt has failed; the response is the one that said so, if any."""

    error: SipError
    response: Response | None = None


@value(frozen=True, slots=True)
class Resolved:
    """Every branch that is known has met its fate, for now."""


@value(frozen=True, slots=True)
class Forget:
    """Nothing more is expected: no call stands, and no 2xx can come any more."""


Effect = (
    StartTimer
    | StopTimer
    | SendAck
    | RepeatAck
    | ForgetAck
    | SendInDialog
    | SendReInvite
    | CancelReInvite
    | AbandonReInvite
    | SendCancel
    | AbandonInvite
    | Reply
    | ApplyAnswer
    | MakeAnswer
    | ReplaceAnswer
    | MoveMedia
    | MakeOffer
    | MakeFreshOffer
    | Rollback
    | CloseMedia
    | Report
    | Progress
    | Take
    | Establish
    | Modified
    | DeliverRequest
    | RequestDone
    | EndSession
    | FailInvite
    | Resolved
    | Forget
)
