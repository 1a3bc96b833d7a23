"""Tests of how the service starts and stops, and of its signals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, TransportFailed
from sipuac.service.root import RootService, StopSignals
from sipuac.service.signals import SignalWatch


class Child(Service):
    """A service that writes down what is done to it, and stops when told."""

    def __init__(
        self, name: str, log: list[str], error: Exception | None = None
    ) -> None:
        self.name = name
        self.log = log
        self.error = error
        self.stopped: Deferred[None] = Deferred()

    def startService(self) -> None:
        """Start, or fail."""
        super().startService()
        if self.error is not None:
            raise self.error
        self.log.append(f"{self.name} started")

    def stopService(self) -> Deferred[None]:
        """Wait for the test."""
        super().stopService()
        self.log.append(f"{self.name} stopping")
        return self.stopped


class FakeReactor:
    """As much of a reactor as signals need."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.from_threads: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.stops = 0

    def callWhenRunning(self, function: Callable[[], None]) -> None:
        """Keep it until `run`."""
        self.waiting.append(function)

    def callFromThread(self, function: Callable[..., None], *arguments: Any) -> None:
        """Keep it until `turn`."""
        self.from_threads.append((function, arguments))

    def stop(self) -> None:
        """Count."""
        self.stops += 1

    def run(self) -> None:
        """Do what waits for the reactor to run."""
        for function in self.waiting:
            function()

    def turn(self) -> None:
        """Do what waits for the reactor's thread."""
        waiting, self.from_threads = self.from_threads, []
        for function, arguments in waiting:
            function(*arguments)


class RootServiceTests(SynchronousTestCase):
    """Tests of `RootService`."""

    def setUp(self) -> None:
        """Make a root with two children."""
        self.log: list[str] = []
        self.root = RootService()
        self.first = Child("first", self.log)
        self.second = Child("second", self.log)
        self.first.setServiceParent(self.root)
        self.second.setServiceParent(self.root)

    def test_stops_one_after_the_other(self) -> None:
        """Children stop in the reverse order, each when the one before has stopped."""
        self.root.startService()
        stopped = self.root.stopService()
        self.assertTrue(self.root.is_stopping)
        self.assertEqual(
            self.log, ["first started", "second started", "second stopping"]
        )
        self.second.stopped.callback(None)
        self.assertEqual(self.log[-1], "first stopping")
        self.assertNoResult(stopped)
        self.first.stopped.callback(None)
        self.successResultOf(stopped)

    def test_child_that_fails_to_stop(self) -> None:
        """A child that fails is logged, and the others are stopped."""
        self.root.startService()
        stopped = self.root.stopService()
        self.second.stopped.errback(ZeroDivisionError())
        self.first.stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_skip_drain(self) -> None:
        """Skipping the drain ends the wait, and what still stops does no harm."""
        self.root.startService()
        stopped = self.root.stopService()
        self.root.skip_drain()
        self.successResultOf(stopped)
        self.second.stopped.callback(None)
        self.first.stopped.callback(None)
        self.root.skip_drain()

    def test_cannot_start(self) -> None:
        """A socket that cannot be opened ends the program without a traceback."""
        for error in (
            TransportFailed("cannot listen"),
            CannotListenError("0.0.0.0", 80, OSError("no")),
            PermissionError(13, "no"),
        ):
            root = RootService()
            Child("child", [], error).setServiceParent(root)
            ended = self.assertRaises(SystemExit, root.startService)
            self.assertEqual(ended.code, 1)
            # twistd tells the parent of a daemon about these only.
            self.assertIsInstance(ended, Exception)
            self.assertEqual(self.flushLoggedErrors(), [])


class SignalsTests(SynchronousTestCase):
    """Tests of `SignalWatch` and `StopSignals`, with the signals of this process."""

    def setUp(self) -> None:
        """Remember the handlers."""
        self.reactor = FakeReactor()
        self.heard: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_tells_in_the_reactors_time(self) -> None:
        """A signal is told of by the reactor, not in the midst of something else."""
        watch = SignalWatch(self.reactor, self.heard.append)
        watch.start()
        self.reactor.run()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        self.assertEqual(self.heard, [])
        self.reactor.turn()
        self.assertEqual(self.heard, [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
        watch.stop()

    def test_gives_back(self) -> None:
        """After the watch the signals do what they did before."""
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        before = signal.getsignal(signal.SIGINT)
        watch = SignalWatch(self.reactor, self.heard.append)
        watch.start()
        self.reactor.run()
        self.assertNotEqual(signal.getsignal(signal.SIGINT), before)
        watch.stop()
        self.assertEqual(signal.getsignal(signal.SIGINT), before)
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_DFL)

    def test_stopped_before_it_began(self) -> None:
        """A watch that ends before the reactor runs takes no signal."""
        before = signal.getsignal(signal.SIGINT)
        watch = SignalWatch(self.reactor, self.heard.append)
        watch.start()
        watch.stop()
        self.reactor.run()
        self.assertEqual(signal.getsignal(signal.SIGINT), before)

    def test_ignored_stays_ignored(self) -> None:
        """Under nohup SIGHUP means nothing, and so it stays."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        watch = SignalWatch(self.reactor, self.heard.append)
        watch.start()
        self.reactor.run()
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
        watch.stop()

    def signals_with(
        self, reload: Callable[[], None], *, has_terminal: bool
    ) -> RootService:
        """A service that reads certificates again by this function."""
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        root = RootService()
        signals = StopSignals(self.reactor, root, reload, lambda: has_terminal)
        signals.setServiceParent(root)
        root.startService()
        self.reactor.run()
        return root

    def hang_up(self) -> None:
        """SIGHUP comes."""
        signal.raise_signal(signal.SIGHUP)
        self.reactor.turn()

    def test_daemon_reads_certificates_again(self) -> None:
        """SIGHUP does not stop a daemon; a certificate that cannot be read does not
        either, and is logged.
        """
        faults = [LocalProtocolError("no key"), None]

        def reload() -> None:
            self.heard.append(1)
            fault = faults.pop()
            if fault is not None:
                raise fault

        root = self.signals_with(reload, has_terminal=False)
        self.hang_up()
        self.hang_up()
        self.assertEqual((self.heard, self.reactor.stops), ([1, 1], 0))
        root.is_stopping = True
        self.hang_up()
        self.assertEqual(len(self.heard), 2)

    def test_terminal_that_goes(self) -> None:
        """Where the terminal goes that the service was started in, it stops."""
        self.signals_with(lambda: self.heard.append(1), has_terminal=True)
        self.hang_up()
        self.assertEqual((self.heard, self.reactor.stops), ([], 1))

    def test_first_stops_second_skips(self) -> None:
        """The first signal stops the reactor as it ever did, the second the wait."""
        passed_on: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: passed_on.append(number))
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        root = RootService()
        child = Child("child", [])
        signals = StopSignals(self.reactor, root)
        signals.setServiceParent(root)
        child.setServiceParent(root)
        root.startService()
        self.reactor.run()

        signal.raise_signal(signal.SIGTERM)
        self.reactor.turn()
        self.assertEqual(passed_on, [signal.SIGTERM])
        signal.raise_signal(signal.SIGHUP)
        self.reactor.turn()
        self.assertEqual(self.reactor.stops, 1)

        stopped = root.stopService()
        self.assertNoResult(stopped)
        signal.raise_signal(signal.SIGTERM)
        self.reactor.turn()
        self.successResultOf(stopped)
        self.assertEqual((len(passed_on), self.reactor.stops), (1, 1))
        child.stopped.callback(None)
