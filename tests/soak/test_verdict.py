"""The account of the relay, and what excuses a call that failed."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.soak import memory
from tests.soak.ledger import QUIET, Ledger, Step
from tests.soak.relay import Relay, step_of
from tests.soak.verdict import (
    Account,
    judge,
    lost_acknowledgements,
    lost_requests,
)

INVITE = Step(True, "INVITE", 1, "")
RINGING = Step(False, "INVITE", 1, "180", "a")
ANSWER = Step(False, "INVITE", 1, "200", "a")
ACK = Step(True, "ACK", 1, "", "a")
BYE = Step(True, "BYE", 2, "", "a")
BYE_ANSWER = Step(False, "BYE", 2, "200", "a")


class StepTests(SynchronousTestCase):
    """The relay reads as much of a message as its account needs."""

    def test_request(self) -> None:
        """A request is known by direction, CSeq and To tag."""
        octets = (
            b"BYE sip:a@b SIP/2.0\r\nTo: <sip:x@y>;tag=t1\r\nCall-ID: one\r\n"
            b"CSeq: 7 BYE\r\n\r\n"
        )
        self.assertEqual(step_of(octets, True), ("one", Step(True, "BYE", 7, "", "t1")))

    def test_response(self) -> None:
        """A response by its status as well."""
        octets = (
            b"SIP/2.0 180 Ringing\r\nTo: <sip:x@y>\r\nCall-ID: one\r\n"
            b"CSeq: 1 INVITE\r\n\r\n"
        )
        self.assertEqual(
            step_of(octets, False), ("one", Step(False, "INVITE", 1, "180", ""))
        )

    def test_garbage(self) -> None:
        """What is no SIP goes to one account."""
        self.assertEqual(step_of(b"hello", True)[0], "")


class LedgerTests(SynchronousTestCase):
    """The account of each call."""

    def setUp(self) -> None:
        """A ledger that writes into memory."""
        self.closed = io.StringIO()
        self.ledger = Ledger(self.closed)

    def test_transmissions(self) -> None:
        """Each transmission of a step has its number."""
        numbers = [self.ledger.count("one", INVITE, False, 0.0) for _ in range(3)]
        self.assertEqual(numbers, [1, 2, 3])

    def test_quiet_call_is_forgotten(self) -> None:
        """A call of which nothing was lost for good leaves no line."""
        self.ledger.count("one", INVITE, True, 0.0)
        self.ledger.count("one", INVITE, False, 0.5)
        self.ledger.close_quiet(QUIET)
        self.assertEqual(len(self.ledger), 1)
        self.ledger.close_quiet(0.5 + QUIET)
        self.assertEqual((len(self.ledger), self.closed.getvalue()), (0, ""))

    def test_lost_for_good(self) -> None:
        """A call of which something was lost every time is written down."""
        self.ledger.count("one", INVITE, True, 0.0)
        self.ledger.count("one", INVITE, True, 0.5)
        self.ledger.close_all()
        call_id, rows = json.loads(self.closed.getvalue())
        self.assertEqual((call_id, rows), ("one", [[*INVITE, 2, 2]]))


class RelayTests(SynchronousTestCase):
    """The relay forwards both ways, and drops by its dice."""

    class Port:
        """Keeps what is written."""

        def __init__(self) -> None:
            self.written: list[tuple[bytes, tuple[str, int]]] = []

        def write(self, datagram: bytes, address: tuple[str, int]) -> None:
            """A datagram goes out."""
            self.written.append((datagram, address))

    def relay(self, loss: float) -> tuple[Any, Any, Any, io.StringIO]:
        """A relay and its ports, caller's side first."""
        from twisted.internet.task import Clock

        drops = io.StringIO()
        relay = Relay(Clock(), 5060, loss, 7, drops, Ledger(io.StringIO()))
        front, back = self.Port(), self.Port()
        relay.front.transport, relay.back.transport = front, back
        return relay, front, back, drops

    def test_both_ways(self) -> None:
        """What the caller sends goes to the proxy, and back again to the caller."""
        relay, front, back, _ = self.relay(0.0)
        relay.front.datagramReceived(b"out", ("127.0.0.1", 4000))
        relay.back.datagramReceived(b"in", ("127.0.0.1", 5060))
        self.assertEqual(back.written, [(b"out", ("127.0.0.1", 5060))])
        self.assertEqual(front.written, [(b"in", ("127.0.0.1", 4000))])

    def test_loss(self) -> None:
        """The seed says which datagrams are dropped, and each has a line."""
        relay, _, back, drops = self.relay(0.5)
        for number in range(100):
            relay.front.datagramReceived(b"%d" % number, ("127.0.0.1", 4000))
        chance = random.Random(7).random
        kept = [b"%d" % number for number in range(100) if chance() >= 0.5]
        self.assertEqual([octets for octets, _ in back.written], kept)
        self.assertEqual(len(drops.getvalue().splitlines()), 100 - len(kept))


class ExcuseTests(SynchronousTestCase):
    """A failed call is excused where every transmission of something was lost."""

    def assert_lost(self, account: Account, *methods: str) -> None:
        """These requests were lost, and no others."""
        found = [line.split(" ", 1)[0] for line in lost_requests(account)]
        self.assertEqual(found, list(methods))

    def test_each_transmission_lost(self) -> None:
        """Seven INVITEs, as many as timers A and B allow, and none came through."""
        self.assert_lost({INVITE: (7, 7)}, "INVITE")

    def test_not_sent_often_enough(self) -> None:
        """Whoever gives up before the seventh INVITE is not excused."""
        self.assert_lost({INVITE: (6, 6)})
        self.assert_lost({BYE: (9, 9)})

    def test_one_came_through(self) -> None:
        """An INVITE that came through, and that nobody answered, was not lost."""
        self.assert_lost({INVITE: (7, 6)})

    def test_each_answer_lost(self) -> None:
        """Where some came through, each answer must have been lost."""
        self.assert_lost({INVITE: (7, 5), RINGING: (2, 2)}, "INVITE")
        self.assert_lost({INVITE: (7, 5), RINGING: (2, 1)})

    def test_answer_of_another_dialog(self) -> None:
        """The answer to the BYE of another branch is none to this one."""
        other = BYE_ANSWER._replace(tag="b")
        self.assert_lost({BYE: (11, 11), other: (1, 0)}, "BYE")
        self.assert_lost({BYE: (11, 10), BYE_ANSWER: (1, 0)})

    def test_bye_of_the_callee(self) -> None:
        """What the callee sends may be lost as well."""
        bye = BYE._replace(is_outward=False)
        self.assert_lost({bye: (11, 11)}, "BYE")

    def test_acknowledgement(self) -> None:
        """A 200 that was repeated to the end, and each ACK lost."""
        lost = lost_acknowledgements({ANSWER: (11, 8), ACK: (3, 3)}, "a")
        self.assertEqual(lost, ["200 8/11, ACKs 3/3"])
        self.assertEqual(lost_acknowledgements({ANSWER: (3, 0), ACK: (3, 3)}, "a"), [])
        self.assertEqual(lost_acknowledgements({ANSWER: (11, 8), ACK: (3, 2)}, "a"), [])


class JudgeTests(SynchronousTestCase):
    """The verdict on the files of a soak."""

    def judged(self, **files: Any) -> Any:
        """The verdict on these files; those not named say that all was well."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name in ("caller", "phones", "relay"):
            (folder / f"{name}.json").write_text(json.dumps(files.get(name, {})))
        for name in ("failures", "troubles", "accounts", "samples"):
            lines = [json.dumps(line) for line in files.get(name, [])]
            name = {"troubles": "phones"}.get(name, name)
            (folder / f"{name}.jsonl").write_text("".join(f"{x}\n" for x in lines))
        return judge(folder, 10.0)

    failure = {"call_id": "one", "kind": "plain", "error": "E", "message": "m"}

    def test_all_well(self) -> None:
        """Nothing failed, nothing is said."""
        verdict = self.judged()
        self.assertEqual((verdict.violations, verdict.lost), ([], []))
        self.assertTrue(str(verdict).endswith("violations: 0"))

    def test_failure_without_excuse(self) -> None:
        """A failed call of which nothing was lost for good is a violation."""
        accounts = [["one", [[*INVITE, 7, 6]]]]
        verdict = self.judged(failures=[self.failure], accounts=accounts)
        self.assertEqual(verdict.violations, ["one plain: E: m"])

    def test_excused(self) -> None:
        """The parts of an account are added up, and excuse the call."""
        accounts = [["one", [[*INVITE, 3, 3]]], ["one", [[*INVITE, 4, 4]]]]
        verdict = self.judged(failures=[self.failure], accounts=accounts)
        self.assertEqual(verdict.violations, [])
        self.assertEqual(verdict.lost, ["one plain: E: m (INVITE 7/7, answers 0)"])

    def test_dialog_that_was_not_ended(self) -> None:
        """A dialog that a phone still has is a violation, unless the BYE was lost."""
        trouble = {"what": "not ended", "call_id": "one", "tag": "a", "kind": "plain"}
        verdict = self.judged(troubles=[trouble])
        self.assertEqual(verdict.violations, ["one plain at the phone: not ended"])
        accounts = [["one", [[*BYE, 11, 11]]]]
        verdict = self.judged(troubles=[trouble], accounts=accounts)
        self.assertEqual(verdict.violations, [])

    def test_what_is_left_or_logged(self) -> None:
        """Calls left in memory, errors in the log and faults that were caught."""
        caller = {"left": 2, "faults": ["x"], "endpoint": {"internal-errors": 1}}
        verdict = self.judged(caller=caller)
        self.assertEqual(len(verdict.violations), 3)

    def test_growth(self) -> None:
        """Memory that grows after the warm-up by one per cent or more."""
        flat = {"objects": 100, "blocks": 1000, "invitations": 10}
        samples = [{"time": t, "rss": 1000 + t, **flat} for t in range(10, 40)]
        self.assertEqual(
            self.judged(samples=samples).violations, ["rss grew by 2.83 %"]
        )
        samples = [{"time": t, "rss": 1000, **flat} for t in range(10, 40)]
        self.assertEqual(self.judged(samples=samples).violations, [])


class GrowthTests(SynchronousTestCase):
    """Growth as a slope that single samples do not move."""

    def test_outliers(self) -> None:
        """A tenth of the samples far off changes nothing."""
        times = [float(t) for t in range(50)]
        values = [100.0 + (1000.0 if t % 10 == 5 else 0.0) for t in range(50)]
        self.assertEqual(memory.growth(times, values), 0.0)

    def test_growth(self) -> None:
        """By which part of its median it grew."""
        times = [float(t) for t in range(101)]
        self.assertAlmostEqual(memory.growth(times, [100.0 + t for t in times]), 2 / 3)

    def test_one_sample(self) -> None:
        """One sample does not grow."""
        self.assertEqual(memory.growth([1.0], [5.0]), 0.0)
