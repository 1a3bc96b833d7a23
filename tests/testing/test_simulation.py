"""Simulated calls: whatever happens in them, the invariants hold.

    python -m sipuac.testing.simulate

plays many more, and shows what went wrong.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from signal import SIG_IGN, SIGTERM, signal

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing import simulate
from sipuac.testing.simulation.clock import SimulationClock
from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.figures import RACE, Figures, joined
from sipuac.testing.simulation.hider import Hider
from sipuac.testing.simulation.races import RACES
from sipuac.testing.simulation.runs import play, run
from sipuac.testing.simulation.scenario import (
    CallPlan,
    Fault,
    PhonePlan,
    ProxyPlan,
    Say,
    Scenario,
)
from sipuac.testing.simulation.shrink import shrunk, tidy
from sipuac.testing.simulation.story import story, written
from sipuac.testing.simulation.wire import WireMessage, host_of, read, response_to
from sipuac.testing.simulation.world import World

WORLDS = 400


class WorldTests(SynchronousTestCase):
    """Worlds from seeds."""

    def test_the_invariants_hold(self) -> None:
        """No violation in many worlds; each race occurs, or nearly each."""
        figures = play(range(WORLDS))
        self.assertEqual(figures.violations, [])
        self.assertGreaterEqual(figures.calls, WORLDS)
        never = [race for race, count in figures.races.items() if not count]
        self.assertLess(len(never), len(RACES) // 8, never)
        counted = {name for name in figures.counts if name.startswith(RACE)}
        self.assertLessEqual(counted, {RACE + race for race in RACES})

    def test_a_seed_gives_the_whole_run(self) -> None:
        """The same seed, the same packets, to the octet and to the instant."""
        for seed in (1, 5, 77, 123):
            worlds = [World(draw(seed)) for _ in range(2)]
            for world in worlds:
                world.run()
            first, second = (world.network.transcript() for world in worlds)
            self.assertEqual(first, second)
            self.assertTrue(first)

    def test_a_plain_call(self) -> None:
        """A tame scenario goes as a call should."""
        world = World(PLAIN)
        verdict = world.run()
        self.assertEqual(verdict.violations, [])
        (phone,) = world.phones
        (dialog,) = phone.dialogs
        self.assertEqual((dialog.state, dialog.ended_by), ("ended", "BYE"))
        self.assertEqual(dialog.acks, 1)
        self.assertEqual(verdict.figures["call: stands"], 1)

    def test_a_phone_that_misses_every_bye(self) -> None:
        """Where the network loses each BYE the phone is counted apart."""
        scenario = replace(PLAIN, faults=(Fault("drop", "BYE", times=1_000),))
        verdict = World(scenario).run()
        self.assertEqual(verdict.violations, [])
        self.assertEqual(verdict.figures["lost by every retransmission"], 1)


PLAIN = Scenario(
    seed=1,
    proxies=(ProxyPlan("p0", (("u0",),)),),
    phones=(PhonePlan("u0", (Say(0.1, 180), Say(1.0, 200, "own"))),),
    calls=(CallPlan(ends_at=5.0),),
)


class FiguresTests(SynchronousTestCase):
    """Figures that can be added up, stopped and resumed."""

    def test_two_ranges_add_up(self) -> None:
        """Two halves give what the whole gives."""
        whole, half = play(range(20)), play(range(10))
        half.add(play(range(10, 20)))
        self.assertEqual(half, whole)
        self.assertEqual(half.ranges, [(0, 20)])

    def test_a_file_keeps_them(self) -> None:
        """What is saved is what is loaded; no file is no figures yet."""
        path = Path(self.mktemp())
        self.assertEqual(Figures.load(path), Figures())
        figures = Figures([(3, 5)], 2, Counter(a=1), [(4, "bad")])
        figures.save(path)
        self.assertEqual(Figures.load(path), figures)
        path.write_text(json.dumps([]))
        self.assertRaises(ValueError, Figures.load, path)

    def test_seeds_that_were_played_are_left_out(self) -> None:
        """A run goes on where the one before it was stopped."""
        done = Figures([(0, 10), (15, 20)], 15)
        run(0, 40, done)
        self.assertEqual(len(done.ranges), 1)
        first, end = done.ranges[0]
        self.assertEqual(first, 0)
        self.assertGreater(end, 20)
        before = replace(done)
        run(0, 40, done)
        self.assertEqual(done, before)

    def test_ranges_are_joined(self) -> None:
        """Ranges that touch or overlap are one."""
        self.assertEqual(joined([(5, 9), (0, 2), (2, 3), (8, 12)]), [(0, 3), (5, 12)])

    def test_the_last_line(self) -> None:
        """The figures end with the violations."""
        self.assertEqual(Figures().text().splitlines()[-1], "violations: 0")
        bad = Figures(violations=[(4, "bad")])
        self.assertEqual(bad.text().splitlines()[-1], "violations: 1")
        self.assertIn("lost by every retransmission: 0", bad.text())
        for race in RACES:
            self.assertIn(race, bad.text())


class CommandTests(SynchronousTestCase):
    """The command."""

    def command(self, *arguments: str) -> tuple[int, str]:
        """Its exit status, and its output."""
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(io.StringIO()):
            status = simulate.main(arguments)
        return status, output.getvalue()

    def test_it_says_what_it_found(self) -> None:
        """Figures, and as the last line how many violations."""
        path = self.mktemp()
        asked = ("--calls", "20", "--processes", "1", "--state", path)
        status, output = self.command(*asked)
        self.assertEqual((status, output.splitlines()[-1]), (0, "violations: 0"))
        again = self.command(*asked)
        self.assertEqual(again, (status, output))

    def test_processes_where_a_reactor_has_run(self) -> None:
        """What is forked where SIGTERM has a handler can be ended all the same."""
        before = signal(SIGTERM, SIG_IGN)
        self.addCleanup(signal, SIGTERM, before)
        status, _ = self.command("--calls", "20", "--processes", "2")
        self.assertEqual(status, 0)

    def test_several_processes(self) -> None:
        """They come to the same figures as one."""
        _, alone = self.command("--calls", "20", "--processes", "1")
        _, together = self.command("--calls", "20", "--processes", "2")
        self.assertEqual(alone, together)

    def test_a_seed_is_shown(self) -> None:
        """The ladder, the packets and the events of one seed."""
        status, output = self.command("--show", "3")
        self.assertEqual(status, 0)
        self.assertIn("INVITE", output)
        self.assertIn("Scenario(seed=3", output)

    def test_a_file_of_something_else(self) -> None:
        """It is not written over."""
        path = Path(self.mktemp())
        path.write_text("{}")
        status, _ = self.command("--calls", "1", "--state", str(path))
        self.assertEqual((status, path.read_text()), (2, "{}"))


class ShrinkTests(SynchronousTestCase):
    """Failing scenarios are made smaller."""

    def test_what_is_needed_remains(self) -> None:
        """All that the failure does not need is left out."""
        scenario = next(
            one for one in map(draw, range(100)) if len(one.phones) > 4 and one.faults
        )
        wanted = scenario.phones[2].name

        def fails(candidate: Scenario) -> bool:
            return any(phone.name == wanted for phone in candidate.phones)

        least = shrunk(scenario, fails)
        self.assertEqual([phone.name for phone in least.phones], [wanted])
        self.assertEqual(least.phones[0], PhonePlan(wanted))
        self.assertEqual(least.faults, ())
        self.assertEqual(least.calls, (CallPlan(),))
        World(least).run()

    def test_nobody_points_to_who_is_gone(self) -> None:
        """Proxies forget their targets that are left out, and go with the last one."""
        proxies = (ProxyPlan("p0", (("u0", "p1"),)), ProxyPlan("p1", (("u1",),)))
        scenario = Scenario(1, "UDP", proxies, (PhonePlan("u0"),))
        tidied = tidy(scenario)
        assert tidied is not None
        self.assertEqual(tidied.proxies, (ProxyPlan("p0", (("u0",),)),))
        self.assertIsNone(tidy(replace(scenario, phones=())))

    def test_a_scenario_is_written_short(self) -> None:
        """What is so by default is left out; the rest is Python."""
        text = written(PLAIN)
        names = {
            kind.__name__: kind
            for kind in (Scenario, ProxyPlan, PhonePlan, Say, CallPlan)
        }
        self.assertEqual(eval(text, names), PLAIN)
        self.assertNotIn("weather", text)

    def test_a_story(self) -> None:
        """A world is told from the scenario to the last event."""
        told = story(PLAIN)
        for part in ("INVITE", "200 OK", "ACK", "BYE", "Established", "no violation"):
            self.assertIn(part, told)


def message_of(method: str, from_tag: str, to_tag: str = "") -> WireMessage:
    """A request with these tags."""
    rows = [
        ("Via", f"SIP/2.0/UDP u0:5060;branch=z9hG4bK{from_tag}"),
        ("From", f"<sip:a@caller>;tag={from_tag}"),
        ("To", f"<sip:bob@p0>;tag={to_tag}" if to_tag else "<sip:bob@p0>"),
        ("Call-ID", "1"),
        ("CSeq", f"1 {method}"),
    ]
    return WireMessage(f"{method} sip:bob@p0 SIP/2.0", rows)


class PartsTests(SynchronousTestCase):
    """The small parts of simulated worlds."""

    def test_the_clock(self) -> None:
        """Calls are made in order of time, then of asking; each once."""
        clock = SimulationClock()
        made: list[str] = []
        clock.callLater(2.0, made.append, "c")
        late = clock.callLater(1.0, made.append, "a")
        clock.callLater(1.0, made.append, "b")
        gone = clock.callLater(1.5, made.append, "x")
        moved = clock.callLater(0.5, made.append, "d")
        gone.cancel()
        moved.reset(3.0)
        self.assertEqual(clock.alive, 4)
        self.assertEqual(len(clock.getDelayedCalls()), 4)
        clock.advance(2.5)
        self.assertEqual((made, clock.seconds()), (["a", "b", "c"], 2.5))
        moved.delay(1.0)
        self.assertEqual(moved.getTime(), 4.0)
        self.assertFalse(clock.step(3.0))
        self.assertTrue(clock.step())
        self.assertEqual((made[-1], clock.seconds(), clock.alive), ("d", 4.0, 0))
        self.assertFalse(clock.step())
        self.assertRaises(AlreadyCalled, late.cancel)
        self.assertRaises(AlreadyCancelled, gone.cancel)
        self.assertRaises(AlreadyCancelled, gone.reset, 1.0)
        self.assertFalse(gone.active())

    def test_one_of_several_hidden_phones_gives_up(self) -> None:
        """The caller is not told: another one may answer in what is one dialog to it.

        A BYE of the phone that has answered goes through, with the tag that it is
        known by.
        """
        hider = Hider("p0")
        invite = message_of("INVITE", "caller-1")
        for tag in ("u0-1", "u1-1"):
            hider.response(response_to(invite, 180, tag))
        bye = message_of("BYE", "u0-1", "caller-1")
        self.assertIsNone(hider.request(bye))
        hider.response(response_to(invite, 200, "u0-1"))
        seen = hider.request(bye)
        assert seen is not None
        self.assertEqual((seen.from_tag, seen.to_tag), ("p0-all1", "caller-1"))
        other = message_of("BYE", "u1-1", "caller-1")
        self.assertIsNone(hider.request(other))

    def test_messages(self) -> None:
        """What is read is what was written."""
        octets = (
            b"INVITE sip:bob@p0 SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP caller:5060;branch=z9hG4bK1;rport\r\n"
            b"From: <sip:a@caller>;tag=x\r\nTo: <sip:bob@p0>\r\nCall-ID: 1\r\n"
            b"CSeq: 7 INVITE\r\nContent-Length: 2\r\n\r\nab"
        )
        invite = read(octets)
        self.assertEqual(
            (invite.method, invite.number, invite.status), ("INVITE", 7, 0)
        )
        self.assertEqual((invite.branch, invite.from_tag), ("z9hG4bK1", "x"))
        self.assertEqual((invite.uri, invite.body), ("sip:bob@p0", b"ab"))
        answer = read(response_to(invite, 200, "y").octets)
        self.assertEqual(
            (answer.status, answer.to_tag, answer.method), (200, "y", "INVITE")
        )
        self.assertEqual(host_of("<sip:bob@p0:5060;lr>"), "p0")
        self.assertEqual(host_of("sip:p1;transport=tcp"), "p1")
