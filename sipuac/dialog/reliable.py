"""The order of reliable provisional responses in one dialog (RFC 3262 section 4).

Each early dialog of an INVITE has a `ReliableOrder` of its own, and so has each
re-INVITE: "the RSeq numbering space is within a single transaction" (section 3), and
forks count each for itself. Sending the PRACK, and what is in it, are its user's.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from sipuac.errors import ParseError
from sipuac.machine import Ignored, Transitions, step
from sipuac.syntax.fields import RAck
from sipuac.syntax.message import Response


class Verdict(str, Enum):
    """What to do with a provisional response."""

    UNRELIABLE = "unreliable"
    """It asks for no PRACK: process it as RFC 3261 says."""
    IN_ORDER = "in order"
    """Acknowledge it, and process it."""
    REPEATED = "repeated"
    """It has its PRACK: discard it."""
    OUT_OF_ORDER = "out of order"
    """Neither acknowledge nor process it; it comes again after those before it."""
    LATE = "late"
    """The final response was first: discard it."""
    MALFORMED = "malformed"
    """It has no RSeq from 1 to 2**32-1, so no PRACK can name it: discard it."""


class State(str, Enum):
    """How far the dialog has come."""

    NONE = "None"  # nothing reliable came
    COUNTING = "Counting"  # the number of the last one in order is kept
    OVER = "Over"  # the final response came, or the early dialog has ended


class Event(str, Enum):
    """What moves it: a reliable response, by its number, or the end."""

    FIRST = "RSeq, and none before it"
    NEXT = "RSeq one higher than the last one"
    KNOWN = "RSeq from the first to the last one"
    OTHER = "RSeq lower or more than one higher"
    FINAL = "final response"


def is_reliable(response: Response) -> bool:
    """Whether this response asks for PRACK.

    "If the response is a 100 (Trying) (as opposed to 101 to 199), this option tag MUST
    be ignored" (section 4). RSeq without the option tag means nothing.

    Raises:
        ParseError: CSeq is unreadable.
    """
    return (
        100 < response.status < 200
        and response.has_token("Require", "100rel")
        and response.cseq.method == "INVITE"
    )


def rack_of(response: Response) -> RAck:
    """The RAck of the PRACK for this response (section 7.2).

    Raises:
        ParseError: It has no RSeq, or one of its numbers is unreadable.
    """
    rseq = response.rseq
    if rseq is None:
        raise ParseError("a reliable provisional response without RSeq")
    return RAck(rseq, response.cseq.number, response.cseq.method)


class ReliableOrder:
    """Which reliable provisional responses of one dialog are in order.

    Those that come too early are discarded, not kept: the callee sends them again.
    After the final response all are discarded: section 4 leaves the choice ("MAY
    acknowledge ... or MAY discard them"), and nothing in them could still matter.

    Attributes:
        state: See `State`.
        last: RSeq of the last response in order; None before the first.
    """

    __slots__ = ("_first", "last", "state")

    def __init__(self) -> None:
        self.state = State.NONE
        self.last: int | None = None
        self._first = 0

    def judge(self, response: Response) -> Verdict:
        """Say what to do with a provisional response of this dialog, and count it.

        Never raises for what a response can hold.
        """
        try:
            if not is_reliable(response):
                return Verdict.UNRELIABLE
            rseq = rack_of(response).rseq
        except ParseError:
            return Verdict.MALFORMED
        verdicts: list[Verdict] = step(self, self._event_of(rseq), rseq)
        return verdicts[0]

    def finish(self) -> None:
        """The final response came, or the early dialog has ended."""
        step(self, Event.FINAL)

    def _event_of(self, rseq: int) -> Event:
        if self.last is None:
            return Event.FIRST
        if rseq == self.last + 1:
            return Event.NEXT
        return Event.KNOWN if self._first <= rseq <= self.last else Event.OTHER

    def _begin(self, rseq: int) -> list[Verdict]:
        self._first = rseq
        return self._count(rseq)

    def _count(self, rseq: int) -> list[Verdict]:
        self.last = rseq
        return [Verdict.IN_ORDER]

    def _discard_copy(self, rseq: int) -> list[Verdict]:
        return [Verdict.REPEATED]

    def _discard_early(self, rseq: int) -> list[Verdict]:
        return [Verdict.OUT_OF_ORDER]

    def _discard_late(self, rseq: int) -> list[Verdict]:
        return [Verdict.LATE]

    def _stop(self) -> list[Verdict]:
        return []

    # fmt: off
    transitions: ClassVar[Transitions] = {
        State.NONE: {
            Event.FIRST: (State.COUNTING, _begin),
            Event.FINAL: (State.OVER,     _stop),
        },
        State.COUNTING: {
            Event.NEXT:  (State.COUNTING, _count),
            Event.KNOWN: (State.COUNTING, _discard_copy),
            Event.OTHER: (State.COUNTING, _discard_early),
            Event.FINAL: (State.OVER,     _stop),
        },
        State.OVER: {
            Event.FIRST: (State.OVER,     _discard_late),
            Event.NEXT:  (State.OVER,     _discard_late),
            Event.KNOWN: (State.OVER,     _discard_late),
            Event.OTHER: (State.OVER,     _discard_late),
        },
    }

    ignored: ClassVar[Ignored] = {
        State.NONE: {
            (Event.NEXT, Event.KNOWN, Event.OTHER):
                "RFC 3262 4: the number \"MUST be initialized to the RSeq header field "
                "in the first reliable provisional response received\".",
        },
        State.COUNTING: {
            (Event.FIRST,): "RFC 3262 4: there is one first.",
        },
        State.OVER: {
            (Event.FINAL,): "RFC 3261 17.1.1: a transaction has one end.",
        },
    }
    # fmt: on
