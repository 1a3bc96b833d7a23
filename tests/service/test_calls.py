"""Tests of the calls that the service knows."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail

from sipuac.errors import LocalProtocolError, TooManyCalls, TransportFailed
from sipuac.service.calls import CallRecord, Calls
from sipuac.testing.script import Script, answer, hang_up, reject, ring
from sipuac.ua.invitation import Invitation
from tests.ua.world import CallTestCase

TARGET = "sip:bob@example.invalid"


class Placer:
    """Places calls when the test says so."""

    def __init__(self) -> None:
        self.attempts: list[Deferred[Invitation]] = []
        self.options: list[dict[str, Any]] = []

    def invite(self, target: str, **options: Any) -> Deferred[Invitation]:
        """Wait for the test."""
        self.attempts.append(Deferred())
        self.options.append(options)
        return self.attempts[-1]


class CallsTests(CallTestCase):
    """Tests of `Calls` with real calls in memory."""

    def calls(self, **options: Any) -> Calls:
        """Calls with counted names."""
        numbers = iter(range(1, 10_000))
        return Calls(
            self.inviter.invite,
            self.clock,
            new_id=lambda: f"c{next(numbers)}",
            **options,
        )

    def test_record_is_there_at_once(self) -> None:
        """A call is known before anybody has answered, and says how far it is."""
        self.phone("desk", ring(0.1))
        self.ring()
        calls = self.calls()
        record = calls.place(TARGET)
        self.assertIs(calls.get("c1"), record)
        self.assertEqual((record.state, calls.active_count), ("Establishing", 1))
        self.assertIsNone(record.summary()["outcome"])
        record.hang_up()
        self.settle()

    def test_completed_call(self) -> None:
        """The record keeps events, branches and the outcome after the end."""
        self.phone("desk", ring(0.1), answer(0.5), hang_up(1.0))
        self.ring()
        calls = self.calls()
        record = calls.place(TARGET)
        self.settle()
        self.assertTrue(record.is_over)
        self.assertEqual((len(calls), calls.active_count), (1, 0))
        details = record.details()
        self.assertEqual(details["state"], "Terminated")
        self.assertEqual(details["id"], "c1")
        self.assertEqual(details["created"], "1970-01-01T00:00:00+00:00")
        events: Any = details["events"]
        names = [event["event"] for event in events]
        self.assertEqual(names[0], "invite-sent")
        self.assertEqual(names[-1], "ended")
        outcome = details["outcome"]
        assert isinstance(outcome, dict)
        self.assertEqual((outcome["event"], outcome["by"]), ("ended", "remote"))
        self.assertNotIn("call_id", outcome)
        branches: Any = details["branches"]
        branch = branches[0]
        self.assertEqual(branch["to_tag"], "desk-tag1")
        self.assertEqual(branch["fate"], "ended by the callee")
        self.assertEqual(branch["status"], 200)

    def test_failed_call(self) -> None:
        """The outcome of a call that failed says how."""
        self.phone("desk", reject(0.1, 486))
        self.ring()
        record = self.calls().place(TARGET)
        self.settle()
        outcome = record.summary()["outcome"]
        assert isinstance(outcome, dict)
        self.assertEqual(
            (outcome["event"], outcome["error"], outcome["status"]),
            ("failed", "Busy", 486),
        )

    def test_hang_up_while_ringing(self) -> None:
        """Ending a call that rings means CANCEL."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        record = self.calls().place(TARGET)
        self.advance(1.0)
        record.hang_up()
        self.settle()
        self.assertIn("CANCEL", self.methods(desk))
        self.assertTrue(record.is_over)

    def test_hang_up_while_talking(self) -> None:
        """Ending a call that stands means BYE; once more means nothing."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        record = self.calls().place(TARGET)
        self.advance(1.0)
        self.assertEqual(record.state, "Established")
        record.hang_up()
        record.hang_up()
        self.advance(1.0)
        record.hang_up()
        self.settle()
        self.assertEqual(self.methods(desk).count("BYE"), 1)

    def test_several_sessions(self) -> None:
        """Under `keep-all` a call is over when the last of its sessions is."""
        self.phone("desk", answer(1.0), hang_up(1.0))
        self.phone(
            "mobile", script=Script(answer(1.0), hang_up(5.0), on_cancel="ignore")
        )
        self.ring()
        record = self.calls().place(TARGET, on_fork="keep-all")
        self.advance(4.0)
        self.assertFalse(record.is_over)
        self.settle()
        self.assertTrue(record.is_over)

    def test_keeps_the_last_ended(self) -> None:
        """Of the ended calls the latest are kept, and all that stand."""
        self.phone("desk", reject(0.1, 486))
        self.proxy.location["bob"] = (("sip:desk@desk.invalid",),)
        calls = self.calls(max_ended=3)
        for _ in range(5):
            calls.place(TARGET)
            self.advance(1.0)
        self.phones[0].script = Script(answer(0.1))
        standing = calls.place(TARGET)
        self.advance(1.0)
        self.assertEqual([call.id for call in calls], ["c3", "c4", "c5", "c6"])
        self.assertIsNone(calls.get("c2"))
        standing.hang_up()
        self.settle()
        self.assertEqual([call.id for call in calls], ["c4", "c5", "c6"])

    def test_refused_leaves_no_record(self) -> None:
        """What cannot be is raised, and no call is kept of it."""
        calls = self.calls()
        self.assertRaises(LocalProtocolError, calls.place, "mailto:bob@example.com")
        self.assertRaises(LocalProtocolError, calls.place, TARGET, on_fork="follow")
        self.assertEqual(len(calls), 0)

    def test_unreachable_is_kept(self) -> None:
        """A call that found no way has its place and its reason."""
        self.inviter.proxy = None
        calls = self.calls()
        record = calls.place("sip:bob@nowhere.invalid")
        self.assertTrue(record.is_over)
        self.assertEqual((len(calls), calls.active_count), (1, 0))
        outcome = record.summary()["outcome"]
        assert isinstance(outcome, dict)
        self.assertEqual(outcome["error"], "ResolutionFailed")

    def test_too_many(self) -> None:
        """More calls than the service may have are refused, until one ends."""
        self.phone("desk", answer(0.1))
        self.ring()
        calls = self.calls(max_active=1)
        first = calls.place(TARGET)
        self.assertRaises(TooManyCalls, calls.place, TARGET)
        first.hang_up()
        self.settle()
        calls.place(TARGET).hang_up()
        self.settle()

    def test_too_many_wait_for_their_turn(self) -> None:
        """A call that finds no room to wait is refused, and leaves no record."""
        refused = TooManyCalls("2 calls wait already")
        calls = Calls(lambda *arguments, **options: fail(refused), self.clock)
        self.assertRaises(TooManyCalls, calls.place, TARGET)
        self.assertEqual((len(calls), calls.active_count), (0, 0))


class AttemptTests(CallTestCase):
    """Tests of calls whose INVITE is not sent yet."""

    def setUp(self) -> None:
        """Make calls that wait."""
        super().setUp()
        self.placer = Placer()
        self.calls = Calls(self.placer.invite, self.clock)

    def test_hang_up_before_anything_was_sent(self) -> None:
        """Ending a call whose INVITE is not sent yet keeps it from being sent."""
        record = self.calls.place(TARGET)
        self.assertEqual(record.state, "Initial")
        record.hang_up()
        self.assertTrue(record.is_over)
        outcome = record.summary()["outcome"]
        assert isinstance(outcome, dict)
        self.assertIn("cancelled", outcome["message"])

    def test_late_failure(self) -> None:
        """A way that is not found later is a failed call, no error of the service."""
        record = self.calls.place(TARGET)
        self.placer.attempts[0].errback(TransportFailed("refused"))
        self.assertTrue(record.is_over)
        self.assertEqual(record.state, "Terminated")

    def test_our_own_mistake(self) -> None:
        """An error of ours is logged, and the call has failed."""
        record = self.calls.place(TARGET)
        self.placer.attempts[0].errback(ZeroDivisionError("oops"))
        self.assertTrue(record.is_over)
        self.assertNotIn("oops", str(record.summary()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_options_are_passed_on(self) -> None:
        """The record is the delegate, and the other options arrive as they are."""
        record = self.calls.place(TARGET, early_media=True)
        options = self.placer.options[0]
        self.assertIs(options.pop("delegate"), record)
        self.assertEqual(options, {"early_media": True})

    def test_names_cannot_be_guessed(self) -> None:
        """Calls have names of their own, of 64 random bits."""
        names = {self.calls.place(TARGET).id for _ in range(100)}
        self.assertEqual(len(names), 100)
        self.assertEqual({len(name) for name in names}, {16})


class CallRecordTests(CallTestCase):
    """Tests of `CallRecord`."""

    def test_events_are_bounded(self) -> None:
        """A call of very many events keeps the latest."""
        from sipuac.dialog.events import Trying
        from sipuac.service.calls import MAX_EVENTS
        from sipuac.ua.events import CallEvent

        record = CallRecord("c1", TARGET, 0.0)
        for number in range(MAX_EVENTS + 10):
            record.event(CallEvent(float(number), "call", "tag", Trying()))
        self.assertEqual(len(record.events), MAX_EVENTS)
        self.assertEqual(record.events[-1].time, MAX_EVENTS + 9)
