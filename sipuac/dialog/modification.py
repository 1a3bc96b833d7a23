"""What changes the session of a confirmed dialog: one attempt of ours or of the peer.

An attempt of ours:

    making --offer made--> sent --2xx, ACKed--> applying --applied--> over
      ^                      |
      +---- time is up ---- waiting <-- 491, or 500 with Retry-After

and one of the peer: the media makes its answer, or the offer where the peer has made
none; then our 2xx to an INVITE waits for its ACK, which may bring the answer that the
media then applies. At most one of each kind is under way in a dialog at a time.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from sipuac.dialog.reliable import ReliableOrder
from sipuac.dialog.session_interval import Agreed
from sipuac.machine import Ignored, Transitions, step
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Agreement
from sipuac.syntax.message import Request, Response
from sipuac.values import value


class Purpose(str, Enum):
    """What a modification of ours is for."""

    MODIFY = "modify"
    """The application wants it: a new offer, perhaps held."""
    REFRESH = "refresh"
    """The application wants the session refreshed, and nothing changed."""
    SESSION_TIMER = "session timer"
    """The session timer wants the same (RFC 4028)."""
    RESTORE = "restore"
    """The peer had carried out changes that failed in the end (RFC 6141 3.4)."""
    ADOPT = "adopt"
    """A 2xx was acknowledged that the media could not take: a fresh offer."""


@value(frozen=True, slots=True)
class Wish:
    """A modification of ours that is to be made.

    Attributes:
        purpose: What it is for.
        token: Names what the application asked for; None where it asked nothing.
        is_held: Whether we hold the session from then on; None for as it is.
        may_wait: Whether it is tried once more where it crosses one of the peer.
    """

    purpose: Purpose
    token: int | None = None
    is_held: bool | None = None
    may_wait: bool = True


class Stage(str, Enum):
    """How far a modification of ours is; see the module."""

    BEGINNING = "beginning"
    MAKING = "making"
    SENT = "sent"
    APPLYING = "applying"
    WAITING = "waiting"
    OVER = "over"


class Event(str, Enum):
    """What moves a modification of ours."""

    OFFER_WANTED = "the media is to make the offer"
    SENT = "the request is out"
    ACCEPTED = "2xx with an answer for the media"
    OTHER_ANSWER = "2xx with a new answer to the old offer"
    WAIT = "491, or 500 with Retry-After"
    AGAIN = "once more, otherwise"
    FINISHED = "done or failed"


def _nothing(modification: OwnModification) -> list[None]:
    """The stage alone matters; who changes it says what else happens."""
    return []


class OwnModification:
    """A modification of ours that is under way.

    Attributes:
        stage: How far it is.
        wish: What is wanted.
        method: "INVITE" or "UPDATE", which has no offer.
        number: The number of its UPDATE; 0 where there is none.
        offer: What it offers; None for none.
        answer: What the peer has answered; None so far.
        before: The exchange that was in force when it began; None for none.
        has_asked_media: Whether the media has made an offer for it.
        is_answered_early: Whether a reliable provisional response brought the answer.
        raises: How many 422 it has followed.
        order: Which of its reliable provisional responses are in order.
    """

    __slots__ = (
        "answer",
        "before",
        "has_asked_media",
        "is_answered_early",
        "method",
        "number",
        "offer",
        "order",
        "raises",
        "stage",
        "wish",
    )

    # fmt: off
    transitions: ClassVar[Transitions] = {
        Stage.BEGINNING: {
            Event.OFFER_WANTED: (Stage.MAKING,    _nothing),
            Event.SENT:         (Stage.SENT,      _nothing),
            Event.FINISHED:     (Stage.OVER,      _nothing),
        },
        Stage.MAKING: {
            Event.SENT:         (Stage.SENT,      _nothing),
            Event.ACCEPTED:     (Stage.APPLYING,  _nothing),
            Event.FINISHED:     (Stage.OVER,      _nothing),
        },
        Stage.SENT: {
            Event.ACCEPTED:     (Stage.APPLYING,  _nothing),
            Event.OTHER_ANSWER: (Stage.MAKING,    _nothing),
            Event.WAIT:         (Stage.WAITING,   _nothing),
            Event.AGAIN:        (Stage.BEGINNING, _nothing),
            Event.FINISHED:     (Stage.OVER,      _nothing),
        },
        Stage.APPLYING: {
            Event.FINISHED:     (Stage.OVER,      _nothing),
        },
        Stage.WAITING: {
            Event.AGAIN:        (Stage.BEGINNING, _nothing),
            Event.FINISHED:     (Stage.OVER,      _nothing),
        },
        Stage.OVER: {},
    }

    ignored: ClassVar[Ignored] = {
        Stage.BEGINNING: {
            (Event.ACCEPTED, Event.OTHER_ANSWER, Event.WAIT):
                "No request is out that could be answered.",
            (Event.AGAIN,): "It is about to be tried.",
        },
        Stage.MAKING: {
            (Event.OFFER_WANTED, Event.OTHER_ANSWER):
                "The media works on one offer at a time.",
            (Event.WAIT, Event.AGAIN):
                "RFC 3261 14.1: no request is out that could be refused.",
        },
        Stage.SENT: {
            (Event.OFFER_WANTED,): "RFC 3264 4: an offer is open.",
            (Event.SENT,):
                "RFC 3261 14.1: no new INVITE \"while another INVITE transaction is in "
                "progress in either direction\".",
        },
        Stage.APPLYING: {
            (Event.OFFER_WANTED, Event.SENT):
                "The media works on the answer: what comes next waits for its turn.",
            (Event.ACCEPTED, Event.OTHER_ANSWER, Event.WAIT, Event.AGAIN):
                "RFC 3261 17.1.1: its INVITE has had its one final response.",
        },
        Stage.WAITING: {
            (Event.OFFER_WANTED, Event.SENT):
                "RFC 3261 14.1: after a 491 it is tried again when its timer fires.",
            (Event.ACCEPTED, Event.OTHER_ANSWER, Event.WAIT):
                "No request is out that could be answered.",
        },
        Stage.OVER: {
            (
                Event.OFFER_WANTED, Event.SENT, Event.ACCEPTED, Event.OTHER_ANSWER,
                Event.WAIT, Event.AGAIN, Event.FINISHED,
            ):
                "Whoever asked for it has been told how it ended.",
        },
    }
    # fmt: on

    def __init__(self, wish: Wish) -> None:
        self.stage = Stage.BEGINNING
        self.wish = wish
        self.raises = 0
        self.begin("INVITE", None)

    @property
    def state(self) -> Stage:
        """The stage, as `sipuac.machine` calls it."""
        return self.stage

    @state.setter
    def state(self, stage: Stage) -> None:
        self.stage = stage

    @property
    def is_in_the_way(self) -> bool:
        """Whether an INVITE or an offer of the peer would cross it."""
        is_idle = self.stage in (Stage.BEGINNING, Stage.WAITING)
        return self.method == "INVITE" and not is_idle

    def begin(self, method: str, before: Agreement | None) -> None:
        """Forget what an earlier try has brought."""
        self.method = method
        self.before = before
        self.number = 0
        self.offer: SessionDescription | None = None
        self.answer: SessionDescription | None = None
        self.has_asked_media = False
        self.is_answered_early = False
        self.order = ReliableOrder()

    def handle(self, event: Event) -> None:
        """Move, where the event means something at this stage."""
        step(self, event)


class PeerStage(str, Enum):
    """How far a modification of the peer is."""

    MAKING = "making"
    """The media makes its answer, or the offer."""
    ANSWERED = "answered"
    """Our 2xx to its INVITE waits for the ACK."""
    APPLYING = "applying"
    """The ACK has come; the media applies the answer in it."""


class PeerModification:
    """An INVITE or UPDATE of the peer that is under way.

    Attributes:
        request: The request.
        offer: What the peer offers; None where we make the offer.
        agreed: What our 2xx says of the session timer; None where nothing runs.
        own_offer: What we offered; None where the peer makes the offer.
        response: Our 2xx; None before it.
        interval: Seconds between this 2xx and the next one.
        before: The exchange that was in force when it came.
    """

    __slots__ = (
        "agreed",
        "before",
        "interval",
        "offer",
        "own_offer",
        "request",
        "response",
        "stage",
    )

    def __init__(
        self,
        request: Request,
        offer: SessionDescription | None,
        agreed: Agreed | None,
        before: Agreement | None,
        interval: float,
    ) -> None:
        self.request = request
        self.offer = offer
        self.agreed = agreed
        self.before = before
        self.interval = interval
        self.stage = PeerStage.MAKING
        self.own_offer: SessionDescription | None = None
        self.response: Response | None = None


class UnderWay:
    """What changes the session of one dialog, and what waits to.

    Attributes:
        wishes: Modifications of ours that wait for their turn.
        own: The one of ours that is under way.
        peer_invite: The peer's re-INVITE without final response, or without ACK.
        peer_update: The peer's UPDATE with an offer that is not answered.
        last_sent: The last description that we sent in the dialog since it was
            confirmed, offer or answer, agreed or not; None for none.
        is_held: Whether we hold the session.
    """

    __slots__ = (
        "is_held",
        "last_sent",
        "own",
        "peer_invite",
        "peer_update",
        "wishes",
    )

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.own: OwnModification | None = None
        self.peer_invite: PeerModification | None = None
        self.peer_update: PeerModification | None = None
        self.last_sent: SessionDescription | None = None
        self.is_held = False
