"""Short floods at a process that has calls; see docs/soak.rst."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.soak.floods import floods
from tests.soak.siege import KINDS


class FloodTests(TestCase):
    """Datagrams, handshakes and connections of strangers, thousands of each."""

    timeout = 300

    async def test_floods(self) -> None:
        """Established calls go on and can be ended, memory is bounded, new calls work
        seconds after, and nothing is logged as an error.
        """
        folder = Path(self.mktemp())
        results = await deferToThread(
            floods, folder, 10_000, 300, t1=0.1, descriptors=256, settles=False
        )
        words = json.dumps(results, indent=1)
        self.assertEqual(results["violations"], [], words)
        self.assertEqual([flood["kind"] for flood in results["floods"]], list(KINDS))
        counted = {flood["kind"]: flood["counted"] for flood in results["floods"]}
        # The floods came through, and were what they are called.
        self.assertGreater(counted["garbage"]["malformed"], 5_000, words)
        self.assertGreater(counted["responses"]["responses-unmatched"], 9_000, words)
        self.assertGreater(counted["requests"]["requests-over-limit"], 1_000, words)
        for kind in ("half-messages", "half-handshakes", "handshakes"):
            self.assertGreater(counted[kind]["connections-accepted"], 100, words)
