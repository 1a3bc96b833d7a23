"""Tests of the order of reliable provisional responses."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.reliable import (
    Event,
    ReliableOrder,
    State,
    Verdict,
    is_reliable,
    rack_of,
)
from sipuac.errors import ParseError
from sipuac.syntax.fields import RAck
from sipuac.syntax.message import Response

LAST = 2**32 - 1


def provisional(
    rseq: int | str | None = None,
    *,
    status: int = 183,
    require: str | None = "100rel",
    cseq: str = "1 INVITE",
) -> Response:
    """A provisional response with these fields."""
    rows = [("CSeq", cseq), ("To", "<sip:bob@biloxi.com>;tag=b")]
    if require is not None:
        rows.append(("Require", require))
    if rseq is not None:
        rows.append(("RSeq", str(rseq)))
    return Response(status, None, rows)


class ReliableTests(SynchronousTestCase):
    """Which responses ask for PRACK."""

    def test_101_to_199(self) -> None:
        """Only provisional responses numbered 101 to 199 may be sent reliably
        (3262-4-d).
        """
        statuses = [
            status
            for status in range(100, 700)
            if is_reliable(provisional(1, status=status))
        ]
        self.assertEqual(statuses, list(range(101, 200)))

    def test_trying(self) -> None:
        """If the response is a 100 (Trying), this option tag MUST be ignored
        (3262-4-d).
        """
        order = ReliableOrder()
        self.assertIs(order.judge(provisional(1, status=100)), Verdict.UNRELIABLE)
        self.assertIsNone(order.last)

    def test_option_tag(self) -> None:
        """The option tag in Require makes it reliable, among others and in any case;
        RSeq alone does not.
        """
        self.assertTrue(is_reliable(provisional(1, require="timer, 100REL")))
        self.assertFalse(is_reliable(provisional(1, require="timer")))
        self.assertFalse(is_reliable(provisional(1, require=None)))

    def test_other_methods(self) -> None:
        """This specification does not allow reliable provisional responses for any
        method but INVITE.
        """
        self.assertFalse(is_reliable(provisional(1, cseq="1 OPTIONS")))

    def test_rack(self) -> None:
        """RAck has the RSeq, the CSeq number and the method of the response
        (3262-7.2-a).
        """
        response = provisional(776656, cseq="1 INVITE")
        self.assertEqual(rack_of(response), RAck(776656, 1, "INVITE"))
        self.assertEqual(str(rack_of(response)), "776656 1 INVITE")

    def test_rack_without_rseq(self) -> None:
        """There is no RAck for a response without RSeq, or with one that is none."""
        for rseq in (None, 0, LAST + 1, "x", "-1", ""):
            with self.assertRaises(ParseError):
                rack_of(provisional(rseq))


class OrderTests(SynchronousTestCase):
    """RSeq of one dialog."""

    def judge(self, *numbers: int) -> list[Verdict]:
        """What comes of responses with these numbers."""
        order = ReliableOrder()
        return [order.judge(provisional(number)) for number in numbers]

    def test_first_one_counts(self) -> None:
        """Its value MUST be initialized to the RSeq header field in the first reliable
        provisional response received (3262-4-f).
        """
        order = ReliableOrder()
        self.assertIsNone(order.last)
        self.assertIs(order.judge(provisional(4711)), Verdict.IN_ORDER)
        self.assertEqual(order.last, 4711)

    def test_next(self) -> None:
        """The next one is one higher than the last in order (3262-4-f)."""
        self.assertEqual(self.judge(7, 8, 9), [Verdict.IN_ORDER] * 3)

    def test_retransmission(self) -> None:
        """Retransmissions of that response MUST be discarded, of the last one and of
        those before it (3262-4-e).
        """
        self.assertEqual(
            self.judge(7, 7, 8, 7, 8),
            [
                Verdict.IN_ORDER,
                Verdict.REPEATED,
                Verdict.IN_ORDER,
                Verdict.REPEATED,
                Verdict.REPEATED,
            ],
        )

    def test_gap(self) -> None:
        """If its RSeq value is not one higher than the value of the sequence number,
        that response MUST NOT be acknowledged and MUST NOT be processed further; it is
        taken when it comes again in its turn (3262-4-g).
        """
        self.assertEqual(
            self.judge(7, 9, 8, 9),
            [
                Verdict.IN_ORDER,
                Verdict.OUT_OF_ORDER,
                Verdict.IN_ORDER,
                Verdict.IN_ORDER,
            ],
        )

    def test_lower_than_the_first(self) -> None:
        """One that is lower than the first was never acknowledged, and is out of order
        (3262-4-g).
        """
        self.assertEqual(self.judge(7, 6), [Verdict.IN_ORDER, Verdict.OUT_OF_ORDER])

    def test_gap_moves_nothing(self) -> None:
        """What is out of order does not change the number that is kept."""
        order = ReliableOrder()
        for number in (7, 100, 3, LAST):
            order.judge(provisional(number))
        self.assertEqual(order.last, 7)

    def test_no_wrap(self) -> None:
        """RSeq numbers MUST NOT wrap around."""
        self.assertEqual(
            self.judge(LAST - 1, LAST, 1),
            [Verdict.IN_ORDER, Verdict.IN_ORDER, Verdict.OUT_OF_ORDER],
        )

    def test_malformed(self) -> None:
        """RSeq of 0, beyond 2**32-1, no number or absent cannot be acknowledged, and
        changes nothing.
        """
        order = ReliableOrder()
        order.judge(provisional(7))
        for rseq in (0, LAST + 1, 2**64, "9" * 5000, "x", "", "-8", "8 ", None):
            self.assertIs(order.judge(provisional(rseq)), Verdict.MALFORMED, rseq)
        self.assertIs(order.judge(provisional(8, cseq="x")), Verdict.MALFORMED)
        self.assertIs(order.judge(provisional(8)), Verdict.IN_ORDER)

    def test_unreliable_between(self) -> None:
        """Unreliable responses have no place in the order."""
        order = ReliableOrder()
        order.judge(provisional(7))
        unreliable = provisional(99, require=None)
        self.assertIs(order.judge(unreliable), Verdict.UNRELIABLE)
        self.assertIs(order.judge(provisional(8)), Verdict.IN_ORDER)

    def test_dialogs_apart(self) -> None:
        """Each dialog of a forked INVITE has numbers of its own (3262-4-f)."""
        first, second = ReliableOrder(), ReliableOrder()
        self.assertIs(first.judge(provisional(7)), Verdict.IN_ORDER)
        self.assertIs(second.judge(provisional(7)), Verdict.IN_ORDER)
        self.assertIs(second.judge(provisional(8)), Verdict.IN_ORDER)
        self.assertIs(first.judge(provisional(9)), Verdict.OUT_OF_ORDER)

    def test_any_loss_and_reordering(self) -> None:
        """However responses are lost, repeated and reordered, each is taken once and in
        order (3262-4-e, 3262-4-g).
        """
        for seed in range(50):
            source = random.Random(seed)
            start = source.randint(1, 2**31 - 1)
            order = ReliableOrder()
            order.judge(provisional(start))
            taken = [start]
            for _ in range(200):
                number = start + source.randint(-3, 12)
                if number < 1:
                    continue
                if order.judge(provisional(number)) is Verdict.IN_ORDER:
                    taken.append(number)
            expected = list(range(start, start + len(taken)))
            self.assertEqual(taken, expected, f"seed {seed}")


class FinalTests(SynchronousTestCase):
    """After the final response."""

    def test_late(self) -> None:
        """The UAC MAY acknowledge reliable provisional responses received after the
        final response or MAY discard them: they are discarded, whatever their number
        (3262-4-i).
        """
        order = ReliableOrder()
        order.judge(provisional(7))
        order.finish()
        for number in (6, 7, 8, 9, LAST):
            self.assertIs(order.judge(provisional(number)), Verdict.LATE)
        self.assertEqual(order.last, 7)

    def test_late_first(self) -> None:
        """So is the first one, if it comes after the final response (3262-4-i)."""
        order = ReliableOrder()
        order.finish()
        self.assertIs(order.judge(provisional(7)), Verdict.LATE)
        self.assertIsNone(order.last)

    def test_finish_twice(self) -> None:
        """A further 2xx ends nothing that has not ended."""
        order = ReliableOrder()
        order.finish()
        order.finish()
        self.assertIs(order.state, State.OVER)


class TableTests(SynchronousTestCase):
    """The transition table."""

    def test_every_number_has_a_row(self) -> None:
        """In each state each event that its numbers can be has a row."""
        numbers = {Event.NEXT, Event.KNOWN, Event.OTHER}
        rows = ReliableOrder.transitions
        self.assertEqual(set(rows[State.NONE]), {Event.FIRST, Event.FINAL})
        self.assertEqual(set(rows[State.COUNTING]), numbers | {Event.FINAL})
        self.assertEqual(set(rows[State.OVER]), numbers | {Event.FIRST})
        self.assertEqual(set(rows), set(State))
