"""A short soak: calls of all kinds through the lossy relay; see docs/soak.rst."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.integration.peers import require
from tests.soak.__main__ import soak
from tests.soak.caller import Plan


class SoakTests(TestCase):
    """Some hundred calls with a tenth of all datagrams lost."""

    timeout = 240

    def setUp(self) -> None:
        """Skip without Kamailio (fail under CI)."""
        require("kamailio")

    async def test_lossy_relay(self) -> None:
        """No call fails but those of which every transmission was lost, each dialog
        that a phone has answered is ended by BYE, and nothing is left.
        """
        plan = Plan(0, 12.0, 15.0, seed=1, standing=2, interval=2.0, t1=0.1)
        folder = Path(self.mktemp())
        verdict = await deferToThread(soak, plan, folder, 0.1, 0.0, has_memory=False)
        self.assertEqual(verdict.violations, [], str(verdict))
        caller, phones = verdict.figures["caller"], verdict.figures["phones"]
        for kind in ("plain", "held", "forked", "early", "cancelled", "callee", "busy"):
            self.assertGreater(caller["counts"][f"placed {kind}"], 0, kind)
        # What a soak is for has occurred.
        for name in ("ACK repeated", "PRACK", "re-INVITE", "cancelled", "BYE answered"):
            self.assertGreater(phones[name], 0, name)
        self.assertGreater(verdict.figures["relay"]["dropped"], 100)
        ended = phones["ended by BYE"] + phones["BYE answered"]
        self.assertEqual(phones["answered"], ended + len(verdict.lost))
