"""The example of the package's documentation: how users test their own code."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.media.static import StaticMedia
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, parallel
from sipuac.testing.resolver import LiteralResolver
from sipuac.testing.script import answer, early_media, ring
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.inviter import Inviter


class ExampleTests(SynchronousTestCase):
    """A call through the proxy, in memory."""

    def test_call(self) -> None:
        """The desk answers, the mobile is cancelled, and all comes to rest."""
        clock = Clock()
        network = MemoryNetwork(clock)
        desk = Phone(
            network.transport("192.0.2.6"),
            clock,
            [early_media(0.2), answer(2.0)],
            name="desk",
        )
        mobile = Phone(
            network.transport("192.0.2.7"), clock, [ring(0.3)], name="mobile"
        )
        targets = parallel("sip:desk@192.0.2.6", "sip:mobile@192.0.2.7")
        proxy = ForkingProxy(network.transport("192.0.2.5"), clock, {"bob": targets})
        endpoint = Endpoint(clock, network.transport("192.0.2.1"), LiteralResolver())
        for party in (desk, mobile, proxy, endpoint):
            self.successResultOf(party.start())

        inviter = Inviter(endpoint, "sip:alice@192.0.2.1", media=StaticMedia())
        calling = inviter.call("sip:bob@192.0.2.5")
        network.drop_if(lambda packet: packet.first_line.startswith("ACK"), times=1)
        network.advance(3.0)
        session = self.successResultOf(calling)

        self.assertTrue(desk.acked, network.transcript())
        self.assertTrue(mobile.cancelled)
        session.bye()
        network.settle()
        self.assertTrue(desk.byed)
        self.assertTrue(desk.is_idle and mobile.is_idle)
        self.assertEqual(desk.complaints + mobile.complaints, [])
        self.assertEqual(clock.getDelayedCalls(), [])
