"""A phone and a caller in memory."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Request, Response
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.script import (
    Script,
    Step,
)

from .caller import OFFER, Caller


class PhoneCase(SynchronousTestCase):
    """A phone at 192.0.2.1 and a caller at 192.0.2.100."""

    def setUp(self) -> None:
        """A network with nobody but the caller."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.caller = Caller(self.network, self.clock, "sip:bob@192.0.2.1")

    def phone(self, script: Script | Sequence[Step], name: str = "bob") -> Phone:
        """The phone, started."""
        transport = self.network.transport("192.0.2.1")
        phone = Phone(transport, self.clock, script, name=name)
        phone.start()
        return phone

    def call(self, sdp: str = OFFER, seconds: float = 0.0) -> Request:
        """Call the phone, and let so many seconds pass."""
        invite = self.caller.invite("sip:bob@192.0.2.1", sdp)
        self.network.advance(seconds)
        return invite

    def last(self, method: str = "INVITE") -> Response:
        """The last response to a request of this method."""
        return self.caller.responses(method)[-1]

    def assert_quiet(self, phone: Phone) -> None:
        """Nothing is repeated, nothing is left to do."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(phone.is_idle)
