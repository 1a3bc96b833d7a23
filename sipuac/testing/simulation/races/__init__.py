"""Which races really happened: one that never did proves nothing."""

from __future__ import annotations

from sipuac.testing.simulation.races.answers import AnswerRaces
from sipuac.testing.simulation.races.base import RaceCounter
from sipuac.testing.simulation.races.faults import FaultRaces
from sipuac.testing.simulation.races.sessions import SessionRaces

COUNTERS: tuple[type[RaceCounter], ...] = (AnswerRaces, SessionRaces, FaultRaces)

# Names of the races, all of which should occur in a long run.
RACES = tuple(name for kind in COUNTERS for name in kind.names)

__all__ = ["COUNTERS", "RACES", "RaceCounter"]
