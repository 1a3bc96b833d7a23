"""Tests of the one-shot call: what it prints, how it ends, and its exit status."""

from __future__ import annotations

import json
import signal
from io import StringIO
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed

from sipuac.cli.call import OneShotCall
from sipuac.cli.output import JsonOutput, TextOutput
from sipuac.errors import TransportFailed
from sipuac.service.inviter_service import InviterService
from sipuac.testing.media import ScriptedMedia, refuse
from sipuac.testing.script import (
    Script,
    answer,
    early_media,
    hang_up,
    redirect,
    reject,
    ring,
)
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from tests.ua.world import CallTestCase

TARGET = "sip:bob@example.invalid"


class Stream(StringIO):
    """A stream that knows what was written when it was last flushed."""

    flushed = ""

    def flush(self) -> None:
        """Note what a reader would see."""
        self.flushed = self.getvalue()


class ClosedStream(StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        """Fail as such a pipe does."""
        raise BrokenPipeError(32, "Broken pipe")


class Service:
    """An `InviterService` whose endpoint is the test's own."""

    def __init__(self, inviter: Inviter) -> None:
        self.endpoint: Endpoint | None = None
        self.is_running = False
        self.start_result: Deferred[None] = succeed(None)
        self._inviter = inviter

    def startService(self) -> Deferred[None]:
        """There is nothing to open."""
        self.endpoint = self._inviter.endpoint
        self.is_running = True
        return self.start_result

    def stopService(self) -> None:
        """There is nothing to close."""
        self.is_running = False

    def invite(self, target: str, **options: Any) -> Deferred[Invitation]:
        """Place the call."""
        return self._inviter.invite(target, **options)


class OneShotCallTestCase(CallTestCase):
    """A one-shot call to phones in memory."""

    def setUp(self) -> None:
        """Catch what is printed."""
        super().setUp()
        self.stdout = Stream()
        self.stderr = Stream()
        self.service = Service(self.inviter)

    def place(self, target: str = TARGET, **options: Any) -> Deferred[int]:
        """Begin a call with JSON lines."""
        invite_options = options.pop("invite_options", {})
        output = options.pop("output", None) or JsonOutput(self.stdout, self.stderr)
        self.call = OneShotCall(
            self.clock,
            cast(InviterService, self.service),
            output,
            target,
            invite_options=invite_options,
            **options,
        )
        return self.call.run()

    def status_of(self, running: Deferred[int], within: float = 400.0) -> int:
        """The exit status, which must come in that time."""
        statuses: list[int] = []
        running.addCallback(statuses.append)
        for _ in range(int(within * 2)):
            if statuses:
                break
            self.advance(0.5)
        self.assertEqual(len(statuses), 1, self.stdout.getvalue())
        self.assertFalse(self.service.is_running)
        self.settle()
        return statuses[0]

    def lines(self) -> list[dict[str, Any]]:
        """What was printed, parsed."""
        self.assertEqual(self.stdout.flushed, self.stdout.getvalue())
        return [json.loads(line) for line in self.stdout.getvalue().splitlines()]

    def names(self) -> list[str]:
        """The names of the events that were printed."""
        return [line["event"] for line in self.lines()]


class CompletedCallTests(OneShotCallTestCase):
    """Tests of calls that are answered."""

    def test_callee_hangs_up(self) -> None:
        """A call that the callee ends has status 0, and `ended` is the last line."""
        self.phone("desk", ring(0.1), answer(1.0), hang_up(2.0))
        self.ring()
        self.assertEqual(self.status_of(self.place()), 0)
        self.assertEqual(
            self.names(),
            [
                "invite-sent",
                "trying",
                "provisional",
                "answered",
                "established",
                "ended",
            ],
        )
        last = self.lines()[-1]
        self.assertEqual(last["by"], "remote")
        self.assertAlmostEqual(last["duration"], 2.0, places=1)

    def test_duration(self) -> None:
        """`--duration` hangs up so long after the answer."""
        desk = self.phone("desk", answer(1.0))
        self.ring()
        self.assertEqual(self.status_of(self.place(duration=3.0)), 0)
        self.assertTrue(desk.byed)
        last = self.lines()[-1]
        self.assertEqual((last["event"], last["by"]), ("ended", "local"))
        self.assertAlmostEqual(last["duration"], 3.0, places=1)

    def test_every_line_has_the_stamp(self) -> None:
        """Time, Call-ID and From tag are on every line."""
        self.phone("desk", answer(0.5), hang_up(1.0))
        self.ring()
        self.status_of(self.place())
        stamps = {(line["call_id"], line["from_tag"]) for line in self.lines()}
        self.assertEqual(len(stamps), 1)
        times = [line["time"] for line in self.lines()]
        self.assertEqual(times, sorted(times))

    def test_lines_are_flushed(self) -> None:
        """Whoever reads sees each event when it happens."""
        self.phone("desk", ring(0.1), answer(5.0), hang_up(1.0))
        self.ring()
        running = self.place()
        self.advance(1.0)
        self.assertEqual(self.names(), ["invite-sent", "trying", "provisional"])
        self.status_of(running)

    def test_end_is_the_last_line(self) -> None:
        """Also where a fork is resolved after the call itself is over."""
        self.phone("desk", early_media(0.1), answer(1.0), hang_up(0.05))
        self.phone("mobile", script=Script(answer(1.0), on_cancel="ignore"))
        self.network.drop_if(
            lambda packet: packet.octets.startswith(b"BYE sip:mobile"), 4
        )
        self.ring()
        self.assertEqual(self.status_of(self.place()), 0)
        self.assertEqual(self.names().count("ended"), 1)
        self.assertEqual(self.names()[-1], "ended")
        self.assertIn("extra-ended", self.names())

    def test_keep_all(self) -> None:
        """Under `keep-all` the command stays until the last of the calls is over."""
        self.phone("desk", answer(1.0), hang_up(1.0))
        self.phone(
            "mobile", script=Script(answer(1.0), hang_up(5.0), on_cancel="ignore")
        )
        self.ring()
        running = self.place(invite_options={"on_fork": "keep-all"})
        self.advance(4.0)
        self.assertNotIn("ended", self.names())
        self.assertEqual(self.status_of(running), 0)
        self.assertEqual(self.names()[-2:], ["ended", "ended"])

    def test_collect(self) -> None:
        """Under `collect` the early media of each dialog is told of by itself."""
        self.phone("desk", early_media(0.1))
        self.phone("mobile", early_media(0.3), answer(1.0), hang_up(1.0))
        self.ring()
        options = {"early_media": True, "on_fork": "collect"}
        self.assertEqual(self.status_of(self.place(invite_options=options)), 0)
        early = [line for line in self.lines() if line["event"] == "early-media"]
        (forked,) = [line for line in self.lines() if line["event"] == "forked"][:1]
        self.assertEqual(len({line["to_tag"] for line in early}), 2)
        self.assertEqual(forked["action"], "collect")
        self.assertEqual(forked["to_tag"], early[1]["to_tag"])

    def test_adopt(self) -> None:
        """Under `adopt` the call of an extra is saved; what is printed says so."""
        self.media = ScriptedMedia(
            self.clock, can_replace_answer=False, can_fork_offer=False
        )
        self.phone("desk", early_media(0.1))
        self.phone("mobile", ring(0.2), answer(1.0), hang_up(2.0))
        self.ring()
        options = {"early_media": True, "on_fork": "adopt", "media": self.media}
        self.assertEqual(self.status_of(self.place(invite_options=options)), 0)
        actions = [one["action"] for one in self.lines() if one["event"] == "forked"]
        self.assertEqual(actions, ["leave", "adopt", "cancel-extra"])
        self.assertEqual(self.names()[-1], "ended")


class FailedCallTests(OneShotCallTestCase):
    """Tests of the exit statuses of calls that fail."""

    def check(
        self, status: int, error: str, response: int | None, **options: Any
    ) -> None:
        """The call must fail so."""
        self.ring()
        self.assertEqual(self.status_of(self.place(**options)), status)
        last = self.lines()[-1]
        self.assertEqual(
            (last["event"], last["error"], last["status"]), ("failed", error, response)
        )
        self.assertTrue(last["message"])

    def test_busy(self) -> None:
        """486 is status 3."""
        self.phone("desk", ring(0.1), reject(1.0, 486))
        self.check(3, "Busy", 486)

    def test_busy_everywhere(self) -> None:
        """600 is status 3."""
        self.phone("desk", reject(0.1, 600))
        self.check(3, "Busy", 600)

    def test_unavailable(self) -> None:
        """480 is status 4."""
        self.phone("desk", reject(0.1, 480))
        self.check(4, "NoAnswer", 480)

    def test_answer_timeout(self) -> None:
        """Nobody answers in time: CANCEL, and status 4."""
        desk = self.phone("desk", ring(0.1))
        self.check(4, "AnswerTimeout", 487, invite_options={"answer_timeout": 5.0})
        self.assertIn("CANCEL", self.methods(desk))

    def test_declined(self) -> None:
        """603 is status 5."""
        self.phone("desk", reject(0.1, 603))
        self.check(5, "Declined", 603)

    def test_not_found(self) -> None:
        """404 is status 5."""
        self.phone("desk", reject(0.1, 404))
        self.check(5, "NotFound", 404)

    def test_redirected(self) -> None:
        """A 3xx is status 5, and the contacts are on a line of their own."""
        self.phone("desk", redirect(0.1, "<sip:carol@example.net>"))
        self.inviter.proxy = None
        self.ring()
        running = self.place("sip:desk@desk.invalid")
        self.assertEqual(self.status_of(running), 5)
        self.assertEqual(self.names()[-2:], ["redirected", "failed"])
        self.assertEqual(self.lines()[-2]["contacts"], ["sip:carol@example.net"])

    def test_terminated_by_somebody_else(self) -> None:
        """487 without our CANCEL is status 5."""
        self.phone("desk", reject(0.1, 487))
        self.check(5, "RequestTerminated", 487)

    def test_nobody_answers_at_all(self) -> None:
        """Timer B is status 6."""
        self.phone("desk")
        self.inviter.proxy = None
        running = self.place("sip:desk@desk.invalid")
        self.assertEqual(self.status_of(running), 6)
        self.assertEqual(self.lines()[-1]["error"], "TransactionTimeout")

    def test_no_address(self) -> None:
        """A name without address is status 6, and the only line says so."""
        self.inviter.proxy = None
        running = self.place("sip:bob@nowhere.invalid")
        self.assertEqual(self.status_of(running), 6)
        self.assertEqual(len(self.lines()), 1)
        self.assertEqual(self.lines()[0]["error"], "ResolutionFailed")
        self.assertIsNone(self.lines()[0]["status"])

    def test_forked(self) -> None:
        """`--on-fork fail` is status 7."""
        self.phone("desk", early_media(0.1))
        self.phone("mobile", early_media(0.5))
        options = {"early_media": True, "on_fork": "fail"}
        self.check(7, "InviteForked", 487, invite_options=options)

    def test_media_refuses(self) -> None:
        """Media that cannot take the answer is status 8."""
        self.phone("desk", answer(0.1))
        self.media.react("apply_answer", refuse("no codec"))
        self.check(8, "MediaRefused", None)

    def test_no_session_description(self) -> None:
        """A 2xx without description is status 8."""
        self.phone("desk", answer(0.1, None))
        self.ring()
        self.assertEqual(self.status_of(self.place()), 8)
        self.assertEqual(self.lines()[-1]["error"], "MissingSessionDescription")

    def test_refused_by_ourselves(self) -> None:
        """What cannot be is status 2, with a reason and no line of JSON."""
        running = self.place(invite_options={"on_fork": "follow"})
        self.assertEqual(self.status_of(running), 2)
        self.assertEqual(self.stdout.getvalue(), "")
        self.assertIsNotNone(self.call.refusal)

    def test_no_socket(self) -> None:
        """A socket that cannot be opened is status 6."""
        self.service.start_result = fail(TransportFailed("cannot listen there"))
        self.assertEqual(self.status_of(self.place()), 6)
        self.assertEqual(self.lines()[0]["error"], "TransportFailed")

    def test_our_own_mistake(self) -> None:
        """An error of ours is status 1, a line, and logged."""

        class Mistake(Exception):
            """What nobody expects."""

        self.service.start_result = fail(Mistake("oops"))
        running = self.place()
        self.assertEqual(self.successResultOf(running), 1)
        self.assertEqual(self.lines()[-1]["error"], "Mistake")
        self.assertEqual(len(self.flushLoggedErrors(Mistake)), 1)


class CancelledCallTests(OneShotCallTestCase):
    """Tests of calls that we end."""

    def test_cancel_after(self) -> None:
        """A call cancelled as asked has status 0: ended, by local, no duration."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        self.assertEqual(self.status_of(self.place(cancel_after=2.0)), 0)
        last = self.lines()[-1]
        self.assertEqual(
            (last["event"], last["by"], last["duration"]), ("ended", "local", None)
        )
        self.assertIn("cancelling", self.names())
        self.assertIn("CANCEL", self.methods(desk))

    def test_cancel_after_the_answer(self) -> None:
        """`--cancel-after` leaves a call alone that was answered before."""
        self.phone("desk", answer(1.0), hang_up(5.0))
        self.ring()
        self.assertEqual(self.status_of(self.place(cancel_after=3.0)), 0)
        self.assertEqual(self.lines()[-1]["by"], "remote")

    def test_busy_before_the_cancel(self) -> None:
        """A call that failed before it was cancelled has failed."""
        self.phone("desk", reject(1.0, 486))
        self.ring()
        self.assertEqual(self.status_of(self.place(cancel_after=3.0)), 3)

    def test_signal_while_ringing(self) -> None:
        """The first SIGINT cancels; the status is 130."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        running = self.place()
        self.advance(1.0)
        self.call.interrupt(signal.SIGINT)
        self.assertEqual(self.status_of(running), 130)
        self.assertIn("CANCEL", self.methods(desk))
        self.assertEqual(self.names()[-1], "ended")

    def test_signal_while_talking(self) -> None:
        """The first SIGINT hangs up; the status is 130."""
        desk = self.phone("desk", answer(0.5))
        self.ring()
        running = self.place()
        self.advance(2.0)
        self.call.interrupt(signal.SIGINT)
        self.assertEqual(self.status_of(running), 130)
        self.assertTrue(desk.byed)
        self.assertEqual(self.lines()[-1]["by"], "local")

    def test_signal_before_anything_was_sent(self) -> None:
        """A signal before the INVITE keeps it from being sent."""
        self.service.start_result = Deferred()
        running = self.place()
        self.call.interrupt(signal.SIGTERM)
        self.service.start_result.callback(None)
        self.assertEqual(self.status_of(running), 143)
        self.assertEqual(self.names(), ["ended"])
        self.assertEqual(self.network.packets(), [])

    def test_second_signal(self) -> None:
        """The second SIGINT leaves at once, whatever is still on its way."""
        self.phone("desk", script=Script(ring(0.1), on_cancel="ignore"))
        self.inviter.proxy = None
        running = self.place("sip:desk@desk.invalid")
        self.advance(0.5)
        self.call.interrupt(signal.SIGINT)
        self.advance(0.5)
        self.assertNoResult(running)
        self.call.interrupt(signal.SIGINT)
        self.assertEqual(self.successResultOf(running), 130)
        self.assertEqual(self.names()[-1], "failed")

    def test_nobody_reads(self) -> None:
        """Where the output is closed the call is ended, not left standing."""
        desk = self.phone("desk", answer(0.5))
        self.ring()
        output = JsonOutput(ClosedStream(), self.stderr)
        self.assertEqual(self.status_of(self.place(output=output)), 1)
        self.assertFalse(desk.acked and not desk.byed)


class DrawnCallTests(OneShotCallTestCase):
    """Tests of what people get to see."""

    def test_words(self) -> None:
        """Without --json each event is a line with its time, branches by letter."""
        self.phone("desk", ring(0.1), answer(1.0), hang_up(2.0))
        self.ring()
        output = TextOutput(self.stdout)
        self.assertEqual(self.status_of(self.place(output=output)), 0)
        lines = self.stdout.getvalue().splitlines()
        self.assertEqual(lines[0].split(maxsplit=1), ["0.000", "INVITE sent"])
        self.assertIn("branch a: 180 Ringing", lines[2])
        self.assertIn("ended: hung up by the callee after 2.0 s", lines[-1])

    def test_ladder(self) -> None:
        """--ladder draws the messages and the legend below the lines."""
        self.phone("desk", ring(0.1), answer(1.0), hang_up(2.0))
        self.ring()
        output = TextOutput(self.stdout)
        self.status_of(self.place(output=output, wants_ladder=True))
        text = self.stdout.getvalue()
        self.assertIn("|----------------INVITE sdp---------------->|", text)
        self.assertIn("180 Ringing [a]", text)
        self.assertIn("  a  180 Ringing; answered with 200; became the call", text)
        self.assertIn("  =  The call with branch a lasted 2.0 s", text)

    def test_ladder_beside_json(self) -> None:
        """With --json the ladder goes to standard error."""
        self.phone("desk", reject(0.1, 486))
        self.ring()
        self.status_of(self.place(wants_ladder=True))
        self.assertEqual(self.names()[-1], "failed")
        self.assertIn("486 Busy Here", self.stderr.flushed)
        self.assertIn("The call failed: Busy (486)", self.stderr.flushed)
