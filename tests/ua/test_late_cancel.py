"""A CANCEL that has to wait for a connection, and comes too late."""

from __future__ import annotations

from sipuac.errors import Cancelled
from sipuac.testing.script import answer, ring
from tests.ua.world import CallTestCase


class LateCancelTests(CallTestCase):
    """The connection broke, and a new one is made for the CANCEL."""

    protocol = "TCP"

    def test_the_2xx_comes_while_the_cancel_waits(self) -> None:
        """After a final response "there is nothing to cancel": ACK and BYE end the
        call, and no CANCEL leaves (3261-9.1-f).
        """
        desk = self.phone("desk", ring(0.1), answer(2.0))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.network.reset("caller.invalid")
        self.advance_to("SIP/2.0 200", "proxy")
        call.cancel()
        self.advance(1)
        self.failureResultOf(call.final, Cancelled)
        self.assertEqual(self.network.packets("CANCEL", "caller.invalid"), [])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.settle()
