"""The six patterns of RFC 6337 section 2.2 as a transition table.

The table knows nothing of who is who: INVITE, PRACK and ACK come from the inviter, the
responses from the other side, and UPDATE from either. `sipuac.sdp.exchange` runs it,
checks the sides and keeps the descriptions.

PRACK here means the PRACK of the response that carried the description. One that
acknowledges another response, and so has nothing to do with the model, may be told or
not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sipuac.machine import Ignored


class Carrier(str, Enum):
    """The messages that can carry a session description."""

    INVITE = "INVITE"
    PROVISIONAL = "unreliable 1xx"
    RELIABLE = "reliable 1xx"
    FINAL = "2xx"
    ACK = "ACK"
    PRACK = "PRACK"
    PRACK_OK = "2xx to PRACK"
    UPDATE = "UPDATE"
    UPDATE_OK = "2xx to UPDATE"


class Role(str, Enum):
    """What a message means to the offer/answer model."""

    NOTHING = "nothing"  # no description, and none was due
    OFFER = "offer"
    ANSWER = "answer"
    PREVIEW = "preview"  # of the answer, in an unreliable response (RFC 6337 3.1.1)
    IGNORED = "ignored"  # a description that is neither offer nor answer


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of table 1 of RFC 6337.

    Attributes:
        is_initial: May make the session.
        is_established: May change an established session.
        is_early: May change the session of an early dialog.
    """

    number: int
    offer: Carrier
    answer: Carrier
    is_initial: bool
    is_established: bool
    is_early: bool


PATTERNS = (
    Pattern(1, Carrier.INVITE, Carrier.FINAL, True, True, False),
    Pattern(2, Carrier.FINAL, Carrier.ACK, True, True, False),
    Pattern(3, Carrier.INVITE, Carrier.RELIABLE, True, True, False),
    Pattern(4, Carrier.RELIABLE, Carrier.PRACK, True, True, False),
    Pattern(5, Carrier.PRACK, Carrier.PRACK_OK, False, True, True),
    Pattern(6, Carrier.UPDATE, Carrier.UPDATE_OK, False, True, True),
)


class State(str, Enum):
    """How far the dialog has come.

    `EARLY` and `STABLE` have a session and nothing open; `IDLE` has neither.
    """

    IDLE = "Idle"
    INVITED = "Invited"  # an INVITE without offer is out
    OFFERED = "Offered"  # an INVITE with the offer is out
    PREVIEWED = "Previewed"  # and an unreliable response previewed the answer
    OFFERED_1XX = "Offered in 1xx"  # PRACK must answer
    OFFERED_EARLIER = "Offered in 1xx, acknowledged"  # the same, after a hasty 2xx
    ANSWERED_PRACK = "Answered in PRACK"  # its 2xx is due
    ANSWERED_1XX = "Answered in 1xx"  # its PRACK is due, and may offer
    PRACKED = "Acknowledged"  # the 2xx of that PRACK is due
    OFFERED_PRACK = "Offered in PRACK"  # its 2xx must answer
    EARLY = "Early"  # the INVITE is open, its exchange is done
    EARLY_UPDATE = "Updating early"
    OFFERED_2XX = "Offered in 2xx"  # ACK must answer
    LATE_PRACK = "Answer to PRACK late"  # the 2xx to INVITE overtook that to PRACK
    STABLE = "Stable"
    UPDATE = "Updating"


class Event(str, Enum):
    """A message, with a description (`_SDP`) or without, or a failed request."""

    INVITE = "INVITE"
    INVITE_SDP = "INVITE with SDP"
    PROVISIONAL = "1xx"
    PROVISIONAL_SDP = "1xx with SDP"
    RELIABLE = "reliable 1xx"
    RELIABLE_SDP = "reliable 1xx with SDP"
    FINAL = "2xx"
    FINAL_SDP = "2xx with SDP"
    ACK = "ACK"
    ACK_SDP = "ACK with SDP"
    PRACK = "PRACK"
    PRACK_SDP = "PRACK with SDP"
    PRACK_OK = "2xx to PRACK"
    PRACK_OK_SDP = "2xx to PRACK with SDP"
    PRACK_FAILED = "PRACK failed"
    UPDATE_SDP = "UPDATE with SDP"
    UPDATE_OK = "2xx to UPDATE"
    UPDATE_OK_SDP = "2xx to UPDATE with SDP"
    UPDATE_FAILED = "UPDATE failed"
    INVITE_FAILED = "INVITE failed"
    REINVITE_FAILED = "re-INVITE failed"


S, E, R = State, Event, Role

# An INVITE has one exchange in its own messages: "No other offer/answer exchanges can
# occur within the messages (other responses and ACK) of the INVITE transaction" (RFC
# 6337 3.1.1), so what comes after is ignored. PRACK and 2xx to INVITE can cross.
_Row = dict[Event, tuple[State, Role]]

_FAILURES: _Row = {
    E.INVITE_FAILED: (S.IDLE, R.NOTHING),
    E.REINVITE_FAILED: (S.STABLE, R.NOTHING),
}


def _unchanged(state: State) -> _Row:
    """What means nothing in this state: the rows that change nothing."""
    return {
        E.PROVISIONAL: (state, R.NOTHING),
        E.PROVISIONAL_SDP: (state, R.IGNORED),
        E.RELIABLE: (state, R.NOTHING),
        E.RELIABLE_SDP: (state, R.IGNORED),
        E.PRACK: (state, R.NOTHING),
        E.PRACK_OK: (state, R.NOTHING),
        E.PRACK_FAILED: (state, R.NOTHING),
    }


# fmt: off
transitions: dict[State, _Row] = {
    S.IDLE: {
        E.INVITE:          (S.INVITED,        R.NOTHING),
        E.INVITE_SDP:      (S.OFFERED,        R.OFFER),
    },
    S.INVITED: {
        **_FAILURES,
        **_unchanged(S.INVITED),
        E.RELIABLE_SDP:    (S.OFFERED_1XX,    R.OFFER),
        E.FINAL_SDP:       (S.OFFERED_2XX,    R.OFFER),
    },
    S.OFFERED: {
        **_FAILURES,
        **_unchanged(S.OFFERED),
        E.PROVISIONAL_SDP: (S.PREVIEWED,      R.PREVIEW),
        E.RELIABLE_SDP:    (S.ANSWERED_1XX,   R.ANSWER),
        E.FINAL_SDP:       (S.STABLE,         R.ANSWER),
    },
    S.PREVIEWED: {
        **_FAILURES,
        **_unchanged(S.PREVIEWED),
        E.RELIABLE_SDP:    (S.ANSWERED_1XX,   R.ANSWER),
        # RFC 3261 13.2.1: the UAC "MUST treat the first session description it receives
        # as the answer", so a 2xx that does not repeat it leaves nothing open.
        E.FINAL:           (S.STABLE,         R.NOTHING),
        E.FINAL_SDP:       (S.STABLE,         R.ANSWER),
    },
    S.OFFERED_1XX: {
        **_FAILURES,
        E.PROVISIONAL:     (S.OFFERED_1XX,    R.NOTHING),
        E.PROVISIONAL_SDP: (S.OFFERED_1XX,    R.IGNORED),
        E.RELIABLE:        (S.OFFERED_1XX,    R.NOTHING),
        E.RELIABLE_SDP:    (S.OFFERED_1XX,    R.IGNORED),
        E.PRACK_SDP:       (S.ANSWERED_PRACK, R.ANSWER),
        # Of a 2xx that must not have come yet: RFC 3261 13.2.2.4 wants it acknowledged
        # all the same, and the answer still goes into PRACK.
        E.ACK:             (S.OFFERED_EARLIER, R.NOTHING),
    },
    S.OFFERED_EARLIER: {
        E.ACK:             (S.OFFERED_EARLIER, R.NOTHING),
        E.PRACK_SDP:       (S.STABLE,         R.ANSWER),
    },
    S.ANSWERED_PRACK: {
        **_FAILURES,
        **_unchanged(S.ANSWERED_PRACK),
        E.PRACK_OK:        (S.EARLY,          R.NOTHING),
        E.PRACK_OK_SDP:    (S.EARLY,          R.IGNORED),
        E.PRACK_FAILED:    (S.EARLY,          R.NOTHING),
        E.FINAL:           (S.STABLE,         R.NOTHING),
        E.FINAL_SDP:       (S.STABLE,         R.IGNORED),
    },
    S.ANSWERED_1XX: {
        **_FAILURES,
        **_unchanged(S.ANSWERED_1XX),
        E.PRACK:           (S.PRACKED,        R.NOTHING),
        E.PRACK_SDP:       (S.OFFERED_PRACK,  R.OFFER),
        E.FINAL:           (S.STABLE,         R.NOTHING),
        E.FINAL_SDP:       (S.STABLE,         R.IGNORED),
    },
    S.PRACKED: {
        **_FAILURES,
        **_unchanged(S.PRACKED),
        E.PRACK_OK:        (S.EARLY,          R.NOTHING),
        E.PRACK_OK_SDP:    (S.EARLY,          R.IGNORED),
        E.PRACK_FAILED:    (S.EARLY,          R.NOTHING),
        E.FINAL:           (S.STABLE,         R.NOTHING),
        E.FINAL_SDP:       (S.STABLE,         R.IGNORED),
    },
    S.OFFERED_PRACK: {
        **_FAILURES,
        E.PROVISIONAL:     (S.OFFERED_PRACK,  R.NOTHING),
        E.PROVISIONAL_SDP: (S.OFFERED_PRACK,  R.IGNORED),
        E.RELIABLE:        (S.OFFERED_PRACK,  R.NOTHING),
        E.RELIABLE_SDP:    (S.OFFERED_PRACK,  R.IGNORED),
        E.PRACK_OK_SDP:    (S.EARLY,          R.ANSWER),
        # RFC 6337 2.3: after a 488 the UAC "may send again a PRACK request without an
        # offer".
        E.PRACK_FAILED:    (S.ANSWERED_1XX,   R.NOTHING),
        E.FINAL:           (S.LATE_PRACK,     R.NOTHING),
        E.FINAL_SDP:       (S.LATE_PRACK,     R.IGNORED),
    },
    S.EARLY: {
        **_FAILURES,
        **_unchanged(S.EARLY),
        E.FINAL:           (S.STABLE,         R.NOTHING),
        E.FINAL_SDP:       (S.STABLE,         R.IGNORED),
        E.UPDATE_SDP:      (S.EARLY_UPDATE,   R.OFFER),
    },
    S.EARLY_UPDATE: {
        **_FAILURES,
        **_unchanged(S.EARLY_UPDATE),
        E.UPDATE_OK_SDP:   (S.EARLY,          R.ANSWER),
        E.UPDATE_FAILED:   (S.EARLY,          R.NOTHING),
        E.FINAL:           (S.UPDATE,         R.NOTHING),
        E.FINAL_SDP:       (S.UPDATE,         R.IGNORED),
    },
    S.OFFERED_2XX: {
        E.PROVISIONAL:     (S.OFFERED_2XX,    R.NOTHING),
        E.PROVISIONAL_SDP: (S.OFFERED_2XX,    R.IGNORED),
        E.ACK_SDP:         (S.STABLE,         R.ANSWER),
    },
    S.LATE_PRACK: {
        E.ACK:             (S.LATE_PRACK,     R.NOTHING),
        E.PRACK_OK_SDP:    (S.STABLE,         R.ANSWER),
        E.PRACK_FAILED:    (S.STABLE,         R.NOTHING),
    },
    S.STABLE: {
        **_unchanged(S.STABLE),
        E.ACK:             (S.STABLE,         R.NOTHING),
        E.INVITE:          (S.INVITED,        R.NOTHING),
        E.INVITE_SDP:      (S.OFFERED,        R.OFFER),
        E.UPDATE_SDP:      (S.UPDATE,         R.OFFER),
    },
    S.UPDATE: {
        **_unchanged(S.UPDATE),
        E.ACK:             (S.UPDATE,         R.NOTHING),
        E.UPDATE_OK_SDP:   (S.STABLE,         R.ANSWER),
        E.UPDATE_FAILED:   (S.STABLE,         R.NOTHING),
    },
}
# fmt: on

#: States in which an offer waits for its answer.
OPEN_STATES = frozenset(
    {
        S.OFFERED,
        S.PREVIEWED,
        S.OFFERED_1XX,
        S.OFFERED_EARLIER,
        S.OFFERED_PRACK,
        S.LATE_PRACK,
        S.OFFERED_2XX,
        S.EARLY_UPDATE,
        S.UPDATE,
    }
)

#: States in which an UPDATE with an offer is under way.
UPDATING_STATES = frozenset({S.EARLY_UPDATE, S.UPDATE})

#: Why a message without a row is refused: states (None for any), rule and reason, of
#: which the first that fits counts.
RULES: dict[Event, tuple[tuple[frozenset[State] | None, str, str], ...]] = {
    E.INVITE: ((None, "RFC 6337 4.3", "an INVITE or UPDATE is under way"),),
    E.INVITE_SDP: (
        (OPEN_STATES, "RFC 3264 4", "an offer is open"),
        (None, "RFC 6337 4.3", "an INVITE or UPDATE is under way"),
    ),
    E.FINAL: (
        (
            frozenset({S.INVITED, S.OFFERED}),
            "RFC 3261 13.2.1",
            "it leaves the exchange of the INVITE open",
        ),
        (frozenset({S.OFFERED_1XX}), "RFC 3262 3", "the PRACK must come before it"),
    ),
    E.FINAL_SDP: (
        (frozenset({S.OFFERED_1XX}), "RFC 3262 3", "the PRACK must come before it"),
    ),
    E.ACK: (
        (frozenset({S.OFFERED_2XX}), "RFC 3261 13.2.2.4", "it must carry the answer"),
    ),
    E.PRACK: (
        (
            frozenset({S.OFFERED_1XX, S.OFFERED_EARLIER}),
            "RFC 3262 5",
            "it must carry the answer",
        ),
        (frozenset({S.OFFERED_PRACK, S.LATE_PRACK}), "RFC 3262 5", "one is pending"),
    ),
    E.PRACK_SDP: (
        (frozenset({S.PREVIEWED}), "RFC 6337 3.1.1", "the answer is only previewed"),
        (OPEN_STATES, "RFC 3264 4", "an offer is open"),
        (
            None,
            "RFC 6337 2.2",
            "PRACK may offer only where it acknowledges the answer before",
        ),
    ),
    E.PRACK_OK: (
        (
            frozenset({S.OFFERED_PRACK, S.LATE_PRACK}),
            "RFC 3262 5",
            "it must carry the answer",
        ),
    ),
    E.UPDATE_SDP: (
        (frozenset({S.IDLE}), "RFC 3311 5.1", "there is no session to update"),
        (frozenset({S.PREVIEWED}), "RFC 6337 3.1.1", "the answer is only previewed"),
        (OPEN_STATES, "RFC 3264 4", "an offer is open"),
        (None, "RFC 6337 4.3", "an INVITE or PRACK of an exchange is under way"),
    ),
    E.UPDATE_OK: ((UPDATING_STATES, "RFC 3311 5.2", "it must carry the answer"),),
}

_ACKS = (E.ACK, E.ACK_SDP)
_END_OF_PRACK = (E.PRACK_OK, E.PRACK_OK_SDP, E.PRACK_FAILED)
_END_OF_UPDATE = (E.UPDATE_OK, E.UPDATE_OK_SDP, E.UPDATE_FAILED)
_END_OF_INVITE = (E.FINAL, E.FINAL_SDP, E.INVITE_FAILED, E.REINVITE_FAILED)
_UNRELIABLE = (E.PROVISIONAL, E.PROVISIONAL_SDP)
_RELIABLE = (E.RELIABLE, E.RELIABLE_SDP)

_NO_INVITE = "RFC 3261 13.2.1: there is no INVITE that it could belong to."
_NO_2XX = "RFC 3261 13.2.2.4: there is no 2xx that it could acknowledge."
_NO_OFFER = "RFC 3264 4: there is no offer that it could answer."
_NO_UPDATE = "RFC 3311 5.2: no UPDATE with an offer is under way."
_NO_PRACK = "RFC 3262 4: no PRACK of the exchange is under way."
_ENDED = "RFC 3261 17.2.1: the INVITE has its final response."

#: Why the messages that no rule names have no row. A description or a 2xx is refused
#: there as none of the six patterns; what carries none, or a failure, means nothing.
ignored: Ignored = {
    S.IDLE: {
        (*_UNRELIABLE, *_RELIABLE, *_END_OF_INVITE, *_ACKS): _NO_INVITE,
        (E.PRACK, *_END_OF_PRACK): _NO_INVITE,
        _END_OF_UPDATE: _NO_UPDATE,
    },
    **{
        state: {
            _ACKS: _NO_2XX,
            (E.PRACK_OK_SDP,): _NO_OFFER,
            _END_OF_UPDATE: _NO_UPDATE,
        }
        for state in (S.INVITED, S.OFFERED, S.PREVIEWED, S.ANSWERED_1XX, S.EARLY)
    },
    **{
        state: {_ACKS: _NO_2XX, _END_OF_UPDATE: _NO_UPDATE}
        for state in (S.ANSWERED_PRACK, S.PRACKED, S.OFFERED_PRACK)
    },
    S.OFFERED_1XX: {
        (E.ACK_SDP,): "RFC 3262 5: the answer goes into PRACK.",
        _END_OF_PRACK: _NO_PRACK,
        _END_OF_UPDATE: _NO_UPDATE,
    },
    S.OFFERED_EARLIER: {
        (*_UNRELIABLE, *_RELIABLE, *_END_OF_INVITE): _ENDED,
        (E.ACK_SDP,): "RFC 3262 5: the answer goes into PRACK.",
        _END_OF_PRACK: _NO_PRACK,
        _END_OF_UPDATE: _NO_UPDATE,
    },
    S.EARLY_UPDATE: {_ACKS: _NO_2XX, (E.PRACK_OK_SDP,): _NO_OFFER},
    S.OFFERED_2XX: {
        (*_RELIABLE, *_END_OF_INVITE): _ENDED,
        (E.PRACK, *_END_OF_PRACK): _NO_PRACK,
        _END_OF_UPDATE: _NO_UPDATE,
    },
    S.LATE_PRACK: {
        (*_UNRELIABLE, *_RELIABLE, *_END_OF_INVITE): _ENDED,
        (E.ACK_SDP,): "RFC 3264 4: the offer is in PRACK, and its 2xx answers.",
        _END_OF_UPDATE: _NO_UPDATE,
    },
    S.STABLE: {
        _END_OF_INVITE: _ENDED,
        (E.ACK_SDP, E.PRACK_OK_SDP): _NO_OFFER,
        _END_OF_UPDATE: _NO_UPDATE,
    },
    S.UPDATE: {
        _END_OF_INVITE: _ENDED,
        (E.ACK_SDP, E.PRACK_OK_SDP): _NO_OFFER,
    },
}
