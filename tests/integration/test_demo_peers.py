"""The demo's peers on loopback sockets."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from sipuac.testing.demo import DemoPeers
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import default_listeners

from ..testing.caller import Caller


def _wait(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


class DemoPeersTests(TestCase):
    """The same story as in memory, over UDP."""

    timeout = 20

    async def test_story(self) -> None:
        """Two early dialogs, a BYE on one of them, and two 200 at the same instant."""
        peers = DemoPeers(reactor)
        await peers.start()
        self.addCleanup(peers.stop)
        transport = TransportLayer(reactor, default_listeners("127.0.0.1"))
        caller = Caller(transport, reactor, peers.proxy_uri)
        self.addCleanup(caller.stop)
        invite = caller.invite(peers.target_uri)
        await _wait(1.2)
        caller.ask("UPDATE", invite, caller.responses()[1])
        caller.ask("BYE", invite, caller.responses()[2])
        await _wait(1.0)
        self.assertEqual(caller.statuses(), [100, 183, 183, 200, 200])
        desk, third = caller.responses()[-2:]
        self.assertEqual(desk.get("Server"), "demo desk")
        self.assertEqual(third.get("Server"), "demo third")
        caller.ack(invite, desk)
        caller.ack(invite, third)
        caller.ask("BYE", invite, third)
        await _wait(0.1)
        caller.ask("BYE", invite, desk)
        await _wait(0.2)
        self.assertTrue(peers.mobile.byed_early)
        self.assertEqual(len(peers.third.requests("CANCEL")), 1)
        self.assertFalse(peers.third.cancelled)
        for phone in (peers.desk, peers.mobile, peers.third):
            self.assertTrue(phone.is_idle, phone.name)
            self.assertEqual(phone.complaints, [])
