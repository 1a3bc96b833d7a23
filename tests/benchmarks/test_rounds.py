"""The arithmetic of the benchmarks: rounds, ratios, goals and tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.calls import rows_of
from benchmarks.flame import shares
from benchmarks.forks import check
from benchmarks.orders import Order, Reply, Turn
from benchmarks.page import BEGIN, END, goals, page
from benchmarks.processes import LostCalls
from benchmarks.record import Record, rows_in
from benchmarks.rounds import percentile, ratio
from benchmarks.rows import Row, table


class RoundsTests(SynchronousTestCase):
    """Percentiles and ratios."""

    def test_a_percentile_is_a_value_that_was_measured(self) -> None:
        """99 of 100 values do not exceed the 99th percentile, and 98 are below it."""
        values = [float(value) for value in range(100, 0, -1)]
        self.assertEqual(percentile(values, 0.99), 99.0)
        self.assertEqual(percentile(values, 0.5), 50.0)
        self.assertEqual(percentile([7.0], 0.99), 7.0)
        self.assertRaises(ValueError, percentile, [], 0.5)

    def test_rounds_are_compared_one_by_one(self) -> None:
        """A slow round is slow for both: the median of ratios, not of figures."""
        self.assertEqual(ratio([10.0, 1.0, 6.0], [20.0, 2.0, 6.0]), 0.5)

    def test_rounds_of_unequal_number_are_a_mistake(self) -> None:
        """There is no ratio of rounds that do not belong together."""
        self.assertRaises(ValueError, ratio, [1.0], [1.0, 2.0])


class RowTests(SynchronousTestCase):
    """What a row says."""

    def test_a_goal_is_to_be_reached(self) -> None:
        """Speeds should be as high as their goal."""
        row = Row("calls", "sippy", "/s", [10.0], [2.0], goal=5)
        self.assertEqual((row.measured, row.is_reached), (5.0, True))
        self.assertIn("≥ 5", row.cells())

    def test_a_limit_is_not_to_be_exceeded(self) -> None:
        """Costs should be no higher than their goal, and what is missed is said."""
        row = Row("memory", "", "KiB", [7.0], goal=6, is_limit=True)
        self.assertIs(row.is_reached, False)
        self.assertIn("7.00 KiB (missed)", row.cells())

    def test_without_goal_nothing_is_missed(self) -> None:
        """A figure for information is neither."""
        self.assertIsNone(Row("memory", "", "KiB", [7.0]).is_reached)

    def test_the_table_is_one_of_restructured_text(self) -> None:
        """Columns are as wide as their widest cell, between rules."""
        lines = table([Row("a", "b", "ms", [1.0]), Row("long name", "", "ms", [2.0])])
        rule, head, second, first_row, second_row, last = lines.splitlines()
        self.assertEqual(rule, second)
        self.assertEqual(rule, last)
        self.assertTrue(head.startswith("what       against"))
        self.assertTrue(first_row.startswith("a          b"))
        self.assertTrue(second_row.startswith("long name"))


def _reply(speed: float) -> Reply:
    return {"calls_per_second": speed, "cpu_ms_per_call": 1000 / speed}


class CallRowTests(SynchronousTestCase):
    """Calls against the floor and the better of the peers."""

    def test_the_goal_is_against_the_better_peer(self) -> None:
        """Five times the better of sippy and aiosipua, a quarter of the floor."""
        rounds = {
            "sipuac": [_reply(50.0)],
            "floor": [_reply(100.0)],
            "sippy": [_reply(5.0)],
            "aiosipua": [_reply(10.0)],
        }
        rows = list(rows_of(50, rounds, ["sippy", "aiosipua"]))
        goals = {row.against.split()[0]: row.goal for row in rows if row.against}
        self.assertEqual(goals, {"floor": 0.25, "sippy": None, "aiosipua": 5.0})
        self.assertEqual([row.measured for row in rows[:3]], [0.5, 10.0, 5.0])
        self.assertEqual(rows[0].cpu, 0.5)

    def test_the_callee_must_have_seen_it_all(self) -> None:
        """A call without its BYE, or a message at the wrong phone, is no call."""
        counts = {"invites": 2, "acks": 2, "byes": 2, "probes": 2, "extra byes": 2}
        check(counts, 2, is_forked=True)
        for wrong in ({"byes": 1}, {"extra byes": 1}, {"wrong": 1}):
            self.assertRaises(LostCalls, check, counts | wrong, 2, is_forked=True)


class _LateCaller:
    """Answers at once what it is told to, and nothing else."""

    def __init__(self, fails: bool = False) -> None:
        self.placed = 0
        self._fails = fails

    def place(self, turn: Turn, token: float) -> None:
        """See `Caller`."""
        self.placed += 1
        if self._fails:
            turn.failed("busy")

    def hang_up(self, call: object, turn: Turn) -> None:
        """See `Caller`."""
        turn.ended()


class TurnTests(SynchronousTestCase):
    """What a process counts."""

    def setUp(self) -> None:
        """Nothing is done yet."""
        self.replies: list[Reply] = []
        self.later: list[Callable[[], None]] = []

    def _turn(self, order: Order, caller: _LateCaller) -> Turn:
        turn = Turn(
            order,
            caller,
            lambda seconds, function: self.later.append(function),
            self.replies.append,
        )
        turn.begin()
        return turn

    def test_no_more_than_the_window_are_under_way(self) -> None:
        """The next call is placed when one has ended, until all have been."""
        caller = _LateCaller()
        turn = self._turn(Order("dial", calls=3, window=2), caller)
        self.assertEqual(caller.placed, 2)
        for _ in range(3):
            turn.answered("call", 0.0)
        self.assertEqual(caller.placed, 3)
        self.assertEqual([reply["calls"] for reply in self.replies], [3])

    def test_calls_that_fail_are_told(self) -> None:
        """They are neither counted as calls nor waited for."""
        self._turn(Order("dial", calls=5, window=2), _LateCaller(fails=True))
        (reply,) = self.replies
        self.assertEqual((reply["calls"], reply["failed"]), (0, 5))

    def test_calls_that_never_end_are_lost(self) -> None:
        """When nothing has happened for a while, what is left is lost."""
        turn = self._turn(Order("dial", calls=2, window=2), _LateCaller())
        turn.answered("call", 0.0)
        self.later.pop(0)()
        self.assertEqual(self.replies, [])
        self.later.pop(0)()
        (reply,) = self.replies
        self.assertEqual((reply["calls"], reply["lost"]), (1, 1))

    def test_calls_that_are_held_get_no_bye(self) -> None:
        """They stand, and the next is placed."""
        turn = self._turn(Order("hold", calls=2, window=1), _LateCaller())
        turn.answered("first", 0.0)
        turn.answered("second", 0.0)
        self.assertEqual(turn.held, ["first", "second"])
        self.assertEqual(self.replies[0]["calls"], 2)


class PageTests(SynchronousTestCase):
    """The page of the documentation."""

    def test_the_tables_are_replaced(self) -> None:
        """What is between the marks is written anew, and the rest stays."""
        text = f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n"
        once = page(text, ["new", "tables"])
        self.assertEqual(
            once, f"before\n\n{BEGIN}\n\nnew\n\ntables\n\n{END}\n\nafter\n"
        )
        self.assertEqual(page(once, ["new", "tables"]), once)
        self.assertRaises(ValueError, page, "no marks", [])

    def test_goals(self) -> None:
        """Each row with a goal is there, with the command that measures it."""
        rows = {
            "memory": [Row("dialog", "", "KiB", [7.0], goal=6, is_limit=True)],
            "calls": [
                Row("calls", "floor", "/s", [2.0], [4.0], goal=0.25),
                Row("calls", "sippy", "/s", [2.0], [4.0]),
            ],
        }
        lines = goals(rows).splitlines()[3:-1]
        self.assertEqual(
            [line.split() for line in lines],
            [
                ["calls,", "against", "floor", "≥", "0.25", "0.50", "calls"],
                ["dialog", "≤", "6", "KiB", "7.00", "KiB", "(missed)", "memory"],
            ],
        )


class ShareTests(SynchronousTestCase):
    """Who takes the time."""

    def test_shares(self) -> None:
        """The last frame of a stack is the one whose time it was."""
        stacks = [
            "main (benchmarks/caller.py:1);go (sipuac/ua/endpoint.py:2) 30",
            "main (benchmarks/caller.py:1);run (twisted/internet/base.py:3) 10",
            "go (/usr/lib/sipuac/ua/inviter.py:2) 40",
            "main (benchmarks/caller.py:1);<lambda> (<string>:3) 20",
        ]
        self.assertEqual(
            shares(stacks),
            [("sipuac/ua", 0.7), ("all else", 0.2), ("twisted/internet", 0.1)],
        )


class RecordTests(SynchronousTestCase):
    """The file of what was measured."""

    def test_what_is_measured_again_is_replaced(self) -> None:
        """And the rest stays as it was."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "measured.json"
            for name, figure in (("calls", 1.0), ("forks", 2.0), ("calls", 3.0)):
                record = Record(name, is_short=True)
                record.rows = [Row(name, "", "/s", [figure])]
                record.note(name, "sipuac", 0, {"seconds": figure})
                record.save(file)
            rows = rows_in(file)
            self.assertEqual(rows["calls"][0].measured, 3.0)
            self.assertEqual(rows["forks"][0].measured, 2.0)
            (raw,) = json.loads(file.read_text())["calls"]["rounds"]
        self.assertEqual((raw["who"], raw["seconds"]), ("sipuac", 3.0))
