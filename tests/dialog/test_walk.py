"""Every machine of this layer is walked: each state reachable, each can end."""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.branch import Branch, BranchEvent, BranchState
from sipuac.dialog.dialog import Dialog, DialogState
from sipuac.dialog.session_state import SessionEvent, SessionMachine, SessionState
from sipuac.sdp.exchange import Exchange
from tests.dialog.messages import invite


def reachable(table: Any, start: Enum) -> set[Enum]:
    """Every state that the table leads to from one."""
    seen, pending = {start}, [start]
    while pending:
        for state, _ in table[pending.pop()].values():
            if state not in seen:
                seen.add(state)
                pending.append(state)
    return seen


class WalkTests(SynchronousTestCase):
    """Both tables have the same duties."""

    machines: tuple[tuple[Any, type[Enum], type[Enum], Enum], ...] = (
        (Branch.transitions, BranchState, BranchEvent, BranchState.EARLY),
        (
            SessionMachine.transitions,
            SessionState,
            SessionEvent,
            SessionState.INITIAL,
        ),
    )
    last = (BranchState.ENDED, SessionState.TERMINATED)

    def test_every_state_has_rows_and_is_reachable(self) -> None:
        """Each state stands in its table and can be come to."""
        for table, states, _, first in self.machines:
            self.assertEqual(set(table), set(states))
            self.assertEqual(reachable(table, first), set(states))

    def test_every_event_has_a_row(self) -> None:
        """No event is without meaning everywhere."""
        for table, _, events, _ in self.machines:
            self.assertEqual({e for rows in table.values() for e in rows}, set(events))

    def test_every_state_can_end(self) -> None:
        """From each state the last one can be come to, and nothing leaves that."""
        for (table, states, _, _), last in zip(self.machines, self.last, strict=True):
            for state in states:
                self.assertIn(last, reachable(table, state))
            self.assertEqual(table[last], {})

    def test_branch_walk(self) -> None:
        """Each row of a branch leads where it says; its dialog's state keeps true."""
        over = (BranchState.GONE, BranchState.ENDED)
        for state, rows in Branch.transitions.items():
            for event in BranchEvent:
                branch = Branch("a", 1, Dialog(invite(), "a"), Exchange())
                branch.state = BranchState(state)
                branch.handle(event)
                expected = rows[event][0] if event in rows else state
                self.assertEqual(branch.state, expected)
                if event in rows and branch.state in over:
                    self.assertEqual(branch.dialog.state, DialogState.TERMINATED)
                confirmed = event is BranchEvent.CONFIRMED and event in rows
                self.assertEqual(branch.is_acked, confirmed)

    def test_a_branch_is_confirmed_once(self) -> None:
        """Only before its 2xx can a 2xx confirm it."""
        for state, rows in Branch.transitions.items():
            before = (BranchState.EARLY, BranchState.ENDING, BranchState.GONE)
            self.assertEqual(BranchEvent.CONFIRMED in rows, state in before)

    def test_session_walk(self) -> None:
        """Each row of a session leads where it says."""
        for state, rows in SessionMachine.transitions.items():
            for event in SessionEvent:
                session = SessionMachine(SessionState(state))
                session.handle(event)
                expected = rows[event][0] if event in rows else state
                self.assertEqual(session.state, expected)
