"""The offer/answer model in one place: make and check answers and offers (RFC 3264).

Each name lives in a module of its own; this one is what other layers import from. All
are pure functions of descriptions. Which message may carry an offer or an answer is the
other half of the model, in `sipuac.sdp.exchange`.
"""

from __future__ import annotations

from sipuac.sdp.answers import answer_to, refusing_answer
from sipuac.sdp.checks import check_answer, check_revision, check_streams
from sipuac.sdp.difference import difference
from sipuac.sdp.offers import (
    held,
    is_holding,
    next_offer,
    plain_audio_offer,
    resumed,
    revised,
)

__all__ = [
    "answer_to",
    "check_answer",
    "check_revision",
    "check_streams",
    "difference",
    "held",
    "is_holding",
    "next_offer",
    "plain_audio_offer",
    "refusing_answer",
    "resumed",
    "revised",
]
