"""What must hold in every world, one file for each concept.

An invariant is a `Watcher` of the ledger: it sees the messages at the caller's edge,
and reports what should not be. `ALL` lists them.
"""

from __future__ import annotations

from sipuac.testing.simulation.invariants.acknowledgement import Acknowledgement
from sipuac.testing.simulation.invariants.attendance import Attended
from sipuac.testing.simulation.invariants.base import Invariant, View
from sipuac.testing.simulation.invariants.bye import Bye
from sipuac.testing.simulation.invariants.cancel import Cancel
from sipuac.testing.simulation.invariants.ending import Ending
from sipuac.testing.simulation.invariants.exchange import OneExchange
from sipuac.testing.simulation.invariants.forgery import NobodyElse
from sipuac.testing.simulation.invariants.media import Media
from sipuac.testing.simulation.invariants.outcome import Outcome
from sipuac.testing.simulation.invariants.phones import NobodyLeftAlone
from sipuac.testing.simulation.invariants.reliability import Reliability
from sipuac.testing.simulation.invariants.repetition import Repetition
from sipuac.testing.simulation.invariants.replies import Replies
from sipuac.testing.simulation.invariants.sequence import Sequence
from sipuac.testing.simulation.invariants.standing import Standing

ALL: tuple[type[Invariant], ...] = (
    Acknowledgement,
    Bye,
    Cancel,
    OneExchange,
    Reliability,
    Replies,
    Sequence,
    Repetition,
    Standing,
    Attended,
    NobodyElse,
    Media,
    Outcome,
    NobodyLeftAlone,
    Ending,
)

__all__ = ["ALL", "Invariant", "View"]
