"""Tests of `sipuac.machine`."""

from __future__ import annotations

from enum import Enum

from twisted.trial.unittest import SynchronousTestCase

from sipuac.machine import Transitions, step


class _Door(str, Enum):
    OPEN = "Open"
    SHUT = "Shut"


class _Hand(str, Enum):
    PUSH = "Push"
    KNOCK = "Knock"


class _House:
    __slots__ = ("seen", "state")

    def __init__(self) -> None:
        self.state = _Door.OPEN
        self.seen: list[object] = []

    def _shut(self, *arguments: object) -> list[str]:
        self.seen += [self.state, *arguments]
        return ["bang", "silence"]

    def _break(self) -> list[str]:
        raise ValueError("the hinge is broken")

    transitions: Transitions = {
        _Door.OPEN: {
            _Hand.PUSH: (_Door.SHUT, _shut),
            _Hand.KNOCK: (_Door.SHUT, _break),
        },
        _Door.SHUT: {},
    }


class StepTests(SynchronousTestCase):
    """`step` does what the table says and nothing else."""

    def test_row(self) -> None:
        """A row names the next state, and its action the effects, in order."""
        house = _House()
        self.assertEqual(step(house, _Hand.PUSH), ["bang", "silence"])
        self.assertIs(house.state, _Door.SHUT)

    def test_no_row(self) -> None:
        """No row means that the event is ignored in that state."""
        house = _House()
        house.state = _Door.SHUT
        self.assertEqual(step(house, _Hand.PUSH), [])
        self.assertIs(house.state, _Door.SHUT)
        self.assertEqual(house.seen, [])

    def test_unknown_event(self) -> None:
        """An event that the machine has never heard of is ignored like any other."""
        house = _House()
        self.assertEqual(step(house, "Kick"), [])
        self.assertIs(house.state, _Door.OPEN)

    def test_arguments(self) -> None:
        """An action gets what came with the event, and sees the state before it."""
        house = _House()
        step(house, _Hand.PUSH, "hard", 2)
        self.assertEqual(house.seen, [_Door.OPEN, "hard", 2])

    def test_failing_action(self) -> None:
        """An action that raises leaves the machine where it was."""
        house = _House()
        self.assertRaises(ValueError, step, house, _Hand.KNOCK)
        self.assertIs(house.state, _Door.OPEN)
