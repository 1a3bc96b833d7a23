"""Tests of `sipuac.sdp.payload_types`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.sdp.payload_types import STATIC_ENCODINGS

# RFC 3551 section 6, tables 4 and 5: PT, encoding name, clock rate, channels.
_TABLE = """
0 PCMU 8000 1
3 GSM 8000 1
4 G723 8000 1
5 DVI4 8000 1
6 DVI4 16000 1
7 LPC 8000 1
8 PCMA 8000 1
9 G722 8000 1
10 L16 44100 2
11 L16 44100 1
12 QCELP 8000 1
13 CN 8000 1
14 MPA 90000 1
15 G728 8000 1
16 DVI4 11025 1
17 DVI4 22050 1
18 G729 8000 1
25 CelB 90000 1
26 JPEG 90000 1
28 nv 90000 1
31 H261 90000 1
32 MPV 90000 1
33 MP2T 90000 1
34 H263 90000 1
"""


class StaticTests(SynchronousTestCase):
    """Payload types that need no rtpmap."""

    def test_tables_4_and_5(self) -> None:
        """Each is what RFC 3551 section 6 says, and no other number is any."""
        known = [
            f"{number} {encoding.name} {encoding.clock_rate} {encoding.channels}"
            for number, encoding in STATIC_ENCODINGS.items()
        ]
        self.assertEqual(known, _TABLE.split("\n")[1:-1])
