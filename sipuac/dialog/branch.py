"""One branch of a forked INVITE: a dialog, and what became of it.

    early --BYE of ours--> ending --BYE answered--> gone
      |                      |                       |
      +----- 2xx, ACKed -----+-----------------------+
                             |
                             v
                          standing --BYE of ours--> releasing --BYE answered--> ended

A 199 is no final response (RFC 6228 section 7), and a BYE on an early dialog may cross
the 2xx: so neither of them keeps a 2xx from making the dialog confirmed. A branch whose
BYE is pending stays so whatever else happens, until that BYE is over (12.3).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from sipuac.dialog.dialog import Dialog, DialogState
from sipuac.dialog.fork_policy import BranchView
from sipuac.dialog.modification import UnderWay
from sipuac.dialog.reliable import ReliableOrder
from sipuac.dialog.session_state import SessionMachine, SessionState
from sipuac.dialog.session_timer import SessionTimer
from sipuac.machine import Ignored, Transitions, step
from sipuac.on_demand import OnDemand
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Exchange
from sipuac.syntax.message import Message


class BranchState(str, Enum):
    """See the diagram in the module."""

    EARLY = "early"
    """Provisional responses came, and no end."""
    ENDING = "ending"
    """Our BYE on the early dialog waits for its answer."""
    GONE = "gone"
    """The early dialog is over without a 2xx."""
    STANDING = "standing"
    """Its 2xx is acknowledged."""
    RELEASING = "releasing"
    """Our BYE after the 2xx waits for its answer."""
    ENDED = "ended"
    """Over."""


class BranchEvent(str, Enum):
    """What moves a branch."""

    CONFIRMED = "2xx acknowledged"
    BYE_SENT = "BYE sent"
    BYE_FINISHED = "BYE answered or failed"
    LOST = "199, BYE of the callee, final response or timeout"


class MediaState(str, Enum):
    """How far the media of a branch is with its answer."""

    NONE = "none"
    APPLYING = "applying"
    APPLIED = "applied"


def _stay(branch: Branch) -> list[None]:
    return []


def _confirm(branch: Branch) -> list[None]:
    branch.is_acked = True
    return []


def _terminate(branch: Branch) -> list[None]:
    branch.dialog.state = DialogState.TERMINATED
    return []


class Branch:
    """A dialog of the set.

    Attributes:
        tag: Its To tag, "" where it has none.
        number: Its place in the order in which the dialogs showed, from 1.
        order: Which of its reliable provisional responses are in order.
        exchange: What its session descriptions are: offer, answer or neither.
        owed: What waits for our answer to the callee's offer, to carry it: the RAck of
            a PRACK, or "ACK"; None where nothing does.
        remote: The callee's session description that counts; None so far.
        media: Whether the media has that answer.
        moved_from: The branch that had the media before this one.
        bye_number: Number of the BYE that counts; the result of an older one does not.
        is_bye_confirmed: Whether the callee answered a BYE of ours with 2xx.
        is_acked: Whether its 2xx came, and was acknowledged.
        is_unwanted: Whether a 2xx of it gets ACK and BYE, whatever else happens.
        allows_update: Whether the callee's last Allow names UPDATE.
        under_way: What changes the session of its call, and what waits to.
        timer: The session timer of its call; None before it has one.
        end_reason: Why we ended its call, where it was not the caller's wish.
        session: The session of its call; None where it has none.
        contact: The Contact field of its last response that had one.
        status: Status code of its last response; 0 before the first.
        fate: What became of it, in words.
        judged: An answer of the callee and why it does not fit our offer, None where it
            does; None where none was looked at.
    """

    __slots__ = (
        "_under_way",
        "allows_update",
        "bye_number",
        "contact",
        "dialog",
        "end_reason",
        "exchange",
        "fate",
        "is_acked",
        "is_bye_confirmed",
        "is_unwanted",
        "judged",
        "media",
        "moved_from",
        "number",
        "order",
        "owed",
        "remote",
        "session",
        "state",
        "status",
        "tag",
        "timer",
    )

    # fmt: off
    transitions: ClassVar[Transitions] = {
        BranchState.EARLY: {
            BranchEvent.CONFIRMED:    (BranchState.STANDING,  _confirm),
            BranchEvent.BYE_SENT:     (BranchState.ENDING,    _stay),
            BranchEvent.LOST:         (BranchState.GONE,      _terminate),
        },
        BranchState.ENDING: {
            BranchEvent.CONFIRMED:    (BranchState.STANDING,  _confirm),
            BranchEvent.BYE_FINISHED: (BranchState.GONE,      _terminate),
            BranchEvent.LOST:         (BranchState.ENDING,    _terminate),
        },
        BranchState.GONE: {
            BranchEvent.CONFIRMED:    (BranchState.STANDING,  _confirm),
        },
        BranchState.STANDING: {
            BranchEvent.BYE_SENT:     (BranchState.RELEASING, _stay),
            BranchEvent.LOST:         (BranchState.ENDED,     _terminate),
        },
        BranchState.RELEASING: {
            BranchEvent.BYE_FINISHED: (BranchState.ENDED,     _terminate),
            BranchEvent.LOST:         (BranchState.RELEASING, _terminate),
        },
        BranchState.ENDED: {},
    }

    ignored: ClassVar[Ignored] = {
        BranchState.EARLY: {
            (BranchEvent.BYE_FINISHED,): "No BYE was sent.",
        },
        BranchState.ENDING: {
            (BranchEvent.BYE_SENT,): "RFC 3261 15.1.1: its BYE is on its way.",
        },
        BranchState.GONE: {
            (BranchEvent.BYE_SENT,):
                "RFC 3261 15.1.1: no BYE outside of a dialog; the early one is over.",
            (BranchEvent.BYE_FINISHED,): "RFC 3261 15.1.1: its BYE is over.",
            (BranchEvent.LOST,): "RFC 3261 12.3: it is terminated already.",
        },
        BranchState.STANDING: {
            (BranchEvent.CONFIRMED,):
                "RFC 3261 13.2.2.4: a 2xx retransmission gets the same ACK, no more.",
            (BranchEvent.BYE_FINISHED,):
                "It is the BYE of the early dialog, which the 2xx has crossed.",
        },
        BranchState.RELEASING: {
            (BranchEvent.CONFIRMED,):
                "RFC 3261 13.2.2.4: a 2xx retransmission gets the same ACK, no more.",
            (BranchEvent.BYE_SENT,): "RFC 3261 15.1.1: its BYE is on its way.",
        },
        BranchState.ENDED: {
            (BranchEvent.CONFIRMED,):
                "RFC 3261 13.2.2.4: a 2xx retransmission gets the same ACK, no more.",
            (BranchEvent.BYE_SENT, BranchEvent.BYE_FINISHED, BranchEvent.LOST):
                "RFC 3261 12.3: it is terminated.",
        },
    }
    # fmt: on

    def __init__(
        self, tag: str, number: int, dialog: Dialog, exchange: Exchange
    ) -> None:
        self.tag = tag
        self.number = number
        self.dialog = dialog
        self.state = BranchState.EARLY
        self.order = ReliableOrder()
        self.exchange = exchange
        self.owed: str | None = None
        self.remote: SessionDescription | None = None
        self.media = MediaState.NONE
        self.moved_from: str | None = None
        self.session: SessionMachine | None = None
        self.bye_number = 0
        self.is_acked = False
        self.is_bye_confirmed = False
        self.is_unwanted = False
        self.allows_update = False
        self.timer: SessionTimer | None = None
        self.end_reason: str | None = None
        self.contact: str | None = None
        self.status = 0
        self.fate = "ringing"
        self.judged: tuple[SessionDescription, str | None] | None = None

    under_way = OnDemand(lambda branch: UnderWay())

    @property
    def is_changing(self) -> bool:
        """Whether its session was ever changed, or something waits to change it."""
        return Branch.under_way.made(self) is not None

    def handle(self, event: BranchEvent) -> None:
        """Move, where the event means something in this state."""
        step(self, event)

    def learn_allow(self, message: Message) -> None:
        """Note whether UPDATE may be sent, where the callee says what it takes."""
        if message.get("Allow") is not None:
            self.allows_update = message.has_token("Allow", "UPDATE")

    @property
    def owes_ack(self) -> bool:
        """Whether its ACK waits for our answer."""
        return self.owed == "ACK"

    @property
    def is_early(self) -> bool:
        """Whether it has neither a 2xx nor an end."""
        return self.state is BranchState.EARLY

    @property
    def is_resolved(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self.state in (BranchState.GONE, BranchState.ENDED)

    @property
    def can_be_left(self) -> bool:
        """Whether it is over, and may be begun anew where its 2xx comes after all."""
        if not self.is_resolved or self.owes_ack:
            return False
        return self.is_acked or self.dialog.has_sent_nothing

    @property
    def has_call(self) -> bool:
        """Whether its 2xx has become a call that is not over."""
        return self.state is BranchState.STANDING and self.session is not None

    @property
    def stands(self) -> bool:
        """Whether its call stands: both sides have both descriptions."""
        session = self.session
        if session is None or not self.has_call:
            return False
        return session.state is SessionState.ESTABLISHED

    def view(self, media_tag: str | None) -> BranchView:
        """What a fork policy may see."""
        return BranchView(
            self.tag, self.remote is not None, self.is_early, self.tag == media_tag
        )
