"""A client and a server machine, joined by a network that loses and repeats messages.

What the tables promise together: the user of the client hears of one end, and nobody
waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import (
    Deliver,
    Effect,
    Fail,
    Send,
    StartTimer,
    StopTimer,
    Terminated,
)
from sipuac.syntax.message import Message, Request, Response
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from tests.transaction.messages import request_of, response_of

Client = InviteClientTransaction | NonInviteClientTransaction
Server = InviteServerTransaction | NonInviteServerTransaction


class _Pair:
    """Both machines, the messages on their way and the timers, in order of time.

    Args:
        request: What the client sends.
        status: What the server's user answers, `delay` seconds after the request came.
        loss: The part of the messages that is lost, 0 to 1; as many arrive twice.
        seed: Decides which.
    """

    def __init__(
        self, request: Request, status: int, delay: float, loss: float, seed: int
    ) -> None:
        is_invite = request.method == "INVITE"
        self.client: Client = (
            InviteClientTransaction(request)
            if is_invite
            else NonInviteClientTransaction(request)
        )
        self._make_server = (
            InviteServerTransaction if is_invite else NonInviteServerTransaction
        )
        self.server: Server | None = None
        self.response = response_of(request, status)
        self.delivered: list[Message] = []
        self.failures: list[Fail] = []
        self.failed_at: float | None = None
        self.sent = 0
        self.now = 0.0
        self._delay = delay
        self._loss = loss
        self._random = Random(seed)
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._armed: dict[tuple[int, str], int] = {}

    def run(self) -> None:
        """Until nothing is left to happen."""
        self._perform(self.client, self.client.start())
        while self._pending:
            self.now, _, happen = heappop(self._pending)
            happen()

    def _later(self, seconds: float, happen: Callable[[], None]) -> int:
        self._order += 1
        heappush(self._pending, (self.now + seconds, self._order, happen))
        return self._order

    def _perform(self, machine: Client | Server, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.sent += 1
                self._travel(machine is self.client, effect.message)
            elif isinstance(effect, StartTimer):
                self._arm(machine, effect)
            elif isinstance(effect, StopTimer):
                self._armed.pop((id(machine), effect.timer), None)
            elif isinstance(effect, Deliver) and machine is self.client:
                self.delivered.append(effect.message)
            elif isinstance(effect, Fail) and machine is self.client:
                self.failures.append(effect)
                self.failed_at = self.now
            elif isinstance(effect, Terminated):
                for key in [key for key in self._armed if key[0] == id(machine)]:
                    del self._armed[key]

    def _arm(self, machine: Client | Server, effect: StartTimer) -> None:
        key = (id(machine), effect.timer)

        def fire() -> None:
            if self._armed.get(key) == order:
                del self._armed[key]
                self._perform(machine, machine.fire(effect.timer))

        order = self._later(effect.seconds, fire)
        self._armed[key] = order

    def _travel(self, is_from_client: bool, message: Message) -> None:
        draw = self._random.random()
        copies = 0 if draw < self._loss else 2 if draw > 1 - self._loss else 1
        arrive = self._reach_server if is_from_client else self._reach_client
        for _ in range(copies):
            self._later(self._random.uniform(0.01, 0.2), lambda: arrive(message))

    def _reach_client(self, message: Message) -> None:
        assert isinstance(message, Response)
        self._perform(self.client, self.client.receive(message))

    def _reach_server(self, message: Message) -> None:
        assert isinstance(message, Request)
        if self.server is not None:
            self._perform(self.server, self.server.receive(message))
        elif message.method != "ACK":
            server = self.server = self._make_server(message)
            self._perform(server, server.start())
            self._later(
                self._delay,
                lambda: self._perform(server, server.respond(self.response)),
            )


class PairTests(SynchronousTestCase):
    """What a client and a server do together."""

    def check(self, pair: _Pair) -> None:
        """Run it; the client's user must hear of exactly one end."""
        pair.run()
        finals = [
            message
            for message in pair.delivered
            if isinstance(message, Response) and message.is_final
        ]
        self.assertEqual(len(finals) + len(pair.failures), 1)
        self.assertEqual(pair.client.state, "Terminated")
        if pair.server is not None:
            self.assertEqual(pair.server.state, "Terminated")

    def test_no_loss(self) -> None:
        """Where nothing is lost nothing is repeated: INVITE, 100, 486 and ACK; BYE and
        200.
        """
        refused = _Pair(request_of("INVITE"), 486, 1.0, loss=0.0, seed=0)
        self.check(refused)
        self.assertEqual(refused.sent, 4)
        ended = _Pair(request_of("BYE"), 200, 0.0, loss=0.0, seed=0)
        self.check(ended)
        self.assertEqual(ended.sent, 2)

    def test_slow_server(self) -> None:
        """A non-INVITE server that takes 20 s says 100 when timer E has reached T2, and
        its client does not give up.
        """
        pair = _Pair(request_of("INFO"), 200, 20.0, loss=0.0, seed=0)
        self.check(pair)
        statuses = [
            message.status
            for message in pair.delivered
            if isinstance(message, Response)
        ]
        self.assertEqual(statuses[0], 100)
        self.assertEqual(statuses[-1], 200)

    def test_silent_server(self) -> None:
        """A non-INVITE server whose user answers after timer F of the client sends
        nothing late.
        """
        pair = _Pair(request_of("INFO"), 200, 40.0, loss=0.0, seed=0)
        self.check(pair)
        self.assertEqual(len(pair.failures), 1)

    def test_lossy_network(self) -> None:
        """Whatever is lost and repeated, the user of the client hears of exactly one
        end, and both machines come to theirs.
        """
        answered = 0
        for seed in range(150):
            for method, status in (("INVITE", 486), ("INFO", 200), ("BYE", 481)):
                pair = _Pair(request_of(method), status, seed % 5, 0.3, seed)
                self.check(pair)
                answered += not pair.failures
        # With 30 % lost nearly every exchange still comes through.
        self.assertGreater(answered, 440)

    def test_dead_network(self) -> None:
        """Where nothing arrives the client sends an INVITE seven times, any other
        request eleven times, and reports a timeout after 64*T1.
        """
        for method, times in (("INVITE", 7), ("INFO", 11)):
            pair = _Pair(request_of(method), 200, 0.0, loss=1.0, seed=0)
            self.check(pair)
            self.assertEqual(pair.sent, times)
            self.assertEqual(pair.failed_at, 32.0)
            self.assertEqual(pair.failures[0].error.status, 408)
