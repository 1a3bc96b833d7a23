"""The peers of the demo, on a network in memory."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import TransportFailed
from sipuac.syntax.message import Request
from sipuac.testing.demo import DemoPeers
from sipuac.testing.memory import MemoryNetwork
from sipuac.transport.interfaces import ITransportLayer
from sipuac.ua.trace import TraceEntry

from .caller import Caller

PORTS = {"proxy": 5060, "desk": 5061, "mobile": 5062, "third": 5063}


class DemoPeersTests(SynchronousTestCase):
    """The story that the demo tells, as a caller that does what it should sees it."""

    def setUp(self) -> None:
        """The peers at 192.0.2.1, and a caller."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.trace: list[TraceEntry] = []
        self.peers = DemoPeers(
            None, "192.0.2.1", transport=self.transport, clock=self.clock
        )
        self.peers.add_tracer(self.trace.append)

    def transport(self, name: str) -> ITransportLayer:
        """The transport of a peer."""
        return self.network.transport("192.0.2.1", PORTS[name])

    def call(self) -> tuple[Caller, Request]:
        """The demo's call up to the moment when desk and third answer."""
        self.successResultOf(self.peers.start())
        caller = Caller(self.network, self.clock, self.peers.proxy_uri)
        invite = caller.invite(self.peers.target_uri)
        self.network.advance(1.0)
        desk, mobile = caller.responses()[-2:]
        caller.ask("UPDATE", invite, desk)
        caller.ask("BYE", invite, mobile)
        self.network.advance(1.0)
        return caller, invite

    def test_addresses(self) -> None:
        """Everybody has a name and an address; the proxy is a loose route."""
        self.assertEqual(self.peers.participants, {})
        self.successResultOf(self.peers.start())
        self.assertEqual(
            self.peers.participants,
            {("192.0.2.1", port): name for name, port in PORTS.items()},
        )
        self.assertEqual(self.peers.proxy_uri, "sip:192.0.2.1:5060;lr")
        self.assertEqual(self.peers.target_uri, "sip:bob@192.0.2.1:5060")

    def test_story(self) -> None:
        """Early media of two, one ended by BYE, and two 200 that cross the CANCEL."""
        peers = self.peers
        caller, invite = self.call()
        self.assertEqual(caller.statuses(), [100, 183, 183, 200, 200])
        self.assertEqual(caller.statuses("UPDATE"), [200])
        self.assertEqual(caller.statuses("BYE"), [200])
        servers = [response.get("Server") for response in caller.responses()[1:]]
        names = ["demo desk", "demo mobile", "demo desk", "demo third"]
        self.assertEqual(servers, names)
        desk, third = caller.responses()[-2:]
        caller.ack(invite, desk)
        caller.ack(invite, third)
        caller.ask("BYE", invite, third)
        self.network.advance()
        caller.ask("BYE", invite, desk)
        self.network.settle()
        self.assertTrue(peers.desk.acked and peers.desk.byed)
        self.assertTrue(peers.third.acked and peers.third.byed)
        self.assertTrue(peers.mobile.byed_early)
        self.assertEqual(len(peers.third.requests("CANCEL")), 1)
        self.assertFalse(peers.third.cancelled)
        for phone in (peers.desk, peers.mobile, peers.third):
            self.assertTrue(phone.is_idle, phone.name)
            self.assertEqual(phone.complaints, [])

    def test_crossing(self) -> None:
        """The 200 of the third is on its way before the proxy has sent its CANCEL."""
        self.call()
        at_third = [
            entry.message
            for entry in self.trace
            if entry.local == ("192.0.2.1", PORTS["third"])
            and entry.message.cseq.method in ("INVITE", "CANCEL")
        ]
        starts = [message.start_line for message in at_third]
        self.assertEqual(starts[2], "SIP/2.0 200 OK")
        self.assertTrue(starts[3].startswith("CANCEL"))

    def test_again(self) -> None:
        """A second call goes as the first did."""
        caller, _ = self.call()
        caller.invite(self.peers.target_uri)
        self.network.advance(2.0)
        latest = caller.responses()[-1].call_id
        again = [r.status for r in caller.responses() if r.call_id == latest]
        self.assertEqual(again, [100, 183, 183, 200, 200])

    def test_stop(self) -> None:
        """Stopped in the middle of a call, the peers leave nothing on the clock."""
        self.call()
        self.successResultOf(self.peers.stop())
        self.network.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_start_fails(self) -> None:
        """If one of them cannot listen, none of them does."""
        self.network.transport("192.0.2.1", PORTS["third"]).start()
        self.failureResultOf(self.peers.start(), TransportFailed)
        self.assertIsNone(self.failed_port(PORTS["proxy"]))

    def failed_port(self, port: int) -> object:
        """What keeps us from listening at this port, None if nothing does."""
        results: list[object] = []
        starting = self.network.transport("192.0.2.1", port).start()
        starting.addBoth(results.append)
        return results[0]
