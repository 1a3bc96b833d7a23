"""A proxy between phones and a caller, in memory."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Request, Response
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, Targets, parallel
from sipuac.testing.script import (
    Script,
    Step,
)

from .caller import OFFER, Caller


class ProxyCase(SynchronousTestCase):
    """A proxy at 192.0.2.5, phones from 192.0.2.10 on, a caller at 192.0.2.100."""

    def setUp(self) -> None:
        """A network with nobody but the caller."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.caller = Caller(self.network, self.clock, "sip:192.0.2.5")
        self.phones: list[Phone] = []
        self.proxy: ForkingProxy | None = None

    def phone(self, *steps: Step, script: Script | None = None) -> Phone:
        """One more phone, started."""
        number = len(self.phones)
        phone = Phone(
            self.network.transport(f"192.0.2.{10 + number}"),
            self.clock,
            script or Script(*steps),
            name="abcdef"[number],
        )
        phone.start()
        self.phones.append(phone)
        return phone

    def start(self, targets: Targets | None = None, **options: object) -> ForkingProxy:
        """The proxy; without targets bob is all phones in parallel."""
        if targets is None:
            targets = parallel(*map(self.uri, self.phones))
        proxy = ForkingProxy(
            self.network.transport("192.0.2.5"),
            self.clock,
            {"bob": targets},
            **options,  # type: ignore[arg-type]  # whatever the test wants
        )
        proxy.start()
        self.proxy = proxy
        return proxy

    def uri(self, phone: Phone) -> str:
        """Where this phone is called."""
        return f"sip:{phone.name}@192.0.2.{10 + self.phones.index(phone)}"

    def call(
        self,
        seconds: float = 0.0,
        headers: Iterable[tuple[str, str]] = (),
        target: str = "sip:bob@192.0.2.5",
    ) -> Request:
        """Place a call, and let so many seconds pass."""
        invite = self.caller.invite(target, OFFER, headers)
        self.network.advance(seconds)
        return invite

    def finals(self) -> list[Response]:
        """The final responses to INVITE that the caller got."""
        return [r for r in self.caller.responses() if r.is_final]

    def acknowledge(self, invite: Request) -> None:
        """ACK every final response, once each."""
        seen = set()
        for response in self.finals():
            if response.to_tag not in seen:
                seen.add(response.to_tag)
                self.caller.ack(invite, response)

    def assert_all_over(self) -> None:
        """64*T1 later everything has ended, and nobody has complained."""
        assert self.proxy is not None
        self.network.advance(33.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.proxy.transactions), 0)
        self.assertEqual(self.proxy.contexts, [])
        self.assertEqual(
            [phone.complaints for phone in self.phones if phone.complaints], []
        )
